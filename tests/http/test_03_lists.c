/* Lists: filters, orders, pages by number and by cursor, totals, links. The rows are made here,
 * so that each answer can be told beforehand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

#define S "/api/v1/snippets"

/* 60 public snippets of three authors: languages c, go, c, go …; tags t0 … t4 and "all";
 * likes and comments that no two share. */
void
stack_ready(void)
{
	char out[64];

	stack_token("ann");
	stack_token("carl");
	stack_token("Bob-Percent");
	stack_sql(
	    "insert into snippets (id, author_id, title, code, language, tags, likes_count, "
	    "comments_count, created_at) "
	    "select ('01890000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, "
	    "(array(select id from users order by username))[i % 3 + 1], 'title ' || i, "
	    "repeat('x', 1 + i * 40), case i % 2 when 0 then 'c' else 'go' end, "
	    "array['all', 't' || i % 5], (i * 7) % 61, (i * 11) % 61, "
	    "timestamptz '2026-01-01Z' + i * interval '1 hour' from generate_series(1, 60) i",
	    out, sizeof(out));
}

static struct answer
list(const char *query)
{
	char path[512];
	struct answer a;

	snprintf(path, sizeof(path), S "%s", query);
	a = CALL("GET", path);
	cr_assert_eq(a.status, 200, "%s: %ld %s", query, a.status, a.body);
	return a;
}

