/* json_list: lists and numbers by name, and what they are not. */
#include "adapter/json_list.h"

#include <stdlib.h>

#include "unit/scope.h"

TestSuite(json_list, .init = open_scope, .fini = close_scope);

static const struct json_t *
json_of(struct span text)
{
	struct json_t *json = NULL;

	cr_assert_eq(json_any_of(text, &json, &scope), OK, "%s", text.ptr);
	return json;
}

Test(json_list, lists)
{
	const struct json_t *list = json_of(SPAN("[{\"id\":1},\"two\",3,null,{\"id\":5}]"));
	int64_t id;

	cr_expect(json_is_list(list));
	cr_expect_eq(json_count(list), 5);
	cr_expect(json_get_int(json_at(list, 4), "id", &id) && id == 5);
	cr_expect_null(json_at(list, 1));
	cr_expect_null(json_at(list, 5));
	cr_expect_str_eq(json_text_at(list, 1), "two");
	cr_expect_null(json_text_at(list, 2));
	cr_expect_eq(json_count(json_of(SPAN("[]"))), 0);
}

Test(json_list, objects)
{
	const struct json_t *o = json_of(SPAN("{\"a\":[1],\"b\":{},\"c\":\"x\"}"));

	cr_expect_not(json_is_list(o));
	cr_expect_eq(json_count(o), 0);
	cr_expect_eq(json_count(json_get_list(o, "a")), 1);
	cr_expect_null(json_get_list(o, "b"));
	cr_expect_null(json_get_list(o, "z"));
	cr_expect_eq(json_count(NULL), 0);
}

Test(json_list, numbers)
{
	struct json_number *n;
	size_t count;

	cr_assert_eq(
	    json_numbers(json_of(SPAN("{\"C\":12,\"Vim Script\":3,\"x\":\"4\",\"y\":1.5,"
	                              "\"C++\":9007199254740993}")),
	        &n, &count, &scope),
	    OK);
	cr_assert_eq(count, 3);
	cr_expect_str_eq(n[0].key, "C");
	cr_expect_eq(n[0].value, 12);
	cr_expect_str_eq(n[1].key, "Vim Script");
	cr_expect_eq(n[2].value, INT64_C(9007199254740993));
	cr_assert_eq(json_numbers(json_of(SPAN("{}")), &n, &count, &scope), OK);
	cr_expect_eq(count, 0);
	cr_assert_eq(json_numbers(json_of(SPAN("[1]")), &n, &count, &scope), OK);
	cr_expect_eq(count, 0);
}

Test(json_list, nul_ends_a_text)
{
	const char *text;

	cr_expect(json_get_text(json_of(SPAN("{\"bio\":\"a\\u0000b\"}")), "bio", &text));
	cr_expect_str_eq(text, "a");
}

/* What nobody may read must not hide the rest. */
Test(json_list, what_is_not_readable_is_replaced)
{
	static const struct {
		const char *text, *bio;
	} rows[] = {
		{ "{\"bio\":\"a\xff\"}", "a\xef\xbf\xbd" },
		{ "{\"x\":\"\xc3\",\"bio\":\"b\"}", "b" },
		{ "{\"\xc3\":\"\xed\xa0\xbd\",\"bio\":\"b\"}", "b" },
		{ "{\"bio\":\"\\ud83d\"}", "\xef\xbf\xbd" },
		{ "{\"bio\":\"\\ud83d\\u0041\"}", "\xef\xbf\xbd"
		                                  "A" },
		{ "{\"bio\":\"\\udc00\\ud83d\\ude00\"}", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "{\"bio\":\"\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "{\"x\":\"\\\\ud83d\\\"\xff\",\"bio\":\"b\"}", "b" },
		{ "{\"bio\":\"a\nb\x01\"}", "a b " },
		{ "\xef\xbb\xbf{\"bio\":\"b\"}", "b" },
		{ "{\"bio\":\"a\",\"bio\":\"b\"}", "b" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *text = "";
		json_get_text(json_of(span_of(rows[i].text)), "bio", &text);
		cr_expect_str_eq(text ? text : "", rows[i].bio, "row %zu", i);
	}
}

/* Cut anywhere, it is refused without a look behind its end. */
Test(json_list, cut_texts)
{
	static const char whole[] = "[\"\xff\\ud83d\\ud83d\\ude00\\\\\", \"\\udc00\"]";

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *cut = malloc(len + 1);
		struct json_t *json;
		memcpy(cut, whole, len);
		cr_expect_eq(
		    json_any_of((struct span){ cut, len }, &json, &scope), ERR_BAD_JSON);
		free(cut);
	}
}

Test(json_list, refused)
{
	static const char *const rows[] = { "", "nonsense", "1", "\"x\"", "null", "{\"a\":1",
		"[1,]", "{} x", "<html>" };
	struct json_t *json;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		next_row();
		cr_expect_eq(
		    json_any_of(span_of(rows[i]), &json, &scope), ERR_BAD_JSON, "%s", rows[i]);
	}
}
