/* github_answer: every row of the table of how GitHub answers, without GitHub. */
#include "service/github_answer.h"

#include <stdio.h>

#include "adapter/json_list.h"
#include "base/clock.h"
#include "unit/scope.h"

#define NOW INT64_C(1700000000) /* seconds */
#define MS(seconds) ((NOW + (seconds)) * 1000)

static const struct settings settings = { .GITHUB_RESERVE = 500, .GITHUB_TIMEOUT_MS = 1000 };
static struct github g;
static struct github_page page;

static void
open_github(void)
{
	open_scope();
	clock_set(NOW * 1000000);
	github_init(&g, NULL, &settings, &scope, "gho_x");
}

static void
close_github(void)
{
	clock_set(0);
	close_scope();
}

TestSuite(github_answer, .init = open_github, .fini = close_github);

/* ---- Link */

static const struct {
	const char *header;
	enum github_link word;
	const char *next;
} links[] = {
	{ "", LINK_LAST, NULL },
	{ "<https://h/a?page=2>; rel=\"next\", <https://h/a?page=9>; rel=\"last\"", LINK_NEXT,
	    "https://h/a?page=2" },
	{ "<https://h/a?page=1>; rel=\"prev\", <https://h/a?page=1>; rel=\"first\"", LINK_LAST,
	    NULL },
	{ "<https://h/1>; rel=\"prev\", <https://h/3>; rel=\"next\"", LINK_NEXT,
	    "https://h/3" },
	{ "<https://h/3>;rel=next", LINK_NEXT, "https://h/3" },
	{ "  ,, <https://h/3> ; rel = \"next\" ", LINK_NEXT, "https://h/3" },
	{ "<https://h/3>; REL=\"NEXT\"", LINK_NEXT, "https://h/3" },
	{ "<https://h/3>; rel=\"last next\"", LINK_NEXT, "https://h/3" },
	{ "<https://h/3>; title=\"a, b; rel=\\next\"; rel=\"next\"", LINK_NEXT, "https://h/3" },
	{ "<https://h/3>; title=\"rel=next\"", LINK_LAST, NULL },
	{ "<https://h/a?q=x,y;z&after=Y3Vyc29y>; rel=\"next\"", LINK_NEXT,
	    "https://h/a?q=x,y;z&after=Y3Vyc29y" },
	{ "<https://h/repositories/1/issues?page=2>; rel=\"next\"", LINK_NEXT,
	    "https://h/repositories/1/issues?page=2" },
	{ "<https://h/3>; rel=\"nextish\"", LINK_LAST, NULL },
	{ "<https://h/3>; xrel=\"next\"", LINK_LAST, NULL },
	{ "<https://h/3>", LINK_LAST, NULL },
	{ "<https://h/3>; rel", LINK_LAST, NULL },
	{ "<>; rel=\"next\"", LINK_BROKEN, NULL },
	{ "<https://h/3; rel=\"next\"", LINK_BROKEN, NULL },
	{ "https://h/3; rel=\"next\"", LINK_BROKEN, NULL },
	{ "<https://h/3>; rel=\"next", LINK_BROKEN, NULL },
	{ "<https://h/3> rel=\"next\"", LINK_BROKEN, NULL },
	{ "<https://h/1>; rel=\"prev\", nonsense", LINK_BROKEN, NULL },
	{ "\"", LINK_BROKEN, NULL },
};

Test(github_answer, next_link)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct span next = { NULL, 0 };
		cr_expect_eq(github_link_next(span_of(links[i].header), &next), links[i].word,
		    "%s", links[i].header);
		if (links[i].next != NULL)
			cr_expect(span_is(next, links[i].next), "%s: %.*s", links[i].header,
			    (int)next.len, next.ptr ? next.ptr : "");
	}
}

/* No header makes it read outside of it or go round for ever. */
Test(github_answer, cut_links)
{
	static const char whole[] = "<https://h/a?page=2>; rel=\"next\"; title=\"x\", <u>; a";
	struct span next;

	for (size_t len = 0; len < sizeof(whole); len++) {
		char *cut = arena_text(scope.arena, (struct span){ whole, len });
		(void)github_link_next((struct span){ cut, len }, &next);
	}
}

/* ---- statuses */

