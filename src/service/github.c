/* github: the calls: one request after the other, tried again when GitHub stumbles, redirects
 * followed on its own host. What an answer means stands in github_answer.c. */
#include "service/github.h"

#include <poll.h>

#include "adapter/hash.h"
#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "service/github_answer.h"

enum {
	ANSWER_MAX = 4 * 1024 * 1024,
	REDIRECTS_MAX = 3,
	TRIES_MAX = 3,
	FIRST_PAUSE_MS = 200,
	VALIDATOR_MAX = 256,
	NEXT_MAX = 2000,
};

void
github_init(struct github *g, struct http_client *http, const struct settings *settings,
    struct scope *scope, const char *token)
{
	*g = (struct github){ .http = http,
		.settings = settings,
		.scope = scope,
		.token = token,
		.reserve = settings->GITHUB_RESERVE,
		.budget = { -1, -1, -1 },
		.graphql = { -1, -1, -1 } };
}

const char *
github_join(const char *base, const char *path, struct scope *scope)
{
	struct span b = span_of(base);

	while (b.len > 0 && b.ptr[b.len - 1] == '/')
		b.len--;
	return arena_format(scope->arena, "%.*s%s", (int)b.len, b.ptr, path);
}

/* ---- one request */

static int64_t
time_left_ms(const struct github *g)
{
	int64_t all = g->settings->GITHUB_TIMEOUT_MS, left;

	if (g->deadline == 0)
		return all;
	left = (g->deadline - clock_mono()) / 1000;
	return left < all ? left : all;
}

static void
add_header(struct http_request *r, const char *name, const char *value)
{
	if (value != NULL)
		r->headers[r->header_count++] = (struct http_header){ name, span_of(value) };
}

static void
add_headers(struct http_request *r, const struct github_call *call)
{
	add_header(r, "Authorization", call->authorization);
	add_header(r, "Accept", "application/vnd.github+json, application/json;q=0.9");
	add_header(r, "X-GitHub-Api-Version", "2022-11-28");
	add_header(r, "Content-Type", call->content_type);
	if (call->kept == NULL)
		return;
	add_header(r, "If-None-Match", call->kept->etag);
	if (call->kept->etag == NULL)
		add_header(r, "If-Modified-Since", call->kept->last_modified);
}

enum err
github_send(struct github *g, const struct github_call *call, struct http_response *response,
    struct github_page *page)
{
	struct http_request r = { .method = call->method,
		.url = call->url,
		.body = call->body,
		.timeout_ms = time_left_ms(g),
		.body_max = ANSWER_MAX,
		.origin = call->origin,
		.once = call->once };
	struct fault *f = &g->scope->fault;
	enum err e;

	page->status = 0;
	page->outcome = GITHUB_AWAY;
	page->reason = "GitHub did not answer in time";
	page->not_before_ms = 0;
	if (r.timeout_ms <= 0)
		return OK;
	if (!github_breaker_lets(g->breaker, &page->not_before_ms)) {
		page->reason = "GitHub does not answer; it is asked again later";
		return OK;
	}
	add_headers(&r, call);
	e = http_call(g->http, &r, response, g->scope);
	if (e == ERR_INVALID || e == ERR_FORBIDDEN || e == ERR_NO_MEMORY)
		return e == ERR_FORBIDDEN ? ERR_INVALID : e;
	g->requests++;
	g->micros += response->micros;
	github_breaker_saw(g->breaker, e == OK ? response->status < 500 : e == ERR_TOO_LARGE);
	if (e != OK) {
		LOG(LEVEL_WARN, "github.away", L_TEXT("error", f->story),
		    L_INT("ms", response->micros / 1000));
		f->story[0] = '\0'; /* the outcome tells it */
		page->reason = "GitHub could not be reached";
		if (e != ERR_TOO_LARGE)
			return OK;
		page->outcome = GITHUB_REFUSED;
		page->reason = "GitHub's answer is too large";
		return OK;
	}
	LOG(LEVEL_DEBUG, "github.call", L_TEXT("method", call->method),
	    L_TEXT("url", call->url), L_INT("status", response->status),
	    L_INT("ms", response->micros / 1000));
	page->status = response->status;
	page->reason = NULL;
	github_take_budget(g, response, call->is_graphql);
	return OK;
}

/* NULL when the body is none: that is for the caller to judge. */
static enum err
read_json(struct github *g, const struct http_response *response, const struct json_t **out)
{
	struct json_t *json = NULL;
	enum err e = response->body.len > 0 ? json_any_of(response->body, &json, g->scope) : OK;

	if (e == ERR_BAD_JSON)
		g->scope->fault.story[0] = '\0';
	*out = json;
	return e == ERR_NO_MEMORY ? e : OK;
}

/* Trouble that may be over in a moment. */
static bool
stumbled(const struct github_page *page, const struct json_t *json)
{
	if (page->status == 0) /* asked in vain, not left alone */
		return page->outcome == GITHUB_AWAY && page->not_before_ms == 0;
	return page->status >= 500 ||
	       ((page->status == 200 || page->status == 201) && json == NULL);
}

