/* What people do to queues and jobs, what running jobs say of themselves, and the limits. */
#include "queue/calls.h"

TestSuite(people, .init = open_queue, .fini = close_queue);

static enum cancel_answer
cancel(const char *id)
{
	enum cancel_answer out;

	GOOD(queue_cancel(redis, Q, id, &out, &scope));
	return out;
}

static enum beat_answer
beat(const char *consumer, const struct queue_lease *lease)
{
	enum beat_answer kept;
	int64_t orphans;

	GOOD(queue_beat(redis, Q, consumer, lease, 1, &kept, &orphans, &scope));
	return kept;
}

/* ---- cancel */

CHECKED(people, cancel_what_does_not_run)
{
	add("waiting", 0, 0, "key");
	add("delayed", 0, 60000, NULL);
	cr_expect_eq(cancel("waiting"), CANCEL_DONE);
	cr_expect_eq(cancel("waiting"), CANCEL_DONE, "the answer was lost");
	cr_expect_eq(cancel("delayed"), CANCEL_DONE);
	expect_state("waiting", "cancelled");
	expect_state("delayed", "cancelled");
	expect_stats(0, 0, 0, 0, 0);
	cr_expect_eq(stats().cancelled, 2);
	cr_expect_eq(stats().cancels, 2);
	cr_expect_eq(add("again", 0, 0, "key"), ADD_DONE, "its key is free");
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(cancel("again"), CANCEL_OVER);
	cr_expect_eq(
	    queue_cancel(redis, Q, "none", &(enum cancel_answer){ 0 }, &scope), ERR_NOT_FOUND);
}

/* Its worker hears of it on the channel, and by its beat. */
CHECKED(people, cancel_what_runs)
{
	struct redis *other = redis_make(&redis_options);
	struct span words[] = { SPAN("SUBSCRIBE"), SPAN("cg:cancel") };
	struct redis_reply reply = { .count = 0 };
	struct queue_lease lease;
	bool there = false;

	GOOD(redis_send(other, words, 2, &scope));
	while (!there)
		GOOD(redis_take(other, &reply, &there, &scope));
	add("one", 0, 0, NULL);
	lease = take_one("a");
	cr_expect_eq(beat("a", &lease), BEAT_KEPT);
	cr_expect_not(show("one").cancel_asked);
	cr_expect_eq(cancel("one"), CANCEL_ASKED);
	for (there = false; !there;)
		GOOD(redis_take(other, &reply, &there, &scope));
	cr_expect_str_eq(redis_text(&reply, 2), Q " one");
	cr_expect(show("one").cancel_asked);
	cr_expect_eq(beat("a", &lease), BEAT_CANCEL);
	cr_expect_eq(end_as("a", lease, END_CANCEL, 0), FAIL_CANCELLED);
	cr_expect_eq(end_as("a", lease, END_CANCEL, 0), FAIL_CANCELLED, "the answer was lost");
	expect_state("one", "cancelled");
	cr_expect_eq(stats().cancels, 1);
	redis_free(other);
}

/* A job with the wish never runs again, however its run ends. */
CHECKED(people, cancelled_by_any_end)
{
	static const enum job_end ends[] = { END_FAIL, END_SNOOZE, END_BACK, END_CRASH };
	struct queue_lease lease;

	for (int i = 0; i < 4; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 0, 0, NULL);
		lease = take_one("a");
		cr_expect_eq(cancel(id), CANCEL_ASKED);
		cr_expect_eq(end_as("a", lease, ends[i], 1000), FAIL_CANCELLED, "%d", i);
	}
	add("reaped", 0, 0, NULL);
	let_lapse(take_one("a"));
	cancel("reaped");
	cr_expect_eq(reap(), 1);
	expect_state("reaped", "cancelled");
	add("orphan", 0, 0, NULL);
	lease = take_one("a");
	cancel("orphan");
	GOOD(queue_beat(redis, Q, "a", NULL, 0, NULL, &(int64_t){ 0 }, &scope));
	expect_state("orphan", "cancelled");
	add("done", 0, 0, NULL);
	lease = take_one("a");
	cancel("done");
	cr_expect(finish("a", lease), "it was quicker");
	expect_state("done", "completed");
	GOOD(queue_retry(redis, Q, "reaped", &scope));
	lease = take_one("a");
	cr_expect_eq(beat("a", &lease), BEAT_KEPT, "the wish went with it");
}

