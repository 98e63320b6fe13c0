/* test_faults: every bad day that the client must handle can be had from the stand-in on demand,
 * and hits whom it is meant for. */
#include "github/caller.h"

#include <signal.h>
#include <unistd.h>

TestSuite(faults, .init = fresh);

/* ---- bad days: every row of the design's table */

static const struct {
	const char *kind, *with;
	long status;
	const char *header, *value, *body;
} rows[] = {
	{ "status", ",'status':503", 503, NULL, NULL, "Server Error" },
	{ "status", "", 502, NULL, NULL, "" },
	{ "body", ",'body':'<html>','type':'text/html'", 200, "Content-Type", "text/html",
	    "<html>" },
	{ "body", ",'json':{'error':'x'}", 200, NULL, NULL, "{\"error\":\"x\"}" },
	{ "rate", "", 403, "x-ratelimit-remaining", "0", "API rate limit exceeded" },
	{ "rate", ",'status':429,'seconds':5", 429, "x-ratelimit-remaining", "0", "" },
	{ "rate", ",'remaining':9,'seconds':-5", 403, "x-ratelimit-remaining", "9",
	    "API rate limit exceeded" },
	{ "rate", ",'bare':true", 403, "x-ratelimit-reset", "(none)",
	    "API rate limit exceeded" },
	{ "secondary", ",'seconds':0", 403, "Retry-After", "0", "secondary" },
	{ "secondary", ",'seconds':7", 403, "Retry-After", "7", "secondary rate limit" },
	{ "secondary", ",'status':429", 429, "Retry-After", "(none)", "secondary" },
	{ "revoked", ",'keep':true", 401, NULL, NULL, "Bad credentials" },
	{ "suspended", "", 403, NULL, NULL, "suspended" },
	{ "forbidden", "", 403, NULL, NULL, "not accessible" },
	{ "scope", ",'scope':'repo'", 403, "X-Accepted-OAuth-Scopes", "repo", "scopes" },
	{ "renamed", ",'location':'https://elsewhere.example/'", 301, "Location",
	    "https://elsewhere.example/", "" },
	{ "renamed", ",'status':307,'location':'/x'", 307, "Location", "/x", "" },
	{ "gone", "", 404, NULL, NULL, "Not Found" },
	{ "blocked", "", 451, NULL, NULL, "\"reason\":\"dmca\"" },
	{ "empty", "", 204, NULL, NULL, "" },
	{ "later", ",'seconds':3", 202, "Retry-After", "3", "{}" },
	{ "graphql_error", ",'type':'RATE_LIMITED'", 200, NULL, NULL, "RATE_LIMITED" },
	{ "graphql_error", ",'type':'RATE_LIMIT','code':'graphql_rate_limit'", 200, NULL, NULL,
	    "\"code\":\"graphql_rate_limit\"" },
	{ "garbled", ",'field':'login'", 200, NULL, NULL,
	    "\"login\":\"\xff"
	    "ada\"" },
	{ "garbled", ",'field':'login','with':'x'", 200, NULL, NULL, "\"login\":\"xada\"" },
	{ "headers", ",'headers':{'ETag':null,'Link':'<x>; rel=next'}", 200, "ETag", "(none)",
	    "ada" },
	{ "field", ",'field':'id','value':'text'", 200, NULL, NULL, "\"id\":\"text\"" },
};

Test(faults, faults_that_answer)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct reply r;
		github_fault("{'path':'/user','kind':'%s'%s}", rows[i].kind, rows[i].with);
		r = ASK(.url = "/user", .token = ada);
		cr_assert_eq(r.status, rows[i].status, "%s%s: %ld", rows[i].kind, rows[i].with,
		    r.status);
		if (rows[i].header != NULL)
			cr_assert_str_eq(header_of(&r, rows[i].header), rows[i].value, "%s%s",
			    rows[i].kind, rows[i].with);
		cr_assert_not_null(
		    strstr(r.text, rows[i].body), "%s: %s", rows[i].kind, r.text);
		forget(&r);
		cr_assert_eq(status_of("/user", ada), 200, "%s comes once", rows[i].kind);
		ada =
		    github_token("ada", "user"); /* GraphQL's budget is another person's need */
	}
}

