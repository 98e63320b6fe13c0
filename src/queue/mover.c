/* mover: outbox rows → batches → Redis. A batch is numbered and committed first, sent then;
 * after any doubt the number that Redis remembers decides what is sent again. */
#include "queue/mover.h"

#include <stdio.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/pace.h"
#include "queue/options.h"
#include "store/outbox.h"

enum {
	RUN_MS = 1000,     /* a restart of Redis, by its run_id */
	FIGURES_MS = 2000, /* counters that need a query */
	BUDGET_MS = 200,   /* of sending again, before others get their turn */
	PAUSE_MS = 1000,   /* of a target that was refused */
	SAY_MS = 10000,    /* between two complaints about one target */
};

void
mover_open(struct mover *m, struct db *db, struct redis *redis, struct scope *scope,
    struct counter_file *stats)
{
	*m = (struct mover){
		.db = db, .redis = redis, .scope = scope, .stats = stats, .look = true
	};
	m->waiting = counter_get(stats, "codegram_outbox_waiting_rows", MEASURE, "");
	m->oldest = counter_get(stats, "codegram_outbox_oldest_milliseconds", MEASURE, "");
	m->batches = counter_get(stats, "codegram_outbox_batches_total", COUNTER, "");
	m->resent = counter_get(stats, "codegram_outbox_resent_batches_total", COUNTER, "");
	m->lost = counter_get(stats, "codegram_outbox_lost_batches_total", COUNTER, "");
}

void
mover_doubt(struct mover *m)
{
	m->look = true;
	for (size_t i = 0; i < m->count; i++)
		m->targets[i].settled = false;
}

/* The target of that name, made when new; NULL: no room, or no name for us. */
static struct mover_target *
target_of(struct mover *m, const char *name)
{
	struct mover_target *t;
	char labels[MOVER_TARGET_NAME + 16];

	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->targets[i].name, name) == 0)
			return &m->targets[i];
	if (m->count == MOVER_TARGETS_MAX || strlen(name) >= MOVER_TARGET_NAME ||
	    name[strcspn(name, "\"\\\n{}")] != '\0') {
		LOG(LEVEL_ERROR, "outbox.target_refused", L_TEXT("target", name));
		return NULL;
	}
	if (strcmp(name, "rt") != 0 &&
	    queue_find(name) == NULL) /* a newer release's, or a slip */
		LOG(LEVEL_WARN, "outbox.queue_unknown", L_TEXT("target", name));
	t = &m->targets[m->count++];
	*t = (struct mover_target){ .settled = true };
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(labels, sizeof(labels), "target=\"%s\"", name);
	t->moved = counter_get(m->stats, "codegram_outbox_rows_total", COUNTER, labels);
	return t;
}

static bool
may_say(struct mover_target *t)
{
	int64_t now = clock_mono();

	if (t->said != 0 && now - t->said < SAY_MS * 1000)
		return false;
	t->said = now;
	return true;
}

/* ---- one batch */

/* What could never arrive is left out and said, so that it holds up nothing behind it. */
static bool
fits(const struct mover_target *t, const struct outbox_row *row)
{
	bool is_event = strcmp(row->kind, "event") == 0;
	bool ok = is_event == (strcmp(t->name, "rt") == 0) &&
	          strlen(row->data) <= QUEUE_DATA_MAX && (!is_event || row->room != NULL);

	if (!ok)
		LOG(LEVEL_ERROR, "outbox.row_refused", L_TEXT("target", t->name),
		    L_INT("id", row->id), L_TEXT("name", row->name),
		    L_INT("bytes", strlen(row->data)));
	return ok;
}

