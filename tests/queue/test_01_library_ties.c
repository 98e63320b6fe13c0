/* What holds jobs together: unique keys, keys of concurrency; and how long they are kept. */
#include "queue/calls.h"

TestSuite(ties, .init = open_queue, .fini = close_queue);

/* ---- unique keys */

CHECKED(ties, unique_for_a_time)
{
	struct queue_item item = {
		.id = "one", .unique = "key", .unique_mode = UNIQUE_FOR, .unique_ms = 300
	};

	cr_expect_eq(add_item(item), ADD_DONE);
	cr_expect_eq(add_item(item), ADD_THERE);
	cr_expect(finish("a", take_one("a")));
	item.id = "two";
	cr_expect_eq(add_item(item), ADD_UNIQUE, "it has ended, the time has not");
	cr_expect_eq(add("three", 0, 0, "key"), ADD_UNIQUE);
	for (int i = 0; i < 100 && command("EXISTS cg:{" Q "}:u:key") == 1; i++)
		usleep(10 * 1000);
	cr_expect_eq(add_item(item), ADD_DONE);
	cr_expect_eq(command("PTTL cg:{" Q "}:u:key") > 0, 1);
}

/* Its time is over before it ends: its end takes nothing from the next one. */
CHECKED(ties, unique_for_less_than_it_waits)
{
	struct queue_item item = {
		.id = "one", .unique = "key", .unique_mode = UNIQUE_FOR, .unique_ms = 20
	};

	cr_expect_eq(add_item(item), ADD_DONE);
	for (int i = 0; i < 100 && command("EXISTS cg:{" Q "}:u:key") == 1; i++)
		usleep(5 * 1000);
	item = (struct queue_item){ .id = "two", .unique = "key" };
	cr_expect_eq(add_item(item), ADD_DONE);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(add("three", 0, 0, "key"), ADD_UNIQUE);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(add("three", 0, 0, "key"), ADD_DONE);
}

static enum add_answer
add_last(const char *id, const char *data)
{
	return add_item((struct queue_item){
	    .id = id, .unique = "key", .unique_mode = UNIQUE_LAST, .data = span_of(data) });
}

CHECKED(ties, unique_last_replaces_what_waits)
{
	struct queue_lease lease;

	cr_expect_eq(add_last("one", "{\"n\":1}"), ADD_DONE);
	cr_expect_eq(add_last("two", "{\"n\":2}"), ADD_REPLACED);
	cr_expect_str_eq(show("one").data, "{\"n\":2}");
	expect_gone("two");
	cr_expect_eq(add("three", 0, 0, "key"), ADD_UNIQUE, "who only wants to be alone");
	lease = take_one("a");
	cr_expect_eq(end_as("a", lease, END_SNOOZE, 60000), FAIL_AGAIN);
	cr_expect_eq(add_last("four", "{\"n\":4}"), ADD_REPLACED, "a delayed one, too");
	cr_expect_str_eq(show("one").data, "{\"n\":4}");
	expect_stats(0, 0, 1, 0, 0);
}

CHECKED(ties, unique_last_comes_after_what_runs)
{
	struct queue_lease lease;

	cr_expect_eq(add_last("one", "{\"n\":1}"), ADD_DONE);
	lease = take_one("a");
	cr_expect_eq(add_last("two", "{\"n\":2}"), ADD_KEPT);
	cr_expect_eq(add_last("two", "{\"n\":2}"), ADD_THERE);
	cr_expect_str_eq(show("two").state, "blocked");
	cr_expect_str_eq(show("two").reason, "last");
	cr_expect_eq(add_last("three", "{\"n\":3}"), ADD_KEPT);
	expect_gone("two");
	cr_expect_eq(end_as("a", lease, END_FAIL, 0), FAIL_AGAIN);
	cr_expect_eq(add_last("four", "{\"n\":4}"), ADD_KEPT, "it is not the last of all yet");
	expect_gone("three");
	cr_expect_eq(stats().blocked, 1);
	make_due("one");
	lease = take_one("a");
	cr_expect_eq(take("a", 5).count, 0u);
	cr_expect(finish("a", lease));
	expect_state("four", "waiting");
	cr_expect_eq(add_last("five", "{\"n\":5}"), ADD_REPLACED);
	lease = take_one("a");
	cr_expect_str_eq(lease.id, "four");
	cr_expect(finish("a", lease));
	cr_expect_eq(command("EXISTS cg:{" Q "}:u:key"), 0);
}

