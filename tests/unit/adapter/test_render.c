/* render: JSON from results made by hand, read back by Jansson. */
#include "adapter/render.h"

#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "unit/scope.h"

enum {
	BOOL = 16,
	INT8 = 20,
	TEXT = 25,
	JSON = 114,
	FLOAT8 = 701,
	TEXTS = 1009,
	TIME = 1184,
	UUID = 2950,
	JSONB = 3802
};

struct column {
	const char *name;
	Oid type;
};

static PGresult *result;
static struct render_plan *plan;
static struct buf text;
static struct rows rows;

static void
open_render(void)
{
	open_scope();
	buf_init(&text, 1 << 20);
}

static void
close_render(void)
{
	PQclear(result);
	render_plan_free(plan);
	buf_free(&text);
	close_scope();
}

TestSuite(render, .init = open_render, .fini = close_render);

static void
begin(const struct column *columns, int n)
{
	PGresAttDesc attributes[32] = { { .name = NULL } };

	for (int i = 0; i < n; i++) {
		attributes[i].name = (char *)(uintptr_t)columns[i].name;
		attributes[i].typid = columns[i].type;
	}
	PQclear(result);
	render_plan_free(plan);
	result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	cr_assert(PQsetResultAttrs(result, n, attributes));
	plan = render_plan_make(result);
	cr_assert_not_null(plan);
}

#define BEGIN(...)                                                                             \
	begin((const struct column[]){ __VA_ARGS__ },                                          \
	    sizeof((const struct column[]){ __VA_ARGS__ }) / sizeof(struct column))

/* A row of as many texts as there are columns. */
static void
row_of(const char *const *values)
{
	int row = PQntuples(result);

	for (int i = 0; i < PQnfields(result); i++)
		cr_assert(PQsetvalue(result, row, i, (char *)(uintptr_t)values[i],
		    values[i] ? (int)strlen(values[i]) : -1));
}

#define ROW_OF(...) row_of((const char *const[]){ __VA_ARGS__ })

static const char *
render(bool list, int64_t limit)
{
	json_t *back;

	buf_reset(&text);
	rows = (struct rows){ .text = &text, .limit = limit };
	render_rows(plan, result, list, &rows, scope.arena);
	back = text.len ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	cr_assert(text.len == 0 || back != NULL, "not JSON: %s", buf_text(&text));
	json_decref(back);
	return buf_text(&text);
}

Test(render, types)
{
	BEGIN({ "n", INT8 }, { "f", FLOAT8 }, { "yes", BOOL }, { "no", BOOL }, { "t", TEXT },
	    { "id", UUID }, { "j", JSON }, { "b", JSONB });
	ROW_OF("-7", "1.5e-07", "t", "f", "a \"b\" \\ \n\x01\xC3\xA4",
	    "019ab2c3-0000-7000-8000-000000000001", "{\"x\": [1, null]}", "\"text\"");
	cr_assert_str_eq(render(false, 0),
	    "{\"n\":-7,\"f\":1.5e-07,\"yes\":true,\"no\":false,\"t\":\"a \\\"b\\\" \\\\ "
	    "\\n\\u0001\xC3\xA4\",\"id\":\"019ab2c3-0000-7000-8000-000000000001\","
	    "\"j\":{\"x\": [1, null]},\"b\":\"text\"}");
}

Test(render, null_of_every_type)
{
	BEGIN({ "first", INT8 }, { "f", FLOAT8 }, { "b", BOOL }, { "t", TEXT }, { "a", TEXTS },
	    { "at", TIME }, { "j", JSON });
	ROW_OF("1", NULL, NULL, NULL, NULL, NULL, NULL);
	cr_assert_str_eq(render(false, 0),
	    "{\"first\":1,\"f\":null,\"b\":null,\"t\":null,\"a\":null,\"at\":null,\"j\":null}");
}

Test(render, floats_that_json_does_not_know)
{
	BEGIN({ "a", FLOAT8 }, { "b", FLOAT8 }, { "c", FLOAT8 });
	ROW_OF("NaN", "Infinity", "-Infinity");
	render(false, 0);
	cr_assert_null(strstr(text.ptr, "NaN"));
}

Test(render, empty_texts)
{
	BEGIN({ "t", TEXT }, { "a", TEXTS });
	ROW_OF("", "{}");
	cr_assert_str_eq(render(false, 0), "{\"t\":\"\",\"a\":[]}");
}