enum { LINES_MAX = 8 };

/* An answer from "Name: value\n…" and a body. */
static struct http_response
answer(int status, const char *headers, const char *body, const struct json_t **json)
{
	struct http_response r = { .status = status, .body = span_of(body) };
	struct span rest = span_of(headers);
	struct json_t *read = NULL;

	r.lines = arena_alloc(scope.arena, LINES_MAX * sizeof(*r.lines));
	while (rest.ptr != NULL && rest.len > 0) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ':');
		r.lines[r.line_count++] = (struct http_line){ arena_text(scope.arena, name),
			arena_text(scope.arena, span_trim(line)) };
	}
	if (body != NULL && json_any_of(r.body, &read, &scope) != OK)
		read = NULL;
	*json = read;
	return r;
}

#define USED_UP                                                                                \
	"x-ratelimit-limit: 5000\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 1700001000"
#define LEFT                                                                                   \
	"x-ratelimit-limit: 5000\nx-ratelimit-remaining: 4000\nx-ratelimit-reset: 1700001000"
#define SECONDARY "{\"message\":\"You have exceeded a secondary rate limit.\"}"

static const struct {
	const char *name;
	int status;
	const char *headers, *body;
	enum github_outcome outcome;
	int64_t from, to;   /* not_before, in seconds from now; both 0: none */
	const char *code;   /* NULL: none */
	const char *reason; /* a part of it; NULL: none */
	bool token_waits;
} rows[] = {
	{ "fine", 200, LEFT, "{}", GITHUB_OK, 0, 0, NULL, NULL, false },
	{ "the last one of the hour", 200, USED_UP, "{}", GITHUB_OK, 0, 0, NULL, NULL, false },
	{ "made", 201, LEFT, "{}", GITHUB_OK, 0, 0, NULL, NULL, false },
	{ "not ready", 202, LEFT, "{}", GITHUB_LATER, 10, 15, NULL, "preparing", false },
	{ "nothing", 204, LEFT, NULL, GITHUB_EMPTY, 0, 0, NULL, NULL, false },
	{ "unchanged", 304, LEFT, NULL, GITHUB_UNCHANGED, 0, 0, NULL, NULL, false },
	{ "used up, 403", 403, USED_UP, "{\"message\":\"API rate limit exceeded for user\"}",
	    GITHUB_LATER, 1001, 1001, NULL, "used up", true },
	{ "used up, 429", 429, USED_UP, NULL, GITHUB_LATER, 1001, 1001, NULL, "used up", true },
	{ "used up, reset behind us", 403,
	    "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1699990000", NULL, GITHUB_LATER, 60,
	    60, NULL, "used up", true },
	{ "used up, no reset", 403, "x-ratelimit-remaining: 0", NULL, GITHUB_LATER, 60, 60,
	    NULL, "used up", true },
	{ "used up, in a moment", 403,
	    "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1700000005", NULL, GITHUB_LATER, 60,
	    60, NULL, "used up", true },
	{ "used up, though something is left", 403, LEFT,
	    "{\"message\":\"API rate limit exceeded for user ID 5.\"}", GITHUB_LATER, 1001,
	    1001, NULL, "used up", true },
	{ "used up, and no headers", 403, "",
	    "{\"message\":\"API rate limit exceeded for 192.0.2.1.\"}", GITHUB_LATER, 60, 60,
	    NULL, "used up", true },
	{ "used up, as a page", 403, "", "<h1>API rate limit exceeded</h1>", GITHUB_LATER, 60,
	    60, NULL, "used up", true },
	{ "their clock is ahead", 403, USED_UP "\nDate: Tue, 14 Nov 2023 22:23:20 GMT", NULL,
	    GITHUB_LATER, 401, 401, NULL, "used up", true },
	{ "their clock is behind", 403, USED_UP "\nDate: Tue, 14 Nov 2023 22:03:20 GMT", NULL,
	    GITHUB_LATER, 1601, 1601, NULL, "used up", true },
	{ "no date", 403, USED_UP "\nDate: soon", NULL, GITHUB_LATER, 1001, 1001, NULL,
	    "used up", true },
	{ "a limit by its document alone", 403, LEFT,
	    "{\"message\":\"Slow down\",\"documentation_url\":\"https://docs.github.com/rest/"
	    "using-the-rest-api/rate-limits-for-the-rest-api\"}",
	    GITHUB_LATER, 60, 60, NULL, "secondary", true },
	{ "too many tries", 403, "",
	    "{\"message\":\"Maximum number of login attempts exceeded. Please try again "
	    "later.\"}",
	    GITHUB_LATER, 60, 60, NULL, "secondary", true },
	{ "used up, reset is nonsense", 403,
	    "x-ratelimit-remaining: 0\nx-ratelimit-reset: 9223372036854775807", NULL,
	    GITHUB_LATER, 21600, 21600, NULL, "used up", true },
	{ "secondary, with its time", 403, LEFT "\nretry-after: 90", SECONDARY, GITHUB_LATER,
	    90, 90, NULL, "secondary", true },
	{ "retry-after goes before the reset", 403, USED_UP "\nRetry-After: 130", NULL,
	    GITHUB_LATER, 130, 130, NULL, "secondary", true },
	{ "retry-after 0", 429, "retry-after: 0", NULL, GITHUB_LATER, 60, 60, NULL, "secondary",
	    true },
	{ "retry-after in a moment", 403, USED_UP "\nretry-after: 5", NULL, GITHUB_LATER, 60,
	    60, NULL, "secondary", true },
	{ "retry-after a date", 429, "retry-after: Tue, 14 Nov 2023 22:15:00 GMT", NULL,
	    GITHUB_LATER, 100, 100, NULL, "secondary", true },
	{ "retry-after a date of a clock ahead", 429,
	    "retry-after: Tue, 14 Nov 2023 22:25:00 GMT\nDate: Tue, 14 Nov 2023 22:23:20 GMT",
	    NULL, GITHUB_LATER, 100, 100, NULL, "secondary", true },
	{ "retry-after without end", 429, "retry-after: 99999999999", NULL, GITHUB_LATER, 21600,
	    21600, NULL, "secondary", true },
	{ "retry-after below 0", 429, "retry-after: -5", NULL, GITHUB_LATER, 60, 60, NULL,
	    "secondary", true },
	{ "secondary, no time", 403, LEFT, SECONDARY, GITHUB_LATER, 60, 60, NULL, "secondary",
	    true },
	{ "abuse", 403, LEFT,
	    "{\"message\":\"You have triggered an abuse detection mechanism\"}", GITHUB_LATER,
	    60, 60, NULL, "secondary", true },
	{ "429 and nothing else", 429, "", NULL, GITHUB_LATER, 60, 60, NULL, "secondary",
	    true },
	{ "bad credentials", 401, LEFT, "{\"message\":\"Bad credentials\"}",
	    GITHUB_DISCONNECTED, 0, 0, "revoked", "token", false },
	{ "suspended", 403, LEFT, "{\"message\":\"Sorry. Your account was suspended.\"}",
	    GITHUB_DISCONNECTED, 0, 0, "suspended", "suspended", false },
	{ "scope missing", 403,
	    LEFT "\nX-OAuth-Scopes: read:user\nX-Accepted-OAuth-Scopes: repo, user:email",
	    "{\"message\":\"no\"}", GITHUB_DISCONNECTED, 0, 0, "scope", "repo, user:email",
	    false },
	{ "no scope granted", 403, "X-OAuth-Scopes:\nX-Accepted-OAuth-Scopes: user",
	    "{\"message\":\"no\"}", GITHUB_DISCONNECTED, 0, 0, "scope", "granted: none",
	    false },
	{ "one scope of several is enough", 403,
	    "X-OAuth-Scopes: gist, user\nX-Accepted-OAuth-Scopes: repo, user:email",
	    "{\"message\":\"not yours\"}", GITHUB_FORBIDDEN, 0, 0, NULL, "not yours", false },
	{ "no scope is asked", 403, "X-OAuth-Scopes: user\nX-Accepted-OAuth-Scopes:",
	    "{\"message\":\"not yours\"}", GITHUB_FORBIDDEN, 0, 0, NULL, "not yours", false },
	{ "an organisation's sign-on", 403,
	    "X-OAuth-Scopes: user\nX-Accepted-OAuth-Scopes: repo\nX-GitHub-SSO: required; "
	    "url=x",
	    "{\"message\":\"Resource protected by organization SAML enforcement.\"}",
	    GITHUB_FORBIDDEN, 0, 0, NULL, "SAML", false },
	{ "forbidden without a word", 403, "", NULL, GITHUB_FORBIDDEN, 0, 0, NULL,
	    "does not allow", false },
	{ "gone", 404, LEFT, "{\"message\":\"Not Found\"}", GITHUB_GONE, 0, 0, NULL, "no such",
	    false },
	{ "gone for good", 410, LEFT, "{}", GITHUB_GONE, 0, 0, NULL, "no such", false },
	{ "blocked by law", 451, LEFT,
	    "{\"message\":\"Repository access blocked\",\"block\":{\"reason\":\"dmca\"}}",
	    GITHUB_BLOCKED, 0, 0, "dmca", "dmca", false },
	{ "blocked without a reason", 451, LEFT, NULL, GITHUB_BLOCKED, 0, 0, "unavailable",
	    "blocked", false },
	{ "blocked by 403", 403, USED_UP,
	    "{\"message\":\"Repository access blocked\",\"block\":{\"reason\":\"tos\"}}",
	    GITHUB_BLOCKED, 0, 0, "tos", "tos", false },
	{ "trouble", 500, LEFT, "<html>", GITHUB_LATER, 60, 90, NULL, "trouble", false },
	{ "trouble", 502, LEFT, "<html>", GITHUB_LATER, 60, 90, NULL, "trouble", false },
	{ "trouble", 503, "", NULL, GITHUB_LATER, 60, 90, NULL, "trouble", false },
	{ "trouble with its time", 503, "retry-after: 300", NULL, GITHUB_LATER, 300, 450, NULL,
	    "trouble", false },
	{ "wrong question", 422, LEFT, "{\"message\":\"Validation Failed\"}", GITHUB_REFUSED, 0,
	    0, NULL, "Validation Failed", false },
	{ "wrong question", 400, LEFT, "[1]", GITHUB_REFUSED, 0, 0, NULL, "refused", false },
	{ "a redirect that nobody took", 301, LEFT, NULL, GITHUB_REFUSED, 0, 0, NULL, "refused",
	    false },
	{ "teapot", 418, "", "{\"message\":5}", GITHUB_REFUSED, 0, 0, NULL, "refused", false },
};

