/* spare: a ring of jobs to be begun and a list of jobs to be told of. What waits here is active
 * to Redis: its lease is renewed, and a job that was begun by nobody is given back. */
#include "queue/spare.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/round.h"

enum {
	ROOM_LEAST = 8,
	ROOM_MOST = 64,
	SHORT_US = 1000, /* jobs that typically take less may have company */
	LONG_US = 20000, /* what is believed at first, and after a spare one was given back */
	DONE_MS = 1,     /* nor a done one to be told of */
	TYPICAL_OF = 8,
	COPY_FIRST = 2 * KIB,
	COPY_CEILING = QUEUE_DATA_MAX + QUEUE_PROGRESS_MAX + 8 * KIB,
};

struct spare {
	const struct job_row *row;
	enum queue queue;
	struct queue_job job;
	struct arena *arena; /* of its texts */
	int64_t since;
};

struct done {
	const struct job_row *row;
	enum queue queue;
	struct queue_lease lease;
	char text[FAULT_STORY_MAX];
};

struct spares {
	struct spare *spare;
	size_t first, count, room;
	struct done *done;
	size_t done_count, done_room;
	int64_t done_since; /* of the oldest */
	int64_t typical_us;
};

struct spares *
spares_make(int children, struct arena *arena)
{
	struct spares *s = arena_alloc(arena, sizeof(*s));
	size_t room = children < ROOM_LEAST  ? ROOM_LEAST
	              : children > ROOM_MOST ? ROOM_MOST
	                                     : (size_t)children;

	if (s == NULL)
		return NULL;
	*s = (struct spares){ .room = room, .done_room = room, .typical_us = LONG_US };
	s->spare = arena_alloc(arena, room * sizeof(*s->spare));
	s->done = arena_alloc(arena, room * sizeof(*s->done));
	if (s->spare == NULL || s->done == NULL)
		return NULL;
	for (size_t i = 0; i < room; i++)
		if ((s->spare[i].arena = arena_make(COPY_FIRST, COPY_CEILING)) == NULL)
			return NULL;
	return s;
}

void
spares_free(struct spares *s)
{
	for (size_t i = 0; s != NULL && i < s->room; i++)
		arena_free(s->spare[i].arena);
}

static struct spare *
at(const struct spares *s, size_t i)
{
	return &s->spare[(s->first + i) % s->room];
}

static void
drop(struct spares *s, size_t i)
{
	for (; i + 1 < s->count; i++) {
		struct spare moved = *at(s, i);
		*at(s, i) = *at(s, i + 1);
		*at(s, i + 1) = moved;
	}
	s->count--;
}

/* ---- jobs to be told of */

/* With nothing else to be told of it, and nobody to hear of it. */
static bool
is_plain(const struct slot *slot)
{
	return slot->state == SLOT_ENDED && slot->outcome.ok && slot->line_count == 0 &&
	       !slot->progress.changed && *slot->owner == '\0';
}

static void
leave_slot(struct spares *s, struct slot *slot)
{
	struct done *d = &s->done[s->done_count];

	if (s->done_count++ == 0)
		s->done_since = clock_mono();
	d->row = slot->row;
	d->queue = slot->queue;
	d->lease = slot->lease;
	snprintf(d->text, sizeof(d->text), "%s", slot->outcome.text);
	s->typical_us = (s->typical_us * (TYPICAL_OF - 1) + slot->outcome.micros) / TYPICAL_OF;
	slot->state = SLOT_FREE;
}

/* One that waited too long is to be given back, whoever is free. */
static bool
is_fresh(const struct spares *s)
{
	return s->count > 0 && clock_mono() - at(s, 0)->since < QUEUE_SPARE_MS * 1000;
}

void
spares_turn(struct keeper *k)
{
	struct spares *s = k->spares;
	size_t idle;

	for (int i = 0; i < k->slots.count && s->done_count < s->done_room; i++)
		if (is_plain(&k->slots.slot[i]))
			leave_slot(s, &k->slots.slot[i]);
	idle = s->count > 0 ? slots_free(&k->slots, -1) : 0;
	for (; idle > 0 && is_fresh(s) && !k->stopping; idle--) {
		const struct spare *next = at(s, 0);
		slots_give(&k->slots, next->row, next->queue, &next->job);
		s->first = (s->first + 1) % s->room;
		s->count--;
	}
}

bool
spares_may_wait(const struct keeper *k)
{
	const struct spares *s = k->spares;

	return s->count > 0 && s->done_count < s->done_room / 2 && !k->stopping &&
	       clock_mono() - s->done_since < DONE_MS * 1000;
}

bool
spares_none(const struct spares *s)
{
	return s->count == 0 && s->done_count == 0;
}

int64_t
spares_due(const struct keeper *k)
{
	const struct spares *s = k->spares;
	int64_t due = INT64_MAX;

	if (!spares_none(s) && (k->stopping || (s->done_count > 0 && !spares_may_wait(k))))
		return 0;
	if (s->done_count > 0)
		due = s->done_since + DONE_MS * 1000;
	if (s->count > 0 && at(s, 0)->since + QUEUE_SPARE_MS * 1000 < due)
		due = at(s, 0)->since + QUEUE_SPARE_MS * 1000;
	return due;
}

