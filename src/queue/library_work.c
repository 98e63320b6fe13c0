/* library_work: the keeper's calls: take and finish jobs, hold on to them, tell how they end. */
#include <stdio.h>

#include "queue/words.h"

enum { JOB_WORDS = 11, LEASE_WORDS = 3 };

static void
job_of(const struct redis_reply *reply, size_t at, struct queue_job *job, struct scope *scope)
{
	struct packed packed = unpack_item(redis_span(reply, at + 9), scope);

	*job = (struct queue_job){ .lease.lane = *redis_text(reply, at),
		.name = redis_text(reply, at + 3),
		.data = redis_span(reply, at + 4),
		.attempts = redis_number(reply, at + 5),
		.crashes = redis_number(reply, at + 6),
		.added_ms = redis_number(reply, at + 7),
		.waited_ms = redis_number(reply, at + 8),
		.attempts_allowed = packed.attempts,
		.backoff = packed.backoff,
		.backoff_ms = packed.backoff_ms,
		.owner = packed.owner,
		.trace = packed.trace,
		.batch = packed.batch,
		.progress = redis_text(reply, at + 10) };
	snprintf(job->lease.entry, sizeof(job->lease.entry), "%s", redis_text(reply, at + 1));
	snprintf(job->lease.id, sizeof(job->lease.id), "%s", redis_text(reply, at + 2));
}

static enum err
step_answer(const struct redis_reply *reply, struct queue_step *step, struct scope *scope)
{
	size_t begin = 1 + step->finished_count;

	step->count = (reply->count - begin) / JOB_WORDS;
	step->next_due_ms = redis_number(reply, 0);
	for (size_t i = 0; i < step->finished_count; i++)
		step->accepted[i] = redis_number(reply, 1 + i) == 1;
	step->jobs = arena_alloc(scope->arena, (step->count + 1) * sizeof(*step->jobs));
	if (step->jobs == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < step->count; i++)
		job_of(reply, begin + i * JOB_WORDS, &step->jobs[i], scope);
	return OK;
}

enum err
queue_step(struct redis *r, const char *queue, const char *consumer, struct queue_step *step,
    struct scope *scope)
{
	struct words w = words_of("cg2_step", queue, 7 + 4 * step->finished_count, scope);
	struct redis_reply reply;

	put_text(&w, consumer);
	put_number(&w, step->want > QUEUE_TAKE_MAX ? QUEUE_TAKE_MAX : (int64_t)step->want);
	put_number(&w, keep_done(queue));
	put_number(&w, (int64_t)step->finished_count);
	for (size_t i = 0; i < step->finished_count; i++) {
		put_lease(&w, &step->finished[i]);
		put_text(&w, step->results[i]);
	}
	put_number(&w, step->concurrency);
	put_number(&w, step->rate);
	put_number(&w, step->rate_ms);
	step->count = 0;
	step->next_due_ms = -1;
	step->accepted =
	    arena_alloc(scope->arena, (step->finished_count + 1) * sizeof(*step->accepted));
	if (step->accepted == NULL)
		return ERR_NO_MEMORY;
	TRY(ask_library(r, &w, 1 + step->finished_count, &reply));
	return step_answer(&reply, step, scope);
}

enum err
queue_fail(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const struct queue_failure *failure, enum fail_answer *out,
    struct scope *scope)
{
	static const char *const ends[] = {
		[END_FAIL] = "fail",
		[END_DEAD] = "dead",
		[END_SNOOZE] = "snooze",
		[END_BACK] = "back",
		[END_CRASH] = "crash",
		[END_CANCEL] = "cancel",
	};
	struct words w = words_of("cg2_fail", queue, 12, scope);
	int64_t answer;

	put_text(&w, consumer);
	put_lease(&w, lease);
	put_text(&w, ends[failure->end]);
	put_number(&w, failure->attempts);
	put_number(&w, failure->backoff_ms);
	put_number(&w, failure->delay_ms > 0 ? failure->delay_ms : 0);
	put_number(&w, keep_dead(queue));
	put_text(&w, failure->error);
	put_text(&w, failure->backoff == BACKOFF_FIXED ? "fixed" : "exponential");
	put_number(&w, keep_done(queue));
	TRY(ask_counts(r, &w, FAIL_CANCELLED, &answer, 1));
	*out = (enum fail_answer)answer;
	return OK;
}

enum err
queue_beat(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *leases, size_t count, enum beat_answer *kept, int64_t *orphans,
    struct scope *scope)
{
	struct words w = words_of("cg2_beat", queue, 2 + LEASE_WORDS * count, scope);
	struct redis_reply reply;

	put_text(&w, consumer);
	put_number(&w, keep_done(queue));
	for (size_t i = 0; i < count; i++)
		put_lease(&w, &leases[i]);
	TRY(ask_library(r, &w, 1 + count, &reply));
	*orphans = redis_number(&reply, 0);
	for (size_t i = 0; i < count; i++) {
		int64_t answer = redis_number(&reply, 1 + i);
		kept[i] = answer == BEAT_KEPT || answer == BEAT_CANCEL
		              ? (enum beat_answer)answer
		              : BEAT_LOST;
	}
	return OK;
}

static enum err
ask_owner(struct redis *r, struct words *w)
{
	int64_t kept;

	TRY(ask_numbers(r, w, &kept, 1));
	return kept == 1 ? OK : fault(&w->scope->fault, ERR_CONFLICT, "the lease was lost");
}

enum err
queue_progress(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const char *json, struct scope *scope)
{
	struct words w = words_of("cg2_progress", queue, 5, scope);

	if (strlen(json) > QUEUE_PROGRESS_MAX)
		return fault(&scope->fault, ERR_TOO_LARGE, "a progress above %d bytes",
		    QUEUE_PROGRESS_MAX);
	put_text(&w, consumer);
	put_lease(&w, lease);
	put_text(&w, json);
	return ask_owner(r, &w);
}

/* Cut between two characters of UTF-8. */
static struct span
cut_line(const char *line)
{
	size_t len = strlen(line);

	if (len > QUEUE_LOG_BYTES)
		for (len = QUEUE_LOG_BYTES; len > 0 && (line[len] & 0xc0) == 0x80;)
			len--;
	return (struct span){ line, len };
}

enum err
queue_log(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const char *const *lines, size_t count,
    struct scope *scope)
{
	size_t first = count > QUEUE_LOG_LINES ? count - QUEUE_LOG_LINES : 0;
	struct words w = words_of("cg2_log", queue, 4 + count - first, scope);

	if (count == 0)
		return OK;
	put_text(&w, consumer);
	put_lease(&w, lease);
	for (size_t i = first; i < count; i++)
		put(&w, cut_line(lines[i]));
	return ask_owner(r, &w);
}
