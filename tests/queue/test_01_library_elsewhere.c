/* What other queues were reported to do wrong, tried on ours; each test names where it was seen. */
#include "base/buf.h"
#include "queue/calls.h"
#include "queue/view.h"

TestSuite(elsewhere, .init = open_queue, .fini = close_queue);

static enum fail_answer
end_with(struct queue_lease lease, enum job_end end, const char *error)
{
	struct queue_failure failure = { .end = end, .attempts = 1, .error = error };
	enum fail_answer out;

	GOOD(queue_fail(redis, Q, "a", &lease, &failure, &out, &scope));
	return out;
}

/* taskforcesh/bullmq#3555: a job that had stalled too often failed again at once when somebody
 * retried it, since its stalls were still counted. */
CHECKED(elsewhere, retried_after_its_crashes)
{
	add("one", 'n', 0, NULL);
	for (int i = 1; i <= QUEUE_CRASHES; i++)
		cr_expect_eq(end_with(take_one("a"), END_CRASH, "died"),
		    i < QUEUE_CRASHES ? FAIL_AGAIN : FAIL_DEAD);
	cr_expect_str_eq(show("one").reason, "crash");
	GOOD(queue_retry(redis, Q, "one", &scope));
	for (int i = 1; i < QUEUE_CRASHES; i++)
		cr_expect_eq(end_with(take_one("a"), END_CRASH, "died"), FAIL_AGAIN, "%d", i);
	cr_expect(finish("a", take_one("a")));
}

/* sidekiq/sidekiq#3952 and #1705, collectiveidea/delayed_job#1173: an error whose text was no
 * UTF-8 could not be written down, and the job went round for ever. */
CHECKED(elsewhere, errors_that_are_no_text)
{
	static const char bytes[] = "\xff\xc3 \x01\"\\ \xed\xa0\x80";
	const struct queue_item item = {
		.id = "odd", .name = bytes, .data = SPAN("{\"a\":\"\xff\"}")
	};
	struct view_job job = { .queue = Q };
	const char *line = bytes;
	struct queue_lease lease;
	enum add_answer answer;
	struct buf out;

	GOOD(queue_add(redis, Q, &item, &answer, &scope));
	lease = take_one("a");
	GOOD(queue_log(redis, Q, "a", &lease, &line, 1, &scope));
	GOOD(queue_progress(redis, Q, "a", &lease, bytes, &scope));
	cr_expect_eq(end_with(lease, END_FAIL, bytes), FAIL_DEAD);
	job.job = show("odd");
	cr_expect_str_eq(job.job.error, bytes);
	GOOD(view_logs(redis, &job, &scope));
	buf_init(&out, 65536);
	view_job_json(&out, &job, (struct view_rows){ NULL, 0 });
	cr_expect_not_null(
	    strstr(buf_text(&out), "\"error\":\"\xef\xbf\xbd"), "%s", buf_text(&out));
	cr_expect_null(strpbrk(buf_text(&out), "\xff\x01"), "%s", buf_text(&out));
	buf_free(&out);
}

/* taskforcesh/bullmq#2870 and others: ids with marks that mean something to the queue. */
CHECKED(elsewhere, ids_of_any_letters)
{
	static const char *const ids[] = { "a b", "a:b:c", "{x}", "}{", "%d", "(.-)", "\n",
		"\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87", "0", "-1", "*", "n:dead:work", "own" };
	enum cancel_answer answer;

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		cr_expect_eq(add(ids[i], 'n', 0, ids[i]), ADD_DONE, "%s", ids[i]);
		cr_expect_eq(add("other", 'n', 0, ids[i]), ADD_UNIQUE, "%s", ids[i]);
		expect_state(ids[i], "waiting");
		cr_expect_eq(end_with(take_one("a"), END_FAIL, "no"), FAIL_DEAD);
		GOOD(queue_retry(redis, Q, ids[i], &scope));
		GOOD(queue_cancel(redis, Q, ids[i], &answer, &scope));
		expect_state(ids[i], "cancelled");
		cr_expect_eq(check(Q, false), 0u, "%s", ids[i]);
		GOOD(queue_remove(redis, Q, ids[i], &scope));
		expect_gone(ids[i]);
	}
}

/* celery/celery#6742, #4920, #3685: after the clock went back nothing ran until it had caught up.
 * What was added meanwhile has an entry of a time to come. */
