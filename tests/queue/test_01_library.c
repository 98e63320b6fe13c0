/* Every transition of a job, on a real Redis. */
#include "queue/calls.h"

#define GENERATION "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"

TestSuite(library, .init = open_queue, .fini = close_queue);

CHECKED(library, add_take_finish)
{
	struct queue_step step;

	cr_expect_eq(add("one", 0, 0, NULL), ADD_DONE);
	expect_stats(1, 0, 0, 0, 0);
	cr_expect_str_eq(show("one").state, "waiting");
	step = take("a", 5);
	cr_assert_eq(step.count, 1u);
	cr_expect_eq(step.next_due_ms, -1);
	cr_expect_str_eq(step.jobs[0].name, "work");
	cr_expect_str_eq(step.jobs[0].data.ptr, "{\"a\":1}");
	cr_expect_str_eq(step.jobs[0].lease.id, "one");
	cr_expect_eq(step.jobs[0].attempts, 0);
	cr_expect_str_eq(show("one").state, "active");
	expect_stats(0, 1, 0, 0, 0);
	cr_expect(finish("a", step.jobs[0].lease));
	cr_expect(finish("a", step.jobs[0].lease), "the answer was lost: asked once more");
	expect_stats(0, 0, 0, 1, 0);
	cr_expect_eq(stats().completed, 1, "counted twice");
	cr_expect_str_eq(show("one").result, "well");
	cr_expect_str_eq(show("one").state, "completed");
	cr_expect_eq(command("XLEN cg:{" Q "}:s:n"), 0, "the entry is still there");
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 0, "tokens for nobody are left");
}

CHECKED(library, add_counts_once)
{
	cr_expect_eq(add("one", 0, 0, NULL), ADD_DONE);
	cr_expect_eq(add("one", 0, 0, NULL), ADD_THERE);
	cr_expect_eq(add("two", 0, 0, "key"), ADD_DONE);
	cr_expect_eq(add("three", 0, 0, "key"), ADD_UNIQUE);
	expect_stats(2, 0, 0, 0, 0);
	cr_expect(finish("a", take_one("a")));
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(add("four", 0, 0, "key"), ADD_DONE, "the key was not released");
	command("HSET cg:{" Q "}:m max 1");
	cr_expect_eq(add("five", 0, 0, NULL), ADD_FULL);
	cr_expect_eq(add("four", 0, 0, NULL), ADD_THERE);
}

CHECKED(library, lanes_go_before_one_another)
{
	struct queue_step step;

	add("low", 'l', 0, NULL);
	add("normal", 'n', 0, NULL);
	add("high", 'h', 0, NULL);
	step = take("a", 3);
	cr_assert_eq(step.count, 3u);
	cr_expect_str_eq(step.jobs[0].lease.id, "high");
	cr_expect_str_eq(step.jobs[1].lease.id, "normal");
	cr_expect_str_eq(step.jobs[2].lease.id, "low");
}

CHECKED(library, bytes_of_any_kind)
{
	char bytes[] = "\0\xff\r\n\"\\{}";
	struct queue_item item = {
		.id = "odd", .name = "work", .data = { bytes, sizeof(bytes) - 1 }
	};
	enum add_answer out;
	struct queue_step step;

	GOOD(queue_add(redis, Q, &item, &out, &scope));
	step = take("a", 1);
	cr_assert_eq(step.jobs[0].data.len, sizeof(bytes) - 1);
	cr_expect_arr_eq(step.jobs[0].data.ptr, bytes, sizeof(bytes) - 1);
}

/* A consumer whose lease ran out can end nothing any more, in whatever way it tries. */
CHECKED(library, zombie_is_refused)
{
	struct queue_lease zombie, owner;
	int64_t reaped, orphans;
	enum beat_answer kept;

	add("one", 0, 0, NULL);
	zombie = take_one("a");
	let_lapse(zombie);
	GOOD(queue_reap(redis, Q, &reaped, &scope));
	cr_expect_eq(reaped, 1);
	expect_stats(1, 0, 0, 0, 0);
	owner = take_one("b");
	cr_expect_str_eq(owner.id, "one");
	cr_expect_str_neq(owner.entry, zombie.entry);
	cr_expect_not(finish("a", zombie));
	cr_expect_eq(end_as("a", zombie, END_FAIL, 0), FAIL_LOST);
	GOOD(queue_beat(redis, Q, "a", &zombie, 1, &kept, &orphans, &scope));
	cr_expect_eq(kept, BEAT_LOST);
	cr_expect_not(finish("a", owner), "the entry of another");
	expect_stats(0, 1, 0, 0, 0);
	cr_expect(finish("b", owner));
	expect_stats(0, 0, 0, 1, 0);
	cr_expect_eq(show("one").crashes, 1);
}