Test(lists, filters)
{
	static const struct {
		const char *query;
		long long total;
	} rows[] = {
		{ "", 60 },
		{ "?language=c", 30 },
		{ "?language=C", 30 },
		{ "?language=golang", 30 },
		{ "?language=cobol", 0 },
		{ "?tags=t1", 12 },
		{ "?tags=t1,t2", 24 },
		{ "?tags=t1,%20t2", 24 },
		{ "?tags=nothing", 0 },
		{ "?tags=all&language=go", 30 },
		{ "?tags=t0&language=go", 6 },
		{ "?author=ann", 20 },
		{ "?author=AN", 20 },
		{ "?author=percent", 20 },
		{ "?author=%25", 0 },
		{ "?author=_", 0 },
		{ "?author=%5C", 0 },
		{ "?author=n&language=c", 20 },
		{ "?author=ann&tags=t1&language=c", 2 },
		{ "?author=nobody", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char counted[256];
		struct answer a = list(rows[i].query);
		snprintf(counted, sizeof(counted), "%s", rows[i].query);
		cr_expect_eq(int_at(&a, "pagination.total"), rows[i].total, "%s: %lld", counted,
		    int_at(&a, "pagination.total"));
		cr_expect_eq(json_array_size(at(&a, "data")),
		    (size_t)(rows[i].total < 20 ? rows[i].total : 20), "%s", counted);
		forget(&a);
	}
}

/* Walks the whole list by cursor and checks each step against the key's order. */
static void
walk(const char *sort, const char *key, bool descending, bool texts)
{
	char query[1024], seen[60][40], last[64] = "";
	long long last_number = 0;
	size_t count = 0;
	struct answer a;

	snprintf(query, sizeof(query), "?sort=%s&limit=7&cursor=", sort);
	for (int pages = 0; pages < 20; pages++) {
		a = list(query);
		for (size_t i = 0; i < json_array_size(at(&a, "data")); i++) {
			char path[64];
			snprintf(path, sizeof(path), "data.%zu.%s", i, key);
			if (count > 0 && texts)
				cr_expect((strcmp(text_at(&a, path), last) < 0) == descending,
				    "%s", sort);
			if (count > 0 && !texts)
				cr_expect(
				    (int_at(&a, path) < last_number) == descending, "%s", sort);
			snprintf(last, sizeof(last), "%s", text_at(&a, path));
			last_number = int_at(&a, path);
			snprintf(path, sizeof(path), "data.%zu.id", i);
			cr_assert_lt(count, 60u, "%s repeats", sort);
			snprintf(seen[count], sizeof(seen[0]), "%s", text_at(&a, path));
			for (size_t k = 0; k < count; k++)
				cr_expect_str_neq(seen[k], seen[count], "%s repeats", sort);
			count++;
		}
		if (json_is_null(at(&a, "pagination.nextCursor")))
			break;
		snprintf(query, sizeof(query), "?sort=%s&limit=7&cursor=%s", sort,
		    text_at(&a, "pagination.nextCursor"));
		forget(&a);
	}
	forget(&a);
	cr_expect_eq(count, 60u, "%s: %zu", sort, count);
}

Test(lists, orders_by_cursor)
{
	walk("newest", "created_at", true, true);
	walk("oldest", "created_at", false, true);
	walk("most_liked", "likes_count", true, false);
	walk("most_commented", "comments_count", true, false);
}

Test(lists, trending_walks_everything_once)
{
	char query[1024] = "?sort=trending&limit=9&cursor=";
	size_t count = 0;

	for (int pages = 0; pages < 20; pages++) {
		struct answer a = list(query);
		bool end = json_is_null(at(&a, "pagination.nextCursor"));
		count += json_array_size(at(&a, "data"));
		snprintf(query, sizeof(query), "?sort=trending&limit=9&cursor=%s",
		    text_at(&a, "pagination.nextCursor"));
		forget(&a);
		if (end)
			break;
	}
	cr_expect_eq(count, 60u, "%zu", count);
}

Test(lists, cursors_are_bound_and_signed)
{
	char cursor[512], path[1024];
	struct answer a = list("?limit=7&cursor="), b;

	snprintf(cursor, sizeof(cursor), "%s", text_at(&a, "pagination.nextCursor"));
	forget(&a);
	snprintf(path, sizeof(path), S "?sort=most_liked&cursor=%s", cursor);
	b = CALL("GET", path);
	cr_expect_eq(b.status, 400, "another order");
	cr_expect_str_eq(text_at(&b, "error.code"), "INVALID_CURSOR");
	forget(&b);
	snprintf(path, sizeof(path), "/api/v1/users?cursor=%s", cursor);
	b = CALL("GET", path);
	cr_expect_eq(b.status, 400, "another route");
	forget(&b);
	for (size_t i = 0; i < strlen(cursor); i++) {
		char changed = cursor[i];
		cursor[i] = changed == '1' ? '2' : '1';
		snprintf(path, sizeof(path), S "?cursor=%s", cursor);
		b = CALL("GET", path);
		cr_expect_eq(b.status, 400, "character %zu changed", i);
		forget(&b);
		cursor[i] = changed;
	}
}

Test(lists, pages_and_links)
{
	struct answer a = list("?page=2&limit=25&language=c&x=%22%3E");

	cr_expect_eq(int_at(&a, "pagination.page"), 2);
	cr_expect_eq(int_at(&a, "pagination.limit"), 25);
	cr_expect_eq(int_at(&a, "pagination.total"), 30);
	cr_expect_eq(int_at(&a, "pagination.totalPages"), 2);
	cr_expect_eq(json_array_size(at(&a, "data")), 5u);
	cr_expect_str_eq(header_of(&a, "Link"),
	    "<" S "?limit=25&language=c&page=1>; rel=\"first\", "
	    "<" S "?limit=25&language=c&page=1>; rel=\"prev\", "
	    "<" S "?limit=25&language=c&page=2>; rel=\"last\"");
	forget(&a);
	a = list("?page=9&limit=25");
	cr_expect_eq(
	    int_at(&a, "pagination.total"), 60, "the total is known past the end, too");
	cr_expect_eq(json_array_size(at(&a, "data")), 0u);
	forget(&a);
	a = list("?limit=25");
	cr_expect_not_null(strstr(header_of(&a, "Link"), "page=2>; rel=\"next\""));
	cr_expect_null(strstr(header_of(&a, "Link"), "rel=\"prev\""));
	forget(&a);
	a = list("?limit=7&cursor=");
	cr_expect_not_null(strstr(header_of(&a, "Link"), "rel=\"next\""));
	cr_expect_null(strstr(header_of(&a, "Link"), "rel=\"last\""));
	forget(&a);
}

/* A list carries the beginning of long code, and says so. */
Test(lists, code_is_cut_and_marked)
{
	struct answer a = list("?limit=60&sort=oldest");

	cr_expect(json_is_false(at(&a, "data.0.code_is_cut")));
	cr_expect_eq(strlen(text_at(&a, "data.0.code")), 41u);
	cr_expect(json_is_true(at(&a, "data.59.code_is_cut")));
	cr_expect_eq(strlen(text_at(&a, "data.59.code")), 1000u);
	cr_expect_eq(int_at(&a, "data.59.code_size"), 2401);
	forget(&a);
}

/* Kept counts follow every change: publishing, hiding, another language, removing. */
Test(lists, counts_follow_changes)
{
	const char *ann = stack_token("ann");
	const char *id = new_snippet(ann, "{\"title\":\"x\",\"code\":\"x\",\"language\":"
	                                  "\"zig\",\"tags\":[\"rare\",\"all\"]}");
	char path[128];
	struct answer a = list("?language=zig");

	cr_expect_eq(int_at(&a, "pagination.total"), 1);
	forget(&a);
	snprintf(path, sizeof(path), S "/%s", id);
	a = CALL(
	    "PATCH", path, .token = ann, .body = "{\"language\":\"ada\",\"tags\":[\"rarer\"]}");
	cr_expect_eq(a.status, 200);
	forget(&a);
	a = list("?language=zig");
	cr_expect_eq(int_at(&a, "pagination.total"), 0);
	forget(&a);
	a = CALL("GET", "/api/v1/tags?q=rare");
	cr_expect_str_eq(text_at(&a, "data.0.name"), "rarer");
	cr_expect_eq(json_array_size(at(&a, "data")), 1u);
	forget(&a);
	a = CALL("PATCH", path, .token = ann, .body = "{\"is_public\":false}");
	forget(&a);
	a = list("?language=ada");
	cr_expect_eq(int_at(&a, "pagination.total"), 0);
	forget(&a);
	a = CALL("DELETE", path, .token = ann);
	forget(&a);
	cr_expect_eq(
	    stack_count("select count(*) from users u where snippets_count <> (select count(*) "
	                "from snippets s where s.author_id = u.id and is_public)"),
	    0);
	cr_expect_eq(stack_count("select sum(count) from tally where kind = 'snippet'"),
	    stack_count("select count(*) from snippets where is_public"));
}

Test(lists, users)
{
	struct answer a = CALL("GET", "/api/v1/users?q=bob");

	cr_expect_eq(int_at(&a, "pagination.total"), 1);
	cr_expect_str_eq(text_at(&a, "data.0.username"), "Bob-Percent");
	cr_expect_eq(int_at(&a, "data.0.snippets_count"), 20);
	cr_expect_null(at(&a, "data.0.email"), "nobody's business");
	forget(&a);
	a = CALL("GET", "/api/v1/users?sort=newest&limit=2&cursor=");
	cr_expect_eq(json_array_size(at(&a, "data")), 2u);
	forget(&a);
	a = CALL("GET", "/api/v1/users/BOB-percent");
	cr_expect_eq(a.status, 200, "names are found in any case");
	forget(&a);
	a = CALL("GET", "/api/v1/users/ann/snippets?limit=100");
	cr_expect_eq(int_at(&a, "pagination.total"), 20);
	forget(&a);
	a = CALL("GET", "/api/v1/users/nobody/snippets");
	cr_expect_eq(a.status, 404);
	forget(&a);
	a = CALL("GET", "/api/v1/users/nobody/snippets?cursor=");
	cr_expect_eq(a.status, 404);
	forget(&a);
}
