/* test: jobs that fail, crash, hang or wait, for tests of the queue; refused unless the key
 * FAILPOINTS is on. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "job/jobs.h"

static enum err
allowed(struct job *job)
{
	return job->settings->FAILPOINTS ? OK : job_dead(job, "FAILPOINTS is off");
}

/* Its result is when it ran, in microseconds. */
enum err
job_test_none(struct job *job)
{
	TRY(allowed(job));
	job->result = arena_format(job->scope.arena, "%lld", (long long)clock_now());
	return OK;
}

enum err
job_test_fail(struct job *job)
{
	const struct job_test *in = job->form;

	TRY(allowed(job));
	if (job->attempts < in->times)
		return fault(&job->scope.fault, ERR_INTERNAL, "told to fail");
	job->result = "after all";
	return OK;
}

enum err
job_test_crash(struct job *job)
{
	const struct job_test *in = job->form;

	TRY(allowed(job));
	if (job->crashes < in->times)
		_exit(3);
	return OK;
}

enum err
job_test_hang(struct job *job)
{
	const struct job_test *in = job->form;
	sigset_t term;

	TRY(allowed(job));
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (in->deaf) {
		sigprocmask(SIG_BLOCK, &term, NULL);
		TRY(job_progress(job, 0, "deaf"));
	}
	for (;;)
		pause();
}

enum err
job_test_sleep(struct job *job)
{
	const struct job_test *in = job->form;

	TRY(allowed(job));
	usleep((useconds_t)in->ms * 1000);
	return OK;
}

/* The effect is the row in job_done itself: once, however often the job runs. */
enum err
job_test_effect(struct job *job)
{
	const struct job_test *in = job->form;
	enum err e;

	TRY(allowed(job));
	usleep((useconds_t)in->ms * 1000);
	e = job_once(job);
	if (e != ERR_CONFLICT)
		return e;
	job->result = "was done before";
	return OK;
}

/* Says something of itself every few milliseconds, and holds SIGTERM off when it is deaf, until
 * it has noticed. */
enum err
job_test_talk(struct job *job)
{
	const struct job_test *in = job->form;
	sigset_t term;

	TRY(allowed(job));
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (in->deaf)
		sigprocmask(SIG_BLOCK, &term, NULL);
	for (int64_t i = 1; i <= in->times; i++) {
		job_log(job, "step %lld of %s", (long long)i, job->id);
		TRY(job_progress(
		    job, i * 100 / in->times, i == in->times ? "done" : "under way"));
		usleep((useconds_t)in->ms * 1000);
		if (!job_cancelled(job))
			continue;
		sigprocmask(SIG_UNBLOCK, &term, NULL); /* ends here */
	}
	job->result =
	    arena_format(job->scope.arena, "%s|%s|%s", job->owner, job->trace, job->before);
	return OK;
}
