/* github_answer: the table of how GitHub answers, as code; its limits stand in github_limit.c. */
#include "service/github_answer.h"

#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	REASON_MAX = 200,
	CODE_MAX = 40,
	SCOPES_MAX = 500,
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

static int64_t
now_ms(void)
{
	return clock_now() / 1000;
}

static void
later(struct github_page *page, int64_t at, const char *reason)
{
	page->outcome = GITHUB_LATER;
	page->not_before_ms = at;
	page->reason = reason;
}

/* ---- error bodies */

/* Bytes that are no UTF-8, as headers may have them, become U+FFFD, control characters blanks;
 * cut between characters. */
const char *
github_clean(const char *text, size_t most, struct arena *arena)
{
	const char *clean;
	struct buf b;
	size_t len;

	if (text == NULL)
		return NULL;
	buf_init(&b, 4 * most + 8);
	buf_utf8(&b, (struct span){ text, strnlen(text, most + 1) });
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.ptr[i] < ' ' || b.ptr[i] == 127)
			b.ptr[i] = ' ';
	if ((len = b.len) > most)
		for (len = most; len > 0 && ((unsigned char)b.ptr[len] & 0xc0) == 0x80;)
			len--;
	clean = arena_text(arena, (struct span){ b.ptr, len });
	buf_free(&b);
	return clean ? clean : "";
}

/* GitHub's own words, short enough for a row of ours; never NULL. */
static const char *
message_of(const struct json_t *json, struct arena *arena)
{
	const char *text;

	if (json == NULL || !json_get_text(json, "message", &text))
		return "";
	return github_clean(text, REASON_MAX, arena);
}

static const char *
or_words(const char *message, const char *words)
{
	return *message ? message : words;
}

bool
github_holds(const char *message, const char *const *words)
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
	page->code = why ? github_clean(why, CODE_MAX, arena) : "unavailable";
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
	static const char *const suspended[] = { "suspended", NULL };
	static const char *const of_an_organisation[] = { "SAML",
		"OAuth App access restrictions", NULL };
	const char *message = message_of(json, g->scope->arena);
	const char *accepted = github_clean(
	    http_header(r, "X-Accepted-OAuth-Scopes"), REASON_MAX, g->scope->arena);

	if (blocked(json, r->status, page, g->scope->arena) ||
	    github_judge_limit(g, r, json, false, page))
		return;
	if (github_holds(message, suspended))
		disconnected(page, "suspended", "GitHub has suspended this account");
	else if (http_header(r, "X-GitHub-SSO") == NULL &&
	         !github_holds(message, of_an_organisation) &&
	         scope_missing(page->scopes, accepted))
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
	int64_t at = about(MINUTE / 2);

	(void)g;
	page->outcome = GITHUB_AWAY;
	if (page->not_before_ms < at)
		page->not_before_ms = at;
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
		int64_t said = github_retry_after_ms(r);
		later(page, about(said > MINUTE ? said : MINUTE),
		    "GitHub has trouble of its own");
		return;
	}
	message = message_of(json, g->scope->arena);
	page->outcome = GITHUB_REFUSED;
	page->reason = or_words(message, "GitHub refused the request");
}

static void
take_scopes(struct github *g, const struct http_response *r, struct github_page *page)
{
	page->status = r->status;
	page->scopes =
	    github_clean(http_header(r, "X-OAuth-Scopes"), SCOPES_MAX, g->scope->arena);
}

void
github_judge(struct github *g, const struct http_response *response, const struct json_t *json,
    struct github_page *page)
{
	take_scopes(g, response, page);
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
	page->outcome = github_holds(message, slow) ? GITHUB_TOO_MUCH : GITHUB_REFUSED;
	for (size_t i = 0; type != NULL && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].type, type) == 0)
			page->outcome = types[i].outcome;
	page->reason = or_words(message, "GitHub answered with errors");
	if (page->outcome == GITHUB_DISCONNECTED)
		page->code = "scope";
}

void
github_judge_graphql(struct github *g, const struct http_response *response,
    const struct json_t *json, struct github_page *page)
{
	const struct json_t *errors = json ? json_get_list(json, "errors") : NULL;

	take_scopes(g, response, page);
	if (response->status == 502 || response->status == 504) {
		page->outcome = GITHUB_TOO_MUCH;
		page->reason = "GitHub was too slow with the answer";
	} else if (response->status != 200)
		github_judge(g, response, json, page);
	else if ((json_count(errors) > 0 || json_get_object(json, "data") == NULL) &&
	         github_judge_limit(g, response, json, true, page))
		return;
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
