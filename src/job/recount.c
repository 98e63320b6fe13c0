/* recount: heals the counts of a person (followers, following, public snippets). Idempotent:
 * it sets what it counts, so a second run changes nothing. */
#include "job/jobs.h"
#include "store/recount.h"

enum err
job_recount(struct job *job)
{
	const struct job_user *in = job->form;
	enum err e = q_recount_lock(job->db, in->user_id);

	if (e == ERR_NOT_FOUND) { /* deleted since: there is nothing to heal */
		job->result = "no such person";
		return OK;
	}
	TRY(e);
	return q_recount_user(job->db, in->user_id);
}
