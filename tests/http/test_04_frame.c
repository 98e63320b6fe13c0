/* What every answer carries: CORS, rate limits, caching, the operator's endpoints. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--set",
	"FRONTEND_URL=http://one.test,http://two.test:81", "--set", "RATE_WRITE=5", "--set",
	"RATE_READ_ANONYMOUS=100000", NULL };

#define S "/api/v1/snippets"
#define ONE "Origin: http://one.test"

Test(frame, cors_names_only_our_origins)
{
	static const struct {
		const char *origin;
		bool allowed;
	} rows[] = {
		{ "http://one.test", true },
		{ "http://two.test:81", true },
		{ "http://two.test", false },
		{ "https://one.test", false },
		{ "http://one.test.evil", false },
		{ "http://evil.one.test", false },
		{ "http://ONE.test", false },
		{ "null", false },
		{ "http://one.test,http://two.test:81", false },
	};
	/* The worker's answers, and nginx's own. */
	const char *paths[] = { S, S "/x", "/api/v1/a//b" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char line[128];
		snprintf(line, sizeof(line), "Origin: %s", rows[i].origin);
		for (size_t k = 0; k < 3; k++) {
			struct answer a = CALL("GET", paths[k], .headers = { line });
			const char *allowed = header_of(&a, "Access-Control-Allow-Origin");
			cr_expect_eq(allowed != NULL, rows[i].allowed, "%s %s", paths[k], line);
			cr_expect(allowed == NULL || strcmp(allowed, rows[i].origin) == 0);
			if (k < 2)
				cr_expect_eq(a.status == 403, !rows[i].allowed, "%s: %ld", line,
				    a.status);
			forget(&a);
		}
	}
}

Test(frame, preflight)
{
	struct answer a = CALL("OPTIONS", S,
	    .headers = { ONE, "Access-Control-Request-Method: PATCH",
	        "Access-Control-Request-Headers: if-match" });

	cr_expect_eq(a.status, 204);
	cr_expect_str_eq(header_of(&a, "Access-Control-Max-Age"), "600");
	cr_expect_not_null(strstr(header_of(&a, "Access-Control-Allow-Methods"), "PATCH"));
	cr_expect_not_null(strstr(header_of(&a, "Access-Control-Allow-Headers"), "If-Match"));
	forget(&a);
	a = CALL("OPTIONS", S,
	    .headers = { "Origin: http://evil.test", "Access-Control-Request-Method: PATCH" });
	cr_expect_eq(a.status, 403);
	cr_expect_str_eq(text_at(&a, "error.code"), "ORIGIN_NOT_ALLOWED");
	forget(&a);
	a = CALL("GET", S, .headers = { ONE });
	cr_expect_not_null(
	    strstr(header_of(&a, "Access-Control-Expose-Headers"), "X-Request-Id"));
	cr_expect_not_null(strstr(header_of(&a, "Vary"), "Origin"));
	forget(&a);
}

Test(frame, methods_and_allow)
{
	struct answer a = CALL("PUT", S, .body = "{}");

	cr_expect_eq(a.status, 405);
	cr_expect_str_eq(header_of(&a, "Allow"), "GET, HEAD, POST, OPTIONS");
	forget(&a);
	a = CALL("OPTIONS", S);
	cr_expect_eq(a.status, 204);
	cr_expect_str_eq(header_of(&a, "Allow"), "GET, HEAD, POST, OPTIONS");
	forget(&a);
}

Test(frame, request_ids_are_ours)
{
	struct answer a = CALL("GET", "/health", .headers = { "X-Request-Id: mine" });
	char first[64];

	cr_expect_eq(header_count(&a, "X-Request-Id"), 1);
	snprintf(first, sizeof(first), "%s", header_of(&a, "X-Request-Id"));
	cr_expect_str_neq(first, "mine");
	forget(&a);
	a = CALL("GET", "/health");
	cr_expect_str_neq(header_of(&a, "X-Request-Id"), first);
	forget(&a);
}

Test(frame, rate_limit_counts_a_person)
{
	const char *ann = stack_token("rate-ann"), *bob = stack_token("rate-bob");
	struct answer a;

	for (int i = 0; i < 5; i++) {
		a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = "{\"bio\":\"x\"}");
		cr_expect_eq(a.status, 200, "%d: %s", i, a.body);
		cr_expect_str_eq(header_of(&a, "RateLimit-Policy"), "\"write\";q=5;w=60");
		cr_expect_eq(strtol(header_of(&a, "X-RateLimit-Remaining"), NULL, 10), 4 - i);
		forget(&a);
	}
	a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = "{\"bio\":\"x\"}");
	cr_expect_eq(a.status, 429);
	cr_expect_str_eq(text_at(&a, "error.code"), "RATE_LIMITED");
	cr_expect_geq(strtol(header_of(&a, "Retry-After"), NULL, 10), 1);
	cr_expect_leq(
	    strtol(header_of(&a, "Retry-After"), NULL, 10), 12, "a fifth of a minute");
	forget(&a);
	a = CALL("PATCH", "/api/v1/users/me", .token = bob, .body = "{\"bio\":\"x\"}");
	cr_expect_eq(a.status, 200, "another person has another bucket");
	forget(&a);
	a = CALL("GET", "/api/v1/auth/me", .token = ann);
	cr_expect_eq(a.status, 200, "another budget");
	forget(&a);
}

