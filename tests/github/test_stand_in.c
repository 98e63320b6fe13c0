/* test_stand_in: the GitHub stand-in does what GitHub's documents say. The shapes of its answers
 * are held against GitHub's own descriptions by tests/clients/test_github_shape.sh. */
#include "github/caller.h"

#include <unistd.h>

#include "adapter/crypto.h"
#include "base/buf.h"
#include "base/clock.h"

enum { SECOND = 1000 * 1000 };

TestSuite(stand_in, .init = fresh);

/* ---- sign-in */

static const char verifier[] = "a-verifier-of-at-least-forty-three-characters-0123456789";

/* Asks for a code; the Location that comes back. */
static const char *
authorize(const char *more)
{
	static char location[4096];
	unsigned char hash[SHA256_BYTES];
	struct buf challenge;
	struct reply r;
	char url[2048];

	crypto_sha256(span_of(verifier), hash);
	buf_init(&challenge, 128);
	buf_base64url(&challenge, hash, sizeof(hash));
	snprintf(url, sizeof(url),
	    "%s/login/oauth/"
	    "authorize?client_id=stand-in-client&state=s%%26t&scope=read:user%%20"
	    "user:email&code_challenge_method=S256&code_challenge=%s&redirect_uri=http://"
	    "127.0.0.1:8080/api/v1/auth/github/callback%s",
	    github_url(), buf_text(&challenge), more);
	buf_free(&challenge);
	r = ASK(.url = url);
	snprintf(location, sizeof(location), "%s",
	    r.status == 302 ? header_of(&r, "Location") : r.text);
	forget(&r);
	return location;
}

static struct reply
exchange(const char *code, const char *proof, const char *secret)
{
	char url[256], body[512];

	snprintf(url, sizeof(url), "%s/login/oauth/access_token", github_url());
	snprintf(body, sizeof(body),
	    "client_id=stand-in-client&client_secret=%s&code=%s&code_verifier=%s", secret, code,
	    proof);
	return ASK(.url = url, .body = body);
}

static const char *
code_in(const char *location)
{
	static char code[64];

	cr_assert_not_null(strstr(location, "callback?code="), "%s", location);
	snprintf(code, sizeof(code), "%.20s", strstr(location, "code=") + 5);
	cr_assert_not_null(strstr(location, "&state=s%26t"), "%s", location);
	return code;
}

static void
expect_trouble(const char *code, const char *proof, const char *secret, const char *error)
{
	struct reply r = exchange(code, proof, secret);

	cr_assert_eq(r.status, 200, "failures come with 200 as well");
	cr_assert_str_eq(text_at(&r, "error"), error);
	forget(&r);
}

Test(stand_in, signs_in_once_for_each_code)
{
	const char *code = code_in(authorize("&login=ada"));
	struct reply r;

	expect_trouble(code, verifier, "wrong", "incorrect_client_credentials");
	expect_trouble(code, "another", "stand-in-secret", "bad_verification_code");
	r = exchange(code, verifier, "stand-in-secret");
	cr_assert_eq(r.status, 200);
	cr_assert_str_eq(text_at(&r, "token_type"), "bearer");
	cr_assert_str_eq(text_at(&r, "scope"), "read:user,user:email");
	cr_assert_eq(status_of("/user", text_at(&r, "access_token")), 200);
	forget(&r);
	expect_trouble(code, verifier, "stand-in-secret", "bad_verification_code");
}

Test(stand_in, refuses_a_sign_in_as_github_does)
{
	const char *to = authorize("&deny=1");
	struct reply r;

	cr_assert_not_null(strstr(to, "callback?error=access_denied"), "%s", to);
	cr_assert_not_null(strstr(to, "&state=s%26t"), "%s", to);
	to = authorize("&login=ada&granted=read:user");
	r = exchange(code_in(to), verifier, "stand-in-secret");
	cr_assert_str_eq(text_at(&r, "scope"), "read:user");
	forget(&r);
	cr_assert_not_null(strstr(authorize(""), "sign in as ada"));
	github_change("{'change': 'sign_in_as', 'login': 'grace'}");
	code_in(authorize(""));
}

static void
expect_redirect(const char *query, const char *wanted)
{
	char url[1024];
	struct reply r;

	snprintf(url, sizeof(url), "%s/login/oauth/authorize?%s", github_url(), query);
	r = ASK(.url = url);
	cr_assert_eq(r.status, 302, "%s: %ld", query, r.status);
	cr_assert_not_null(strstr(header_of(&r, "Location"), wanted), "%s: %s", query,
	    header_of(&r, "Location"));
	forget(&r);
}

