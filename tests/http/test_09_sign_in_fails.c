/* Signing in when something is wrong: GitHub refuses, stumbles or stands still; the person may
 * not; somebody else's page uses the cookie. Each time a reason, and everybody else goes on. */
/* long: 20 s */
#include "http/journey.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/crypto.h"
#include "base/buf.h"

enum { LOGIN_WORKERS = 4 };

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "4",
	NULL };

/* ---- readable reasons */

#define EXCHANGE "'path': '/login/oauth/access_token'"

/* /user fails for ever: jobs of the people who signed in before ask for it, too. */
static const struct {
	const char *what, *fault, *code, *said;
} rows[] = {
	{ "an old code",
	    "{" EXCHANGE ", 'kind': 'body', 'json': {'error': 'bad_verification_code'}}",
	    "FORBIDDEN", "too%20old" },
	{ "a wrong secret",
	    "{" EXCHANGE ", 'kind': 'body', 'json': {'error': 'incorrect_client_credentials'}}",
	    "UPSTREAM_ERROR", "operator" },
	{ "another redirect",
	    "{" EXCHANGE ", 'kind': 'body', 'json': {'error': 'redirect_uri_mismatch'}}",
	    "UPSTREAM_ERROR", "operator" },
	{ "an address not verified",
	    "{" EXCHANGE ", 'kind': 'body', 'json': {'error': 'unverified_user_email'}}",
	    "FORBIDDEN", "verify" },
	{ "an error nobody knows",
	    "{" EXCHANGE
	    ", 'kind': 'body', 'json': {'error': '<script>', 'error_description': 'x'}}",
	    "UPSTREAM_ERROR", "refused" },
	{ "no JSON", "{" EXCHANGE ", 'kind': 'body', 'body': 'busy', 'type': 'text/html'}",
	    "UPSTREAM_ERROR", "could%20not%20be%20used" },
	{ "no token in it", "{" EXCHANGE ", 'kind': 'body', 'json': {}}", "UPSTREAM_ERROR",
	    "could%20not%20be%20used" },
	{ "502 at the exchange", "{" EXCHANGE ", 'kind': 'status', 'status': 502}",
	    "UPSTREAM_ERROR", "trouble%20of%20its%20own" },
	{ "a limit at the exchange", "{" EXCHANGE ", 'kind': 'secondary'}", "UPSTREAM_ERROR",
	    "fewer%20requests" },
	{ "a reset at the exchange", "{" EXCHANGE ", 'kind': 'reset'}", "TIMEOUT",
	    "try%20again" },
	{ "no such person", "{'path': '/user', 'kind': 'gone', 'times': -1}", "UPSTREAM_ERROR",
	    "who%20you%20are" },
	{ "a token that is refused", "{'path': '/user', 'kind': 'revoked', 'times': -1}",
	    "UPSTREAM_ERROR", "who%20you%20are" },
	{ "a limit", "{'path': '/user', 'kind': 'rate', 'times': -1}", "UPSTREAM_ERROR",
	    "fewer%20requests" },
	{ "500 for who it is",
	    "{'path': '/user', 'kind': 'status', 'status': 500, 'times': -1}", "UPSTREAM_ERROR",
	    "trouble%20of%20its%20own" },
	{ "no JSON for who it is",
	    "{'path': '/user', 'kind': 'body', 'body': 'busy', 'times': -1}", "UPSTREAM_ERROR",
	    "could%20not%20be%20used" },
	{ "an id that is a text",
	    "{'path': '/user', 'kind': 'field', 'field': 'id', 'value': 'x', 'times': -1}", "",
	    "try%20again" },
};

Test(sign_in_fails, every_failure_of_github_has_a_reason)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct answer a;
		const char *to;
		github_fault("%s", rows[i].fault);
		a = sign_in_as("ada");
		to = header_of(&a, "Location");
		cr_expect(to && strstr(to, "script") == NULL, "%s: %s", rows[i].what, to);
		if (*rows[i].code)
			expect_failure(&a, rows[i].code, rows[i].said, rows[i].what);
		else {
			cr_expect(to && strstr(to, "?error=") && strstr(to, rows[i].said),
			    "%s: %s", rows[i].what, to);
			forget(&a);
		}
		github_reset("faults");
	}
	cr_expect_eq(strlen(signed_in("ada")) > 0, 1, "and then all is well again");
}

Test(sign_in_fails, who_does_not_allow_it)
{
	struct journey j = begin("");
	struct answer a;
	char forged[512];

	at_github(&j, "login=ada&deny=1");
	a = come_back(&j);
	expect_failure(&a, "FORBIDDEN", "did%20not%20allow", "denied");
	j = begin("");
	snprintf(forged, sizeof(forged),
	    CALLBACK "?error=access_denied&error_description=Call%%20evil%%20now&state=%.43s",
	    strstr(j.next, "&state=") + 7);
	a = CALL("GET", forged, .headers = { j.cookie });
	cr_expect_null(strstr(header_of(&a, "Location"), "evil"), "no stranger's words");
	expect_failure(&a, "FORBIDDEN", "did%20not%20allow", "denied, with words");
}