static void
check_row(size_t i)
{
	cr_expect_eq(page.outcome, rows[i].outcome, "%s: %s", rows[i].name,
	    github_outcome_name(page.outcome));
	if (rows[i].to == 0)
		cr_expect_eq(page.not_before_ms, 0, "%s", rows[i].name);
	else
		cr_expect(page.not_before_ms >= MS(rows[i].from) &&
		              page.not_before_ms <= MS(rows[i].to),
		    "%s: %lld s", rows[i].name, (long long)(page.not_before_ms / 1000 - NOW));
	cr_expect_eq(
	    g.not_before_ms, rows[i].token_waits ? page.not_before_ms : 0, "%s", rows[i].name);
	cr_expect_str_eq(
	    page.code ? page.code : "", rows[i].code ? rows[i].code : "", "%s", rows[i].name);
	cr_expect_eq(page.reason != NULL, rows[i].reason != NULL, "%s", rows[i].name);
	if (rows[i].reason && page.reason)
		cr_expect_not_null(
		    strstr(page.reason, rows[i].reason), "%s: %s", rows[i].name, page.reason);
}

Test(github_answer, statuses)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct json_t *json;
		struct http_response r;
		next_row();
		github_init(&g, NULL, &settings, &scope, "gho_x");
		page = (struct github_page){ .outcome = GITHUB_AWAY };
		r = answer(rows[i].status, rows[i].headers, rows[i].body, &json);
		github_judge(&g, &r, json, &page);
		check_row(i);
	}
}

