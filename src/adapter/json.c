/* json: from a body to a form's struct. */
#include "adapter/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

void
json_seed(void)
{
	size_t seed = 0;

	while ((seed & 0xffffffff) == 0) /* 0 would ask Jansson to choose */
		random_bytes(&seed, sizeof(seed));
	json_object_seed(seed);
}

static void
release(void *json)
{
	json_decref(json);
}

/* In our words: Jansson's name its own flags, and quote what may not be visible. */
static const char *
what_is_wrong(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_stack_overflow: return "too many lists and objects in one another";
	case json_error_premature_end_of_input: return "it ends too early";
	case json_error_end_of_input_expected: return "something stands behind its end";
	case json_error_invalid_utf8: return "it is not UTF-8";
	case json_error_duplicate_key: return "a name is there twice";
	case json_error_numeric_overflow: return "a number is too large";
	case json_error_null_character:
	case json_error_null_byte_in_key: return "texts must not hold U+0000";
	default: return "this is no JSON";
	}
}

/* What editors and other languages put before a text (RFC 8259, section 8.1: not in JSON). */
static const char *
first_mark(struct span text)
{
	if (span_starts(text, SPAN("\xEF\xBB\xBF")))
		return "The body begins with a byte order mark: send it without";
	if (span_starts(text, SPAN("\xFE\xFF")) || span_starts(text, SPAN("\xFF\xFE")))
		return "The body is UTF-16: send it in UTF-8";
	return NULL;
}