/* Trouble that tells itself when it will be over: not in a moment. */
static bool
says_when(const struct github_page *page, const struct http_response *response)
{
	return page->status >= 500 && github_retry_after_ms(response) > 0;
}

/* False when the time is up; else after a pause of its own length for everybody. */
static bool
pause_before(const struct github *g, int try)
{
	int64_t ms = FIRST_PAUSE_MS << (2 * try);
	uint32_t random;

	random_bytes(&random, sizeof(random));
	ms = ms / 2 + (int64_t)(random % (uint32_t)ms);
	if (g->deadline != 0 && clock_mono() + (ms + FIRST_PAUSE_MS) * 1000 > g->deadline)
		return false;
	(void)!poll(NULL, 0, (int)ms);
	return true;
}

/* A request that may be sent again, until it gets an answer that makes sense. */
static enum err
ask(struct github *g, const struct github_call *call, struct http_response *response,
    const struct json_t **json, struct github_page *page)
{
	for (int try = 0;; try++) {
		*json = NULL;
		TRY(github_send(g, call, response, page));
		if (page->status != 0)
			TRY(read_json(g, response, json));
		if (!stumbled(page, *json) || try + 1 == TRIES_MAX ||
		    says_when(page, response) || !pause_before(g, try))
			return OK;
		g->retries++;
	}
}

static const char *
bearer(const struct github *g)
{
	return g->token ? arena_format(g->scope->arena, "Bearer %s", g->token) : NULL;
}

/* 401: only GitHub's answer about the token itself ends the connection. */
static enum err
confirm(struct github *g, struct github_page *page)
{
	struct github_page check;

	if (page->status != 401 || page->outcome != GITHUB_DISCONNECTED || g->token == NULL)
		return OK;
	if (g->settings->GITHUB_CLIENT_SECRET == NULL)
		return OK;
	TRY(github_check_token(g, g->token, &check));
	if (check.outcome == GITHUB_DISCONNECTED)
		return OK;
	page->code = NULL;
	github_judge_away(g, page,
	    check.outcome == GITHUB_OK ? "GitHub refused a token that it calls valid"
	                               : "GitHub refused the token, and did not say why");
	if (check.outcome == GITHUB_LATER)
		page->not_before_ms = check.not_before_ms;
	page->outcome = GITHUB_LATER;
	return OK;
}

/* ---- GET */

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 307 || status == 308;
}

static void
refuse(struct github_page *page, const char *reason)
{
	page->outcome = GITHUB_REFUSED;
	page->reason = reason;
	page->json = NULL;
}

/* Where it points to, when we may go there with the token; NULL: page says why not. */
static enum err
follow(struct github *g, const struct http_response *response, const char **url,
    struct github_page *page)
{
	const char *location = http_header(response, "Location"), *to = NULL;
	enum err e;

	if (location == NULL || *location == '\0')
		e = ERR_INVALID;
	else
		e = http_url_join(*url, location, &to, g->scope);
	*url = NULL;
	if (e == ERR_NO_MEMORY)
		return e;
	if (e == OK && http_same_origin(to, g->settings->GITHUB_API_URL))
		*url = to;
	else
		refuse(page, "GitHub redirects to another host");
	return OK;
}

/* ASCII that can be seen, and no more of it than we keep. */
static bool
is_plain(const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len <= most;
}

static const char *
validator(const struct http_response *response, const char *name, const char *before)
{
	const char *value = http_header(response, name);

	if (value == NULL)
		return before;
	return is_plain(value, VALIDATOR_MAX) ? value : NULL;
}

static enum err
take_kept(struct github *g, const struct http_response *response,
    const struct github_kept *before, struct github_page *page)
{
	const char *link = http_header(response, "Link");
	struct span next;
	enum github_link found;
	enum err e;

	page->kept = before && page->outcome == GITHUB_UNCHANGED
	                 ? *before
	                 : (struct github_kept){ .etag = NULL };
	page->kept.etag = validator(response, "ETag", page->kept.etag);
	page->kept.last_modified =
	    validator(response, "Last-Modified", page->kept.last_modified);
	if (link == NULL)
		return OK;
	page->kept.next = NULL;
	if ((found = github_link_next(span_of(link), &next)) == LINK_LAST)
		return OK;
	if (found == LINK_NEXT) {
		const char *text = arena_text(g->scope->arena, next);
		if (text == NULL)
			return ERR_NO_MEMORY;
		e = http_url_join(page->url, text, &page->kept.next, g->scope);
		if (e == ERR_NO_MEMORY)
			return e;
		if (e == OK && is_plain(page->kept.next, NEXT_MAX) &&
		    http_same_origin(page->kept.next, g->settings->GITHUB_API_URL))
			return OK;
	}
	page->kept = (struct github_kept){ .etag = NULL };
	refuse(page, "GitHub's link to the next page leads elsewhere");
	return OK;
}

