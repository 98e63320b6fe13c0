/* library_people: what people ask of a queue, and what they do to it. */
#include <poll.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "queue/words.h"

enum {
	VIEW_WORDS = 18,
	FIGURES = 16,
	RFC3339_MAX = 40,
	ROUNDS =
	    20000, /* of 500 jobs: who adds faster than we remove does not hold us for ever */
	FAULT_WORDS = 3,
	FAULTS_MAX = 1000,
	CHECK_ROUNDS = 1000000,
	ONE_CALL_MAX = 100000, /* jobs; more were never told of at once */
};
#define YEAR_9999_MS INT64_C(253402300799999)

enum err
queue_stats(struct redis *r, const char *queue, struct queue_stats *out, struct scope *scope)
{
	struct words w = words_of("cg2_stats", queue, 0, scope);
	int64_t n[FIGURES];

	TRY(ask_numbers(r, &w, n, FIGURES));
	*out = (struct queue_stats){ .waiting = n[0],
		.active = n[1],
		.delayed = n[2],
		.done = n[3],
		.dead = n[4],
		.oldest_ms = n[5],
		.added = n[6],
		.completed = n[7],
		.failed = n[8],
		.retried = n[9],
		.crashed = n[10],
		.lost = n[11],
		.blocked = n[12],
		.cancelled = n[13],
		.paused = n[14] == 1,
		.cancels = n[15] };
	return OK;
}

static void
view_of(const struct redis_reply *reply, size_t at, struct queue_view *out, struct scope *scope)
{
	struct packed packed = unpack_item(redis_span(reply, at + 14), scope);

	*out = (struct queue_view){ .id = redis_text(reply, at),
		.name = redis_text(reply, at + 1),
		.state = redis_text(reply, at + 2),
		.lane = redis_text(reply, at + 3),
		.data = redis_text(reply, at + 4),
		.error = redis_text(reply, at + 5),
		.reason = redis_text(reply, at + 6),
		.result = redis_text(reply, at + 7),
		.unique = redis_text(reply, at + 8),
		.progress = redis_text(reply, at + 15),
		.owner = packed.owner,
		.trace = packed.trace,
		.batch = packed.batch,
		.key = packed.key,
		.attempts = redis_number(reply, at + 9),
		.crashes = redis_number(reply, at + 10),
		.added_ms = redis_number(reply, at + 11),
		.due_ms = redis_number(reply, at + 12),
		.started_ms = redis_number(reply, at + 16),
		.ended_ms = redis_number(reply, at + 13),
		.attempts_allowed = packed.attempts,
		.cancel_asked = redis_number(reply, at + 17) == 1 };
}

/* The library's word for a state, or NULL. */
static const char *
state_word(const char *state)
{
	static const char *const words[] = { "waiting", "active", "delayed", "blocked",
		"completed", "failed", "cancelled", NULL };

	if (strcmp(state, "done") == 0)
		return "completed";
	if (strcmp(state, "dead") == 0)
		return "failed";
	for (const char *const *word = words; *word != NULL; word++)
		if (strcmp(state, *word) == 0)
			return *word;
	return NULL;
}

enum err
queue_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct queue_view **out, size_t *count, struct scope *scope)
{
	struct words w = words_of("cg2_list", queue, 2, scope);
	struct redis_reply reply;

	if ((state = state_word(state)) == NULL)
		return fault(&scope->fault, ERR_INVALID, "no such state of a job");
	put_text(&w, state);
	put_number(&w, limit);
	TRY(ask_library(r, &w, 0, &reply));
	*count = reply.count / VIEW_WORDS;
	*out = arena_alloc(scope->arena, (*count + 1) * sizeof(**out));
	if (*out == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < *count; i++)
		view_of(&reply, i * VIEW_WORDS, &(*out)[i], scope);
	return OK;
}

enum err
queue_show(struct redis *r, const char *queue, const char *id, struct queue_view *out,
    struct scope *scope)
{
	struct words w = words_of("cg2_show", queue, 1, scope);
	struct redis_reply reply;