/* After a silence nobody's lease is judged before the living could renew theirs. */
CHECKED(library, silence_is_not_death)
{
	int64_t reaped;

	add("one", 0, 0, NULL);
	GOOD(queue_reap(redis, Q, &reaped, &scope));
	let_lapse(take_one("a"));
	command("HINCRBY cg:{" Q "}:m reap -11000");
	GOOD(queue_reap(redis, Q, &reaped, &scope));
	cr_expect_eq(reaped, 0);
	GOOD(queue_reap(redis, Q, &reaped, &scope));
	cr_expect_eq(reaped, 1);
}

CHECKED(library, fail_waits_longer_each_time)
{
	struct queue_lease lease;
	int64_t due;

	add("one", 0, 0, "key");
	lease = take_one("a");
	cr_expect_eq(end_as("a", lease, END_FAIL, 0), FAIL_AGAIN);
	cr_expect_eq(end_as("a", lease, END_FAIL, 0), FAIL_AGAIN, "the answer was lost");
	due = due_in();
	cr_expect(due > 1700 && due <= 2200, "due in %ld ms", (long)due);
	cr_expect_eq(add("two", 0, 0, "key"), ADD_UNIQUE, "it is not finished");
	cr_expect_str_eq(show("one").state, "delayed");
	make_due("one");
	cr_expect_eq(end_as("a", take_one("a"), END_FAIL, 0), FAIL_AGAIN);
	due = due_in();
	cr_expect(due > 3500 && due <= 4400, "due in %ld ms", (long)due);
	make_due("one");
	cr_expect_eq(end_as("a", take_one("a"), END_FAIL, 0), FAIL_DEAD);
	cr_expect_str_eq(show("one").state, "failed");
	cr_expect_str_eq(show("one").reason, "attempts");
	cr_expect_str_eq(show("one").error, "it broke");
	cr_expect_eq(show("one").attempts, 3);
	cr_expect_eq(stats().retried, 2);
	cr_expect_eq(add("two", 0, 0, "key"), ADD_DONE, "the dead keep no key");
	cr_expect_eq(queue_retry(redis, Q, "one", &scope), ERR_CONFLICT, "nor take it back");
	cr_expect(finish("a", take_one("a")));
	GOOD(queue_retry(redis, Q, "one", &scope));
	cr_expect_eq(show("one").attempts, 0);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(queue_retry(redis, Q, "one", &scope), ERR_CONFLICT);
	cr_expect_eq(queue_retry(redis, Q, "none", &scope), ERR_NOT_FOUND);
	expect_stats(0, 0, 0, 2, 0);
}

CHECKED(library, other_ends)
{
	int64_t due;

	add("one", 0, 0, NULL);
	cr_expect_eq(end_as("a", take_one("a"), END_BACK, 0), FAIL_AGAIN);
	expect_stats(1, 0, 0, 0, 0);
	cr_expect_eq(end_as("a", take_one("a"), END_SNOOZE, 60000), FAIL_AGAIN);
	due = due_in();
	cr_expect(due > 59000 && due <= 60000, "due in %ld ms", (long)due);
	cr_expect_eq(show("one").attempts, 0, "neither counts");
	GOOD(queue_retry(redis, Q, "one", &scope));
	cr_expect_eq(end_as("a", take_one("a"), END_DEAD, 0), FAIL_DEAD);
	cr_expect_str_eq(show("one").reason, "dead");
}

