/* github_answer: the table of how GitHub answers, as code. Limits in the order of GitHub's
 * document "Rate limits for the REST API": retry-after, then the reset, then a minute that
 * doubles. */
#include "service/github_answer.h"

#include "adapter/json_list.h"
#include "base/clock.h"
#include "base/random.h"

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	WAIT_MAX = 6 * 60 * MINUTE, /* whatever a header says */
	DOUBLED_MAX = 60 * MINUTE,
	REASON_MAX = 200,
};

const char *
github_outcome_name(enum github_outcome outcome)
{
	static const char *const names[] = { "ok", "moved", "unchanged", "empty", "later",
		"away", "disconnected", "gone", "blocked", "forbidden", "too_much", "refused" };

	return names[outcome];
}

/* ---- Link */

static void
skip(struct span *text, const char *what)
{
	while (text->len > 0 && *text->ptr != '\0' && strchr(what, *text->ptr)) {
		text->ptr++;
		text->len--;
	}
}

/* Up to the first of `marks` that is not inside quotes; false when a quote is left open. */
static bool
take(struct span *text, const char *marks, struct span *out)
{
	struct span taken = { text->ptr, 0 };
	bool quoted = false;

	while (text->len > 0 && (quoted || *text->ptr == '\0' || !strchr(marks, *text->ptr))) {
		quoted = quoted != (*text->ptr == '"');
		text->ptr++;
		text->len--;
		taken.len++;
	}
	*out = span_trim(taken);
	return !quoted;
}

static bool
says_next(struct span parameter)
{
	struct span name = span_trim(span_cut(&parameter, '=')), value;

	if (!span_equal_nocase(name, SPAN("rel")) || parameter.ptr == NULL)
		return false;
	value = span_trim(parameter);
	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = (struct span){ value.ptr + 1, value.len - 2 };
	while (value.ptr != NULL)
		if (span_equal_nocase(span_cut(&value, ' '), SPAN("next")))
			return true;
	return false;
}

enum github_link
github_link_next(struct span header, struct span *next)
{
	struct span rest = header;

	for (skip(&rest, " \t,"); rest.len > 0; skip(&rest, " \t,")) {
		struct span url;
		bool is_next = false;
		if (*rest.ptr != '<')
			return LINK_BROKEN;
		url = span_cut(&rest, '>');
		if (rest.ptr == NULL)
			return LINK_BROKEN;
		for (skip(&rest, " \t"); rest.len > 0 && *rest.ptr == ';'; skip(&rest, " \t")) {
			struct span parameter;
			skip(&rest, ";");
			if (!take(&rest, ";,", &parameter))
				return LINK_BROKEN;
			is_next = says_next(parameter) || is_next;
		}
		if (rest.len > 0 && *rest.ptr != ',')
			return LINK_BROKEN;
		if (is_next) {
			*next = (struct span){ url.ptr + 1, url.len - 1 };
			return next->len > 0 ? LINK_NEXT : LINK_BROKEN;
		}
	}
	return LINK_LAST;
}

/* ---- limits */

static int64_t
now_ms(void)
{
	return clock_now() / 1000;
}

static int64_t
header_int(const struct http_response *response, const char *name, int64_t fallback)
{
	int64_t n;

	return span_int(span_of(http_header(response, name)), &n) && n >= 0 ? n : fallback;
}

void
github_take_budget(struct github *g, const struct http_response *response, bool is_graphql)
{
	const char *resource = http_header(response, "x-ratelimit-resource");
	struct github_budget seen = { header_int(response, "x-ratelimit-limit", -1),
		header_int(response, "x-ratelimit-remaining", -1),
		header_int(response, "x-ratelimit-reset", -1) };

	if (seen.limit < 0 || seen.remaining < 0 || seen.reset < 0)
		return;
	if (resource == NULL)
		resource = is_graphql ? "graphql" : "core";
	if (strcmp(resource, "core") == 0)
		g->budget = seen;
	else if (strcmp(resource, "graphql") == 0)
		g->graphql = seen;
}

static int64_t
bounded(int64_t wanted)
{
	int64_t now = now_ms();

	if (wanted < now + SECOND)
		return now + SECOND;
	return wanted > now + WAIT_MAX ? now + WAIT_MAX : wanted;
}

/* A second behind the reset, since GitHub's clock is not ours. */
static int64_t
behind(int64_t reset)
{
	return bounded(reset > INT64_MAX / SECOND - 1 ? INT64_MAX : (reset + 1) * SECOND);
}

static void
later(struct github_page *page, int64_t at, const char *reason)
{
	page->outcome = GITHUB_LATER;
	page->not_before_ms = at;
	page->reason = reason;
}

