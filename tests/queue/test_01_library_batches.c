/* Batches: a final job that runs when so many members have ended, in whatever way. */
#include "queue/calls.h"

TestSuite(batches, .init = open_queue, .fini = close_queue);

static enum add_answer
add_member(const char *id, bool final)
{
	return add_item((struct queue_item){
	    .id = id, .batch = "b", .batch_final = final, .batch_total = final ? 4 : 0 });
}

CHECKED(batches, final_comes_when_all_have_ended)
{
	enum cancel_answer out;

	add_member("m1", false);
	cr_expect_eq(add_member("last", true), ADD_DONE);
	cr_expect_str_eq(show("last").state, "blocked");
	cr_expect_str_eq(show("last").reason, "batch");
	cr_expect_str_eq(show("last").batch, "b");
	add_member("m2", false);
	add_member("m3", false);
	add_member("m4", false);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(end_as("a", take_one("a"), END_DEAD, 0), FAIL_DEAD);
	GOOD(queue_cancel(redis, Q, "m3", &out, &scope));
	expect_state("last", "blocked");
	GOOD(queue_retry(redis, Q, "m2", &scope));
	cr_expect_eq(end_as("a", take_one("a"), END_BACK, 0), FAIL_AGAIN);
	cr_expect(finish("a", take_one("a")));
	expect_state("last", "blocked");
	expect_state("m2", "completed");
	GOOD(queue_remove(redis, Q, "m4", &scope));
	expect_state("last", "waiting");
	expect_next("a", "last");
}

CHECKED(batches, final_of_an_ended_batch)
{
	struct queue_item item = { .id = "last",
		.batch = "b",
		.batch_final = true,
		.batch_total = 1,
		.delay_ms = 60000 };

	add_member("m1", false);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(add_item(item), ADD_DONE);
	expect_state("last", "delayed");
	GOOD(queue_remove(redis, Q, "last", &scope));
	cr_expect_eq(command("EXISTS cg:{" Q "}:b:b"), 0, "the id is free");
}

CHECKED(batches, final_keeps_its_delay)
{
	struct queue_item item = { .id = "last",
		.batch = "b",
		.batch_final = true,
		.batch_total = 1,
		.delay_ms = 60000 };

	cr_expect_eq(add_item(item), ADD_DONE);
	add_member("m1", false);
	expect_state("last", "blocked");
	cr_expect(finish("a", take_one("a")));
	expect_state("last", "delayed");
}

/* All that a job may carry at once. */
CHECKED(batches, in_a_batch_of_outbox_rows)
{
	struct queue_item items[] = { { .id = "m",
		                          .name = "work",
		                          .data = SPAN("{}"),
		                          .batch = "b",
		                          .key = "k",
		                          .owner = "ann" },
		{ .id = "last",
		    .name = "work",
		    .data = SPAN("{}"),
		    .batch = "b",
		    .batch_final = true,
		    .batch_total = 1,
		    .trace = "00-1",
		    .attempts = 7,
		    .backoff = BACKOFF_FIXED,
		    .backoff_ms = 5 },
		{ .id = "plain", .name = "work", .data = SPAN("{}") } };
	struct queue_step step;
	enum batch_answer out;

	GOOD(queue_batch(
	    redis, Q, "11111111-1111-4111-8111-111111111111", 1, items, 3, &out, &scope));
	cr_expect_eq(out, BATCH_DONE);
	step = take("a", 5);
	cr_assert_eq(step.count, 2u);
	cr_expect_str_eq(step.jobs[0].owner, "ann");
	cr_expect_str_eq(step.jobs[0].batch, "b");
	cr_expect_str_eq(step.jobs[1].lease.id, "plain");
	cr_expect_str_eq(step.jobs[1].owner, "");
	cr_expect(finish("a", step.jobs[0].lease));
	step = take("a", 5);
	cr_assert_eq(step.count, 1u);
	cr_expect_str_eq(step.jobs[0].trace, "00-1");
	cr_expect_eq(step.jobs[0].attempts_allowed, 7);
	cr_expect_eq(step.jobs[0].backoff, BACKOFF_FIXED);
	cr_expect_eq(step.jobs[0].backoff_ms, 5);
}

/* ---- members that are not added */

static enum add_answer
add_unique(const char *id, enum unique_mode mode)
{
	return add_item((struct queue_item){
	    .id = id, .batch = "b", .unique = "key", .unique_mode = mode });
}

static void
add_final(const char *id, int64_t total)
{
	struct queue_item item = {
		.id = id, .batch = "b", .batch_final = true, .batch_total = total
	};

	cr_expect_eq(add_item(item), ADD_DONE);
}