Test(sign_in_fails, suspended_and_deleted_people)
{
	struct answer a;
	char out[64];

	a = sign_in_as("mallory");
	expect_failure(
	    &a, "FORBIDDEN", "suspended%20your%20account%20there", "suspended at GitHub");
	github_change("{'change': 'add_person', 'login': 'sus', 'id': 7201}");
	signed_in("sus");
	stack_sql(
	    "update users set suspended_at = now() where github_id = 7201", out, sizeof(out));
	a = sign_in_as("sus");
	expect_failure(&a, "ACCOUNT_SUSPENDED", "suspended", "suspended");
	stack_sql(
	    "update users set suspended_at = null, deleted_at = now() where github_id = 7201",
	    out, sizeof(out));
	a = sign_in_as("sus");
	expect_failure(&a, "FORBIDDEN", "deleted", "deleted");
	cr_expect_eq(
	    stack_count("select count(*) from sessions s join users u on u.id = s.user_id "
	                "where u.github_id = 7201"),
	    1, "no session was opened");
}

static bool
comes_back(void *journey)
{
	struct answer a = come_back(journey);
	bool in = cookie_of(&a, "__Host-cg_refresh") != NULL;

	forget(&a);
	return in;
}

Test(sign_in_fails, without_the_database)
{
	struct journey j = begin("");
	struct answer a;

	at_github(&j, "login=ada");
	stack_part("stop-part", "postgres");
	a = come_back(&j);
	expect_failure(&a, "SERVICE_UNAVAILABLE", "try%20again", "no database");
	stack_part("start-part", "postgres");
	cr_expect(wait_until(comes_back, &j, 10), "the state was used up");
}

Test(sign_in_fails, without_redis)
{
	stack_part("stop-part", "redis");
	cr_expect_gt(strlen(signed_in("ada")), 0u, "signing in goes on");
	stack_part("start-part", "redis");
}

/* ---- a client with a verifier of its own */

static const char *
code_for(const char *verifier, const char *login)
{
	static char code[128];
	struct journey j = begin("");
	unsigned char hash[SHA256_BYTES];
	struct buf url;
	struct answer a;
	const char *at;

	crypto_sha256(span_of(verifier), hash);
	buf_init(&url, 4096);
	buf_add(&url,
	    (struct span){ j.next, (size_t)(strstr(j.next, "&code_challenge=") - j.next) });
	buf_puts(&url, "&code_challenge_method=S256&code_challenge=");
	buf_base64url(&url, hash, sizeof(hash));
	buf_format(&url, "&login=%s", login);
	a = CALL("GET", buf_text(&url));
	buf_free(&url);
	at = strstr(header_of(&a, "Location"), "code=");
	cr_assert_not_null(at, "%ld %s", a.status, a.headers);
	snprintf(code, sizeof(code), "%.*s", (int)strcspn(at + 5, "&"), at + 5);
	forget(&a);
	return code;
}

static struct answer
post_code(const char *code, const char *verifier)
{
	static char body[4096];

	snprintf(body, sizeof(body), "{\"code\":\"%s\",\"state\":\"mine\"%s%s%s}", code,
	    verifier ? ",\"code_verifier\":\"" : "", verifier ? verifier : "",
	    verifier ? "\"" : "");
	return CALL("POST", START, .body = body);
}

Test(sign_in_fails, a_client_with_its_own_verifier)
{
	static const char one[] = "verifier-of-a-client-0123456789-0123456789-1",
	                  two[] = "verifier-of-a-client-0123456789-0123456789-2",
	                  three[] = "verifier-of-a-client-0123456789-0123456789-3";
	char code[128], longest[2049];
	struct answer a;

	github_change("{'change': 'add_person', 'login': 'cli', 'id': 7301}");
	snprintf(code, sizeof(code), "%s", code_for(one, "cli"));
	a = post_code(code, one);
	cr_expect_eq(a.status, 201, "a new person: %ld %s", a.status, a.body);
	cr_expect_str_eq(text_at(&a, "data.user.username"), "cli");
	cr_expect_eq(int_at(&a, "data.expiresIn"), 900);
	cr_expect_null(header_of(&a, "Set-Cookie"));
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	cr_expect_eq(status_of_me(text_at(&a, "data.accessToken")), 200);
	forget(&a);
	a = post_code(code, one);
	cr_expect_eq(a.status, 403, "once: %ld %s", a.status, a.body);
	forget(&a);
	a = post_code(code_for(two, "cli"), two);
	cr_expect_eq(a.status, 200, "known: %ld %s", a.status, a.body);
	forget(&a);
	a = post_code(
	    code_for(three, "cli"), "verifier-of-somebody-else-0123456789-0123456789");
	cr_expect_eq(a.status, 403, "another verifier: %ld %s", a.status, a.body);
	cr_expect_str_eq(text_at(&a, "error.code"), "FORBIDDEN");
	forget(&a);
	for (size_t i = 0; i < 512; i++)
		memcpy(longest + 4 * i, "\xF0\x9F\x98\x80", 5);
	a = post_code(longest, three);
	cr_expect_eq(a.status, 403, "%ld %s", a.status, a.body);
	forget(&a);
	a = post_code("abc", NULL);
	cr_expect_eq(a.status, 403, "neither verifier nor cookie: %ld %s", a.status, a.body);
	forget(&a);
	a = post_code("abc", "short");
	cr_expect_eq(a.status, 400, "%ld %s", a.status, a.body);
	forget(&a);
}