CHECKED(elsewhere, entries_of_a_clock_that_was_ahead)
{
	int64_t ahead = (int64_t)9999999999999;

	add("first", 'n', 0, NULL);
	command(
	    arena_format(scope.arena, "XADD cg:{" Q "}:s:n %lld-0 j nobody", (long long)ahead));
	add("second", 'n', 0, NULL);
	cr_expect_geq(stats().oldest_ms, 0);
	expect_state("second", "waiting");
	expect_next("a", "first");
	expect_next("a", "second");
	add("third", 'n', 0, NULL);
	cr_expect_eq(stats().waiting, 1);
	expect_next("b", "third");
	cr_expect_eq(stats().active, 3);
	reap();
	reap();
	cr_expect_eq(stats().active, 3, "nor is anybody's lease over");
	for (int i = 0; i < 3; i++) {
		struct queue_view *all;
		size_t count;
		GOOD(queue_list(redis, Q, "active", 10, &all, &count, &scope));
		cr_expect_eq(count, 3u);
	}
	command("DEL cg:{" Q "}:s:n cg:{" Q "}:j:first cg:{" Q "}:j:second cg:{" Q "}:j:third");
}

/* What was put off then is due as long after now as it was to be after then; and a bucket that
 * was filled then is full. */
CHECKED(elsewhere, delays_of_a_clock_that_was_ahead)
{
	const struct queue_limits set = { QUEUE_LIMIT_LEAVE, 5, 1000 };
	const char *then = "9999999999999";
	struct queue_limits now;
	int64_t due;

	add("added", 'n', 60000, NULL);
	add("failed", 'n', 0, NULL);
	end_as("a", take_one("a"), END_SNOOZE, 30000);
	add("fine", 'n', 90000, NULL);
	command(arena_format(scope.arena, "HSET cg:{" Q "}:j:added t %s", then));
	command(arena_format(scope.arena, "ZADD cg:{" Q "}:dly 10000000059999 added"));
	command(arena_format(scope.arena, "HSET cg:{" Q "}:j:failed i %s", then));
	command(arena_format(scope.arena, "ZADD cg:{" Q "}:dly 10000000029999 failed"));
	cr_expect_gt(due_in(), 80000, "fine");
	reap();
	reap(); /* the first after a silence waits */
	due = due_in();
	cr_expect(due > 20000 && due <= 30000, "failed: %ld", (long)due);
	make_due("failed");
	cr_expect(finish("a", take_one("a")));
	due = due_in();
	cr_expect(due > 50000 && due <= 60000, "added: %ld", (long)due);
	reap();
	reap();
	cr_expect(due_in() <= due, "once");
	GOOD(queue_limit(redis, Q, &set, &now, &scope));
	command(arena_format(scope.arena, "HSET cg:{" Q "}:c tokens 0 since %s", then));
	add("limited", 'n', 0, NULL);
	cr_expect(finish("a", take_one("a")));
}

/* taskforcesh/bullmq: a paused queue that was drained went on; a delayed job that became due in
 * a paused queue began. */
CHECKED(elsewhere, paused_stays_paused)
{
	int64_t removed, promoted, due;
	bool more;

	add("waits", 'n', 0, NULL);
	add("later", 'n', 60000, NULL);
	GOOD(queue_pause(redis, Q, true, &scope));
	make_due("later");
	GOOD(queue_tick(redis, Q, &promoted, &due, &scope));
	cr_expect_eq(promoted, 1);
	cr_expect_eq(take("a", 5).count, 0u);
	GOOD(queue_drain(redis, Q, true, &removed, &more, &scope));
	cr_expect_eq(removed, 2);
	add("new", 'n', 0, NULL);
	cr_expect_eq(take("a", 5).count, 0u, "still paused");
	GOOD(queue_pause(redis, Q, false, &scope));
	cr_expect(finish("a", take_one("a")));
}

/* oban-bg/oban (snooze): waiting for a limit used up attempts, or grew the job without end. */
CHECKED(elsewhere, snoozes_without_end)
{
	const char **lines;
	size_t count;

	add("patient", 'n', 0, NULL);
	for (int i = 0; i < 250; i++) {
		struct queue_lease lease = take_one("a");
		const char *line = "waits";
		GOOD(queue_log(redis, Q, "a", &lease, &line, 1, &scope));
		cr_expect_eq(end_as("a", lease, END_SNOOZE, 1000), FAIL_AGAIN);
		make_due("patient");
		arena_reset(scope.arena);
	}
	cr_expect_eq(show("patient").attempts, 0);
	GOOD(queue_logs(redis, Q, "patient", &lines, &count, &scope));
	cr_expect_eq(count, (size_t)QUEUE_LOG_LINES);
	cr_expect(finish("a", take_one("a")));
}

/* OptimalBits/bull#2401, taskforcesh/bullmq#3505: kept for so long only if another job ended. The
 * same for one that was cancelled. */
CHECKED(elsewhere, a_cancelled_one_has_its_age_too)
{
	enum cancel_answer answer;

	add_item((struct queue_item){ .id = "c", .delay_ms = 60000, .keep_done_ms = 1 });
	GOOD(queue_cancel(redis, Q, "c", &answer, &scope));
	usleep(5000);
	reap();
	reap(); /* the first after a silence waits */
	expect_gone("c");
}
