/* room: the part of the hub that moves messages: who is in which room, what waits for whom,
 * and replay from the ring before anything live. */
#include "relay/hub.h"
#include "relay/socket.h"

/* Replayed messages are taken from the ring a few at a time. */
enum { REPLAY_MESSAGES = 50, REPLAY_BYTES = 64 * KIB };

static void
mark_dirty(struct relay *r, struct connection *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	c->next_dirty = r->dirty;
	r->dirty = c;
}

static void
unlink_member(struct relay *r, struct member *m)
{
	struct room *room = m->room;

	if (m->before != NULL)
		m->before->after = m->after;
	else
		room->members = m->after;
	if (m->after != NULL)
		m->after->before = m->before;
	room->count--;
	pool_give(&r->memory, m, sizeof(*m));
	room_settle(&r->ring, room);
}

struct member *
hub_join(struct relay *r, struct connection *c, struct span name)
{
	struct room *room =
	    (struct room *)table_make(&r->rooms, &r->memory, name, sizeof(*room));
	struct member *m;

	if (room == NULL)
		return NULL;
	for (m = c->members; m != NULL; m = m->sibling)
		if (m->room == room)
			return m;
	m = c->rooms < CONNECTION_ROOMS_MAX ? pool_take(&r->memory, sizeof(*m)) : NULL;
	if (m == NULL) {
		room_settle(&r->ring, room);
		return NULL;
	}
	*m = (struct member){ .connection = c, .room = room };
	m->after = room->members;
	if (m->after != NULL)
		m->after->before = m;
	room->members = m;
	room->count++;
	m->sibling = c->members;
	c->members = m;
	c->rooms++;
	return m;
}

void
hub_part(struct relay *r, struct connection *c, struct span name)
{
	for (struct member **at = &c->members; *at != NULL; at = &(*at)->sibling) {
		struct member *m = *at;
		if (!span_is(name, m->room->entry.name))
			continue;
		*at = m->sibling;
		c->rooms--;
		unlink_member(r, m);
		return;
	}
}

struct stream_id
hub_position(const struct relay *r)
{
	return stream_id_compare(r->ring.last, r->fill_end) < 0 ? r->fill_end : r->ring.last;
}

bool
hub_resume(struct relay *r, struct connection *c, struct stream_id offset)
{
	if (stream_id_compare(offset, r->ring.floor) < 0 ||
	    offset.ms > hub_position(r).ms + POSITION_SECONDS * 1000)
		return false;
	/* Another relay may be ahead of this one: what the client has is not said again. */
	c->sent = offset;
	for (struct member *m = c->members; m != NULL; m = m->sibling) {
		m->next = ring_behind(&r->ring, m->room, offset);
		c->replaying = c->replaying || m->next != 0;
	}
	if (c->replaying)
		mark_dirty(r, c);
	return true;
}

static void
count_queue(struct relay *r, struct connection *c, int messages, int64_t bytes)
{
	c->queue_count += (uint32_t)messages;
	c->queue_bytes += (uint32_t)bytes;
	counter_add(r->count.queue_bytes, (uint64_t)bytes);
}

static struct message *
pop(struct relay *r, struct connection *c)
{
	struct waiting *w = c->queue;
	struct message *m;

	if (w == NULL)
		return NULL;
	m = w->message;
	if ((c->queue = w->after) == NULL)
		c->queue_end = &c->queue;
	count_queue(r, c, -1, -(int64_t)m->len);
	pool_give(&r->memory, w, sizeof(*w));
	return m;
}

/* What a class says about a connection that has something waiting; true: it is settled. */
static bool
settled_by_class(struct relay *r, struct connection *c, struct message *m)
{
	if (m->class == MESSAGE_KEPT || (c->queue == NULL && !c->replaying))
		return false;
	if (m->class == MESSAGE_LAST) {
		for (struct waiting *w = c->queue; w != NULL; w = w->after) {
			if (w->message->class != MESSAGE_LAST || w->message->topic != m->topic)
				continue;
			count_queue(r, c, 0, (int64_t)m->len - (int64_t)w->message->len);
			message_drop(&r->memory, w->message);
			w->message = message_hold(m);
			return true;
		}
		return false;
	}
	counter_add(r->count.dropped, 1);
	return true;
}