/* ---- remove, drain, purge */

CHECKED(people, remove_all_of_a_job)
{
	struct queue_lease lease;

	add("one", 0, 0, "key");
	lease = take_one("a");
	cr_expect_eq(queue_remove(redis, Q, "one", &scope), ERR_CONFLICT);
	end_as("a", lease, END_DEAD, 0);
	cr_expect_eq(command("EXISTS cg:{" Q "}:log:one"), 1);
	GOOD(queue_remove(redis, Q, "one", &scope));
	cr_expect_eq(queue_remove(redis, Q, "one", &scope), ERR_NOT_FOUND);
	cr_expect_eq(command("EXISTS cg:{" Q "}:log:one"), 0);
	add("two", 'h', 0, "key");
	GOOD(queue_remove(redis, Q, "two", &scope));
	cr_expect_eq(command("XLEN cg:{" Q "}:s:h"), 0);
	add("three", 0, 60000, "key");
	GOOD(queue_remove(redis, Q, "three", &scope));
	cr_expect_eq(command("EXISTS cg:{" Q "}:u:key"), 0);
	expect_stats(0, 0, 0, 0, 0);
}

CHECKED(people, drain)
{
	struct queue_lease lease;
	int64_t removed;
	bool more;

	for (int i = 0; i < 1203; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, QUEUE_LANES[i % 3], i < 600 ? 60000 : 0, NULL);
	}
	lease = take_one("a");
	GOOD(queue_drain(redis, Q, false, &removed, &more, &scope));
	cr_expect_eq(removed, 602);
	cr_expect(!more);
	expect_stats(0, 1, 600, 0, 0);
	add_item((struct queue_item){
	    .id = "b", .batch = "b", .batch_final = true, .batch_total = 1 });
	GOOD(queue_drain(redis, Q, true, &removed, &more, &scope));
	cr_expect_eq(removed, 601);
	cr_expect(finish("a", lease), "who runs goes on");
	expect_stats(0, 0, 0, 1, 0);
}

/* Nobody is kept waiting: a Redis that is slow gets further calls. */
CHECKED(people, drain_and_purge_within_their_time)
{
	int64_t removed, all = 0;
	bool more = true;
	int calls = 0;

	for (int i = 0; i < 1600; i++) {
		char id[16], line[96];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 0, 0, NULL);
		if (i >= 600)
			continue;
		end_as("a", take_one("a"), END_DEAD, 0);
		snprintf(line, sizeof(line), "ZADD cg:{" Q "}:held %d %d", i + 1, i);
		command(line);
		snprintf(line, sizeof(line), "ZREM cg:{" Q "}:dead %d", i);
		command(line);
	}
	command("RENAME cg:{" Q "}:held cg:{" Q "}:dead");
	command("CLIENT PAUSE 1100 ALL");
	GOOD(queue_drain(redis, Q, false, &all, &more, &scope));
	cr_expect(more);
	cr_expect_lt(all, 1000);
	for (; calls < 10 && more; calls++, all += removed)
		GOOD(queue_drain(redis, Q, false, &removed, &more, &scope));
	cr_expect(!more);
	cr_expect_eq(all, 1000, "%ld", (long)all);
	command("CLIENT PAUSE 1100 ALL");
	GOOD(queue_purge(redis, Q, "failed", 0, &all, &more, &scope));
	cr_expect(more);
	cr_expect_eq(all, 500);
	GOOD(queue_purge(redis, Q, "failed", 0, &removed, &more, &scope));
	cr_expect(!more);
	cr_expect_eq(removed, 100);
}

CHECKED(people, list_is_bounded)
{
	struct queue_view *jobs;
	size_t count;

	for (int i = 0; i < 1600; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 0, i % 2 ? 60000 : 0, NULL);
	}
	GOOD(queue_list(redis, Q, "waiting", 100000, &jobs, &count, &scope));
	cr_expect_eq(count, (size_t)QUEUE_LIST_MAX);
	cr_expect_str_eq(jobs[0].id, "1598");
	GOOD(queue_list(redis, Q, "delayed", 100000, &jobs, &count, &scope));
	cr_expect_eq(count, (size_t)QUEUE_LIST_MAX);
}

