/* hub: the lists that connections stand in, their limits, and the clock that moves them. */
#include "relay/hub.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/pace.h"
#include "base/random.h"
#include "relay/protocol.h"
#include "relay/socket.h"

/* Cut at the tick after CLOSING_MS, so within two seconds. */
enum { SECOND = 1000 * 1000, CLOSING_MS = 1500 };

/* An ended session or a suspended person; their tokens may still be good for their signature. */
struct ended {
	struct entry entry;
	int64_t until; /* clock_mono() */
};

void
list_add(struct list *l, struct connection *c)
{
	c->in = l;
	c->before = l->last;
	c->after = NULL;
	if (l->last != NULL)
		l->last->after = c;
	else
		l->first = c;
	l->last = c;
	l->count++;
}

void
list_take(struct connection *c)
{
	struct list *l = c->in;

	if (l == NULL)
		return;
	if (c->before != NULL)
		c->before->after = c->after;
	else
		l->first = c->after;
	if (c->after != NULL)
		c->after->before = c->before;
	else
		l->last = c->before;
	l->count--;
	c->in = NULL;
}

size_t
hub_all(const struct relay *r)
{
	return r->connections + r->closing.count;
}

/* A bucket that fills by `rate` a second up to `burst`; false: it is empty. */
static bool
take_token(float *tokens, int64_t *filled, float rate, float burst)
{
	int64_t now = clock_mono();
	float more = *filled == 0 ? burst : (float)(now - *filled) / SECOND * rate;

	*tokens = *tokens + more > burst ? burst : *tokens + more;
	*filled = now;
	if (*tokens < 1)
		return false;
	*tokens -= 1;
	return true;
}

bool
hub_may_send(struct connection *c, size_t frames)
{
	int64_t second = clock_mono() / SECOND;

	if (c->frames_second != second)
		c->frames = 0;
	c->frames_second = second;
	c->frames += frames;
	return c->frames <= CLIENT_FRAMES_SECOND;
}

bool
hub_may_speak(struct connection *c)
{
	return take_token(
	    &c->tokens, &c->filled, CLIENT_MESSAGES_SECOND, CLIENT_MESSAGES_BURST);
}

enum handshake
hub_admit(struct relay *r, struct span name)
{
	struct address *a;

	if (!r->ready || r->draining ||
	    r->connections >= (size_t)r->settings->RELAY_CONNECTIONS)
		return HANDSHAKE_AWAY;
	if (!r->settings->RATE_LIMIT)
		return HANDSHAKE_OK;
	a = (struct address *)table_make(&r->addresses, &r->memory, name, sizeof(*a));
	if (a == NULL)
		return HANDSHAKE_AWAY;
	if (a->connections >= ADDRESS_CONNECTIONS_MAX ||
	    !take_token(
	        &a->tokens, &a->filled, ADDRESS_HANDSHAKES_SECOND, ADDRESS_HANDSHAKES_SECOND))
		return HANDSHAKE_RATE;
	return HANDSHAKE_OK;
}