void
hub_queue(struct relay *r, struct connection *c, struct message *m)
{
	struct waiting *w;

	if (c->close_code != 0 || settled_by_class(r, c, m))
		return;
	if (c->queue_count >= QUEUE_MESSAGES_MAX || c->queue_bytes + m->len > QUEUE_BYTES_MAX) {
		counter_add(r->count.slow, 1);
		hub_close(r, c, CLOSE_SLOW, "too slow");
		return;
	}
	if ((w = pool_take(&r->memory, sizeof(*w))) == NULL) {
		hub_close(r, c, CLOSE_INTERNAL, "no memory");
		return;
	}
	w->message = message_hold(m);
	*c->queue_end = w;
	c->queue_end = &w->after;
	count_queue(r, c, 1, m->len);
	mark_dirty(r, c);
}

void
hub_say(struct relay *r, struct connection *c)
{
	struct message *m = NULL;

	if (buf_ok(&r->text))
		m = message_make(&r->memory, buf_span(&r->text), MESSAGE_KEPT, 0);
	if (m == NULL)
		hub_close(r, c, CLOSE_INTERNAL, "no memory");
	else
		hub_queue(r, c, m);
	message_drop(&r->memory, m);
}

/* Moves replayed messages into the queue, in the order of the log over all its rooms. */
static void
refill(struct relay *r, struct connection *c)
{
	while (c->replaying && c->close_code == 0 && c->queue_count < REPLAY_MESSAGES &&
	       c->queue_bytes < REPLAY_BYTES) {
		struct member *first = NULL;
		struct ring_entry *e;
		for (struct member *m = c->members; m != NULL; m = m->sibling)
			if (m->next != 0 && (first == NULL || m->next < first->next))
				first = m;
		if (first == NULL) {
			c->replaying = false;
			return;
		}
		if ((e = ring_at(&r->ring, first->next)) == NULL) {
			/* The ring has gone on without it. */
			counter_add(r->count.slow, 1);
			hub_close(r, c, CLOSE_SLOW, "too slow");
			return;
		}
		first->next = e->after;
		c->sent = e->id;
		c->replaying = false; /* for the class of the message */
		hub_queue(r, c, e->message);
		c->replaying = true;
		counter_add(r->count.deliveries, 1);
	}
}

struct message *
hub_next(struct relay *r, struct connection *c)
{
	if (c->replaying)
		refill(r, c);
	return pop(r, c);
}

static void
deliver_to(struct relay *r, struct member *m, struct stream_id id, uint64_t place,
    struct message *message)
{
	struct connection *c = m->connection;

	if (c->close_code != 0 || stream_id_compare(id, c->sent) <= 0)
		return;
	if (c->replaying && place != 0) {
		if (m->next == 0)
			m->next = place;
		return;
	}
	if (!c->replaying)
		c->sent = id;
	counter_add(r->count.deliveries, 1);
	hub_queue(r, c, message);
}

void
hub_deliver(struct relay *r, struct room *room, struct stream_id id, uint64_t place,
    struct message *message)
{
	struct member *after;

	for (struct member *m = room->members; m != NULL; m = after) {
		after = m->after;
		deliver_to(r, m, id, place, message);
	}
}

/* Leaves all rooms, drops all that waits. */
void
hub_empty(struct relay *r, struct connection *c)
{
	struct message *m;

	while ((m = pop(r, c)) != NULL)
		message_drop(&r->memory, m);
	while (c->members != NULL) {
		struct member *gone = c->members;
		c->members = gone->sibling;
		unlink_member(r, gone);
	}
	c->rooms = 0;
	c->replaying = false;
	if (!c->is_dirty)
		return;
	for (struct connection **at = &r->dirty; *at != NULL; at = &(*at)->next_dirty)
		if (*at == c) {
			*at = c->next_dirty;
			break;
		}
	c->is_dirty = false;
}

void
hub_flush(struct relay *r)
{
	while (r->dirty != NULL) {
		struct connection *c = r->dirty;
		r->dirty = c->next_dirty;
		c->is_dirty = false;
		socket_flush(r, c);
	}
}