bool
github_may_ask(const struct github *g, bool is_graphql, struct github_page *page)
{
	const struct github_budget *b = is_graphql ? &g->graphql : &g->budget;
	int64_t reserve = g->reserve < b->limit / 2 ? g->reserve : b->limit / 2;

	if (g->not_before_ms > now_ms())
		later(page, g->not_before_ms, "waiting for GitHub's limit to pass");
	else if (b->limit > 0 && reserve > 0 && b->remaining <= reserve &&
	         b->reset > clock_now() / 1000000)
		later(page, behind(b->reset),
		    "the rest of this hour's requests is left to the person's other apps");
	else
		return true;
	return false;
}

/* The whole token has to wait. */
static void
limited(struct github *g, struct github_page *page, int64_t at, const char *reason)
{
	later(page, bounded(at), reason);
	g->not_before_ms = page->not_before_ms;
}

static void
secondary(struct github *g, struct github_page *page, int64_t retry_after)
{
	int64_t wait = MINUTE << (g->waits < 6 ? g->waits : 6);

	if (wait > DOUBLED_MAX)
		wait = DOUBLED_MAX;
	if (retry_after >= 0)
		wait = retry_after > WAIT_MAX / SECOND ? WAIT_MAX : retry_after * SECOND;
	g->waits++;
	limited(g, page, now_ms() + wait, "GitHub asks for fewer requests (secondary limit)");
}

/* ---- error bodies */

/* GitHub's own words, short enough for a row of ours; never NULL. */
static const char *
message_of(const struct json_t *json, struct arena *arena)
{
	const char *text;
	size_t len;

	if (json == NULL || !json_get_text(json, "message", &text))
		return "";
	len = strlen(text);
	if (len > REASON_MAX)
		for (len = REASON_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	text = arena_text(arena, (struct span){ text, len });
	return text ? text : "";
}

static const char *
or_words(const char *message, const char *words)
{
	return *message ? message : words;
}

static bool
holds(const char *message, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasestr(message, *words) != NULL)
			return true;
	return false;
}

static void
disconnected(struct github_page *page, const char *code, const char *reason)
{
	page->outcome = GITHUB_DISCONNECTED;
	page->code = code;
	page->reason = reason;
}

static bool
blocked(const struct json_t *json, int status, struct github_page *page, struct arena *arena)
{
	const struct json_t *block = json ? json_get_object(json, "block") : NULL;
	const char *why = NULL;

	if (status != 451 && block == NULL)
		return false;
	if (block != NULL)
		json_get_text(block, "reason", &why);
	page->outcome = GITHUB_BLOCKED;
	page->code = why ? arena_text(arena, span_of(why)) : "unavailable";
	page->reason = arena_format(arena, "GitHub has blocked it (%s)", page->code);
	return true;
}

/* Any one of the accepted scopes is enough; a wider one ("user") holds the narrower
 * ("user:email"). */
static bool
scope_missing(const char *granted, const char *accepted)
{
	struct span wanted = span_of(accepted);

	if (granted == NULL || accepted == NULL || span_trim(wanted).len == 0)
		return false;
	while (wanted.ptr != NULL) {
		struct span one = span_trim(span_cut(&wanted, ',')), rest = span_of(granted);
		while (rest.ptr != NULL) {
			struct span have = span_trim(span_cut(&rest, ','));
			if (have.len > 0 && (span_equal(have, one) ||
			                        (one.len > have.len && span_starts(one, have) &&
			                            one.ptr[have.len] == ':')))
				return false;
		}
	}
	return true;
}

static void
judge_403(struct github *g, const struct http_response *r, const struct json_t *json,
    struct github_page *page)
{
	static const char *const slower[] = { "secondary rate", "abuse", NULL };
	static const char *const suspended[] = { "suspended", NULL };
	static const char *const of_an_organisation[] = { "SAML",
		"OAuth App access restrictions", NULL };
	const char *message = message_of(json, g->scope->arena);
	const char *accepted = http_header(r, "X-Accepted-OAuth-Scopes");
	int64_t retry_after = header_int(r, "retry-after", -1);

	if (blocked(json, r->status, page, g->scope->arena))
		return;
	if (retry_after >= 0)
		secondary(g, page, retry_after);
	else if (header_int(r, "x-ratelimit-remaining", 1) == 0)
		limited(g, page, behind(header_int(r, "x-ratelimit-reset", 0)),
		    "this hour's requests to GitHub are used up");
	else if (r->status == 429 || holds(message, slower))
		secondary(g, page, -1);
	else if (holds(message, suspended))
		disconnected(page, "suspended", "GitHub has suspended this account");
	else if (http_header(r, "X-GitHub-SSO") == NULL &&
	         !holds(message, of_an_organisation) && scope_missing(page->scopes, accepted))
		disconnected(page, "scope",
		    arena_format(g->scope->arena, "the scope %s is missing; granted: %s",
		        accepted, *page->scopes ? page->scopes : "none"));
	else {
		page->outcome = GITHUB_FORBIDDEN;
		page->reason = or_words(message, "GitHub does not allow it");
	}
}

