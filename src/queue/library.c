/* library: words for the functions of library.lua, and what they answer. */
#include "queue/library.h"

#include <stdio.h>

#include "base/buf.h"

enum { LIBRARY_MAX = 256 * 1024, NUMBER_MAX = 24, JOB_WORDS = 9 };

extern const char *const queue_library_text[];

/* A call being written; room for all its words is made at once. */
struct words {
	struct span *word;
	size_t count;
	bool failed; /* no memory */
	struct scope *scope;
};

static void
put(struct words *w, struct span word)
{
	if (!w->failed)
		w->word[w->count++] = word;
}

static void
put_text(struct words *w, const char *text)
{
	put(w, span_of(text));
}

static void
put_number(struct words *w, int64_t n)
{
	char *digits = arena_alloc(w->scope->arena, NUMBER_MAX);

	w->failed = w->failed || digits == NULL;
	if (w->failed)
		return;
	snprintf(digits, NUMBER_MAX, "%lld", (long long)n);
	put_text(w, digits);
}

/* Of a lane's letter; a text that stays. */
static const char *
lane_text(char lane)
{
	return lane == 'h' ? "h" : lane == 'l' ? "l" : "n";
}

/* FCALL function 1 cg:{queue}, and room for `more` words. */
static struct words
words_of(const char *function, const char *queue, size_t more, struct scope *scope)
{
	struct words w = { .scope = scope };
	const char *key = arena_format(scope->arena, "cg:{%s}", queue);

	w.word = arena_alloc(scope->arena, (4 + more) * sizeof(*w.word));
	w.failed = w.word == NULL || key == NULL;
	put(&w, SPAN("FCALL"));
	put_text(&w, function);
	put(&w, SPAN("1"));
	put_text(&w, key);
	return w;
}

enum err
queue_load(struct redis *r, struct scope *scope)
{
	struct span words[] = { SPAN("FUNCTION"), SPAN("LOAD"), SPAN("REPLACE"), { NULL, 0 } };
	struct redis_reply reply;
	struct buf text;
	enum err e;

	buf_init(&text, LIBRARY_MAX);
	for (const char *const *line = queue_library_text; *line != NULL; line++)
		buf_puts(&text, *line);
	words[3] = buf_span(&text);
	e = buf_ok(&text) ? redis_call(r, words, 4, &reply, scope) : ERR_NO_MEMORY;
	buf_free(&text);
	return e;
}

static enum err
ask(struct redis *r, struct words *w, size_t at_least, struct redis_reply *out)
{
	enum err e;

	if (w->failed)
		return ERR_NO_MEMORY;
	e = redis_call(r, w->word, w->count, out, w->scope);
	if (e == ERR_NOT_FOUND) {
		fault_reset(&w->scope->fault);
		TRY(queue_load(r, w->scope));
		e = redis_call(r, w->word, w->count, out, w->scope);
	}
	TRY(e);
	if (out->count < at_least)
		return fault(&w->scope->fault, ERR_INTERNAL, "Redis: %.*s: %zu values",
		    (int)w->word[1].len, w->word[1].ptr, out->count);
	return OK;
}

/* For functions that answer numbers. */
static enum err
ask_numbers(struct redis *r, struct words *w, int64_t *out, size_t count)
{
	struct redis_reply reply;

	TRY(ask(r, w, count, &reply));
	for (size_t i = 0; i < count; i++)
		out[i] = reply.values[i].number;
	return OK;
}

/* A number that came as text. */
static int64_t
number_of(const struct redis_value *v)
{
	int64_t n = 0;

	if (v->is_number)
		return v->number;
	span_int(v->text, &n);
	return n;
}

static void
put_item(struct words *w, const struct queue_item *item)
{
	put_text(w, item->id);
	put_text(w, item->name);
	put(w, item->data);
	put_text(w, lane_text(item->lane));
	put_number(w, item->delay_ms);
	put_text(w, item->unique);
}

enum err
queue_add(struct redis *r, const char *queue, const struct queue_item *item,
    enum add_answer *out, struct scope *scope)
{
	struct words w = words_of("cg1_add", queue, 6, scope);
	int64_t answer;

	if (*item->id == '\0' || strlen(item->id) >= QUEUE_ID_SIZE)
		return fault(&scope->fault, ERR_INVALID, "a job's id has 1 to %d bytes",
		    QUEUE_ID_SIZE - 1);
	if (item->data.len > QUEUE_DATA_MAX)
		return fault(&scope->fault, ERR_TOO_LARGE, "a job's data is above %d bytes",
		    QUEUE_DATA_MAX);
	put_item(&w, item);
	TRY(ask_numbers(r, &w, &answer, 1));
	*out = (enum add_answer)answer;
	return OK;
}

