/* What every answer carries: CORS, rate limits, caching, the operator's endpoints. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
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

/* A browser reads a 304 by its own headers: nginx makes it of what it keeps, or the worker. */
Test(frame, not_modified_is_readable_too)
{
	const char *others[] = { "X-Nothing: 1", "Cookie: a=b" };
	char tag[160];

	for (int i = 0; i < 2; i++) {
		struct answer a =
		    CALL("GET", "/api/v1/tags?q=none", .headers = { ONE, others[i] });
		snprintf(tag, sizeof(tag), "If-None-Match: W/%s", header_of(&a, "ETag"));
		forget(&a);
		a = CALL("GET", "/api/v1/tags?q=none", .headers = { ONE, others[i], tag });
		cr_expect_eq(a.status, 304, "%s: %ld", others[i], a.status);
		cr_expect_str_eq(
		    header_of(&a, "Access-Control-Allow-Origin"), "http://one.test");
		cr_expect_not_null(strstr(header_of(&a, "Vary"), "Origin"));
		cr_expect_str_eq(header_of(&a, "Cache-Control"), "public, no-cache");
		cr_expect_str_eq(header_of(&a, "ETag"), tag + strlen("If-None-Match: W/"));
		cr_expect_null(header_of(&a, "Content-Length"));
		forget(&a);
	}
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

	cr_expect_str_eq(header_of(&a, "Cache-Control"), "public, no-cache");
	cr_expect_null(header_of(&a, "X-Accel-Expires"), "that is between nginx and us");
	cr_expect_null(header_of(&a, "RateLimit"), "nobody's budget in a shared answer");
	forget(&a);
	a = CALL("GET", S, .token = ann);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "private, no-cache");
	cr_expect_not_null(header_of(&a, "RateLimit"));
	forget(&a);
	a = CALL("GET", S "/x");
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "public, no-cache");
	forget(&a);
	a = CALL("GET", S "/x", .token = ann);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	forget(&a);
	a = CALL("GET", "/health");
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	forget(&a);
}

static long
status_of(const char *path)
{
	struct answer a = CALL("GET", path);
	long status = a.status;

	forget(&a);
	return status;
}

/* Flips at ten moments of a second, each of a snippet that is read all the time: whoever asks a
 * second after the change was answered is never shown what was before it. */
Test(frame, nothing_older_than_a_second_is_shown)
{
	enum { FLIPS = 10 };
	/* several, since this stack allows a person five writes a minute */
	const char *ann[] = { stack_token("flip-ann"), stack_token("flip-bob"),
		stack_token("flip-cat"), stack_token("flip-dan"), stack_token("flip-eve") };
	struct answer a;
	char path[FLIPS][80];
	double changed[FLIPS] = { 0 }, began, oldest = 0;
	long late = 0, kept = 0;

	for (int i = 0; i < FLIPS; i++)
		snprintf(path[i], sizeof(path[i]), S "/%s",
		    new_snippet(ann[i % 5], "{\"title\":\"x\",\"code\":\"x\"}"));
	began = seconds_now();
	while (seconds_now() - began < 3.2) {
		for (int i = 0; i < FLIPS; i++) {
			double asked = seconds_now(), age = asked - changed[i];
			if (changed[i] > 0 && status_of(path[i]) == 200) {
				kept++;
				late += age > 1;
				oldest = age > oldest ? age : oldest;
			}
			if (changed[i] > 0 || asked - began < 0.5 + i * 0.1)
				continue;
			cr_expect_eq(status_of(path[i]), 200);
			a = CALL("PATCH", path[i], .token = ann[i % 5],
			    .body = "{\"is_public\":false}");
			cr_expect_eq(a.status, 200, "%s", a.body);
			forget(&a);
			changed[i] = seconds_now();
		}
	}
	fprintf(stderr, "%ld answers from before the change, the oldest %.3f s old\n", kept,
	    oldest);
	cr_expect_gt(kept, 0, "nothing was kept at all");
	cr_expect_eq(late, 0, "%ld were older than a second", late);
}

/* ---- requests that nginx refuses: a browser may read why */

static void
expect_error_for(const char *out, int status, const char *origin, const char *what)
{
	char line[128];
	int got = 0;

	sscanf(out, "HTTP/1.1 %d", &got);
	cr_expect_eq(got, status, "%s: %.300s", what, out);
	snprintf(line, sizeof(line), "Access-Control-Allow-Origin: %s\r\n", origin);
	cr_expect_not_null(strstr(out, line), "%s: %.900s", what, out);
	cr_expect_not_null(
	    strstr(out, "Access-Control-Allow-Credentials: true\r\n"), "%s", what);
	cr_expect_not_null(strstr(out, "Access-Control-Expose-Headers: "), "%s", what);
	cr_expect_not_null(strstr(out, "{\"success\":false,\"error\":{"), "%s", what);
}

/* `len` letters between what stands before and behind. */
static void
long_request(
    const char *before, size_t len, const char *behind, int status, const char *allowed)
{
	struct buf bytes;
	char out[8192];

	buf_init(&bytes, 1 << 17);
	buf_puts(&bytes, before);
	for (size_t i = 0; i < len; i++)
		buf_char(&bytes, 'a');
	buf_puts(&bytes, behind);
	raw_exchange(bytes.ptr, bytes.len, out, sizeof(out));
	buf_free(&bytes);
	expect_error_for(out, status, allowed, before);
}

#define REST "\r\nHost: x\r\nOrigin: http://two.test:81\r\nConnection: close\r\n\r\n"