CHECKED(people, purge)
{
	int64_t removed;
	bool more;

	add("old", 0, 0, NULL);
	add("young", 0, 0, NULL);
	end_as("a", take_one("a"), END_DEAD, 0);
	end_as("a", take_one("a"), END_DEAD, 0);
	command("ZINCRBY cg:{" Q "}:dead -5000 old");
	add("done", 0, 0, NULL);
	cr_expect(finish("a", take_one("a")));
	GOOD(queue_purge(redis, Q, "dead", 4000, &removed, &more, &scope));
	cr_expect_eq(removed, 1);
	expect_gone("old");
	GOOD(queue_purge(redis, Q, "failed", 0, &removed, &more, &scope));
	GOOD(queue_purge(redis, Q, "completed", 0, &removed, &more, &scope));
	expect_stats(0, 0, 0, 0, 0);
	cr_expect_eq(queue_purge(redis, Q, "waiting", 0, &removed, &more, &scope), ERR_INVALID);
}

/* ---- again */

CHECKED(people, retry_all_oldest_first)
{
	int64_t retried;

	for (int i = 0; i < 5; i++) {
		char id[16], line[96];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 0, 0, i == 1 ? "key" : NULL);
		end_as("a", take_one("a"), END_DEAD, 0);
		snprintf(line, sizeof(line), "ZADD cg:{" Q "}:dead %d %d", 1000 + i, i);
		command(line);
	}
	add("holder", 0, 60000, "key");
	GOOD(queue_retry_all(redis, Q, 2, &retried, &scope));
	cr_expect_eq(retried, 2);
	expect_state("1", "failed");
	expect_next("a", "0");
	expect_next("a", "2");
	GOOD(queue_retry_all(redis, Q, 100, &retried, &scope));
	cr_expect_eq(retried, 2, "another one has the key of 1");
	GOOD(queue_remove(redis, Q, "holder", &scope));
	GOOD(queue_retry_all(redis, Q, 100, &retried, &scope));
	cr_expect_eq(retried, 1);
}

CHECKED(people, promote)
{
	add("one", 0, 0, NULL);
	end_as("a", take_one("a"), END_FAIL, 0);
	GOOD(queue_promote(redis, Q, "one", &scope));
	cr_expect_eq(show("one").attempts, 1, "it stays used");
	cr_expect_eq(queue_promote(redis, Q, "one", &scope), ERR_CONFLICT);
	cr_expect_eq(queue_promote(redis, Q, "none", &scope), ERR_NOT_FOUND);
	expect_next("a", "one");
}

/* ---- pause and limits */

CHECKED(people, pause)
{
	struct queue_lease lease;

	add("one", 0, 0, NULL);
	add("two", 0, 0, NULL);
	lease = take_one("a");
	GOOD(queue_pause(redis, Q, true, &scope));
	cr_expect(stats().paused);
	cr_expect(finish("a", lease), "who runs goes on");
	cr_expect_eq(take("a", 5).count, 0u);
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 0, "nobody need wake");
	GOOD(queue_pause(redis, Q, false, &scope));
	cr_expect_not(stats().paused);
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 1, "somebody must");
	expect_next("a", "two");
}

static struct queue_step
take_limited(size_t want, int64_t concurrency, int64_t rate, int64_t rate_ms)
{
	struct queue_step step = {
		.want = want, .concurrency = concurrency, .rate = rate, .rate_ms = rate_ms
	};

	GOOD(queue_step(redis, Q, "a", &step, &scope));
	return step;
}

static void
add_many(int count)
{
	for (int i = 0; i < count; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, QUEUE_LANES[i % 3], 0, NULL);
	}
}