/* ---- the cookie */

Test(sign_in_fails, the_cookie_counts_only_from_our_page)
{
	static const struct {
		const char *origin, *mark, *site;
		long status;
	} cases[] = { { NULL, "X-CodeGram: 1", NULL, 403 },
		{ "Origin: null", "X-CodeGram: 1", NULL, 403 },
		{ "Origin: https://evil.example", "X-CodeGram: 1", NULL, 403 },
		{ "", NULL, NULL, 403 }, { "", "X-CodeGram: 0", NULL, 403 },
		{ "", "X-CodeGram: 1", "Sec-Fetch-Site: cross-site", 403 },
		{ "", "X-CodeGram: 1", "Sec-Fetch-Site: none", 403 },
		{ "", "X-CodeGram: 1", "Sec-Fetch-Site: same-site", 200 },
		{ "", "X-CodeGram: 1", "Sec-Fetch-Site: same-origin", 200 },
		{ "", "X-CodeGram: 1", NULL, 200 } };
	char cookie[2048];
	struct answer a;

	snprintf(cookie, sizeof(cookie), "%s", signed_in("ada"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *origin = cases[i].origin;
		/* headers end at the first NULL */
		if (origin == NULL)
			origin = "X-Nothing: 1";
		else if (*origin == '\0')
			origin = origin_line();
		a = refresh_by(cookie, origin, cases[i].mark ? cases[i].mark : "X-Nothing: 2",
		    cases[i].site);
		cr_expect_eq(
		    a.status, cases[i].status, "case %zu: %ld %s", i, a.status, a.body);
		cr_expect_eq(cookie_of(&a, "__Host-cg_refresh") != NULL, a.status == 200);
		if (a.status == 200) {
			cr_expect_null(at(&a, "data.refreshToken"), "no script may see it");
			snprintf(cookie, sizeof(cookie), "Cookie: __Host-cg_refresh=%s",
			    cookie_of(&a, "__Host-cg_refresh"));
		}
		forget(&a);
	}
	a = refresh_by(
	    "Cookie: __Host-cg_refresh=rubbish", origin_line(), "X-CodeGram: 1", NULL);
	cr_expect_eq(a.status, 401);
	cr_expect_str_eq(cookie_of(&a, "__Host-cg_refresh"), "", "a dead cookie is taken away");
	forget(&a);
	a = CALL(
	    "POST", "/api/v1/auth/logout", .token = access_by(cookie), .headers = { cookie });
	cr_expect_eq(a.status, 204);
	cr_expect_str_eq(cookie_of(&a, "__Host-cg_refresh"), "", "logging out takes it away");
	forget(&a);
}

/* A cookie that was promised and then not stored would end the session at the next refresh. */
Test(sign_in_fails, no_cookie_of_what_was_not_stored)
{
	char cookie[2048], out[64];
	struct answer a;

	snprintf(cookie, sizeof(cookie), "%s", signed_in("ada"));
	stack_sql("create function no_commit() returns trigger language plpgsql as "
	          "$$ begin raise exception 'not now'; end $$; "
	          "create constraint trigger no_commit after insert on refresh_tokens "
	          "deferrable initially deferred for each row execute function no_commit()",
	    out, sizeof(out));
	a = refresh_by(cookie, origin_line(), "X-CodeGram: 1", NULL);
	cr_expect_geq(a.status, 500, "%ld %s", a.status, a.body);
	cr_expect_null(header_of(&a, "Set-Cookie"), "%s", a.headers);
	cr_expect_not_null(header_of(&a, "Access-Control-Allow-Origin"));
	forget(&a);
	stack_sql("drop function no_commit() cascade", out, sizeof(out));
	cr_expect_gt(strlen(access_by(cookie)), 0u, "the old one still counts");
}

/* ---- GitHub stands still */

struct ledger {
	_Atomic long asked, failed, last_failure, slowest_us;
	_Atomic bool stop;
	struct late {
		double seconds;
		long status;
		bool has_reason, is_json;
	} sign_in[64];
};

static void
bystander(struct ledger *l, const char *token, const char *refresh_token, unsigned from)
{
	static const char *const paths[] = { "/health", "/api/v1/snippets?limit=2",
		"/api/v1/auth/me", "/api/v1/users/bystander", "/api/v1/notifications",
		"/api/v1/tags", "/ready", "/api/v1/auth/sessions", "/api/v1/languages" };

	(void)refresh_token;
	for (unsigned i = from; !atomic_load(&l->stop); i++) {
		struct answer a = CALL("GET", paths[i % 9], .token = token);
		long us = (long)(a.seconds * 1e6);
		atomic_fetch_add(&l->asked, 1);
		if (a.status != 200) {
			atomic_fetch_add(&l->failed, 1);
			atomic_store(&l->last_failure, a.status);
		}
		if (us > atomic_load(&l->slowest_us))
			atomic_store(&l->slowest_us, us);
		forget(&a);
	}
	_exit(0);
}

static void
late_comer(struct ledger *l, int i, const struct journey *j)
{
	double began = seconds_now();
	struct answer a = come_back(j);
	const char *to = header_of(&a, "Location");

	l->sign_in[i].seconds = seconds_now() - began;
	l->sign_in[i].status = a.status;
	l->sign_in[i].has_reason =
	    to && strstr(to, "?error=TIMEOUT&reason=GitHub%20did%20not%20answer");
	_exit(0);
}

static bool
signs_in_again(void *unused)
{
	struct answer a = sign_in_as("ada");
	bool in = cookie_of(&a, "__Host-cg_refresh") != NULL;

	(void)unused;
	forget(&a);
	return in;
}

Test(sign_in_fails, a_frozen_github_holds_up_nobody_else)
{
	enum { READERS = 4, SIGNING = 6 * LOGIN_WORKERS };
	struct ledger *l =
	    mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct journey j[SIGNING];
	const char *token = stack_token("bystander");
	pid_t readers[READERS], signing[SIGNING];
	double worst = 0;
	int after = 0;

	for (int i = 0; i < SIGNING; i++) {
		j[i] = begin("");
		at_github(&j[i], "login=ada");
	}
	cr_assert_gt(stack_pid("github"), 1);
	kill(stack_pid("github"), SIGSTOP);
	for (int i = 0; i < READERS; i++)
		if ((readers[i] = fork()) == 0)
			bystander(l, token, NULL, (unsigned)i * 2);
	for (int i = 0; i < SIGNING; i++)
		if ((signing[i] = fork()) == 0)
			late_comer(l, i, &j[i]);
	for (int i = 0; i < SIGNING; i++)
		waitpid(signing[i], NULL, 0);
	atomic_store(&l->stop, true);
	for (int i = 0; i < READERS; i++)
		waitpid(readers[i], NULL, 0);
	kill(stack_pid("github"), SIGCONT);
	for (int i = 0; i < SIGNING; i++) {
		cr_expect_eq(l->sign_in[i].status, 302, "%d: %ld after %.1f s", i,
		    l->sign_in[i].status, l->sign_in[i].seconds);
		cr_expect(l->sign_in[i].has_reason, "%d: no reason", i);
		worst = l->sign_in[i].seconds > worst ? l->sign_in[i].seconds : worst;
	}
	fprintf(stderr,
	    "frozen GitHub: %d sign-ins answered, the last after %.1f s; meanwhile %ld other "
	    "requests, %ld failed, slowest %ld ms\n",
	    SIGNING, worst, l->asked, l->failed, l->slowest_us / 1000);
	cr_expect_lt(worst, PATIENCE * 4, "eight seconds, and a little");
	cr_expect_gt(l->asked, 100);
	cr_expect_eq(
	    l->failed, 0, "%ld others failed, the last with %ld", l->failed, l->last_failure);
	cr_expect_lt(l->slowest_us, PATIENCE * 1000 * 1000);
	cr_expect(wait_until(signs_in_again, NULL, 10));
	sleep(4); /* each process leaves GitHub alone for three seconds */
	/* Those who were turned away at the door may come again with what they have. */
	for (int i = 0; i < SIGNING; i++) {
		struct answer a = come_back(&j[i]);
		after += cookie_of(&a, "__Host-cg_refresh") != NULL;
		forget(&a);
	}
	cr_expect_geq(after, SIGNING - 2 * LOGIN_WORKERS, "only %d", after);
	munmap(l, sizeof(*l));
}
