/* reply: the envelope, the headers, the ETag. Nothing else writes to the connection. */
#include "web/app.h"

#include <stdio.h>

#include "adapter/hash.h"
#include "base/log.h"

/* nginx takes 16 KiB of head. What handlers say must leave room for the frame's own. */
enum { HEADERS_MAX = 14 * KIB, FRAME_MAX = 2 * KIB, DETAILS_MAX = KIB, URL_MAX = 8 * KIB };

struct span
request_header(const struct request *r, const char *name)
{
	return fastcgi_param(r->app->fastcgi, name);
}

struct span
request_list(const struct request *r, const char *name)
{
	struct fastcgi *from = r->app->fastcgi;
	struct span first = fastcgi_param(from, name), line;
	const char *mark = strcmp(name, "HTTP_COOKIE") == 0 ? "; " : ", ";
	struct buf list;

	if (fastcgi_param_at(from, name, 1).ptr == NULL)
		return first;
	buf_init(&list, 64 * KIB);
	for (size_t i = 0; (line = fastcgi_param_at(from, name, i)).ptr != NULL; i++) {
		if (i > 0)
			buf_puts(&list, mark);
		buf_add(&list, line);
	}
	if (buf_ok(&list))
		first = span_of(arena_text(r->scope.arena, buf_span(&list)));
	buf_free(&list);
	return first;
}

const char *
url_of(struct request *r, const char *prefix, const char *last)
{
	const char *text;
	struct buf url;

	buf_init(&url, URL_MAX);
	buf_puts(&url, prefix);
	buf_url(&url, span_of(last));
	text = buf_ok(&url) ? arena_text(r->scope.arena, buf_span(&url)) : NULL;
	buf_free(&url);
	return text;
}

/* Values come from tables and from checked text, yet a line end must never get out. */
void
reply_header(struct request *r, const char *name, const char *value)
{
	if (value == NULL || strpbrk(value, "\r\n") != NULL)
		return;
	buf_format(&r->reply.headers, "%s: %s\r\n", name, value);
}

struct rows
reply_rows(struct request *r)
{
	return (struct rows){ .text = &r->reply.data, .total = -1 };
}

enum err
reply_one(struct request *r, const struct rows *rows)
{
	r->reply.kind = REPLY_ONE;
	r->reply.status = 200;
	r->reply.version = rows->version;
	return OK;
}

enum err
reply_created(struct request *r, const char *location, const struct rows *rows)
{
	TRY(reply_one(r, rows));
	r->reply.status = 201;
	reply_header(r, "Location", location);
	return OK;
}

enum err
reply_none(struct request *r)
{
	r->reply.kind = REPLY_EMPTY;
	r->reply.status = 204;
	return OK;
}

enum err
reply_raw(struct request *r, const char *content_type, struct span body)
{
	r->reply.kind = REPLY_RAW;
	r->reply.status = 200;
	r->reply.content_type = content_type;
	buf_add(&r->reply.data, body);
	return OK;
}

enum err
reply_redirect(struct request *r, const char *url)
{
	buf_reset(&r->reply.data);
	TRY(reply_raw(r, "text/plain; charset=utf-8", SPAN("")));
	r->reply.status = r->route->method[0] == 'G' ? 302 : 303;
	r->reply.secret = true;
	reply_header(r, "Location", url);
	return url ? OK : ERR_NO_MEMORY;
}

enum err
reply_error_commit(struct request *r, enum err e)
{
	r->commits = true;
	return e;
}

/* "<version>-<hash>" or "<hash>": the hash tells readers of any change (counts, viewer, and what
 * stands behind the data: pagination), the version is what If-Match compares. */
static void
make_etag(struct request *r, struct span after)
{
	unsigned long long hash = hash_of(buf_span(&r->reply.data)) ^ hash_of(after);

	if (r->reply.version > 0)
		snprintf(r->reply.etag, sizeof(r->reply.etag), "\"%lld-%016llx\"",
		    (long long)r->reply.version, hash);
	else
		snprintf(r->reply.etag, sizeof(r->reply.etag), "\"%016llx\"", hash);
}

/* Opaque tag without W/ and quotes (RFC 9110, section 8.8.3; weak comparison, since nginx's
 * gzip makes every tag weak). */