/* A worker that counts by itself would allow only its share. */
Test(frame, all_workers_count_a_stranger_together)
{
	struct answer a = CALL("GET", S "?limit=0");

	cr_expect_eq(a.status, 400);
	cr_expect_str_eq(header_of(&a, "X-RateLimit-Limit"), "100000");
	cr_expect_gt(strtol(header_of(&a, "X-RateLimit-Remaining"), NULL, 10), 90000);
	forget(&a);
}

Test(frame, a_dead_session_is_refused)
{
	char out[2048], key[128], session[64];
	const char *token;
	struct answer a;

	stack_ctl(out, sizeof(out), "token", "dead-dora", "--create", "--json", NULL);
	token = strstr(out, "\"accessToken\":\"") + 15;
	snprintf(session, sizeof(session), "%.36s", strstr(out, "\"session_id\":\"") + 14);
	*strchr(token, '"') = '\0';
	a = CALL("GET", "/api/v1/auth/me", .token = token);
	cr_expect_eq(a.status, 200, "%s", a.body);
	forget(&a);
	snprintf(key, sizeof(key), "cg:dead:%s", session);
	{
		char socket[512];
		const char *argv[] = { "redis-cli", "-s", socket, "set", key, "1", "EX", "900",
			NULL };
		snprintf(socket, sizeof(socket), "%s/run/redis.sock", stack_dir());
		cr_assert_eq(run_command(argv, socket + 256, 256), 0);
	}
	a = CALL("GET", "/api/v1/auth/me", .token = token);
	cr_expect_eq(a.status, 401);
	cr_expect_not_null(strstr(header_of(&a, "WWW-Authenticate"), "invalid_token"));
	forget(&a);
}

Test(frame, what_may_be_cached)
{
	const char *ann = stack_token("cache-ann");
	struct answer a = CALL("GET", S);

	cr_expect_str_eq(header_of(&a, "Cache-Control"),
	    "public, max-age=1, stale-while-revalidate=1", "%s",
	    header_of(&a, "Cache-Control"));
	cr_expect_null(header_of(&a, "RateLimit"), "nobody's budget in a shared answer");
	forget(&a);
	a = CALL("GET", S, .token = ann);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "private, no-cache");
	cr_expect_not_null(header_of(&a, "RateLimit"));
	forget(&a);
	a = CALL("GET", S "/x");
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "public, max-age=1");
	forget(&a);
	a = CALL("GET", S "/x", .token = ann);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	forget(&a);
	a = CALL("GET", "/health");
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	forget(&a);
}

Test(frame, operators_endpoints)
{
	struct answer a = CALL("GET", "/ready");

	cr_expect_eq(a.status, 200);
	cr_expect_str_eq(text_at(&a, "data.status"), "ok");
	cr_expect_str_eq(text_at(&a, "data.checks.postgresql.status"), "ok");
	cr_expect_str_eq(text_at(&a, "data.checks.redis.status"), "ok");
	cr_expect(json_is_real(at(&a, "data.checks.redis.time_ms")));
	forget(&a);
	a = CALL("GET", "/metrics");
	cr_expect_eq(a.status, 200);
	cr_expect_str_eq(
	    header_of(&a, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
	cr_expect_not_null(strstr(a.body, "codegram_http_requests_total{pool=\"all\",route="
	                                  "\"meta_ready\",status=\"2xx\"} "));
	cr_expect_not_null(strstr(a.body, "# TYPE codegram_http_request_seconds histogram"));
	cr_expect_not_null(strstr(a.body, "pool=\"login\""), "one scrape shows every pool");
	forget(&a);
}

Test(frame, languages_and_tags)
{
	const char *ann = stack_token("tag-ann");
	struct answer a;

	new_snippet(
	    ann, "{\"title\":\"x\",\"code\":\"x\",\"language\":\"lua\",\"tags\":[\"zz-top\"]}");
	a = CALL("GET", "/api/v1/languages");
	cr_expect_eq(a.status, 200);
	cr_expect_not_null(strstr(a.body, "{\"name\":\"lua\",\"snippets_count\":1}"));
	forget(&a);
	a = CALL("GET", "/api/v1/tags?q=ZZ");
	cr_expect_str_eq(text_at(&a, "data.0.name"), "zz-top");
	cr_expect_eq(int_at(&a, "data.0.snippets_count"), 1);
	forget(&a);
}

/* Every line is JSON, no token is in any; whether the person's own line is there. */
static bool
log_is_sound(void *token)
{
	char path[512], line[16384];
	bool seen = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log/api-all.log", stack_dir());
	cr_assert_not_null(f = fopen(path, "r"));
	while (fgets(line, sizeof(line), f) != NULL) {
		json_t *json = json_loads(line, 0, NULL);
		cr_expect_not_null(json, "not JSON: %s", line);
		cr_expect(json_is_string(json_object_get(json, "timestamp")), "%s", line);
		cr_expect_null(strstr(line, (const char *)token), "a token is in the log");
		seen = seen || strstr(line, "\"user\":\"log-ann\"") != NULL;
		json_decref(json);
	}
	fclose(f);
	return seen;
}

/* What a stranger typed is in the log as one JSON line, and no token ever is. */
Test(frame, log_lines)
{
	char token[1024];
	struct answer a;

	snprintf(token, sizeof(token), "%s", stack_token("log-ann"));
	a = CALL("GET", "/api/v1/users/%22%7D%5C?q=1", .token = token,
	    .headers = { "User-Agent: \"}\\" });
	forget(&a);
	cr_expect(wait_until(log_is_sound, token, 5), "the line is not there");
}