struct connection *
hub_make(struct relay *r, struct span name)
{
	struct connection *c = pool_take(&r->memory, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->address =
	    (struct address *)table_make(&r->addresses, &r->memory, name, sizeof(*c->address));
	if (c->address != NULL)
		c->address->connections++;
	c->queue_end = &c->queue;
	c->since = clock_mono();
	return c;
}

/* Whoever waits longest without a word goes, so that silent strangers never keep out those who
 * speak at once; not whoever came with a good token, as long as there is another. */
static void
make_room(struct relay *r)
{
	struct connection *c = r->fresh.first;

	while (c != NULL && c->told)
		c = c->after;
	if (c == NULL)
		c = r->fresh.first;
	if (c != NULL)
		hub_close(r, c, CLOSE_FULL, "others wait");
}

void
hub_enter(struct relay *r, struct connection *c)
{
	if (r->unknown >= UNKNOWN_MAX)
		make_room(r);
	c->since = clock_mono();
	r->connections++;
	r->unknown++;
	list_add(&r->fresh, c);
}

static void
not_counted(struct relay *r, struct connection *c)
{
	if (c->in == NULL || c->in == &r->closing)
		return;
	r->connections--;
	r->unknown -= !c->known;
}

void
hub_leave(struct relay *r, struct connection *c)
{
	not_counted(r, c);
	list_take(c);
	hub_empty(r, c);
	if (c->address != NULL)
		c->address->connections--;
	pool_give(&r->memory, c->inbox, c->inbox_size);
	pool_give(&r->memory, c, sizeof(*c));
}

static size_t
slots(const struct relay *r)
{
	return (size_t)r->settings->RELAY_PING_SECONDS;
}

static void
put_on_wheel(struct relay *r, struct connection *c)
{
	static size_t next;
	int64_t left = c->expires - clock_now() / SECOND;

	list_take(c);
	if (left <= (int64_t)slots(r) + 1)
		list_add(&r->soon, c);
	else
		list_add(&r->wheel[next++ % slots(r)], c);
}

/* The newest of a room stands first, so the oldest is the last. */
static void
close_the_oldest(struct relay *r, struct connection *c)
{
	struct member *oldest = NULL;
	size_t live = 0;

	for (struct member *m = c->members; m != NULL; m = m->sibling) {
		if (!span_starts(span_of(m->room->entry.name), SPAN("user:")))
			continue;
		for (struct member *u = m->room->members; u != NULL; u = u->after) {
			if (u->connection->close_code != 0)
				continue;
			live++;
			oldest = u;
		}
	}
	if (live > USER_CONNECTIONS_MAX && oldest != NULL)
		hub_close(r, oldest->connection, CLOSE_TOO_MANY, "too many connections");
}

void
hub_know(struct relay *r, struct connection *c, const struct jwt_claims *claims)
{
	bool first = !c->known;

	c->session = claims->session;
	c->expires = claims->expires;
	c->warned = false;
	if (first) {
		c->known = true;
		c->told_at = clock_mono();
		r->unknown--;
		close_the_oldest(r, c);
	}
	if (c->close_code == 0)
		put_on_wheel(r, c);
}

static void
begin_to_close(struct relay *r, struct connection *c, enum close_code code, const char *reason)
{
	not_counted(r, c);
	list_take(c);
	c->close_code = (uint16_t)code;
	c->close_reason = reason;
	c->since = clock_mono();
	hub_empty(r, c);
	list_add(&r->closing, c);
}

void
hub_close(struct relay *r, struct connection *c, enum close_code code, const char *reason)
{
	if (c->close_code != 0)
		return;
	begin_to_close(r, c, code, reason);
	counter_add(r->count.closed, 1);
	socket_want_close(c);
}

void
hub_end(struct relay *r, struct connection *c)
{
	c->ending = true;
	if (c->close_code == 0)
		begin_to_close(r, c, CLOSE_BAD_FRAME, NULL);
}

static void
each(struct relay *r, struct list *l, bool (*is_meant)(struct connection *c, const void *what),
    const void *what, enum close_code code, const char *reason)
{
	struct connection *after;

	for (struct connection *c = l->first; c != NULL; c = after) {
		after = c->after;
		if (is_meant == NULL || is_meant(c, what))
			hub_close(r, c, code, reason);
	}
}

static void
close_all(struct relay *r, bool (*is_meant)(struct connection *c, const void *what),
    const void *what, enum close_code code, const char *reason)
{
	each(r, &r->fresh, is_meant, what, code, reason);
	each(r, &r->soon, is_meant, what, code, reason);
	for (size_t i = 0; i < slots(r); i++)
		each(r, &r->wheel[i], is_meant, what, code, reason);
}

/* Whether or not it said hello: its token may have come with the upgrade. */
static bool
is_of(struct connection *c, const void *id)
{
	const struct span *wanted = id;

	return span_is(*wanted, c->session.text) || span_is(*wanted, c->subject.text);
}

void
hub_revoke(struct relay *r, struct span id)
{
	struct ended *e = (struct ended *)table_make(&r->revoked, &r->memory, id, sizeof(*e));

	if (e != NULL)
		e->until = clock_mono() + REVOKED_SECONDS * (int64_t)SECOND;
	counter_add(r->count.revoked, 1);
	close_all(r, is_of, &id, CLOSE_REVOKED, "session ended");
}

void
hub_allow(struct relay *r, struct span id)
{
	struct entry *e = table_find(&r->revoked, id);

	if (e != NULL)
		table_remove(&r->revoked, &r->memory, e, sizeof(struct ended));
}

static bool
is_known(struct connection *c, const void *nothing)
{
	(void)nothing;
	return c->known;
}

void
hub_log_lost(struct relay *r)
{
	close_all(r, is_known, NULL, CLOSE_LOG_LOST, "log lost");
}

static void
tell_position(struct relay *r, struct connection *c)
{
	if (c->replaying || c->queue != NULL || stream_id_compare(c->sent, r->ring.last) >= 0 ||
	    clock_mono() - c->told_at < POSITION_SECONDS * (int64_t)SECOND)
		return;
	c->told_at = clock_mono();
	c->sent = r->ring.last;
	protocol_position(r, c->sent);
	hub_say(r, c);
}

static void
tell_expiry(struct relay *r, struct connection *c)
{
	int64_t left = c->expires - clock_now() / SECOND;

	if (left <= 0) {
		hub_close(r, c, CLOSE_EXPIRED, "token expired");
		return;
	}
	if (left > EXPIRING_SECONDS || c->warned)
		return;
	c->warned = true;
	protocol_expiring(r, left);
	hub_say(r, c);
}

static void
turn_wheel(struct relay *r)
{
	static size_t at;
	struct list *l = &r->wheel[at++ % slots(r)];
	struct connection *after;

	for (struct connection *c = l->first; c != NULL; c = after) {
		after = c->after;
		if (c->pinged) {
			counter_add(r->count.dead, 1);
			socket_cut(c);
			continue;
		}
		c->pinged = true;
		socket_ping(r, c);
		tell_position(r, c);
		tell_expiry(r, c);
		if (c->close_code == 0 &&
		    c->expires - clock_now() / SECOND <= (int64_t)slots(r) + 1)
			put_on_wheel(r, c); /* to those who are looked at each second */
	}
}

static void
look_at_the_lists(struct relay *r)
{
	struct connection *c, *after;
	int64_t now = clock_mono();

	while ((c = r->fresh.first) != NULL && now - c->since > pace_us(PACE_LIVE_HELLO))
		hub_close(r, c, CLOSE_NO_HELLO, "no hello in time");
	for (c = r->soon.first; c != NULL; c = after) {
		after = c->after;
		tell_expiry(r, c);
	}
	for (c = r->closing.first; c != NULL; c = after) {
		after = c->after;
		if (now - c->since <= CLOSING_MS * INT64_C(1000))
			continue;
		c->since = now; /* when it is not gone at once, it is next time */
		socket_cut(c);
	}
}

static bool
is_idle_address(struct entry *e, void *now)
{
	const struct address *a = (const struct address *)e;

	return a->connections == 0 && *(const int64_t *)now - a->filled > 2 * SECOND;
}

static bool
is_long_ended(struct entry *e, void *now)
{
	return ((const struct ended *)e)->until < *(const int64_t *)now;
}

bool
hub_is_revoked(struct relay *r, const struct jwt_claims *claims)
{
	return table_find(&r->revoked, span_of(claims->session.text)) != NULL ||
	       table_find(&r->revoked, span_of(claims->subject.text)) != NULL;
}

void
hub_tick(struct relay *r)
{
	static int ticks;
	int64_t now = clock_mono();

	look_at_the_lists(r);
	if (++ticks % (1000 / TICK_MS) != 0)
		return;
	turn_wheel(r);
	ring_expire(&r->ring, (uint64_t)(clock_now() / 1000 - RING_SECONDS * 1000));
	if (ticks % (10 * 1000 / TICK_MS) != 0)
		return;
	table_sweep(&r->addresses, &r->memory, sizeof(struct address), is_idle_address, &now);
	table_sweep(&r->revoked, &r->memory, sizeof(struct ended), is_long_ended, &now);
}

static void
tell_drain(struct relay *r, struct list *l)
{
	struct connection *after;

	for (struct connection *c = l->first; c != NULL; c = after) {
		after = c->after;
		protocol_drain(r);
		hub_say(r, c);
	}
}

void
hub_drain(struct relay *r)
{
	r->draining = true;
	tell_drain(r, &r->soon);
	for (size_t i = 0; i < slots(r); i++)
		tell_drain(r, &r->wheel[i]);
}

static void
drain_list(struct relay *r, struct list *l, size_t *count)
{
	while (*count > 0 && l->first != NULL) {
		struct connection *c = l->first;
		uint32_t pause;
		random_bytes(&pause, sizeof(pause));
		snprintf(c->close_text, sizeof(c->close_text), "%u", 500 + pause % 7500);
		hub_close(r, c, CLOSE_DRAIN, NULL);
		(*count)--;
	}
}

void
hub_drain_some(struct relay *r, size_t count)
{
	drain_list(r, &r->fresh, &count);
	drain_list(r, &r->soon, &count);
	for (size_t i = 0; i < slots(r); i++)
		drain_list(r, &r->wheel[i], &count);
}

void
hub_free(struct relay *r)
{
	table_free(&r->addresses, &r->memory, sizeof(struct address));
	table_free(&r->revoked, &r->memory, sizeof(struct ended));
	ring_free(&r->ring);
	table_free(&r->rooms, &r->memory, sizeof(struct room));
}