size_t
spares_done_most(const struct spares *s)
{
	return s->done_count;
}

size_t
spares_done(const struct spares *s, int queue, struct queue_lease *lease, const char **result)
{
	size_t n = 0;

	for (size_t i = 0; i < s->done_count; i++)
		if ((int)s->done[i].queue == queue) {
			lease[n] = s->done[i].lease;
			result[n++] = s->done[i].text;
		}
	return n;
}

void
spares_told(struct keeper *k, int queue, const bool *accepted)
{
	struct spares *s = k->spares;
	size_t kept = 0;

	for (size_t i = 0; i < s->done_count; i++) {
		const struct done *d = &s->done[i];
		struct job_counters *c = &k->worker->counters[d->row - k->worker->jobs];
		bool ok;
		if ((int)d->queue != queue) {
			s->done[kept++] = *d;
			continue;
		}
		ok = *accepted++;
		counter_add(ok ? c->completed : c->lost, 1);
		if (!ok)
			LOG(LEVEL_WARN, "job.refused", L_TEXT("job", d->row->name),
			    L_TEXT("id", d->lease.id), L_TEXT("reason", "its lease was lost"));
	}
	s->done_count = kept;
}

/* ---- jobs to be begun */

size_t
spares_room(const struct keeper *k, int queue)
{
	const struct spares *s = k->spares;
	bool limited = queues[queue].concurrency > 0 || queues[queue].rate > 0;

	return limited || s->typical_us > SHORT_US ? 0 : s->room - s->count;
}

/* Without memory it is nobody's: the next beat gives it back. */
void
spares_keep(
    struct spares *s, const struct job_row *row, enum queue queue, const struct queue_job *job)
{
	struct spare *to = at(s, s->count);
	struct arena *arena = to->arena;

	if (s->count == s->room)
		return;
	arena_reset(arena);
	to->row = row;
	to->queue = queue;
	to->since = clock_mono();
	to->job = *job;
	to->job.name = arena_text(arena, span_of(job->name));
	to->job.data = (struct span){ arena_text(arena, job->data), job->data.len };
	to->job.owner = arena_text(arena, span_of(job->owner));
	to->job.trace = arena_text(arena, span_of(job->trace));
	to->job.batch = arena_text(arena, span_of(job->batch));
	to->job.progress = arena_text(arena, span_of(job->progress));
	if (to->job.name && to->job.data.ptr && to->job.owner && to->job.trace &&
	    to->job.batch && to->job.progress)
		s->count++;
}

static bool
give_back(struct keeper *k, const struct spare *spare)
{
	const struct queue_failure f = { .end = END_BACK, .error = "" };
	const struct job_row *row = spare->row ? spare->row : k->worker->jobs;
	struct job_counters *c = &k->worker->counters[row - k->worker->jobs];
	enum fail_answer answer;

	if (!round_well(k, queue_fail(k->redis, queues[spare->queue].name, k->consumer,
	                       &spare->job.lease, &f, &answer, &k->scope)))
		return false;
	if (answer == FAIL_LOST)
		counter_add(c->lost, 1);
	if (answer == FAIL_CANCELLED)
		counter_add(c->cancelled, 1);
	return true;
}

bool
spares_return(struct keeper *k)
{
	struct spares *s = k->spares;
	int64_t before = clock_mono() - QUEUE_SPARE_MS * 1000;

	for (size_t i = 0; i < s->count;) {
		struct spare *spare = at(s, i);
		if (!k->stopping && spare->since > before) {
			i++;
			continue;
		}
		if (!give_back(k, spare))
			return false;
		s->typical_us = LONG_US;
		drop(s, i);
	}
	return true;
}

size_t
spares_lease_most(const struct spares *s)
{
	return s->count + s->done_count;
}

size_t
spares_leases(const struct spares *s, int queue, struct queue_lease *lease)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		if ((int)at(s, i)->queue == queue)
			lease[n++] = at(s, i)->job.lease;
	for (size_t i = 0; i < s->done_count; i++)
		if ((int)s->done[i].queue == queue)
			lease[n++] = s->done[i].lease;
	return n;
}

/* A lost or cancelled one is not begun: giving it back tells which, and ends it. */
void
spares_beaten(struct spares *s, int queue, const enum beat_answer *kept)
{
	for (size_t i = 0; i < s->count; i++)
		if ((int)at(s, i)->queue == queue && *kept++ != BEAT_KEPT)
			at(s, i)->since = 0;
}

bool
spares_have(const struct spares *s, int queue, struct span id)
{
	for (size_t i = 0; i < s->count; i++)
		if ((int)at(s, i)->queue == queue && span_is(id, at(s, i)->job.lease.id))
			return true;
	return false;
}
