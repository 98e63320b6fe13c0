/* ended: those of the last seconds, every second; all of them each minute, after a failure, and
 * when Redis has forgotten that it was told. */
#include "queue/ended.h"

#include "base/clock.h"
#include "store/session.h"

#define KNOWN_KEY "cg:dead:known"

enum { PAGE = 500, PAGES_MAX = 4, ALL_SECONDS = 60 };

static enum err
redis_has_forgotten(struct redis *redis, struct scope *scope, bool *forgotten)
{
	const struct span words[] = { SPAN("GET"), SPAN(KNOWN_KEY) };
	struct redis_reply reply;

	TRY(redis_call(redis, words, 2, &reply, scope));
	*forgotten = redis_is_nil(&reply, 0);
	return OK;
}

static enum err
mark(struct redis *redis, const struct session_ended *ended, struct scope *scope)
{
	const char *key = arena_format(scope->arena, "cg:dead:%s", ended->id.text);
	const char *seconds = arena_format(scope->arena, "%lld", (long long)ended->seconds);
	const struct span words[] = { SPAN("SET"), span_of(key), SPAN("1"), SPAN("EX"),
		span_of(seconds) };
	struct redis_reply reply;

	return key && seconds ? redis_call(redis, words, 5, &reply, scope) : ERR_NO_MEMORY;
}

static enum err
mark_page(struct ended_round *state, struct db *db, struct redis *redis, struct scope *scope,
    size_t *count)
{
	struct session_ended *rows;

	arena_reset(scope->arena);
	TRY(q_session_dead(db, state->after, !state->all, &rows, count));
	for (size_t i = 0; i < *count; i++)
		TRY(mark(redis, &rows[i], scope));
	if (*count > 0)
		state->after = rows[*count - 1].id;
	return OK;
}

static enum err
mark_pages(struct ended_round *state, struct db *db, struct redis *redis, struct scope *scope,
    bool *more)
{
	const struct span known[] = { SPAN("SET"), SPAN(KNOWN_KEY), SPAN("1") };
	struct redis_reply reply;
	size_t count = PAGE;

	for (int i = 0; i < PAGES_MAX && count == PAGE; i++)
		TRY(mark_page(state, db, redis, scope, &count));
	*more = count == PAGE;
	if (*more)
		return OK;
	state->after.text[0] = '\0';
	if (!state->all)
		return OK;
	state->all = false;
	state->all_due = clock_mono() + ALL_SECONDS * INT64_C(1000000);
	return redis_call(redis, known, 3, &reply, scope);
}

enum err
ended_round(struct ended_round *state, struct db *db, struct redis *redis, struct scope *scope,
    bool *more)
{
	bool forgotten = true;
	enum err e;

	*more = false;
	e = redis_has_forgotten(redis, scope, &forgotten);
	if (!state->all && (forgotten || clock_mono() >= state->all_due)) {
		state->all = true;
		state->after.text[0] = '\0';
	}
	if (e != OK)
		return e;
	db_open_scope(db, scope, false);
	e = mark_pages(state, db, redis, scope, more);
	db_close_scope(db);
	state->all = state->all || e != OK;
	return e;
}