Test(frame, cors_on_what_nginx_refuses_before_it_knows_the_origin)
{
	static const struct {
		const char *bytes, *origin;
		int status;
	} rows[] = {
		{ "GET /health HTTP/2.0" REST, "http://one.test", 505 },
		{ "G\x01T /health HTTP/1.1" REST, "http://one.test", 400 },
		{ "GET /api//v1 HTTP/1.1" REST, "http://two.test:81", 400 },
		{ "GET /health HTTP/1.1\r\nOrigin: http://two.test:81\r\n\r\n",
		    "http://two.test:81", 400 },
		{ "TRACE /health HTTP/1.1" REST, "http://two.test:81", 405 },
	};
	char out[8192];

	/* Up to 16 KiB the origin is read; beyond, the first one is meant. */
	long_request("GET " S "?x=", 8200, " HTTP/1.1" REST, 414, "http://two.test:81");
	long_request("GET " S "?x=", 15000, " HTTP/1.1" REST, 414, "http://two.test:81");
	long_request("GET " S "?x=", 40000, " HTTP/1.1" REST, 414, "http://one.test");
	long_request("GET " S " HTTP/1.1\r\nOrigin: http://two.test:81\r\nCookie: ", 40000,
	    REST, 431, "http://two.test:81");
	long_request(
	    "GET " S " HTTP/1.1\r\nHost: x\r\nCookie: ", 40000, REST, 431, "http://one.test");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		raw_exchange(rows[i].bytes, strlen(rows[i].bytes), out, sizeof(out));
		expect_error_for(out, rows[i].status, rows[i].origin, rows[i].bytes);
	}
	raw_exchange("GET /a//b HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.test\r\n\r\n", 56,
	    out, sizeof(out));
	cr_expect_null(strstr(out, "Access-Control-Allow-Origin"), "%s", out);
}

/* ---- a browser's window is never shown JSON */

static bool
leads_to_frontend(const struct answer *a, const char *code, const char *said)
{
	const char *to = header_of(a, "Location");
	char start[128];

	snprintf(start, sizeof(start), "http://one.test/?error=%s&reason=", code);
	return a->status == 302 && to != NULL && strncmp(to, start, strlen(start)) == 0 &&
	       strstr(to, said) != NULL;
}

Test(frame, z_the_window_of_a_sign_in_is_led_to_the_frontend)
{
	static const char *const paths[] = { "/api/v1/auth/github",
		"/api/v1/auth/github/callback?code=x&state=y" };
	long by_nginx = 0, others = 0;
	struct answer a;

	for (int i = 0; i < 60; i++) {
		a = CALL("GET", paths[i % 2]);
		by_nginx += leads_to_frontend(&a, "RATE_LIMITED", "from%20your%20address");
		others += a.status != 302;
		cr_expect_not_null(header_of(&a, "X-Request-Id"));
		forget(&a);
	}
	cr_expect_gt(by_nginx, 0, "nginx's own limit was not reached");
	cr_expect_eq(others, 0, "%ld were shown something else", others);
	a = CALL("POST", paths[0], .body = "{}", .headers = { ONE });
	cr_expect_eq(a.status, 429, "a client is told in JSON: %s", a.body);
	cr_expect_str_eq(text_at(&a, "error.code"), "RATE_LIMITED");
	forget(&a);
	sleep(1); /* one more is let through by now */
	stack_part("stop-part", "api-login");
	a = CALL("GET", paths[1]);
	cr_expect(leads_to_frontend(&a, "SERVICE_UNAVAILABLE", "away"), "%ld %s", a.status,
	    header_of(&a, "Location"));
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	forget(&a);
	sleep(1);
	a = CALL("POST", paths[0], .body = "{}");
	cr_expect_eq(a.status, 503);
	cr_expect_not_null(header_of(&a, "Retry-After"));
	forget(&a);
	stack_part("start-part", "api-login");
}

/* ---- 401 */

Test(frame, every_401_says_what_is_wanted)
{
	char out[64];
	const char *gone = stack_token("gone-gus");
	struct answer a = CALL("GET", "/api/v1/auth/me");

	cr_expect_eq(a.status, 401);
	cr_expect_str_eq(header_of(&a, "WWW-Authenticate"), "Bearer realm=\"codegram\"");
	cr_expect_str_eq(text_at(&a, "error.message"), "Access token required");
	forget(&a);
	a = CALL("POST", "/api/v1/auth/refresh", .body = "{}");
	cr_expect_eq(a.status, 401);
	cr_expect_str_eq(header_of(&a, "WWW-Authenticate"), "Bearer realm=\"codegram\"");
	cr_expect_str_eq(text_at(&a, "error.message"), "Refresh token required");
	forget(&a);
	a = CALL("POST", "/api/v1/auth/refresh", .body = "{\"refreshToken\":\"x.y.z\"}");
	cr_expect_eq(a.status, 401);
	cr_expect_not_null(
	    strstr(header_of(&a, "WWW-Authenticate"), "error=\"invalid_token\""));
	forget(&a);
	stack_sql("update users set deleted_at = now() where username = 'gone-gus'", out,
	    sizeof(out));
	a = CALL("POST", S, .token = gone, .body = "{\"title\":\"x\",\"code\":\"x\"}");
	cr_expect_eq(a.status, 401, "PostgreSQL says so: %s", a.body);
	cr_expect_not_null(
	    strstr(header_of(&a, "WWW-Authenticate"), "error=\"invalid_token\""));
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