CHECKED(people, concurrency_of_a_queue)
{
	struct queue_limits now;
	struct queue_step step;

	add_many(9);
	step = take_limited(5, 3, 0, 0);
	cr_assert_eq(step.count, 3u);
	cr_expect_eq(take_limited(5, 3, 0, 0).count, 0u);
	cr_expect(finish("a", step.jobs[0].lease));
	cr_expect_eq(take_limited(5, 3, 0, 0).count, 1u);
	GOOD(queue_limit(redis, Q, &(struct queue_limits){ 5, -1, -1 }, &now, &scope));
	cr_expect_eq(now.concurrency, 5);
	cr_expect_eq(now.rate, -1);
	cr_expect_gt(command("LLEN cg:{" Q "}:w"), 0, "who sleeps hears of it");
	cr_expect_eq(take_limited(5, 3, 0, 0).count, 2u, "the operator's word wins");
	GOOD(queue_limit(
	    redis, Q, &(struct queue_limits){ QUEUE_LIMIT_ROW, -1, -1 }, &now, &scope));
	cr_expect_eq(now.concurrency, -1);
	cr_expect_eq(take_limited(5, 3, 0, 0).count, 0u);
	GOOD(queue_limit(redis, Q, &(struct queue_limits){ 0, -1, -1 }, &now, &scope));
	cr_expect_eq(take_limited(5, 3, 0, 0).count, 3u, "none at all");
	GOOD(queue_limit(redis, Q, NULL, &now, &scope));
	cr_expect_eq(now.concurrency, 0);
}

/* A place that was used by one who takes no more is told to the others. */
/* Who frees a place in another way than by finishing wakes somebody, too. */
CHECKED(people, failures_wake)
{
	static const enum job_end ends[] = { END_DEAD, END_FAIL, END_SNOOZE, END_CANCEL };
	struct queue_lease lease;

	add("next", 'l', 0, NULL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct queue_step step;
		char id[16];
		snprintf(id, sizeof(id), "%zu", i);
		add(id, 'h', 0, NULL);
		step = take_limited(1, 1, 0, 0);
		cr_assert_eq(step.count, 1u);
		lease = step.jobs[0].lease;
		cr_expect_eq(take_limited(1, 1, 0, 0).count, 0u);
		cr_expect_eq(command("LLEN cg:{" Q "}:w"), 0);
		end_as("a", lease, ends[i], 60000);
		cr_expect_geq(command("LLEN cg:{" Q "}:w"), 1, "%zu", i);
	}
}

CHECKED(people, concurrency_wakes)
{
	struct queue_step step, end = { .finished_count = 1, .concurrency = 1 };
	const char *result = "";

	add_many(2);
	step = take_limited(2, 1, 0, 0);
	cr_assert_eq(step.count, 1u);
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 0);
	end.finished = &step.jobs[0].lease;
	end.results = &result;
	GOOD(queue_step(redis, Q, "a", &end, &scope));
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 1);
}

CHECKED(people, rate_of_a_queue)
{
	struct queue_step step;
	int64_t waited = 0;

	add_many(8);
	step = take_limited(10, 0, 3, 300);
	cr_expect_eq(step.count, 3u, "the bucket is full at first");
	cr_expect(
	    step.next_due_ms > 50 && step.next_due_ms <= 100, "%ld", (long)step.next_due_ms);
	for (size_t got = 3; got < 8; got += step.count) {
		usleep((useconds_t)step.next_due_ms * 1000);
		waited += step.next_due_ms;
		step = take_limited(10, 0, 3, 300);
		cr_assert(step.count <= 3);
	}
	cr_expect_geq(waited, 400, "five more at one in 100 ms: %ld", (long)waited);
	add("later", 0, 20, NULL);
	step = take_limited(1, 0, 3, 300);
	cr_expect(
	    step.next_due_ms >= 0 && step.next_due_ms <= 20, "%ld", (long)step.next_due_ms);
}

/* Strict lanes, and yet the last one is not for ever without. */
CHECKED(people, no_lane_starves)
{
	int low = 0, high = 0;

	add("low", 'l', 0, NULL);
	for (int i = 0; i < 40; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 'h', 0, NULL);
	}
	for (int i = 0; i < 20; i++) {
		struct queue_lease lease = take_one("a");
		low += lease.lane == 'l';
		high += lease.lane == 'h';
		cr_expect(finish("a", lease));
	}
	cr_expect_eq(low, 1, "%d", low);
	cr_expect_eq(high, 19);
}