static struct span
bare_tag(struct span tag)
{
	tag = span_trim(tag);
	if (span_starts(tag, SPAN("W/")))
		tag = (struct span){ tag.ptr + 2, tag.len - 2 };
	if (tag.len >= 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"')
		tag = (struct span){ tag.ptr + 1, tag.len - 2 };
	return tag;
}

static bool
not_modified(const struct request *r)
{
	struct span list = request_list(r, "HTTP_IF_NONE_MATCH");

	if (span_is(list, "*"))
		return true;
	while (list.len > 0 && list.ptr != NULL)
		if (span_equal(
		        bare_tag(span_cut(&list, ',')), bare_tag(span_of(r->reply.etag))))
			return true;
	return false;
}

enum err
if_match(struct request *r, int64_t version)
{
	struct span list = request_list(r, "HTTP_IF_MATCH");

	if (list.len == 0 || span_is(list, "*"))
		return OK;
	while (list.ptr != NULL) {
		struct span tag = bare_tag(span_cut(&list, ','));
		int64_t n;
		if (span_int(span_cut(&tag, '-'), &n) && n == version)
			return OK;
	}
	return ERR_CHANGED;
}

const struct texts *
given_fields(struct request *r)
{
	const struct form *form = r->route->form;
	const struct presence *presence = r->form;
	struct texts *names = arena_alloc(r->scope.arena, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->items = arena_alloc(r->scope.arena, form->count * sizeof(*names->items) + 1);
	for (size_t i = 0; names->items != NULL && i < form->count; i++)
		if (presence->given >> i & 1)
			names->items[names->count++] = form->fields[i].name;
	return names->items ? names : NULL;
}

/* [{"field":…},…] of the faulty fields. */
static void
details(const struct fault *f, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < f->count; i++) {
		const struct fault_field *at = &f->fields[i];
		buf_puts(out, i == 0 ? "{\"field\":\"" : ",{\"field\":\"");
		buf_json_any(out, span_of(at->field));
		buf_format(out, "\",\"code\":\"%s\",\"message\":\"%s\"", at->code, at->message);
		if (at->limit != 0)
			buf_format(out, ",\"limit\":%lld", (long long)at->limit);
		buf_char(out, '}');
	}
	buf_char(out, ']');
}

static bool
has_details(const struct request *r, enum err e)
{
	return r->scope.fault.count > 0 && err_row(e)->status < 500;
}

static const char *
message_of(const struct request *r, enum err e)
{
	return r->scope.fault.message ? r->scope.fault.message : err_row(e)->message;
}

static void
error_body(struct request *r, enum err e, struct buf *out)
{
	buf_puts(out, "{\"success\":false,\"error\":{\"code\":\"");
	buf_puts(out, err_row(e)->code);
	buf_puts(out, "\",\"message\":\"");
	buf_json_any(out, span_of(message_of(r, e)));
	buf_char(out, '"');
	if (has_details(r, e)) {
		buf_puts(out, ",\"details\":");
		details(&r->scope.fault, out);
	}
	buf_puts(out, "}}");
}

static void
pagination(const struct request *r, struct buf *out)
{
	const struct reply *reply = &r->reply;
	int64_t total = reply->total < 0 ? -reply->total : reply->total;

	if (reply->kind == REPLY_STREAM) {
		buf_format(out,
		    ",\"pagination\":{\"limit\":%lld,\"nextCursor\":", (long long)reply->limit);
		if (reply->next_cursor)
			buf_json_string(out, span_of(reply->next_cursor));
		else
			buf_puts(out, "null");
		buf_char(out, '}');
		return;
	}
	buf_format(out,
	    ",\"pagination\":{\"page\":%lld,\"limit\":%lld,\"total\":%lld,\"totalPages\":%lld%"
	    "s%s%s%s}",
	    (long long)reply->page, (long long)reply->limit, (long long)total,
	    (long long)((total + reply->limit - 1) / reply->limit),
	    reply->total < 0 ? ",\"total_is_estimate\":true" : "",
	    reply->next_cursor ? ",\"nextCursor\":\"" : "",
	    reply->next_cursor ? reply->next_cursor : "", reply->next_cursor ? "\"" : "");
}

/* The same for every anonymous caller: nginx may keep it, and of errors the 404: what is gone
 * must replace what nginx kept of it, or an outage would show it again. */
static bool
for_everybody(const struct request *r, enum err e)
{
	return r->route != NULL && uuid_empty(&r->viewer.id) && r->route->method[0] == 'G' &&
	       r->route->budget != BUDGET_NONE &&
	       (e == ERR_NOT_FOUND || (e == OK && r->reply.status == 200));
}

/* nginx keeps what is public to the end of the second in which the request began, so it never
 * shows anything older than a second: it counts in whole seconds, and of max-age=1 it makes up
 * to two. Whoever else keeps it asks before showing it. nginx obeys the first of the two lines,
 * and hides it (ngx_http_upstream_process_cache_control, 1.22). */
static void
cache_headers(struct request *r, enum err e)
{
	bool kept = r->route != NULL && r->route->budget != BUDGET_NONE && !r->reply.secret;

	reply_header(r, "Vary", "Origin, Authorization, Prefer");
	if (for_everybody(r, e)) {
		buf_format(
		    &r->reply.headers, "X-Accel-Expires: @%lld\r\n", (long long)r->second);
		reply_header(r, "Cache-Control", "public, no-cache");
	} else
		reply_header(
		    r, "Cache-Control", e == OK && kept ? "private, no-cache" : "no-store");
}

static void
rate_headers(struct request *r)
{
	const struct allowance *a = &r->allowance;
	const char *name = budget_name(r->route->budget);

	buf_format(&r->reply.headers,
	    "RateLimit-Policy: \"%s\";q=%lld;w=%lld\r\nRateLimit: \"%s\";r=%lld;t=%lld\r\n"
	    "X-RateLimit-Limit: %lld\r\nX-RateLimit-Remaining: %lld\r\nX-RateLimit-Reset: "
	    "%lld\r\n",
	    name, (long long)a->limit, (long long)a->seconds, name, (long long)a->remaining,
	    (long long)a->reset_seconds, (long long)a->limit, (long long)a->remaining,
	    (long long)a->reset_seconds);
}

/* What may have been done already is not to be sent again unseen, unless it comes to the same
 * (RFC 9110, section 9.2.2). */
static bool
repeatable(const struct request *r, enum err e)
{
	return e != ERR_UNKNOWN_COMMIT ||
	       !(span_is(r->method, "POST") || span_is(r->method, "PATCH"));
}

static void
retry_after(struct request *r, enum err e)
{
	int seconds = r->scope.fault.retry_after;

	if (err_row(e)->status == 503 && seconds == 0 && repeatable(r, e))
		seconds = 1;
	if (seconds > 0)
		buf_format(&r->reply.headers, "Retry-After: %d\r\n", seconds);
}

/* Reason phrases (RFC 9110, section 15) of the statuses that rows and handlers name. */
static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = { { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 409, "Conflict" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" } };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Other";
}

static void
send_parts(struct request *r, struct span before, struct span data, struct span after)
{
	struct reply *reply = &r->reply;
	struct fastcgi *out = r->app->fastcgi;
	size_t len = before.len + data.len + after.len;

	if (reply->status != 204 && reply->status != 304)
		buf_format(&reply->headers, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    reply->content_type, len);
	buf_format(
	    &reply->headers, "Status: %d %s\r\n\r\n", reply->status, reason(reply->status));
	fastcgi_write(out, buf_span(&reply->headers));
	if (r->head || reply->status == 304 || reply->status == 204)
		return;
	fastcgi_write(out, before);
	fastcgi_write(out, data);
	fastcgi_write(out, after);
}

/* RFC 9110, section 11.6.1: a 401 says what is wanted; RFC 6750, section 3.1: a token that was
 * there was no good. */
static void
challenge(struct request *r, enum err e)
{
	const char *wanted = e == ERR_NO_TOKEN
	                         ? "Bearer realm=\"codegram\""
	                         : "Bearer realm=\"codegram\", error=\"invalid_token\"";

	if (err_row(e)->status == 401)
		reply_header(
		    r, "WWW-Authenticate", r->reply.challenge ? r->reply.challenge : wanted);
}

static void
send_error(struct request *r, enum err e)
{
	r->reply.status = err_row(e)->status;
	r->reply.content_type = "application/json; charset=utf-8";
	buf_reset(&r->reply.data);
	error_body(r, e, &r->reply.data);
	challenge(r, e);
	retry_after(r, e);
	cache_headers(r, e);
	send_parts(r, SPAN(""), buf_span(&r->reply.data), SPAN(""));
}

/* What stands around the data: the envelope. */
static struct span
envelope(struct request *r, struct buf *after)
{
	if (r->reply.kind == REPLY_EMPTY || r->reply.kind == REPLY_RAW)
		return SPAN("");
	r->reply.content_type = "application/json; charset=utf-8";
	if (r->reply.kind != REPLY_ONE)
		pagination(r, after);
	buf_char(after, '}');
	return SPAN("{\"success\":true,\"data\":");
}

static void
send_data(struct request *r)
{
	struct span before;
	struct buf after;

	buf_init(&after, 4 * KIB);
	before = envelope(r, &after);
	if (r->reply.kind != REPLY_EMPTY && r->route->budget != BUDGET_NONE &&
	    !r->reply.secret) {
		make_etag(r, buf_span(&after));
		reply_header(r, "ETag", r->reply.etag);
	}
	cache_headers(r, OK);
	if (r->reply.etag[0] != '\0' && r->reply.status == 200 && r->route->method[0] == 'G' &&
	    not_modified(r))
		r->reply.status = 304;
	send_parts(r, before, buf_span(&r->reply.data), buf_span(&after));
	buf_free(&after);
}

/* What the frontend is told besides the code and the reason: details as in the envelope, when
 * to come again, and the name under which the log has it. */
static void
failure_more(const struct request *r, enum err e, struct buf *url)
{
	struct buf json;

	if (r->id.len > 0) {
		buf_puts(url, "&request_id=");
		buf_url(url, r->id);
	}
	if (r->scope.fault.retry_after > 0)
		buf_format(url, "&retry_after=%d", r->scope.fault.retry_after);
	if (!has_details(r, e))
		return;
	buf_init(&json, DETAILS_MAX);
	details(&r->scope.fault, &json);
	if (buf_ok(&json)) {
		buf_puts(url, "&details=");
		buf_url(url, buf_span(&json));
	}
	buf_free(&json);
}

/* A person looks at this answer: the frontend tells them why. */
static enum err
failure_page(struct request *r, enum err e)
{
	struct span frontend = span_of(r->app->settings->FRONTEND_URL);
	struct buf url;

	frontend = span_trim(span_cut(&frontend, ','));
	if (frontend.len == 0)
		return e;
	buf_init(&url, URL_MAX);
	buf_add(&url, frontend);
	buf_puts(&url, "/?error=");
	buf_url(&url, span_of(err_row(e)->code));
	buf_puts(&url, "&reason=");
	buf_url(&url, span_of(message_of(r, e)));
	failure_more(r, e, &url);
	if (buf_ok(&url))
		e = reply_redirect(r, buf_text(&url));
	buf_free(&url);
	return e;
}

/* An answer that does not fit is an error of ours, with a head of its own: none of what was
 * promised in the one that did not fit. */
static enum err
fits(struct request *r, enum err e)
{
	if (!buf_ok(&r->reply.headers)) {
		buf_reset(&r->reply.headers);
		cors_headers(r);
		return fault(&r->scope.fault, ERR_NO_MEMORY, "the answer's head is too large");
	}
	if (e == OK && !buf_ok(&r->reply.data))
		return fault(&r->scope.fault, ERR_NO_MEMORY, "the answer is too large");
	return e;
}

void
reply_send(struct request *r, enum err e)
{
	e = fits(r, e);
	if (e != OK && r->route != NULL && r->route->who == BROWSER)
		e = failure_page(r, e);
	e = fits(r, e);
	r->reply.headers.max = HEADERS_MAX + FRAME_MAX;
	/* nobody's budget in an answer for everybody */
	if (r->allowance.known && !for_everybody(r, e))
		rate_headers(r);
	if (e != OK)
		send_error(r, e);
	else
		send_data(r);
	r->reply.headers.max = HEADERS_MAX;
}

void
reply_reset(struct request *r)
{
	struct buf data = r->reply.data, headers = r->reply.headers;

	if (headers.max == 0) {
		buf_init(&data, 64 * KIB * KIB);
		buf_init(&headers, HEADERS_MAX);
	}
	/* One large answer must not hold its memory for the process's life. */
	if (data.size > KIB * KIB)
		buf_free(&data);
	buf_reset(&data);
	buf_reset(&headers);
	r->reply = (struct reply){ .data = data, .headers = headers };
}
