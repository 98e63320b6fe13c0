/* json_list: lists and numbers by name, and what they are not. */
#include "adapter/json_list.h"

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

Test(json_list, refused)
{
	static const char *const rows[] = { "", "nonsense", "1", "\"x\"", "null", "{\"a\":1",
		"[1,]", "{\"a\":1,\"a\":2}", "[\"\xff\"]", "{} x", "<html>" };
	struct json_t *json;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		next_row();
		cr_expect_eq(
		    json_any_of(span_of(rows[i]), &json, &scope), ERR_BAD_JSON, "%s", rows[i]);
	}
}