static enum err
judge(struct github *g, const struct http_response *response, const struct json_t *json,
    const struct github_kept *kept, bool moved, struct github_page *page)
{
	if (page->status == 0) {
		if (page->outcome == GITHUB_AWAY)
			github_judge_away(g, page, page->reason);
		return OK;
	}
	github_judge(g, response, json, page);
	if (page->outcome == GITHUB_UNCHANGED) {
		g->not_modified++;
		if (kept == NULL)
			github_judge_away(g, page, "GitHub's answer makes no sense");
	}
	if (page->outcome == GITHUB_OK) {
		page->hash = hash_of(response->body);
		if (json == NULL)
			github_judge_away(g, page, "GitHub's answer makes no sense");
		else if (moved)
			page->outcome = GITHUB_MOVED;
	}
	if (github_answered(page->outcome) || page->outcome == GITHUB_UNCHANGED ||
	    page->outcome == GITHUB_EMPTY)
		return take_kept(g, response, kept, page);
	return confirm(g, page);
}

/* A path, or a link that GitHub gave. */
static enum err
url_of(struct github *g, const char *where, const char **url)
{
	*url =
	    where[0] == '/' ? github_join(g->settings->GITHUB_API_URL, where, g->scope) : where;
	if (*url == NULL)
		return ERR_NO_MEMORY;
	if (http_same_origin(*url, g->settings->GITHUB_API_URL))
		return OK;
	return fault(&g->scope->fault, ERR_INVALID, "GitHub: a URL of another host");
}

enum err
github_get(struct github *g, const char *where, const struct github_kept *kept,
    struct github_page *page)
{
	struct github_call call = { .method = "GET",
		.origin = g->settings->GITHUB_API_URL,
		.authorization = bearer(g),
		.kept = kept };
	struct http_response response;
	const struct json_t *json;
	int hops = 0;

	*page = (struct github_page){ .outcome = GITHUB_REFUSED };
	TRY(url_of(g, where, &call.url));
	if (g->token != NULL && call.authorization == NULL)
		return ERR_NO_MEMORY;
	for (;;) {
		page->url = call.url;
		if (!github_may_ask(g, false, page))
			return OK;
		TRY(ask(g, &call, &response, &json, page));
		if (!is_redirect(page->status))
			return judge(g, &response, json, kept, hops > 0, page);
		if (++hops > REDIRECTS_MAX) {
			refuse(page, "GitHub redirects without end");
			return OK;
		}
		TRY(follow(g, &response, &call.url, page));
		if (call.url == NULL)
			return OK;
	}
}

/* ---- GraphQL */

/* GitHub Enterprise has it beside /api/v3, not below. */
static const char *
graphql_url(struct github *g)
{
	struct span base = span_of(g->settings->GITHUB_API_URL), tail = SPAN("/v3");

	while (base.len > 0 && base.ptr[base.len - 1] == '/')
		base.len--;
	if (base.len > tail.len &&
	    memcmp(base.ptr + base.len - tail.len, tail.ptr, tail.len) == 0)
		base.len -= tail.len;
	return arena_format(g->scope->arena, "%.*s/graphql", (int)base.len, base.ptr);
}

static enum err
graphql_body(struct github *g, const char *query, struct span variables, struct span *out)
{
	struct buf b;
	const char *text;

	buf_init(&b, 64 * KIB);
	buf_puts(&b, "{\"query\":");
	buf_json_string(&b, span_of(query));
	if (variables.len > 0) {
		buf_puts(&b, ",\"variables\":");
		buf_add(&b, variables);
	}
	buf_char(&b, '}');
	text = buf_ok(&b) ? arena_text(g->scope->arena, buf_span(&b)) : NULL;
	buf_free(&b);
	*out = span_of(text);
	return text ? OK : ERR_NO_MEMORY;
}

enum err
github_graphql(
    struct github *g, const char *query, struct span variables, struct github_page *page)
{
	struct github_call call = { .method = "POST",
		.url = graphql_url(g),
		.origin = g->settings->GITHUB_API_URL,
		.authorization = bearer(g),
		.content_type = "application/json",
		.is_graphql = true };
	struct http_response response;
	const struct json_t *json = NULL;

	*page = (struct github_page){ .outcome = GITHUB_REFUSED, .url = call.url };
	if (call.url == NULL || (g->token != NULL && call.authorization == NULL))
		return ERR_NO_MEMORY;
	TRY(graphql_body(g, query, variables, &call.body));
	if (!github_may_ask(g, true, page))
		return OK;
	/* 502 and 504 want a smaller question, not the same one again */
	TRY(github_send(g, &call, &response, page));
	if (page->status == 0 && stumbled(page, NULL) && pause_before(g, 0)) {
		g->retries++;
		TRY(github_send(g, &call, &response, page));
	}
	if (page->status == 0) {
		if (page->outcome == GITHUB_AWAY)
			github_judge_away(g, page, page->reason);
		else
			page->outcome = GITHUB_TOO_MUCH;
		return OK;
	}
	TRY(read_json(g, &response, &json));
	github_judge_graphql(g, &response, json, page);
	if (page->outcome == GITHUB_OK)
		page->hash = hash_of(response.body);
	return confirm(g, page);
}
