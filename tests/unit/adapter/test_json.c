/* json: bodies from strangers into a form's struct; each kind of fault, and hostile texts. */
#include "adapter/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "unit/scope.h"

struct sample {
	struct presence presence;
	const char *text;
	struct texts texts;
	int64_t number;
	bool flag;
	struct uuid id;
	int choice;
	const char *needed, *object;
};

static bool
lower_ok(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
			return false;
	return true;
}

static const char *const colours[] = { "red", "green", "blue", NULL };
static const struct rule lower = { "NOT_LOWER", "must be lower case", lower_ok, NULL, false };
static const struct rule colour = { "NOT_A_CHOICE", "must be a colour", NULL, colours, false };

static const struct field fields[] = {
	{ "text", FIELD_TEXT, NULLABLE, offsetof(struct sample, text), 2, 5, 0, NULL, &lower,
	    "" },
	{ "texts", FIELD_TEXTS, NULLABLE, offsetof(struct sample, texts), 0, 3, 4, NULL, &lower,
	    "" },
	{ "number", FIELD_INT, 0, offsetof(struct sample, number), 1, 100, 0, "20", NULL, "" },
	{ "flag", FIELD_BOOL, 0, offsetof(struct sample, flag), 0, 0, 0, NULL, NULL, "" },
	{ "id", FIELD_UUID, 0, offsetof(struct sample, id), 0, 0, 0, NULL, NULL, "" },
	{ "choice", FIELD_CHOICE, 0, offsetof(struct sample, choice), 0, 0, 0, NULL, &colour,
	    "" },
	{ "needed", FIELD_TEXT, REQUIRED, offsetof(struct sample, needed), 0, 0, 0, NULL, NULL,
	    "" },
	{ "object", FIELD_OBJECT, 0, offsetof(struct sample, object), 0, 16, 0, "{}", NULL,
	    "" },
};
static const struct form form = { "sample", fields, 8, sizeof(struct sample), 0 };

static struct sample out;

static void
open_json(void)
{
	open_scope();
	json_seed();
}

TestSuite(json, .init = open_json, .fini = close_scope);

static enum err
fill(struct span body)
{
	struct json_t *json;

	next_row();
	out = (struct sample){ .number = 0 };
	TRY(json_object_of(body, &json, &scope));
	return json_fill(json, &form, &out, &scope);
}

