/* Sessions: a refresh token is used once, its family ends when somebody uses it again, and an
 * ended session is over within a second everywhere. */
/* long: 20 s */
#include "http/auth.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/live.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "6",
	"--set", "FAILPOINTS=on", NULL };

static bool
is_refused(void *access)
{
	return status_of_me(access) == 401;
}

static void
expect_over_soon(struct pair *p, const char *what)
{
	double began = seconds_now();

	cr_expect(wait_until(is_refused, p->access, 5), "%s: still let in", what);
	cr_expect_lt(
	    seconds_now() - began, 1.0, "%s: took %.2f s", what, seconds_now() - began);
}

/* A live connection with a token that the API gave for this session. */
static struct ws *
connected(const struct pair *p)
{
	struct answer a = CALL("POST", "/api/v1/live/token", .token = p->access);
	struct ws *w = WS_OPEN(.path = "/live");
	struct ws_frame f;
	char hello[2048];

	cr_assert_eq(a.status, 200, "%ld %s", a.status, a.body);
	snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"token\":\"%s\"}",
	    text_at(&a, "data.token"));
	forget(&a);
	ws_say(w, hello);
	f = ws_read(w, 5);
	cr_assert_eq(f.kind, WS_TEXT, "no welcome: %d %s", f.code, f.reason);
	ws_forget(&f);
	return w;
}

Test(sessions, a_refresh_gives_a_pair_once)
{
	struct pair first = open_session("rot-ann"), second, again;
	struct answer a = refresh(first.refresh);

	cr_assert_eq(a.status, 200, "%s", a.body);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	cr_expect_null(header_of(&a, "ETag"));
	cr_expect_null(header_of(&a, "Set-Cookie"), "the token came in the body");
	cr_expect_eq(int_at(&a, "data.expiresIn"), 900);
	forget(&a);
	second = refreshed(&first);
	cr_expect_str_neq(second.refresh, first.refresh);
	cr_expect_eq(status_of_me(second.access), 200);
	cr_expect_eq(status_of_me(first.access), 200, "it lives its fifteen minutes");
	again = refreshed(&first);
	cr_expect_str_eq(again.refresh, second.refresh, "the same child, while nobody used it");
	cr_expect_eq(count_of("select count(*) from refresh_tokens where session_id = '%s'",
	                 first.session),
	    2);
	cr_expect_eq(status_of_me(first.refresh), 401, "a refresh token is no access token");
	expect_refused(first.access, "an access token is no refresh token");
	a = CALL("POST", "/api/v1/auth/refresh");
	cr_expect_eq(a.status, 401, "no token at all: %ld %s", a.status, a.body);
	forget(&a);
}

Test(sessions, last_seen_is_written_hourly)
{
	struct pair p = open_session("seen-ann");
	char before[64], after[64];

	p = refreshed(&p);
	stack_sql("select last_seen_at from users where username = 'seen-ann'", before,
	    sizeof(before));
	cr_expect_gt(strlen(before), 10u, "%s", before);
	p = refreshed(&p);
	stack_sql(
	    "select last_seen_at from users where username = 'seen-ann'", after, sizeof(after));
	cr_expect_str_eq(before, after);
	run_sql("update users set last_seen_at = now() - interval '61 minutes' where id = '%s'",
	    p.user);
	refreshed(&p);
	cr_expect_eq(count_of("select count(*) from users where id = '%s' and last_seen_at > "
	                      "now() - interval '1 minute'",
	                 p.user),
	    1);
}

struct crowd {
	_Atomic int ready, good, same;
	_Atomic bool go;
	char child[64][TOKEN_MAX];
};

/* No asserts here: it only writes down what it got. */
static void
one_of_the_crowd(struct crowd *c, int i, const char *token)
{
	struct answer a;

	atomic_fetch_add(&c->ready, 1);
	while (!atomic_load(&c->go))
		usleep(200);
	a = refresh(token);
	if (a.status == 200) {
		atomic_fetch_add(&c->good, 1);
		snprintf(
		    c->child[i], sizeof(c->child[i]), "%s", text_at(&a, "data.refreshToken"));
	}
	_exit(0);
}