	put_text(&w, id);
	TRY(ask_library(r, &w, 0, &reply));
	if (reply.count != VIEW_WORDS)
		return ERR_NOT_FOUND;
	view_of(&reply, 0, out, scope);
	return OK;
}

/* "<ms> <text>" as it is kept, with the time for people. */
static const char *
log_line(struct span kept, struct scope *scope)
{
	struct span ms = span_cut(&kept, ' ');
	int64_t n = 0;
	struct buf b;
	const char *line;

	if (!span_int(ms, &n) || n < 0 || n > YEAR_9999_MS) /* not of our writing */
		n = 0;
	buf_init(&b, kept.len + RFC3339_MAX);
	buf_time(&b, n * 1000);
	buf_char(&b, ' ');
	buf_add(&b, kept);
	line = arena_text(scope->arena, buf_span(&b));
	buf_free(&b);
	return line;
}

enum err
queue_logs(struct redis *r, const char *queue, const char *id, const char ***lines,
    size_t *count, struct scope *scope)
{
	struct words w = words_of("cg2_logs", queue, 1, scope);
	struct redis_reply reply;

	*count = 0;
	put_text(&w, id);
	TRY(ask_library(r, &w, 0, &reply));
	*lines = arena_alloc(scope->arena, (reply.count + 1) * sizeof(**lines));
	if (*lines == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < reply.count; i++)
		if (((*lines)[i] = log_line(redis_span(&reply, i), scope)) == NULL)
			return ERR_NO_MEMORY;
	*count = reply.count;
	return OK;
}

/* Of functions that answer 0 done, 1 there is no such job, 2 not in its state. */
static enum err
ask_about(struct redis *r, const char *function, const char *queue, const char *id,
    struct scope *scope)
{
	struct words w = words_of(function, queue, 1, scope);
	int64_t answer;

	put_text(&w, id);
	TRY(ask_counts(r, &w, 2, &answer, 1));
	return answer == 0 ? OK : answer == 1 ? ERR_NOT_FOUND : ERR_CONFLICT;
}

enum err
queue_retry(struct redis *r, const char *queue, const char *id, struct scope *scope)
{
	return ask_about(r, "cg2_retry", queue, id, scope);
}

enum err
queue_promote(struct redis *r, const char *queue, const char *id, struct scope *scope)
{
	return ask_about(r, "cg2_promote", queue, id, scope);
}

enum err
queue_remove(struct redis *r, const char *queue, const char *id, struct scope *scope)
{
	return ask_about(r, "cg2_remove", queue, id, scope);
}

enum err
queue_retry_all(
    struct redis *r, const char *queue, int64_t limit, int64_t *retried, struct scope *scope)
{
	int64_t n[2] = { 0, 0 }, kept = 0;

	*retried = 0;
	for (int i = 0; i < ROUNDS && *retried < limit; i++) {
		struct words w = words_of("cg2_retry_all", queue, 2, scope);
		put_number(&w, limit - *retried);
		put_number(&w, kept);
		TRY(ask_counts(r, &w, ONE_CALL_MAX, n, 2));
		*retried += n[0];
		kept += n[1];
		if (n[0] + n[1] == 0)
			break;
	}
	return OK;
}

enum err
queue_cancel(struct redis *r, const char *queue, const char *id, enum cancel_answer *out,
    struct scope *scope)
{
	struct words w = words_of("cg2_cancel", queue, 2, scope);
	int64_t answer;

	put_text(&w, id);
	put_number(&w, keep_done(queue));
	TRY(ask_counts(r, &w, CANCEL_OVER + 1, &answer, 1));
	if (answer > CANCEL_OVER)
		return ERR_NOT_FOUND;
	*out = (enum cancel_answer)answer;
	return OK;
}

enum err
queue_pause(struct redis *r, const char *queue, bool paused, struct scope *scope)
{
	struct words w = words_of("cg2_pause", queue, 1, scope);
	int64_t answer;

	put_text(&w, paused ? "1" : "0");
	return ask_numbers(r, &w, &answer, 1);
}

void
queue_settle(void)
{
	poll(NULL, 0, QUEUE_SPARE_MS + 5);
}

