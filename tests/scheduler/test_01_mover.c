/* The mover between a real PostgreSQL and a real Redis: every row arrives, each once, in order,
 * whatever dies meanwhile. */
/* long: 90 s */
#include "scheduler/moved.h"

#include <sys/prctl.h>

const char *const stack_options[] = { "--set", "FAILPOINTS=on", "--set", "TEST_PACE=20", NULL };

/* Jobs stay where the mover puts them. */
void
stack_ready(void)
{
	stack_part("stop-part", "worker");
}

TestSuite(mover, .init = clean, .fini = redis_close);

Test(mover, a_rows_arrive_once_in_order)
{
	struct writers w = { .count = 0 };

	for (int i = 0; i < 3; i++)
		writer_start(&w, JOBS, 400, 1);
	for (int i = 0; i < 2; i++)
		writer_start(&w, "rt", 400, 1);
	writers_wait(&w);
	expect_exact(JOBS, 1200, 5);
	expect_exact("rt", 800, 5);
}

Test(mover, b_many_at_once)
{
	char out[64];

	stack_sql("insert into outbox (kind, target, name, data) "
	          "select 'job', '" JOBS "', 'test', '{}' from generate_series(1, 20000)",
	    out, sizeof(out));
	expect_exact(JOBS, 20000, 20);
	cr_expect_eq(stack_count("select count(distinct batch) from outbox"), 40);
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* How long from the commit of the row to its entry in the stream, the `wanted`-th there. */
static int64_t
commit_to_stream(struct db *db, int64_t wanted, bool told)
{
	struct redis_reply reply;
	int64_t began, has = 0;

	arena_reset(scope.arena);
	db_open_scope(db, &scope, false);
	cr_assert_eq(db_script(db, "insert into outbox (kind, target, name, room, data) "
	                           "values ('event', 'rt', 'test', 'admin', '{}')"),
	    OK, "%s", scope.fault.story);
	began = clock_mono();
	if (told)
		cr_assert_eq(REDIS(&reply, "PUBLISH", "cg:wake", "1"), OK);
	while (has < wanted && clock_mono() - began < 20000000) {
		usleep(500);
		cr_assert_eq(REDIS(&reply, "XLEN", "cg:{rt}:log"), OK);
		has = redis_number(&reply, 0);
	}
	db_close_scope(db);
	return clock_mono() - began;
}

/* The message that the API publishes, beside rows that the poll alone finds. */
Test(mover, c_a_message_makes_it_quick)
{
	enum { ROUNDS = 30 };
	int64_t told[ROUNDS], found[ROUNDS];
	char url[512];
	struct db_options options = { url, "codegram-api", "test", 2000, 0, NULL };
	struct db *db;

	snprintf(url, sizeof(url), "postgresql:///codegram?host=%s/run", stack_dir());
	cr_assert((db = db_make(&options)) != NULL);
	for (int i = 0; i < ROUNDS; i++) {
		usleep((useconds_t)(5000 + i * 137 % 10000));
		told[i] = commit_to_stream(db, 2 * i + 1, true);
		usleep((useconds_t)(5000 + i * 7919 % 10000));
		found[i] = commit_to_stream(db, 2 * i + 2, false);
	}
	db_free(db);
	qsort(told, ROUNDS, sizeof(*told), by_size);
	qsort(found, ROUNDS, sizeof(*found), by_size);
	fprintf(stderr, "commit to stream: told %.1f ms, found %.1f ms (medians)\n",
	    (double)told[ROUNDS / 2] / 1000, (double)found[ROUNDS / 2] / 1000);
	cr_expect_lt(told[ROUNDS / 2], found[ROUNDS / 2]);
}

/* Nobody publishes: the poll finds it. */
Test(mover, d_the_poll_finds_it)
{
	char out[64];

	stack_sql("insert into outbox (kind, target, name, room, data) "
	          "values ('event', 'rt', 'test', 'admin', '{}')",
	    out, sizeof(out));
	expect_exact("rt", 1, 2);
}

Test(mover, e_options_of_jobs)
{
	struct redis_reply reply;
	char out[64];

	stack_sql("insert into outbox (kind, target, name, data, opts) values "
	          "('job', '" JOBS "', 'x', '{}', '{\"lane\": \"h\"}'), "
	          "('job', '" JOBS "', 'x', '{}', '{\"unique\": \"k\"}'), "
	          "('job', '" JOBS "', 'x', '{}', '{\"unique\": \"k\"}'), "
	          "('job', '" JOBS "', 'x', '{}', '{\"delay\": 700}'), "
	          "('job', '" JOBS "', 'x', '{}', '{\"delay\": \"soon\", \"lane\": 7}')",
	    out, sizeof(out));
	cr_assert(wait_until(all_sent, NULL, 5));
	cr_assert_eq(REDIS(&reply, "XLEN", "cg:{" JOBS "}:s:h"), OK);
	cr_expect_eq(redis_number(&reply, 0), 1, "lane");
	cr_assert_eq(REDIS(&reply, "ZCARD", "cg:{" JOBS "}:dly"), OK);
	cr_expect_eq(redis_number(&reply, 0), 1, "delayed");
	usleep(1200 * 1000);
	cr_assert_eq(REDIS(&reply, "ZCARD", "cg:{" JOBS "}:dly"), OK);
	cr_expect_eq(redis_number(&reply, 0), 0, "promoted when due");
	cr_assert_eq(REDIS(&reply, "XLEN", "cg:{" JOBS "}:s:n"), OK);
	cr_expect_eq(
	    redis_number(&reply, 0), 3, "one of the unique ones, the delayed, the odd");
}

/* What could never arrive holds up nobody. */
Test(mover, f_rows_that_are_refused)
{
	char out[64];

	stack_sql("insert into outbox (kind, target, name, room, data) values "
	          "('event', 'rt', 'first', 'admin', '{}'), "
	          "('event', 'rt', 'no room', null, '{}'), "
	          "('job', 'rt', 'no event', 'admin', '{}'), "
	          "('event', '" JOBS "', 'no job', 'admin', '{}'), "
	          "('event', 'rt', 'big', 'admin', to_jsonb(repeat('x', 70000))), "
	          "('event', 'rt', 'last', 'admin', '{}')",
	    out, sizeof(out));
	cr_assert(wait_until(all_sent, NULL, 5));
	stack_sql("delete from outbox where name not in ('first', 'last')", out, sizeof(out));
	expect_exact("rt", 2, 5);
}

Test(mover, g_the_scheduler_killed_at_random_moments)
{
	struct writers w = { .count = 0 };

	for (int i = 0; i < 3; i++)
		writer_start(&w, i ? JOBS : "rt", 1500, 1);
	for (int i = 0; i < 25; i++) {
		pid_t pid = stack_main("scheduler");
		usleep((useconds_t)(20000 + i * 7919 % 23 * 9000));
		cr_assert_gt(pid, 1);
		kill(pid, SIGKILL);
		cr_assert(wait_until(has_scheduler, &pid, 10));
	}
	writers_wait(&w);
	expect_exact(JOBS, 3000, 15);
	expect_exact("rt", 1500, 15);
}

Test(mover, h_redis_killed)
{
	struct writers w = { .count = 0 };

	writer_start(&w, JOBS, 1500, 2);
	writer_start(&w, "rt", 1500, 2);
	for (int i = 0; i < 4; i++) {
		usleep(400 * 1000);
		kill(stack_pid("redis"), SIGKILL);
		usleep((useconds_t)(i * 150 * 1000));
		stack_part("start-part", "redis");
	}
	writers_wait(&w);
	expect_exact(JOBS, 1500, 15);
	expect_exact("rt", 1500, 15);
}

/* Calls whose answers come too late have been done all the same. */
Test(mover, i_redis_frozen)
{
	struct writers w = { .count = 0 };

	writer_start(&w, JOBS, 1500, 2);
	writer_start(&w, "rt", 1500, 2);
	for (int i = 0; i < 8; i++) {
		usleep(150 * 1000);
		kill(stack_pid("redis"), SIGSTOP);
		usleep((useconds_t)(90 * 1000 * (1 + i % 4)));
		kill(stack_pid("redis"), SIGCONT);
	}
	writers_wait(&w);
	expect_exact(JOBS, 1500, 15);
	expect_exact("rt", 1500, 15);
}

Test(mover, j_backends_killed_and_postgresql_restarted)
{
	struct writers w = { .count = 0 };
	char out[64];

	writer_start(&w, JOBS, 1000, 1);
	for (int i = 0; i < 15; i++) {
		usleep(100 * 1000);
		stack_sql("select pg_terminate_backend(pid) from pg_stat_activity "
		          "where usename = 'codegram-scheduler'",
		    out, sizeof(out));
	}
	writers_wait(&w);
	expect_exact(JOBS, 1000, 15);
	stack_part("restart-part", "postgres");
	writer_start(&w, JOBS, 100, 1);
	writers_wait(&w);
	expect_exact(JOBS, 1100, 15);
}

/* ---- more than one */

static pid_t
second_scheduler(void)
{
	char config[512], program[] = "build/san/bin/codegram-scheduler";
	pid_t pid;

	snprintf(config, sizeof(config), "%s/codegram.conf", stack_dir());
	fflush(NULL);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--config", config, (char *)NULL);
		_exit(127);
	}
	return pid;
}