/* A minute, two, four, … at most an hour; and a good answer forgets them. */
Test(github_answer, secondary_limits_double)
{
	static const int64_t want[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600 };
	const struct json_t *json;
	struct http_response r = answer(429, "", SECONDARY, &json);

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		page = (struct github_page){ .outcome = GITHUB_AWAY };
		github_judge(&g, &r, json, &page);
		cr_expect_eq(page.not_before_ms, MS(want[i]), "%zu", i);
	}
	r = answer(304, "", NULL, &json);
	github_judge(&g, &r, json, &page);
	cr_expect_eq(g.waits, 0);
}

/* However it is said, and even when the reset that it names is over. */
Test(github_answer, all_limits_double)
{
	static const struct {
		int status;
		const char *headers, *body;
	} spellings[] = { { 403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1699999999",
		              "{}" },
		{ 429, "retry-after: 0", "{}" },
		{ 403, "", "{\"message\":\"API rate limit exceeded\"}" },
		{ 200, "", "{\"errors\":[{\"type\":\"RATE_LIMIT\"}]}" } };

	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		github_init(&g, NULL, &settings, &scope, "gho_x");
		for (int64_t n = 0; n < 8; n++) {
			const struct json_t *json;
			struct http_response r = answer(spellings[i].status,
			    spellings[i].headers, spellings[i].body, &json);
			int64_t want = INT64_C(60) << n;
			if (spellings[i].status == 200)
				github_judge_graphql(&g, &r, json, &page);
			else
				github_judge(&g, &r, json, &page);
			cr_expect_eq(
			    page.not_before_ms, MS(want < 3600 ? want : 3600), "%zu", i);
			cr_expect_eq(g.not_before_ms, page.not_before_ms, "%zu", i);
		}
	}
}

