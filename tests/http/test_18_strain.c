/* What is too much, or cut off in the middle: a table that nobody gets at, a COMMIT of which nobody
 * knows how it ended. */
/* long: 30 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--rate-limit", "off", "--workers", "4", NULL };

static struct crowd {
	_Atomic bool stop;
	_Atomic long answers, refused, others, without_retry_after, slowest_us;
} * crowd;

/* Asks for what needs the table of snippets, until it is told to stop. */
static void
ask_for_snippets(void)
{
	while (!crowd->stop) {
		struct answer a =
		    CALL("GET", "/api/v1/snippets?limit=1", .headers = { "Cookie: x=y" });
		long us = (long)(a.seconds * 1e6);
		crowd->answers += a.status == 200;
		crowd->refused += a.status == 503;
		crowd->others += a.status != 200 && a.status != 503;
		crowd->without_retry_after +=
		    a.status == 503 && header_of(&a, "Retry-After") == NULL;
		if (us > crowd->slowest_us)
			crowd->slowest_us = us;
		forget(&a);
	}
	_exit(0);
}

static pid_t
lock_snippets(const char *seconds)
{
	char script[128], out[64];
	const char *argv[] = { "tools/stack", "psql", stack_dir(), "-qc", script, NULL };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(script, sizeof(script),
	    "begin; lock table snippets; select pg_sleep(%s); commit", seconds);
	run_command(argv, out, sizeof(out));
	_exit(0);
}

static bool
is_locked(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from pg_locks where granted and "
	                   "mode = 'AccessExclusiveLock' and "
	                   "relation = 'snippets'::regclass") > 0;
}

static bool
is_served(void *unused)
{
	struct answer a = CALL("GET", "/api/v1/snippets?limit=1", .headers = { "Cookie: x=y" });
	bool ok = a.status == 200;

	(void)unused;
	forget(&a);
	return ok;
}

/* One table that nobody gets at: what needs it is refused, soon; all else is served. */
Test(strain, one_locked_table)
{
	enum { CROWD = 24 };
	pid_t clients[CROWD], locker;
	long served = 0;
	double slowest = 0;

	stack_token("ann");
	crowd = mmap(
	    NULL, sizeof(*crowd), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	locker = lock_snippets("7");
	cr_assert(wait_until(is_locked, NULL, 20));
	for (int i = 0; i < CROWD; i++)
		if ((clients[i] = fork()) == 0)
			ask_for_snippets();
	sleep(3);
	for (int i = 0; i < 10; i++) {
		struct answer a = CALL("GET", "/health");
		cr_expect_eq(a.status, 200, "/health: %ld", a.status);
		cr_expect_lt(a.seconds, 2, "/health: %.1f s", a.seconds);
		forget(&a);
		a = CALL("GET", "/api/v1/users/ann", .headers = { "Cookie: x=y" });
		served += a.status == 200;
		slowest = a.seconds > slowest ? a.seconds : slowest;
		forget(&a);
	}
	cr_expect_geq(served, 8, "%ld of 10 who need no snippet", served);
	waitpid(locker, NULL, 0);
	cr_expect(wait_until(is_served, NULL, 20), "the lock is gone, and still refused");
	crowd->stop = true;
	for (int i = 0; i < CROWD; i++)
		waitpid(clients[i], NULL, 0);
	fprintf(stderr,
	    "a locked table: %ld answers, %ld refused, slowest %ld ms; others: %ld of 10, "
	    "slowest %.2f s\n",
	    crowd->answers, crowd->refused, crowd->slowest_us / 1000, served, slowest);
	cr_expect_gt(crowd->refused, 0);
	cr_expect_eq(crowd->others, 0, "%ld neither 200 nor 503", crowd->others);
	cr_expect_eq(crowd->without_retry_after, 0);
	cr_expect_lt(crowd->slowest_us, 6000 * 1000);
	munmap(crowd, sizeof(*crowd));
}

static bool
commit_was_cut(void *unused)
{
	(void)unused;
	return stack_count(
	           "select count(pg_terminate_backend(pid)) from pg_stat_activity where "
	           "usename = 'codegram-api' and state = 'active' and "
	           "query = 'commit'") > 0;
}

/* Asks while the connection is cut in mid-commit; what it got. */
static struct answer
ask_and_cut(const struct call *call)
{
	pid_t cutter = fork();
	struct answer a;

	if (cutter == 0)
		_exit(wait_until(commit_was_cut, NULL, 20) ? 0 : 1);
	a = ask(call);
	waitpid(cutter, NULL, 0);
	return a;
}

/* Nobody knows whether it was stored: that is said, and not to send it again unseen. */
Test(strain, a_commit_cut_off)
{
	const char *ann = stack_token("ann");
	char out[64], path[128];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s/like",
	    new_snippet(ann, "{\"title\":\"x\",\"code\":\"x\"}"));
	stack_sql("create function linger() returns trigger language plpgsql as "
	          "'begin perform pg_sleep(1.5); return null; end'",
	    out, sizeof(out));
	stack_sql("create constraint trigger linger after insert on snippets deferrable "
	          "initially deferred for each row execute function linger()",
	    out, sizeof(out));
	stack_sql("create constraint trigger linger after insert on snippet_likes deferrable "
	          "initially deferred for each row execute function linger()",
	    out, sizeof(out));
	a = ask_and_cut(&(struct call){ .method = "POST",
	    .path = "/api/v1/snippets",
	    .token = ann,
	    .body = "{\"title\":\"x\",\"code\":\"x\"}" });
	cr_expect_eq(a.status, 503, "%ld %s", a.status, a.body);
	cr_expect_not_null(strstr(a.body, "may have been stored"), "%s", a.body);
	cr_expect_null(header_of(&a, "Retry-After"), "a second POST may be a second snippet");
	forget(&a);
	a = ask_and_cut(&(struct call){ .method = "PUT", .path = path, .token = ann });
	cr_expect_eq(a.status, 503, "%ld %s", a.status, a.body);
	cr_expect_not_null(strstr(a.body, "may have been stored"), "%s", a.body);
	cr_expect_not_null(header_of(&a, "Retry-After"), "a second PUT is the same");
	forget(&a);
	stack_sql("drop function linger() cascade", out, sizeof(out));
}