static enum err
send_events(struct mover *m, const struct mover_target *t, const struct uuid *generation,
    int64_t batch, const struct outbox_row *rows, size_t count, enum batch_answer *answer)
{
	struct queue_event *events = arena_alloc(m->scope->arena, count * sizeof(*events) + 1);
	size_t n = 0;

	if (events == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		if (fits(t, &rows[i]))
			events[n++] = (struct queue_event){ rows[i].id, rows[i].room,
				rows[i].name, span_of(rows[i].data) };
	return queue_publish(
	    m->redis, t->name, generation->text, batch, events, n, answer, m->scope);
}

/* Words that can't be read must not lose the job: it goes without them, and with the others, as
 * far as they fit together. */
static enum err
item_of(struct mover *m, const struct mover_target *t, const struct uuid *generation,
    const struct outbox_row *row, struct queue_item *item)
{
	const struct queue_item plain = { .name = row->name,
		.data = span_of(row->data),
		.id = arena_format(
		    m->scope->arena, "%.8s-%lld", generation->text, (long long)row->id) };
	struct json_t *options = NULL;
	enum err e;

	*item = plain;
	if (plain.id == NULL)
		return ERR_NO_MEMORY;
	if (row->opts == NULL || strcmp(row->opts, "{}") == 0)
		return OK;
	if ((e = json_object_of(span_of(row->opts), &options, m->scope)) == OK)
		e = queue_options(options, item, m->scope);
	if (e == OK)
		e = queue_fits(item, m->scope);
	if (e == OK || e == ERR_NO_MEMORY)
		return e;
	LOG(LEVEL_ERROR, "outbox.options_refused", L_TEXT("target", t->name),
	    L_INT("id", row->id), L_TEXT("name", row->name),
	    L_TEXT("field", m->scope->fault.count ? m->scope->fault.fields[0].field : ""),
	    L_TEXT("reason", m->scope->fault.count ? m->scope->fault.fields[0].message
	                                           : m->scope->fault.story));
	fault_reset(&m->scope->fault);
	if (queue_fits(item, m->scope) != OK)
		*item = plain;
	fault_reset(&m->scope->fault);
	return OK;
}

static enum err
send_jobs(struct mover *m, const struct mover_target *t, const struct uuid *generation,
    int64_t batch, const struct outbox_row *rows, size_t count, enum batch_answer *answer)
{
	struct queue_item *items = arena_alloc(m->scope->arena, count * sizeof(*items) + 1);
	size_t n = 0;

	if (items == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		if (fits(t, &rows[i]))
			TRY(item_of(m, t, generation, &rows[i], &items[n++]));
	return queue_batch(
	    m->redis, t->name, generation->text, batch, items, n, answer, m->scope);
}

static enum err
send(struct mover *m, struct mover_target *t, const struct uuid *generation, int64_t batch,
    const struct outbox_row *rows, size_t count, enum batch_answer *answer)
{
	bool events = strcmp(t->name, "rt") == 0;

	TRY((events ? send_events : send_jobs)(m, t, generation, batch, rows, count, answer));
	if (*answer == BATCH_DONE) {
		counter_add(m->batches, 1);
		counter_add(t->moved, count);
		return OK;
	}
	t->settled = false;
	m->look = true;
	if (*answer == BATCH_FULL)
		t->not_before = clock_mono() + PAUSE_MS * 1000;
	if (may_say(t))
		LOG(LEVEL_WARN, "outbox.batch_refused", L_TEXT("target", t->name),
		    L_INT("batch", batch),
		    L_TEXT("answer", *answer == BATCH_FULL  ? "full"
		                     : *answer == BATCH_GAP ? "gap"
		                                            : "other generation"));
	return OK;
}

static enum err
move(struct mover *m, struct mover_target *t, bool *moved)
{
	struct outbox_row *rows;
	enum batch_answer answer;
	size_t count;

	arena_reset(m->scope->arena);
	TRY(q_outbox_stamp(m->db, t->name, &rows, &count));
	if (count == 0)
		return OK;
	*moved = true;
	/* Until it is sent and said so, the look at Redis is due. */
	t->settled = false;
	failpoint("mover.stamped");
	TRY(send(m, t, &rows[0].generation, rows[0].batch, rows, count, &answer));
	if (answer != BATCH_DONE)
		return OK;
	failpoint("mover.sent");
	TRY(q_outbox_sent(m->db, t->name, rows[0].batch, rows[0].batch));
	t->settled = true;
	return OK;
}

/* ---- what Redis remembers */

/* Moves the watermark to `batch` by hand; ERR_RETRY when somebody else moved it meanwhile. */
static enum err
rebase(
    struct mover *m, const struct mover_target *t, const char *from, int64_t was, int64_t batch)
{
	bool done;

	LOG(LEVEL_WARN, "outbox.rebased", L_TEXT("target", t->name), L_INT("from", was),
	    L_INT("to", batch), L_TEXT("generation_before", from),
	    L_TEXT("generation", t->generation.text));
	TRY(queue_rebase(
	    m->redis, t->name, from, was, t->generation.text, batch, &done, m->scope));
	failpoint("mover.rebased");
	return done ? OK : fault(&m->scope->fault, ERR_RETRY, "the watermark was moved");
}

/* From which number on Redis lacks what we have: *mark, which Redis knows when this returns. */
static enum err
find_mark(struct mover *m, struct mover_target *t, int64_t *mark)
{
	char generation[37];
	int64_t base, was;
	bool empty, same;

	TRY(queue_watermark(m->redis, t->name, generation, &was, m->scope));
	empty = generation[0] == '\0';
	same = !empty && strcmp(generation, t->generation.text) == 0;
	*mark = base = was;
	if (same && was > t->last) {
		struct outbox_generation renewed;
		LOG(LEVEL_ERROR, "outbox.history_lost", L_TEXT("target", t->name),
		    L_INT("redis", was), L_INT("postgresql", t->last));
		TRY(q_outbox_renew(m->db, t->name, &renewed));
		t->generation = renewed.generation;
		same = false;
	}
	if (same)
		base = t->kept == 0 ? t->last : was < t->kept - 1 ? t->kept - 1 : was;
	else if (empty)
		base = t->kept == 0 ? t->last : t->kept - 1;
	else /* another history: what is known to have arrived is there, by other ids */
		base = t->sent > 0 ? t->sent : t->kept > 0 ? t->kept - 1 : t->last;
	if (same && base > was) {
		counter_add(m->lost, (uint64_t)(base - was));
		LOG(LEVEL_ERROR, "outbox.batches_lost", L_TEXT("target", t->name),
		    L_INT("first", was + 1), L_INT("last", base));
	}
	if ((same || empty) && base == was)
		return OK;
	*mark = base;
	return rebase(m, t, generation, was, base);
}

/* One batch above *mark once more; the numbers between that have no rows are passed over. */
static enum err
send_again(struct mover *m, struct mover_target *t, int64_t *mark, enum batch_answer *answer)
{
	struct outbox_next next;
	struct outbox_row *rows;
	size_t count;

	arena_reset(m->scope->arena);
	TRY(q_outbox_next(m->db, t->name, *mark, &next));
	if (next.batch != *mark + 1) {
		int64_t to = next.batch ? next.batch - 1 : t->last;
		TRY(rebase(m, t, t->generation.text, *mark, to));
		*mark = to;
		*answer = BATCH_DONE;
		return OK;
	}
	TRY(q_outbox_batch(m->db, t->name, next.batch, &rows, &count));
	if (count == 0)
		return fault(&m->scope->fault, ERR_RETRY, "a batch was pruned meanwhile");
	TRY(send(m, t, &t->generation, next.batch, rows, count, answer));
	if (*answer != BATCH_DONE)
		return OK;
	failpoint("mover.resent");
	*mark = next.batch;
	counter_add(m->resent, 1);
	return OK;
}

/* All that has a number reaches Redis, in as many turns as it needs. */
static enum err
settle(struct mover *m, struct mover_target *t)
{
	int64_t began = clock_mono(), mark, first;
	enum batch_answer answer = BATCH_DONE;

	TRY(find_mark(m, t, &mark));
	first = mark;
	while (
	    mark < t->last && answer == BATCH_DONE && clock_mono() - began < BUDGET_MS * 1000)
		TRY(send_again(m, t, &mark, &answer));
	if (mark > first)
		LOG(LEVEL_WARN, "outbox.sent_again", L_TEXT("target", t->name),
		    L_INT("first", first + 1), L_INT("last", mark), L_INT("of", t->last));
	if (mark > t->sent)
		TRY(q_outbox_sent(m->db, t->name, t->sent + 1, mark));
	t->settled = mark >= t->last;
	return t->settled ? q_outbox_prune(m->db, t->name, mark) : OK;
}

/* Whether others may go on: a refusal of one target is its own affair. */
static bool
others_may(struct mover *m, struct mover_target *t, enum err e)
{
	if (e == OK)
		return true;
	t->settled = false;
	m->look = true;
	t->not_before = clock_mono() + PAUSE_MS * 1000;
	if (e == ERR_AWAY || e == ERR_NO_MEMORY)
		return false;
	if (may_say(t))
		LOG(LEVEL_ERROR, "outbox.target_failed", L_TEXT("target", t->name),
		    L_TEXT("word", err_row(e)->word), L_TEXT("reason", m->scope->fault.story));
	fault_reset(&m->scope->fault);
	return true;
}

/* Reads the numbers of every target that ever had a batch. */
static enum err
read_targets(struct mover *m)
{
	struct outbox_target *rows;
	size_t count;

	arena_reset(m->scope->arena);
	TRY(q_outbox_targets(m->db, &rows, &count));
	for (size_t i = 0; i < m->count; i++)
		m->targets[i].settled = true; /* without a batch there is nothing to settle */
	for (size_t i = 0; i < count; i++) {
		struct mover_target *t = target_of(m, rows[i].target);
		if (t == NULL)
			continue;
		t->generation = rows[i].generation;
		t->last = rows[i].last;
		t->kept = rows[i].kept;
		t->sent = rows[i].sent;
		t->settled = false;
	}
	return OK;
}

static enum err
look(struct mover *m, bool *more)
{
	bool all = true;

	TRY(read_targets(m));
	for (size_t i = 0; i < m->count; i++) {
		struct mover_target *t = &m->targets[i];
		enum err e = OK;
		if (!t->settled && clock_mono() >= t->not_before) {
			e = settle(m, t);
			*more =
			    *more || (e == OK && !t->settled && clock_mono() >= t->not_before);
		}
		if (!others_may(m, t, e))
			return e;
		all = all && t->settled;
	}
	m->look = !all;
	m->look_after = clock_mono() + pace_us(PACE_OUTBOX_LOOK);
	return OK;
}

/* Another run is another memory, even when no call failed meanwhile. */
static enum err
look_at_run(struct mover *m)
{
	const struct span words[] = { SPAN("INFO"), SPAN("server") };
	struct redis_reply reply;
	const char *at;
	char run_id[sizeof(m->run_id)] = "";

	if (clock_mono() < m->run_after)
		return OK;
	TRY(redis_call(m->redis, words, 2, &reply, m->scope));
	m->run_after = clock_mono() + RUN_MS * 1000;
	at = strstr(redis_text(&reply, 0), "run_id:");
	if (at != NULL)
		snprintf(run_id, sizeof(run_id), "%.*s", (int)strcspn(at + 7, "\r\n"), at + 7);
	if (strcmp(run_id, m->run_id) != 0)
		mover_doubt(m);
	memcpy(m->run_id, run_id, sizeof(run_id));
	return OK;
}

/* ---- a round */

/* Also while Redis is away, when they matter most. Who stands by has none: another one knows. */
static enum err
figures(struct mover *m)
{
	struct outbox_count waiting = { .count = 0 };

	if (m->moves && clock_mono() < m->figures_after)
		return OK;
	m->figures_after = clock_mono() + FIGURES_MS * 1000;
	if (m->moves)
		TRY(q_outbox_count(m->db, &waiting));
	atomic_store(m->waiting, (uint64_t)waiting.count);
	atomic_store(m->oldest, (uint64_t)waiting.oldest_ms);
	return OK;
}

/* One batch for each target that has rows. */
static enum err
move_all(struct mover *m, bool *more)
{
	struct mover_target *due[MOVER_TARGETS_MAX];
	struct outbox_waiting *rows;
	size_t count, n = 0;

	TRY(q_outbox_waiting(m->db, &rows, &count));
	for (size_t i = 0; i < count && n < MOVER_TARGETS_MAX; i++) {
		struct mover_target *t = target_of(m, rows[i].target);
		if (t != NULL && t->settled && clock_mono() >= t->not_before)
			due[n++] = t;
	}
	for (size_t i = 0; i < n; i++) {
		enum err e = move(m, due[i], more);
		if (!others_may(m, due[i], e))
			return e;
	}
	return OK;
}

static enum err
round_of(struct mover *m, bool *more)
{
	struct outbox_lock lock;

	TRY(q_outbox_lock(m->db, &lock));
	if (lock.held != m->moves) {
		m->moves = lock.held;
		LOG(LEVEL_INFO, lock.held ? "outbox.moves" : "outbox.stands_by");
		mover_doubt(m);
	}
	TRY(figures(m));
	if (!m->moves)
		return OK;
	TRY(look_at_run(m));
	if (m->look || clock_mono() >= m->look_after)
		TRY(look(m, more));
	return move_all(m, more);
}

enum err
mover_round(struct mover *m, bool *more)
{
	enum err e;

	*more = false;
	arena_reset(m->scope->arena);
	fault_reset(&m->scope->fault);
	db_open_scope(m->db, m->scope, false);
	e = round_of(m, more);
	db_close_scope(m->db);
	if (e != OK) {
		*more = false;
		mover_doubt(m);
	}
	return e;
}
