/* What is too much, or cut off in the middle: a table that nobody gets at, a COMMIT of which nobody
 * knows how it ended, slow readers of what nginx keeps. */
/* long: 30 s */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
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

enum { READERS = 400, DISK_MB = 48 };

/* A file system of its own for the cache, that nginx and this process alone see. */
static void
mount_cache(const char *at)
{
	char size[32];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		cr_skip("only root may mount");
	stack_part("stop-part", "nginx");
	snprintf(size, sizeof(size), "size=%dm,mode=0777", DISK_MB);
	cr_assert_eq(mount("cache", at, "tmpfs", 0, size), 0);
	stack_part("start-part", "nginx");
}

/* Asks and reads nothing; what comes has little room to wait in. */
static int
slow_reader(const char *path)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)stack_port()),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 2048;
	char request[512];
	int len =
	    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	cr_assert_eq(write(fd, request, (size_t)len), len);
	return fd;
}

/* Hundreds read so slowly that what they read stays on the disk; `format` has a number that makes
 * each ask for something else. Whoever comes then gets the whole answer. */
static void
expect_answers_beside(const char *format, const char *id, size_t at_least)
{
	int fd[READERS];
	char path[256], *mark;

	for (int i = 0; i < READERS + 20; i++) {
		snprintf(path, sizeof(path), "%s", format);
		if ((mark = strstr(path, "ID")) != NULL) {
			char rest[128];
			snprintf(rest, sizeof(rest), "%s", mark + 2);
			snprintf(mark, sizeof(path) - (size_t)(mark - path), "%s%s", id, rest);
		}
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%d", i);
		if (i < READERS) {
			fd[i] = slow_reader(path);
			continue;
		}
		/* their requests are through */
		cr_assert(wait_until(is_served, NULL, 100));
		struct answer a = CALL("GET", path);
		cr_expect_eq(a.status, 200, "%s: %ld", path, a.status);
		cr_expect_geq(a.len, at_least, "%s: %zu bytes", path, a.len);
		forget(&a);
	}
	for (int i = 0; i < READERS; i++)
		close(fd[i]);
}

static long
used_mb(const char *at)
{
	struct statfs s;

	cr_assert_eq(statfs(at, &s), 0);
	return (long)((s.f_blocks - s.f_bfree) * (unsigned long)s.f_bsize / (1024 * 1024));
}

/* nginx cuts an answer that it can't write to its cache: so strangers must not be able to fill
 * it, with large answers, with queries that nobody knows, nor with those that we do. */
Test(strain, the_cache_is_never_full)
{
	static const char head[] = "{\"title\":\"big\",\"code\":\"";
	static char body[220 * 1024], at[512];
	const char *ann = stack_token("ann");
	char id[64];

	snprintf(at, sizeof(at), "%s/nginx/cache", stack_dir());
	mount_cache(at);
	memset(body, 'x', sizeof(body) - 1);
	memcpy(body, head, sizeof(head) - 1);
	memcpy(body + sizeof(body) - 3, "\"}", 3);
	snprintf(id, sizeof(id), "%s", new_snippet(ann, body));
	memcpy(body + 1024, "\"}", 3);
	for (int i = 0; i < 20; i++)
		new_snippet(ann, body);
	expect_answers_beside("/api/v1/snippets/ID/raw?a=", id, 200 * 1024);
	expect_answers_beside("/api/v1/snippets?limit=20&x=", id, 20 * 1000);
	cr_expect_lt(used_mb(at), 4, "%ld MB of answers that are not kept", used_mb(at));
	expect_answers_beside("/api/v1/snippets?limit=20&q=", id, 20 * 1000);
	cr_expect_gt(used_mb(at), 4, "nothing is kept: is this the cache?");
}

/* What PostgreSQL has not enough of is no fault of ours, and none of the caller's. */
Test(strain, the_database_lacks_something)
{
	static const char *const codes[] = { "53000", "53100", "53200", "53400", "58030",
		"57P05" };
	const char *ann = stack_token("ann");
	char sql[512], out[256];
	struct answer a;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		snprintf(sql, sizeof(sql),
		    "create or replace function lack() returns trigger language plpgsql as "
		    "$$ begin raise 'lack' using errcode = '%s'; end $$; "
		    "create or replace trigger lack before insert on snippets "
		    "for each row execute function lack()",
		    codes[i]);
		stack_sql(sql, out, sizeof(out));
		a = CALL("POST", "/api/v1/snippets", .token = ann,
		    .body = "{\"title\":\"x\",\"code\":\"x\"}");
		cr_expect_eq(a.status, 503, "%s: %ld %s", codes[i], a.status, a.body);
		cr_expect_not_null(header_of(&a, "Retry-After"), "%s", codes[i]);
		forget(&a);
	}
	stack_sql("drop function lack() cascade", out, sizeof(out));
}

