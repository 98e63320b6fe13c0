/* answer: what every answer of the API has: headers, GitHub's errors, limits, ETags, Link. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "adapter/crypto.h"
#include "github/stand_in.h"

enum { PER_PAGE = 30, PER_PAGE_MAX = 100 };

static struct header *
header_find(const struct ask *a, const char *name)
{
	for (size_t i = 0; i < a->header_count; i++)
		if (strcasecmp(a->headers[i].name, name) == 0)
			return (struct header *)(uintptr_t)&a->headers[i];
	return NULL;
}

void
answer_header(struct ask *a, const char *name, const char *value)
{
	struct header *h = header_find(a, name);

	if (h == NULL && a->header_count == HEADERS_MAX)
		return;
	if (h == NULL)
		h = &a->headers[a->header_count++];
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->value = arena_text(a->arena, span_of(value));
}

const char *
answer_get(const struct ask *a, const char *name)
{
	const struct header *h = header_find(a, name);

	return h ? h->value : NULL;
}

void
answer_unset(struct ask *a, const char *name)
{
	struct header *h = header_find(a, name);

	if (h != NULL)
		*h = a->headers[--a->header_count];
}

void
answer_documented(struct ask *a, int status, const char *message, const char *url)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", status);
	buf_reset(&a->out);
	a->status = status;
	a->modified = 0;
	buf_char(&a->out, '{');
	put_text(&a->out, "message", message);
	put_text(&a->out, "documentation_url", url);
	put_text(&a->out, "status", text);
	buf_char(&a->out, '}');
}

void
answer_error(struct ask *a, int status, const char *message)
{
	answer_documented(a, status, message, "https://docs.github.com/rest");
}

const char *
query_of(const struct ask *a, const char *name)
{
	return MHD_lookup_connection_value(a->connection, MHD_GET_ARGUMENT_KIND, name);
}

int64_t
query_int(const struct ask *a, const char *name, int64_t otherwise)
{
	const char *text = query_of(a, name);
	int64_t n;

	return text != NULL && span_int(span_of(text), &n) ? n : otherwise;
}

const char *
header_in(const struct ask *a, const char *name)
{
	return MHD_lookup_connection_value(a->connection, MHD_HEADER_KIND, name);
}

static const char *
number(struct ask *a, int64_t n)
{
	return arena_format(a->arena, "%lld", (long long)n);
}

static void
put_budget(struct ask *a)
{
	const struct budget *b = a->budget;

	if (b == NULL)
		return;
	answer_header(a, "x-ratelimit-limit", number(a, b->limit));
	answer_header(
	    a, "x-ratelimit-remaining", number(a, b->used < b->limit ? b->limit - b->used : 0));
	answer_header(a, "x-ratelimit-reset", number(a, b->reset));
	answer_header(a, "x-ratelimit-used", number(a, b->used));
	if (answer_get(a, "x-ratelimit-resource") == NULL)
		answer_header(a, "x-ratelimit-resource", "core");
}

/* GitHub's ETags belong to a token: another token's is another one. */
static const char *
etag_of(struct ask *a)
{
	unsigned char hash[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];
	struct buf all;

	buf_init(&all, SIZE_MAX);
	buf_add(&all, buf_span(&a->out));
	buf_puts(&all, a->token ? a->token->text : "");
	crypto_sha256(buf_span(&all), hash);
	buf_free(&all);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return arena_format(a->arena, "W/\"%s\"", text);
}

/* If-None-Match wins over If-Modified-Since (RFC 9110, section 13.2.2); compared weakly. */
static bool
is_unchanged(const struct ask *a, const char *etag)
{
	const char *match = header_in(a, "If-None-Match");
	const char *since = header_in(a, "If-Modified-Since");
	const char *modified = answer_get(a, "Last-Modified");

	if (match != NULL)
		return strcmp(match, "*") == 0 || strstr(match, etag + 2) != NULL;
	return since != NULL && modified != NULL && strcmp(since, modified) == 0;
}

