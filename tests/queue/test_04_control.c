/* What people and jobs may ask of the worker while it runs: cancel, progress, limits, pause,
 * batches, other settings. Two workers where limits must hold over all. */
/* long: 25 s */
#include "queue/worker.h"

#include "queue/options.h"
#include "support/live.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", NULL };

TestSuite(control, .init = open_queue, .fini = close_queue);

static enum cancel_answer
cancel(const char *id)
{
	enum cancel_answer answer;

	cr_assert_eq(queue_cancel(redis, MAINTENANCE, id, &answer, &scope), OK, "%s", id);
	return answer;
}

static void
remove_job(const char *id)
{
	cr_assert_eq(queue_remove(redis, MAINTENANCE, id, &scope), OK, "%s", id);
}

static void
expect_no_faults(void)
{
	struct queue_fault *faults;
	int64_t looked_at;
	size_t count;

	cr_assert_eq(
	    queue_check(redis, MAINTENANCE, false, &faults, &count, &looked_at, &scope), OK);
	for (size_t i = 0; i < count; i++)
		cr_expect(false, "%s: %s", faults[i].key, faults[i].what);
}

/* ---- cancel */

Test(control, cancel_of_a_running_job)
{
	double began;

	ADD("running", "test.sleep", DATA("{\"ms\":20000}"));
	EXPECT("running", "active", 5);
	began = seconds_now();
	cr_expect_eq(cancel("running"), CANCEL_ASKED);
	EXPECT("running", "cancelled", 3);
	fprintf(stderr, "cancelled after %.3f s\n", seconds_now() - began);
	cr_expect_lt(seconds_now() - began, PATIENCE * 2, "its worker was not told");
	cr_expect_eq(VIEW("running").attempts, 0);
	ADD("next", "test.none", DATA("{}"));
	EXPECT("next", "completed", 5);
	cr_expect_eq(cancel("next"), CANCEL_OVER);
	expect_no_faults();
}

/* One that holds SIGTERM off is killed; one that asks whether it is wanted still, ends itself. */
static bool
says_something(void *id)
{
	return *VIEW(id).progress != '\0';
}

Test(control, cancel_of_deaf_ones)
{
	double began;

	ADD("stubborn", "test.hang", DATA("{\"deaf\":true}"));
	ADD("polite", "test.talk", DATA("{\"deaf\":true,\"times\":1000,\"ms\":20}"));
	cr_assert(wait_until(says_something, "stubborn", 5), "active and deaf");
	cr_assert(wait_until(says_something, "polite", 5));
	began = seconds_now();
	cancel("stubborn");
	cancel("polite");
	EXPECT("polite", "cancelled", 2);
	EXPECT("stubborn", "cancelled", 5);
	cr_expect_gt(seconds_now() - began, 1.5, "killed without a warning");
	expect_no_faults();
}

Test(control, cancel_of_one_that_waits)
{
	ADD("later", "test.none", DATA("{}"), .delay_ms = 60000);
	cr_expect_eq(cancel("later"), CANCEL_DONE);
	EXPECT("later", "cancelled", 0);
	remove_job("later");
}

/* ---- progress and log */

struct heard {
	int active, completed;
	long percent;
	double first, last;
};

static void
hear(struct heard *h, const json_t *frame, const char *id)
{
	const json_t *data = json_object_get(frame, "data"),
	             *progress = json_object_get(data, "progress");
	const char *state = json_string_value(json_object_get(data, "state"));

	cr_assert_str_eq(json_string_value(json_object_get(frame, "event")), "job");
	cr_assert_str_eq(json_string_value(json_object_get(data, "id")), id);
	cr_assert_str_eq(json_string_value(json_object_get(data, "queue")), MAINTENANCE);
	cr_assert_str_eq(json_string_value(json_object_get(data, "name")), "test.talk");
	h->active += strcmp(state, "active") == 0;
	h->completed += strcmp(state, "completed") == 0;
	cr_expect_geq(
	    json_integer_value(json_object_get(progress, "percent")), h->percent, "goes back");
	h->percent = (long)json_integer_value(json_object_get(progress, "percent"));
}

