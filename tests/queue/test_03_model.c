/* Random calls, on a real Redis and on the model beside it: the same answers, states, orders
 * and counts after each. MODEL_SEED and MODEL_STEPS ask for another run; the seed is printed. */
#include <time.h>

#include "queue/model_calls.h"

enum { STEPS = 100000, LOOK_EVERY = 1000, CHECK_EVERY = 5000 };

TestSuite(model, .init = open_queue, .fini = close_queue);

static void
do_drain(void)
{
	bool too = one_in(2), more;
	int64_t removed, n = 0;
	int id;

	DONE(queue_drain(redis, QUEUE, too, &removed, &more, &scope));
	SAME("more to drain", more, false);
	for (;; n++) {
		if (!too ||
		    ((id = any_of(BLOCKED)) == NOBODY && (id = any_of(DELAYED)) == NOBODY))
			id = any_of(WAITING);
		if (id == NOBODY)
			break;
		remove_job(&m, id);
	}
	SAME("drained", removed, n);
}

static void
do_purge(void)
{
	static const char *const words[] = { "completed", "failed", "cancelled" };
	int which = below(3), id;
	int64_t removed, n = 0;
	bool more;

	DONE(queue_purge(redis, QUEUE, words[which], 0, &removed, &more, &scope));
	for (; (id = any_of((enum state)(COMPLETED + which))) != NOBODY; n++)
		remove_job(&m, id);
	SAME("purged", removed, n);
}

/* The time that a job is kept is over: it goes, or at least its id is free. */
static void
do_outlive(void)
{
	int id = any_of((enum state)(COMPLETED + below(3)));
	struct job new = random_job();
	struct queue_item item;
	enum add_answer answer;
	int64_t reaped;

	if (id == NOBODY || !m.job[id].aged)
		return;
	command(arena_format(scope.arena, "ZADD cg:{" QUEUE "}:own 1 j%d", id));
	forget(&m, id);
	if (one_in(2)) {
		item = item_of(id, &new);
		DONE(queue_add(redis, QUEUE, &item, &answer, &scope));
		SAME("add where one was", answer, model_add(id, new));
		return;
	}
	DONE(queue_reap(redis, QUEUE, &reaped, &scope)); /* the first after a silence waits */
	DONE(queue_reap(redis, QUEUE, &reaped, &scope));
}

static const struct {
	int weight;
	void (*run)(void);
} calls[] = { { 300, do_add }, { 20, do_batch }, { 330, do_step }, { 130, do_fail },
	{ 20, do_zombie }, { 15, do_beat }, { 20, do_reap }, { 40, do_cancel },
	{ 30, do_remove }, { 30, do_retry }, { 3, do_retry_all }, { 60, do_promote },
	{ 10, do_settings }, { 15, do_expire }, { 1, do_drain }, { 2, do_purge },
	{ 20, do_outlive } };

static void
any_call(void)
{
	int total = 0, at;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		total += calls[i].weight;
	at = below(total);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if ((at -= calls[i].weight) < 0) {
			calls[i].run();
			return;
		}
}

/* ---- looking at all of it */

/* The values of one command; lists of ids. */
static struct redis_reply
values(const char *line)
{
	struct span rest = span_of(line), words[8];
	struct redis_reply reply;
	size_t n = 0;

	while (rest.ptr != NULL)
		words[n++] = span_cut(&rest, ' ');
	DONE(redis_call(redis, words, n, &reply, &scope));
	return reply;
}

static bool
is_in_lane(const struct job *j, int lane)
{
	return j->lane == lane && j->marked;
}

/* Entries of a lane: those that wait and those that run, as they came. */
static void
look_at_lane(int lane)
{
	struct redis_reply entries = values(
	    arena_format(scope.arena, "XRANGE cg:{" QUEUE "}:s:%c - +", QUEUE_LANES[lane]));

	for (int i = 0; i < JOBS; i++)
		m.job[i].marked = m.job[i].state == WAITING || m.job[i].state == ACTIVE;
	for (size_t i = 0; i + 2 < entries.count; i += 3) {
		int waiting = first_of(&m, WAITING, is_in_lane, lane);
		int active = first_of(&m, ACTIVE, is_in_lane, lane);
		int next = waiting == NOBODY ? active : waiting;
		if (active != NOBODY && m.job[active].order < m.job[next].order)
			next = active;
		SAME("next in the lane", id_of(redis_text(&entries, i + 2)), next);
		m.job[next].marked = false;
	}
	SAME("more in the lane", first_of(&m, WAITING, is_in_lane, lane), NOBODY);
	SAME("more run", first_of(&m, ACTIVE, is_in_lane, lane), NOBODY);
	for (int i = 0; i < JOBS; i++)
		m.job[i].marked = false;
}

static void
look_at_ended(enum state state, const char *set)
{
	struct redis_reply ids =
	    values(arena_format(scope.arena, "ZRANGE cg:{" QUEUE "}:%s 0 -1", set));
	int seen[JOBS], n = 0, id;

	while ((id = oldest(&m, state)) != NOBODY) {
		seen[n++] = id;
		m.job[id].state = STATES;
	}
	for (int i = 0; i < n; i++)
		m.job[seen[i]].state = state;
	SAME(set, ids.count, n);
	for (int i = 0; i < n; i++)
		SAME(set, id_of(redis_text(&ids, (size_t)i)), seen[i]);
}