/* The body is {"needed":"", PAIR}. */
static const struct {
	const char *pair, *where, *code; /* code NULL: is taken */
	int64_t limit;
} rows[] = {
	{ "\"text\":\"abc\"", "", NULL, 0 },
	{ "\"text\":null", "", NULL, 0 },
	{ "\"text\":1", "/text", "NOT_A_TEXT", 0 },
	{ "\"text\":true", "/text", "NOT_A_TEXT", 0 },
	{ "\"text\":[\"abc\"]", "/text", "NOT_A_TEXT", 0 },
	{ "\"text\":{}", "/text", "NOT_A_TEXT", 0 },
	{ "\"text\":\"\"", "/text", "EMPTY", 2 },
	{ "\"text\":\"a\"", "/text", "TOO_SHORT", 2 },
	{ "\"text\":\"abcdef\"", "/text", "TOO_LONG", 5 },
	{ "\"text\":\"\\u0061B\"", "/text", "NOT_LOWER", 0 },
	{ "\"texts\":[]", "", NULL, 0 },
	{ "\"texts\":null", "", NULL, 0 },
	{ "\"texts\":[\"a\",\"b\",\"c\"]", "", NULL, 0 },
	{ "\"texts\":\"a\"", "/texts", "NOT_A_LIST", 0 },
	{ "\"texts\":{\"0\":\"a\"}", "/texts", "NOT_A_LIST", 0 },
	{ "\"texts\":[\"a\",\"b\",\"c\",\"d\"]", "/texts", "TOO_MANY", 3 },
	{ "\"texts\":[\"a\",1]", "/texts/1", "NOT_A_TEXT", 0 },
	{ "\"texts\":[null]", "/texts/0", "NOT_A_TEXT", 0 },
	{ "\"texts\":[[\"a\"]]", "/texts/0", "NOT_A_TEXT", 0 },
	{ "\"texts\":[\"a\",\"\"]", "/texts/1", "EMPTY", 1 },
	{ "\"texts\":[\"abcde\"]", "/texts/0", "TOO_LONG", 4 },
	{ "\"texts\":[\"a\",\"b\",\"C\"]", "/texts/2", "NOT_LOWER", 0 },
	{ "\"number\":1", "", NULL, 0 },
	{ "\"number\":100", "", NULL, 0 },
	{ "\"number\":0", "/number", "TOO_SMALL", 1 },
	{ "\"number\":101", "/number", "TOO_BIG", 100 },
	{ "\"number\":1.0", "/number", "NOT_AN_INTEGER", 0 },
	{ "\"number\":1e1", "/number", "NOT_AN_INTEGER", 0 },
	{ "\"number\":\"1\"", "/number", "NOT_AN_INTEGER", 0 },
	{ "\"number\":true", "/number", "NOT_AN_INTEGER", 0 },
	{ "\"number\":null", "/number", "NULL", 0 },
	{ "\"flag\":true", "", NULL, 0 },
	{ "\"flag\":\"true\"", "/flag", "NOT_A_BOOLEAN", 0 },
	{ "\"flag\":1", "/flag", "NOT_A_BOOLEAN", 0 },
	{ "\"id\":\"01234567-89AB-cdef-0123-456789abcdef\"", "", NULL, 0 },
	{ "\"id\":\"x\"", "/id", "NOT_A_UUID", 0 },
	{ "\"id\":\"\"", "/id", "NOT_A_UUID", 0 },
	{ "\"id\":1", "/id", "NOT_A_TEXT", 0 },
	{ "\"choice\":\"green\"", "", NULL, 0 },
	{ "\"choice\":\"pink\"", "/choice", "NOT_A_CHOICE", 0 },
	{ "\"choice\":1", "/choice", "NOT_A_TEXT", 0 },
	{ "\"object\":{}", "", NULL, 0 },
	{ "\"object\":{\"a\":[1,null]}", "", NULL, 0 },
	{ "\"object\":\"{}\"", "/object", "NOT_AN_OBJECT", 0 },
	{ "\"object\":[]", "/object", "NOT_AN_OBJECT", 0 },
	{ "\"object\":{\"a\":\"0123456789\"}", "/object", "TOO_LONG", 16 },
	{ "\"other\":1", "/other", "UNKNOWN_FIELD", 0 },
	{ "\"Text\":\"abc\"", "/Text", "UNKNOWN_FIELD", 0 },
	{ "\"\":1", "/", "UNKNOWN_FIELD", 0 },
	{ "\"a/b~c\":1", "/a~1b~0c", "UNKNOWN_FIELD", 0 },
};

Test(json, each_type_takes_and_refuses)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char body[200];
		enum err e;
		snprintf(body, sizeof(body), "{\"needed\":\"\",%s}", rows[i].pair);
		e = fill(span_of(body));
		cr_assert_eq(e, rows[i].code ? ERR_INVALID : OK, "%s", body);
		cr_assert_eq(scope.fault.count, rows[i].code ? 1 : 0, "%s", body);
		cr_assert_str_eq(fault_code(0), rows[i].code ? rows[i].code : "", "%s", body);
		cr_assert_str_eq(fault_where(0), rows[i].where, "%s", body);
		if (rows[i].code != NULL)
			cr_assert_eq(scope.fault.fields[0].limit, rows[i].limit, "%s", body);
	}
}