Test(mover, k_two_schedulers)
{
	struct writers w = { .count = 0 };
	pid_t second = second_scheduler(), first = stack_main("scheduler");

	writer_start(&w, JOBS, 1500, 1);
	writer_start(&w, "rt", 1500, 1);
	for (int i = 0; i < 6; i++) {
		usleep(250 * 1000);
		kill(i % 2 ? second : first, SIGKILL);
		if (i % 2) {
			waitpid(second, NULL, 0);
			second = second_scheduler();
		} else {
			cr_assert(wait_until(has_scheduler, &first, 10));
			first = stack_main("scheduler");
		}
	}
	writers_wait(&w);
	expect_exact(JOBS, 1500, 15);
	expect_exact("rt", 1500, 15);
	kill(second, SIGTERM);
	waitpid(second, NULL, 0);
}

/* One that is frozen while it moves loses its turn; when it wakes up it does no harm. */
Test(mover, l_a_frozen_mover_is_replaced)
{
	struct writers w = { .count = 0 };
	pid_t first = stack_main("scheduler"), second;

	writer_start(&w, JOBS, 200, 1);
	writers_wait(&w);
	second = second_scheduler();
	kill(first, SIGSTOP);
	writer_start(&w, JOBS, 200, 1);
	writers_wait(&w);
	expect_exact(JOBS, 400, 20);
	kill(first, SIGCONT);
	writer_start(&w, JOBS, 200, 1);
	writers_wait(&w);
	expect_exact(JOBS, 600, 15);
	kill(second, SIGTERM);
	waitpid(second, NULL, 0);
}

