/* model_calls: the random calls, each on Redis and on the model, their answers compared. */
#ifndef TESTS_QUEUE_MODEL_CALLS_H
#define TESTS_QUEUE_MODEL_CALLS_H

#include "queue/calls.h"
#include "queue/model.h"

#define QUEUE "github-sync" /* keeps 10 and 5: so much is forgotten */

enum { CONSUMERS = 3, LONG_MS = 86400000 };

static struct model m;
static struct queue_lease lease_of[JOBS], stale[JOBS];
static bool has_stale[JOBS], known_done[JOBS];
static uint64_t seed, dice;
static long step_number;

#define SAME(what, real, wanted)                                                               \
	cr_assert_eq((long)(real), (long)(wanted),                                             \
	    "seed %lu, step %ld: %s: Redis has %ld, the model %ld", (unsigned long)seed,       \
	    step_number, what, (long)(real), (long)(wanted))
#define DONE(call)                                                                             \
	cr_assert_eq(call, OK, "seed %lu, step %ld: %s: %s", (unsigned long)seed, step_number, \
	    #call, scope.fault.story)

/* SplitMix64. */
static uint64_t
roll(void)
{
	uint64_t z = (dice += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int
below(int n)
{
	return (int)(roll() % (uint64_t)n);
}

static bool
one_in(int n)
{
	return below(n) == 0;
}

static const char *
name(char kind, int n)
{
	return arena_format(scope.arena, "%c%d", kind, n);
}

static int
id_of(const char *text)
{
	int64_t n = NOBODY;

	span_int((struct span){ text + 1, strlen(text) - 1 }, &n);
	return (int)n;
}

static const char *
consumer(int n)
{
	return name('w', n);
}

/* A job of that state, any with the same chance; NOBODY. */
static int
any_of(enum state state)
{
	int from = below(JOBS);

	for (int i = 0; i < JOBS; i++)
		if (m.job[(from + i) % JOBS].state == state)
			return (from + i) % JOBS;
	return NOBODY;
}

/* When the jobs of `ids` ended, by one that is still kept; else as late as any that is. */
static int64_t
time_of(enum state state, const int *ids, int count)
{
	const char *set = state == COMPLETED ? "done" : state == FAILED ? "dead" : "cancelled";
	int64_t latest = 0;

	for (int i = 0; i < count; i++) {
		int64_t ms = command(
		    arena_format(scope.arena, "ZSCORE cg:{" QUEUE "}:%s j%d", set, ids[i]));
		if (ms > 0)
			return ms;
	}
	for (int i = 0; i < JOBS; i++)
		if (m.job[i].state == state && m.job[i].ended > latest)
			latest = m.job[i].ended;
	return latest;
}

/* ---- adding */

/* Of one whose unique key is another's. */
static enum add_answer
model_follow(int id, const struct job *new, struct job *h)
{
	if (new->mode != LAST || h->state == GONE || h->unique != new->unique)
		return ADD_UNIQUE;
	if (h->after != NOBODY) {
		remove_job(&m, h->after);
	} else if (h->state == WAITING || h->state == DELAYED || h->state == BLOCKED) {
		h->name = new->name;
		h->data = new->data;
		return ADD_REPLACED;
	} else if (h->state != ACTIVE) {
		return ADD_UNIQUE;
	}
	h->after = id;
	return ADD_KEPT;
}

static void
model_refuse(int id, const struct job *new)
{
	if (new->batch == NOBODY || new->final || m.refused[new->batch][id])
		return;
	m.refused[new->batch][id] = true;
	member_ended(&m, new->batch);
}

static enum add_answer
model_add(int id, struct job new)
{
	enum add_answer answer = ADD_DONE;

	if (m.job[id].state != GONE)
		return ADD_THERE;
	if (new.unique != NOBODY && m.holder[new.unique] != NOBODY)
		answer = model_follow(id, &new, &m.job[m.holder[new.unique]]);
	if (answer == ADD_UNIQUE || answer == ADD_REPLACED) {
		model_refuse(id, &new);
		return answer;
	}
	m.added++;
	m.job[id] = new;
	m.job[id].unfinished_member =
	    new.batch != NOBODY && !new.final && !m.refused[new.batch][id];
	if (answer == ADD_KEPT) {
		m.job[id].state = BLOCKED;
		m.job[id].why = FOR_LAST;
		m.job[id].held = true;
		return answer;
	}
	if (new.unique != NOBODY)
		m.holder[new.unique] = id;
	place(&m, id);
	return answer;
}

static struct job
random_job(void)
{
	struct job j = { .lane = below(3),
		.name = below(NAMES),
		.data = below(1000000),
		.after = NOBODY,
		.aged = one_in(8) };

	j.unique = one_in(2) ? below(UNIQUES) : NOBODY;
	j.mode = (enum mode)(one_in(6) ? FOR_LONG : one_in(3) ? UNTIL_DONE : LAST);
	j.key = one_in(3) ? below(KEYS) : NOBODY;
	j.batch = one_in(6) ? below(BATCHES) : NOBODY;
	j.final = j.batch != NOBODY && one_in(6);
	if (j.final)
		j.total = m.ended_members[j.batch] + below(6);
	j.later = one_in(6);
	j.allowed = one_in(8) ? 1 + below(4) : 0;
	j.keep_done = one_in(10) ? -1 : one_in(10) ? 1 + below(12) : 0;
	j.keep_dead = one_in(10) ? -1 : one_in(10) ? 1 + below(6) : 0;
	return j;
}

static struct queue_item
item_of(int id, const struct job *j)
{
	static const enum unique_mode modes[] = { UNIQUE_UNTIL_DONE, UNIQUE_FOR, UNIQUE_LAST };

	return (struct queue_item){ .id = name('j', id),
		.name = name('n', j->name),
		.data = span_of(name('d', j->data)),
		.lane = QUEUE_LANES[j->lane],
		.delay_ms = j->later ? LONG_MS : 0,
		.unique = j->unique == NOBODY ? NULL : name('u', j->unique),
		.unique_mode = j->unique == NOBODY ? UNIQUE_UNTIL_DONE : modes[j->mode],
		.unique_ms = j->unique != NOBODY && j->mode == FOR_LONG ? LONG_MS : 0,
		.attempts = j->allowed,
		.keep_done = j->keep_done,
		.keep_dead = j->keep_dead,
		.keep_done_ms = j->aged ? LONG_MS : 0,
		.keep_dead_ms = j->aged ? LONG_MS : 0,
		.key = j->key == NOBODY ? NULL : name('k', j->key),
		.key_limit = j->key == NOBODY ? 0 : key_limit(j->key),
		.batch = j->batch == NOBODY ? NULL : name('b', j->batch),
		.batch_final = j->final,
		.batch_total = j->total };
}

static void
do_add(void)
{
	struct job new = random_job();
	int id = below(JOBS);
	struct queue_item item = item_of(id, &new);
	enum add_answer answer;

	DONE(queue_add(redis, QUEUE, &item, &answer, &scope));
	SAME("add", answer, model_add(id, new));
}

static void
do_batch(void)
{
	static const char generation[] = "11111111-1111-4111-8111-111111111111";
	struct queue_item items[8];
	struct job jobs[8];
	int ids[8], count = 1 + below(8);
	enum batch_answer answer;
	int64_t number = command("HGET cg:{" QUEUE "}:m b");

	number = number < 0 ? 1 : number + 1;
	for (int i = 0; i < count; i++) {
		ids[i] = below(JOBS);
		jobs[i] = random_job();
		items[i] = item_of(ids[i], &jobs[i]);
	}
	for (int again = 0; again < 2; again++) {
		DONE(queue_batch(
		    redis, QUEUE, generation, number, items, (size_t)count, &answer, &scope));
		SAME("batch", answer, BATCH_DONE);
	}
	for (int i = 0; i < count; i++)
		model_add(ids[i], jobs[i]);
}

/* The time of a unique key is over. */
static void
do_expire(void)
{
	int u = below(UNIQUES);
	const char *key = arena_format(scope.arena, "cg:{" QUEUE "}:u:u%d", u);

	if (command(arena_format(scope.arena, "PTTL %s", key)) < 0)
		return;
	command(arena_format(scope.arena, "DEL %s", key));
	m.holder[u] = NOBODY;
}

/* ---- working */

static void
keep_stale(int id)
{
	stale[id] = lease_of[id];
	has_stale[id] = true;
	known_done[id] = false;
}

/* Some of the consumer's jobs, to be finished. */
static int
choose_finished(int c, int *ids, struct queue_lease *leases)
{
	int n = 0, from = below(JOBS), most = below(4);

	for (int i = 0; i < JOBS && n < most; i++) {
		int id = (from + i) % JOBS;
		if (m.job[id].state != ACTIVE || m.job[id].holder != c)
			continue;
		leases[n] = lease_of[id];
		keep_stale(id);
		ids[n++] = id;
	}
	return n;
}

static void
model_finish(const int *ids, int count)
{
	int64_t now = time_of(COMPLETED, ids, count);

	for (int i = 0; i < count; i++) {
		known_done[ids[i]] = m.job[ids[i]].keep_done == -1;
		end_job(&m, ids[i], COMPLETED, now);
	}
	if (count > 0)
		bound(&m, COMPLETED, KEEP_COMPLETED);
}

static void
do_step(void)
{
	struct queue_lease leases[4];
	const char *results[4] = { "", "", "", "" };
	int ids[4], wanted[8], c = below(CONSUMERS), count = choose_finished(c, ids, leases);
	struct queue_step s = { .finished = leases,
		.results = results,
		.finished_count = (size_t)count,
		.want = (size_t)below(6) };
	int begun;

	DONE(queue_step(redis, QUEUE, consumer(c), &s, &scope));
	for (int i = 0; i < count; i++)
		SAME("accepted", s.accepted[i], true);
	model_finish(ids, count);
	begun = s.want == 0 ? 0 : take_jobs(&m, c, (int64_t)s.want, wanted);
	SAME("jobs taken", s.count, begun);
	for (int i = 0; i < begun; i++) {
		const struct job *j = &m.job[wanted[i]];
		SAME("the job", id_of(s.jobs[i].lease.id), wanted[i]);
		SAME("its lane", s.jobs[i].lease.lane, QUEUE_LANES[j->lane]);
		SAME("its data", id_of(s.jobs[i].data.ptr), j->data);
		SAME("its attempts", s.jobs[i].attempts, j->attempts);
		SAME("its crashes", s.jobs[i].crashes, j->crashes);
		SAME("allowed", s.jobs[i].attempts_allowed, j->allowed);
		lease_of[wanted[i]] = s.jobs[i].lease;
	}
}

static enum fail_answer
model_fail(int id, enum job_end end)
{
	enum state ended;
	int64_t now;

	if (m.job[id].wish)
		end = END_CANCEL;
	ended = end == END_CANCEL ? CANCELLED : FAILED;
	now = time_of(ended, &id, 1);
	switch (end) {
	case END_FAIL: fail(&m, id, now); break;
	case END_DEAD:
		m.job[id].attempts++;
		end_job(&m, id, FAILED, now);
		break;
	case END_SNOOZE: put_off(&m, id); break;
	case END_BACK: wait_in_lane(&m, id); break;
	case END_CRASH: crash(&m, id, now); break;
	case END_CANCEL: end_job(&m, id, CANCELLED, now); break;
	}
	if (m.job[id].state == WAITING || m.job[id].state == DELAYED)
		return FAIL_AGAIN;
	return end == END_CANCEL ? FAIL_CANCELLED : FAIL_DEAD;
}

static void
do_fail(void)
{
	struct queue_failure failure = { .end = (enum job_end)below(6),
		.attempts = ROW_ATTEMPTS,
		.backoff_ms = LONG_MS,
		.delay_ms = LONG_MS,
		.error = "it broke" };
	int id = any_of(ACTIVE);
	enum fail_answer answer;
	const char *who;

	if (id == NOBODY)
		return;
	who = consumer(m.job[id].holder);
	DONE(queue_fail(redis, QUEUE, who, &lease_of[id], &failure, &answer, &scope));
	keep_stale(id);
	SAME("fail", answer, model_fail(id, failure.end));
	if (answer != FAIL_AGAIN || !one_in(8))
		return;
	DONE(queue_fail(redis, QUEUE, who, &stale[id], &failure, &answer, &scope));
	SAME("the same end once more", answer, FAIL_AGAIN);
}

/* An entry that was ended before ends nothing; how the end of a job that is not kept was answered
 * is known for a minute. */
static void
do_zombie(void)
{
	struct queue_lease lease;
	enum beat_answer kept;
	int64_t orphans;
	int id = below(JOBS);

	if (!has_stale[id])
		return;
	lease = stale[id];
	DONE(queue_beat(redis, QUEUE, "zombie", &lease, 1, &kept, &orphans, &scope));
	SAME("a zombie's beat", kept, BEAT_LOST);
	SAME("a zombie's progress",
	    queue_progress(redis, QUEUE, "zombie", &lease, "{}", &scope), ERR_CONFLICT);
	if (m.job[id].state != ACTIVE || strcmp(lease_of[id].entry, lease.entry) == 0)
		return;
	{
		const char *result = "";
		struct queue_step s = {
			.finished = &lease, .results = &result, .finished_count = 1
		};
		DONE(queue_step(redis, QUEUE, consumer(0), &s, &scope));
		SAME("a zombie's end", s.accepted[0] && !known_done[id], false);
		m.lost += !s.accepted[0];
	}
}

static bool
is_marked(const struct job *j, int lane)
{
	return j->lane == lane && j->marked;
}

/* A consumer forgets some of its jobs: they are given back, in the order of their entries. */
static void
do_beat(void)
{
	struct queue_lease leases[JOBS];
	enum beat_answer kept[JOBS];
	int named[JOBS], n = 0, lost = 0, c = below(CONSUMERS), id;
	int64_t orphans;

	for (int i = 0; i < JOBS; i++) {
		if (m.job[i].state != ACTIVE || m.job[i].holder != c)
			continue;
		m.job[i].marked = one_in(6);
		leases[n] = lease_of[i];
		named[n] = i;
		n += !m.job[i].marked;
	}
	DONE(queue_beat(redis, QUEUE, consumer(c), leases, (size_t)n, kept, &orphans, &scope));
	for (int i = 0; i < n; i++)
		SAME("beat", kept[i], m.job[named[i]].wish ? BEAT_CANCEL : BEAT_KEPT);
	for (int lane = 0; lane < 3; lane++)
		for (; (id = first_of(&m, ACTIVE, is_marked, lane)) != NOBODY; lost++) {
			m.job[id].marked = false;
			keep_stale(id);
			model_fail(id, END_BACK);
		}
	SAME("orphans", orphans, lost);
}

static void
do_reap(void)
{
	int64_t first, second;
	int id = one_in(3) ? NOBODY : any_of(ACTIVE);

	if (id != NOBODY)
		command(arena_format(scope.arena,
		    "XCLAIM cg:{" QUEUE "}:s:%c w away 0 %s IDLE %d JUSTID", lease_of[id].lane,
		    lease_of[id].entry, QUEUE_LEASE_MS + 1));
	DONE(queue_reap(redis, QUEUE, &first, &scope)); /* the first after a silence waits */
	DONE(queue_reap(redis, QUEUE, &second, &scope));
	SAME("reaped", first + second, id != NOBODY);
	if (id == NOBODY)
		return;
	keep_stale(id);
	model_fail(id, END_CRASH);
}

/* ---- people */

static void
do_cancel(void)
{
	int id = one_in(3) ? any_of(ACTIVE) : below(JOBS);
	enum cancel_answer answer;
	struct job *j;
	enum err e;

	if (id == NOBODY)
		return;
	j = &m.job[id];
	e = queue_cancel(redis, QUEUE, name('j', id), &answer, &scope);
	SAME("cancel", e, j->state == GONE ? ERR_NOT_FOUND : OK);
	if (e != OK)
		return;
	switch (j->state) {
	case ACTIVE:
		j->wish = true;
		SAME("cancel", answer, CANCEL_ASKED);
		return;
	case COMPLETED:
	case FAILED: SAME("cancel", answer, CANCEL_OVER); return;
	default: SAME("cancel", answer, CANCEL_DONE);
	}
	if (j->state == CANCELLED)
		return;
	for (int i = 0; i < JOBS; i++)
		if (m.job[i].state != GONE && m.job[i].after == id)
			m.job[i].after = NOBODY;
	end_job(&m, id, CANCELLED, time_of(CANCELLED, &id, 1));
}

static void
do_remove(void)
{
	int id = one_in(3) ? any_of(BLOCKED) : below(JOBS);
	enum state state;
	enum err e;

	if (id == NOBODY)
		return;
	state = m.job[id].state;
	e = queue_remove(redis, QUEUE, name('j', id), &scope);
	SAME("remove", e, state == GONE ? ERR_NOT_FOUND : state == ACTIVE ? ERR_CONFLICT : OK);
	if (e == OK)
		remove_job(&m, id);
}

static bool
model_retry(int id)
{
	struct job *j = &m.job[id];

	if (j->state != DELAYED && j->state != FAILED && j->state != CANCELLED)
		return false;
	if (j->state != DELAYED && j->unique != NOBODY && j->mode != FOR_LONG) {
		if (m.holder[j->unique] != NOBODY && m.holder[j->unique] != id)
			return false;
		m.holder[j->unique] = id;
	}
	j->attempts = j->crashes = 0;
	j->wish = j->later = false;
	if (j->final && j->held)
		place(&m, id);
	else
		wait_in_lane(&m, id);
	return true;
}

static void
do_retry(void)
{
	int id = one_in(2) ? any_of((enum state)(DELAYED + below(6))) : below(JOBS);
	enum err e;

	if (id == NOBODY)
		return;
	e = queue_retry(redis, QUEUE, name('j', id), &scope);
	if (m.job[id].state == GONE)
		SAME("retry", e, ERR_NOT_FOUND);
	else
		SAME("retry", e, model_retry(id) ? OK : ERR_CONFLICT);
}

static void
do_retry_all(void)
{
	int64_t limit = 1 + below(4), retried, n = 0;
	int ids[JOBS], count = 0, id;

	DONE(queue_retry_all(redis, QUEUE, limit, &retried, &scope));
	while ((id = oldest(&m, FAILED)) != NOBODY) {
		ids[count++] = id;
		m.job[id].state = STATES; /* seen */
	}
	for (int i = 0; i < count; i++)
		m.job[ids[i]].state = FAILED;
	for (int i = 0; i < count && n < limit; i++)
		n += model_retry(ids[i]);
	SAME("retried", retried, n);
}

static void
do_promote(void)
{
	int id = any_of(DELAYED);
	int64_t promoted, due;

	if (id == NOBODY)
		return;
	if (one_in(2)) {
		DONE(queue_promote(redis, QUEUE, name('j', id), &scope));
	} else {
		command(arena_format(scope.arena, "ZADD cg:{" QUEUE "}:dly 1 j%d", id));
		DONE(queue_tick(redis, QUEUE, &promoted, &due, &scope));
		SAME("promoted", promoted, 1);
	}
	wait_in_lane(&m, id);
}

static void
do_settings(void)
{
	struct queue_limits now, set = { below(12), QUEUE_LIMIT_LEAVE, QUEUE_LIMIT_LEAVE };

	if (one_in(2)) {
		m.paused = one_in(4);
		DONE(queue_pause(redis, QUEUE, m.paused, &scope));
		return;
	}
	DONE(queue_limit(redis, QUEUE, &set, &now, &scope));
	SAME("limit", now.concurrency, set.concurrency);
	m.concurrency = set.concurrency;
}

#endif
