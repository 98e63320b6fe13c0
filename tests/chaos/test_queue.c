/* The queue's own ledger: rows of the outbox are committed while workers, schedulers and Redis
 * are killed, frozen, emptied, and put back to an older state. In the end every committed row
 * has had its effect, and has had it once; producers were never refused. The effect is the row
 * in job_done, which begins with nothing in its way but job_once(); a row that came back under
 * another id would have it twice. CODEGRAM_CHAOS_SEEDS=20 takes that many seeds, in groups of
 * five, each group with a ledger of its own. */
/* long: 60 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "queue/library.h"
#include "support/disaster.h"
#include "support/stack.h"

const char *const stack_options[] = { "--set", "FAILPOINTS=on", "--set", "SCHEDULES=off",
	"--set", "REDIS_TIMEOUT_MS=200", "--set", "WORKER_DRAIN_MS=300", NULL };

enum { PRODUCERS = 2, GROUP = 5, GROUPS_MAX = 20, SEED_MS = 5000, SETTLE_S = 90 };

static const char *const points[] = { "mover.stamped", "mover.sent", "mover.resent",
	"mover.rebased", "job.committed" };
enum { POINTS = sizeof(points) / sizeof(*points) };

struct shared {
	_Atomic bool stop;
	_Atomic long committed, refused;
};

static struct shared *shared;
static struct redis *redis;
static struct scope scope;
static pid_t frozen; /* for longer than its lease */

/* The same throws for the same seed (a linear congruential generator, Numerical Recipes). */
static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
shell(const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	char out[512];

	return run_command(argv, out, sizeof(out));
}

/* A second one beside the stack's own, started again when it dies, as by a unit. */
static void
second(const char *name, const char *program)
{
	char path[4200], log[4200], at[4200];

	if (fork() != 0)
		return;
	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	snprintf(log, sizeof(log), "%s/log/second.log", stack_dir());
	snprintf(at, sizeof(at), "%s/run/%s.main", stack_dir(), name);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (freopen(log, "a", stderr) != NULL)
		execl("tools/unit", "tools/unit", "-", at, program, "--config", path,
		    (char *)NULL);
	_exit(127);
}

void
stack_ready(void)
{
	char out[64];

	second("second-scheduler", "build/san/bin/codegram-scheduler");
	second("second-worker", "build/san/bin/codegram-worker");
	stack_sql("create table chaos_ledger (outbox_id bigint primary key, seed int not null)",
	    out, sizeof(out));
}

static void
open_all(void)
{
	static char url[512];
	static struct redis_options options;

	signal(SIGPIPE, SIG_IGN);
	snprintf(url, sizeof(url), "unix://%s/run/redis.sock", stack_dir());
	options = (struct redis_options){ url, NULL, NULL, 2000 };
	redis = redis_make(&options);
	scope.arena = arena_make(65536, 1 << 26);
	cr_assert(redis && scope.arena);
}

/* ---- those who add */

/* A row and its line of the ledger, in one transaction; committed or it counts for nothing. */
static void
produce(unsigned seed)
{
	char sql[512], out[64] = "";

	snprintf(sql, sizeof(sql),
	    "with row as (insert into outbox (kind, target, name, data, opts) select 'job', "
	    "'maintenance', 'test.effect', '{\"ms\":%u}', '%s' from generate_series(1, %u) "
	    "returning id), noted as (insert into chaos_ledger select id, %u from row "
	    "returning 1) "
	    "select count(*) from noted",
	    dice(80), dice(3) ? "{}" : "{\"delay\":400,\"lane\":\"h\"}", 1 + dice(8), seed);
	stack_sql(sql, out, sizeof(out));
	if (strtol(out, NULL, 10) > 0)
		shared->committed += strtol(out, NULL, 10);
	else
		shared->refused++;
}

static pid_t
producer(unsigned seed, unsigned me)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test must not leave them */
	dice_seed(seed * 1000 + me);
	while (!shared->stop) {
		produce(seed);
		usleep(dice(200000));
	}
	_exit(0);
}