enum err
json_object_of(struct span text, struct json_t **out, struct scope *scope)
{
	json_error_t error;
	json_t *json = json_loadb(text.ptr ? text.ptr : "", text.len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (json == NULL) {
		scope->fault.message = first_mark(text);
		if (text.len == 0)
			scope->fault.message = "The body is empty: send a JSON object";
		if (scope->fault.message == NULL)
			scope->fault.message = arena_format(scope->arena,
			    "The body is not valid JSON: line %d, column %d: %s", error.line,
			    error.column, what_is_wrong(&error));
		return fault(&scope->fault, ERR_BAD_JSON, "JSON: %s", error.text);
	}
	if (!arena_defer(scope->arena, release, json))
		return ERR_NO_MEMORY;
	if (!json_is_object(json)) {
		scope->fault.message = "The body must be a JSON object";
		return ERR_BAD_JSON;
	}
	*out = json;
	return OK;
}

bool
json_object_ok(struct span text)
{
	json_t *json = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
	bool ok = json_is_object(json);

	json_decref(json);
	return ok;
}

static struct span
span_of_string(const json_t *value)
{
	return (struct span){ json_string_value(value), json_string_length(value) };
}

static enum err
fill_texts(const struct field *f, const json_t *list, struct texts *out, const char *where,
    struct scope *scope)
{
	enum err worst = OK;

	if (!json_is_array(list))
		return fault_field(
		    &scope->fault, where, "NOT_A_LIST", "must be a list of texts", 0);
	if (f->max > 0 && (int64_t)json_array_size(list) > f->max)
		return fault_field(
		    &scope->fault, where, "TOO_MANY", "has too many items", f->max);
	if ((int64_t)json_array_size(list) < f->min)
		return fault_field(
		    &scope->fault, where, "TOO_FEW", "has too few items", f->min);
	out->items = arena_alloc(scope->arena, json_array_size(list) * sizeof(*out->items) + 1);
	if (out->items == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		char at[128];
		snprintf(at, sizeof(at), "%s/%zu", where, i);
		if (!json_is_string(item))
			worst =
			    fault_field(&scope->fault, at, "NOT_A_TEXT", "must be a text", 0);
		else if (field_check_text(span_of_string(item), 1, f->item_max, f->rule, at,
		             &scope->fault) != OK)
			worst = ERR_INVALID;
		else if (texts_have(out, span_of_string(item)))
			worst = fault_field(&scope->fault, at, "REPEATED", "is there twice", 0);
		else
			out->items[out->count++] = json_string_value(item);
	}
	return worst;
}

static enum err
fill_object(const struct field *f, const json_t *value, const char **out, const char *where,
    struct scope *scope)
{
	char *text;

	if (!json_is_object(value))
		return fault_field(
		    &scope->fault, where, "NOT_AN_OBJECT", "must be an object", 0);
	if ((text = json_dumps(value, JSON_COMPACT)) == NULL)
		return ERR_NO_MEMORY;
	*out = arena_text(scope->arena, span_of(text));
	free(text);
	if (*out != NULL && f->max > 0 && (int64_t)strlen(*out) > f->max)
		return fault_field(
		    &scope->fault, where, "TOO_LONG", "has too many bytes", f->max);
	return *out ? OK : ERR_NO_MEMORY;
}

static enum err
fill_field(const struct form *form, size_t i, const json_t *value, void *out, const char *where,
    struct scope *scope)
{
	const struct field *f = &form->fields[i];
	void *at = field_at(form, i, out);

	((struct presence *)out)->given |= UINT64_C(1) << i;
	if (json_is_null(value)) {
		if (!(f->flags & NULLABLE))
			return fault_field(&scope->fault, where, "NULL", "must not be null", 0);
		((struct presence *)out)->null |= UINT64_C(1) << i;
		return OK;
	}
	switch (f->type) {
	case FIELD_TEXTS: return fill_texts(f, value, at, where, scope);
	case FIELD_OBJECT: return fill_object(f, value, at, where, scope);
	case FIELD_BOOL:
		if (!json_is_boolean(value))
			return fault_field(
			    &scope->fault, where, "NOT_A_BOOLEAN", "must be true or false", 0);
		*(bool *)at = json_is_true(value);
		return OK;
	case FIELD_INT:
		if (!json_is_integer(value))
			return fault_field(&scope->fault, where, "NOT_AN_INTEGER",
			    "must be a whole number", 0);
		*(int64_t *)at = json_integer_value(value);
		return field_check_int(f, *(int64_t *)at, where, &scope->fault);
	case FIELD_TEXT:
	case FIELD_UUID:
	case FIELD_CHOICE: break;
	}
	if (!json_is_string(value))
		return fault_field(&scope->fault, where, "NOT_A_TEXT", "must be a text", 0);
	return field_set(form, i, out, span_of_string(value), where, scope);
}

/* RFC 6901, section 3. A hostile key may be long: the pointer is cut, never the answer. */
static void
pointer_to(const char *key, char *out, size_t size)
{
	size_t len = 0;

	out[len++] = '/';
	for (; *key && len + 3 < size; key++) {
		if (*key != '~' && *key != '/') {
			out[len++] = *key;
			continue;
		}
		out[len++] = '~';
		out[len++] = *key == '~' ? '0' : '1';
	}
	out[len] = '\0';
}

enum err
json_fill(const struct json_t *object, const struct form *form, void *out, struct scope *scope)
{
	enum err worst = OK, e;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		int i = field_find(form, span_of(key));
		char where[96];
		pointer_to(key, where, sizeof(where));
		if (i < 0)
			e = fault_field(
			    &scope->fault, where, "UNKNOWN_FIELD", "is not a field here", 0);
		else
			e = fill_field(form, (size_t)i, value, out, where, scope);
		if (e == ERR_NO_MEMORY)
			return e;
		worst = e ? e : worst;
	}
	e = field_finish(form, out, "/", scope);
	return worst ? worst : e;
}

bool
json_get_text(const struct json_t *object, const char *key, const char **out)
{
	*out = json_string_value(json_object_get(object, key));
	return *out != NULL;
}

bool
json_has(const struct json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

bool
json_get_int(const struct json_t *object, const char *key, int64_t *out)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return false;
	*out = json_integer_value(value);
	return true;
}

bool
json_get_bool(const struct json_t *object, const char *key, bool *out)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return false;
	*out = json_is_true(value);
	return true;
}

const struct json_t *
json_get_object(const struct json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_object(value) ? value : NULL;
}

const char *
json_get_item(const struct json_t *object, const char *key, size_t i)
{
	return json_string_value(json_array_get(json_object_get(object, key), i));
}

bool
json_get_count(const struct json_t *object, const char *key, size_t *out)
{
	const json_t *list = json_object_get(object, key);

	*out = json_array_size(list);
	return json_is_array(list);
}

size_t
json_others(const struct json_t *object, const char *const *keys)
{
	size_t known = 0;

	for (; *keys != NULL; keys++)
		known += json_object_get(object, *keys) != NULL;
	return json_object_size(object) - known;
}

const char *
json_other(const struct json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		size_t i = 0;
		while (keys[i] != NULL && strcmp(keys[i], key) != 0)
			i++;
		if (keys[i] == NULL)
			return key;
	}
	return NULL;
}
