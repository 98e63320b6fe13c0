/* job: what a handler sees of its job, and what it may say of itself and of its end. A handler
 * runs in a child of the keeper, alone; everything it allocates is in the job's arena. It runs at
 * least once: its statements are one transaction, which the frame commits when it returns OK, so
 * an effect on the database that must not come twice begins with job_once(). */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include "adapter/postgres.h"
#include "model/form.h"
#include "model/queue.h"
#include "queue/library.h"

struct job;

/* A row of job/jobs.def. What a job carries itself (attempts, backoff) goes before it. */
struct job_row {
	const char *name;
	enum queue queue;
	const struct form *form; /* of the payload */
	int64_t attempts;
	enum backoff_type backoff;
	int64_t backoff_ms;
	int64_t limit_ms; /* then it is ended by SIGTERM, and that failing by SIGKILL */
	enum err (*handle)(struct job *job);
};

struct job {
	struct scope scope;
	struct db *db;
	const struct settings *settings;
	const struct job_row *row;
	const char *id;
	const void *form;          /* the payload, as row->form has it */
	int64_t attempts, crashes; /* used up before this run */
	int64_t added_ms;
	const char *owner, *trace, *batch; /* "": none */
	const char *before;                /* progress of an earlier run, JSON; "": none */
	int fd;                            /* to the keeper */
	const char *result;                /* a short text to be kept; NULL: none */
	enum job_end end;                  /* what any word but OK means; END_FAIL */
	int64_t delay_ms;
};

/* ERR_CONFLICT when an earlier run of this job has committed: the handler returns OK then. */
enum err job_once(struct job *job);

/* For `return job_snooze(…)`: again later, without using up an attempt. */
enum err job_snooze(struct job *job, int64_t delay_ms);

/* For `return job_dead(…)`: never again. */
enum err job_dead(struct job *job, const char *why);

/* How far it is, 0 to 100, and a few words (NULL: none; cut at 255 bytes). It is kept with the
 * job, and its owner hears of it (event `job`), at most five times a second, of the last one
 * always. Costs a system call. */
enum err job_progress(struct job *job, int64_t percent, const char *message);

/* A line of the job's log, kept as long as the job; cut at QUEUE_LOG_BYTES. */
void job_log(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether somebody wants it ended. SIGTERM ends a handler at once, so only one that holds that
 * signal off for a part that must not be torn needs to ask. */
bool job_cancelled(const struct job *job);

#endif