enum err
queue_batch(struct redis *r, const char *target, const char *generation, int64_t batch,
    const struct queue_item *items, size_t count, enum batch_answer *out, struct scope *scope)
{
	struct words w = words_of("cg1_batch", target, 2 + 6 * count, scope);
	int64_t answer;

	put_text(&w, generation);
	put_number(&w, batch);
	for (size_t i = 0; i < count; i++)
		put_item(&w, &items[i]);
	TRY(ask_numbers(r, &w, &answer, 1));
	*out = (enum batch_answer)answer;
	return OK;
}

enum err
queue_publish(struct redis *r, const char *target, const char *generation, int64_t batch,
    const struct queue_event *events, size_t count, enum batch_answer *out, struct scope *scope)
{
	struct words w = words_of("cg1_publish", target, 2 + 4 * count, scope);
	int64_t answer;

	put_text(&w, generation);
	put_number(&w, batch);
	for (size_t i = 0; i < count; i++) {
		put_number(&w, events[i].id);
		put_text(&w, events[i].room);
		put_text(&w, events[i].name);
		put(&w, events[i].data);
	}
	TRY(ask_numbers(r, &w, &answer, 1));
	*out = (enum batch_answer)answer;
	return OK;
}

enum err
queue_watermark(struct redis *r, const char *target, char generation[37], int64_t *batch,
    struct scope *scope)
{
	const char *key = arena_format(scope->arena, "cg:{%s}:m", target);
	const struct span words[] = { SPAN("HMGET"), span_of(key), SPAN("g"), SPAN("b") };
	struct redis_reply reply;

	if (key == NULL)
		return ERR_NO_MEMORY;
	TRY(redis_call(r, words, 4, &reply, scope));
	if (reply.count != 2)
		return fault(&scope->fault, ERR_INTERNAL, "Redis: HMGET: no two values");
	snprintf(
	    generation, 37, "%s", reply.values[0].text.ptr ? reply.values[0].text.ptr : "");
	*batch = number_of(&reply.values[1]);
	return OK;
}

enum err
queue_rebase(struct redis *r, const char *target, const char *from, int64_t was,
    const char *generation, int64_t batch, bool *done, struct scope *scope)
{
	struct words w = words_of("cg1_rebase", target, 4, scope);
	int64_t answer;

	put_text(&w, from);
	put_number(&w, was);
	put_text(&w, generation);
	put_number(&w, batch);
	TRY(ask_numbers(r, &w, &answer, 1));
	*done = answer == 1;
	return OK;
}

enum err
queue_tick(struct redis *r, const char *queue, int64_t *promoted, int64_t *next_due_ms,
    struct scope *scope)
{
	struct words w = words_of("cg1_tick", queue, 0, scope);
	int64_t answer[2];

	TRY(ask_numbers(r, &w, answer, 2));
	*promoted = answer[0];
	*next_due_ms = answer[1];
	return OK;
}

static int64_t
dead_kept(const char *queue)
{
	const struct queue_row *row = queue_find(queue);

	return row ? row->dead : queues[0].dead;
}

enum err
queue_reap(struct redis *r, const char *queue, int64_t *reaped, struct scope *scope)
{
	struct words w = words_of("cg1_reap", queue, 1, scope);

	put_number(&w, dead_kept(queue));
	return ask_numbers(r, &w, reaped, 1);
}

static void
job_of(const struct redis_value *v, struct queue_job *job)
{
	*job = (struct queue_job){ .lease.lane = v[0].text.ptr[0] };
	snprintf(job->lease.entry, sizeof(job->lease.entry), "%s", v[1].text.ptr);
	snprintf(job->lease.id, sizeof(job->lease.id), "%s", v[2].text.ptr);
	job->name = v[3].text.ptr;
	job->data = v[4].text;
	job->attempts = number_of(&v[5]);
	job->crashes = number_of(&v[6]);
	job->added_ms = number_of(&v[7]);
	job->waited_ms = number_of(&v[8]);
}

static enum err
step_answer(const struct redis_reply *reply, struct queue_step *step, struct scope *scope)
{
	size_t begin = 1 + step->finished_count;

	step->count = (reply->count - begin) / JOB_WORDS;
	step->next_due_ms = reply->values[0].number;
	for (size_t i = 0; i < step->finished_count; i++)
		step->accepted[i] = reply->values[1 + i].number == 1;
	step->jobs = arena_alloc(scope->arena, (step->count + 1) * sizeof(*step->jobs));
	if (step->jobs == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < step->count; i++)
		job_of(&reply->values[begin + i * JOB_WORDS], &step->jobs[i]);
	return OK;
}

enum err
queue_step(struct redis *r, const char *queue, const char *consumer, struct queue_step *step,
    struct scope *scope)
{
	const struct queue_row *row = queue_find(queue);
	struct words w = words_of("cg1_step", queue, 4 + 4 * step->finished_count, scope);
	struct redis_reply reply;

