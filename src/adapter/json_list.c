/* json_list: what is read beside forms. */
#include "adapter/json_list.h"

#include <jansson.h>

#include "base/buf.h"

static void
release(void *json)
{
	json_decref(json);
}

/* ---- what can't be read in texts */

#define REPLACED "\\ufffd"

/* The four digits behind "\u"; -1: there are none. */
static int
unit_at(struct span text, size_t i)
{
	int unit = 0;

	if (text.len - i < 6 || text.ptr[i] != '\\' || text.ptr[i + 1] != 'u')
		return -1;
	for (size_t k = i + 2; k < i + 6; k++) {
		int digit = span_hex(text.ptr[k]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* What begins with a backslash; how long it is. */
static size_t
mend_escape(struct span text, size_t i, struct buf *out)
{
	int unit = unit_at(text, i), next;
	size_t len = unit >= 0 ? 6 : text.len - i < 2 ? 1 : 2;

	if (unit >= 0xd800 && unit < 0xdc00) {
		next = text.len - i > 6 ? unit_at(text, i + 6) : -1;
		if (next >= 0xdc00 && next < 0xe000)
			len = 12;
	}
	if (unit >= 0xd800 && unit < 0xe000 && len == 6)
		buf_puts(out, REPLACED);
	else
		buf_add(out, (struct span){ text.ptr + i, len });
	return len;
}

static void
mend(struct span text, struct buf *out)
{
	bool inside = false;

	for (size_t i = 0; i < text.len && buf_ok(out);) {
		char c = text.ptr[i];
		if (c == '\\') {
			i += mend_escape(text, i, out);
			continue;
		}
		inside = inside != (c == '"');
		buf_char(out, inside && (unsigned char)c < ' ' ? ' ' : c);
		i++;
	}
}

/* A copy that can be read, if its texts are all that was wrong. */
static json_t *
load_mended(struct span text, json_error_t *error)
{
	struct buf utf8, mended;
	json_t *json = NULL;

	buf_init(&utf8, 3 * text.len + 1);
	buf_utf8(&utf8, text);
	buf_init(&mended, 3 * text.len + 1);
	mend(buf_span(&utf8), &mended);
	if (buf_ok(&utf8) && buf_ok(&mended))
		json = json_loadb(buf_text(&mended), mended.len, JSON_ALLOW_NUL, error);
	buf_free(&utf8);
	buf_free(&mended);
	return json;
}

enum err
json_any_of(struct span text, struct json_t **out, struct scope *scope)
{
	json_error_t error;
	json_t *json;

	if (span_starts(text, SPAN("\xEF\xBB\xBF"))) /* RFC 8259, section 8.1 */
		text = (struct span){ text.ptr + 3, text.len - 3 };
	json = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_ALLOW_NUL, &error);
	if (json == NULL)
		json = load_mended(text, &error);
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
