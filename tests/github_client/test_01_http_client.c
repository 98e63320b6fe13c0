/* http_client: what is sent, and the bounds of a call. */
#include "adapter/http_client.h"

#include "base/clock.h"
#include "github_client/scripted.h"
#include "support/patience.h"
#include "unit/scope.h"

static struct http_client *client;
static struct http_response response;

static void
open_client(void)
{
	open_scope();
	open_script();
	cr_assert_not_null(client = http_client_make("CodeGram/test"));
}

static void
close_client(void)
{
	http_client_free(client);
	close_script();
	close_scope();
}

TestSuite(http_client, .init = open_client, .fini = close_client);

static struct http_request
get(const char *path)
{
	return (struct http_request){ .method = "GET",
		.url = arena_format(scope.arena, "%s%s", script.url, path),
		.timeout_ms = 5000,
		.body_max = 1000,
		.origin = script.url };
}

Test(http_client, takes_status_headers_and_body)
{
	struct http_request r = get("/a?b=c");

	say("GET /a?b=c HTTP/1.1", 200, "ETag:   \"x\" \r\nX-Empty:\r\netag: \"y\"\r\n",
	    "hello");
	r.headers[r.header_count++] = (struct http_header){ "Accept", SPAN("text/x") };
	r.headers[r.header_count++] = (struct http_header){ "X-None", SPAN("") };
	cr_assert_eq(http_call(client, &r, &response, &scope), OK, "%s", scope.fault.story);
	cr_expect_eq(response.status, 200);
	cr_expect(span_is(response.body, "hello"));
	cr_expect_str_eq(http_header(&response, "etag"), "\"x\"", "the first one");
	cr_expect_str_eq(http_header(&response, "X-EMPTY"), "");
	cr_expect_null(http_header(&response, "X-Other"));
	cr_expect_gt(response.micros, 0);
	cr_expect_str_eq(asked_header(0, "Accept:"), "text/x");
	cr_expect_str_eq(asked_header(0, "User-Agent:"), "CodeGram/test");
	cr_expect_not_null(strstr(script.asked[0], "X-None:\r\n"));
	cr_expect_null(strstr(script.asked[0], "Expect:"));
	script_ended("get");
}

Test(http_client, sends_what_the_method_wants)
{
	static const struct {
		const char *method, *body, *want, *length;
	} rows[] = {
		{ "POST", "a=b", "POST /x ", "3" },
		{ "POST", "", "POST /x ", "0" },
		{ "PUT", "abc", "PUT /x ", "3" },
		{ "DELETE", "{}", "DELETE /x ", "2" },
		{ "DELETE", NULL, "DELETE /x ", "" },
		{ "PATCH", "{}", "PATCH /x ", "2" },
		{ "HEAD", NULL, "HEAD /x ", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct http_request r = get("/x");
		say(rows[i].want, 204, NULL, NULL);
		r.method = rows[i].method;
		r.body = span_of(rows[i].body);
		cr_expect_eq(http_call(client, &r, &response, &scope), OK, "row %zu", i);
		cr_expect_eq(response.status, 204);
		cr_expect_str_eq(
		    asked_header(0, "Content-Length:"), rows[i].length, "row %zu", i);
		script_ended(rows[i].want);
	}
	cr_expect_eq(script.connections, 1, "kept");
}

Test(http_client, keeps_connections_but_for_what_goes_once)
{
	struct http_request r = get("/x");

	for (int i = 0; i < 3; i++) {
		say("GET /x ", 200, NULL, "y");
		r.once = i == 2;
		cr_assert_eq(http_call(client, &r, &response, &scope), OK);
		cr_expect_eq(script.connections, i == 2 ? 2 : 1);
	}
}

/* A 302 is an answer as any other: nobody goes there. */
Test(http_client, follows_nothing)
{
	struct http_request r = get("/x");

	say("GET /x ", 302, "Location: /y\r\nSet-Cookie: a=b\r\n", "");
	cr_assert_eq(http_call(client, &r, &response, &scope), OK);
	cr_expect_eq(response.status, 302);
	cr_expect_str_eq(http_header(&response, "Location"), "/y");
	script_ended("redirect");
	say("GET /x ", 200, NULL, "");
	cr_assert_eq(http_call(client, &r, &response, &scope), OK);
	cr_expect_str_empty(asked_header(0, "Cookie:"));
}

static char *
filled(size_t len, char with)
{
	char *text = arena_alloc(scope.arena, len + 1);

	cr_assert_not_null(text);
	memset(text, with, len);
	return text;
}

Test(http_client, bounds_the_answer)
{
	struct http_request r = get("/x");
	char *head = filled(40000, 'a');

	next((struct step){ .status = 200, .body = filled(1000, 'x') });
	cr_expect_eq(http_call(client, &r, &response, &scope), OK);
	cr_expect_eq(response.body.len, 1000);
	next((struct step){ .status = 200, .body = filled(1001, 'x') });
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_TOO_LARGE);
	next((struct step){ .status = 200,
	    .headers = "Transfer-Encoding: chunked\r\nX: \r\n\r\n3e9\r\n",
	    .body = filled(1001, 'x') });
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_TOO_LARGE, "chunked");
	memcpy(head, "X: ", 3);
	memcpy(head + 39998, "\r\n", 2);
	next((struct step){ .status = 200, .headers = head });
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_TOO_LARGE, "headers");
	cr_expect_not_null(strstr(scope.fault.story, "/x: the answer is too large"));
	next((struct step){ .status = 200, .body = "again" });
	cr_expect_eq(http_call(client, &r, &response, &scope), OK);
}