CHECKED(ties, unique_last_is_let_go_by_any_end)
{
	static const enum job_end ends[] = { END_DEAD, END_CANCEL };
	struct queue_lease lease;

	for (int i = 0; i < 2; i++) {
		char first[16], second[16];
		snprintf(first, sizeof(first), "a%d", i);
		snprintf(second, sizeof(second), "b%d", i);
		cr_expect_eq(add_last(first, "{}"), ADD_DONE);
		lease = take_one("a");
		cr_expect_eq(add_last(second, "{}"), ADD_KEPT);
		end_as("a", lease, ends[i], 0);
		expect_state(second, "waiting");
		cr_expect(finish("a", take_one("a")));
	}
	cr_expect_eq(add_last("c", "{}"), ADD_DONE);
	lease = take_one("a");
	cr_expect_eq(add_last("d", "{}"), ADD_KEPT);
	GOOD(queue_remove(redis, Q, "d", &scope));
	cr_expect(finish("a", lease), "it has nobody to let go");
	expect_stats(0, 0, 0, 3, 1);
}

/* Followed by another one, a key has no time; alone again, what is left of it. */
CHECKED(ties, unique_last_after_unique_for_a_time)
{
	struct queue_item item = {
		.id = "one", .unique = "key", .unique_mode = UNIQUE_FOR, .unique_ms = 60000
	};
	struct queue_lease lease;

	cr_expect_eq(add_item(item), ADD_DONE);
	lease = take_one("a");
	cr_expect_eq(add_last("two", "{}"), ADD_KEPT);
	cr_expect_eq(command("PTTL cg:{" Q "}:u:key"), -1);
	GOOD(queue_remove(redis, Q, "two", &scope));
	cr_expect_gt(command("PTTL cg:{" Q "}:u:key"), 50000);
	cr_expect(finish("a", lease));
	cr_expect_eq(add_last("three", "{}"), ADD_UNIQUE, "its time is not over");
	GOOD(queue_remove(redis, Q, "one", &scope));
	cr_expect_eq(add_last("three", "{}"), ADD_DONE);
}

/* ---- keys of concurrency */

static enum add_answer
add_key(const char *id, const char *key, int64_t limit)
{
	return add_item((struct queue_item){ .id = id, .key = key, .key_limit = limit });
}

CHECKED(ties, one_of_a_key_at_a_time)
{
	struct queue_step step;
	struct queue_lease first;

	for (int i = 0; i < 4; i++)
		add_key((const char *const[]){ "k1", "k2", "k3", "k4" }[i], "key", 0);
	add("free", 0, 0, NULL);
	step = take("a", 2);
	cr_assert_eq(step.count, 2u, "what is parked is no answer");
	cr_expect_str_eq(step.jobs[0].lease.id, "k1");
	cr_expect_str_eq(step.jobs[1].lease.id, "free");
	first = step.jobs[0].lease;
	expect_state("k2", "blocked");
	cr_expect_str_eq(show("k2").reason, "key");
	cr_expect_eq(stats().blocked, 3);
	cr_expect(finish("a", step.jobs[1].lease));
	cr_expect(finish("a", first));
	cr_expect_eq(stats().blocked, 2);
	for (int i = 2; i <= 4; i++) {
		char id[16];
		snprintf(id, sizeof(id), "k%d", i);
		step = take("b", 5);
		cr_assert_eq(step.count, 1u, "%s", id);
		cr_expect_str_eq(step.jobs[0].lease.id, id, "their order is kept");
		cr_expect(finish("b", step.jobs[0].lease));
	}
	cr_expect_eq(command("EXISTS cg:{" Q "}:k:key"), 0);
	cr_expect_eq(command("EXISTS cg:{" Q "}:kq:key"), 0);
}

/* Whoever was let go has its place, also against one that comes before it in the lane. */
CHECKED(ties, nobody_overtakes_in_a_key)
{
	struct queue_lease lease;

	add_key("k1", "key", 1);
	add_key("k2", "key", 1);
	lease = take_one("a");
	cr_expect_eq(take("a", 1).count, 0u);
	add_key("k3", "key", 1);
	cr_expect(finish("a", lease));
	cr_expect_eq(end_as("a", take_one("a"), END_BACK, 0), FAIL_AGAIN);
	expect_state("k3", "blocked");
	lease = take_one("a");
	cr_expect_str_eq(lease.id, "k2", "given back, it is still the first");
	cr_expect(finish("a", lease));
	expect_next("a", "k3");
}

