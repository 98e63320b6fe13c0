/* ring: a circular list that doubles until its bytes are at their bound. */
#include "relay/ring.h"

#include <inttypes.h>
#include <stdio.h>

enum { FIRST_SIZE = 256 };

static bool
digits(struct span text, uint64_t *out)
{
	*out = 0;
	if (text.len == 0 || text.len > 20)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)text.ptr[i] - '0';
		if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return true;
}

bool
stream_id_parse(struct span text, struct stream_id *out)
{
	struct span rest = text, ms = span_cut(&rest, '-');

	return rest.ptr != NULL && digits(ms, &out->ms) && digits(rest, &out->number);
}

const char *
stream_id_text(struct stream_id id, char out[STREAM_ID_TEXT])
{
	snprintf(out, STREAM_ID_TEXT, "%" PRIu64 "-%" PRIu64, id.ms, id.number);
	return out;
}

int
stream_id_compare(struct stream_id a, struct stream_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.number < b.number ? -1 : a.number > b.number;
}

void
ring_init(struct ring *r, struct pool_memory *memory, struct table *rooms, size_t bytes)
{
	*r = (struct ring){ .memory = memory, .rooms = rooms, .bytes_max = bytes };
	r->first = r->end = 1;
}

struct ring_entry *
ring_at(const struct ring *r, uint64_t place)
{
	return place < r->first || place >= r->end ? NULL : &r->slot[place & (r->size - 1)];
}

void
room_settle(struct ring *r, struct room *room)
{
	if (room->members == NULL && room->last < r->first)
		table_remove(r->rooms, r->memory, &room->entry, sizeof(*room));
}

static void
forget_first(struct ring *r)
{
	struct ring_entry *e = ring_at(r, r->first);

	r->first++;
	r->floor = e->id;
	r->bytes -= message_bytes(e->message) + sizeof(*e);
	message_drop(r->memory, e->message);
	room_settle(r, e->room);
}

void
ring_clear(struct ring *r, struct stream_id floor)
{
	while (r->first < r->end)
		forget_first(r);
	r->floor = r->last = floor;
}

void
ring_free(struct ring *r)
{
	ring_clear(r, (struct stream_id){ 0, 0 });
	pool_give(r->memory, r->slot, r->size * sizeof(*r->slot));
	pool_give(r->memory, r->bucket, r->size * sizeof(*r->bucket));
	r->slot = NULL;
	r->bucket = NULL;
	r->size = 0;
}

void
ring_expire(struct ring *r, uint64_t before_ms)
{
	while (r->first < r->end && ring_at(r, r->first)->id.ms < before_ms)
		forget_first(r);
}

static void
chain(struct ring *r, uint64_t place)
{
	struct ring_entry *e = ring_at(r, place);
	uint64_t *bucket = &r->bucket[e->hash & (r->size - 1)];

	if (e->hash == 0)
		return;
	e->twin = *bucket;
	*bucket = place;
}

bool
ring_knows(const struct ring *r, uint64_t hash)
{
	if (r->size == 0)
		return false;
	for (uint64_t place = r->bucket[hash & (r->size - 1)];;) {
		const struct ring_entry *e = ring_at(r, place);
		if (e == NULL)
			return false;
		if (e->hash == hash)
			return true;
		place = e->twin;
	}
}

static bool
grow(struct ring *r)
{
	struct ring next = *r;

	next.size = r->size ? r->size * 2 : FIRST_SIZE;
	next.slot = pool_take(r->memory, next.size * sizeof(*next.slot));
	next.bucket = pool_take(r->memory, next.size * sizeof(*next.bucket));
	if (next.slot == NULL || next.bucket == NULL) {
		pool_give(r->memory, next.slot, next.size * sizeof(*next.slot));
		pool_give(r->memory, next.bucket, next.size * sizeof(*next.bucket));
		return false;
	}
	for (uint64_t place = r->first; place < r->end; place++) {
		*ring_at(&next, place) = *ring_at(r, place);
		chain(&next, place);
	}
	pool_give(r->memory, r->slot, r->size * sizeof(*r->slot));
	pool_give(r->memory, r->bucket, r->size * sizeof(*r->bucket));
	*r = next;
	return true;
}

uint64_t
ring_add(
    struct ring *r, struct stream_id id, struct room *room, struct message *m, uint64_t hash)
{
	size_t bytes = message_bytes(m) + sizeof(struct ring_entry);
	struct ring_entry *before;
	uint64_t place, earlier = room->last;

	room->last = UINT64_MAX; /* nobody gives it back now */
	while (r->first < r->end && r->bytes + bytes > r->bytes_max)
		forget_first(r);
	if (r->end - r->first == r->size && !grow(r)) {
		ring_clear(r, id);
		room->last = 0;
		return 0;
	}
	place = r->end++;
	*ring_at(r, place) = (struct ring_entry){ .id = id,
		.room = room,
		.message = message_hold(m),
		.before = earlier,
		.hash = hash };
	if ((before = ring_at(r, earlier)) != NULL)
		before->after = place;
	room->last = place;
	r->bytes += bytes;
	chain(r, place);
	return place;
}

uint64_t
ring_behind(const struct ring *r, const struct room *room, struct stream_id id)
{
	uint64_t found = 0, place = room->last;
	const struct ring_entry *e;

	while ((e = ring_at(r, place)) != NULL && stream_id_compare(e->id, id) > 0) {
		found = place;
		place = e->before;
	}
	return found;
}
