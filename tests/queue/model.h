/* model: the rules of the queue once more, as plain C without a Redis: what a job is in, who
 * waits for whom, in which order. It knows no time: a delay never ends by itself, and the one
 * clock reading it needs, of ended jobs, is given to it. */
#ifndef TESTS_QUEUE_MODEL_H
#define TESTS_QUEUE_MODEL_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { JOBS = 260, UNIQUES = 6, KEYS = 5, BATCHES = 4, NAMES = 3, NOBODY = -1 };
enum { KEEP_COMPLETED = 10, KEEP_FAILED = 5, CRASH_LIMIT = 3, ROW_ATTEMPTS = 3, EVERY = 16 };

enum state { GONE, WAITING, DELAYED, ACTIVE, BLOCKED, COMPLETED, FAILED, CANCELLED, STATES };
enum why { FOR_NOTHING, FOR_KEY, FOR_BATCH, FOR_LAST };
enum mode { UNTIL_DONE, FOR_LONG, LAST };

struct job {
	enum state state;
	enum why why;
	int lane, name, data, unique, key, batch, after;
	enum mode mode;
	bool final, later, wish, has_place, unfinished_member;
	bool held;   /* blocked before it had its place, and not let go since */
	bool marked; /* by a test that goes through some */
	bool aged;   /* says how long it is kept */
	int64_t total, attempts, crashes, allowed, keep_done, keep_dead;
	int64_t order; /* in its lane or line */
	int64_t ended; /* ms */
	int holder;    /* the consumer of an active one */
};

struct model {
	struct job job[JOBS];
	int holder[UNIQUES]; /* of a unique key */
	int64_t ended_members[BATCHES];
	bool refused[BATCHES][JOBS]; /* counted without having been added */
	int64_t order, turn, concurrency;
	bool paused;
	int64_t added, completed, failed, retried, crashed, lost, cancels;
};

static inline void
model_init(struct model *m)
{
	*m = (struct model){ .order = 0 };
	for (int i = 0; i < UNIQUES; i++)
		m->holder[i] = NOBODY;
}

/* The first job (by `order`) of that state for which the filter holds, or NOBODY. */
static inline int
first_of(const struct model *m, enum state state, bool (*is)(const struct job *, int), int of)
{
	int best = NOBODY;

	for (int i = 0; i < JOBS; i++)
		if (m->job[i].state == state && is(&m->job[i], of) &&
		    (best == NOBODY || m->job[i].order < m->job[best].order))
			best = i;
	return best;
}

static inline int
count_of(const struct model *m, enum state state)
{
	int n = 0;

	for (int i = 0; i < JOBS; i++)
		n += m->job[i].state == state;
	return n;
}

static inline bool
in_lane(const struct job *j, int lane)
{
	return j->lane == lane;
}

static inline bool
in_line(const struct job *j, int key)
{
	return j->why == FOR_KEY && j->key == key;
}

static inline int
key_limit(int key)
{
	return 1 + key % 3;
}

static inline int
places_taken(const struct model *m, int key)
{
	int n = 0;

	for (int i = 0; i < JOBS; i++)
		n += m->job[i].has_place && m->job[i].key == key;
	return n;
}

/* ---- ways into a state */

static inline void
wait_in_lane(struct model *m, int id)
{
	m->job[id].state = WAITING;
	m->job[id].why = FOR_NOTHING;
	m->job[id].held = false;
	m->job[id].order = ++m->order;
}

/* The final job goes on; with nobody left the batch is forgotten. */
static inline void
close_batch(struct model *m, int final)
{
	int batch = m->job[final].batch;

	if (m->job[final].total == 0)
		return;
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &m->job[i];
		if (i != final && j->state != GONE && j->batch == batch &&
		    (j->unfinished_member || (j->state == BLOCKED && j->why == FOR_BATCH)))
			return;
	}
	m->ended_members[batch] = 0;
	memset(m->refused[batch], 0, sizeof(m->refused[batch]));
}

static inline void
place(struct model *m, int id)
{
	struct job *j = &m->job[id];

	if (j->final && m->ended_members[j->batch] < j->total) {
		j->state = BLOCKED;
		j->why = FOR_BATCH;
		j->held = true;
		return;
	}
	if (j->final)
		close_batch(m, id);
	if (j->later) {
		j->state = DELAYED;
		j->why = FOR_NOTHING;
		j->held = false;
	} else {
		wait_in_lane(m, id);
	}
}

static inline void
serve_line(struct model *m, int key)
{
	int id;

	while (places_taken(m, key) < key_limit(key) &&
	       (id = first_of(m, BLOCKED, in_line, key)) != NOBODY) {
		m->job[id].has_place = true;
		wait_in_lane(m, id);
	}
}

static inline void
leave_place(struct model *m, int id)
{
	if (!m->job[id].has_place)
		return;
	m->job[id].has_place = false;
	serve_line(m, m->job[id].key);
}

static inline int
compare_ids(int a, int b)
{
	char x[16], y[16];

	snprintf(x, sizeof(x), "j%d", a);
	snprintf(y, sizeof(y), "j%d", b);
	return strcmp(x, y);
}

static inline void
member_ended(struct model *m, int batch)
{
	m->ended_members[batch]++;
	for (;;) {
		int next = NOBODY;
		for (int i = 0; i < JOBS; i++) {
			const struct job *j = &m->job[i];
			if (j->state == BLOCKED && j->why == FOR_BATCH && j->batch == batch &&
			    m->ended_members[batch] >= j->total &&
			    (next == NOBODY || compare_ids(i, next) < 0))
				next = i;
		}
		if (next == NOBODY)
			return;
		place(m, next);
	}
}

