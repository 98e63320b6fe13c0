/* page: numbered pages up to their depth, cursors that nobody can make, and the links. */
#include "unit/web/fake.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/crypto.h"

#define ID "019ab2c3-0000-7000-8000-000000000001"

static const struct route rows_of_route[] = {
	{ .method = "GET", .path = "/x", .name = "x_list", .form = &form_user_list },
	{ .method = "GET", .path = "/y", .name = "y_list", .form = &form_user_list },
};

static void
open_page(void)
{
	open_fake();
	fresh();
	r->route = &rows_of_route[0];
	r->path = SPAN("/api/v1/x");
}

TestSuite(page, .init = open_page, .fini = close_fake);

static const struct {
	int64_t number, limit;
	enum err word;
	int64_t offset;
} depths[] = {
	{ 1, 20, OK, 0 },
	{ 2, 20, OK, 20 },
	{ 500, 20, OK, 9980 },
	{ 501, 20, ERR_TOO_DEEP, 0 },
	{ 100, 100, OK, 9900 },
	{ 101, 100, ERR_TOO_DEEP, 0 },
	{ 10000, 1, OK, 9999 },
	{ 100000000, 100, ERR_TOO_DEEP, 0 },
};

Test(page, numbers_up_to_their_depth)
{
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		struct page page;
		enum err e =
		    page_open(r, depths[i].number, depths[i].limit, NULL, "newest", &page);
		cr_assert_eq(e, depths[i].word);
		if (e != OK)
			continue;
		cr_assert_eq(page.offset, depths[i].offset);
		cr_assert_not(page.stream);
		cr_assert_null(page.after_key);
	}
}

Test(page, an_empty_cursor_begins_a_stream)
{
	struct page page;

	cr_assert_eq(page_open(r, 1, 20, "", "newest", &page), OK);
	cr_assert(page.stream);
	cr_assert_null(page.after_key);
	cr_assert_eq(page.offset, 0);
	cr_assert(uuid_empty(&page.after_id));
}

/* The cursor that a page with more behind it gives. */
static const char *
cursor_of(const char *key, const char *order)
{
	struct page page;
	struct rows rows = { .more = true, .key = key, .total = -1, .id = { ID } };

	cr_assert_eq(page_open(r, 1, 20, "", order, &page), OK);
	cr_assert_eq(reply_page(r, &page, order, &rows), OK);
	cr_assert_not_null(r->reply.next_cursor);
	return r->reply.next_cursor;
}

static enum err
open_cursor(const char *cursor, const char *order)
{
	struct page page;

	return page_open(r, 1, 20, cursor, order, &page);
}

Test(page, cursor_comes_back)
{
	const char *cursor = cursor_of("-1763935199007000", "newest");
	struct page page;

	cr_assert_eq(strspn(cursor,
	                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"),
	    strlen(cursor), "nothing in it needs escaping: %s", cursor);
	cr_assert_eq(page_open(r, 7, 20, cursor, "newest", &page), OK);
	cr_assert(page.stream);
	cr_assert_str_eq(page.after_key, "-1763935199007000");
	cr_assert_str_eq(page.after_id.text, ID);
}

Test(page, cursor_is_bound_to_route_order_and_key)
{
	const char *cursor = cursor_of("42", "newest");

	cr_assert_eq(open_cursor(cursor, "newest"), OK);
	cr_assert_eq(open_cursor(cursor, "oldest"), ERR_BAD_CURSOR);
	r->route = &rows_of_route[1];
	cr_assert_eq(open_cursor(cursor, "newest"), ERR_BAD_CURSOR);
	r->route = &rows_of_route[0];
	memset(app.cursor_key, 9, sizeof(app.cursor_key));
	cr_assert_eq(open_cursor(cursor, "newest"), ERR_BAD_CURSOR);
}

Test(page, every_changed_byte_and_every_cut_is_refused)
{
	const char *good = cursor_of("42", "newest");
	size_t len = strlen(good);
	char *copy = malloc(len + 2);

	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, good, len + 1);
			copy[at] = (char)(copy[at] ^ 1 << bit);
			if (copy[at] != '\0')
				cr_assert_eq(open_cursor(copy, "newest"), ERR_BAD_CURSOR,
				    "byte %zu: %s", at, copy);
		}
		memcpy(copy, good, at);
		copy[at] = '\0';
		if (at > 0)
			cr_assert_eq(
			    open_cursor(copy, "newest"), ERR_BAD_CURSOR, "cut: %s", copy);
	}
	memcpy(copy, good, len);
	memcpy(copy + len, "A", 2);
	cr_assert_eq(open_cursor(copy, "newest"), ERR_BAD_CURSOR);
	free(copy);
}

Test(page, made_up_cursors)
{
	static const char *const cursors[] = { "x", "~", "~~", "1~" ID "~",
		"1~" ID "~AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA",
		"~AAAAAAAAAAAAAAAAAAAAAA", "%00~%00~AAAAAAAAAAAAAAAAAAAAAA",
		"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF~AAAAAAAAAAAAAAAAAAAAAA" };

	for (size_t i = 0; i < sizeof(cursors) / sizeof(*cursors); i++)
		cr_assert_eq(
		    open_cursor(cursors[i], "newest"), ERR_BAD_CURSOR, "%s", cursors[i]);
}