Test(sessions, fifty_at_once_make_one_child)
{
	enum { CALLERS = 50 };
	struct crowd *c =
	    mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pair p = open_session("crowd-ann"), next;
	pid_t pid[CALLERS];

	for (int round = 0; round < 3; round++) {
		memset(c, 0, sizeof(*c));
		for (int i = 0; i < CALLERS; i++)
			if ((pid[i] = fork()) == 0)
				one_of_the_crowd(c, i, p.refresh);
		while (atomic_load(&c->ready) < CALLERS)
			usleep(1000);
		atomic_store(&c->go, true);
		for (int i = 0; i < CALLERS; i++)
			waitpid(pid[i], NULL, 0);
		cr_expect_eq(c->good, CALLERS, "%d of %d", c->good, CALLERS);
		for (int i = 1; i < CALLERS; i++)
			cr_expect_str_eq(c->child[i], c->child[0]);
		cr_expect_eq(
		    count_of("select count(*) from refresh_tokens where session_id = '%s'",
		        p.session),
		    round + 2, "exactly one child");
		next = p;
		snprintf(next.refresh, sizeof(next.refresh), "%s", c->child[0]);
		p = next;
	}
	p = refreshed(&p);
	cr_expect_eq(status_of_me(p.access), 200, "the family lives on");
	munmap(c, sizeof(*c));
}

static void
expect_told(const struct pair *p)
{
	struct pair fresh = open_session("reuse-ann");
	struct answer a = CALL("GET", "/api/v1/notifications", .token = fresh.access);

	cr_expect_str_eq(text_at(&a, "data.0.type"), "security", "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.data.session_id"), p->session);
	cr_expect_not_null(strstr(text_at(&a, "data.0.message"), "codegramctl"),
	    "it names the device: %s", a.body);
	forget(&a);
}

Test(sessions, a_grandparent_ends_the_family_and_every_descendant)
{
	struct pair a = open_session("reuse-ann"), b = refreshed(&a), c = refreshed(&b),
	            other = open_session("reuse-ann");
	struct ws *w = connected(&c), *stays = connected(&other);

	expect_refused(a.refresh, "the grandparent, inside the grace");
	cr_expect_eq(status_of_me(a.access), 401, "at once, with the answer");
	expect_over_soon(&c, "the newest access token");
	cr_expect_eq(status_of_me(b.access), 401);
	expect_refused(c.refresh, "the newest");
	expect_refused(b.refresh, "its parent");
	expect_refused(a.refresh, "once more");
	live_expect_close(w, 4005);
	ws_free(w);
	cr_expect_eq(
	    count_of("select count(*) from sessions where id = '%s' and revoked_at is not null "
	             "and ended_by = 'reuse'",
	        a.session),
	    1, "committed, although the answer was 401");
	cr_expect_eq(count_of("select count(*) from outbox where name = 'revoke' and "
	                      "data->>'sid' = '%s'",
	                 a.session),
	    1, "once, however often it is used");
	expect_told(&a);
	cr_expect_eq(status_of_me(other.access), 200, "the other session stays");
	other = refreshed(&other);
	ws_free(stays);
}

Test(sessions, the_grace_of_a_parent_ends_after_ten_seconds)
{
	struct pair a = open_session("grace-ann"), b = refreshed(&a);

	run_sql("update refresh_tokens set used_at = used_at - interval '9 seconds' where "
	        "session_id = '%s' and used_at is not null",
	    a.session);
	cr_expect_str_eq(refreshed(&a).refresh, b.refresh);
	run_sql("update refresh_tokens set used_at = used_at - interval '2 seconds' where "
	        "session_id = '%s' and used_at is not null",
	    a.session);
	expect_refused(a.refresh, "the parent, too late");
	expect_refused(b.refresh, "the child goes with it");
}

Test(sessions, thirty_days_are_the_end)
{
	struct pair p = open_session("old-ann");

	run_sql("update sessions set expires_at = now() + interval '1 hour' where id = '%s'",
	    p.session);
	p = refreshed(&p);
	cr_expect_eq(count_of("select count(*) from refresh_tokens t join sessions s on s.id = "
	                      "t.session_id where s.id = '%s' and t.expires_at > s.expires_at "
	                      "and t.used_at is null",
	                 p.session),
	    0, "no child outlives its session");
	run_sql("update sessions set expires_at = now() - interval '1 second' where id = '%s'",
	    p.session);
	expect_refused(p.refresh, "a session that is over");
}