/* Others have all connections: refused soon, and healed when there is one again. */
Test(strain, no_connection_to_the_database)
{
	char out[256];
	struct answer a;

	stack_sql("alter role \"codegram-api\" connection limit 0", out, sizeof(out));
	stack_sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where "
	          "usename = 'codegram-api'",
	    out, sizeof(out));
	for (int i = 0; i < 8; i++) {
		a = CALL("GET", "/api/v1/snippets?limit=1", .headers = { "Cookie: x=y" });
		cr_expect_eq(a.status, 503, "%ld", a.status);
		cr_expect_not_null(header_of(&a, "Retry-After"));
		cr_expect_lt(a.seconds, 3, "%.1f s", a.seconds);
		forget(&a);
	}
	stack_sql("alter role \"codegram-api\" connection limit -1", out, sizeof(out));
	cr_expect(wait_until(is_served, NULL, 20));
}

static int
redis_says(const char *words, char *out, size_t size)
{
	char command[512];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' %s", stack_dir(),
	    words);
	return run_command(argv, out, size);
}

static bool
redis_is_busy(void *unused)
{
	char out[256];

	(void)unused;
	redis_says("PING", out, sizeof(out));
	return strncmp(out, "BUSY", 4) == 0;
}

/* Reads and writes go on, and soon. */
static void
expect_service_without_redis(const char *token)
{
	struct answer a;

	for (int i = 0; i < 8; i++) {
		a = CALL("GET", "/api/v1/auth/me", .token = token);
		cr_expect_eq(a.status, 200, "%ld %s", a.status, a.body);
		cr_expect_lt(a.seconds, 2, "%.1f s", a.seconds);
		forget(&a);
		a = CALL("POST", "/api/v1/snippets", .token = token,
		    .body = "{\"title\":\"x\",\"code\":\"x\"}");
		cr_expect_eq(a.status, 201, "%ld %s", a.status, a.body);
		forget(&a);
	}
}

/* A script that does not end: Redis answers everybody, with BUSY. The API goes on without it. */
Test(strain, redis_runs_a_script_for_ever)
{
	const char *ann = stack_token("ann");
	char out[256];
	pid_t script;

	redis_says("CONFIG SET busy-reply-threshold 100", out, sizeof(out));
	if ((script = fork()) == 0) {
		redis_says("EVAL 'while true do end' 0", out, sizeof(out));
		_exit(0);
	}
	cr_assert(wait_until(redis_is_busy, NULL, 20));
	expect_service_without_redis(ann);
	redis_says("SCRIPT KILL", out, sizeof(out));
	waitpid(script, NULL, 0);
}

static bool
redis_is_full(void *unused)
{
	char out[256];

	(void)unused;
	redis_says("PING", out, sizeof(out));
	return strstr(out, "max number of clients") != NULL;
}

/* Others have all of its connections. */
Test(strain, redis_takes_no_client_more)
{
	const char *ann = stack_token("ann");
	char command[512], out[256];
	const char *argv[] = { "sh", "-c", command, NULL };
	pid_t hog;

	snprintf(command, sizeof(command),
	    "(echo CONFIG SET maxclients 1; echo CLIENT KILL TYPE normal SKIPME yes; sleep 4; "
	    "echo CONFIG SET maxclients 4000) | redis-cli -s '%s/run/redis.sock'",
	    stack_dir());
	if ((hog = fork()) == 0) {
		run_command(argv, out, sizeof(out));
		_exit(0);
	}
	cr_expect(wait_until(redis_is_full, NULL, 20));
	expect_service_without_redis(ann);
	waitpid(hog, NULL, 0);
}

static bool
is_sleeping(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from pg_stat_activity where query ~ 'for update' "
	                   "and wait_event = 'PgSleep'") > 0;
}

/* A person's row that somebody holds in an open transaction: whoever needs it is refused, and the
 * next request is served. */
Test(strain, a_forgotten_transaction)
{
	const char *bob = stack_token("bob");
	char out[64];
	const char *argv[] = { "tools/stack", "psql", stack_dir(), "-qc",
		"begin; select 1 from users where username = 'held' for update; "
		"select pg_sleep(5); commit",
		NULL };
	struct answer a;
	pid_t holder;

	stack_token("held");
	stack_token("free");
	if ((holder = fork()) == 0) {
		run_command(argv, out, sizeof(out));
		_exit(0);
	}
	cr_assert(wait_until(is_sleeping, NULL, 20));
	a = CALL("PUT", "/api/v1/users/held/follow", .token = bob);
	cr_expect_eq(a.status, 503, "%ld %s", a.status, a.body);
	cr_expect_lt(a.seconds, 3.5, "%.1f s", a.seconds);
	forget(&a);
	a = CALL("PUT", "/api/v1/users/free/follow", .token = bob);
	cr_expect_eq(a.status, 200, "%ld %s", a.status, a.body);
	forget(&a);
	waitpid(holder, NULL, 0);
	a = CALL("PUT", "/api/v1/users/held/follow", .token = bob);
	cr_expect_eq(int_at(&a, "data.followers_count"), 1, "%ld %s", a.status, a.body);
	forget(&a);
}
