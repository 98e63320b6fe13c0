/* github against the stand-in: every row of the table of how GitHub answers, a sign-in from the
 * browser to the grant's end, and a person with 3,000 repositories. */
/* long: 20 s */
#include "service/github.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/crypto.h"
#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "support/github.h"
#include "support/patience.h"
#include "unit/scope.h"

static struct settings settings;
static struct github g;
static struct github_page page;
static pid_t stand_in;

static void
write_conf(const char *dir, const char *url)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", dir);
	cr_assert_not_null(f = fopen(path, "w"));
	fprintf(f,
	    "GITHUB_CLIENT_ID=client\nGITHUB_CLIENT_SECRET=shhh\n"
	    "PUBLIC_URL=http://codegram.example\nGITHUB_URL=%s\n",
	    url);
	fclose(f);
}

/* With an application of its own, which github_start() has not. */
static void
start_stand_in(void)
{
	char dir[300], ready[400], conf[400], log[400], url[128] = "";
	FILE *f;

	snprintf(
	    dir, sizeof(dir), "%s/github-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(ready, sizeof(ready), "%s/ready", dir);
	snprintf(conf, sizeof(conf), "%s/codegram.conf", dir);
	snprintf(log, sizeof(log), "%s/github.log", dir);
	write_conf(dir, "");
	if ((stand_in = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (freopen(log, "we", stderr) == NULL)
			_exit(126);
		execl("build/san/bin/github-stand-in", "github-stand-in", "--listen",
		    "127.0.0.1:0", "--seed", "tests/github/seed.json", "--config", conf,
		    "--ready", ready, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1500 && url[0] == '\0'; i++) {
		usleep(20 * 1000);
		if ((f = fopen(ready, "re")) == NULL)
			continue;
		if (fscanf(f, "%127s", url) != 1)
			url[0] = '\0';
		fclose(f);
	}
	cr_assert_neq(url[0], '\0', "the stand-in did not start");
	write_conf(dir, url);
	setenv("CODEGRAM_TEST_DIR", dir, 1);
}

static void
open_github(void)
{
	open_scope();
	start_stand_in();
	settings = (struct settings){ .PUBLIC_URL = "http://codegram.example",
		.GITHUB_URL = github_url(),
		.GITHUB_API_URL = github_api_url(),
		.GITHUB_CLIENT_ID = "client",
		.GITHUB_CLIENT_SECRET = "shhh",
		.GITHUB_TIMEOUT_MS = 1500,
		.GITHUB_RESERVE = 500 };
	github_init(&g, http_client_make("CodeGram/test"), &settings, &scope,
	    github_token("ada", "read:user,user:email"));
}

static void
close_github(void)
{
	int status;

	http_client_free(g.http);
	kill(stand_in, SIGTERM);
	waitpid(stand_in, &status, 0);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the stand-in: %d", status);
	close_scope();
}

TestSuite(stand_in, .init = open_github, .fini = close_github);

static enum github_outcome
get(const char *where, const struct github_kept *kept)
{
	cr_assert_eq(
	    github_get(&g, where, kept, &page), OK, "%s: %s", where, scope.fault.story);
	return page.outcome;
}

/* As if the person had a new token and all limits were over. */
static void
fresh(void)
{
	struct http_client *http = g.http;

	next_row();
	github_init(&g, http, &settings, &scope, github_token("ada", "read:user,user:email"));
	github_reset("faults");
}

static const struct {
	const char *fault, *where;
	enum github_outcome outcome;
	int64_t requests; /* in all, with what is asked again and confirmed */
	int64_t from, to; /* not_before, seconds from now; both 0: none */
	const char *code;
	bool token_waits;
} faults[] = {
	{ "'kind': 'rate', 'seconds': 600", "/user", GITHUB_LATER, 1, 599, 602, NULL, true },
	{ "'kind': 'rate', 'status': 429, 'seconds': 5", "/user", GITHUB_LATER, 1, 59, 61, NULL,
	    true },
	{ "'kind': 'rate', 'seconds': -600", "/user", GITHUB_LATER, 1, 59, 61, NULL, true },
	{ "'kind': 'rate', 'seconds': 600, 'remaining': 4711", "/user", GITHUB_LATER, 1, 599,
	    602, NULL, true },
	{ "'kind': 'rate', 'bare': true", "/user", GITHUB_LATER, 1, 59, 61, NULL, true },
	{ "'kind': 'rate', 'seconds': 600, 'ahead': 300", "/user", GITHUB_LATER, 1, 599, 602,
	    NULL, true },
	{ "'kind': 'rate', 'seconds': 600, 'ahead': -300", "/user", GITHUB_LATER, 1, 599, 602,
	    NULL, true },
	{ "'kind': 'secondary', 'seconds': 90", "/user", GITHUB_LATER, 1, 89, 91, NULL, true },
	{ "'kind': 'secondary', 'seconds': 0", "/user", GITHUB_LATER, 1, 59, 61, NULL, true },
	{ "'kind': 'garbled', 'field': 'bio'", "/user", GITHUB_OK, 1, 0, 0, NULL, false },
	{ "'kind': 'garbled', 'field': 'bio', 'with': '\\\\ud83d'", "/user", GITHUB_OK, 1, 0, 0,
	    NULL, false },
	{ "'kind': 'secondary'", "/user", GITHUB_LATER, 1, 59, 61, NULL, true },
	{ "'kind': 'secondary', 'status': 429", "/user", GITHUB_LATER, 1, 59, 61, NULL, true },
	{ "'kind': 'revoked'", "/user", GITHUB_DISCONNECTED, 2, 0, 0, "revoked", false },
	{ "'kind': 'revoked', 'keep': true", "/user", GITHUB_LATER, 2, 29, 46, NULL, false },
	{ "'kind': 'suspended'", "/user", GITHUB_DISCONNECTED, 1, 0, 0, "suspended", false },
	{ "'kind': 'scope', 'scope': 'repo'", "/user", GITHUB_DISCONNECTED, 1, 0, 0, "scope",
	    false },
	{ "'kind': 'forbidden'", "/repos/ada/engine", GITHUB_FORBIDDEN, 1, 0, 0, NULL, false },
	{ "'kind': 'gone'", "/repos/ada/engine", GITHUB_GONE, 1, 0, 0, NULL, false },
	{ "'kind': 'blocked', 'reason': 'dmca'", "/repos/ada/engine", GITHUB_BLOCKED, 1, 0, 0,
	    "dmca", false },
	{ "'kind': 'empty'", "/user/repos", GITHUB_EMPTY, 1, 0, 0, NULL, false },
	{ "'kind': 'later'", "/repos/ada/engine", GITHUB_LATER, 1, 9, 16, NULL, false },
	{ "'kind': 'renamed'", "/repos/ada/engine", GITHUB_MOVED, 2, 0, 0, NULL, false },
	{ "'kind': 'renamed', 'status': 302", "/repos/ada/engine", GITHUB_MOVED, 2, 0, 0, NULL,
	    false },
	{ "'kind': 'renamed', 'status': 307", "/repos/ada/engine", GITHUB_MOVED, 2, 0, 0, NULL,
	    false },
	{ "'kind': 'renamed', 'location': 'https://evil.example/repositories/1'",
	    "/repos/ada/engine", GITHUB_REFUSED, 1, 0, 0, NULL, false },
	{ "'kind': 'status', 'status': 502, 'times': 2", "/user", GITHUB_OK, 3, 0, 0, NULL,
	    false },
	{ "'kind': 'status', 'status': 500, 'times': 3", "/user", GITHUB_LATER, 3, 59, 91, NULL,
	    false },
	{ "'kind': 'status', 'status': 422", "/user", GITHUB_REFUSED, 1, 0, 0, NULL, false },
	{ "'kind': 'reset', 'times': 2", "/user", GITHUB_OK, 0, 0, 0, NULL, false },
	{ "'kind': 'reset', 'times': -1", "/user", GITHUB_AWAY, 3, 29, 46, NULL, false },
	{ "'kind': 'stall'", "/user", GITHUB_OK, 2, 0, 0, NULL, false },
	{ "'kind': 'cut', 'bytes': 20", "/user", GITHUB_OK, 2, 0, 0, NULL, false },
	{ "'kind': 'slow', 'seconds': 5", "/user", GITHUB_OK, 2, 0, 0, NULL, false },
	{ "'kind': 'body', 'body': '<html>'", "/user", GITHUB_OK, 2, 0, 0, NULL, false },
	{ "'kind': 'body', 'body': '<html>', 'times': -1", "/user", GITHUB_AWAY, 3, 29, 46,
	    NULL, false },
	{ "'kind': 'body', 'huge': 16777216", "/user", GITHUB_REFUSED, 1, 0, 0, NULL, false },
	{ "'kind': 'headers', 'huge': 40000", "/user", GITHUB_REFUSED, 1, 0, 0, NULL, false },
	{ "'kind': 'headers', 'headers': {'Link': '<https://evil.example/>; rel=next'}",
	    "/user", GITHUB_REFUSED, 1, 0, 0, NULL, false },
};

static void
check_fault(size_t i)
{
	int64_t now = clock_now() / 1000;

	cr_expect_eq(page.outcome, faults[i].outcome, "%s: %s (%s)", faults[i].fault,
	    github_outcome_name(page.outcome), page.reason ? page.reason : "");
	if (faults[i].requests > 0)
		cr_expect_eq(g.requests, faults[i].requests, "%s: %lld requests",
		    faults[i].fault, (long long)g.requests);
	if (faults[i].to == 0)
		cr_expect_eq(page.not_before_ms, 0, "%s", faults[i].fault);
	else
		cr_expect(page.not_before_ms >= now + faults[i].from * 1000 - 1000 &&
		              page.not_before_ms <= now + faults[i].to * 1000,
		    "%s: in %lld ms", faults[i].fault, (long long)(page.not_before_ms - now));
	cr_expect_eq(g.not_before_ms > 0, faults[i].token_waits, "%s", faults[i].fault);
	cr_expect_str_eq(page.code ? page.code : "", faults[i].code ? faults[i].code : "", "%s",
	    faults[i].fault);
}

Test(stand_in, every_row_of_the_table)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		int64_t began = clock_mono();
		fresh();
		/* the path of a fault begins behind the base */
		github_fault("{'path': '%s', %s}", faults[i].where, faults[i].fault);
		get(faults[i].where, NULL);
		check_fault(i);
		cr_expect_lt(clock_mono() - began, PATIENCE * 6000000, "%s", faults[i].fault);
	}
}

static const struct {
	const char *fault;
	enum github_outcome outcome;
} graphql[] = {
	{ "'kind': 'graphql_error', 'type': 'RATE_LIMITED'", GITHUB_LATER },
	{ "'kind': 'graphql_error', 'type': 'RATE_LIMIT', 'code': 'graphql_rate_limit', "
	  "'message': 'API rate limit already exceeded for user ID 1815.'",
	    GITHUB_LATER },
	{ "'kind': 'graphql_error', 'type': 'RESOURCE_LIMITS_EXCEEDED'", GITHUB_TOO_MUCH },
	{ "'kind': 'graphql_error', 'type': 'NOT_FOUND'", GITHUB_GONE },
	{ "'kind': 'status', 'status': 502", GITHUB_TOO_MUCH },
	{ "'kind': 'status', 'status': 504", GITHUB_TOO_MUCH },
	{ "'kind': 'secondary', 'seconds': 30", GITHUB_LATER },
	{ "'kind': 'revoked'", GITHUB_DISCONNECTED },
	{ "'kind': 'stall'", GITHUB_OK },
};

#define CALENDAR                                                                               \
	"query($login: String!) { user(login: $login) { contributionsCollection { "            \
	"contributionCalendar { totalContributions } } } }"

Test(stand_in, graphql_on_bad_days)
{
	for (size_t i = 0; i < sizeof(graphql) / sizeof(*graphql); i++) {
		fresh();
		github_change("{'change': 'limit', 'login': 'ada', 'resource': 'graphql', "
		              "'remaining': 5000}");
		github_fault("{'path': '/graphql', %s}", graphql[i].fault);
		cr_assert_eq(
		    github_graphql(&g, CALENDAR, SPAN("{\"login\":\"ada\"}"), &page), OK);
		cr_expect_eq(page.outcome, graphql[i].outcome, "%s: %s (%s)", graphql[i].fault,
		    github_outcome_name(page.outcome), page.reason ? page.reason : "");
	}
	fresh();
	cr_assert_eq(github_graphql(&g, CALENDAR, SPAN("{\"login\":\"ada\"}"), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK, "%s", page.reason);
	cr_expect_not_null(json_get_object(page.json, "user"));
	cr_expect_gt(g.graphql.limit, 0);
	cr_expect_eq(g.budget.limit, -1, "a budget of its own");
	/* a year of a busy person is too much */
	cr_assert_eq(github_graphql(&g, CALENDAR, SPAN("{\"login\":\"linus\"}"), &page), OK);
	cr_expect_eq(page.outcome, GITHUB_TOO_MUCH, "%s", github_outcome_name(page.outcome));
}

/* ---- sign-in */

/* The browser's part: GitHub sends it back with a code. */
static const char *
code_for(const char *login, const char *state, const char *challenge, const char *more)
{
	const char *url = github_authorize_url(&settings, state, challenge, &scope), *at;
	struct http_request r = { .method = "GET",
		.url = arena_format(scope.arena, "%s&login=%s%s", url, login, more),
		.timeout_ms = 5000,
		.body_max = 65536,
		.origin = settings.GITHUB_URL };
	struct http_response response;

	cr_assert_eq(http_call(g.http, &r, &response, &scope), OK, "%s", scope.fault.story);
	cr_assert_eq(response.status, 302);
	at = http_header(&response, "Location");
	cr_assert(strncmp(at, "http://codegram.example/api/v1/auth/github/callback?", 52) == 0,
	    "%s", at);
	cr_expect_not_null(strstr(at, arena_format(scope.arena, "state=%s", state)));
	at = strstr(at, "code=");
	return at ? arena_text(scope.arena, (struct span){ at + 5, strcspn(at + 5, "&") }) : "";
}

static const char *
challenge_of(const char *verifier)
{
	unsigned char hash[SHA256_BYTES];
	const char *text;
	struct buf b;

	crypto_sha256(span_of(verifier), hash);
	buf_init(&b, 100);
	buf_base64url(&b, hash, sizeof(hash));
	text = arena_text(scope.arena, buf_span(&b));
	buf_free(&b);
	return text;
}

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

Test(stand_in, from_the_browser_to_the_end_of_the_grant)
{
	struct github_identity who;
	struct github_grant grant;
	const char *code = code_for("ada", "s1", challenge_of(VERIFIER), "");

	cr_assert_eq(github_exchange(&g, code, VERIFIER, &grant), OK);
	cr_assert_null(grant.failure, "%s", grant.failure);
	cr_expect_eq(grant.scopes.count, 2);
	cr_expect_str_eq(grant.scopes.items[1], "user:email");
	g.token = grant.token;
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_assert_eq(page.outcome, GITHUB_OK, "%s", page.reason);
	cr_expect_eq(who.id, 1815);
	cr_expect_str_eq(who.login, "ada");
	cr_expect_str_eq(who.email, "ada@example.com");
	cr_assert_eq(github_check_token(&g, grant.token, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK, "%s", page.reason);
	cr_assert_eq(github_revoke_grant(&g, grant.token, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK, "%s", page.reason);
	cr_assert_eq(github_check_token(&g, grant.token, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_DISCONNECTED);
	cr_expect_eq(get("/user", NULL), GITHUB_DISCONNECTED);
	cr_expect_str_eq(page.code, "revoked");
	cr_assert_eq(github_revoke_grant(&g, grant.token, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_GONE);
}

Test(stand_in, exchanges_that_fail)
{
	struct github_grant grant;
	const char *challenge = challenge_of(VERIFIER);
	const char *code = code_for("ada", "s1", challenge, "");

	cr_assert_eq(
	    github_exchange(&g, code, "another-verifier-0123456789-0123456789-0123", &grant),
	    OK);
	cr_expect_not_null(grant.failure, "a wrong verifier");
	cr_expect_null(grant.token);
	code = code_for("ada", "s2", challenge, "");
	cr_assert_eq(github_exchange(&g, code, VERIFIER, &grant), OK);
	cr_expect_null(grant.failure);
	cr_assert_eq(github_exchange(&g, code, VERIFIER, &grant), OK);
	cr_expect_str_eq(grant.failure, "bad_verification_code", "a code is spent once");
	settings.GITHUB_CLIENT_SECRET = "wrong";
	code = code_for("ada", "s3", challenge, "");
	cr_assert_eq(github_exchange(&g, code, VERIFIER, &grant), OK);
	cr_expect_str_eq(grant.failure, "incorrect_client_credentials");
	settings.GITHUB_CLIENT_SECRET = "shhh";
	settings.PUBLIC_URL = "http://codegram.example/elsewhere";
	cr_assert_eq(github_exchange(&g, code, VERIFIER, &grant), OK);
	cr_expect_not_null(grant.failure);
}

Test(stand_in, fewer_scopes_no_address_and_suspended)
{
	struct github_identity who;

	g.token = github_token("ada", "read:user");
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK, "%s", page.reason);
	cr_expect_null(who.email, "not granted");
	g.token = github_token("margaret", "read:user,user:email");
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK);
	cr_expect_null(who.email, "the primary one is not verified");
	g.token = github_token("nobody-yet", "read:user,user:email");
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK);
	cr_expect_eq(who.id, 4040);
	g.token = github_token("mallory", "read:user,user:email");
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_DISCONNECTED);
	cr_expect_str_eq(page.code, "suspended");
}

/* A login's 8 seconds hold, whatever GitHub does with them. */
Test(stand_in, a_frozen_github_costs_the_deadline)
{
	struct github_identity who;
	int64_t began = clock_mono();

	settings.GITHUB_TIMEOUT_MS = 15000;
	g.deadline = began + 1500000;
	kill(stand_in, SIGSTOP);
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	kill(stand_in, SIGCONT);
	cr_expect_eq(page.outcome, GITHUB_AWAY);
	cr_expect_lt(clock_mono() - began, PATIENCE * 2000000);
}

/* ---- 3,000 repositories */

enum { PAGES = 30 };

static long
rss_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib;
}

/* All pages, each in an arena of its own, as a sync does; what is kept goes to `kept`. */
static size_t
walk(struct github_kept kept[PAGES + 1], const char *urls[PAGES + 1], size_t *repositories)
{
	struct scope of_page = { .arena = arena_make(64 * KIB, 16 * 1024 * KIB) };
	const char *where =
	    "/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100";
	size_t pages = 0;

	*repositories = 0;
	for (; where != NULL && pages <= PAGES; pages++) {
		urls[pages] = where;
		g.scope = &of_page;
		get(where, kept[pages].etag ? &kept[pages] : NULL);
		g.scope = &scope;
		cr_assert(page.outcome == GITHUB_OK || page.outcome == GITHUB_UNCHANGED,
		    "page %zu: %s", pages, page.reason);
		*repositories += json_count(page.json);
		kept[pages] = (struct github_kept){
			page.kept.etag ? arena_text(scope.arena, span_of(page.kept.etag))
			               : NULL,
			NULL,
			page.kept.next ? arena_text(scope.arena, span_of(page.kept.next)) : NULL
		};
		where = kept[pages].next;
		arena_reset(of_page.arena);
	}
	arena_free(of_page.arena);
	return pages;
}

Test(stand_in, three_thousand_repositories)
{
	struct github_kept kept[PAGES + 1] = { { .etag = NULL } };
	const char *urls[PAGES + 1];
	size_t repositories;
	int64_t began, left;
	long before;

	g.token = github_token("collector", "read:user");
	get("/user", NULL);
	before = rss_kib();
	began = clock_mono();
	cr_expect_eq(walk(kept, urls, &repositories), PAGES);
	cr_expect_eq(repositories, 3000);
	cr_expect_eq(g.requests, PAGES + 1);
	printf("first pass: %d requests, %lld ms, %ld KiB more\n", PAGES,
	    (long long)(clock_mono() - began) / 1000, rss_kib() - before);
	left = g.budget.remaining;
	began = clock_mono();
	cr_expect_eq(walk(kept, urls, &repositories), PAGES);
	cr_expect_eq(repositories, 0);
	cr_expect_eq(g.not_modified, PAGES);
	cr_expect_eq(g.budget.remaining, left, "304 costs nothing");
	printf("second pass: %lld of them 304, %lld ms\n", (long long)g.not_modified,
	    (long long)(clock_mono() - began) / 1000);
}