/* ---- what a running job says */

CHECKED(people, progress_and_log)
{
	const char *lines[150], **kept;
	static char long_line[600];
	struct queue_lease lease, zombie;
	struct queue_step step;
	size_t count;

	add("one", 0, 0, NULL);
	zombie = take_one("a");
	GOOD(queue_progress(redis, Q, "a", &zombie, "{\"percent\":40}", &scope));
	cr_expect_str_eq(show("one").progress, "{\"percent\":40}");
	cr_expect_gt(show("one").started_ms, INT64_C(1600000000000));
	let_lapse(zombie);
	cr_expect_eq(reap(), 1);
	step = take("b", 1);
	lease = step.jobs[0].lease;
	cr_expect_str_eq(step.jobs[0].progress, "{\"percent\":40}", "of the run before");
	cr_expect_eq(
	    queue_progress(redis, Q, "a", &zombie, "{\"percent\":1}", &scope), ERR_CONFLICT);
	memset(long_line, 'x', 498);
	snprintf(long_line + 498, sizeof(long_line) - 498, "äöü");
	for (int i = 0; i < 150; i++)
		lines[i] = i == 149 ? long_line : "short";
	GOOD(queue_log(redis, Q, "b", &lease, lines, 150, &scope));
	cr_expect_eq(queue_log(redis, Q, "a", &zombie, lines, 1, &scope), ERR_CONFLICT);
	GOOD(queue_log(redis, Q, "b", &lease, lines, 0, &scope));
	GOOD(queue_logs(redis, Q, "one", &kept, &count, &scope));
	cr_assert_eq(count, 100u);
	cr_expect_str_eq(kept[0] + strlen(kept[0]) - 6, " short");
	cr_expect_eq(kept[0][10], 'T', "%s", kept[0]);
	cr_expect_eq(strlen(strchr(kept[99], ' ') + 1), 500u, "cut between two characters");
	cr_expect(finish("b", lease));
	GOOD(queue_remove(redis, Q, "one", &scope));
	GOOD(queue_logs(redis, Q, "one", &kept, &count, &scope));
	cr_expect_eq(count, 0u);
}

CHECKED(people, errors_are_logged)
{
	const char **lines;
	size_t count;

	add("one", 0, 0, NULL);
	end_as("a", take_one("a"), END_FAIL, 0);
	make_due("one");
	end_as("a", take_one("a"), END_CRASH, 0);
	end_as("a", take_one("a"), END_FAIL, 0);
	make_due("one");
	end_as("a", take_one("a"), END_DEAD, 0);
	GOOD(queue_logs(redis, Q, "one", &lines, &count, &scope));
	cr_assert_eq(count, 4u);
	cr_expect_str_eq(strchr(lines[0], ' '), " attempt 1: it broke");
	cr_expect_str_eq(strchr(lines[1], ' '), " crash 1: it broke");
	cr_expect_str_eq(strchr(lines[3], ' '), " attempt 3: it broke");
}

/* When the run began: from the lease when it was short, from the first beat when it was long. */
CHECKED(people, start_of_a_run)
{
	struct queue_lease lease;
	struct queue_view v;
	char line[256];

	add("one", 0, 0, NULL);
	lease = take_one("a");
	snprintf(
	    line, sizeof(line), "XCLAIM cg:{" Q "}:s:n w a 0 %s IDLE 4000 JUSTID", lease.entry);
	command(line);
	cr_expect_geq(show("one").started_ms + 4000, show("one").added_ms);
	cr_expect_eq(beat("a", &lease), BEAT_KEPT);
	cr_expect_leq(show("one").started_ms, show("one").added_ms - 3000);
	cr_expect(finish("a", lease));
	v = show("one");
	cr_expect_geq(v.ended_ms - v.started_ms, 4000);
}

