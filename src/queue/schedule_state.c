/* schedule_state: the expression and the clock beside what cron_slot holds. */
#include "queue/schedule_state.h"

#include "base/clock.h"
#include "queue/cron.h"
#include "store/cron.h"

/* A scheduler settles a slot within a second; a minute is trouble. */
enum { LATE = 60 };

/* A schedule that no scheduler ever saw is overdue, too: none has run yet. */
static enum err
judge(const struct schedule *row, const struct cron_state *last, struct schedule_state *out,
    struct fault *f)
{
	int64_t now = clock_now() / 1000000, due;
	struct cron cron;

	bool seen = last != NULL && last->slot > 0;

	*out = (struct schedule_state){
		.row = row, .overdue = !seen, .last_run = last ? last->run : 0
	};
	if (!cron_parse(row->expression, &cron, NULL))
		return fault(f, ERR_INTERNAL, "%s: bad expression", row->name);
	out->next = cron_next(&cron, row->zone, now);
	if (!seen)
		return OK;
	if (strcmp(last->state, "begun") != 0) {
		out->last_state = last->state;
		out->last_slot = last->slot;
	}
	due = cron_next(&cron, row->zone, last->slot);
	out->overdue = due >= 0 && due < now - LATE;
	return OK;
}

static const struct cron_state *
last_of(const char *name, const struct cron_state *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

enum err
schedule_states(struct db *db, const struct schedule *rows, size_t count, bool on,
    struct schedule_state **out, size_t *found, struct scope *scope)
{
	struct texts names = { arena_alloc(scope->arena, (count + 1) * sizeof(*names.items)),
		0 };
	struct cron_state *last;
	size_t known;

	*out = arena_alloc(scope->arena, (count + 1) * sizeof(**out));
	*found = on ? count : 0;
	if (names.items == NULL || *out == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < *found; i++)
		names.items[names.count++] = rows[i].name;
	TRY(q_cron_states(db, &names, &last, &known));
	for (size_t i = 0; i < *found; i++)
		TRY(judge(
		    &rows[i], last_of(rows[i].name, last, known), &(*out)[i], &scope->fault));
	return OK;
}

static void
add_time(struct buf *out, const char *name, int64_t seconds)
{
	buf_format(out, ",\"%s\":", name);
	if (seconds <= 0) {
		buf_puts(out, "null");
		return;
	}
	buf_char(out, '"');
	buf_time(out, seconds * 1000000);
	buf_char(out, '"');
}

void
schedule_state_json(struct buf *out, const struct schedule_state *s)
{
	const struct schedule *row = s->row;

	buf_format(out,
	    "{\"name\":\"%s\",\"expression\":\"%s\",\"zone\":\"%s\",\"queue\":\"%s\","
	    "\"job\":\"%s\"",
	    row->name, row->expression, row->zone, row->queue, row->job);
	add_time(out, "last_slot", s->last_slot);
	buf_puts(out, ",\"last_state\":");
	if (s->last_state)
		buf_json_string(out, span_of(s->last_state));
	else
		buf_puts(out, "null");
	add_time(out, "last_manual_run", s->last_run);
	add_time(out, "next_run", s->next);
	buf_format(out, ",\"overdue\":%s}", s->overdue ? "true" : "false");
}