CHECKED(library, third_crash_is_the_last)
{
	add("one", 0, 0, NULL);
	cr_expect_eq(end_as("a", take_one("a"), END_CRASH, 0), FAIL_AGAIN);
	cr_expect_eq(end_as("b", take_one("b"), END_CRASH, 0), FAIL_AGAIN);
	cr_expect_eq(end_as("c", take_one("c"), END_CRASH, 0), FAIL_DEAD);
	cr_expect_str_eq(show("one").reason, "crash");
	cr_expect_eq(show("one").crashes, 3);
	cr_expect_eq(show("one").attempts, 0, "a crash is no attempt");
	expect_stats(0, 0, 0, 0, 1);
}

CHECKED(library, beat_renews_and_finds_orphans)
{
	struct queue_lease lease;
	int64_t orphans, reaped;
	enum beat_answer kept;
	char line[256];

	add("one", 0, 0, NULL);
	lease = take_one("a");
	snprintf(line, sizeof(line), "XCLAIM cg:{" Q "}:s:n w a 0 %s IDLE 20000 JUSTID",
	    lease.entry);
	command(line);
	GOOD(queue_beat(redis, Q, "a", &lease, 1, &kept, &orphans, &scope));
	cr_expect_eq(kept, BEAT_KEPT);
	cr_expect_eq(orphans, 0);
	GOOD(queue_reap(redis, Q, &reaped, &scope));
	cr_expect_eq(reaped, 0, "the lease was renewed");
	add("two", 'h', 0, NULL);
	take_one("a"); /* its answer was lost */
	GOOD(queue_beat(redis, Q, "a", &lease, 1, &kept, &orphans, &scope));
	cr_expect_eq(orphans, 1);
	expect_stats(1, 1, 0, 0, 0);
	cr_expect_eq(show("two").crashes, 0);
	cr_expect_str_eq(take_one("b").id, "two");
}

CHECKED(library, delayed_come_in_time)
{
	struct queue_step step;
	int64_t promoted, due;

	add("later", 0, 80, NULL);
	add("much-later", 0, 60000, NULL);
	step = take("a", 2);
	cr_expect_eq(step.count, 0u);
	cr_expect(
	    step.next_due_ms > 0 && step.next_due_ms <= 80, "%ld", (long)step.next_due_ms);
	usleep((useconds_t)(step.next_due_ms + 1) * 1000);
	GOOD(queue_tick(redis, Q, &promoted, &due, &scope));
	cr_expect_eq(promoted, 1);
	cr_expect(due > 50000 && due <= 60000);
	cr_expect_str_eq(take_one("a").id, "later");
}

static enum batch_answer
batch(const char *generation, int64_t number, const char *first, const char *second)
{
	struct queue_item items[] = { { .id = first, .name = "work", .data = SPAN("{}") },
		{ .id = second, .name = "work", .data = SPAN("{}"), .lane = 'h' } };
	enum batch_answer out;

	GOOD(queue_batch(redis, Q, generation, number, items, 2, &out, &scope));
	return out;
}

CHECKED(library, batches_in_order_and_once)
{
	char generation[37];
	int64_t mark;
	bool done;

	GOOD(queue_watermark(redis, Q, generation, &mark, &scope));
	cr_expect_str_eq(generation, "");
	cr_expect_eq(mark, 0);
	cr_expect_eq(batch(GENERATION, 2, "a", "b"), BATCH_GAP);
	cr_expect_eq(batch(GENERATION, 1, "a", "b"), BATCH_DONE);
	cr_expect_eq(batch(GENERATION, 1, "a", "b"), BATCH_DONE);
	cr_expect_eq(batch(GENERATION, 3, "e", "f"), BATCH_GAP);
	cr_expect_eq(batch(OTHER, 2, "c", "d"), BATCH_OTHER_GENERATION);
	expect_stats(2, 0, 0, 0, 0);
	command("HSET cg:{" Q "}:m max 3");
	cr_expect_eq(batch(GENERATION, 2, "c", "d"), BATCH_FULL);
	command("HDEL cg:{" Q "}:m max");
	cr_expect_eq(batch(GENERATION, 2, "c", "d"), BATCH_DONE);
	expect_stats(4, 0, 0, 0, 0);
	GOOD(queue_rebase(redis, Q, GENERATION, 1, OTHER, 7, &done, &scope));
	cr_expect_not(done, "the watermark is not what was said");
	GOOD(queue_rebase(redis, Q, GENERATION, 2, OTHER, 7, &done, &scope));
	cr_expect(done);
	GOOD(queue_rebase(redis, Q, GENERATION, 2, OTHER, 7, &done, &scope));
	cr_expect(done, "the answer was lost");
	cr_expect_eq(batch(OTHER, 8, "g", "h"), BATCH_DONE);
	GOOD(queue_watermark(redis, Q, generation, &mark, &scope));
	cr_expect_str_eq(generation, OTHER);
	cr_expect_eq(mark, 8);
}

