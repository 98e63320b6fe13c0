/* Jobs that a keeper holds ready for its children: what was not begun when it stops, or when the
 * jobs turn out to be long, goes back and uses up nothing; a killed child takes none of it along. */
/* long: 25 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "queue/library.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", "--set", "LOG_LEVEL=warn", NULL };

static struct redis *redis;
static struct scope scope;
static struct queue_stats before;

static const char *
no_help(const char *family)
{
	(void)family;
	return "";
}

static struct queue_stats
stats(void)
{
	struct queue_stats s = { .waiting = -1 };

	fault_reset(&scope.fault);
	cr_expect_eq(
	    queue_stats(redis, "maintenance", &s, &scope), OK, "%s", scope.fault.story);
	arena_reset(scope.arena);
	return s;
}

static void
begin(void)
{
	static char url[512];
	static struct redis_options options;

	snprintf(url, sizeof(url), "unix://%s/run/redis.sock", stack_dir());
	options = (struct redis_options){ url, NULL, NULL, 5000 };
	redis = redis_make(&options);
	scope.arena = arena_make(65536, 1 << 26);
	cr_assert(redis && scope.arena);
	before = stats();
	cr_assert_eq(
	    queue_pause(redis, "maintenance", true, &scope), OK); /* all wait at once */
}

static void
end(void)
{
	redis_free(redis);
	arena_free(scope.arena);
}

static void
add(const char *series, int count, const char *name, const char *data)
{
	for (int i = 0; i < count; i++) {
		struct queue_item item = { .name = name, .data = span_of(data) };
		enum add_answer answer = ADD_FULL;
		item.id = arena_format(scope.arena, "%s-%d", series, i);
		queue_add(redis, "maintenance", &item, &answer, &scope);
		cr_assert_eq(answer, ADD_DONE, "%s", scope.fault.story);
		arena_reset(scope.arena);
	}
}

static void
hold(bool paused)
{
	cr_assert_eq(queue_pause(redis, "maintenance", paused, &scope), OK);
	arena_reset(scope.arena);
}

static bool
are_completed(void *count)
{
	return stats().completed - before.completed >= *(int *)count;
}

static void
expect_completed(int count, double seconds, int crashes_most)
{
	struct queue_stats s;

	cr_expect(wait_until(are_completed, &count, seconds));
	s = stats();
	cr_expect_eq(s.completed - before.completed, count, "%lld completed",
	    (long long)(s.completed - before.completed));
	cr_expect_eq(s.failed - before.failed, 0);
	cr_expect_eq(s.lost - before.lost, 0);
	cr_expect_leq(s.crashed - before.crashed, crashes_most, "%lld crashes",
	    (long long)(s.crashed - before.crashed));
	cr_expect_eq(s.waiting + s.active + s.delayed, 0);
}

Test(spare, long_jobs_behind_short_ones, .timeout = 120)
{
	begin();
	add("short", 1500, "test.none", "{}");
	add("long", 40, "test.sleep", "{\"ms\":150}");
	add("again", 300, "test.none", "{}");
	hold(false);
	expect_completed(1840, 60, 0);
	end();
}

/* In the middle of it, three times: a restart uses up no attempt and counts no crash. */
Test(spare, restarts, .timeout = 120)
{
	int half = 300;

	begin();
	add("restart", 3000, "test.none", "{}");
	hold(false);
	for (int i = 0; i < 3; i++) {
		cr_expect(wait_until(are_completed, &half, 30));
		kill(stack_pid("worker"), SIGUSR2);
		half += 300;
	}
	expect_completed(3000, 60, 0);
	end();
}

/* Each dead child takes at most the job in its hands along. */
Test(spare, children_are_killed, .timeout = 120)
{
	int killed = 0;

	begin();
	add("killed", 3000, "test.none", "{}");
	hold(false);
	for (int i = 0; i < 20; i++) {
		pid_t children[64];
		size_t n = children_of(stack_main("worker"), children, 64);
		if (n > 0 && children[(size_t)i % n] > 1)
			killed += kill(children[(size_t)i % n], SIGKILL) == 0;
		usleep(15 * 1000);
	}
	expect_completed(3000, 60, killed);
	end();
}

/* Runs that the worker has begun, as it counts them itself. */
static long
begun(void)
{
	char dir[4200];
	const char *line;
	struct buf text;
	long count = -1;

	snprintf(dir, sizeof(dir), "%s/run/stats", stack_dir());
	buf_init(&text, 64 << 20);
	counter_print(dir, no_help, &text);
	line = strstr(
	    buf_text(&text), "job=\"test.none\",queue=\"maintenance\",how=\"started\"} ");
	if (line != NULL)
		count = strtol(strchr(line, '}') + 1, NULL, 10);
	buf_free(&text);
	return count;
}

/* Behind a pause nothing begins; what was begun before it ends; then all is still. */
Test(spare, pause, .timeout = 120)
{
	struct queue_stats s, later;
	int some = 200;
	long began;

	begin();
	add("paused", 4000, "test.none", "{}");
	hold(false);
	cr_expect(wait_until(are_completed, &some, 30));
	hold(true);
	queue_settle();
	began = begun();
	cr_expect_gt(began, 0);
	usleep(500 * 1000);
	cr_expect_eq(begun(), began, "%ld began behind the pause", begun() - began);
	s = stats();
	cr_expect_eq(s.active, 0, "%lld run", (long long)s.active);
	cr_expect_gt(s.waiting, 0, "it was over too soon");
	usleep(500 * 1000);
	later = stats();
	cr_expect_eq(later.completed, s.completed);
	hold(false);
	expect_completed(4000, 60, 0);
	end();
}
