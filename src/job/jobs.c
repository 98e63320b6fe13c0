/* jobs: the table of jobs.def. */
#include "job/jobs.h"

#include "base/log.h"
#include "queue/tune.h"

enum { FIRST = 16 * KIB, CEILING = 1024 * KIB };

const struct job_row jobs[] = {
#define JOB(name, queue, form, attempts, backoff, backoff_ms, seconds, handler)                \
	{ name, QUEUE_##queue, &form_##form, attempts, BACKOFF_##backoff, backoff_ms,          \
		INT64_C(1000) * (seconds), job_##handler },
#include "job/jobs.def"
#undef JOB
};

const size_t job_count = sizeof(jobs) / sizeof(*jobs);

bool
jobs_tune(const char *options, struct job_row *rows)
{
	struct scope scope = { .arena = arena_make(FIRST, CEILING) };
	struct tuned tuned = { .count = job_count };
	bool good = false;

	if (scope.arena == NULL)
		return false;
	queue_rows(tuned.queues);
	if ((tuned.jobs = arena_alloc(scope.arena, sizeof(jobs))) != NULL) {
		memcpy(tuned.jobs, jobs, sizeof(jobs));
		good = tune(span_of(options), &tuned, &scope) == OK;
	}
	if (good) {
		memcpy(rows, tuned.jobs, sizeof(jobs));
		memcpy(queues, tuned.queues, sizeof(tuned.queues));
	} else {
		LOG(LEVEL_ERROR, "settings.refused", L_TEXT("reason", scope.fault.story));
	}
	arena_free(scope.arena);
	return good;
}