Test(render, groups_nest)
{
	BEGIN({ "id", INT8 }, { "a.x", INT8 }, { "a.y", TEXT }, { "b.x", INT8 }, { "c", INT8 },
	    { "d.z", INT8 });
	ROW_OF("1", "2", "s", "3", "4", "5");
	cr_assert_str_eq(render(false, 0),
	    "{\"id\":1,\"a\":{\"x\":2,\"y\":\"s\"},\"b\":{\"x\":3},\"c\":4,\"d\":{\"z\":5}}");
}

Test(render, a_group_alone_and_first)
{
	BEGIN({ "a.x", INT8 }, { "a.y", INT8 });
	ROW_OF("1", "2");
	cr_assert_str_eq(render(true, 0), "[{\"a\":{\"x\":1,\"y\":2}}]");
}

Test(render, hidden_columns_split_no_group)
{
	BEGIN({ "_version", INT8 }, { "a.x", INT8 }, { "_key", TEXT }, { "a.y", INT8 });
	ROW_OF("9", "1", "k", "2");
	cr_assert_str_eq(render(false, 0), "{\"a\":{\"x\":1,\"y\":2}}");
	cr_assert_eq(rows.version, 9);
}

static const struct {
	const char *literal, *want;
} arrays[] = {
	{ "{}", "[]" },
	{ "{a}", "[\"a\"]" },
	{ "{a,b}", "[\"a\",\"b\"]" },
	{ "{\"a b\",c}", "[\"a b\",\"c\"]" },
	{ "{\"a,b\"}", "[\"a,b\"]" },
	{ "{\"a,b\",\"c,\"}", "[\"a,b\",\"c,\"]" },
	{ "{\"\"}", "[\"\"]" },
	{ "{\"\",\"\"}", "[\"\",\"\"]" },
	{ "{\"a\\\"b\"}", "[\"a\\\"b\"]" },
	{ "{\"\\\"\"}", "[\"\\\"\"]" },
	{ "{\"\\\"\",x}", "[\"\\\"\",\"x\"]" },
	{ "{\"a\\\\b\"}", "[\"a\\\\b\"]" },
	{ "{\"\\\\\"}", "[\"\\\\\"]" },
	{ "{\"\\\\\\\"\"}", "[\"\\\\\\\"\"]" },
	{ "{\"\\\\\",\"\\\\\"}", "[\"\\\\\",\"\\\\\"]" },
	{ "{\"{x}\"}", "[\"{x}\"]" },
	{ "{\"a\nb\"}", "[\"a\\nb\"]" },
	{ "{NULL}", "[null]" },
	{ "{a,NULL,b}", "[\"a\",null,\"b\"]" },
	{ "{\"NULL\"}", "[\"NULL\"]" },
	{ "{NULLS}", "[\"NULLS\"]" },
	{ "{c++,c#,.net}", "[\"c++\",\"c#\",\".net\"]" },
	{ "{\xC3\xA4,\"\xF0\x9F\x98\x80 x\"}", "[\"\xC3\xA4\",\"\xF0\x9F\x98\x80 x\"]" },
};

Test(render, arrays_of_texts)
{
	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++) {
		char want[200];
		snprintf(want, sizeof(want), "{\"a\":%s}", arrays[i].want);
		BEGIN({ "a", TEXTS });
		ROW_OF(arrays[i].literal);
		cr_assert_str_eq(render(false, 0), want, "%s", arrays[i].literal);
	}
}

static const struct {
	const char *sql, *want;
} times[] = {
	{ "2026-11-22 23:09:46.123456+00", "2026-11-22T23:09:46.123Z" },
	{ "2026-11-22 23:09:46+00", "2026-11-22T23:09:46.000Z" },
	{ "2026-11-22 23:09:46.1+00", "2026-11-22T23:09:46.100Z" },
	{ "2026-11-22 23:09:46.12+00", "2026-11-22T23:09:46.120Z" },
	{ "2026-11-22 23:09:46.000001+00", "2026-11-22T23:09:46.000Z" },
	{ "1970-01-01 00:00:00+00", "1970-01-01T00:00:00.000Z" },
	{ "9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999Z" },
	{ "infinity", "infinity" },
	{ "-infinity", "-infinity" },
	{ "10000-01-01 00:00:00+00", "10000-01-01 00:00:00+00" },
};