CHECKED(library, events_in_order_and_once)
{
	struct queue_event events[] = { { 7, "user:1", "unread", SPAN("{\"n\":1}") },
		{ 8, "user:2", "unread", SPAN("{\"n\":2}") } };
	struct queue_event control = { 9, "control", "log_out", SPAN("{}") };
	struct span words[] = { SPAN("XRANGE"), SPAN("cg:{rt}:log"), SPAN("-"), SPAN("+") };
	struct redis_reply reply;
	enum batch_answer out;

	for (int i = 0; i < 2; i++) {
		GOOD(queue_publish(redis, "rt", GENERATION, 1, events, 2, &out, &scope));
		cr_expect_eq(out, BATCH_DONE);
	}
	GOOD(redis_call(redis, words, 4, &reply, &scope));
	cr_expect_eq(reply.count, 2u * 9, "%zu: an id and four pairs, no kind", reply.count);
	cr_expect_eq(command("XLEN cg:{rt}:log"), 2);
	GOOD(queue_publish(redis, "rt", GENERATION, 3, events, 2, &out, &scope));
	cr_expect_eq(out, BATCH_GAP);
	GOOD(queue_publish(redis, "rt", OTHER, 2, events, 2, &out, &scope));
	cr_expect_eq(out, BATCH_OTHER_GENERATION);
	cr_expect_eq(command("XLEN cg:{rt}:log"), 2);
	GOOD(queue_publish(redis, "rt", GENERATION, 2, &control, 1, &out, &scope));
	GOOD(redis_call(redis, words, 4, &reply, &scope));
	cr_assert_eq(reply.count, 2u * 9 + 11);
	cr_expect_str_eq(redis_text(&reply, 28), "control");
}

/* Redis forgets everything, functions too: the same calls bring it all back. */
CHECKED(library, flushall)
{
	struct queue_lease lease;
	int64_t orphans;
	enum beat_answer kept;

	cr_expect_eq(batch(GENERATION, 1, "a", "b"), BATCH_DONE);
	lease = take_one("x");
	command("FLUSHALL");
	command("FUNCTION FLUSH");
	cr_expect_not(finish("x", lease));
	GOOD(queue_beat(redis, Q, "x", &lease, 1, &kept, &orphans, &scope));
	cr_expect_eq(kept, BEAT_LOST);
	cr_expect_eq(
	    batch(GENERATION, 2, "c", "d"), BATCH_GAP, "what it had is to be sent again");
	cr_expect_eq(batch(GENERATION, 1, "a", "b"), BATCH_DONE);
	cr_expect_eq(batch(GENERATION, 2, "c", "d"), BATCH_DONE);
	cr_expect_eq(take("x", 10).count, 4u);
}

