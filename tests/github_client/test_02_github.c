/* github: calls against a scripted server: what is sent, what is asked again, where it goes on,
 * and what is never asked at all. */
#include "adapter/json_list.h"
#include "base/clock.h"
#include "github_client/scripted_github.h"
#include "support/patience.h"
#include "service/github_answer.h"

TestSuite(github, .init = open_github, .fini = close_github);

Test(github, says_who_asks)
{
	say("GET /user HTTP/1.1", 200, "X-OAuth-Scopes: read:user, user:email\r\n",
	    "{\"a\":1}");
	cr_expect_eq(get("/user", NULL), GITHUB_OK);
	cr_expect(json_has(page.json, "a"));
	cr_expect_str_eq(page.scopes, "read:user, user:email");
	cr_expect_str_eq(asked_header(0, "Authorization:"), "Bearer gho_abc");
	cr_expect_str_eq(asked_header(0, "X-GitHub-Api-Version:"), "2022-11-28");
	cr_expect_str_eq(asked_header(0, "User-Agent:"), "CodeGram/test");
	cr_expect_str_eq(
	    asked_header(0, "Accept:"), "application/vnd.github+json, application/json;q=0.9");
	cr_expect_str_empty(asked_header(0, "If-None-Match:"));
	cr_expect_eq(g.requests, 1);
	cr_expect_neq(page.hash, 0);
	cr_expect_null(page.reason);
	script_ended("user");
}

