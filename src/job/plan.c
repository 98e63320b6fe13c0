/* plan: makes the sync jobs of all people whose GitHub is to be read. They and the mark in
 * job_done are one transaction, so a second run of the same job makes none. */
#include "job/jobs.h"
#include "store/github.h"
#include "store/plan.h"

static enum err
plan(struct job *job, bool everybody)
{
	struct planned planned;
	enum err e = job_once(job);

	if (e == ERR_CONFLICT) {
		job->result = "was planned before";
		return OK;
	}
	TRY(e);
	TRY(q_sync_sweep(job->db));
	TRY(q_plan_sync(job->db, everybody, &planned));
	job->result = arena_format(job->scope.arena, "%lld people", (long long)planned.people);
	return OK;
}

enum err
job_nightly_plan(struct job *job)
{
	return plan(job, false);
}

enum err
job_weekly_plan(struct job *job)
{
	return plan(job, true);
}
