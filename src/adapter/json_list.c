/* json_list: what is read beside forms. */
#include "adapter/json_list.h"

#include <jansson.h>

static void
release(void *json)
{
	json_decref(json);
}

enum err
json_any_of(struct span text, struct json_t **out, struct scope *scope)
{
	json_error_t error;
	json_t *json = json_loadb(text.ptr ? text.ptr : "", text.len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (json == NULL)
		return fault(&scope->fault, ERR_BAD_JSON, "JSON: %s", error.text);
	if (!arena_defer(scope->arena, release, json))
		return ERR_NO_MEMORY;
	*out = json;
	return OK;
}

bool
json_is_list(const struct json_t *json)
{
	return json_is_array(json);
}

size_t
json_count(const struct json_t *list)
{
	return json_array_size(list);
}

const struct json_t *
json_at(const struct json_t *list, size_t i)
{
	const json_t *value = json_array_get(list, i);

	return json_is_object(value) ? value : NULL;
}

const char *
json_text_at(const struct json_t *list, size_t i)
{
	return json_string_value(json_array_get(list, i));
}

const struct json_t *
json_get_list(const struct json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_array(value) ? value : NULL;
}

enum err
json_numbers(
    const struct json_t *object, struct json_number **out, size_t *count, struct scope *scope)
{
	const char *key;
	json_t *value;

	*count = 0;
	*out = arena_alloc(scope->arena, (json_object_size(object) + 1) * sizeof(**out));
	if (*out == NULL)
		return ERR_NO_MEMORY;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (json_is_integer(value))
			(*out)[(*count)++] =
			    (struct json_number){ key, json_integer_value(value) };
	}
	return OK;
}