/* Headers are bytes of anybody. */
Test(github_answer, headers_are_made_clean)
{
	char long_list[4000];
	const struct json_t *json;
	struct http_response r;

	memset(long_list, 'x', sizeof(long_list) - 1);
	long_list[sizeof(long_list) - 1] = '\0';
	r = answer(200, "X-OAuth-Scopes: user\xff\x01, gist", "{}", &json);
	github_judge(&g, &r, json, &page);
	cr_expect_str_eq(page.scopes, "user\xef\xbf\xbd , gist");
	r = answer(403,
	    arena_format(scope.arena, "X-OAuth-Scopes: %s\nX-Accepted-OAuth-Scopes: \xc3%s",
	        long_list, long_list),
	    "{\"message\":\"a\\nb\"}", &json);
	github_judge(&g, &r, json, &page);
	cr_expect_eq(page.outcome, GITHUB_DISCONNECTED);
	cr_expect_lt(strlen(page.reason), 1000);
	cr_expect_not_null(strstr(page.reason, "\xef\xbf\xbdx"));
	r = answer(422, "", "{\"message\":\"a\\nb\"}", &json);
	github_judge(&g, &r, json, &page);
	cr_expect_str_eq(page.reason, "a b");
	r = answer(451, "",
	    arena_format(scope.arena, "{\"block\":{\"reason\":\"%s\"}}", long_list), &json);
	github_judge(&g, &r, json, &page);
	cr_expect_lt(strlen(page.reason), 100);
}

Test(github_answer, a_long_message_is_cut_between_characters)
{
	char body[2000] = "{\"message\":\"x";
	const struct json_t *json;
	struct http_response r;

	for (int i = 0; i < 300; i++)
		memcpy(body + 13 + 2 * i, "\xc3\xa4", 3);
	memcpy(body + 613, "\"}", 3);
	r = answer(422, "", body, &json);
	cr_assert_not_null(json);
	github_judge(&g, &r, json, &page);
	cr_expect_eq(strlen(page.reason), 199);
}

/* ---- budgets */

static const struct {
	const char *headers;
	bool is_graphql;
	int64_t rest, graphql; /* remaining; -1: not known */
} budgets[] = {
	{ LEFT, false, 4000, -1 },
	{ LEFT, true, -1, 4000 },
	{ LEFT "\nx-ratelimit-resource: graphql", false, -1, 4000 },
	{ LEFT "\nX-RateLimit-Resource: core", true, 4000, -1 },
	{ LEFT "\nx-ratelimit-resource: search", false, -1, -1 },
	{ "x-ratelimit-limit: 5000\nx-ratelimit-remaining: 1", false, -1, -1 },
	{ "x-ratelimit-limit: 5000\nx-ratelimit-remaining: -1\nx-ratelimit-reset: 5", false, -1,
	    -1 },
	{ "x-ratelimit-limit: many\nx-ratelimit-remaining: 1\nx-ratelimit-reset: 5", false, -1,
	    -1 },
	{ "", false, -1, -1 },
};