	put_text(&w, consumer);
	put_number(&w, step->want > QUEUE_TAKE_MAX ? QUEUE_TAKE_MAX : (int64_t)step->want);
	put_number(&w, row ? row->done : queues[0].done);
	put_number(&w, (int64_t)step->finished_count);
	for (size_t i = 0; i < step->finished_count; i++) {
		put_text(&w, lane_text(step->finished[i].lane));
		put_text(&w, step->finished[i].entry);
		put_text(&w, step->finished[i].id);
		put_text(&w, step->results[i]);
	}
	step->count = 0;
	step->next_due_ms = -1;
	step->accepted =
	    arena_alloc(scope->arena, (step->finished_count + 1) * sizeof(*step->accepted));
	if (step->accepted == NULL)
		return ERR_NO_MEMORY;
	TRY(ask(r, &w, 1 + step->finished_count, &reply));
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
	};
	struct words w = words_of("cg1_fail", queue, 10, scope);
	int64_t answer;

	put_text(&w, consumer);
	put_text(&w, lane_text(lease->lane));
	put_text(&w, lease->entry);
	put_text(&w, lease->id);
	put_text(&w, ends[failure->end]);
	put_number(&w, failure->attempts);
	put_number(&w, failure->backoff_ms);
	put_number(&w, failure->delay_ms);
	put_number(&w, dead_kept(queue));
	put_text(&w, failure->error);
	TRY(ask_numbers(r, &w, &answer, 1));
	*out = (enum fail_answer)answer;
	return OK;
}

enum err
queue_beat(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *leases, size_t count, bool *kept, int64_t *orphans,
    struct scope *scope)
{
	struct words w = words_of("cg1_beat", queue, 1 + 2 * count, scope);
	struct redis_reply reply;

	put_text(&w, consumer);
	for (size_t i = 0; i < count; i++) {
		put_text(&w, lane_text(leases[i].lane));
		put_text(&w, leases[i].entry);
	}
	TRY(ask(r, &w, 1 + count, &reply));
	*orphans = reply.values[0].number;
	for (size_t i = 0; i < count; i++)
		kept[i] = reply.values[1 + i].number == 1;
	return OK;
}

const char *
queue_wake_key(const char *queue, struct scope *scope)
{
	return arena_format(scope->arena, "cg:{%s}:w", queue);
}

enum err
queue_wake(struct redis *r, const char *queue, struct scope *scope)
{
	struct words w = words_of("cg1_wake", queue, 0, scope);
	int64_t answer;

	return ask_numbers(r, &w, &answer, 1);
}

enum err
queue_stats(struct redis *r, const char *queue, struct queue_stats *out, struct scope *scope)
{
	struct words w = words_of("cg1_stats", queue, 0, scope);
	int64_t n[12];

	TRY(ask_numbers(r, &w, n, 12));
	*out = (struct queue_stats){ n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9],
		n[10], n[11] };
	return OK;
}

enum { VIEW_WORDS = 14 };

static void
view_of(const struct redis_value *v, struct queue_view *out)
{
	*out = (struct queue_view){ v[0].text.ptr, v[1].text.ptr, v[2].text.ptr, v[3].text.ptr,
		v[4].text.ptr, v[5].text.ptr, v[6].text.ptr, v[7].text.ptr, v[8].text.ptr,
		number_of(&v[9]), number_of(&v[10]), number_of(&v[11]), number_of(&v[12]),
		number_of(&v[13]) };
}

enum err
queue_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct queue_view **out, size_t *count, struct scope *scope)
{
	struct words w = words_of("cg1_list", queue, 2, scope);
	struct redis_reply reply;

	put_text(&w, state);
	put_number(&w, limit);
	TRY(ask(r, &w, 0, &reply));
	*count = reply.count / VIEW_WORDS;
	*out = arena_alloc(scope->arena, (*count + 1) * sizeof(**out));
	if (*out == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < *count; i++)
		view_of(&reply.values[i * VIEW_WORDS], &(*out)[i]);
	return OK;
}

enum err
queue_show(struct redis *r, const char *queue, const char *id, struct queue_view *out,
    struct scope *scope)
{
	struct words w = words_of("cg1_show", queue, 1, scope);
	struct redis_reply reply;

	put_text(&w, id);
	TRY(ask(r, &w, 0, &reply));
	if (reply.count != VIEW_WORDS)
		return ERR_NOT_FOUND;
	view_of(reply.values, out);
	return OK;
}

enum err
queue_retry(struct redis *r, const char *queue, const char *id, struct scope *scope)
{
	struct words w = words_of("cg1_retry", queue, 1, scope);
	int64_t answer;

	put_text(&w, id);
	TRY(ask_numbers(r, &w, &answer, 1));
	return answer == 0 ? OK : answer == 1 ? ERR_NOT_FOUND : ERR_CONFLICT;
}