Test(render, times)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		char want[100];
		snprintf(want, sizeof(want), "{\"at\":\"%s\"}", times[i].want);
		BEGIN({ "at", TIME });
		ROW_OF(times[i].sql);
		cr_assert_str_eq(render(false, 0), want);
	}
}

Test(render, lists_limits_and_more)
{
	BEGIN({ "n", INT8 });
	cr_assert_str_eq(render(true, 0), "[]");
	cr_assert_not(rows.found);
	cr_assert_eq(rows.count, 0);
	ROW_OF("1");
	ROW_OF("2");
	ROW_OF("3");
	cr_assert_str_eq(render(true, 0), "[{\"n\":1},{\"n\":2},{\"n\":3}]");
	cr_assert_eq(rows.count, 3);
	cr_assert_not(rows.more);
	cr_assert_str_eq(render(true, 3), "[{\"n\":1},{\"n\":2},{\"n\":3}]");
	cr_assert_not(rows.more);
	cr_assert_str_eq(render(true, 2), "[{\"n\":1},{\"n\":2}]");
	cr_assert(rows.more);
	cr_assert_eq(rows.count, 2);
	cr_assert(rows.found);
}

Test(render, one_thing_that_is_not_there)
{
	BEGIN({ "n", INT8 });
	cr_assert_str_eq(render(false, 0), "");
	cr_assert_not(rows.found);
}

Test(render, hidden_columns_of_the_last_row_rendered)
{
	BEGIN({ "n", INT8 }, { "_total", INT8 }, { "_version", INT8 }, { "_public", BOOL },
	    { "_key", TEXT }, { "_id", UUID });
	ROW_OF("1", "-1000", "5", "t", "key \"1\"", "019ab2c3-0000-7000-8000-000000000001");
	ROW_OF("2", "-1000", "6", "f", "key 2", "019ab2c3-0000-7000-8000-000000000002");
	ROW_OF("3", "-1000", "7", "t", "key 3", "019ab2c3-0000-7000-8000-000000000003");
	cr_assert_str_eq(render(true, 2), "[{\"n\":1},{\"n\":2}]");
	cr_assert_eq(rows.total, -1000);
	cr_assert_eq(rows.version, 6);
	cr_assert_not(rows.is_public);
	cr_assert_str_eq(rows.key, "key 2");
	cr_assert_str_eq(rows.id.text, "019ab2c3-0000-7000-8000-000000000002");
}

Test(render, a_total_may_come_without_rows)
{
	BEGIN({ "n", INT8 }, { "t", TEXT }, { "_total", INT8 }, { "_key", TEXT });
	ROW_OF(NULL, NULL, "42", NULL);
	cr_assert_str_eq(render(true, 10), "[]");
	cr_assert_eq(rows.total, 42);
	cr_assert(rows.found);
	cr_assert_eq(rows.count, 0);
	cr_assert_null(rows.key);
}

Test(render, no_total_is_minus_one)
{
	BEGIN({ "n", INT8 });
	ROW_OF("1");
	render(true, 0);
	cr_assert_eq(rows.total, -1);
}

Test(render, names_as_long_as_postgresql_lets_them)
{
	static const char group[] =
	    "g123456789012345678901234567890123456789012345678901234567890.k";
	static const char plain[] =
	    "p12345678901234567890123456789012345678901234567890123456789012";

	cr_assert_eq(strlen(group), 63);
	cr_assert_eq(strlen(plain), 63);
	BEGIN({ "a", INT8 }, { group, INT8 }, { plain, INT8 });
	ROW_OF("1", "2", "3");
	render(false, 0);
	cr_assert_not_null(strstr(text.ptr, "\"k\":2},\"p123"));
}

Test(render, an_answer_past_the_ceiling_fails_and_says_so)
{
	struct buf small;

	BEGIN({ "t", TEXT });
	ROW_OF(
	    "long enough to pass what the small one may hold, which is 64 bytes in all, say");
	buf_init(&small, 8);
	rows = (struct rows){ .text = &small };
	render_rows(plan, result, true, &rows, scope.arena);
	for (int i = 0; i < 10 && buf_ok(&small); i++)
		render_rows(plan, result, true, &rows, scope.arena);
	cr_assert_not(buf_ok(&small));
	buf_free(&small);
}
