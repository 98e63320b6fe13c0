/* github: a person's things at GitHub, by the syncs of service/sync.h. Each is a pass that
 * continues where an earlier run was cut off, and writes what GitHub has now; so a second run
 * changes nothing. A limit is not waited for: the job comes back when it is over. */
#include <stdio.h>

#include "base/clock.h"
#include "base/version.h"
#include "job/jobs.h"
#include "service/sync.h"

enum {
	SHARE = 80, /* percent of the job's time after which a pass is laid aside */
	HOUR_MS = 60 * 60 * 1000,
	DAY_MS = 24 * HOUR_MS,
};

static struct http_client *http; /* of this child, for its life */
static struct seal_ring ring;
static struct sync_counters counters;

void
github_counters(struct counter_file *stats)
{
	sync_counters_get(stats, &counters);
}

static void
tell(void *with, int64_t percent, const char *words)
{
	job_progress(with, percent, words);
}

static enum err
open_tools(struct job *job)
{
	const struct settings *s = job->settings;

	if (http == NULL && (http = http_client_make("CodeGram/" CODEGRAM_VERSION)) == NULL)
		return ERR_NO_MEMORY;
	if (ring.count > 0)
		return OK;
	if (s->GITHUB_CLIENT_ID == NULL ||
	    seal_ring_fill(&ring, s->SEAL_KEY, s->SEAL_KEY_NEXT, s->SEAL_KEY_PREVIOUS) != OK)
		return fault(&job->scope.fault, ERR_INTERNAL,
		    "GITHUB_CLIENT_ID and SEAL_KEY are needed");
	return OK;
}

static struct sync
sync_of(struct job *job, struct uuid person)
{
	return (struct sync){ .db = job->db,
		.scope = &job->scope,
		.settings = job->settings,
		.ring = &ring,
		.http = http,
		.counters = counters.requests ? &counters : NULL,
		.person = person,
		.job_id = job->id,
		.until = clock_mono() + job->row->limit_ms * 1000 * SHARE / 100,
		.tell = tell,
		.with = job };
}

static const char *
words_of(const struct sync *s, const char *otherwise)
{
	return s->result.words ? s->result.words : otherwise;
}

/* Small ones keep no record of their waits: the older, the longer, and not for ever. */
static enum err
later(struct job *job, const struct sync *s)
{
	int64_t now = clock_now() / 1000, wait = s->result.not_before_ms - now,
	        age = now - job->added_ms;

	if (s->kind == NULL && age > DAY_MS)
		return job_dead(job, words_of(s, "given up after a day"));
	if (s->kind == NULL && age / 4 > wait)
		wait = age / 4 < HOUR_MS ? age / 4 : HOUR_MS;
	job_log(job, "comes again in %lld s: %s", (long long)(wait / 1000), words_of(s, ""));
	return job_snooze(job, wait > 0 ? wait : 1);
}

/* The sync's end as the job's. */
static enum err
ended(struct job *job, struct sync *s, enum err e)
{
	if (s->github.requests > 0)
		job_log(job, "%lld requests to GitHub, %lld of them free, %lld left",
		    (long long)s->github.requests, (long long)s->github.not_modified,
		    (long long)s->github.budget.remaining);
	if (e != OK) {
		/* The runner counts no attempt of what passes. */
		(void)!sync_broke(s, !err_passes(e) && job->attempts + 1 >= job->row->attempts);
		return e;
	}
	job->result = s->result.words;
	switch (s->result.end) {
	case SYNC_LATER: return later(job, s);
	case SYNC_FAILED: return job_dead(job, words_of(s, "refused"));
	default: return OK;
	}
}

enum err
job_sync_profile(struct job *job)
{
	const struct job_user *in = job->form;
	struct sync s;

	TRY(open_tools(job));
	s = sync_of(job, in->user_id);
	return ended(job, &s, sync_profile(&s));
}

enum err
job_sync_repositories(struct job *job)
{
	const struct job_user *in = job->form;
	struct sync s;

	TRY(open_tools(job));
	s = sync_of(job, in->user_id);
	return ended(job, &s, sync_repositories(&s));
}

enum err
job_sync_contributions(struct job *job)
{
	const struct job_year *in = job->form;
	struct sync s;

	TRY(open_tools(job));
	s = sync_of(job, in->user_id);
	return ended(job, &s, sync_contributions(&s, in->year));
}

enum err
job_sync_repository(struct job *job)
{
	const struct job_repository *in = job->form;
	struct sync s;

	TRY(open_tools(job));
	s = sync_of(job, in->user_id);
	s.tell = NULL;
	return ended(job, &s,
	    sync_repository(
	        &s, in->repository_id, strcmp(in->event, "repository.deleted") == 0));
}

enum err
job_github_disconnect(struct job *job)
{
	const struct job_user *in = job->form;
	struct sync s;

	TRY(open_tools(job));
	s = sync_of(job, in->user_id);
	return ended(job, &s, sync_disconnect(&s));
}
