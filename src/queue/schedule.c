/* schedule: slots that are due and not settled yet, each fired or skipped in one statement. */
#include "queue/schedule.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/queue.h"
#include "queue/cron.h"
#include "store/cron.h"

enum { SLOTS_MAX = 100, ON_TIME = 60, FIRST_LOOK = 8 * 86400, BACK_MAX = 60 };

void
schedule_judge(
    const struct schedule *s, int64_t now, const int64_t *slots, size_t count, bool *fires)
{
	for (size_t i = 0; i < count; i++) {
		int64_t age = now - slots[i];
		switch (s->catch_up) {
		case SKIP: fires[i] = age < ON_TIME; break;
		case ONCE: fires[i] = i + 1 == count && age < s->limit; break;
		case EACH: fires[i] = age < s->limit; break;
		}
	}
}

static void
open_gauges(struct scheduler_clock *c, size_t i)
{
	char labels[96];

	snprintf(labels, sizeof(labels), "schedule=\"%s\"", c->rows[i].name);
	c->next_seconds[i] =
	    counter_get(c->stats, "codegram_schedule_next_seconds", GAUGE, labels);
	c->overdue[i] = counter_get(c->stats, "codegram_schedule_overdue", MEASURE, labels);
}

bool
schedule_open(struct scheduler_clock *c, const struct schedule *rows, size_t count, bool on,
    struct counter_file *stats)
{
	*c = (struct scheduler_clock){ .rows = rows, .count = on ? count : 0, .stats = stats };
	if (count > SCHEDULES_MAX) {
		LOG(LEVEL_ERROR, "schedule.refused", L_TEXT("reason", "too many rows"));
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const char *why = "no such queue";
		struct cron cron;
		bool known = queue_find(rows[i].queue) != NULL;
		if (known && !cron_zone_known(rows[i].zone)) {
			why = "no such time zone here: is tzdata installed?";
			known = false;
		}
		if (known && cron_parse(rows[i].expression, &cron, &why)) {
			if (on)
				open_gauges(c, i);
			continue;
		}
		LOG(LEVEL_ERROR, "schedule.refused", L_TEXT("schedule", rows[i].name),
		    L_TEXT("reason", why));
		return false;
	}
	return true;
}

/* ---- a slot */

static void
count(struct scheduler_clock *c, const struct schedule *s, int64_t slot)
{
	char labels[96];

	snprintf(labels, sizeof(labels), "schedule=\"%s\"", s->name);
	counter_add(counter_get(c->stats, "codegram_schedule_fired_total", COUNTER, labels), 1);
	atomic_store(
	    counter_get(c->stats, "codegram_schedule_last_success_seconds", GAUGE, labels),
	    (uint64_t)slot);
}

static enum err
fire(struct scheduler_clock *c, struct db *db, const struct schedule *s, int64_t slot)
{
	struct cron_fired *rows;
	size_t came;

	TRY(q_cron_fire(db, s->name, slot, s->queue, s->job, s->data, &rows, &came));
	if (came == 0)
		return OK; /* another scheduler's */
	LOG(LEVEL_INFO, "schedule.fired", L_TEXT("schedule", s->name), L_INT("slot", slot),
	    L_INT("late_ms", clock_now() / 1000 - slot * 1000));
	count(c, s, slot);
	return OK;
}

/* Slots that a clock has settled which was ahead for a while. */
static enum err
forget_future(struct db *db, const struct schedule *s, int64_t now)
{
	struct pruned gone;

	TRY(q_cron_forget(db, s->name, now, &gone));
	if (gone.rows > 0)
		LOG(LEVEL_WARN, "schedule.clock_was_ahead", L_TEXT("schedule", s->name),
		    L_INT("slots", gone.rows));
	return OK;
}

/* What passed since the last settled slot. */
static enum err
settle(struct scheduler_clock *c, struct db *db, const struct schedule *s, int64_t now)
{
	int64_t slots[SLOTS_MAX];
	bool fires[SLOTS_MAX];
	struct cron_last last;
	struct cron cron;
	size_t n;

	if (!cron_parse(s->expression, &cron, NULL))
		return ERR_INTERNAL;
	TRY(forget_future(db, s, now));
	TRY(q_cron_last(db, s->name, now, &last));
	if (last.slot == 0) {
		/* Never seen: what passed before was not missed. Its row is where to go on. */
		LOG(LEVEL_INFO, "schedule.begins", L_TEXT("schedule", s->name));
		n = cron_between(&cron, s->zone, now - FIRST_LOOK, now, slots, 1);
		return q_cron_begin(db, s->name, n > 0 ? slots[0] : now / 60 * 60);
	}
	n = cron_between(&cron, s->zone, last.slot, now, slots, SLOTS_MAX);
	schedule_judge(s, now, slots, n, fires);
	for (size_t i = 0; i < n; i++) {
		if (fires[i]) {
			TRY(fire(c, db, s, slots[i]));
			continue;
		}
		LOG(LEVEL_WARN, "schedule.skipped", L_TEXT("schedule", s->name),
		    L_INT("slot", slots[i]));
		TRY(q_cron_skip(db, s->name, slots[i]));
	}
	return n > 0 ? q_cron_prune(db, s->name, now) : OK;
}

/* Before the database is asked, since it may be what is late. */
static void
figures(struct scheduler_clock *c, int64_t now)
{
	for (size_t i = 0; i < c->count; i++) {
		int64_t next = c->next[i] > 0 ? c->next[i] : 0;
		if (next > 0)
			atomic_store(c->next_seconds[i], (uint64_t)next);
		atomic_store(c->overdue[i], next > 0 && next < now - ON_TIME);
	}
}

enum err
schedule_round(struct scheduler_clock *c, struct db *db, struct scope *scope)
{
	int64_t now = clock_now() / 1000000;
	bool back = now < c->now_before - BACK_MAX;

	c->now_before = now;
	figures(c, now);
	for (size_t i = 0; i < c->count; i++) {
		const struct schedule *s = &c->rows[i];
		struct cron cron;
		enum err e;
		if (back)
			c->next[i] = 0;
		if (c->next[i] < 0 || now < c->next[i])
			continue;
		arena_reset(scope->arena);
		db_open_scope(db, scope, false);
		e = settle(c, db, s, now);
		db_close_scope(db);
		TRY(e);
		if (cron_parse(s->expression, &cron, NULL))
			c->next[i] = cron_next(&cron, s->zone, now);
	}
	return OK;
}