Test(stand_in, checks_where_it_sends_the_code)
{
	static const char ours[] = "http://127.0.0.1:8080/api/v1/auth/github/callback?error=";
	char wanted[256];
	struct reply r;
	char url[256];

	snprintf(wanted, sizeof(wanted), "%sredirect_uri_mismatch", ours);
	expect_redirect(
	    "client_id=stand-in-client&login=ada&redirect_uri=http://evil.example/", wanted);
	expect_redirect(
	    "client_id=stand-in-client&login=ada&redirect_uri=http://127.0.0.1:8080/"
	    "api/v1/auth/github/callback.evil.example/",
	    wanted);
	snprintf(wanted, sizeof(wanted), "%sinvalid_request", ours);
	expect_redirect("client_id=stand-in-client&login=ada", wanted);
	expect_redirect("client_id=stand-in-client&login=ada&code_challenge_method=plain&"
	                "code_challenge=0123456789012345678901234567890123456789012",
	    wanted);
	snprintf(url, sizeof(url), "%s/login/oauth/authorize?client_id=other", github_url());
	r = ASK(.url = url);
	cr_assert_eq(r.status, 404);
	forget(&r);
}

/* ---- REST */

Test(stand_in, pages_by_link)
{
	const char *collector = github_token("collector", "read:user");
	char url[1024] =
	    "/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100";
	size_t pages = 0, count = 0;
	char last[32] = "9999";
	struct reply r;
	const char *head, *next;

	for (; url[0] != '\0'; pages++) {
		r = ASK(.url = url, .token = collector);
		cr_assert_eq(r.status, 200);
		for (size_t i = 0; i < json_array_size(r.json); i++, count++) {
			const char *pushed = json_string_value(
			    json_object_get(json_array_get(r.json, i), "pushed_at"));
			cr_assert(strcmp(pushed, last) <= 0, "%s behind %s", pushed, last);
			snprintf(last, sizeof(last), "%s", pushed);
		}
		url[0] = '\0';
		head = buf_text(&r.head);
		next = strstr(head, ">; rel=\"next\"");
		if (next != NULL) {
			head = (const char *)memrchr(head, '<', (size_t)(next - head)) + 1;
			snprintf(url, sizeof(url), "%.*s", (int)(next - head), head);
		}
		forget(&r);
	}
	cr_assert_eq(pages, 30, "%zu %zu", pages, count);
	cr_assert_eq(count, 3000);
	cr_assert_eq(github_count("path=/user/repos&login=collector&status=200"), 30);
}

Test(stand_in, unchanged_costs_nothing)
{
	struct reply r = ASK(.url = "/user", .token = ada), again;
	char line[256], left[16];

	snprintf(left, sizeof(left), "%s", header_of(&r, "x-ratelimit-remaining"));
	cr_assert_str_eq(left, "4999");
	snprintf(line, sizeof(line), "If-None-Match: %s", header_of(&r, "ETag"));
	again = ASK(.url = "/user", .token = ada, .header = line);
	cr_assert_eq(again.status, 304);
	cr_assert_eq(again.len, 0);
	cr_assert_str_eq(header_of(&again, "x-ratelimit-remaining"), left);
	forget(&again);
	snprintf(line, sizeof(line), "If-Modified-Since: %s", header_of(&r, "Last-Modified"));
	again = ASK(.url = "/user", .token = ada, .header = line);
	cr_assert_eq(again.status, 304);
	forget(&again);
	/* An ETag belongs to a token. */
	snprintf(line, sizeof(line), "If-None-Match: %s", header_of(&r, "ETag"));
	again = ASK(.url = "/user", .token = github_token("ada", "user"), .header = line);
	cr_assert_eq(again.status, 200);
	forget(&again);
	github_change("{'change': 'edit_person', 'login': 'ada', 'bio': 'Another'}");
	again = ASK(.url = "/user", .token = ada, .header = line);
	cr_assert_eq(again.status, 200);
	forget(&again);
	forget(&r);
	cr_assert_eq(github_figures("login=ada").not_modified, 2);
}

Test(stand_in, keeps_the_primary_limit)
{
	struct reply r;

	github_change("{'change': 'limit', 'login': 'ada', 'remaining': 2, 'reset_in': 100}");
	cr_assert_eq(status_of("/user", ada), 200);
	cr_assert_eq(status_of("/user/emails", ada), 200);
	r = ASK(.url = "/user", .token = ada);
	cr_assert_eq(r.status, 403);
	cr_assert_str_eq(header_of(&r, "x-ratelimit-remaining"), "0");
	cr_assert_leq(llabs(strtoll(header_of(&r, "x-ratelimit-reset"), NULL, 10) -
	                    clock_now() / SECOND - 100),
	    2);
	forget(&r);
	cr_assert_eq(status_of("/user", github_token("grace", "user")), 200);
}