Test(json, values_arrive)
{
	cr_assert_eq(
	    fill(SPAN("{\"text\":\"ab\",\"texts\":[\"x\",\"y\"],\"number\":7,\"flag\":true,"
	              "\"id\":\"01234567-89AB-CDEF-0123-456789abcdef\",\"choice\":\"blue\","
	              "\"object\":{ \"a\": [1, \"\\u00e4\"] "
	              "},\"needed\":\"\\u00e4\\ud83d\\ude00\\n\"}")),
	    OK);
	cr_assert_str_eq(out.text, "ab");
	cr_assert_eq(out.texts.count, 2);
	cr_assert_str_eq(out.texts.items[1], "y");
	cr_assert_eq(out.number, 7);
	cr_assert(out.flag);
	cr_assert_str_eq(out.id.text, "01234567-89ab-cdef-0123-456789abcdef");
	cr_assert_eq(out.choice, 2);
	cr_assert_str_eq(out.needed, "\xC3\xA4\xF0\x9F\x98\x80\n");
	cr_assert_str_eq(out.object, "{\"a\":[1,\"\xC3\xA4\"]}");
	cr_assert_eq(out.presence.given, (1u << 8) - 1);
	cr_assert_eq(out.presence.null, 0);
}

Test(json, absent_null_and_empty_are_three_things)
{
	cr_assert_eq(fill(SPAN("{\"text\":null,\"texts\":[],\"needed\":\"\"}")), OK);
	cr_assert_eq(out.presence.given, 1u << 0 | 1u << 1 | 1u << 6);
	cr_assert_eq(out.presence.null, 1u << 0);
	cr_assert_null(out.text);
	cr_assert_eq(out.number, 20, "the fallback");
	cr_assert_str_eq(out.needed, "");
}

Test(json, all_faults_at_once)
{
	cr_assert_eq(fill(SPAN("{\"text\":1,\"number\":\"x\",\"texts\":[1,\"B\"],\"zzz\":0}")),
	    ERR_INVALID);
	cr_assert_eq(scope.fault.count, 6);
	cr_assert_str_eq(fault_where(5), "/needed");
	cr_assert_str_eq(fault_code(5), "MISSING");
}

static const struct {
	const char *what;
	struct span body;
} broken[] = {
	{ "empty", { "", 0 } },
	{ "nothing", { NULL, 0 } },
	{ "white", { " \n", 2 } },
	{ "a list", { "[]", 2 } },
	{ "a text", { "\"x\"", 3 } },
	{ "a number", { "1", 1 } },
	{ "null", { "null", 4 } },
	{ "open", { "{", 1 } },
	{ "no value", { "{\"a\"}", 5 } },
	{ "comma at the end", { "{\"a\":1,}", 8 } },
	{ "two", { "{} {}", 5 } },
	{ "a tail", { "{}x", 3 } },
	{ "NUL behind", { "{}\0", 3 } },
	{ "NUL inside", { "{\"a\":\"b\0c\"}", 11 } },
	{ "NUL escaped", { "{\"a\":\"\\u0000\"}", 14 } },
	{ "NUL in a key", { "{\"a\\u0000b\":1}", 14 } },
	{ "a key twice", { "{\"a\":1,\"a\":1}", 13 } },
	{ "a key twice, escaped", { "{\"a\":1,\"\\u0061\":1}", 18 } },
	{ "a key twice, below", { "{\"b\":{\"a\":1,\"a\":1}}", 19 } },
	{ "bad UTF-8", { "{\"a\":\"\xFF\"}", 9 } },
	{ "bad UTF-8 in a key", { "{\"\xC3\x28\":1}", 8 } },
	{ "overlong UTF-8", { "{\"a\":\"\xC0\xAF\"}", 10 } },
	{ "surrogate in UTF-8", { "{\"a\":\"\xED\xA0\x80\"}", 11 } },
	{ "half a surrogate", { "{\"a\":\"\\ud83d\"}", 14 } },
	{ "surrogates swapped", { "{\"a\":\"\\ude00\\ud83d\"}", 20 } },
	{ "a raw newline", { "{\"a\":\"\n\"}", 9 } },
	{ "a raw tab", { "{\"a\":\"\t\"}", 9 } },
	{ "single quotes", { "{'a':1}", 7 } },
	{ "a comment", { "{/*x*/}", 7 } },
	{ "NaN", { "{\"a\":NaN}", 9 } },
	{ "Infinity", { "{\"a\":Infinity}", 14 } },
	{ "a leading zero", { "{\"a\":01}", 8 } },
	{ "a plus", { "{\"a\":+1}", 8 } },
	{ "hexadecimal", { "{\"a\":0x1}", 9 } },
	{ "too large a number", { "{\"a\":99999999999999999999}", 26 } },
	{ "too large a real", { "{\"a\":1e999}", 11 } },
	{ "a byte order mark", { "\xEF\xBB\xBF{}", 5 } },
	{ "UTF-16", { "{\0}\0", 4 } },
};