Test(github, below_the_path_of_an_enterprise)
{
	settings.GITHUB_API_URL = at_script("/api/v3/");
	say("GET /api/v3/user HTTP/1.1", 200, NULL, "{}");
	cr_expect_eq(get("/user", NULL), GITHUB_OK);
	say("POST /api/graphql HTTP/1.1", 200, NULL, "{\"data\":{}}");
	cr_expect_eq(github_graphql(&g, "{a}", SPAN(""), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK);
	say("DELETE /api/v3/applications/Iv1.abc/grant ", 204, NULL, NULL);
	cr_expect_eq(github_revoke_grant(&g, "gho_abc", &page), OK);
	script_ended("enterprise");
}

/* ---- conditional */

Test(github, unchanged_costs_nothing_and_keeps_all)
{
	struct github_kept kept = { "W/\"x\"", "Sun, 06 Nov 1994 08:49:37 GMT",
		at_script("/user/repos?page=2") };

	say("GET /r ", 304, NULL, NULL);
	cr_expect_eq(get("/r", &kept), GITHUB_UNCHANGED);
	cr_expect_str_eq(asked_header(0, "If-None-Match:"), "W/\"x\"");
	cr_expect_str_empty(asked_header(0, "If-Modified-Since:"), "the ETag is enough");
	cr_expect_str_eq(page.kept.etag, "W/\"x\"");
	cr_expect_str_eq(page.kept.last_modified, kept.last_modified);
	cr_expect_str_eq(page.kept.next, kept.next);
	cr_expect_null(page.json);
	cr_expect_eq(g.requests, 1);
	cr_expect_eq(g.not_modified, 1);
	script_ended("304");
	kept.etag = NULL;
	say("GET /r ", 304, "ETag: \"y\"\r\nLink: <x>; rel=\"prev\"\r\n", NULL);
	cr_expect_eq(get("/r", &kept), GITHUB_UNCHANGED);
	cr_expect_str_eq(asked_header(0, "If-Modified-Since:"), kept.last_modified);
	cr_expect_str_eq(page.kept.etag, "\"y\"", "what it says now wins");
	cr_expect_null(page.kept.next);
	script_ended("304 with headers");
	say("GET /r ", 200, "ETag: \"z\"\r\n", "[]");
	cr_expect_eq(get("/r", &kept), GITHUB_OK);
	cr_expect_str_eq(page.kept.etag, "\"z\"");
	cr_expect_null(page.kept.last_modified, "nothing of the old answer is kept");
	cr_expect_null(page.kept.next);
	script_ended("200");
}

Test(github, a_304_that_nobody_asked_for)
{
	say("GET /r ", 304, NULL, NULL);
	cr_expect_eq(get("/r", NULL), GITHUB_AWAY);
}

Test(github, an_endless_validator_is_not_kept)
{
	char header[2000];

	memset(header, 'e', sizeof(header));
	memcpy(header, "ETag: \"", 7);
	memcpy(header + 1990, "\"\r\n", 4);
	say("GET /r ", 200, header, "[]");
	cr_expect_eq(get("/r", NULL), GITHUB_OK);
	cr_expect_null(page.kept.etag);
}

/* ---- pages */

Test(github, follows_next_as_it_stands)
{
	const char *where = "/user/repos?per_page=100";
	int pages = 0;

	say("GET /user/repos?per_page=100 ", 200,
	    arena_format(scope.arena,
	        "Link: <%s/user/repos?per_page=100&after=b%%2Bc==>; rel=\"next\"\r\n",
	        script.url),
	    "[1]");
	say("GET /user/repos?per_page=100&after=b%2Bc== ", 200,
	    arena_format(scope.arena, "Link: <%s/repositories/1/x?page=3>; rel=\"next\"\r\n",
	        script.url),
	    "[2]");
	say("GET /repositories/1/x?page=3 ", 200, "Link: </first>; rel=\"first\"\r\n", "[3]");
	for (; where != NULL; where = page.kept.next, pages++)
		cr_assert_eq(get(where, NULL), GITHUB_OK);
	cr_expect_eq(pages, 3);
	script_ended("pages");
}

/* What can't be followed must not look like the last page. */
Test(github, a_next_that_leads_elsewhere)
{
	static const char *const headers[] = {
		"Link: <https://evil.example/user/repos?page=2>; rel=\"next\"\r\n",
		"Link: <//evil.example/>; rel=\"next\"\r\n",
		"Link: <https://127.0.0.1/>; rel=\"next\"\r\n",
		"Link: <file:///etc/passwd>; rel=\"next\"\r\n",
		"Link: <http://u:p@127.0.0.1/>; rel=\"next\"\r\n",
		"Link: </user/repos?page=2; rel=\"next\"\r\n",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		say("GET /user/repos ", 200,
		    arena_format(scope.arena, "ETag: \"x\"\r\n%s", headers[i]), "[]");
		cr_expect_eq(get("/user/repos", NULL), GITHUB_REFUSED, "%s", headers[i]);
		cr_expect_null(page.kept.etag, "nor may a 304 skip it next time");
		cr_expect_null(page.json);
		script_ended(headers[i]);
	}
}

Test(github, urls_of_other_hosts_are_never_asked)
{
	static const char *const urls[] = { "https://evil.example/", "http://127.0.0.1:1/x",
		"//evil.example/", "user", "", "https://api.github.com/user" };

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		enum err e = github_get(&g, urls[i], NULL, &page);
		/* "//host/" is a path below the base */
		if (strncmp(urls[i], "//", 2) != 0)
			cr_expect_eq(e, ERR_INVALID, "%s", urls[i]);
	}
	cr_expect_leq(script.connections, 1);
}

/* ---- redirects */

Test(github, renamed)
{
	static const int statuses[] = { 301, 302, 307, 308 };

	for (size_t i = 0; i < 4; i++) {
		struct github_kept kept = { .etag = "\"x\"" };
		say("GET /repos/ada/old ", statuses[i],
		    arena_format(scope.arena, "Location: %s/repositories/12\r\n", script.url),
		    "{\"message\":\"Moved Permanently\"}");
		say("GET /repositories/12 ", 200, NULL, "{\"id\":12}");
		cr_expect_eq(get("/repos/ada/old", &kept), GITHUB_MOVED);
		cr_expect_str_eq(page.url, at_script("/repositories/12"));
		cr_expect(json_has(page.json, "id"));
		cr_expect_str_eq(asked_header(1, "Authorization:"), "Bearer gho_abc");
		cr_expect_str_eq(asked_header(1, "If-None-Match:"), "\"x\"");
		script_ended("renamed");
	}
	cr_expect_eq(g.requests, 8);
}

