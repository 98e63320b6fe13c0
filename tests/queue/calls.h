/* calls: a job's whole life in short calls, on the Redis of redis.h; and check, which must have
 * nothing to say when a test is over. */
#ifndef TESTS_QUEUE_CALLS_H
#define TESTS_QUEUE_CALLS_H

#include "queue/redis.h"

#define Q "maintenance"
#define GOOD(call) cr_assert_eq(call, OK, "%s: %s", #call, scope.fault.story)

static inline enum add_answer
add(const char *id, char lane, int64_t delay_ms, const char *unique)
{
	struct queue_item item = { .id = id,
		.name = "work",
		.data = SPAN("{\"a\":1}"),
		.lane = lane,
		.delay_ms = delay_ms,
		.unique = unique };
	enum add_answer out;

	GOOD(queue_add(redis, Q, &item, &out, &scope));
	return out;
}

static inline struct queue_step
take(const char *consumer, size_t want)
{
	struct queue_step step = { .want = want };

	GOOD(queue_step(redis, Q, consumer, &step, &scope));
	return step;
}

static inline struct queue_lease
take_one(const char *consumer)
{
	struct queue_step step = take(consumer, 1);

	cr_assert_eq(step.count, 1u, "%s got no job", consumer);
	return step.jobs[0].lease;
}

static inline bool
finish(const char *consumer, struct queue_lease lease)
{
	const char *result = "well";
	struct queue_step step = {
		.finished = &lease, .results = &result, .finished_count = 1
	};

	GOOD(queue_step(redis, Q, consumer, &step, &scope));
	return step.accepted[0];
}

static inline enum fail_answer
end_as(const char *consumer, struct queue_lease lease, enum job_end end, int64_t delay_ms)
{
	struct queue_failure failure = { .end = end,
		.attempts = 3,
		.backoff_ms = 2000,
		.delay_ms = delay_ms,
		.error = "it broke" };
	enum fail_answer out;

	GOOD(queue_fail(redis, Q, consumer, &lease, &failure, &out, &scope));
	return out;
}

static inline struct queue_stats
stats(void)
{
	struct queue_stats s;

	GOOD(queue_stats(redis, Q, &s, &scope));
	return s;
}

static inline struct queue_view
show(const char *id)
{
	struct queue_view v;

	GOOD(queue_show(redis, Q, id, &v, &scope));
	return v;
}

static inline void
expect_stats(int64_t waiting, int64_t active, int64_t delayed, int64_t done, int64_t dead)
{
	struct queue_stats s = stats();

	cr_expect_eq(s.waiting, waiting, "waiting %ld", (long)s.waiting);
	cr_expect_eq(s.active, active, "active %ld", (long)s.active);
	cr_expect_eq(s.delayed, delayed, "delayed %ld", (long)s.delayed);
	cr_expect_eq(s.done, done, "done %ld", (long)s.done);
	cr_expect_eq(s.dead, dead, "dead %ld", (long)s.dead);
}

/* The lease of an entry ran out; with one job an id is enough. */
static inline void
let_lapse(struct queue_lease lease)
{
	char line[256];

	snprintf(line, sizeof(line), "XCLAIM cg:{" Q "}:s:%c w away 0 %s IDLE %d JUSTID",
	    lease.lane, lease.entry, QUEUE_LEASE_MS + 1);
	command(line);
}

static inline void
make_due(const char *id)
{
	char line[256];

	snprintf(line, sizeof(line), "ZADD cg:{" Q "}:dly 1 %s", id);
	command(line);
}

/* In how many ms the one delayed job is due. */
static inline int64_t
due_in(void)
{
	int64_t promoted, due;

	GOOD(queue_tick(redis, Q, &promoted, &due, &scope));
	cr_expect_eq(promoted, 0);
	return due;
}

static inline enum add_answer
add_item(struct queue_item item)
{
	enum add_answer out;

	if (item.name == NULL)
		item.name = "work";
	if (item.data.ptr == NULL)
		item.data = SPAN("{\"a\":1}");
	GOOD(queue_add(redis, Q, &item, &out, &scope));
	return out;
}

static inline void
expect_state(const char *id, const char *state)
{
	struct queue_view v;
	enum err e = queue_show(redis, Q, id, &v, &scope);

	cr_expect_eq(e, OK, "there is no %s", id);
	if (e == OK)
		cr_expect_str_eq(v.state, state, "%s is %s", id, v.state);
}

static inline void
expect_gone(const char *id)
{
	struct queue_view v;

	cr_expect_eq(queue_show(redis, Q, id, &v, &scope), ERR_NOT_FOUND, "%s is there", id);
}

static inline void
expect_next(const char *consumer, const char *id)
{
	struct queue_step step = take(consumer, 1);

	cr_assert_eq(step.count, 1u, "%s got no job, not %s", consumer, id);
	cr_expect_str_eq(step.jobs[0].lease.id, id);
}

static inline int64_t
reap(void)
{
	int64_t n;

	GOOD(queue_reap(redis, Q, &n, &scope));
	return n;
}

/* How many faults check tells; they are printed. */
static inline size_t
check(const char *queue, bool repair)
{
	struct queue_fault *faults;
	size_t count;
	int64_t looked_at;

	GOOD(queue_check(redis, queue, repair, &faults, &count, &looked_at, &scope));
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%s: %s: %s%s\n", queue, faults[i].what, faults[i].key,
		    faults[i].mended ? " (mended)" : "");
	return count;
}

static inline void
expect_silence(void)
{
	cr_expect_eq(check(Q, false), 0u, "what is left does not fit together");
	cr_expect_eq(check("github-sync", false), 0u, "nor there");
}

/* A test after which check has nothing to say. (In a .fini Criterion believes no assertion.) */
#define CHECKED(suite, name)                                                                   \
	static void suite##_##name##_body(void);                                               \
	Test(suite, name)                                                                      \
	{                                                                                      \
		suite##_##name##_body();                                                       \
		expect_silence();                                                              \
	}                                                                                      \
	static void suite##_##name##_body(void)

#endif
