/* keeper: the parent of a worker. Single-threaded; owns the connections to Redis, runs no job:
 * that is what its children are for, one job at a time each, over a socket pair. Takes only as
 * many jobs as there are free children (and a few to spare while jobs are short), renews their
 * leases, ends those past their time or cancelled, sees a child's death at once, and gives back
 * what it can't finish when it is told to stop. */
#ifndef QUEUE_KEEPER_H
#define QUEUE_KEEPER_H

#include "base/counter.h"
#include "queue/job.h"

struct job_counters {
	counter *started, *completed, *failed, *crashed, *retried, *lost, *cancelled;
	struct histogram duration;
};

struct worker {
	const struct settings *settings;
	struct job_row
	    *jobs; /* as JOB_OPTIONS has them; the array stays, reload() may change rows */
	size_t job_count;
	struct job_counters *counters; /* of each job */
	counter *replaced;             /* children that died */
	counter *alive, *pulse;
	int children;
	struct arena *arena; /* for the process's life */
	/* SIGHUP: settings and rows anew; false: all stays as it was. */
	bool (*reload)(struct worker *worker);
};

/* Works until SIGTERM; the exit code. */
int keeper_run(struct worker *worker);

#endif
