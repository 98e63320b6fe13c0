/* The worker in a whole CodeGram: what jobs come to, whoever is killed, frozen or away. */
/* long: 125 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", "--set", "WORKER_DRAIN_MS=1500", NULL };

struct wanted {
	const char *id, *text; /* "": the job's JSON must hold it */
};

/* Also what no worker here knows or can use: a newer release may have added it. */
static void
add(const char *id, const char *name, const char *data)
{
	char out[512];

	cr_assert_eq(stack_ctl(out, sizeof(out), "jobs", "add", "maintenance", name, data,
	                 "--id", id, "--unchecked", NULL),
	    0, "%s: %s", name, out);
}

static const char *
show(const char *id)
{
	static char out[4096];

	stack_ctl(out, sizeof(out), "jobs", "show", "maintenance", id, NULL);
	return out;
}

static bool
shows(void *with)
{
	const struct wanted *w = with;
	return strstr(show(w->id), w->text) != NULL;
}

static void
expect(const char *id, const char *text, double seconds)
{
	struct wanted w = { id, text };

	cr_expect(wait_until(shows, &w, seconds), "%s is not %s within %.1f s: %s", id, text,
	    seconds, show(id));
}

static long
effects(const char *id)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "select count(*) from job_done where job_id = '%s'", id);
	return stack_count(sql);
}

static void
kill_children(void)
{
	pid_t children[64];
	size_t n = children_of(stack_main("worker"), children, 64);

	cr_assert_gt(n, 0u);
	for (size_t i = 0; i < n; i++)
		if (children[i] > 1)
			kill(children[i], SIGKILL);
}

static bool
another_keeper(void *before)
{
	pid_t children[64], pid = stack_main("worker");
	return pid > 1 && pid != *(pid_t *)before && children_of(pid, children, 64) > 0;
}

Test(worker, recount_heals)
{
	char id[64], data[128];

	stack_token("ann");
	stack_sql(
	    "update users set followers_count = 99, following_count = 99, snippets_count = 99 "
	    "where username = 'ann' returning id",
	    id, sizeof(id));
	snprintf(data, sizeof(data), "{\"user_id\":\"%s\"}", id);
	add("heal", "recount", data);
	expect("heal", "\"state\":\"completed\"", 5);
	cr_expect_eq(
	    stack_count("select followers_count + following_count + snippets_count from "
	                "users where username = 'ann'"),
	    0);
	add("nobody", "recount", "{\"user_id\":\"00000000-0000-4000-8000-000000000000\"}");
	expect("nobody", "no such person", 5);
	add("wrong", "recount", "{\"user_id\":7}");
	expect("wrong", "\"reason\":\"dead\"", 5);
	expect("wrong", "payload: /user_id", 0);
}

Test(worker, outbox_row_becomes_a_job)
{
	char id[64], job[128], out[64];

	stack_sql("insert into outbox (kind, target, name, data) values "
	          "('job', 'maintenance', 'test.none', '{}') returning id",
	    id, sizeof(id));
	stack_sql("select left(generation::text, 8) from outbox_target where target = "
	          "'maintenance'",
	    out, sizeof(out));
	for (int i = 0; i < 100 && *out == '\0'; i++) {
		usleep(50 * 1000);
		stack_sql("select left(generation::text, 8) from outbox_target where target = "
		          "'maintenance'",
		    out, sizeof(out));
	}
	snprintf(job, sizeof(job), "%s-%s", out, id);
	expect(job, "\"state\":\"completed\"", 5);
}

Test(worker, fails_then_dies_or_does_not)
{
	add("failing", "test.fail", "{}");
	add("thrice", "test.fail", "{\"times\":2}");
	expect("failing", "\"reason\":\"attempts\"", 10);
	expect("failing", "\"attempts_made\":3,\"crashes\":0", 0);
	expect("failing", "told to fail", 0);
	expect("thrice", "\"result\":\"after all\"", 10);
	expect("thrice", "\"attempts_made\":2", 0);
}

