/* github_limit: GitHub asks us to wait: the words by which it says so, and for how long. As its
 * documents "Rate limits for the REST API" and "… for the GraphQL API" have it: retry-after, then
 * the reset, then a minute; but never less than a minute, doubled by each limit in a row. What
 * it says of time is by its own clock, of which the header `Date` tells. */
#include "adapter/json_list.h"
#include "base/clock.h"
#include "service/github_answer.h"

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	WAIT_MAX = 6 * 60 * MINUTE, /* whatever a header says */
	DOUBLINGS = 6,
	DOUBLED_MAX = 60 * MINUTE,
};
#define LATEST INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static int64_t
now_s(void)
{
	return clock_now() / 1000000;
}

static int64_t
now_ms(void)
{
	return clock_now() / 1000;
}

static int64_t
their_now(const struct http_response *response)
{
	int64_t at = http_date_read(http_header(response, "Date"));

	return at > 0 && at <= LATEST ? at : now_s();
}

static int64_t
header_int(const struct http_response *response, const char *name, int64_t fallback)
{
	int64_t n;

	return span_int(span_of(http_header(response, name)), &n) && n >= 0 ? n : fallback;
}

/* x-ratelimit-reset as our clock will show it; -1: it is not said. */
static int64_t
reset_of(const struct http_response *response)
{
	int64_t reset = header_int(response, "x-ratelimit-reset", -1);

	if (reset < 0)
		return -1;
	reset = (reset > LATEST ? LATEST : reset) - their_now(response) + now_s();
	return reset > 0 ? reset : 0;
}

void
github_take_budget(struct github *g, const struct http_response *response, bool is_graphql)
{
	const char *resource = http_header(response, "x-ratelimit-resource");
	struct github_budget seen = { header_int(response, "x-ratelimit-limit", -1),
		header_int(response, "x-ratelimit-remaining", -1), reset_of(response) };

	if (seen.limit < 0 || seen.remaining < 0 || seen.reset < 0)
		return;
	if (resource == NULL)
		resource = is_graphql ? "graphql" : "core";
	if (strcmp(resource, "core") == 0)
		g->budget = seen;
	else if (strcmp(resource, "graphql") == 0)
		g->graphql = seen;
}

static void
later(struct github_page *page, int64_t wait_ms, const char *reason)
{
	if (wait_ms > WAIT_MAX)
		wait_ms = WAIT_MAX;
	page->outcome = GITHUB_LATER;
	page->not_before_ms = now_ms() + wait_ms;
	page->reason = reason;
}

/* A second, since it is a whole one. */
static int64_t
behind(int64_t reset)
{
	return ((reset > LATEST ? LATEST : reset) + 1) * SECOND;
}

bool
github_may_ask(const struct github *g, bool is_graphql, struct github_page *page)
{
	const struct github_budget *b = is_graphql ? &g->graphql : &g->budget;
	int64_t reserve = g->reserve < b->limit / 2 ? g->reserve : b->limit / 2;
	int64_t wait_ms = g->not_before_ms - now_ms();

	if (wait_ms > 0 && wait_ms <= WAIT_MAX) /* none of ours is longer: a clock was ahead */
		later(page, wait_ms, "waiting for GitHub's limit to pass");
	else if (b->limit > 0 && reserve > 0 && b->remaining <= reserve && b->reset > now_s())
		later(page, behind(b->reset) - now_ms(),
		    "the rest of this hour's requests is left to the person's other apps");
	else
		return true;
	return false;
}

/* ---- is it one? */

static const char *const limits[] = { "rate limit", "rate-limit", "rate_limit",
	"abuse detection", "submitted too quickly", "login attempts exceeded", NULL };

static bool
text_holds(const struct json_t *json, const char *key, const char *const *words)
{
	const char *text;

	return json != NULL && json_get_text(json, key, &text) && github_holds(text, words);
}

static bool
thing_holds(const struct json_t *json, const char *const *words)
{
	return text_holds(json, "message", words) || text_holds(json, "type", words) ||
	       text_holds(json, "code", words) || text_holds(json, "documentation_url", words);
}

/* A proxy on the way may answer with a page instead of JSON. */
static bool
body_holds(const struct http_response *r, const struct json_t *json, const char *const *words)
{
	const struct json_t *errors = json_get_list(json, "errors");

	if (json == NULL)
		return r->body.ptr != NULL && github_holds(r->body.ptr, words);
	for (size_t i = 0; i < json_count(errors); i++)
		if (thing_holds(json_at(errors, i), words))
			return true;
	return thing_holds(json, words);
}

static bool
is_limit(const struct http_response *r, const struct json_t *json)
{
	if (r->status == 200) /* GraphQL's */
		return json != NULL && body_holds(r, json, limits);
	if (r->status == 429)
		return true;
	return r->status == 403 && (http_header(r, "retry-after") != NULL ||
	                               header_int(r, "x-ratelimit-remaining", 1) == 0 ||
	                               body_holds(r, json, limits));
}

/* ---- for how long? */

int64_t
github_retry_after_ms(const struct http_response *response)
{
	const char *text = http_header(response, "retry-after");
	int64_t n = header_int(response, "retry-after", -1), at;

	if (n < 0 && text != NULL && (at = http_date_read(text)) > 0)
		n = at - their_now(response);
	if (n < 0)
		return -1;
	return n > WAIT_MAX / SECOND ? WAIT_MAX : n * SECOND;
}

/* -1: it says nothing, or of a time that is over. */
static int64_t
until_reset(const struct http_response *response)
{
	int64_t reset = reset_of(response);

	return reset < now_s() ? -1 : behind(reset) - now_ms();
}

bool
github_judge_limit(struct github *g, const struct http_response *response,
    const struct json_t *json, bool is_graphql, struct github_page *page)
{
	static const char *const primary[] = { "API rate limit", "rate_limit", NULL };
	int64_t said = github_retry_after_ms(response), wait;
	bool of_the_hour;

	if (!is_limit(response, json))
		return false;
	of_the_hour = said < 0 && (header_int(response, "x-ratelimit-remaining", 1) == 0 ||
	                              body_holds(response, json, primary));
	if (of_the_hour)
		said = until_reset(response);
	wait = (int64_t)MINUTE << (g->waits < DOUBLINGS ? g->waits : DOUBLINGS);
	if (wait > DOUBLED_MAX)
		wait = DOUBLED_MAX;
	g->waits++;
	later(page, said > wait ? said : wait,
	    of_the_hour ? "this hour's requests to GitHub are used up"
	                : "GitHub asks for fewer requests (secondary limit)");
	/* GraphQL's hour is its own; any other limit is the whole token's. */
	if (!is_graphql || !of_the_hour || said < wait)
		g->not_before_ms = page->not_before_ms;
	return true;
}