Test(github, three_redirects_and_no_more)
{
	for (int i = 0; i < 3; i++)
		say("GET /", 301, "Location: /a\r\n", "");
	say("GET /a ", 200, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_MOVED);
	script_ended("three");
	for (int i = 0; i < 4; i++)
		say("GET /", 301, "Location: /a\r\n", "");
	cr_expect_eq(get("/x", NULL), GITHUB_REFUSED);
	script_ended("four");
}

Test(github, no_token_to_another_host)
{
	static const char *const places[] = {
		"Location: https://evil.example/repositories/1\r\n",
		"Location: //evil.example/\r\n", "Location: http://127.0.0.1:1/\r\n",
		"Location: http://127.0.0.1@evil.example/\r\n", "Location: \r\n", ""
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		say("GET /x ", 301, places[i], "");
		cr_expect_eq(get("/x", NULL), GITHUB_REFUSED, "%s", places[i]);
		script_ended(places[i]);
	}
}

/* ---- trouble */

Test(github, stumbles_are_asked_again)
{
	static const struct step troubles[] = {
		{ "GET /x ", 500, NULL, "<html>", ANSWER },
		{ "GET /x ", 502, NULL, "", ANSWER },
		{ "GET /x ", 503, NULL, "{}", ANSWER },
		{ "GET /x ", 200, NULL, "{\"cut", ANSWER },
		{ "GET /x ", 200, NULL, "", ANSWER },
		{ "GET /x ", 0, NULL, NULL, RESET },
	};

	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++) {
		struct http_client *fresh = http_client_make("CodeGram/test");
		http_client_free(g.http);
		g.http = fresh; /* a kept connection's reset is libcurl's own to mend */
		g.retries = 0;
		next(troubles[i]);
		next(troubles[i]);
		say("GET /x ", 200, NULL, "{}");
		cr_expect_eq(get("/x", NULL), GITHUB_OK, "row %zu: %s", i, page.reason);
		cr_expect_eq(g.retries, 2, "row %zu", i);
		script_ended("stumbles");
	}
}

Test(github, and_given_up_at_the_third)
{
	static const struct {
		struct step step;
		enum github_outcome outcome;
	} rows[] = {
		{ { "GET /x ", 500, NULL, "", ANSWER }, GITHUB_LATER },
		{ { "GET /x ", 504, NULL, "", ANSWER }, GITHUB_LATER },
		{ { "GET /x ", 200, NULL, "<html>", ANSWER }, GITHUB_AWAY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int k = 0; k < 3; k++)
			next(rows[i].step);
		cr_expect_eq(get("/x", NULL), rows[i].outcome, "row %zu", i);
		cr_expect_gt(page.not_before_ms, clock_now() / 1000);
		cr_expect_not_null(page.reason);
		cr_expect_eq(g.not_before_ms, 0, "the token may be used for other things");
		script_ended("given up");
	}
	cr_expect_str_empty(scope.fault.story);
}

/* What will not change is asked once. */
Test(github, answers_are_taken)
{
	static const int statuses[] = { 202, 204, 400, 403, 404, 410, 422, 429, 451 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		g.not_before_ms = 0;
		say("GET /x ", statuses[i], NULL, "{\"message\":\"m\"}");
		cr_expect_neq(get("/x", NULL), GITHUB_OK);
		script_ended("once");
	}
}

Test(github, silence_ends_with_the_deadline)
{
	int64_t began = clock_mono();

	g.deadline = began + 700000;
	for (int i = 0; i < 3; i++)
		next((struct step){ .want = "GET /x ", .how = SILENCE });
	cr_expect_eq(get("/x", NULL), GITHUB_AWAY);
	cr_expect_geq(clock_mono() - began, 600000);
	cr_expect_lt(clock_mono() - began, PATIENCE * 1500000);
	began = clock_mono();
	cr_expect_eq(get("/x", NULL), GITHUB_AWAY);
	cr_expect_lt(clock_mono() - began, PATIENCE * 100000, "no time left: not asked");
	cr_expect_eq(script.at, 1);
}