/* By their clock the hour ends ten minutes later. */
Test(github_answer, a_budget_ends_by_their_clock)
{
	const struct json_t *json;
	struct http_response r =
	    answer(200, LEFT "\nDate: Tue, 14 Nov 2023 22:03:20 GMT", NULL, &json);

	github_take_budget(&g, &r, false);
	cr_expect_eq(g.budget.reset, NOW + 1600);
}

Test(github_answer, budgets_of_headers)
{
	for (size_t i = 0; i < sizeof(budgets) / sizeof(*budgets); i++) {
		const struct json_t *json;
		struct http_response r = answer(200, budgets[i].headers, NULL, &json);
		github_init(&g, NULL, &settings, &scope, "gho_x");
		github_take_budget(&g, &r, budgets[i].is_graphql);
		cr_expect_eq(g.budget.remaining, budgets[i].rest, "row %zu", i);
		cr_expect_eq(g.graphql.remaining, budgets[i].graphql, "row %zu", i);
	}
}

static const struct {
	int64_t limit, remaining, reset, reserve, not_before; /* seconds from now */
	bool may;
	int64_t at;
} asks[] = {
	{ -1, -1, -1, 500, 0, true, 0 },
	{ 5000, 501, 600, 500, 0, true, 0 },
	{ 5000, 500, 600, 500, 0, false, 601 },
	{ 5000, 0, 600, 500, 0, false, 601 },
	{ 5000, 0, -1, 500, 0, true, 0 }, /* the hour is over */
	{ 5000, 0, 600, 0, 0, true, 0 },  /* a login: GitHub will say */
	{ 60, 31, 600, 500, 0, true, 0 }, /* a small budget is halved at most */
	{ 60, 30, 600, 500, 0, false, 601 },
	{ 5000, 4999, 600, 500, 90, false, 90 },
	{ 5000, 4999, 600, 500, -90, true, 0 },
	{ 5000, 4999, 600, 500, 21600, false, 21600 },
	{ 5000, 4999, 600, 500, 86400, true, 0 }, /* our clock was ahead when that was said */
	{ 5000, 0, 99999999, 500, 0, false, 21600 },
};

Test(github_answer, whether_it_may_ask)
{
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++)
		for (int graphql = 0; graphql < 2; graphql++) {
			struct github_budget b = { asks[i].limit, asks[i].remaining,
				NOW + asks[i].reset };
			github_init(&g, NULL, &settings, &scope, "gho_x");
			*(graphql ? &g.graphql : &g.budget) = b;
			g.reserve = asks[i].reserve;
			g.not_before_ms = asks[i].not_before ? MS(asks[i].not_before) : 0;
			page = (struct github_page){ .outcome = GITHUB_AWAY };
			cr_expect_eq(
			    github_may_ask(&g, graphql, &page), asks[i].may, "row %zu", i);
			cr_expect_eq(
			    page.not_before_ms, asks[i].may ? 0 : MS(asks[i].at), "row %zu", i);
		}
}

/* ---- GraphQL */

#define ERROR(type) "{\"data\":null,\"errors\":[{\"type\":\"" type "\",\"message\":\"m\"}]}"