Test(stand_in, asks_for_what_github_asks_for)
{
	const char *few = github_token("ada", "read:user");
	struct reply r = ASK(.url = "/user/emails", .token = few);

	cr_assert_eq(r.status, 404);
	cr_assert_str_eq(header_of(&r, "X-Accepted-OAuth-Scopes"), "user, user:email");
	cr_assert_str_eq(header_of(&r, "X-OAuth-Scopes"), "read:user");
	forget(&r);
	r = ASK(.url = "/user", .token = ada, .header = "X-GitHub-Api-Version: 1999-01-01");
	cr_assert_eq(r.status, 400);
	forget(&r);
	r = ASK(.url = "/user", .token = ada, .header = "User-Agent:");
	cr_assert_eq(r.status, 403);
	forget(&r);
	cr_assert_eq(status_of("/user", "gho_nothing"), 401);
	cr_assert_eq(status_of("/user", NULL), 401);
	cr_assert_eq(status_of("/repos/ada/letters", ada), 404);
	cr_assert_eq(status_of("/repos/ada/letters", github_token("ada", "repo")), 200);
	cr_assert_eq(status_of("/user", github_token("mallory", "user")), 403);
}

Test(stand_in, a_rename_is_followed_by_id)
{
	long long id =
	    github_change("{'change': 'add_repository', 'login': 'ada', 'name': 'one'}");
	char wanted[256];
	struct reply r;

	github_change("{'change': 'rename_repository', 'repository': 'ada/one', 'to': 'two'}");
	snprintf(
	    wanted, sizeof(wanted), "%s/repositories/%lld/languages", github_api_url(), id);
	r = ASK(.url = "/repos/ada/one/languages", .token = ada);
	cr_assert_eq(r.status, 301);
	cr_assert_str_eq(header_of(&r, "Location"), wanted);
	forget(&r);
	cr_assert_eq(status_of(wanted, ada), 200);
	github_change("{'change': 'rename_person', 'login': 'ada', 'to': 'countess'}");
	cr_assert_eq(status_of("/users/ada", NULL), 404);
	cr_assert_eq(status_of("/repos/ada/engine", ada), 301);
	github_change(
	    "{'change': 'transfer_repository', 'repository': 'countess/two', 'to': 'grace'}");
	cr_assert_eq(status_of("/repos/grace/two", ada), 200);
	github_change("{'change': 'delete_repository', 'repository': 'grace/two'}");
	cr_assert_eq(status_of(wanted, ada), 404);
}

Test(stand_in, the_app_may_end_what_was_granted)
{
	char body[128], url[256];
	struct reply r;

	snprintf(body, sizeof(body), "{\"access_token\":\"%s\"}", ada);
	snprintf(url, sizeof(url), "%s/applications/stand-in-client/token", github_api_url());
	r = ASK(.url = url, .body = body);
	cr_assert_eq(r.status, 401);
	forget(&r);
	r = ASK(.url = url, .body = body, .login = "stand-in-client:wrong");
	cr_assert_eq(r.status, 404);
	forget(&r);
	r = ASK(.url = url, .body = body, .login = "stand-in-client:stand-in-secret");
	cr_assert_eq(r.status, 200);
	forget(&r);
	snprintf(url, sizeof(url), "%s/applications/stand-in-client/grant", github_api_url());
	r = ASK(.method = "DELETE", .url = url, .body = body,
	    .login = "stand-in-client:stand-in-secret");
	cr_assert_eq(r.status, 204);
	forget(&r);
	cr_assert_eq(status_of("/user", ada), 401);
}

/* ---- GraphQL */

static struct reply
graphql(const char *query, const char *variables)
{
	char url[256], body[2048];

	snprintf(url, sizeof(url), "%s/api/graphql", github_url());
	snprintf(body, sizeof(body), "{\"query\":\"%s\",\"variables\":%s}", query, variables);
	return ASK(.url = url, .token = ada, .body = body);
}

static const char quarter[] =
    "query($from: DateTime!, $to: DateTime!) { user(login: \\\"linus\\\") "
    "{ q: contributionsCollection(from: $from, to: $to) "
    "{ contributionCalendar { totalContributions } } } }";

static json_t *
error_at(const struct reply *r)
{
	return json_array_get(json_object_get(r->json, "errors"), 0);
}

static void
expect_error(struct reply r, const char *type, const char *message)
{
	const char *said = json_string_value(json_object_get(error_at(&r), "type"));

	cr_assert_eq(r.status, 200);
	cr_assert_str_eq(said ? said : "(none)", type, "%s", r.text);
	cr_assert_not_null(
	    strstr(json_string_value(json_object_get(error_at(&r), "message")), message), "%s",
	    r.text);
	forget(&r);
}