CHECKED(ties, limit_of_a_key)
{
	struct queue_step step;

	for (int i = 0; i < 5; i++)
		add_key((const char *const[]){ "k1", "k2", "k3", "k4", "k5" }[i], "key", 2);
	add_key("other", "another key", 2);
	step = take("a", 10);
	cr_assert_eq(step.count, 3u);
	cr_expect_str_eq(step.jobs[2].lease.id, "other");
	cr_expect_eq(end_as("a", step.jobs[0].lease, END_FAIL, 0), FAIL_AGAIN);
	expect_next("a", "k3");
	cr_expect_eq(take("a", 1).count, 0u);
	make_due("k1");
	cr_expect_eq(take("a", 1).count, 0u, "k1 has to stand in line");
	cr_expect(finish("a", step.jobs[1].lease));
	expect_next("a", "k4");
}

/* A place whose release was lost is found when it is wanted, or by reap. */
CHECKED(ties, lost_places_are_found)
{
	add_key("k1", "key", 1);
	command("SADD cg:{" Q "}:k:key somebody-who-is-gone");
	expect_next("a", "k1");
	add_key("k2", "key", 1);
	cr_expect_eq(take("a", 1).count, 0u);
	command("SREM cg:{" Q "}:k:key k1");
	expect_state("k2", "blocked");
	reap();
	expect_state("k2", "waiting");
	cr_expect_eq(check(Q, true), 1u, "k1 runs without a place");
	command("SREM cg:{" Q "}:k:key k1");
	command("SADD cg:{" Q "}:k:key k1");
}

CHECKED(ties, places_of_those_who_leave)
{
	enum cancel_answer out;
	struct queue_lease lease;

	add_key("k1", "key", 1);
	add_key("k2", "key", 1);
	add_key("k3", "key", 1);
	add_key("k4", "key", 1);
	lease = take_one("a");
	cr_expect_eq(take("a", 1).count, 0u);
	GOOD(queue_remove(redis, Q, "k2", &scope));
	cr_expect(finish("a", lease));
	expect_state("k3", "waiting");
	GOOD(queue_cancel(redis, Q, "k3", &out, &scope));
	cr_expect_eq(out, CANCEL_DONE);
	expect_state("k4", "waiting");
	lease = take_one("a");
	cr_expect_str_eq(lease.id, "k4");
	let_lapse(lease);
	cr_expect_eq(reap(), 1);
	expect_next("b", "k4");
}

/* ---- attempts and history of its own */

CHECKED(ties, attempts_and_backoff_of_its_own)
{
	struct queue_item item = {
		.id = "one", .attempts = 2, .backoff = BACKOFF_FIXED, .backoff_ms = 40000
	};
	int64_t due;

	cr_expect_eq(add_item(item), ADD_DONE);
	cr_expect_eq(show("one").attempts_allowed, 2);
	cr_expect_eq(end_as("a", take_one("a"), END_FAIL, 0), FAIL_AGAIN);
	due = due_in();
	cr_expect(due > 35000 && due <= 44000, "%ld", (long)due);
	make_due("one");
	cr_expect_eq(end_as("a", take_one("a"), END_FAIL, 0), FAIL_DEAD, "the row has three");
}

CHECKED(ties, fixed_backoff_of_the_row)
{
	struct queue_failure failure = {
		.end = END_FAIL, .attempts = 5, .backoff_ms = 10000, .backoff = BACKOFF_FIXED
	};
	enum fail_answer out;

	add("one", 0, 0, NULL);
	for (int i = 0; i < 3; i++) {
		struct queue_lease lease = take_one("a");
		int64_t due;
		GOOD(queue_fail(redis, Q, "a", &lease, &failure, &out, &scope));
		due = due_in();
		cr_expect(due > 8500 && due <= 11000, "%ld", (long)due);
		make_due("one");
	}
}

CHECKED(ties, kept_as_it_says)
{
	struct queue_item item = { .id = "gone", .keep_done = KEEP_NONE, .unique = "key" };
	struct queue_lease lease;

	add_item(item);
	lease = take_one("a");
	cr_expect(finish("a", lease));
	cr_expect(finish("a", lease), "the answer was lost");
	expect_gone("gone");
	cr_expect_eq(stats().completed, 1);
	cr_expect_eq(stats().lost, 0);
	cr_expect_eq(command("EXISTS cg:{" Q "}:u:key"), 0);
	item = (struct queue_item){ .id = "dead", .keep_dead = KEEP_NONE };
	add_item(item);
	lease = take_one("a");
	cr_expect_eq(end_as("a", lease, END_DEAD, 0), FAIL_DEAD);
	cr_expect_eq(end_as("a", lease, END_DEAD, 0), FAIL_DEAD, "the answer was lost");
	expect_gone("dead");
	cr_expect_eq(command("EXISTS cg:{" Q "}:log:dead"), 0);
}