Test(sessions, suspended_and_deleted_people_get_nothing)
{
	struct pair p = open_session("gone-ann");
	struct answer a;

	run_sql("update users set suspended_at = now() where id = '%s'", p.user);
	a = refresh(p.refresh);
	cr_expect_eq(a.status, 403, "%ld %s", a.status, a.body);
	cr_expect_str_eq(text_at(&a, "error.code"), "ACCOUNT_SUSPENDED");
	forget(&a);
	run_sql("update users set suspended_at = null where id = '%s'", p.user);
	p = refreshed(&p);
	run_sql("update users set deleted_at = now() where id = '%s'", p.user);
	expect_refused(p.refresh, "of a deleted person");
}

/* ---- listed and ended */

static size_t
listed(const struct pair *p)
{
	struct answer a = CALL("GET", "/api/v1/auth/sessions", .token = p->access);
	size_t n = json_array_size(at(&a, "data"));

	cr_expect_eq(a.status, 200, "%s", a.body);
	for (size_t i = 0; i < n; i++) {
		char path[64];
		bool current, is_this;
		snprintf(path, sizeof(path), "data.%zu.is_current", i);
		current = json_is_true(at(&a, path));
		snprintf(path, sizeof(path), "data.%zu.id", i);
		is_this = strcmp(text_at(&a, path), p->session) == 0;
		cr_expect_eq(current, is_this, "%s", a.body);
	}
	forget(&a);
	return n;
}

static void
logout(const struct pair *p, const char *scope, long status)
{
	char body[64];
	struct answer a;

	snprintf(body, sizeof(body), "{\"scope\":\"%s\"}", scope);
	a = CALL(
	    "POST", "/api/v1/auth/logout", .token = p->access, .body = *scope ? body : NULL);
	cr_expect_eq(a.status, status, "%s: %ld %s", scope, a.status, a.body);
	forget(&a);
}

Test(sessions, logout_of_this_others_and_all)
{
	struct pair a = open_session("out-ann"), b = open_session("out-ann"),
	            c = open_session("out-ann"), other = open_session("out-bob");
	struct ws *w = connected(&b);

	cr_expect_eq(listed(&a), 3u);
	logout(&a, "everything", 400);
	logout(&a, "", 204);
	expect_over_soon(&a, "this");
	expect_refused(a.refresh, "of this");
	cr_expect_eq(listed(&b), 2u);
	logout(&c, "others", 204);
	expect_over_soon(&b, "others");
	live_expect_close(w, 4005);
	ws_free(w);
	expect_refused(b.refresh, "of others");
	cr_expect_eq(listed(&c), 1u);
	a = open_session("out-ann");
	logout(&a, "all", 204);
	expect_over_soon(&a, "all");
	expect_over_soon(&c, "all");
	cr_expect_eq(status_of_me(other.access), 200, "somebody else's");
}

/* However many end at once, Redis hears of each, without the scheduler's help. */
Test(sessions, logout_of_many_marks_each)
{
	struct pair many[40];

	for (int i = 0; i < 40; i++)
		many[i] = open_session("many-ann");
	stack_part("stop-part", "scheduler");
	logout(&many[0], "all", 204);
	for (int i = 0; i < 40; i++)
		cr_expect_eq(status_of_me(many[i].access), 401, "session %d is let in", i);
	stack_part("start-part", "scheduler");
}

Test(sessions, one_is_ended_by_its_id)
{
	struct pair a = open_session("end-ann"), b = open_session("end-ann"),
	            other = open_session("end-bob");
	struct ws *w = connected(&b);
	char path[128];
	struct answer answer;

	snprintf(path, sizeof(path), "/api/v1/auth/sessions/%s", b.session);
	answer = CALL("DELETE", path, .token = other.access);
	cr_expect_eq(answer.status, 404, "somebody else's");
	forget(&answer);
	answer = CALL("DELETE", path, .token = a.access);
	cr_expect_eq(answer.status, 204, "%s", answer.body);
	forget(&answer);
	expect_over_soon(&b, "ended");
	live_expect_close(w, 4005);
	ws_free(w);
	answer = CALL("DELETE", path, .token = a.access);
	cr_expect_eq(answer.status, 404, "once");
	forget(&answer);
	answer = CALL("DELETE", "/api/v1/auth/sessions/x", .token = a.access);
	cr_expect_eq(answer.status, 404);
	forget(&answer);
}