/* Through the relay, as a browser sees it: some of fifty steps, and the last one. */
Test(control, progress_reaches_the_person)
{
	struct live_person ann = live_person(), bob = live_person();
	struct live of_ann = live_hello(&ann, NULL), of_bob = live_hello(&bob, NULL);
	struct heard h = { 0 };
	const char **lines;
	size_t count;

	ADD("telling", "test.talk", DATA("{\"times\":50,\"ms\":20}"), .owner = ann.id.text,
	    .trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	while (h.completed == 0) {
		struct ws_frame f = ws_read(of_ann.ws, 10);
		cr_assert_eq(f.kind, WS_TEXT, "nothing came");
		if (strcmp(json_string_value(json_object_get(f.json, "type")), "event") == 0)
			hear(&h, f.json, "telling");
		ws_forget(&f);
	}
	cr_expect_eq(h.percent, 100, "the last one always");
	cr_expect(h.active >= 3 && h.active <= 8, "%d of 50 in a second", h.active);
	EXPECT("telling", "completed", 1);
	cr_expect_str_eq(VIEW("telling").progress, "{\"percent\":100,\"message\":\"done\"}");
	cr_expect(strstr(VIEW("telling").result, ann.id.text), "%s", VIEW("telling").result);
	cr_expect(strstr(VIEW("telling").result, "00-0af7651916cd43dd8448eb211c80319c"), "%s",
	    VIEW("telling").result);
	cr_assert_eq(queue_logs(redis, MAINTENANCE, "telling", &lines, &count, &scope), OK);
	cr_expect_eq(count, 50);
	cr_expect(count > 0 && strstr(lines[0], "step 1 of telling"), "%s", lines[0]);
	cr_expect(count > 49 && strstr(lines[49], "step 50 of telling"));
	live_expect_silence(&of_bob);
	ws_free(of_ann.ws);
	ws_free(of_bob.ws);
}

/* A child that dies: what it said before is there, and its next run knows. */
Test(control, progress_outlives_its_child)
{
	pid_t children[64];
	size_t n;

	ADD("broken", "test.talk", DATA("{\"times\":100,\"ms\":20}"));
	EXPECT("broken", "active", 5);
	usleep(700 * 1000);
	n = children_of(stack_main("worker"), children, 64);
	for (size_t i = 0; i < n; i++)
		kill(children[i], SIGKILL);
	EXPECT("broken", "completed", 10);
	cr_expect_eq(VIEW("broken").crashes, 1);
	cr_expect(strstr(VIEW("broken").result, "\"message\":\"under way\""), "%s",
	    VIEW("broken").result);
}

/* ---- limits, over two workers */

static void
set_limits(int64_t concurrency, int64_t rate, int64_t rate_ms)
{
	struct queue_limits set = { concurrency, rate, rate_ms }, now;

	cr_assert_eq(queue_limit(redis, MAINTENANCE, &set, &now, &scope), OK);
}

/* Looks every few ms until all have ended; the most that ran at once. */
static int64_t
most_at_once(int64_t jobs, double seconds)
{
	int64_t most = 0, before = stats_of(MAINTENANCE).completed;
	double until = seconds_now() + seconds;
	struct queue_stats n;

	do {
		n = stats_of(MAINTENANCE);
		most = n.active > most ? n.active : most;
		usleep(3000);
	} while (n.waiting + n.active + n.blocked > 0 && seconds_now() < until);
	(void)before;
	cr_expect_eq(n.waiting + n.active + n.blocked, 0, "%ld jobs are left of %ld",
	    (long)(n.waiting + n.active + n.blocked), (long)jobs);
	return most;
}

static void
add_many(int count, const char *prefix, const char *name, const char *data, const char *key)
{
	for (int i = 0; i < count; i++) {
		char id[64];
		snprintf(id, sizeof(id), "%s-%d", prefix, i);
		add_item(MAINTENANCE,
		    (struct queue_item){
		        .id = id, .name = name, .data = span_of(data), .key = key });
	}
}

Test(control, limits_over_two_workers)
{
	pid_t second = second_worker();
	double began;

	cr_assert(wait_until(has_children, &second, 10));
	set_limits(2, 0, 0);
	add_many(16, "two", "test.sleep", "{\"ms\":150}", NULL);
	began = seconds_now();
	cr_expect_eq(most_at_once(16, 20), 2);
	cr_expect_gt(seconds_now() - began, 1.0);
	set_limits(QUEUE_LIMIT_ROW, QUEUE_LIMIT_ROW, QUEUE_LIMIT_ROW);
	add_many(8, "free", "test.sleep", "{\"ms\":600}", NULL);
	cr_expect_gt(most_at_once(8, 20), 4, "the second worker does nothing");
	add_many(6, "key", "test.sleep", "{\"ms\":150}", "user:1");
	add_many(6, "other", "test.sleep", "{\"ms\":150}", "user:2");
	began = seconds_now();
	cr_expect_eq(most_at_once(12, 20), 2, "one of each key");
	cr_expect_gt(seconds_now() - began, 0.85);
	expect_no_faults();
	end_worker(second);
}

static int
by_time(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* A bucket of five, filled again in a second: no second sees more than ten begin. */
Test(control, rate_limit)
{
	enum { JOBS = 20 };
	long long at[JOBS];
	pid_t second = second_worker();

	cr_assert(wait_until(has_children, &second, 10));
	set_limits(0, 5, 1000);
	add_many(JOBS, "rate", "test.none", "{}", NULL);
	most_at_once(JOBS, 20);
	for (int i = 0; i < JOBS; i++) {
		char id[64];
		snprintf(id, sizeof(id), "rate-%d", i);
		at[i] = strtoll(VIEW(id).result, NULL, 10);
	}
	qsort(at, JOBS, sizeof(*at), by_time);
	fprintf(stderr, "20 jobs at 5/s took %.3f s\n", (double)(at[JOBS - 1] - at[0]) / 1e6);
	cr_expect_geq(at[JOBS - 1] - at[0], 2700000, "too fast");
	cr_expect_leq(at[JOBS - 1] - at[0], PATIENCE * 6000000, "too slow");
	for (int i = 0; i + 10 < JOBS; i++)
		cr_expect_gt(at[i + 10] - at[i], 900000, "eleven within a second");
	set_limits(QUEUE_LIMIT_ROW, QUEUE_LIMIT_ROW, QUEUE_LIMIT_ROW);
	end_worker(second);
}

/* ---- pause, batch */

static bool
idle(void *unused)
{
	struct queue_stats n = stats_of(MAINTENANCE);

	(void)unused;
	return n.waiting + n.active + n.blocked == 0;
}

Test(control, pause_is_strict)
{
	struct queue_stats before;

	cr_assert(wait_until(idle, NULL, 10));
	cr_assert_eq(queue_pause(redis, MAINTENANCE, true, &scope), OK);
	before = stats_of(MAINTENANCE);
	cr_expect(before.paused);
	add_many(20, "paused", "test.none", "{}", NULL);
	for (int i = 0; i < 30; i++) { /* longer than the keeper's poll */
		cr_assert_eq(stats_of(MAINTENANCE).active, 0, "one began");
		usleep(50 * 1000);
	}
	cr_expect_eq(stats_of(MAINTENANCE).waiting, 20);
	cr_expect_eq(stats_of(MAINTENANCE).completed, before.completed);
	cr_assert_eq(queue_pause(redis, MAINTENANCE, false, &scope), OK);
	cr_expect(wait_until(idle, NULL, 5));
	cr_expect_eq(stats_of(MAINTENANCE).completed, before.completed + 20);
}

/* Members that fail, are cancelled or removed have ended, too. */
Test(control, batch_and_its_last_job)
{
	ADD("sum", "test.none", DATA("{}"), .batch = "b1", .batch_total = 4,
	    .batch_final = true);
	ADD("m1", "test.sleep", DATA("{\"ms\":500}"), .batch = "b1", .batch_total = 4);
	ADD("m2", "test.fail", DATA("{}"), .batch = "b1", .batch_total = 4, .attempts = 1);
	ADD("m3", "test.none", DATA("{}"), .batch = "b1", .batch_total = 4, .delay_ms = 60000);
	EXPECT("m1", "completed", 5);
	EXPECT("m2", "failed", 5);
	ADD("m4", "test.sleep", DATA("{\"ms\":600}"), .batch = "b1", .batch_total = 4);
	EXPECT("sum", "blocked", 0);
	cancel("m3");
	EXPECT("m4", "active", 5);
	EXPECT("sum", "blocked", 0);
	EXPECT("m4", "completed", 5);
	EXPECT("sum", "completed", 5);
	expect_no_faults();
}

/* ---- what a job carries, and what the settings say */

Test(control, a_jobs_own_attempts_and_backoff)
{
	double began = seconds_now();

	ADD("own", "test.fail", DATA("{}"), .attempts = 2, .backoff = BACKOFF_FIXED,
	    .backoff_ms = 1500);
	EXPECT("own", "failed", 10);
	cr_expect_eq(VIEW("own").attempts, 2);
	cr_expect_gt(seconds_now() - began, 1.2);
	ADD("gone", "test.none", DATA("{}"), .keep_done = KEEP_NONE);
	EXPECT("gone", "unknown", 5);
}

/* The last line of a key counts. */
static void
configure(const char *line)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	cr_assert_not_null(f = fopen(path, "a"));
	fprintf(f, "%s\n", line);
	fclose(f);
}

static bool
log_has(void *text)
{
	char command[1024], out[64];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "grep -q '%s' '%s/log/worker.log'",
	    (const char *)text, stack_dir());
	return run_command(argv, out, sizeof(out)) == 0;
}