static void
die(const char *id, const char *name, int64_t keep)
{
	add_item((struct queue_item){ .id = id, .name = name, .keep_dead = keep });
	cr_expect_eq(end_as("a", take_one("a"), END_DEAD, 0), FAIL_DEAD);
}

/* What a job says bounds those of its name that say so, too; nobody else's dead letters. */
CHECKED(ties, a_jobs_own_count_is_no_others)
{
	for (int i = 0; i < 13; i++)
		die(arena_format(scope.arena, "%d", i), i % 2 ? "work" : "other", KEEP_QUEUE);
	die("w1", "work", 1);
	cr_expect_eq(stats().dead, 14, "%ld are left of 14", (long)stats().dead);
	die("w2", "work", 1);
	expect_gone("w1");
	expect_state("w2", "failed");
	die("o1", "other", 2);
	die("o2", "other", 1);
	expect_gone("o1");
	cr_expect_eq(stats().dead, 15);
	for (int i = 0; i < 13; i++)
		expect_state(arena_format(scope.arena, "%d", i), "failed");
	GOOD(queue_retry(redis, Q, "w2", &scope));
	cr_expect(finish("a", take_one("a")));
	die("w3", "work", 1);
	cr_expect_eq(stats().dead, 15, "one that runs again is no dead one");
	GOOD(queue_remove(redis, Q, "w3", &scope));
	GOOD(queue_remove(redis, Q, "o2", &scope));
	cr_expect_eq(command("EXISTS cg:{" Q "}:own cg:{" Q "}:n:dead:work"), 0);
}

/* Nobody else has to end for that, and its id is free at once. */
CHECKED(ties, a_jobs_own_age_is_over)
{
	struct queue_item item = { .id = "short", .keep_done_ms = 1, .keep_dead_ms = 1 };

	add_item(item);
	cr_expect(finish("a", take_one("a")));
	usleep(5000);
	cr_expect_eq(add_item(item), ADD_DONE, "its id is taken");
	cr_expect_eq(end_as("a", take_one("a"), END_DEAD, 0), FAIL_DEAD);
	usleep(5000);
	reap();
	reap(); /* the first after a silence waits */
	expect_gone("short");
	item = (struct queue_item){ .id = "long", .keep_done_ms = 60000 };
	add_item(item);
	cr_expect(finish("a", take_one("a")));
	reap();
	expect_state("long", "completed");
	cr_expect_eq(add_item(item), ADD_THERE);
	die("other", "work", KEEP_QUEUE);
	expect_stats(0, 0, 0, 1, 1);
}

/* An ended job shows the error that it ended with, not one of an attempt before. */
CHECKED(ties, errors_are_of_the_last_attempt)
{
	const char **lines;
	size_t count;
	enum cancel_answer out;

	add("late", 'n', 0, NULL);
	end_as("a", take_one("a"), END_FAIL, 0);
	cr_expect_str_eq(show("late").error, "it broke", "it waits because of that");
	make_due("late");
	cr_expect(finish("a", take_one("a")));
	cr_expect_str_eq(show("late").state, "completed");
	cr_expect_str_empty(show("late").error, "%s", show("late").error);
	GOOD(queue_logs(redis, Q, "late", &lines, &count, &scope));
	cr_expect(count == 1 && strstr(lines[0], "attempt 1: it broke"));
	add("cancelled", 'n', 0, NULL);
	end_as("a", take_one("a"), END_FAIL, 0);
	GOOD(queue_cancel(redis, Q, "cancelled", &out, &scope));
	cr_expect_str_empty(show("cancelled").error);
	die("dead", "work", KEEP_QUEUE);
	cr_expect_str_eq(show("dead").error, "it broke");
	GOOD(queue_retry(redis, Q, "dead", &scope));
	cr_expect_str_empty(show("dead").error, "a new life");
	cr_expect(finish("a", take_one("a")));
}

CHECKED(ties, refused_items)
{
	static char long_text[300];
	struct queue_item rows[] = { { .id = "" }, { .id = NULL },
		{ .id = "x", .key = long_text }, { .id = "x", .unique = long_text },
		{ .id = "x", .batch_final = true },
		{ .id = "x", .unique = "k", .unique_mode = UNIQUE_FOR },
		{ .id = "x", .trace = long_text } };
	enum add_answer out;

	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(
		    queue_add(redis, Q, &rows[i], &out, &scope), ERR_INVALID, "%zu", i);
}
