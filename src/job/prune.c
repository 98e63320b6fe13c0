/* prune: deletes what is of no use to anybody any more, a bounded number of rows a run. Needs no
 * guard: a second run finds less to delete. */
#include "job/jobs.h"
#include "store/prune.h"

enum { ROWS = 5000, ROUNDS = 20 };

static enum err
some(struct job *job, enum err (*step)(struct db *, int64_t, struct pruned *), int64_t *rows)
{
	struct pruned pruned = { .rows = ROWS };

	*rows = 0;
	for (int i = 0; i < ROUNDS && pruned.rows == ROWS; i++) {
		TRY(step(job->db, ROWS, &pruned));
		*rows += pruned.rows;
	}
	return OK;
}

enum err
job_prune(struct job *job)
{
	int64_t done, sessions, tokens, slots;

	TRY(some(job, q_prune_done, &done));
	TRY(some(job, q_prune_sessions, &sessions));
	TRY(some(job, q_prune_access_tokens, &tokens));
	TRY(some(job, q_prune_slots, &slots));
	job->result = arena_format(job->scope.arena,
	    "%lld job marks, %lld sessions, %lld access tokens, %lld slots", (long long)done,
	    (long long)sessions, (long long)tokens, (long long)slots);
	return OK;
}