/* Between one and one and a half of `ms` from now, so that not all come back together. */
static int64_t
about(int64_t ms)
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	return now_ms() + ms + (int64_t)(random % (uint32_t)(ms / 2));
}

void
github_judge_away(struct github *g, struct github_page *page, const char *why)
{
	(void)g;
	page->outcome = GITHUB_AWAY;
	page->not_before_ms = about(MINUTE / 2);
	page->reason = why;
}

static void
judge_error(struct github *g, const struct http_response *r, const struct json_t *json,
    struct github_page *page)
{
	const char *message;

	switch (r->status) {
	case 401: disconnected(page, "revoked", "GitHub no longer accepts the token"); return;
	case 403:
	case 429: judge_403(g, r, json, page); return;
	case 404:
	case 410:
		page->outcome = GITHUB_GONE;
		page->reason = "GitHub has no such thing, or shows it no longer";
		return;
	case 451: blocked(json, r->status, page, g->scope->arena); return;
	default: break;
	}
	if (r->status >= 500) {
		later(page, about(MINUTE), "GitHub has trouble of its own");
		return;
	}
	message = message_of(json, g->scope->arena);
	page->outcome = GITHUB_REFUSED;
	page->reason = or_words(message, "GitHub refused the request");
}

static void
take_scopes(const struct http_response *r, struct github_page *page)
{
	page->status = r->status;
	page->scopes = http_header(r, "X-OAuth-Scopes");
}

void
github_judge(struct github *g, const struct http_response *response, const struct json_t *json,
    struct github_page *page)
{
	take_scopes(response, page);
	switch (response->status) {
	case 200:
	case 201:
		page->outcome = GITHUB_OK;
		page->json = json;
		break;
	case 202:
		later(page, about(10 * SECOND), "GitHub is still preparing the answer");
		break;
	case 204: page->outcome = GITHUB_EMPTY; break;
	case 304: page->outcome = GITHUB_UNCHANGED; break;
	default: judge_error(g, response, json, page); return;
	}
	g->waits = 0;
}

/* ---- GraphQL */

static void
judge_errors(struct github *g, const struct json_t *error, struct github_page *page)
{
	static const struct {
		const char *type;
		enum github_outcome outcome;
	} types[] = {
		{ "RATE_LIMITED", GITHUB_LATER },
		{ "RESOURCE_LIMITS_EXCEEDED", GITHUB_TOO_MUCH },
		{ "MAX_NODE_LIMIT_EXCEEDED", GITHUB_TOO_MUCH },
		{ "NOT_FOUND", GITHUB_GONE },
		{ "FORBIDDEN", GITHUB_FORBIDDEN },
		{ "INSUFFICIENT_SCOPES", GITHUB_DISCONNECTED },
	};
	static const char *const slow[] = { "Something went wrong while executing your query",
		"timeout", "timed out", "in time", NULL };
	const char *type = "", *message = message_of(error, g->scope->arena);

	if (error != NULL)
		json_get_text(error, "type", &type);
	page->outcome = holds(message, slow) ? GITHUB_TOO_MUCH : GITHUB_REFUSED;
	for (size_t i = 0; type != NULL && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].type, type) == 0)
			page->outcome = types[i].outcome;
	page->reason = or_words(message, "GitHub answered with errors");
	if (page->outcome == GITHUB_DISCONNECTED)
		page->code = "scope";
	else if (page->outcome == GITHUB_LATER)
		page->not_before_ms =
		    g->graphql.reset > 0 ? behind(g->graphql.reset) : about(MINUTE);
}

void
github_judge_graphql(struct github *g, const struct http_response *response,
    const struct json_t *json, struct github_page *page)
{
	const struct json_t *errors = json ? json_get_list(json, "errors") : NULL;

	take_scopes(response, page);
	if (response->status == 502 || response->status == 504) {
		page->outcome = GITHUB_TOO_MUCH;
		page->reason = "GitHub was too slow with the answer";
	} else if (response->status != 200)
		github_judge(g, response, json, page);
	else if (json_count(errors) > 0)
		judge_errors(g, json_at(errors, 0), page);
	else {
		page->json = json ? json_get_object(json, "data") : NULL;
		page->outcome = GITHUB_OK;
		g->waits = 0;
		if (page->json == NULL)
			github_judge_away(g, page, "GitHub's answer makes no sense");
	}
}