/* The call again and again until it removes nothing more, or QUEUE_BUDGET_MS are over. */
static enum err
remove_all(struct redis *r, struct words *w, int64_t *removed, bool *more)
{
	int64_t until = clock_mono() + INT64_C(1000) * QUEUE_BUDGET_MS, n;

	*removed = 0;
	do {
		TRY(ask_counts(r, w, ONE_CALL_MAX, &n, 1));
		*removed += n;
	} while (n > 0 && clock_mono() < until);
	*more = n > 0;
	return OK;
}

enum err
queue_drain(struct redis *r, const char *queue, bool delayed_too, int64_t *removed, bool *more,
    struct scope *scope)
{
	struct words w = words_of("cg2_drain", queue, 1, scope);

	put_text(&w, delayed_too ? "1" : "0");
	return remove_all(r, &w, removed, more);
}

enum err
queue_purge(struct redis *r, const char *queue, const char *state, int64_t older_than_ms,
    int64_t *removed, bool *more, struct scope *scope)
{
	struct words w = words_of("cg2_purge", queue, 2, scope);
	const char *word = state_word(state);

	*removed = 0;
	if (word == NULL || (strcmp(word, "completed") != 0 && strcmp(word, "failed") != 0 &&
	                        strcmp(word, "cancelled") != 0))
		return fault(&scope->fault, ERR_INVALID, "no state of ended jobs");
	put_text(&w, word);
	put_number(&w, older_than_ms);
	return remove_all(r, &w, removed, more);
}

enum err
queue_limit(struct redis *r, const char *queue, const struct queue_limits *set,
    struct queue_limits *now, struct scope *scope)
{
	struct words w = words_of("cg2_limit", queue, 3, scope);
	int64_t n[3];

	if (set != NULL) {
		put_number(&w, set->concurrency);
		put_number(&w, set->rate);
		put_number(&w, set->rate_ms);
	}
	TRY(ask_numbers(r, &w, n, 3));
	*now = (struct queue_limits){ n[0], n[1], n[2] };
	return OK;
}

/* ---- check */

/* Room for FAULTS_MAX is enough to begin mending. */
static void
keep_faults(const struct redis_reply *reply, struct queue_fault *faults, size_t *count)
{
	for (size_t i = FAULT_WORDS; i + FAULT_WORDS <= reply->count && *count < FAULTS_MAX;
	     i += FAULT_WORDS)
		faults[(*count)++] = (struct queue_fault){ redis_text(reply, i),
			redis_text(reply, i + 1), redis_number(reply, i + 2) == 1 };
}

/* Behind the place where it was; 0: it is through. */
static bool
goes_on(const struct redis_reply *reply, int64_t stage, const char *cursor)
{
	int64_t next = redis_number(reply, 0);

	if (next == stage)
		return strcmp(redis_text(reply, 1), cursor) != 0;
	return next == 0 || next == stage + 1;
}

enum err
queue_check(struct redis *r, const char *queue, bool repair, struct queue_fault **faults,
    size_t *count, int64_t *looked_at, struct scope *scope)
{
	int64_t stage = 1, looked;
	const char *cursor = "0";

	*count = 0;
	*looked_at = 0;
	*faults = arena_alloc(scope->arena, FAULTS_MAX * sizeof(**faults));
	if (*faults == NULL)
		return ERR_NO_MEMORY;
	for (int i = 0; i < CHECK_ROUNDS && stage > 0; i++) {
		struct words w = words_of("cg2_check", queue, 3, scope);
		struct redis_reply reply;
		put_text(&w, repair ? "1" : "0");
		put_number(&w, stage);
		put_text(&w, cursor);
		TRY(ask_library(r, &w, FAULT_WORDS, &reply));
		looked = redis_number(&reply, 2);
		if (!goes_on(&reply, stage, cursor) || looked < 0 || looked > ONE_CALL_MAX)
			return fault(
			    &scope->fault, ERR_INTERNAL, "Redis: cg2_check makes no headway");
		stage = redis_number(&reply, 0);
		cursor = redis_text(&reply, 1);
		*looked_at += looked;
		keep_faults(&reply, *faults, count);
	}
	return OK;
}
