/* tune: what the setting JOB_OPTIONS changes of the rows of jobs.def and queue.def, in Bull's
 * words: {"<name of a job or a queue>": {…}}. For both: attempts, backoff (ms, or {type, delay}),
 * timeout (ms); for queues also concurrency, limiter ({max, duration}), removeOnComplete and
 * removeOnFail (true: at once, false: never, or how many are kept). What a queue's name says
 * holds for all its jobs, a job's own words go before it. */
#ifndef QUEUE_TUNE_H
#define QUEUE_TUNE_H

#include "queue/job.h"

struct tuned {
	struct job_row *jobs; /* in: as they are, `count` of them; out: changed */
	size_t count;
	struct queue_row queues[QUEUE_COUNT];
};

/* ERR_INVALID: something is not known or out of bounds; the story names it. */
enum err tune(struct span text, struct tuned *out, struct scope *scope);

#endif