CHECKED(batches, refused_members_have_ended)
{
	struct queue_lease lease;

	add("holder", 0, 0, "key");
	add_final("last", 3);
	cr_expect_eq(add_unique("m1", UNIQUE_UNTIL_DONE), ADD_UNIQUE);
	cr_expect_eq(add_unique("m1", UNIQUE_UNTIL_DONE), ADD_UNIQUE, "the answer was lost");
	cr_expect_eq(add_unique("m2", UNIQUE_LAST), ADD_REPLACED);
	cr_expect_eq(add_unique("m2", UNIQUE_LAST), ADD_REPLACED);
	expect_state("last", "blocked");
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(add_unique("m1", UNIQUE_UNTIL_DONE), ADD_DONE);
	cr_expect(finish("a", take_one("a")));
	expect_state("last", "blocked");
	add_member("m3", false);
	lease = take_one("a");
	expect_state("last", "blocked");
	cr_expect(finish("a", lease));
	expect_next("a", "last");
}

CHECKED(batches, refused_member_is_the_last_one)
{
	add("holder", 0, 60000, "key");
	add_member("m1", false);
	add_final("last", 2);
	cr_expect(finish("a", take_one("a")));
	expect_state("last", "blocked");
	cr_expect_eq(add_unique("m2", UNIQUE_UNTIL_DONE), ADD_UNIQUE);
	expect_next("a", "last");
}

/* ---- again */

CHECKED(batches, cancelled_final_waits_again)
{
	enum cancel_answer out;

	add_final("last", 1);
	GOOD(queue_cancel(redis, Q, "last", &out, &scope));
	GOOD(queue_retry(redis, Q, "last", &scope));
	expect_state("last", "blocked");
	cr_expect_str_eq(show("last").reason, "batch");
	cr_expect_eq(take("a", 1).count, 0u);
	GOOD(queue_cancel(redis, Q, "last", &out, &scope));
	add_member("m1", false);
	cr_expect(finish("a", take_one("a")));
	expect_state("last", "cancelled");
	GOOD(queue_retry(redis, Q, "last", &scope));
	expect_next("a", "last");
}

CHECKED(batches, failed_final_runs_again)
{
	add_final("last", 1);
	add_member("m1", false);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(end_as("a", take_one("a"), END_DEAD, 0), FAIL_DEAD);
	add_member("m2", false);
	cr_expect(finish("a", take_one("a")), "of another batch of that id");
	GOOD(queue_retry(redis, Q, "last", &scope));
	expect_next("a", "last");
}

CHECKED(batches, id_used_again)
{
	for (int use = 0; use < 3; use++) {
		char member[16], other[16], final[16];
		snprintf(member, sizeof(member), "m%d", use);
		snprintf(other, sizeof(other), "o%d", use);
		snprintf(final, sizeof(final), "last%d", use);
		add_member(member, false);
		if (use != 1)
			add_final(final, 2);
		add_member(other, false);
		cr_expect(finish("a", take_one("a")));
		if (use != 1)
			expect_state(final, "blocked");
		cr_expect(finish("a", take_one("a")));
		if (use == 1)
			add_final(final, 2);
		expect_state(final, "waiting");
		cr_expect(finish("a", take_one("a")));
		cr_expect_eq(command("EXISTS cg:{" Q "}:b:b"), 0);
	}
}

/* What is kept of a batch lasts as long as its slowest job, and not for ever. */
CHECKED(batches, members_may_take_long)
{
	add_member("m1", false);
	cr_expect_eq(command("PTTL cg:{" Q "}:bm:b"), -1);
	add_member("m2", false);
	cr_expect(finish("a", take_one("a")));
	cr_expect_eq(command("PTTL cg:{" Q "}:b:b"), -1);
	cr_expect(finish("a", take_one("a")));
	cr_expect_gt(command("PTTL cg:{" Q "}:b:b"), 0);
	add_member("m3", false);
	cr_expect_eq(command("PTTL cg:{" Q "}:b:b"), -1);
	cr_expect_eq(command("PTTL cg:{" Q "}:bm:b"), -1);
	cr_expect(finish("a", take_one("a")));
	add_final("last", 4);
	cr_expect_eq(command("PTTL cg:{" Q "}:b:b"), -1);
	GOOD(queue_remove(redis, Q, "last", &scope));
	cr_expect_gt(command("PTTL cg:{" Q "}:b:b"), 0, "it goes by itself");
}
