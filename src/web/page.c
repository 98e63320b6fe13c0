/* page: lists by page number (bounded depth) or by cursor. A cursor is the last row's place,
 * signed, and bound to the route and its order: key, id, HMAC-SHA-256 cut to 128 bits. */
#include "web/app.h"

#include <stdio.h>

#include "adapter/crypto.h"

/* Of the whole: forms count code points, of which each may be four bytes. The mac: 16 bytes in
 * base64url. */
enum { CURSOR_MAX = 512, MAC_LEN = 22 };

/* False: it could not be made, and `out` is not to be used. */
static bool
cursor_mac(
    const struct request *r, int key, const char *order, struct span place, struct buf *out)
{
	unsigned char mac[SHA256_BYTES];
	struct buf text;
	bool whole;

	buf_init(&text, KIB);
	buf_format(&text, "%s %s ", r->route->name, order);
	buf_add(&text, place);
	if ((whole = buf_ok(&text))) {
		crypto_hmac((struct span){ (const char *)r->app->cursor_key[key], 32 },
		    buf_span(&text), mac);
		buf_base64url(out, mac, 16);
	}
	buf_free(&text);
	return whole && buf_ok(out);
}

/* "<key>~<id>~<mac>": the key is a number, so all of it is URL-safe. */
static const char *
cursor_make(struct request *r, const char *order, const struct rows *rows)
{
	const char *text = NULL,
	           *place = arena_format(r->scope.arena, "%s~%s", rows->key, rows->id.text);
	struct buf out;

	buf_init(&out, CURSOR_MAX);
	buf_puts(&out, place);
	buf_char(&out, '~');
	if (place != NULL && cursor_mac(r, 0, order, span_of(place), &out))
		text = arena_text(r->scope.arena, buf_span(&out));
	buf_free(&out);
	return text;
}

/* Of any key: a rotation must not break a list that somebody is reading. */
static bool
cursor_is_ours(struct request *r, const char *order, struct span place, const char *given)
{
	bool same = false;
	struct buf mac;

	buf_init(&mac, 64);
	for (int i = 0; i < JWT_KEYS; i++) {
		buf_reset(&mac);
		same = same || (cursor_mac(r, i, order, place, &mac) &&
		                   crypto_equal(mac.ptr, given, MAC_LEN));
	}
	buf_free(&mac);
	return same;
}

static enum err
cursor_read(struct request *r, const char *order, const char *cursor, struct page *out)
{
	struct span rest = span_of(cursor), place = rest, key, id;
	bool same;

	if (rest.len <= MAC_LEN + 1 || rest.len > CURSOR_MAX)
		return ERR_BAD_CURSOR;
	place.len = rest.len - MAC_LEN - 1;
	if (cursor[place.len] != '~')
		return ERR_BAD_CURSOR;
	same = cursor_is_ours(r, order, place, cursor + place.len + 1);
	key = span_cut(&place, '~');
	id = place;
	if (!same || !uuid_parse(id, &out->after_id))
		return ERR_BAD_CURSOR;
	out->after_key = arena_text(r->scope.arena, key);
	return out->after_key ? OK : ERR_NO_MEMORY;
}

enum err
page_open(struct request *r, int64_t number, int64_t limit, const char *cursor,
    const char *order, struct page *out)
{
	*out = (struct page){ .limit = limit, .number = number, .stream = cursor != NULL };
	if (cursor != NULL && *cursor != '\0')
		return cursor_read(r, order, cursor, out);
	if (cursor != NULL)
		return OK;
	if (number * limit > PAGE_DEPTH_MAX)
		return ERR_TOO_DEEP;
	out->offset = (number - 1) * limit;
	return OK;
}

/* Whether the pair goes along: what the route does not know is left out, since a stranger's long
 * query must not push the links out of the header. A name may be escaped (RFC 3986, section
 * 6.2.2.2), as validate() reads it. */
static bool
goes_along(struct request *r, struct span pair, const char *but)
{
	struct span name;

	return pair.len > 0 && query_decode(span_cut(&pair, '='), r->scope.arena, &name) &&
	       !span_is(name, but) && field_find(r->route->form, name) >= 0;
}

/* The query with another page or cursor in it. */
static void
link_target(struct request *r, const char *name, const char *value, struct buf *out)
{
	struct span rest = r->query;
	char mark = '?';

	buf_char(out, '<');
	buf_add(out, r->path);
	while (rest.ptr != NULL) {
		struct span pair = span_cut(&rest, '&');
		if (!goes_along(r, pair, name))
			continue;
		buf_char(out, mark);
		/* The raw query of a person goes into a header: only what a query may hold. */
		for (size_t i = 0; i < pair.len; i++) {
			unsigned char c = (unsigned char)pair.ptr[i];
			if (c > 0x20 && c < 0x7f && strchr("<>\"", c) == NULL)
				buf_char(out, (char)c);
			else
				buf_format(out, "%%%02X", c);
		}
		mark = '&';
	}
	buf_format(out, "%c%s=%s>", mark, name, value);
}

static void
link_add(struct request *r, struct buf *out, const char *relation, const char *name,
    const char *value)
{
	if (out->len > 0)
		buf_puts(out, ", ");
	link_target(r, name, value, out);
	buf_format(out, "; rel=\"%s\"", relation);
}

static void
link_page(struct request *r, struct buf *out, const char *relation, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	link_add(r, out, relation, "page", text);
}

/* RFC 8288. `last` only when it can be asked for. */
static void
links(struct request *r, const struct page *page)
{
	int64_t last = (r->reply.total + page->limit - 1) / page->limit;
	struct buf out;

	buf_init(&out, 8 * KIB);
	if (page->stream) {
		link_add(r, &out, "first", "cursor", "");
		if (r->reply.next_cursor)
			link_add(r, &out, "next", "cursor", r->reply.next_cursor);
	} else {
		link_page(r, &out, "first", 1);
		if (page->number > 1)
			link_page(r, &out, "prev", page->number - 1);
		if (r->reply.more && (page->number + 1) * page->limit <= PAGE_DEPTH_MAX)
			link_page(r, &out, "next", page->number + 1);
		if (r->reply.total >= 0 && last > 0 && last * page->limit <= PAGE_DEPTH_MAX)
			link_page(r, &out, "last", last);
	}
	if (buf_ok(&out))
		reply_header(r, "Link", buf_text(&out));
	buf_free(&out);
}

enum err
reply_page(
    struct request *r, const struct page *page, const char *order, const struct rows *rows)
{
	r->reply.kind = page->stream ? REPLY_STREAM : REPLY_PAGE;
	r->reply.status = 200;
	r->reply.page = page->number;
	r->reply.limit = page->limit;
	r->reply.total = rows->total;
	r->reply.more = rows->more;
	if (rows->more && rows->key != NULL) {
		r->reply.next_cursor = cursor_make(r, order, rows);
		if (r->reply.next_cursor == NULL)
			return ERR_NO_MEMORY;
	}
	links(r, page);
	return OK;
}
