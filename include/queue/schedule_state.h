/* schedule_state: how the schedules stand: last slot, next one, overdue or not. The same for
 * codegramctl schedules, /api/v1/admin/schedules and /ready. Reads cron_slot, changes nothing. */
#ifndef QUEUE_SCHEDULE_STATE_H
#define QUEUE_SCHEDULE_STATE_H

#include "base/buf.h"
#include "queue/schedule.h"

struct schedule_state {
	const struct schedule *row;
	const char *last_state; /* fired or skipped; NULL: none was due yet */
	int64_t last_slot;      /* seconds since 1970, 0: none */
	int64_t last_run;       /* by hand; the same */
	int64_t next;           /* the same; -1: never */
	bool overdue; /* its slot passed more than a minute ago, and no scheduler settled it */
};

/* All of them, in the order of the rows, in one round trip; none when they are not `on`. */
enum err schedule_states(struct db *db, const struct schedule *rows, size_t count, bool on,
    struct schedule_state **out, size_t *found, struct scope *scope);

void schedule_state_json(struct buf *out, const struct schedule_state *s);

#endif