Test(worker, crashes_are_counted_apart)
{
	add("crashing", "test.crash", "{}");
	add("twice", "test.crash", "{\"times\":2}");
	expect("crashing", "\"reason\":\"crash\"", 10);
	expect("crashing", "\"attempts_made\":0,\"crashes\":3", 0);
	expect("twice", "\"state\":\"completed\"", 10);
	expect("twice", "\"attempts_made\":0,\"crashes\":2", 0);
}

Test(worker, unknown_job_waits_for_a_newer_worker)
{
	add("newer", "not.here.yet", "{}");
	expect("newer", "\"state\":\"delayed\"", 5);
	expect("newer", "\"attempts_made\":0,\"crashes\":0", 0);
}

Test(worker, retry_by_hand)
{
	char out[512];

	add("again", "test.fail", "{}");
	expect("again", "\"state\":\"failed\"", 10);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "jobs", "retry", "maintenance", "again", NULL), 0);
	expect("again", "\"state\":\"failed\"", 10);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "jobs", "list", "maintenance", "dead", NULL), 0);
	cr_expect_neq(
	    stack_ctl(out, sizeof(out), "jobs", "retry", "maintenance", "no", NULL), 0);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "jobs", "stats", "github-sync", "--json", NULL), 0);
	cr_expect_not_null(strstr(out, "\"name\":\"github-sync\""), "%s", out);
}

/* SIGTERM, then SIGKILL for who doesn't hear. */
Test(worker, time_limit)
{
	add("hanging", "test.hang", "{}");
	add("deaf", "test.hang", "{\"deaf\":true}");
	expect("hanging", "\"reason\":\"attempts\"", 10);
	expect("hanging", "longer than 1 s", 0);
	expect("deaf", "\"reason\":\"attempts\"", 20);
}

Test(worker, kill_9_of_a_child)
{
	double killed;

	add("orphan", "test.effect", "{\"ms\":700}");
	expect("orphan", "\"state\":\"active\"", 5);
	kill_children();
	killed = seconds_now();
	expect("orphan", "\"state\":\"completed\"", 5);
	fprintf(stderr, "child killed: done again after %.1f s\n", seconds_now() - killed);
	expect("orphan", "\"attempts_made\":0,\"crashes\":1", 0);
	cr_expect_eq(effects("orphan"), 1);
}

Test(worker, kill_9_of_the_keeper)
{
	pid_t before = stack_main("worker");
	double killed;

	add("left", "test.effect", "{\"ms\":700}");
	expect("left", "\"state\":\"active\"", 5);
	kill(before, SIGKILL);
	killed = seconds_now();
	cr_expect(wait_until(another_keeper, &before, 5), "no new keeper");
	expect("left", "\"state\":\"completed\"", 25);
	fprintf(stderr, "keeper killed: done again after %.1f s\n", seconds_now() - killed);
	expect("left", "\"attempts_made\":0,\"crashes\":1", 0);
	cr_expect_eq(effects("left"), 1);
}

/* What can end within WORKER_DRAIN_MS does, the rest is given back and uses up nothing. */
Test(worker, sigterm)
{
	pid_t before = stack_main("worker");

	add("short", "test.effect", "{\"ms\":800}");
	add("long", "test.effect", "{\"ms\":4000}");
	expect("long", "\"state\":\"active\"", 5);
	kill(stack_pid("worker"), SIGUSR2);
	expect("short", "\"state\":\"completed\"", 3);
	expect("short", "\"attempts_made\":0,\"crashes\":0", 0);
	cr_expect(wait_until(another_keeper, &before, 10), "no new keeper");
	expect("long", "\"state\":\"completed\"", 12);
	expect("long", "\"attempts_made\":0,\"crashes\":0", 0);
	cr_expect_eq(effects("long"), 1);
}

Test(worker, redis_freezes)
{
	pid_t keeper = stack_main("worker"), redis = stack_pid("redis");

	add("during", "test.effect", "{\"ms\":1000}");
	expect("during", "\"state\":\"active\"", 5);
	kill(redis, SIGSTOP);
	sleep(4);
	kill(redis, SIGCONT);
	expect("during", "\"state\":\"completed\"", 5);
	expect("during", "\"attempts_made\":0,\"crashes\":0", 0);
	cr_expect_eq(effects("during"), 1);
	cr_expect_eq(stack_main("worker"), keeper, "the worker was ended");
}

