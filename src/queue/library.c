/* library: jobs and events come in, time passes. */
#include "queue/library.h"

#include <stdio.h>

#include "queue/words.h"

enum { ITEM_WORDS = 7, EVENT_WORDS = 4 };

static enum err
too_long(const char *text, size_t most, const char *what, struct scope *scope)
{
	if (text != NULL && strlen(text) > most)
		return fault(
		    &scope->fault, ERR_INVALID, "%s has more than %zu bytes", what, most);
	return OK;
}

enum err
queue_fits(const struct queue_item *item, struct scope *scope)
{
	if (item->id == NULL || *item->id == '\0' || strlen(item->id) >= QUEUE_ID_SIZE)
		return fault(&scope->fault, ERR_INVALID, "a job's id has 1 to %d bytes",
		    QUEUE_ID_SIZE - 1);
	if (item->data.len > QUEUE_DATA_MAX)
		return fault(&scope->fault, ERR_TOO_LARGE, "a job's data is above %d bytes",
		    QUEUE_DATA_MAX);
	TRY(too_long(item->unique, QUEUE_KEY_MAX, "a unique key", scope));
	TRY(too_long(item->key, QUEUE_KEY_MAX, "a concurrency key", scope));
	TRY(too_long(item->batch, QUEUE_KEY_MAX, "a batch's id", scope));
	TRY(too_long(item->owner, QUEUE_KEY_MAX, "an owner", scope));
	TRY(too_long(item->trace, QUEUE_TRACE_MAX, "a trace parent", scope));
	if (item->unique_mode == UNIQUE_FOR && item->unique_ms <= 0)
		return fault(&scope->fault, ERR_INVALID, "unique for no time");
	if (item->batch_final && item->batch == NULL)
		return fault(&scope->fault, ERR_INVALID, "the final job of no batch");
	return OK;
}

static enum err
put_item(struct words *w, const struct queue_item *item)
{
	struct span packed;

	TRY(queue_fits(item, w->scope));
	TRY(pack_item(item, &packed, w->scope));
	put_text(w, item->id);
	put_text(w, item->name);
	put(w, item->data);
	put_text(w, lane_text(item->lane));
	put_number(w, item->delay_ms > 0 ? item->delay_ms : 0);
	put_text(w, item->unique);
	put(w, packed);
	return OK;
}

enum err
queue_add(struct redis *r, const char *queue, const struct queue_item *item,
    enum add_answer *out, struct scope *scope)
{
	struct words w = words_of("cg2_add", queue, ITEM_WORDS, scope);
	int64_t answer;

	TRY(put_item(&w, item));
	TRY(ask_counts(r, &w, ADD_KEPT, &answer, 1));
	*out = (enum add_answer)answer;
	return OK;
}

enum err
queue_batch(struct redis *r, const char *target, const char *generation, int64_t batch,
    const struct queue_item *items, size_t count, enum batch_answer *out, struct scope *scope)
{
	struct words w = words_of("cg2_batch", target, 2 + ITEM_WORDS * count, scope);
	int64_t answer;

	put_text(&w, generation);
	put_number(&w, batch);
	for (size_t i = 0; i < count; i++)
		TRY(put_item(&w, &items[i]));
	TRY(ask_counts(r, &w, BATCH_FULL, &answer, 1));
	*out = (enum batch_answer)answer;
	return OK;
}

enum err
queue_publish(struct redis *r, const char *target, const char *generation, int64_t batch,
    const struct queue_event *events, size_t count, enum batch_answer *out, struct scope *scope)
{
	struct words w = words_of("cg2_publish", target, 2 + EVENT_WORDS * count, scope);
	int64_t answer;

	put_text(&w, generation);
	put_number(&w, batch);
	for (size_t i = 0; i < count; i++) {
		put_number(&w, events[i].id);
		put_text(&w, events[i].room);
		put_text(&w, events[i].name);
		put(&w, events[i].data);
	}
	TRY(ask_counts(r, &w, BATCH_FULL, &answer, 1));
	*out = (enum batch_answer)answer;
	return OK;
}

enum err
queue_tell(struct redis *r, const char *target, const char *room, const char *event,
    struct span json, struct scope *scope)
{
	struct words w = words_of("cg2_tell", target, 3, scope);
	int64_t answer;

	put_text(&w, room);
	put_text(&w, event);
	put(&w, json);
	return ask_numbers(r, &w, &answer, 1);
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
	snprintf(generation, 37, "%s", redis_text(&reply, 0));
	*batch = redis_number(&reply, 1);
	return OK;
}

enum err
queue_rebase(struct redis *r, const char *target, const char *from, int64_t was,
    const char *generation, int64_t batch, bool *done, struct scope *scope)
{
	struct words w = words_of("cg2_rebase", target, 4, scope);
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
	struct words w = words_of("cg2_tick", queue, 0, scope);
	int64_t answer[2];

	TRY(ask_numbers(r, &w, answer, 2));
	*promoted = answer[0];
	*next_due_ms = answer[1];
	return OK;
}

enum err
queue_reap(struct redis *r, const char *queue, int64_t *reaped, struct scope *scope)
{
	struct words w = words_of("cg2_reap", queue, 2, scope);

	put_number(&w, keep_dead(queue));
	put_number(&w, keep_done(queue));
	return ask_numbers(r, &w, reaped, 1);
}

const char *
queue_wake_key(const char *queue, struct scope *scope)
{
	return arena_format(scope->arena, "cg:{%s}:w", queue);
}

enum err
queue_wake(struct redis *r, const char *queue, struct scope *scope)
{
	struct words w = words_of("cg2_wake", queue, 0, scope);
	int64_t answer;

	return ask_numbers(r, &w, &answer, 1);
}