Test(http_client, bounds_the_time)
{
	static const enum how hows[] = { SILENCE, DRIP, RESET };

	for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++) {
		struct http_request r = get("/x?secret=1");
		int64_t began = clock_mono();
		next((struct step){ .status = 200, .body = "x", .how = hows[i] });
		if (hows[i] == RESET) /* libcurl asks once more when a kept one was reset */
			next((struct step){ .status = 200, .how = RESET });
		r.timeout_ms = 300;
		fault_reset(&scope.fault);
		cr_expect_eq(http_call(client, &r, &response, &scope), ERR_AWAY, "row %zu", i);
		cr_expect_lt(clock_mono() - began, PATIENCE * 2000000, "row %zu", i);
		cr_expect_not_null(strstr(scope.fault.story, "127.0.0.1/x: "));
		cr_expect_null(strstr(scope.fault.story, "secret"), "%s", scope.fault.story);
	}
}

Test(http_client, headers_that_are_none)
{
	const struct {
		const char *name;
		struct span value;
	} rows[] = {
		{ "A", SPAN("x\r\nB: y") },
		{ "A", SPAN("x\ny") },
		{ "A", SPAN("x\ry") },
		{ "A", SPAN("x\0y") },
		{ "A:", SPAN("x") },
		{ "A b", SPAN("x") },
		{ "A\r\nB", SPAN("x") },
		{ "A;", SPAN("x") },
		{ "", SPAN("x") },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct http_request r = get("/x");
		r.headers[r.header_count++] =
		    (struct http_header){ rows[i].name, rows[i].value };
		cr_expect_eq(
		    http_call(client, &r, &response, &scope), ERR_INVALID, "row %zu", i);
	}
	script_ended("no header");
}

/* The configured place alone. */
Test(http_client, origin)
{
	static const char *const others[] = { "http://localhost:%d/", "https://127.0.0.1:%d/",
		"http://127.0.0.2:%d/", "http://user@127.0.0.1:%d/", "http://127.0.0.1:%d@x/",
		"http://127.0.0.1/?%d", "ftp://127.0.0.1:%d/", "//127.0.0.1:%d/", "/%d" };
	struct http_request r = get("/");

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		enum err e;
		char url[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), others[i], script.port);
#pragma GCC diagnostic pop
		r.url = url;
		e = http_call(client, &r, &response, &scope);
		cr_expect(e == ERR_FORBIDDEN || e == ERR_INVALID, "%s: %d", url, (int)e);
	}
	r.url = script.url;
	r.origin = NULL;
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_INVALID, "no bound at all");
	r.origin = script.url;
	r.public_only = true;
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_INVALID, "two of them");
	script_ended("origin");
	cr_expect_eq(script.connections, 0);
}

Test(http_client, joins)
{
	static const struct {
		const char *base, *relative, *want; /* NULL: refused */
	} rows[] = {
		{ "https://h/a/b?c", "/x?y", "https://h/x?y" },
		{ "https://h/a/b", "x", "https://h/a/x" },
		{ "https://h/a/b", "../x", "https://h/x" },
		{ "https://h/a/b", "?x=1", "https://h/a/b?x=1" },
		{ "https://h:8443/a", "https://o/x", "https://o/x" },
		{ "https://h/a", "//o/x", "https://o/x" },
		{ "https://h/a", "https://u:p@o/x", NULL },
		{ "https://h/a", "https://o o/x", NULL },
		{ "https://h/a", "\r\nx", NULL },
		{ "nonsense", "/x", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *out = NULL;
		enum err e = http_url_join(rows[i].base, rows[i].relative, &out, &scope);
		cr_expect_eq(e, rows[i].want ? OK : ERR_INVALID, "row %zu", i);
		if (rows[i].want && out)
			cr_expect_str_eq(out, rows[i].want);
	}
	cr_expect(http_same_origin("https://API.github.com/x", "https://api.github.com:443"));
	cr_expect_not(
	    http_same_origin("https://api.github.com.evil", "https://api.github.com"));
	cr_expect_not(http_same_origin("http://api.github.com", "https://api.github.com"));
	cr_expect_not(http_same_origin("https://api.github.com:444", "https://api.github.com"));
	cr_expect_not(
	    http_same_origin("https://api.github.com@evil/", "https://api.github.com"));
}