/* Four bytes a character pass the form's limit of 512 characters; so long a place must not be
 * signed as the empty one would. */
Test(page, a_long_cursor_is_refused)
{
	size_t lens[] = { 400, 500, 980, 1000, 1400, 2048 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct buf cursor;
		unsigned char mac[SHA256_BYTES];
		buf_init(&cursor, 4096);
		while (cursor.len + 4 + sizeof(ID) + 23 < lens[i])
			buf_puts(&cursor, "\xF0\x9F\x98\x80");
		buf_puts(&cursor, "~" ID "~");
		crypto_hmac(
		    (struct span){ (const char *)app.cursor_key[0], 32 }, SPAN(""), mac);
		buf_base64url(&cursor, mac, 16);
		cr_expect_eq(
		    open_cursor(buf_text(&cursor), "newest"), ERR_BAD_CURSOR, "%zu", lens[i]);
		buf_free(&cursor);
	}
}

static void
answer(struct page *page, const char *cursor, int64_t number, int64_t total, bool more)
{
	struct rows rows = { .more = more, .key = "42", .total = total, .id = { ID } };

	cr_assert_eq(page_open(r, number, 10, cursor, "newest", page), OK);
	buf_reset(&r->reply.headers);
	r->reply.next_cursor = NULL;
	cr_assert_eq(reply_page(r, page, "newest", &rows), OK);
}

Test(page, links_of_numbered_pages)
{
	struct page page;

	r->query = SPAN("q=a%20b&page=3&&limit=10");
	answer(&page, NULL, 3, 95, true);
	cr_assert_str_eq(headers(), "Link: </api/v1/x?q=a%20b&limit=10&page=1>; rel=\"first\", "
	                            "</api/v1/x?q=a%20b&limit=10&page=2>; rel=\"prev\", "
	                            "</api/v1/x?q=a%20b&limit=10&page=4>; rel=\"next\", "
	                            "</api/v1/x?q=a%20b&limit=10&page=10>; rel=\"last\"\r\n");
	cr_assert_eq(r->reply.kind, REPLY_PAGE);
	cr_assert_eq(r->reply.total, 95);
	r->query = (struct span){ NULL, 0 };
	answer(&page, NULL, 1, 0, false);
	cr_assert_str_eq(headers(), "Link: </api/v1/x?page=1>; rel=\"first\"\r\n");
	cr_assert_null(r->reply.next_cursor);
}

Test(page, names_in_links_are_read_as_everywhere)
{
	struct page page;

	r->query = SPAN("l%69mit=10&%70age=3&q=x&unkn%6fwn=1&%ff=1");
	answer(&page, NULL, 3, 25, false);
	cr_assert_str_eq(headers(), "Link: </api/v1/x?l%69mit=10&q=x&page=1>; rel=\"first\", "
	                            "</api/v1/x?l%69mit=10&q=x&page=2>; rel=\"prev\", "
	                            "</api/v1/x?l%69mit=10&q=x&page=3>; rel=\"last\"\r\n");
}

Test(page, no_link_past_the_depth)
{
	struct page page;

	answer(&page, NULL, 1000, 1000000, true);
	cr_assert_null(strstr(headers(), "rel=\"next\""));
	cr_assert_null(strstr(headers(), "rel=\"last\""));
	cr_assert_not_null(strstr(headers(), "page=999>; rel=\"prev\""));
	cr_assert_not_null(r->reply.next_cursor, "the way on is by cursor");
}

Test(page, links_of_streams)
{
	struct page page;
	char want[400];

	r->query = SPAN("cursor=&q=1");
	answer(&page, "", 1, -1, true);
	snprintf(want, sizeof(want),
	    "Link: </api/v1/x?q=1&cursor=>; rel=\"first\", </api/v1/x?q=1&cursor=%s>; "
	    "rel=\"next\"\r\n",
	    r->reply.next_cursor);
	cr_assert_str_eq(headers(), want);
	cr_assert_eq(r->reply.kind, REPLY_STREAM);
	fresh();
	r->route = &rows_of_route[0];
	answer(&page, "", 1, -1, false);
	cr_assert_null(strstr(headers(), "next"));
}

Test(page, a_strangers_query_makes_no_header)
{
	struct page page;

	r->query = SPAN("q=\r\nSet-Cookie: x=1&q=>; rel=\"evil\"&sort=\xFF&unknown=1&sort=<\"");
	answer(&page, NULL, 1, 5, false);
	cr_assert_null(strstr(headers(), "\nSet-Cookie"));
	cr_assert_null(strstr(headers(), "evil\"&"));
	cr_assert_not_null(
	    strstr(headers(), "q=%0D%0ASet-Cookie:%20x=1&q=%3E;%20rel=%22evil%22&sort=%FF"));
	cr_assert_null(
	    strstr(headers(), "unknown"), "what the route does not know is left out");
}

Test(page, a_huge_value_costs_the_links_alone)
{
	size_t len = 1 << 16;
	char *query = malloc(len);
	struct page page;

	memset(query, 'x', len);
	memcpy(query, "q=", 2);
	r->query = (struct span){ query, len };
	answer(&page, NULL, 1, 5, false);
	cr_assert_eq(r->reply.status, 200);
	cr_assert_str_eq(headers(), "");
	free(query);
}
