/* notify: tells one person something that no other person did. The notification, its live event
 * and the mark in job_done are one transaction, so however often the job runs there is one. */
#include "job/jobs.h"
#include "store/notify.h"

enum err
job_notify(struct job *job)
{
	const struct job_notify *in = job->form;
	enum err e = job_once(job);

	if (e == ERR_CONFLICT) {
		job->result = "was told before";
		return OK;
	}
	TRY(e);
	e = q_notify_person(job->db, in->user_id, rule_telling.choices[in->type],
	    in->unique ? in->unique : job->id, in->title, in->message, in->data);
	if (e == ERR_NOT_FOUND) {
		job->result = "no such person";
		return OK;
	}
	return e;
}