/* ---- disasters */

static void
hit_children(pid_t of, int number)
{
	pid_t children[64];
	size_t n = children_of(of, children, 64);

	for (size_t i = 0; i < n; i++)
		if (children[i] > 1)
			kill(children[i], number);
}

static void
flush(void)
{
	const struct span word[] = { SPAN("FLUSHALL") };
	struct redis_reply reply;

	fault_reset(&scope.fault);
	(void)redis_call(redis, word, 1, &reply, &scope); /* away: another time */
	arena_reset(scope.arena);
}

static void
disaster(void)
{
	switch (dice(14)) {
	case 0:
	case 1: kill_main("worker"); break;
	case 2: kill_main("scheduler"); break;
	case 3:
	case 4: kill_some_child(stack_main("worker")); break;
	case 5: kill_some_child(stack_main("second-worker")); break;
	case 6: freeze(stack_main(dice(2) ? "worker" : "scheduler"), 700); break;
	case 7: freeze(stack_main(dice(2) ? "second-worker" : "second-scheduler"), 700); break;
	case 8: freeze(stack_pid("redis"), 700); break;
	case 9: redis_killed(100); break;
	case 10: redis_killed(dice(2500)); break;
	case 11:
		if (dice(2))
			flush();
		break;
	default: arm(points[dice(POINTS)]); break;
	}
}

/* The data of Redis as they are now, and back to them. A file that grows while it is copied is
 * what a crash leaves, too. */
static void
snapshot(void)
{
	char script[8800];

	snprintf(script, sizeof(script),
	    "cd '%s' && rm -rf redis.old && cp -a redis/appendonlydir redis.old", stack_dir());
	cr_expect_eq(shell(script), 0, "no snapshot");
}

static void
restore(void)
{
	char script[8800];

	snprintf(script, sizeof(script),
	    "cd '%s' && rm -rf redis/appendonlydir && cp -a redis.old redis/appendonlydir",
	    stack_dir());
	kill(stack_pid("redis"), SIGKILL);
	usleep(50 * 1000);
	cr_expect_eq(shell(script), 0, "nothing restored");
	stack_part("start-part", "redis");
}

/* Frozen for longer than its lease, with or without its children: what they come back with
 * belongs to others by then. */
static void
long_freeze(unsigned how, int number)
{
	if (number == SIGSTOP)
		frozen = stack_main("second-worker");
	if (frozen <= 1)
		return;
	if (how != 1)
		kill(frozen, number);
	if (how != 0)
		hit_children(frozen, number);
}

static void
one_seed(unsigned seed)
{
	pid_t pid[PRODUCERS];
	int64_t until = now_ms() + SEED_MS, old_at, back_at;

	dice_seed(seed);
	old_at = now_ms() + dice(SEED_MS / 2);
	back_at = old_at + 500 + dice(SEED_MS / 2);
	shared->stop = false;
	for (unsigned i = 0; i < PRODUCERS; i++)
		pid[i] = producer(seed, i);
	while (now_ms() < until) {
		if (old_at && now_ms() >= old_at) {
			snapshot();
			old_at = 0;
		} else if (back_at && now_ms() >= back_at) {
			restore();
			back_at = 0;
		} else
			disaster();
		usleep(dice(350000));
	}
	shared->stop = true;
	for (unsigned i = 0; i < PRODUCERS; i++)
		waitpid(pid[i], NULL, 0);
}

/* ---- the ledger */

static const char lost[] =
    "select count(*) from chaos_ledger l where not exists (select from job_done d where "
    "split_part(d.job_id, '-', 2) = l.outbox_id::text)";
static const char twice[] =
    "select count(*) from (select split_part(job_id, '-', 2) from job_done "
    "group by 1 having count(*) > 1) t";

/* Jobs that were killed three times wait for a person, who has them run once more. */
static bool
revive(void)
{
	int64_t retried;
	enum err e;

	fault_reset(&scope.fault);
	e = queue_retry_all(redis, "maintenance", 1000, &retried, &scope);
	arena_reset(scope.arena);
	return e == OK;
}