/* Not the job's fault: no attempt is used up. */
Test(worker, postgres_is_away)
{
	stack_part("stop-part", "postgres");
	add("patient", "test.effect", "{}");
	expect("patient", "\"state\":\"delayed\"", 8);
	sleep(3);
	stack_part("start-part", "postgres");
	expect("patient", "\"state\":\"completed\"", 15);
	expect("patient", "\"attempts_made\":0,\"crashes\":0", 0);
	cr_expect_eq(effects("patient"), 1);
}

Test(worker, redis_is_killed)
{
	pid_t keeper = stack_main("worker");

	add("before", "test.effect", "{\"ms\":1500}");
	expect("before", "\"state\":\"active\"", 5);
	sleep(2); /* appendfsync everysec: it is on disk */
	add("between", "test.effect", "{\"ms\":3000}");
	usleep(1200 * 1000);
	kill(stack_pid("redis"), SIGKILL);
	usleep(500 * 1000);
	stack_part("start-part", "redis");
	expect("between", "\"state\":\"completed\"", 25);
	cr_expect_eq(effects("between"), 1);
	add("after", "test.none", "{}");
	expect("after", "\"state\":\"completed\"", 5);
	cr_expect_eq(stack_main("worker"), keeper, "the worker was ended");
}

static bool
has_more_effects(void *wanted)
{
	return stack_count("select count(*) from job_done") >= *(long *)wanted;
}

/* Children and keepers killed at random under load: every job's effect is there, once. */
Test(worker, storm)
{
	long wanted = stack_count("select count(*) from job_done") + 300;
	char out[64];

	stack_sql("insert into outbox (kind, target, name, data) select 'job', 'maintenance', "
	          "'test.effect', '{\"ms\":40}' from generate_series(1, 300)",
	    out, sizeof(out));
	for (int i = 0; i < 24; i++) {
		pid_t children[64], keeper = stack_main("worker");
		size_t n = children_of(keeper, children, 64);
		usleep(120 * 1000);
		if (i % 8 == 7 && keeper > 1)
			kill(keeper, SIGKILL);
		else if (n > 0 && children[(size_t)i % n] > 1)
			kill(children[(size_t)i % n], SIGKILL);
	}
	cr_expect(wait_until(has_more_effects, &wanted, 50), "%ld of %ld effects",
	    stack_count("select count(*) from job_done"), wanted);
	sleep(1);
	cr_expect_eq(stack_count("select count(*) from job_done"), wanted);
}

/* Frozen past its lease: the job is somebody else's then, and what the frozen one had begun
 * comes to nothing. */
Test(worker, keeper_freezes, .timeout = 60)
{
	pid_t keeper = stack_main("worker");

	add("frozen", "test.effect", "{\"ms\":21000}");
	expect("frozen", "\"state\":\"active\"", 5);
	kill(keeper, SIGSTOP);
	expect("frozen", "\"state\":\"waiting\"", 21); /* the scheduler reaps */
	kill(keeper, SIGCONT);
	expect("frozen", "\"state\":\"completed\"", 30);
	cr_expect_eq(effects("frozen"), 1);
	expect("frozen", "\"crashes\":1", 0);
}

Test(worker, metrics)
{
	const char *argv[] = { "curl", "-s", NULL, NULL };
	static char out[1024 * 1024];
	char url[128];

	snprintf(url, sizeof(url), "%s/metrics", stack_url());
	argv[2] = url;
	add("counted", "test.none", "{}");
	expect("counted", "\"state\":\"completed\"", 5);
	run_command(argv, out, sizeof(out));
	cr_expect_not_null(strstr(out, "codegram_jobs_total{job=\"test.none\","
	                               "queue=\"maintenance\",how=\"completed\"}"));
	cr_expect_not_null(strstr(out, "codegram_job_seconds_bucket{job=\"test.none\""));
}