Test(github, an_answer_without_end)
{
	char *body = arena_alloc(scope.arena, 4 * 1024 * 1024 + 2);

	memset(body, ' ', 4 * 1024 * 1024 + 1);
	say("GET /x ", 200, NULL, body);
	cr_expect_eq(get("/x", NULL), GITHUB_REFUSED, "not asked again");
	cr_expect_not_null(strstr(page.reason, "too large"));
	say("POST /graphql ", 200, NULL, body);
	cr_expect_eq(github_graphql(&g, "{a}", SPAN(""), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_TOO_MUCH);
	script_ended("too large");
}

/* ---- limits */

Test(github, a_limit_stops_what_follows)
{
	int64_t reset = clock_now() / 1000000 + 600;

	say("GET /x ", 403,
	    arena_format(scope.arena,
	        "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: 0\r\n"
	        "x-ratelimit-reset: %lld\r\n",
	        (long long)reset),
	    "{\"message\":\"API rate limit exceeded\"}");
	cr_expect_eq(get("/x", NULL), GITHUB_LATER);
	cr_expect_eq(page.not_before_ms, (reset + 1) * 1000);
	cr_expect_eq(g.budget.remaining, 0);
	cr_expect_eq(get("/y", NULL), GITHUB_LATER);
	cr_expect_eq(page.not_before_ms, (reset + 1) * 1000);
	cr_expect_eq(github_graphql(&g, "{a}", SPAN(""), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_LATER);
	cr_expect_eq(g.requests, 1);
	script_ended("limit");
}

Test(github, the_reserve_is_left_alone)
{
	say("GET /x ", 200,
	    arena_format(scope.arena,
	        "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: 500\r\n"
	        "x-ratelimit-reset: %lld\r\n",
	        (long long)clock_now() / 1000000 + 600),
	    "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_OK);
	cr_expect_eq(get("/x", NULL), GITHUB_LATER);
	cr_expect_eq(g.not_before_ms, 0, "a login may go on");
	g.reserve = 0;
	say("GET /x ", 200, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_OK);
	script_ended("reserve");
}

/* ---- a breaker, shared by all */

/* After failures in a row nobody asks; then one does, and when it gets an answer all may. */
Test(github, left_alone_while_it_does_not_answer)
{
	counter failures = 0, until = 0;
	struct github_breaker breaker = { &failures, &until };
	int64_t now = clock_now();

	g.breaker = &breaker;
	clock_set(now); /* however long the tries take */
	for (int i = 0; i < 10; i++)
		say(NULL, 502, NULL, "");
	for (int i = 0; i < 4; i++) { /* three tries each */
		cr_expect_neq(get("/x", NULL), GITHUB_OK);
		cr_expect_gt(page.not_before_ms, now / 1000 + 20000, "%d", i);
	}
	cr_expect_eq(script.count, 10, "%zu were asked", script.count);
	cr_expect_eq(g.requests, 10);
	clock_set(now + 3000000);
	cr_expect_eq(get("/x", NULL), GITHUB_AWAY);
	cr_expect_eq(script.count, 10, "not yet");
	clock_set(now + 8000000);
	say(NULL, 503, "Retry-After: 1\r\n", "");
	cr_expect_eq(get("/x", NULL), GITHUB_LATER, "one tries");
	clock_set(now + 16000000);
	cr_expect_eq(get("/x", NULL), GITHUB_AWAY, "in vain: twice as long");
	cr_expect_eq(script.count, 11);
	clock_set(now + 20000000);
	say(NULL, 404, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_GONE, "that is an answer");
	say(NULL, 200, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_OK);
	cr_expect_eq(failures, 0);
	cr_expect_eq(until, 0);
	until = (uint64_t)(now / 1000 + 86400000);
	say(NULL, 200, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_OK, "a clock that was ahead");
	clock_set(0);
	script_ended("breaker");
}

/* The one who tries has its time; the others wait meanwhile. */
Test(github, one_tries_at_a_time)
{
	counter failures = 12, until = (uint64_t)(clock_now() / 1000 - 1);
	struct github_breaker breaker = { &failures, &until };
	int64_t at = 0;

	cr_expect(github_breaker_lets(&breaker, &at));
	cr_expect_not(github_breaker_lets(&breaker, &at));
	cr_expect_gt(at, clock_now() / 1000);
	github_breaker_saw(&breaker, true);
	cr_expect(github_breaker_lets(&breaker, &at) && github_breaker_lets(&breaker, &at));
	breaker.until = breaker.failures; /* no room for counters */
	failures = UINT64_MAX;
	cr_expect(github_breaker_lets(&breaker, &at));
	github_breaker_saw(&breaker, false);
}

/* ---- revoked */

#define CHECK "POST /applications/Iv1.abc/token "
#define BASIC "Basic SXYxLmFiYzpzaGho"

static const struct {
	int status; /* of the check; 0: none */
	enum github_outcome outcome;
	const char *code;
} checks[] = {
	{ 404, GITHUB_DISCONNECTED, "revoked" }, { 422, GITHUB_DISCONNECTED, "revoked" },
	{ 200, GITHUB_LATER, NULL }, { 500, GITHUB_LATER, NULL },
	{ 401, GITHUB_LATER, NULL }, /* our own secret is wrong: not the person's fault */
};

Test(github, a_401_is_confirmed)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		say("GET /x ", 401, NULL, "{\"message\":\"Bad credentials\"}");
		say(CHECK, checks[i].status,
		    "x-ratelimit-limit: 60\r\nx-ratelimit-remaining: 1\r\n"
		    "x-ratelimit-reset: 9999999999\r\n",
		    "{}");
		cr_expect_eq(get("/x", NULL), checks[i].outcome, "row %zu", i);
		cr_expect_str_eq(asked_header(1, "Authorization:"), BASIC);
		cr_expect_not_null(
		    strstr(script.asked[1], "\r\n\r\n{\"access_token\":\"gho_abc\"}"));
		cr_expect_str_eq(
		    page.code ? page.code : "", checks[i].code ? checks[i].code : "");
		cr_expect_eq(page.not_before_ms > 0, checks[i].code == NULL);
		cr_expect_eq(g.budget.limit, -1, "the app's limit is not the person's");
		script_ended("401");
	}
}

Test(github, a_401_without_a_secret_is_believed)
{
	settings.GITHUB_CLIENT_SECRET = NULL;
	say("GET /x ", 401, NULL, "{}");
	cr_expect_eq(get("/x", NULL), GITHUB_DISCONNECTED);
	script_ended("no secret");
}

Test(github, the_grant_is_taken_back)
{
	static const struct {
		int status;
		enum github_outcome outcome;
	} rows[] = { { 204, GITHUB_OK }, { 404, GITHUB_GONE }, { 422, GITHUB_GONE },
		{ 500, GITHUB_LATER }, { 401, GITHUB_REFUSED } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say("DELETE /applications/Iv1.abc/grant ", rows[i].status, NULL, "{}");
		cr_expect_eq(github_revoke_grant(&g, "gho_abc", &page), OK);
		cr_expect_eq(page.outcome, rows[i].outcome, "row %zu", i);
		cr_expect_str_eq(asked_header(0, "Authorization:"), BASIC);
		script_ended("revoke");
	}
	cr_expect_eq(github_revoke_grant(&g, "a\"b", &page), ERR_INVALID);
	cr_expect_eq(github_revoke_grant(&g, "", &page), ERR_INVALID);
}

/* ---- GraphQL */

Test(github, graphql)
{
	say("POST /graphql HTTP/1.1", 200, NULL, "{\"data\":{\"user\":{\"id\":1}}}");
	cr_expect_eq(github_graphql(&g, "query { a(b: \"c\") }", SPAN("{\"x\":1}"), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK);
	cr_expect_not_null(json_get_object(page.json, "user"));
	cr_expect_not_null(strstr(script.asked[0],
	    "\r\n\r\n{\"query\":\"query { a(b: \\\"c\\\") }\",\"variables\":{\"x\":1}}"));
	cr_expect_str_eq(asked_header(0, "Content-Type:"), "application/json");
	script_ended("graphql");
	say("POST /graphql ", 502, NULL, "");
	cr_expect_eq(github_graphql(&g, "{a}", SPAN(""), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_TOO_MUCH, "once: a smaller question is wanted");
	script_ended("graphql 502");
	say("POST /graphql ", 401, NULL, "{}");
	say(CHECK, 404, NULL, "{}");
	cr_expect_eq(github_graphql(&g, "{a}", SPAN(""), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_DISCONNECTED);
	script_ended("graphql 401");
}