static bool
over(void *unused)
{
	struct queue_stats s;
	enum err e;

	(void)unused;
	usleep(300 * 1000);
	if (!revive() || stack_count(lost) > 0)
		return false;
	fault_reset(&scope.fault);
	e = queue_stats(redis, "maintenance", &s, &scope);
	arena_reset(scope.arena);
	return e == OK && s.waiting + s.active + s.delayed + s.blocked + s.dead == 0;
}

static void
expect_no_faults(void)
{
	struct queue_fault *faults;
	int64_t looked_at;
	size_t count;

	for (int q = 0; q < QUEUE_COUNT; q++) {
		fault_reset(&scope.fault);
		cr_assert_eq(queue_check(redis, queues[q].name, false, &faults, &count,
		                 &looked_at, &scope),
		    OK, "%s", scope.fault.story);
		for (size_t i = 0; i < count; i++)
			cr_expect_fail(
			    "%s: %s: %s", queues[q].name, faults[i].what, faults[i].key);
		arena_reset(scope.arena);
	}
}

static void
expect_ledger(unsigned first)
{
	int64_t began = now_ms();
	char out[4096];

	for (size_t i = 0; i < POINTS; i++)
		disarm(points[i]);
	stack_part("start-part", "redis");
	wait_until(over, NULL, SETTLE_S);
	fprintf(stderr,
	    "seeds from %u: %ld committed, %ld refused, %ld lost, %ld twice, settled in %.1f "
	    "s\n",
	    first, shared->committed, shared->refused, stack_count(lost), stack_count(twice),
	    (double)(now_ms() - began) / 1000);
	cr_expect_eq(stack_count("select count(*) from chaos_ledger"), shared->committed);
	cr_expect_eq(stack_count(lost), 0, "%ld lost", stack_count(lost));
	cr_expect_eq(stack_count(twice), 0, "%ld twice", stack_count(twice));
	cr_expect_eq(shared->refused, 0, "%ld refused", shared->refused);
	cr_expect(over(NULL), "jobs are left");
	expect_no_faults();
	cr_expect_eq(stack_ctl(out, sizeof(out), "jobs", "check", NULL), 0, "%s", out);
	cr_expect_str_empty(out);
}

static void
group(unsigned first)
{
	unsigned how = first / GROUP % 3;

	for (unsigned i = 0; i < GROUP; i++) {
		if (i == 0)
			long_freeze(how, SIGSTOP);
		one_seed(first + i);
	}
	long_freeze(how, SIGCONT);
	expect_ledger(first);
}

Test(queue, ledger, .timeout = 900)
{
	const char *seeds = getenv("CODEGRAM_CHAOS_SEEDS");
	unsigned count = seeds ? (unsigned)strtoul(seeds, NULL, 10) : GROUP;

	shared = mmap(
	    NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(shared, MAP_FAILED);
	shared->committed = stack_count("select count(*) from chaos_ledger");
	open_all();
	for (unsigned first = 1; first <= count && first <= GROUPS_MAX * GROUP; first += GROUP)
		group(first);
	redis_free(redis);
	arena_free(scope.arena);
	munmap(shared, sizeof(*shared));
}

/* Away for a while: producers go on, and what they committed is done when it is back. */
Test(queue, away, .timeout = 180)
{
	const char *seconds = getenv("CODEGRAM_CHAOS_AWAY");
	pid_t pid;

	shared = mmap(
	    NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(shared, MAP_FAILED);
	shared->committed = stack_count("select count(*) from chaos_ledger");
	open_all();
	stack_part("stop-part", "redis");
	pid = producer(1000, 0);
	sleep(seconds ? (unsigned)strtoul(seconds, NULL, 10) : 3);
	shared->stop = true;
	waitpid(pid, NULL, 0);
	expect_ledger(1000);
	redis_free(redis);
	arena_free(scope.arena);
	munmap(shared, sizeof(*shared));
}