Test(faults, faults_of_the_connection)
{
	struct reply r;

	github_fault("{'path': '/user', 'kind': 'reset'}");
	r = ASK(.url = "/user", .token = ada);
	cr_assert(r.how == CURLE_RECV_ERROR || r.how == CURLE_GOT_NOTHING, "%d", (int)r.how);
	forget(&r);
	github_fault("{'path': '/user', 'kind': 'cut', 'bytes': 100}");
	r = ASK(.url = "/user", .token = ada);
	cr_assert_eq(r.how, CURLE_PARTIAL_FILE, "%d", (int)r.how);
	cr_assert_eq(r.len, 100);
	forget(&r);
	github_fault("{'path': '/user', 'kind': 'slow', 'seconds': 0.5}");
	r = ASK(.url = "/user", .token = ada);
	cr_assert_eq(r.how, CURLE_OK);
	cr_assert_geq(r.seconds, 0.45);
	cr_assert_not_null(r.json);
	forget(&r);
	github_fault("{'path': '/user', 'kind': 'headers', 'huge': 120000}");
	r = ASK(.url = "/user", .token = ada);
	cr_assert(r.how != CURLE_OK || r.head.len > 100000, "%d", (int)r.how);
	forget(&r);
	github_fault("{'path': '/user', 'kind': 'body', 'huge': 20000000}");
	r = ASK(.url = "/user", .token = ada);
	cr_assert_eq(r.len, 20000000);
	forget(&r);
}

Test(faults, a_stall_holds_one_and_no_other)
{
	struct reply r;

	github_fault("{'path': '/user', 'method': 'GET', 'login': 'ada', 'kind': 'stall'}");
	r = ASK(.url = "/user", .token = ada, .timeout_ms = 300);
	cr_assert_eq(r.how, CURLE_OPERATION_TIMEDOUT);
	forget(&r);
	cr_assert_eq(status_of("/user", ada), 200);
	cr_assert_eq(github_figures("path=/user").open, 1);
	cr_assert_eq(github_figures("path=/user&login=ada").most_at_once_of_one, 2);
	github_reset("faults");
	for (int i = 0; i < 500 && github_figures("path=/user").open > 0; i++)
		usleep(10 * 1000);
	cr_assert_eq(github_figures("path=/user").open, 0);
}

Test(faults, faults_are_counted_and_aimed)
{
	const char *grace = github_token("grace", "user");

	github_fault("{'path':'/repos/ada/','kind':'blocked','times':-1}");
	github_fault("{'path':'/user','login':'grace','kind':'gone','after':1,'times':2}");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(status_of("/repos/ada/engine/languages", ada), 451);
	cr_assert_eq(status_of("/repos/grace/moth/languages", ada), 200);
	cr_assert_eq(status_of("/user", grace), 200);
	cr_assert_eq(status_of("/user", ada), 200);
	cr_assert_eq(status_of("/user", grace), 404);
	cr_assert_eq(status_of("/user", grace), 404);
	cr_assert_eq(status_of("/user", grace), 200);
	cr_assert_eq(github_count("fault=blocked"), 3);
	cr_assert_eq(github_count("fault=gone&login=grace"), 2);
}

Test(faults, a_revoked_token_stays_revoked)
{
	github_fault("{'path': '/user', 'kind': 'revoked'}");
	cr_assert_eq(status_of("/user", ada), 401);
	cr_assert_eq(status_of("/user", ada), 401);
	github_change("{'change': 'revoke', 'login': 'grace'}");
}

Test(faults, survives_being_frozen)
{
	struct reply r;

	kill(github_pid(), SIGSTOP);
	r = ASK(.url = "/user", .token = ada, .timeout_ms = 200);
	cr_assert_eq(r.how, CURLE_OPERATION_TIMEDOUT);
	forget(&r);
	kill(github_pid(), SIGCONT);
	cr_assert_eq(status_of("/user", ada), 200);
}