static void
look_at_key(int key)
{
	struct redis_reply line =
	    values(arena_format(scope.arena, "ZRANGE cg:{" QUEUE "}:kq:k%d 0 -1", key));
	int64_t before = 0;

	SAME("places", command(arena_format(scope.arena, "SCARD cg:{" QUEUE "}:k:k%d", key)),
	    places_taken(&m, key));
	for (size_t i = 0; i < line.count; i++) {
		const struct job *j = &m.job[id_of(redis_text(&line, i))];
		SAME("in line", j->state == BLOCKED && in_line(j, key) && j->order > before,
		    true);
		before = j->order;
	}
	for (int i = 0; i < JOBS; i++)
		line.count -= m.job[i].state == BLOCKED && in_line(&m.job[i], key);
	SAME("as many in line", line.count, 0);
}

static void
look_at_stats(void)
{
	struct queue_stats s;

	DONE(queue_stats(redis, QUEUE, &s, &scope));
	SAME("waiting", s.waiting, count_of(&m, WAITING));
	SAME("active", s.active, count_of(&m, ACTIVE));
	SAME("delayed", s.delayed, count_of(&m, DELAYED));
	SAME("blocked", s.blocked, count_of(&m, BLOCKED));
	SAME("completed now", s.done, count_of(&m, COMPLETED));
	SAME("failed now", s.dead, count_of(&m, FAILED));
	SAME("cancelled now", s.cancelled, count_of(&m, CANCELLED));
	SAME("paused", s.paused, m.paused);
	SAME("added", s.added, m.added);
	SAME("completed", s.completed, m.completed);
	SAME("failed", s.failed, m.failed);
	SAME("retried", s.retried, m.retried);
	SAME("crashed", s.crashed, m.crashed);
	SAME("lost", s.lost, m.lost);
	SAME("cancels", s.cancels, m.cancels);
}

static void
look_at_job(int id)
{
	static const char *const states[] = { "", "waiting", "delayed", "active", "blocked",
		"completed", "failed", "cancelled" };
	static const char *const whys[] = { "", "key", "batch", "last" };
	const struct job *j = &m.job[id];
	struct queue_view v;
	enum err e = queue_show(redis, QUEUE, name('j', id), &v, &scope);

	SAME("there", e, j->state == GONE ? ERR_NOT_FOUND : OK);
	if (j->state == GONE)
		return;
	SAME(v.state, strcmp(v.state, states[j->state]), 0);
	SAME("data", id_of(v.data), j->data);
	SAME("attempts", v.attempts, j->attempts);
	SAME("crashes", v.crashes, j->crashes);
	SAME("cancel asked", v.cancel_asked, j->wish && j->state == ACTIVE);
	if (j->state == BLOCKED)
		SAME(v.reason, strcmp(v.reason, whys[j->why]), 0);
}

static void
look_at_ties(void)
{
	for (int i = 0; i < UNIQUES; i++) {
		struct redis_reply r =
		    values(arena_format(scope.arena, "GET cg:{" QUEUE "}:u:u%d", i));
		SAME("holder", redis_is_nil(&r, 0) ? NOBODY : id_of(redis_text(&r, 0)),
		    m.holder[i]);
	}
	for (int i = 0; i < KEYS; i++)
		look_at_key(i);
	for (int i = 0; i < BATCHES; i++) {
		int64_t n = command(arena_format(scope.arena, "GET cg:{" QUEUE "}:b:b%d", i));
		SAME("members ended", n, m.ended_members[i] ? m.ended_members[i] : -1);
	}
}

static void
look_at_own(void)
{
	static const char *const sets[] = { "done", "dead", "cancelled" };
	int own = 0;

	for (int set = 0; set < 3; set++)
		for (int n = 0; n < NAMES; n++) {
			int wanted = 0;
			for (int i = 0; i < JOBS; i++) {
				const struct job *j = &m.job[i];
				if ((int)j->state != COMPLETED + set || j->name != n)
					continue;
				wanted += own_keep(j) > 0;
				own += own_keep(j) > 0 || j->aged;
			}
			SAME("of a name",
			    command(arena_format(
			        scope.arena, "ZCARD cg:{" QUEUE "}:n:%s:n%d", sets[set], n)),
			    wanted);
		}
	SAME("with a time of their own", command("ZCARD cg:{" QUEUE "}:own"), own);
}

static void
look_at_all(void)
{
	look_at_own();
	look_at_stats();
	for (int lane = 0; lane < 3; lane++)
		look_at_lane(lane);
	look_at_ended(COMPLETED, "done");
	look_at_ended(FAILED, "dead");
	look_at_ended(CANCELLED, "cancelled");
	look_at_ties();
	for (int i = 0; i < JOBS; i++) {
		look_at_job(i);
		arena_reset(scope.arena);
	}
}

static long
number_from(const char *variable, long fallback)
{
	const char *text = getenv(variable);
	int64_t n = fallback;

	if (text != NULL)
		cr_assert(span_int(span_of(text), &n), "%s is a number", variable);
	return (long)n;
}

Test(model, same_as_redis, .timeout = 1200)
{
	long steps = number_from("MODEL_STEPS", STEPS);
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	seed = dice =
	    (uint64_t)number_from("MODEL_SEED", t.tv_sec * 1000 + t.tv_nsec / 1000000);
	fprintf(stderr, "model: MODEL_SEED=%lu MODEL_STEPS=%ld\n", (unsigned long)seed, steps);
	model_init(&m);
	for (step_number = 1; step_number <= steps; step_number++) {
		any_call();
		fault_reset(&scope.fault);
		arena_reset(scope.arena);
		if (step_number % 50 == 0)
			look_at_stats();
		if (step_number % LOOK_EVERY == 0)
			look_at_all();
		if (step_number % CHECK_EVERY == 0)
			SAME("check", check(QUEUE, false), 0);
	}
	look_at_all();
	SAME("check", check(QUEUE, false), 0);
	fprintf(stderr, "model: %ld added, %ld completed, %ld failed, %ld cancelled\n",
	    (long)m.added, (long)m.completed, (long)m.failed, (long)m.cancels);
}