static bool
all_others(void *before)
{
	const pid_t *old = before;
	pid_t now[64];
	size_t n = children_of(stack_main("worker"), now, 64), same = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 64; k++)
			same += old[k] == now[i];
	return n == 4 && same == 0;
}

Test(control, sighup)
{
	pid_t before[64] = { 0 }, keeper = stack_main("worker");
	char out[4096];

	cr_assert(wait_until(idle, NULL, 10));
	children_of(keeper, before, 64);
	ADD("long", "test.sleep", DATA("{\"ms\":1200}"));
	EXPECT("long", "active", 5);
	configure("JOB_OPTIONS={\"test.sleep\":{\"timeout\":300,\"attempts\":1},"
	          "\"maintenance\":{\"concurrency\":1}}");
	kill(keeper, SIGHUP);
	cr_expect(wait_until(log_has, "worker.reloaded", 5));
	ADD("short", "test.sleep", DATA("{\"ms\":5000}"));
	EXPECT("long", "completed", 5);
	EXPECT("short", "failed", 5);
	cr_expect(strstr(VIEW("short").error, "longer than 0.3 s"), "%s", VIEW("short").error);
	cr_expect(wait_until(all_others, before, 5), "children of old settings are there");
	configure("JOB_OPTIONS={\"test.sleep\":{\"timeout\":-1}}");
	kill(keeper, SIGHUP);
	cr_expect(wait_until(log_has, "/test.sleep/timeout must be a whole number", 5));
	cr_expect_eq(stack_main("worker"), keeper);
	ADD("still", "test.sleep", DATA("{\"ms\":5000}"));
	EXPECT("still", "failed", 5);
	cr_expect_eq(stack_ctl(out, sizeof(out), "doctor", NULL), 1);
	cr_expect(strstr(out, "/test.sleep/timeout"), "%s", out);
	configure("JOB_OPTIONS={}");
	kill(keeper, SIGHUP);
	usleep(300 * 1000);
	ADD("free", "test.sleep", DATA("{\"ms\":800}"));
	EXPECT("free", "completed", 5);
}
