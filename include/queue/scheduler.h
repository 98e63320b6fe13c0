/* scheduler: the loop of codegram-scheduler: outbox → Redis, clock → jobs, due jobs → lanes,
 * silent consumers' jobs → lanes. Single-threaded; every call in it is bounded in time. With
 * PostgreSQL or Redis away it waits, ever longer up to two seconds, and goes on. */
#ifndef QUEUE_SCHEDULER_H
#define QUEUE_SCHEDULER_H

#include "base/arena.h"
#include "model/form.h"
#include "queue/schedule.h"

/* Published after a commit that wrote outbox rows: they are moved at once. */
#define WAKE_CHANNEL "cg:wake"

struct scheduler_options {
	const struct settings *settings;
	struct arena *arena; /* for the process's life */
	const struct schedule *schedules;
	size_t schedule_count;
	struct counter_file *stats;
	/* SIGHUP: settings anew; false: all stays as it was. */
	bool (*reload)(struct scheduler_options *options);
};

/* Until SIGTERM; the exit code. */
int scheduler_run(struct scheduler_options *options);

#endif
