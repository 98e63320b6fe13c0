/* jobs: the table of jobs.def. */
#include "job/jobs.h"

const struct job_row jobs[] = {
#define JOB(name, queue, form, attempts, backoff_ms, seconds, handler)                         \
	{ name, QUEUE_##queue, &form_##form, attempts, backoff_ms, seconds, job_##handler },
#include "job/jobs.def"
#undef JOB
};

const size_t job_count = sizeof(jobs) / sizeof(*jobs);

const struct job_row *
job_find(const char *name)
{
	for (size_t i = 0; i < job_count; i++)
		if (strcmp(jobs[i].name, name) == 0)
			return &jobs[i];
	return NULL;
}