Test(stand_in, graphql_answers_and_refuses_with_200)
{
	struct reply r = graphql(
	    quarter, "{\"from\":\"2025-01-01T00:00:00Z\",\"to\":\"2025-03-31T23:59:59Z\"}");

	cr_assert_null(error_at(&r), "%s", r.text);
	forget(&r);
	expect_error(graphql(quarter, "{\"from\":\"2025-01-01T00:00:00Z\",\"to\":"
	                              "\"2025-12-31T23:59:59Z\"}"),
	    "RESOURCE_LIMITS_EXCEEDED", "Resource limits");
	expect_error(graphql(quarter, "{\"from\":\"2023-01-01T00:00:00Z\",\"to\":"
	                              "\"2025-12-31T23:59:59Z\"}"),
	    "(none)", "must not exceed 1 year");
	expect_error(graphql("{ user(login: \\\"zz\\\") { login } }", "{}"), "NOT_FOUND",
	    "Could not resolve");
	expect_error(graphql("{ viewer { nothing } }", "{}"), "(none)", "doesn't exist");
	expect_error(graphql("query($l: Int!) { user(login: $l) { login } }", "{}"), "(none)",
	    "doesn't accept");
	expect_error(graphql("{ viewer { login ", "{}"), "(none)", "Parse error");
	github_change(
	    "{'change': 'limit', 'login': 'ada', 'resource': 'graphql', 'remaining': 0}");
	expect_error(graphql("{ viewer { login } }", "{}"), "RATE_LIMITED", "rate limit");
}

Test(stand_in, the_log_holds_no_secret)
{
	json_t *list;
	char *text;

	code_in(authorize("&login=ada"));
	status_of("/user?access_token=x", ada);
	list = github_requests("path=/");
	text = json_dumps(list, 0);
	cr_assert_null(strstr(text, ada));
	cr_assert_null(strstr(text, "code_challenge="));
	cr_assert_not_null(strstr(text, "\"user_agent\": \"tests\""));
	free(text);
	json_decref(list);
}

/* ---- deliveries, and starting again */

static struct reply
deliver(const char *body)
{
	char url[256];

	snprintf(url, sizeof(url), "%s/_stand-in/webhook", github_url());
	return ASK(.url = url, .body = body);
}

/* The example of GitHub's own documents. */
Test(stand_in, signs_deliveries)
{
	struct reply r =
	    deliver("{\"event\":\"push\",\"body\":\"Hello, World!\",\"dry\":true}");

	cr_assert_str_eq(text_at(&r, "signature"),
	    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
	forget(&r);
	r = deliver("{\"event\":\"push\",\"repository\":\"ada/nothing\"}");
	cr_assert_eq(r.status, 400);
	forget(&r);
}

Test(stand_in, sends_deliveries)
{
	struct github_delivery d;
	char url[128];
	json_t *list;

	snprintf(url, sizeof(url), "%s/hook", github_url());
	d = github_webhook("{'event': 'star', 'repository': 'ada/engine', 'delivery': "
	                   "'00000000-0000-0000-0000-00000000000a', 'url': '%s'}",
	    url);
	cr_assert_eq(
	    d.status, 404, "%ld", d.status); /* it is its own, which has no such route */
	cr_assert_str_eq(d.delivery, "00000000-0000-0000-0000-00000000000a");
	list = github_requests("path=/hook&method=POST");
	cr_assert_eq(json_array_size(list), 1);
	cr_assert_str_eq(
	    json_string_value(json_object_get(json_array_get(list, 0), "user_agent")),
	    "GitHub-Hookshot/044aadd");
	json_decref(list);
	d = github_webhook("{'event': 'ping', 'repository': 'ada/engine', 'url': "
	                   "'http://127.0.0.1:1/'}");
	cr_assert_eq(d.status, 0);
}

Test(stand_in, starts_again_where_it_was)
{
	char journal[256], token[64];
	long long id;

	snprintf(journal, sizeof(journal), "%s/codegram-journal-%d",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	github_start(journal);
	snprintf(token, sizeof(token), "%s", github_token("ada", "repo"));
	id = github_change("{'change': 'add_repository', 'login': 'ada', 'name': 'kept'}");
	github_change("{'change': 'star', 'repository': %lld, 'by': 5}", id);
	github_stop();
	github_start(journal);
	cr_assert_eq(status_of("/user", token), 200);
	cr_assert_eq(status_of("/repos/ada/kept", token), 200);
	cr_assert_eq(
	    github_change("{'change': 'add_repository', 'login': 'ada', 'name': 'next'}"),
	    id + 1);
	github_reset("world");
	cr_assert_eq(status_of("/user", token), 401);
	github_stop();
	remove(journal);
}