/* The job is out of its place and nothing waits for it any more. */
static inline void
untie(struct model *m, int id, bool forgotten)
{
	struct job *j = &m->job[id];

	if (j->unique != NOBODY && m->holder[j->unique] == id) {
		if (j->after != NOBODY) {
			m->holder[j->unique] = j->after;
			place(m, j->after);
			j->after = NOBODY;
		} else if (forgotten || j->mode != FOR_LONG) {
			m->holder[j->unique] = NOBODY;
		}
	}
	leave_place(m, id);
	if (j->unfinished_member) {
		j->unfinished_member = false;
		member_ended(m, j->batch);
	}
}

static inline void
forget(struct model *m, int id)
{
	m->job[id] = (struct job){ .state = GONE };
}

/* ---- ends */

/* Of two ended jobs the one that goes first. */
static inline bool
older(const struct model *m, int a, int b)
{
	if (m->job[a].ended != m->job[b].ended)
		return m->job[a].ended < m->job[b].ended;
	return compare_ids(a, b) < 0;
}

static inline int
oldest(const struct model *m, enum state state)
{
	int best = NOBODY;

	for (int i = 0; i < JOBS; i++)
		if (m->job[i].state == state && (best == NOBODY || older(m, i, best)))
			best = i;
	return best;
}

static inline void
bound(struct model *m, enum state state, int64_t keep)
{
	while (count_of(m, state) > keep)
		forget(m, oldest(m, state));
}

/* How many of its name and kind a job wants kept; 0: it does not say. */
static inline int64_t
own_keep(const struct job *j)
{
	return j->state == FAILED ? j->keep_dead : j->keep_done;
}

/* Those of its name that say so, and no others. */
static inline void
bound_own(struct model *m, int id)
{
	const struct job wanted = m->job[id];

	for (;;) {
		int n = 0, first = NOBODY;
		for (int i = 0; i < JOBS; i++) {
			const struct job *j = &m->job[i];
			if (j->state != wanted.state || j->name != wanted.name ||
			    own_keep(j) <= 0)
				continue;
			n++;
			if (first == NOBODY || older(m, i, first))
				first = i;
		}
		if (n <= own_keep(&wanted))
			return;
		forget(m, first);
	}
}

static inline void
end_job(struct model *m, int id, enum state state, int64_t now)
{
	struct job *j = &m->job[id];
	int64_t own;

	j->state = state;
	own = own_keep(j);
	j->why = FOR_NOTHING;
	j->ended = now;
	untie(m, id, false);
	*(state == FAILED ? &m->failed : state == CANCELLED ? &m->cancels : &m->completed) += 1;
	if (own == -1)
		forget(m, id);
	if (own > 0)
		bound_own(m, id);
	if (state != COMPLETED)
		bound(m, state, state == FAILED ? KEEP_FAILED : KEEP_COMPLETED);
}

static inline void
put_off(struct model *m, int id)
{
	m->job[id].state = DELAYED;
	leave_place(m, id);
}

static inline void
crash(struct model *m, int id, int64_t now)
{
	m->crashed++;
	if (++m->job[id].crashes >= CRASH_LIMIT)
		end_job(m, id, FAILED, now);
	else
		wait_in_lane(m, id);
}

static inline void
fail(struct model *m, int id, int64_t now)
{
	struct job *j = &m->job[id];

	if (++j->attempts >= (j->allowed ? j->allowed : ROW_ATTEMPTS)) {
		end_job(m, id, FAILED, now);
		return;
	}
	m->retried++;
	put_off(m, id);
}

/* Out of the place where it is, as if it had never been. */
static inline void
remove_job(struct model *m, int id)
{
	struct job *j = &m->job[id];

	for (int i = 0; i < JOBS; i++)
		if (m->job[i].state != GONE && m->job[i].after == id)
			m->job[i].after = NOBODY;
	j->state = COMPLETED; /* anything that nothing finds */
	j->why = FOR_NOTHING;
	untie(m, id, true);
	forget(m, id);
}

/* ---- taking */

static inline bool
may_begin(struct model *m, int id)
{
	struct job *j = &m->job[id];

	if (j->key == NOBODY || j->has_place)
		return true;
	if (places_taken(m, j->key) < key_limit(j->key)) {
		j->has_place = true;
		return true;
	}
	j->state = BLOCKED;
	j->why = FOR_KEY;
	j->order = ++m->order;
	return false;
}

/* The jobs that a consumer gets, in their order; how many. */
static inline int
take_jobs(struct model *m, int consumer, int64_t want, int *out)
{
	int64_t may = m->paused ? 0 : want;
	bool backwards = m->turn % EVERY == EVERY - 1;
	int n = 0;

	if (m->concurrency > 0 && m->concurrency - count_of(m, ACTIVE) < may)
		may = m->concurrency - count_of(m, ACTIVE);
	for (int i = 0; i < 3; i++) {
		int id, lane = backwards ? 2 - i : i;
		while (n < may && (id = first_of(m, WAITING, in_lane, lane)) != NOBODY) {
			if (!may_begin(m, id))
				continue;
			m->job[id].state = ACTIVE;
			m->job[id].holder = consumer;
			out[n++] = id;
		}
	}
	if (may > 0 && n >= may)
		m->turn++;
	return n;
}

#endif