CHECKED(people, tell)
{
	struct span words[] = { SPAN("XREVRANGE"), SPAN("cg:{rt}:log"), SPAN("+"), SPAN("-") };
	struct redis_reply reply;

	GOOD(queue_tell(redis, "rt", "user:1", "job", SPAN("{\"id\":\"x\"}"), &scope));
	GOOD(redis_call(redis, words, 4, &reply, &scope));
	cr_assert_eq(reply.count, 9u);
	cr_expect_str_eq(redis_text(&reply, 2), "user:1");
	cr_expect_str_eq(redis_text(&reply, 4), "job");
	cr_expect_str_eq(redis_text(&reply, 7), "k");
	cr_expect_str_eq(redis_text(&reply, 8), "volatile");
}

/* ---- lists */

CHECKED(people, newest_first)
{
	static const char *const states[] = { "waiting", "active", "blocked", "done",
		"cancelled" };
	struct queue_view *views;
	struct queue_step step;
	size_t count;

	add("a", 'l', 0, NULL);
	usleep(2000);
	add("b", 'h', 0, NULL);
	GOOD(queue_list(redis, Q, states[0], 10, &views, &count, &scope));
	cr_assert_eq(count, 2u);
	cr_expect_str_eq(views[0].id, "b");
	GOOD(queue_list(redis, Q, states[0], 1, &views, &count, &scope));
	cr_assert_eq(count, 1u);
	cr_expect_str_eq(views[0].id, "b");
	step = take("w", 2);
	GOOD(queue_list(redis, Q, states[1], 10, &views, &count, &scope));
	cr_assert_eq(count, 2u);
	cr_expect_str_eq(views[0].id, "b");
	cr_expect(finish("w", step.jobs[1].lease));
	usleep(2000);
	cr_expect(finish("w", step.jobs[0].lease));
	GOOD(queue_list(redis, Q, states[3], 10, &views, &count, &scope));
	cr_expect_str_eq(views[0].id, "b");
	for (int i = 2; i < 5; i += 2) {
		GOOD(queue_list(redis, Q, states[i], 10, &views, &count, &scope));
		cr_expect_eq(count, 0u);
	}
	cr_expect_eq(queue_list(redis, Q, "running", 10, &views, &count, &scope), ERR_INVALID);
}

/* ---- beside the release before */

/* The functions of cg1 as its programs call them: their words in, their words out. */
CHECKED(people, old_programs)
{
	struct span words[] = { SPAN("FCALL"), SPAN("cg1_step"), SPAN("1"), SPAN("cg:{" Q "}"),
		SPAN("old"), SPAN("2"), SPAN("10"), SPAN("0") };
	struct redis_reply reply;
	char line[256];

	add_item((struct queue_item){ .id = "new", .key = "key", .owner = "ann" });
	cr_expect_eq(command("FCALL cg1_add 1 cg:{" Q "} old work {} n 0 x"), ADD_DONE);
	cr_expect_eq(command("FCALL cg1_batch 1 cg:{" Q "} g 1 o2 work {} n 0 x"), BATCH_DONE);
	GOOD(redis_call(redis, words, 8, &reply, &scope));
	cr_assert_eq(reply.count, 1u + 2 * 9, "%zu", reply.count);
	cr_expect_str_eq(redis_text(&reply, 3), "new");
	cr_expect_str_eq(redis_text(&reply, 12), "old");
	snprintf(line, sizeof(line), "FCALL cg1_beat 1 cg:{" Q "} old n %s n %s",
	    redis_text(&reply, 2), redis_text(&reply, 11));
	cr_expect_eq(command(line), 0, "no orphans");
	snprintf(line, sizeof(line),
	    "FCALL cg1_fail 1 cg:{" Q "} old n %s old fail 3 2000 0 10 no",
	    redis_text(&reply, 11));
	cr_expect_eq(command(line), FAIL_AGAIN);
	snprintf(line, sizeof(line), "FCALL cg1_step 1 cg:{" Q "} old 0 10 1 n %s new ok",
	    redis_text(&reply, 2));
	command(line);
	expect_state("new", "completed");
	cr_expect_eq(command("EXISTS cg:{" Q "}:k:key"), 0, "its place is free");
	command("FCALL cg1_list 1 cg:{" Q "} delayed 5");
	command("FCALL cg1_show 1 cg:{" Q "} old");
}