Test(json, broken_bodies)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		enum err e = fill(broken[i].body);
		cr_assert_eq(e, ERR_BAD_JSON, "%s: %s", broken[i].what, err_row(e)->word);
		cr_assert_not_null(scope.fault.message, "%s", broken[i].what);
		cr_assert_eq(scope.fault.count, 0);
	}
	fill(SPAN("{\n \"a\" 1}"));
	cr_assert_not_null(
	    strstr(scope.fault.message, "line 2, column 6"), "%s", scope.fault.message);
}

static const struct {
	struct span body;
	const char *said;
} reasons[] = {
	{ { "", 0 }, "The body is empty" },
	{ { "[]", 2 }, "must be a JSON object" },
	{ { "null", 4 }, "must be a JSON object" },
	{ { "\"x\"", 3 }, "must be a JSON object" },
	{ { "{\"a\":1", 6 }, "it ends too early" },
	{ { "{} x", 4 }, "something stands behind its end" },
	{ { "{\"a\":\"\xFF\"}", 9 }, "it is not UTF-8" },
	{ { "{\"a\":\"\\u0000\"}", 14 }, "texts must not hold U+0000" },
	{ { "{\"\\u0000\":1}", 12 }, "texts must not hold U+0000" },
	{ { "{\"a\":1,\"a\":2}", 13 }, "a name is there twice" },
	{ { "{\"a\":1e999}", 11 }, "a number is too large" },
	{ { "{\"a\":99999999999999999999}", 26 }, "a number is too large" },
	{ { "{'a':1}", 7 }, "this is no JSON" },
	{ { "{\"a\":\xE2\x80\x8B 1}", 11 }, "this is no JSON" },
	{ { "\xEF\xBB\xBF{}", 5 }, "begins with a byte order mark" },
	{ { "\xFF\xFE{\0}\0", 6 }, "UTF-16" },
	{ { "\xFE\xFF\0{\0}", 6 }, "UTF-16" },
};

/* A person reads it: no words of a library, nothing invisible. */
Test(json, the_reason_is_in_our_words)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		cr_expect_eq(fill(reasons[i].body), ERR_BAD_JSON, "%zu", i);
		cr_expect_not_null(strstr(scope.fault.message, reasons[i].said), "%zu: %s", i,
		    scope.fault.message);
		for (const char *c = scope.fault.message; *c != '\0'; c++)
			cr_expect(*c >= ' ' && *c < 0x7f, "%zu: %s", i, scope.fault.message);
		cr_expect_null(strstr(scope.fault.message, "JSON_"));
	}
}

Test(json, every_cut_of_a_good_body)
{
	static const char good[] =
	    "{\"text\":\"a\\u00e4\\\"\",\"texts\":[\"x\",null,1.5e3],\"o\":{}}";

	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		char *cut = malloc(len ? len : 1);
		memcpy(cut, good, len);
		cr_assert_eq(fill((struct span){ cut, len }), ERR_BAD_JSON, "cut at %zu", len);
		free(cut);
	}
}

Test(json, deep_nesting_is_refused_and_never_felt)
{
	static const size_t depths[] = { 2047, 2100, 100000, 2000000 };

	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		size_t depth = depths[i];
		char *deep = malloc(depth * 2 + 16);
		memcpy(deep, "{\"needed\":", 10);
		memset(deep + 10, '[', depth);
		memset(deep + 10 + depth, ']', depth);
		deep[10 + 2 * depth] = '}';
		cr_assert_eq(fill((struct span){ deep, 11 + 2 * depth }),
		    depth <= 2047 ? ERR_INVALID : ERR_BAD_JSON, "depth %zu", depth);
		free(deep);
	}
}