static const struct {
	int status;
	const char *body;
	enum github_outcome outcome;
	const char *code;
} graphql[] = {
	{ 200, "{\"data\":{\"user\":{}}}", GITHUB_OK, NULL },
	{ 200, "{\"data\":{\"user\":{}},\"errors\":[]}", GITHUB_OK, NULL },
	{ 200, "{\"data\":null}", GITHUB_AWAY, NULL },
	{ 200, "[]", GITHUB_AWAY, NULL },
	{ 200, "nonsense", GITHUB_AWAY, NULL },
	{ 200, ERROR("RATE_LIMITED"), GITHUB_LATER, NULL },
	{ 200, ERROR("RATE_LIMIT"), GITHUB_LATER, NULL },
	{ 200,
	    "{\"errors\":[{\"type\":\"RATE_LIMIT\",\"code\":\"graphql_rate_limit\",\"message\":"
	    "\"API rate limit already exceeded for user ID 5.\"}]}",
	    GITHUB_LATER, NULL },
	{ 200,
	    "{\"errors\":[{\"message\":\"API rate limit exceeded, RATE_LIMITED\"}],\"data\":"
	    "{\"user\":null}}",
	    GITHUB_LATER, NULL },
	{ 200, "{\"errors\":[{\"type\":\"NOT_FOUND\"},{\"type\":\"RATE_LIMITED\"}]}",
	    GITHUB_LATER, NULL },
	{ 200, "{\"message\":\"You have exceeded a secondary rate limit.\"}", GITHUB_LATER,
	    NULL },
	{ 200, "{\"data\":{\"user\":{\"message\":\"rate limit\"}},\"message\":\"rate limit\"}",
	    GITHUB_OK, NULL },
	{ 200, ERROR("RESOURCE_LIMITS_EXCEEDED"), GITHUB_TOO_MUCH, NULL },
	{ 200, ERROR("MAX_NODE_LIMIT_EXCEEDED"), GITHUB_TOO_MUCH, NULL },
	{ 200, ERROR("NOT_FOUND"), GITHUB_GONE, NULL },
	{ 200, ERROR("FORBIDDEN"), GITHUB_FORBIDDEN, NULL },
	{ 200, ERROR("INSUFFICIENT_SCOPES"), GITHUB_DISCONNECTED, "scope" },
	{ 200, ERROR("SOMETHING_NEW"), GITHUB_REFUSED, NULL },
	{ 200,
	    "{\"errors\":[{\"message\":\"Something went wrong while executing your query. This "
	    "may be the result of a timeout\"}]}",
	    GITHUB_TOO_MUCH, NULL },
	{ 200, "{\"errors\":[{\"message\":\"Parse error on x\"}]}", GITHUB_REFUSED, NULL },
	{ 200, "{\"errors\":[\"text\"]}", GITHUB_REFUSED, NULL },
	{ 200, "{\"data\":{\"user\":{}},\"errors\":[{\"type\":\"NOT_FOUND\"}]}", GITHUB_GONE,
	    NULL },
	{ 502, "<html>", GITHUB_TOO_MUCH, NULL },
	{ 504, "", GITHUB_TOO_MUCH, NULL },
	{ 503, "", GITHUB_LATER, NULL },
	{ 401, "{\"message\":\"Bad credentials\"}", GITHUB_DISCONNECTED, "revoked" },
	{ 403, SECONDARY, GITHUB_LATER, NULL },
};

Test(github_answer, graphql_errors_with_200)
{
	for (size_t i = 0; i < sizeof(graphql) / sizeof(*graphql); i++) {
		const struct json_t *json;
		struct http_response r;
		next_row();
		github_init(&g, NULL, &settings, &scope, "gho_x");
		r = answer(graphql[i].status, LEFT "\nx-ratelimit-resource: graphql",
		    graphql[i].body, &json);
		github_take_budget(&g, &r, true);
		page = (struct github_page){ .outcome = GITHUB_REFUSED };
		github_judge_graphql(&g, &r, json, &page);
		cr_expect_eq(page.outcome, graphql[i].outcome, "row %zu: %s", i,
		    github_outcome_name(page.outcome));
		cr_expect_str_eq(
		    page.code ? page.code : "", graphql[i].code ? graphql[i].code : "");
		cr_expect_eq(page.json != NULL, page.outcome == GITHUB_OK, "row %zu", i);
		cr_expect_eq(page.reason == NULL, page.outcome == GITHUB_OK, "row %zu", i);
		if (strstr(graphql[i].body, "RATE_LIMITED") && graphql[i].status == 200)
			cr_expect(page.not_before_ms == MS(1001) ||
			              strstr(graphql[i].body, "NOT_FOUND"),
			    "row %zu", i);
		if (page.outcome == GITHUB_LATER)
			cr_expect_geq(page.not_before_ms, MS(60), "row %zu", i);
	}
}

Test(github_answer, every_outcome_has_a_name)
{
	for (int o = GITHUB_OK; o <= GITHUB_REFUSED; o++)
		cr_expect_gt(strlen(github_outcome_name((enum github_outcome)o)), 1);
	cr_expect_str_eq(github_outcome_name(GITHUB_REFUSED), "refused");
}