CHECKED(library, history_is_bounded)
{
	struct queue_item item = { .name = "work", .data = SPAN("{}") };
	struct queue_failure failure = {
		.end = END_DEAD, .attempts = 3, .backoff_ms = 2000, .error = "no"
	};
	const char *result = "";
	enum add_answer added;
	enum fail_answer failed;
	int64_t reaped;
	char id[16];

	for (int i = 0; i < 26; i++) {
		struct queue_step step = { .want = 1 }, end = { .finished_count = 1 };
		snprintf(id, sizeof(id), "%d", i);
		item.id = id;
		GOOD(queue_add(redis, "github-sync", &item, &added, &scope));
		GOOD(queue_step(redis, "github-sync", "a", &step, &scope));
		end.finished = &step.jobs[0].lease;
		end.results = &result;
		if (i % 2)
			GOOD(queue_step(redis, "github-sync", "a", &end, &scope));
		else
			GOOD(queue_fail(redis, "github-sync", "a", end.finished, &failure,
			    &failed, &scope));
	}
	cr_expect_eq(command("ZCARD cg:{github-sync}:done"), 10);
	cr_expect_eq(command("ZCARD cg:{github-sync}:dead"), 5);
	cr_expect_eq(command("EXISTS cg:{github-sync}:j:1"), 0);
	cr_expect_eq(command("EXISTS cg:{github-sync}:j:25"), 1);
	command("ZADD cg:{github-sync}:done 1000 25");
	command("ZADD cg:{github-sync}:dead 1000 24");
	GOOD(queue_reap(redis, "github-sync", &reaped, &scope));
	cr_expect_eq(command("ZCARD cg:{github-sync}:done"), 9, "a day is over");
	cr_expect_eq(command("ZCARD cg:{github-sync}:dead"), 4, "30 days are over");
	cr_expect_eq(command("EXISTS cg:{github-sync}:j:24"), 0);
}

CHECKED(library, lists)
{
	static const char *const states[] = { "waiting", "active", "delayed", "completed",
		"failed" };
	struct queue_view *views;
	size_t count;

	add("low", 'l', 0, NULL);
	add("delayed", 0, 60000, NULL);
	add("completed", 'h', 0, NULL);
	finish("a", take_one("a"));
	add("failed", 'h', 0, NULL);
	end_as("a", take_one("a"), END_DEAD, 0);
	add("active", 'h', 0, NULL);
	take_one("a");
	for (int i = 0; i < 5; i++) {
		GOOD(queue_list(redis, Q, states[i], 10, &views, &count, &scope));
		cr_assert_eq(count, 1u, "%s: %zu", states[i], count);
		cr_expect_str_eq(views[0].id, i ? states[i] : "low");
		cr_expect_str_eq(views[0].state, states[i]);
		cr_expect_str_eq(views[0].data, "{\"a\":1}");
		cr_expect_gt(views[0].added_ms, INT64_C(1600000000000));
	}
	cr_expect_eq(queue_show(redis, Q, "none", &views[0], &scope), ERR_NOT_FOUND);
}

CHECKED(library, paused_and_ghosts)
{
	add("one", 0, 0, NULL);
	command("HSET cg:{" Q "}:c paused 1");
	cr_expect_eq(take("a", 1).count, 0u);
	command("HDEL cg:{" Q "}:c paused");
	command("DEL cg:{" Q "}:j:one");
	add("two", 0, 0, NULL);
	cr_expect_eq(take("a", 2).count, 1u, "an entry without its job is dropped");
	expect_stats(0, 1, 0, 0, 0);
}

/* Each waiting job leaves a token; a blocking connection hears of it. */
CHECKED(library, wake_list)
{
	struct redis *wake = redis_make(&redis_options);
	struct span words[] = { SPAN("BLPOP"), span_of(queue_wake_key(Q, &scope)), SPAN("5") };
	struct redis_reply reply;
	bool there = false;

	GOOD(redis_send(wake, words, 3, &scope));
	add("one", 0, 0, NULL);
	while (!there)
		GOOD(redis_take(wake, &reply, &there, &scope));
	cr_assert_eq(reply.count, 2u);
	cr_expect_str_eq(redis_text(&reply, 0), words[1].ptr);
	for (int i = 0; i < 200; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, 0, 0, NULL);
	}
	cr_expect_eq(command("LLEN cg:{" Q "}:w"), 64, "tokens are bounded");
	redis_free(wake);
}

CHECKED(library, redis_goes_and_comes)
{
	struct queue_stats s;

	add("one", 0, 0, NULL);
	redis_stop();
	cr_expect_eq(queue_stats(redis, Q, &s, &scope), ERR_AWAY);
	fault_reset(&scope.fault);
	redis_start();
	usleep(1100 * 1000);
	GOOD(queue_stats(redis, Q, &s, &scope));
	cr_expect_eq(add("one", 0, 0, NULL), ADD_DONE);
}
