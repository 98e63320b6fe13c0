/* tell: what a running job says of itself goes to Redis, and its progress to its owner through
 * the relay. Of many steps within a moment the last one alone; nothing of it may hold up jobs. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue/round.h"

enum { TELL_MS = 200, EVENT_MAX = 8192 };

static void
write_progress(const struct slot *slot, struct buf *out)
{
	if (slot->progress.percent < 0) {
		buf_puts(out, "null");
		return;
	}
	buf_format(out, "{\"percent\":%lld,\"message\":\"", (long long)slot->progress.percent);
	buf_json_any(out, span_of(slot->progress.message));
	buf_puts(out, "\"}");
}

/* The job may be somebody else's by now, or Redis full: what it says is not worth more tries. */
static bool
settled(struct keeper *k, enum err e)
{
	if (e == OK || e == ERR_AWAY)
		return round_well(k, e);
	if (e != ERR_CONFLICT)
		LOG(LEVEL_WARN, "job.unheard", L_TEXT("reason", k->scope.fault.story));
	fault_reset(&k->scope.fault);
	return true;
}

void
tell_owner(struct keeper *k, const struct slot *slot, const char *state)
{
	struct buf data;
	const char *room;

	if (*slot->owner == '\0')
		return;
	buf_init(&data, EVENT_MAX);
	buf_puts(&data, "{\"id\":\"");
	buf_json_any(&data, span_of(slot->lease.id));
	buf_format(&data, "\",\"queue\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"progress\":",
	    queues[slot->queue].name, slot->row->name, state);
	write_progress(slot, &data);
	buf_char(&data, '}');
	room = arena_format(k->scope.arena, "user:%s", slot->owner);
	if (room != NULL && buf_ok(&data))
		settled(k, queue_tell(k->redis, "rt", room, "job", buf_span(&data), &k->scope));
	buf_free(&data);
}

static bool
tell_progress(struct keeper *k, struct slot *slot)
{
	const char *queue = queues[slot->queue].name;
	struct buf json;
	bool done;

	buf_init(&json, QUEUE_PROGRESS_MAX);
	write_progress(slot, &json);
	done = settled(k, queue_progress(k->redis, queue, k->consumer, &slot->lease,
	                      buf_text(&json), &k->scope));
	buf_free(&json);
	if (!done)
		return false;
	slot->progress.changed = false;
	slot->progress.told_at = clock_mono();
	if (slot->state == SLOT_RUNNING)
		tell_owner(k, slot, "active");
	return !k->away;
}

static bool
tell_lines(struct keeper *k, struct slot *slot)
{
	const char *line[LINES_MAX];

	for (size_t i = 0; i < slot->line_count; i++)
		line[i] = slot->lines[i];
	if (!settled(k, queue_log(k->redis, queues[slot->queue].name, k->consumer, &slot->lease,
	                    line, slot->line_count, &k->scope)))
		return false;
	slot->line_count = 0;
	return true;
}

static int64_t
due(const struct slot *slot)
{
	if (slot->state == SLOT_FREE || !slot->progress.changed)
		return INT64_MAX;
	return slot->state == SLOT_ENDED ? 0 : slot->progress.told_at + TELL_MS * 1000;
}

bool
tell_sayings(struct keeper *k)
{
	for (int i = 0; i < k->slots.count; i++) {
		struct slot *slot = &k->slots.slot[i];
		if (slot->state == SLOT_FREE)
			continue;
		if (slot->line_count > 0 && !tell_lines(k, slot))
			return false;
		if (due(slot) <= clock_mono() && !tell_progress(k, slot))
			return false;
	}
	return true;
}

int64_t
tell_due(const struct keeper *k)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < k->slots.count; i++) {
		const struct slot *slot = &k->slots.slot[i];
		int64_t at =
		    slot->state == SLOT_RUNNING && slot->line_count > 0 ? 0 : due(slot);
		if (at < first)
			first = at;
	}
	return first;
}