Test(sessions, device_and_last_use)
{
	struct pair old = open_session("list-ann"), young = open_session("list-ann");
	char before[64];
	struct answer a = CALL("GET", "/api/v1/auth/sessions", .token = old.access);

	cr_expect_str_eq(text_at(&a, "data.0.id"), young.session, "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.device"), "codegramctl");
	cr_expect(json_is_null(at(&a, "data.0.ip_prefix")), "nobody's network");
	snprintf(before, sizeof(before), "%s", text_at(&a, "data.1.last_used_at"));
	cr_expect_str_eq(text_at(&a, "data.1.created_at"), before);
	forget(&a);
	refreshed(&old);
	a = CALL("GET", "/api/v1/auth/sessions", .token = young.access);
	cr_expect_str_eq(text_at(&a, "data.0.id"), old.session, "the last used first");
	cr_expect_gt(strcmp(text_at(&a, "data.0.last_used_at"), before), 0, "%s", a.body);
	cr_expect_gt(
	    strcmp(text_at(&a, "data.0.expires_at"), text_at(&a, "data.0.last_used_at")), 0);
	forget(&a);
}

/* ---- Redis and the worker fail */

Test(sessions, ended_sessions_stay_ended_when_redis_forgets)
{
	struct pair a = open_session("flush-ann"), b = open_session("flush-ann"),
	            c = open_session("flush-ann");

	logout(&a, "this", 204);
	LIVE_REDIS("FLUSHALL");
	cr_expect(wait_until(is_refused, a.access, 5), "let in after the loss");
	stack_part("stop-part", "redis");
	logout(&b, "this", 204);
	for (int i = 0; i < 12; i++)
		cr_expect_eq(status_of_me(b.access), 401, "let in while Redis is away");
	cr_expect_eq(status_of_me(c.access), 200, "another one's");
	stack_part("start-part", "redis");
	cr_expect(wait_until(is_refused, b.access, 8), "let in, since Redis was away");
	cr_expect_eq(status_of_me(c.access), 200);
}

/* The clock that judges an access token may be a minute behind the one that counts the mark. */
Test(sessions, a_mark_outlives_the_token_by_a_minute)
{
	struct pair a = open_session("clock-ann"), b = open_session("clock-ann"), c;
	char key[64];

	logout(&a, "this", 204);
	c = refreshed(&b);
	refreshed(&c);
	expect_refused(b.refresh, "used again");
	for (int by_scheduler = 0; by_scheduler < 2; by_scheduler++) {
		const struct pair *pairs[] = { &a, &b };
		for (int i = 0; i < 2; i++) {
			long long left;
			snprintf(key, sizeof(key), "cg:dead:%s", pairs[i]->session);
			left = LIVE_REDIS("TTL", key);
			cr_expect(left > 900 + 30 && left <= 900 + 61, "%d %d: %lld s", i,
			    by_scheduler, left);
		}
		/* the scheduler's own, after a loss */
		LIVE_REDIS("FLUSHALL");
		cr_assert(wait_until(is_refused, a.access, 5));
		cr_assert(wait_until(is_refused, c.access, 5));
	}
}

static void
arm(const char *point)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/run/fail", stack_dir());
	mkdir(path, 0777);
	chmod(path, 0777);
	snprintf(path, sizeof(path), "%s/run/fail/%s", stack_dir(), point);
	cr_assert_not_null(f = fopen(path, "w"), "%s", path);
	fclose(f);
}

Test(sessions, an_answer_lost_after_the_commit)
{
	struct pair p = open_session("kill-ann");

	for (int i = 0; i < 5; i++) {
		struct answer a;
		arm("api.committed");
		a = refresh(p.refresh);
		cr_expect_neq(a.status, 200, "the worker was to be killed: %s", a.body);
		forget(&a);
		cr_expect_eq(
		    count_of("select count(*) from refresh_tokens where session_id = '%s'",
		        p.session),
		    i + 2, "it was committed");
		p = refreshed(&p);
		cr_expect_eq(
		    count_of("select count(*) from refresh_tokens where session_id = '%s'",
		        p.session),
		    i + 2, "the same child");
		cr_expect_eq(status_of_me(p.access), 200);
	}
}