Test(json, many_unknown_keys_fill_the_record_and_no_more)
{
	struct buf body;

	buf_init(&body, 1 << 24);
	buf_puts(&body, "{\"needed\":\"\"");
	for (int i = 0; i < 50000; i++)
		buf_format(&body, ",\"%0*d\":1", i % 300 + 1, i);
	buf_char(&body, '}');
	fill(buf_span(&body));
	buf_reset(&body);
	buf_puts(&body, "{\"needed\":\"\"");
	for (int i = 0; i < 50000; i++)
		buf_format(&body, ",\"k%d\":1", i);
	buf_char(&body, '}');
	cr_assert_eq(fill(buf_span(&body)), ERR_INVALID);
	cr_assert_eq(scope.fault.count, FAULT_FIELDS_MAX);
	buf_free(&body);
}

Test(json, long_keys_are_cut_in_the_pointer)
{
	char body[3000], ends[2][8] = { "~", "/" };

	for (int turn = 0; turn < 2; turn++)
		for (size_t len = 85; len < 110; len++) {
			size_t at = (size_t)snprintf(body, sizeof(body), "{\"needed\":\"\",\"");
			memset(body + at, 'k', len);
			snprintf(body + at + len, 200, "%s%s\":1}", ends[turn], ends[turn]);
			cr_assert_eq(fill(span_of(body)), ERR_INVALID);
			cr_assert_eq(scope.fault.count, 1);
			cr_assert_lt(
			    strlen(fault_where(0)), sizeof(scope.fault.fields[0].field));
			cr_assert_eq(fault_where(0)[0], '/');
		}
}

Test(json, a_huge_body)
{
	size_t len = 4 << 20;
	char *body = malloc(len);

	memset(body, 'x', len);
	memcpy(body, "{\"needed\":\"", 11);
	memcpy(body + len - 2, "\"}", 2);
	cr_assert_eq(fill((struct span){ body, len }), OK);
	cr_assert_eq(strlen(out.needed), len - 13);
	body[len - 1] = 'x';
	cr_assert_eq(fill((struct span){ body, len }), ERR_BAD_JSON);
	free(body);
}

Test(json, no_memory_is_its_own_word)
{
	struct scope small = { .arena = arena_make(16, 16) };
	struct json_t *json;

	cr_assert_eq(json_object_of(SPAN("{}"), &json, &small), ERR_NO_MEMORY);
	arena_free(small.arena);
	small = (struct scope){ .arena = arena_make(48, 48) };
	out = (struct sample){ .number = 0 };
	cr_assert_eq(
	    json_object_of(SPAN("{\"needed\":\"longer than it may be\"}"), &json, &small), OK);
	cr_assert_eq(json_fill(json, &form, &out, &small), ERR_NO_MEMORY);
	arena_free(small.arena);
}

Test(json, members)
{
	static const char *const known[] = { "a", "b", "zzz", NULL };
	struct json_t *json;
	const char *text;
	int64_t n;

	cr_assert_eq(
	    json_object_of(SPAN("{\"a\":\"x\",\"b\":7,\"c\":7.0,\"d\":null}"), &json, &scope),
	    OK);
	cr_assert(json_get_text(json, "a", &text));
	cr_assert_str_eq(text, "x");
	cr_assert_not(json_get_text(json, "b", &text));
	cr_assert_not(json_get_text(json, "nothing", &text));
	cr_assert(json_get_int(json, "b", &n));
	cr_assert_eq(n, 7);
	cr_assert_not(json_get_int(json, "a", &n));
	cr_assert_not(json_get_int(json, "c", &n));
	cr_assert_not(json_get_int(json, "d", &n));
	cr_assert_eq(json_others(json, known), 2);
}