/* ---- memories that differ */

Test(mover, m_redis_forgets_everything)
{
	struct writers w = { .count = 0 };
	struct redis_reply reply;

	writer_start(&w, JOBS, 700, 1);
	writer_start(&w, "rt", 300, 1);
	writers_wait(&w);
	expect_exact(JOBS, 700, 10);
	cr_assert_eq(REDIS(&reply, "FLUSHALL"), OK);
	expect_exact(JOBS, 700, 30);
	expect_exact("rt", 300, 30);
	cr_assert_eq(REDIS(&reply, "FLUSHALL"), OK);
	writer_start(&w, JOBS, 300, 1);
	writers_wait(&w);
	expect_exact(JOBS, 1000, 30);
	expect_exact("rt", 300, 30);
}

/* Its file ends earlier than it did: a prefix of history is what is left. */
Test(mover, n_redis_loses_its_last_minutes)
{
	struct writers w = { .count = 0 };
	char command[1024], out[256];
	const char *argv[] = { "sh", "-c", command, NULL };

	writer_start(&w, JOBS, 300, 1);
	writers_wait(&w);
	expect_exact(JOBS, 300, 10);
	stack_part("stop-part", "redis");
	snprintf(command, sizeof(command), "cp -a '%s/redis' '%s/redis.old'", stack_dir(),
	    stack_dir());
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0);
	stack_part("start-part", "redis");
	writer_start(&w, JOBS, 300, 1);
	writers_wait(&w);
	expect_exact(JOBS, 600, 10);
	kill(stack_pid("redis"), SIGKILL);
	snprintf(command, sizeof(command), "rm -rf '%s/redis' && mv '%s/redis.old' '%s/redis'",
	    stack_dir(), stack_dir(), stack_dir());
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0);
	stack_part("start-part", "redis");
	expect_exact(JOBS, 600, 30);
	writer_start(&w, JOBS, 100, 1);
	writers_wait(&w);
	expect_exact(JOBS, 700, 30);
}

/* PostgreSQL from a backup, with and without the new generation that a restore gives. */
Test(mover, o_postgresql_restored)
{
	static const char *const restores[] = {
		"delete from outbox; update outbox_target set batch = 1, "
		"generation = gen_random_uuid()",
		"delete from outbox; update outbox_target set batch = 1",
	};
	struct writers w = { .count = 0 };
	char out[64];

	for (int i = 0; i < 2; i++) {
		struct redis_reply reply;
		writer_start(&w, JOBS, 300, 3);
		writers_wait(&w);
		cr_assert(wait_until(all_sent, NULL, 10));
		stack_part("stop-part", "scheduler");
		stack_sql(restores[i], out, sizeof(out));
		cr_assert_eq(REDIS(&reply, "DEL", "cg:{" JOBS "}:s:n"), OK);
		if (i == 0)
			stack_part("start-part", "scheduler");
		writer_start(&w, JOBS, 300, 1);
		writers_wait(&w);
		if (i == 1)
			stack_part("start-part", "scheduler");
		expect_exact(JOBS, 300, 30);
	}
}

/* Rows go an hour after they arrived; a loss at Redis after that is said, and the rest goes on. */
Test(mover, p_pruned)
{
	struct writers w = { .count = 0 };
	struct redis_reply reply;
	char out[64];
	long lost;

	writer_start(&w, JOBS, 300, 1);
	writers_wait(&w);
	expect_exact(JOBS, 300, 10);
	stack_sql("update outbox set sent_at = now() - interval '61 minutes' "
	          "where id in (select id from outbox order by id limit 100)",
	    out, sizeof(out));
	for (lost = 300; lost > 200; usleep(200 * 1000))
		lost = stack_count("select count(*) from outbox");
	cr_expect_eq(lost, 200);
	cr_assert_eq(REDIS(&reply, "FLUSHALL"), OK);
	expect_exact(JOBS, 200, 30);
}
