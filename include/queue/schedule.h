/* schedule: what is due by the clock becomes a job, once, however many schedulers run: the row
 * (schedule, slot) in PostgreSQL decides. The rows stand in job/schedules.def and are handed
 * down by main(). */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "adapter/postgres.h"
#include "base/counter.h"

/* What becomes of slots that passed while no scheduler ran. Those that do not fire are recorded
 * as skipped. */
enum catch_up {
	SKIP, /* nothing: a slot fires within its minute or not at all */
	ONCE, /* the latest fires when it is younger than the limit */
	EACH, /* every one that is younger than the limit fires */
};

struct schedule {
	const char *name, *expression, *zone;
	enum catch_up catch_up;
	int64_t limit; /* seconds */
	const char *queue, *job, *data;
};

enum { SCHEDULES_MAX = 32 };

struct scheduler_clock {
	const struct schedule *rows;
	size_t count;
	struct counter_file *stats;
	int64_t next[SCHEDULES_MAX]; /* seconds since 1970; 0: to be found out, -1: never */
	counter *next_seconds[SCHEDULES_MAX], *overdue[SCHEDULES_MAX];
	int64_t now_before;
};

/* What to do with `count` slots that are not settled, oldest first: fires[i]. Pure. */
void schedule_judge(
    const struct schedule *s, int64_t now, const int64_t *slots, size_t count, bool *fires);

/* False: a row is wrong (said in the log), and the program must not start. `on`: the setting
 * SCHEDULES; when it is off no row is in force. */
bool schedule_open(struct scheduler_clock *c, const struct schedule *rows, size_t count,
    bool on, struct counter_file *stats);

/* Settles every slot up to clock_now(). A schedule that this database never saw begins now. */
enum err schedule_round(struct scheduler_clock *c, struct db *db, struct scope *scope);

#endif
