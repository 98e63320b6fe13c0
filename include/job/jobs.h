/* jobs: the rows of jobs.def and the prototypes of their handlers. */
#ifndef JOB_JOBS_H
#define JOB_JOBS_H

#include "queue/job.h"

extern const struct job_row jobs[];
extern const size_t job_count;

#define JOB(name, queue, form, attempts, backoff, backoff_ms, seconds, handler)                \
	enum err job_##handler(struct job *job);
#include "job/jobs.def"
#undef JOB

/* What the syncs count; before fork. */
struct counter_file;
void github_counters(struct counter_file *stats);

/* Puts JOB_OPTIONS in force: in `rows` (job_count of them) and in queues[]. False: it is
 * refused, which the log says, and what was there stays. */
bool jobs_tune(const char *options, struct job_row *rows);

#endif