static void
put_validators(struct ask *a)
{
	const char *etag = etag_of(a);

	answer_header(a, "ETag", etag);
	answer_header(a, "Cache-Control", "private, max-age=60, s-maxage=60");
	answer_header(a, "Vary", "Accept, Authorization, Cookie, X-GitHub-OTP");
	if (a->modified != 0)
		answer_header(a, "Last-Modified", http_date(a->arena, a->modified));
	if (!is_unchanged(a, etag))
		return;
	buf_reset(&a->out);
	a->status = 304;
	if (a->token != NULL && a->budget != NULL)
		a->budget->used--; /* free of charge, for those who are known */
}

void
answer_finish(struct ask *a)
{
	char id[33];

	if (a->status == 200 && strcmp(a->method, "GET") == 0)
		put_validators(a);
	put_budget(a);
	random_text(id, sizeof(id));
	answer_header(a, "X-GitHub-Request-Id", id);
	answer_header(a, "X-GitHub-Media-Type", "github.v3; format=json");
	answer_header(a, "x-github-api-version-selected", "2022-11-28");
	answer_header(a, "X-Content-Type-Options", "nosniff");
	if (a->is_enterprise)
		answer_header(a, "x-github-enterprise-version", "3.19.0");
	if (a->token != NULL) {
		answer_header(a, "X-OAuth-Scopes", a->token->scopes);
		answer_header(a, "X-OAuth-Client-Id", a->world->app.client_id);
		if (answer_get(a, "X-Accepted-OAuth-Scopes") == NULL)
			answer_header(a, "X-Accepted-OAuth-Scopes", "");
	}
}

struct query {
	struct buf text;
};

static enum MHD_Result
keep_parameter(void *with, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct query *q = with;

	(void)kind;
	if (strcmp(key, "page") == 0)
		return MHD_YES;
	buf_url(&q->text, span_of(key));
	buf_char(&q->text, '=');
	for (const char *at = value ? value : ""; *at; at++) {
		if (*at == ',' || *at == ':')
			buf_char(&q->text, *at);
		else
			buf_url(&q->text, (struct span){ at, 1 });
	}
	buf_char(&q->text, '&');
	return MHD_YES;
}

static void
put_link(struct buf *b, const struct ask *a, const char *path, const char *query, int64_t page,
    const char *rel)
{
	buf_format(b, "%s<%s%s?%spage=%lld>; rel=\"%s\"", b->len > 0 ? ", " : "", a->api, path,
	    query, (long long)page, rel);
}

void
answer_page(struct ask *a, const char *path, size_t count, size_t *from, size_t *to)
{
	int64_t size = query_int(a, "per_page", PER_PAGE), page = query_int(a, "page", 1), last;
	struct query query;
	struct buf link;

	size = size < 1 ? PER_PAGE : size > PER_PAGE_MAX ? PER_PAGE_MAX : size;
	page = page < 1 ? 1 : page > 100000 ? 100000 : page;
	last = ((int64_t)count + size - 1) / size;
	*from = (size_t)((page - 1) * size) < count ? (size_t)((page - 1) * size) : count;
	*to = *from + (size_t)size < count ? *from + (size_t)size : count;
	buf_init(&query.text, 4096);
	buf_init(&link, 16384);
	MHD_get_connection_values(a->connection, MHD_GET_ARGUMENT_KIND, keep_parameter, &query);
	if (page > 1)
		put_link(&link, a, path, buf_text(&query.text), page - 1, "prev");
	if (page < last)
		put_link(&link, a, path, buf_text(&query.text), page + 1, "next");
	if (page < last)
		put_link(&link, a, path, buf_text(&query.text), last, "last");
	if (page > 1)
		put_link(&link, a, path, buf_text(&query.text), 1, "first");
	if (link.len > 0)
		answer_header(a, "Link", buf_text(&link));
	buf_free(&query.text);
	buf_free(&link);
}
