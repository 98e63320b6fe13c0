/* log: XREAD, over and over. On every new connection it asks for the epoch and for the last
 * entry it has read: ids are made of the clock, so after a FLUSHALL they go on growing, and
 * only the absence tells. While connected the epoch is asked for once a second. */
#include "relay/log.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/hash.h"
#include "adapter/json.h"
#include "adapter/redis_async.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "model/live.h"
#include "relay/hub.h"
#include "relay/protocol.h"
#include "relay/socket.h"

enum {
	READ_COUNT = 500,
	BLOCK_MS = 1000,
	DEAF_SECONDS = 5,
	EPOCH_SECONDS = 1,
	SECOND = 1000 * 1000,
};

struct log_reader {
	struct redis_async *redis;
	struct stream_id last; /* where to read on */
	bool last_is_entry;    /* it must be in the log, or was trimmed */
	bool recheck;
	int64_t asked;     /* clock_mono() of what is not answered yet; 0: nothing */
	int64_t looked_at; /* clock_mono() of the last look at the epoch */
	/* what a look has found */
	char epoch[17];
	struct stream_id first, before, generated; /* of the log; before what we wanted */
	int64_t length, added;
	bool exists, has_before, has_last;
};

static void look(struct relay *r);
static void read_on(struct relay *r);

static bool
ask(struct relay *r, int words, const char *const *word,
    void (*done)(void *with, const struct redisReply *reply))
{
	r->log->asked = clock_mono();
	return redis_async_send(r->log->redis, words, word, done, r);
}

/* ---- entries */

struct fields {
	struct span id, room, event, data, kind;
};

static void
read_fields(const struct redisReply *list, struct fields *out)
{
	*out = (struct fields){ .id = { NULL, 0 } };
	for (size_t i = 0; i + 1 < redis_reply_count(list); i += 2) {
		struct span name = redis_reply_text(redis_reply_at(list, i));
		struct span value = redis_reply_text(redis_reply_at(list, i + 1));
		struct span *at = span_is(name, "i")   ? &out->id
		                  : span_is(name, "r") ? &out->room
		                  : span_is(name, "e") ? &out->event
		                  : span_is(name, "d") ? &out->data
		                  : span_is(name, "k") ? &out->kind
		                                       : NULL;
		if (at != NULL)
			*at = value;
	}
}

static struct json_t *
data_of(struct relay *r, struct span data)
{
	struct scope scope = { .arena = r->arena };
	struct json_t *json;

	return json_object_of(data, &json, &scope) == OK ? json : NULL;
}

/* What else than an event the log says, each with one id as `key` of its data. A person's id
 * (sub) is for moderation: "revoke" when suspended, "allow" when that is over. */
static const struct control {
	const char *event, *key;
	void (*act)(struct relay *r, struct span id);
} controls[] = {
	{ "revoke", "sid", hub_revoke },
	{ "revoke", "sub", hub_revoke },
	{ "allow", "sub", hub_allow },
};

static void
control(struct relay *r, const struct fields *f)
{
	struct json_t *data = data_of(r, f->data);
	struct uuid id;
	const char *text;

	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls) && data != NULL; i++)
		if (span_is(f->event, controls[i].event) &&
		    json_get_text(data, controls[i].key, &text) &&
		    uuid_parse(span_of(text), &id))
			controls[i].act(r, span_of(id.text));
	arena_reset(r->arena);
}

/* Of an event that has an id; a restored database may give an id out again, so what it says
 * belongs to it. 0: none. */
static uint64_t
identity(const struct fields *f)
{
	uint64_t parts[4] = { hash_of(f->id), hash_of(f->room), hash_of(f->event),
		hash_of(f->data) };
	uint64_t hash = hash_of((struct span){ (const char *)parts, sizeof(parts) });

	return f->id.len == 0 ? 0 : hash ? hash : 1;
}

static enum message_class
class_of(struct span kind)
{
	return span_is(kind, "volatile") ? MESSAGE_VOLATILE
	       : span_is(kind, "last")   ? MESSAGE_LAST
	                                 : MESSAGE_KEPT;
}

static void
publish(struct relay *r, struct stream_id id, const struct fields *f)
{
	uint64_t same = identity(f), place = 0;
	enum message_class class = class_of(f->kind);
	struct message *m = NULL;
	struct room *room;

	if (same != 0 && ring_knows(&r->ring, same)) {
		counter_add(r->count.repeats, 1);
		return;
	}
	protocol_event(r, f->room, id, f->event, f->data);
	if (buf_ok(&r->text) && r->text.len <= MESSAGE_MAX)
		m = message_make(&r->memory, buf_span(&r->text), class,
		    hash_of(f->room) ^ hash_of(f->event));
	room = (struct room *)table_make(&r->rooms, &r->memory, f->room, sizeof(*room));
	counter_add(r->count.events, 1);
	if (m != NULL && room != NULL) {
		if (class == MESSAGE_KEPT)
			place = ring_add(&r->ring, id, room, m, same);
		room->count++; /* nobody gives it back now */
		hub_deliver(r, room, id, place, m);
		room->count--;
	}
	if (room != NULL)
		room_settle(&r->ring, room);
	message_drop(&r->memory, m);
}

static void
take_entry(struct relay *r, const struct redisReply *entry)
{
	struct stream_id id;
	struct fields f;
	bool good;

	if (!stream_id_parse(redis_reply_text(redis_reply_at(entry, 0)), &id))
		return;
	read_fields(redis_reply_at(entry, 1), &f);
	r->log->last = id;
	r->log->last_is_entry = true;
	if (span_is(f.kind, "control"))
		control(r, &f);
	else if (!span_is(f.kind, "tick")) {
		good = live_room_ok(f.room) && live_event_ok(f.event) &&
		       f.data.len <= LIVE_EVENT_BYTES && data_of(r, f.data) != NULL;
		arena_reset(r->arena);
		if (good)
			publish(r, id, &f);
		else
			counter_add(r->count.bad_entries, 1);
	}
	r->ring.last = id;
}

/* ---- reading */

static void
ready(struct relay *r)
{
	if (r->ready)
		return;
	r->ready = true;
	ring_expire(&r->ring, (uint64_t)(clock_now() / 1000 - RING_SECONDS * 1000));
	LOG(LEVEL_INFO, "log.ready", L_TEXT("epoch", r->epoch),
	    L_INT("events", r->ring.end - r->ring.first));
}

static void
on_read(void *with, const struct redisReply *reply)
{
	struct relay *r = with;
	const struct redisReply *entries;
	size_t count;

	r->log->asked = 0;
	if (reply == NULL)
		return; /* the connection is gone */
	if (redis_reply_failed(reply)) {
		LOG(LEVEL_ERROR, "log.refused", L_TEXT("reason", redis_reply_text(reply).ptr));
		redis_async_drop(r->log->redis);
		return;
	}
	if (r->log->recheck) {
		look(r);
		return;
	}
	entries = redis_reply_at(redis_reply_at(reply, 0), 1);
	count = redis_reply_count(entries);
	for (size_t i = 0; i < count; i++)
		take_entry(r, redis_reply_at(entries, i));
	if (count > 0 && r->ready) {
		int64_t lag = clock_now() / 1000 - (int64_t)r->log->last.ms;
		atomic_store(r->count.log_lag, (uint64_t)(lag > 0 ? lag : 0));
	}
	if (count < READ_COUNT)
		ready(r);
	read_on(r);
}

static void
on_epoch(void *with, const struct redisReply *reply)
{
	struct relay *r = with;

	if (!redis_reply_failed(reply) && !span_is(redis_reply_text(reply), r->epoch))
		r->log->recheck = true;
}

static void
read_on(struct relay *r)
{
	char id[STREAM_ID_TEXT], count[8], block[8];
	const char *get[] = { "GET", LOG_EPOCH_KEY };
	const char *read[] = { "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", LOG_KEY,
		id };

	stream_id_text(r->log->last, id);
	snprintf(count, sizeof(count), "%d", READ_COUNT);
	/* The first reads fill the ring: no entry means that all are here. */
	snprintf(block, sizeof(block), "%d", r->ready ? BLOCK_MS : 1);
	if (clock_mono() - r->log->looked_at > EPOCH_SECONDS * (int64_t)SECOND) {
		r->log->looked_at = clock_mono();
		ask(r, 2, get, on_epoch);
	}
	ask(r, 8, read, on_read);
}

/* ---- a look at what is there */

/* Where to begin: behind the last entry that is older than what the ring keeps, so that even
 * a client that has been quiet for an hour is known to have missed nothing. */
static void
begin_anew(struct relay *r)
{
	struct log_reader *l = r->log;
	struct stream_id floor = { 0, 0 };

	if (l->has_before)
		floor = l->before;
	else if (l->exists && l->added > l->length) {
		floor = l->length == 0 ? l->generated : l->first;
		if (l->length > 0 && floor.number > 0)
			floor.number--;
		else if (l->length > 0)
			floor = (struct stream_id){ floor.ms - 1, UINT64_MAX };
	}
	ring_clear(&r->ring, floor);
	l->last = floor;
	l->last_is_entry = l->has_before;
	r->fill_end = l->exists ? l->generated : floor;
}

static void
lost(struct relay *r, const char *reason)
{
	LOG(LEVEL_WARN, "log.lost", L_TEXT("reason", reason), L_TEXT("epoch", r->epoch));
	counter_add(r->count.log_lost, 1);
	/* Until the epoch is known and the ring is full again: who comes back meanwhile must
	 * not be told by the old one that nothing is missing. */
	r->ready = false;
	hub_log_lost(r);
	begin_anew(r);
}

static void
on_new_epoch(void *with, const struct redisReply *reply)
{
	struct relay *r = with;
	struct span text = redis_reply_text(reply);

	r->log->asked = 0;
	if (redis_reply_failed(reply) || text.len == 0 || text.len >= sizeof(r->epoch)) {
		if (reply != NULL)
			LOG(LEVEL_ERROR, "log.refused",
			    L_TEXT("reason", text.len ? text.ptr : "no epoch"));
		redis_async_drop(r->log->redis);
		return;
	}
	snprintf(r->epoch, sizeof(r->epoch), "%.*s", (int)text.len, text.ptr);
	read_on(r);
}

/* Several relays may find out at once: the first one's epoch is everybody's. */
static void
renew_epoch(struct relay *r, const char *known)
{
	static const char script[] = "local v = redis.call('GET', KEYS[1]) "
	                             "if v and v ~= ARGV[1] then return v end "
	                             "redis.call('SET', KEYS[1], ARGV[2]) return ARGV[2]";
	char fresh[17];
	uint64_t bits;
	const char *words[] = { "EVAL", script, "1", LOG_EPOCH_KEY, known, fresh };

	random_bytes(&bits, sizeof(bits));
	snprintf(fresh, sizeof(fresh), "%012llx", (unsigned long long)(bits >> 16));
	ask(r, 6, words, on_new_epoch);
}

static void
decide(struct relay *r)
{
	struct log_reader *l = r->log;
	bool trimmed = l->exists && l->added > l->length &&
	               stream_id_compare(l->length ? l->first : l->generated, l->last) >= 0;

	l->recheck = false;
	if (r->epoch[0] == '\0')
		begin_anew(r);
	else if (strcmp(l->epoch, r->epoch) != 0)
		lost(r, "the epoch is another one");
	else if (l->last_is_entry && !l->has_last) {
		lost(r, trimmed ? "away for too long" : "the last entry is gone");
		if (!trimmed) {
			renew_epoch(r, r->epoch);
			return;
		}
	}
	renew_epoch(r, ""); /* takes what is there, or makes one */
}

static void
on_look_epoch(void *with, const struct redisReply *reply)
{
	struct relay *r = with;
	struct span text = redis_reply_text(reply);

	if (!redis_reply_failed(reply))
		snprintf(r->log->epoch, sizeof(r->log->epoch), "%.*s", (int)text.len,
		    text.ptr ? text.ptr : "");
}

static void
on_look_info(void *with, const struct redisReply *reply)
{
	struct log_reader *l = ((struct relay *)with)->log;

	l->exists = !redis_reply_failed(reply); /* an error says: no such key */
	for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
		struct span name = redis_reply_text(redis_reply_at(reply, i));
		const struct redisReply *value = redis_reply_at(reply, i + 1);
		if (span_is(name, "length"))
			l->length = redis_reply_number(value);
		else if (span_is(name, "entries-added"))
			l->added = redis_reply_number(value);
		else if (span_is(name, "last-generated-id"))
			stream_id_parse(redis_reply_text(value), &l->generated);
		else if (span_is(name, "first-entry"))
			stream_id_parse(redis_reply_text(redis_reply_at(value, 0)), &l->first);
	}
}

static void
on_look_before(void *with, const struct redisReply *reply)
{
	struct log_reader *l = ((struct relay *)with)->log;
	const struct redisReply *entry = redis_reply_at(reply, 0);

	l->has_before = stream_id_parse(redis_reply_text(redis_reply_at(entry, 0)), &l->before);
}

static void
on_look_last(void *with, const struct redisReply *reply)
{
	struct relay *r = with;

	r->log->asked = 0;
	if (reply == NULL)
		return;
	if (redis_reply_failed(reply)) {
		LOG(LEVEL_ERROR, "log.refused", L_TEXT("reason", redis_reply_text(reply).ptr));
		redis_async_drop(r->log->redis);
		return;
	}
	r->log->has_last = redis_reply_count(reply) > 0;
	decide(r);
}

static void
look(struct relay *r)
{
	struct log_reader *l = r->log;
	struct stream_id start = { (uint64_t)(clock_now() / 1000 - REVOKED_SECONDS * 1000), 0 };
	char from[STREAM_ID_TEXT], last[STREAM_ID_TEXT];
	const char *get[] = { "GET", LOG_EPOCH_KEY };
	const char *info[] = { "XINFO", "STREAM", LOG_KEY };
	const char *before[] = { "XREVRANGE", LOG_KEY, from, "-", "COUNT", "1" };
	const char *there[] = { "XRANGE", LOG_KEY, last, last, "COUNT", "1" };

	stream_id_text(start, from);
	stream_id_text(l->last, last);
	l->epoch[0] = '\0';
	l->exists = l->has_before = l->has_last = false;
	l->length = l->added = 0;
	l->looked_at = clock_mono();
	ask(r, 2, get, on_look_epoch);
	ask(r, 3, info, on_look_info);
	ask(r, 6, before, on_look_before);
	ask(r, 6, there, on_look_last);
}

static void
on_up(void *with, bool up)
{
	struct relay *r = with;

	r->log->asked = 0;
	r->log->recheck = false;
	if (up)
		look(r);
}

bool
log_start(struct relay *r)
{
	struct redis_options options = { r->settings->REDIS_URL, "codegram-relay",
		r->settings->REDIS_PASSWORD, 0 };

	r->log = pool_take(&r->memory, sizeof(*r->log));
	if (r->log == NULL)
		return false;
	r->log->redis = redis_async_make(r->loop, &options, on_up, r);
	return r->log->redis != NULL;
}

void
log_stop(struct relay *r)
{
	if (r->log == NULL)
		return;
	redis_async_free(r->log->redis);
	pool_give(&r->memory, r->log, sizeof(*r->log));
	r->log = NULL;
}

void
log_tick(struct relay *r)
{
	if (r->log->asked != 0 &&
	    clock_mono() - r->log->asked > DEAF_SECONDS * (int64_t)SECOND) {
		r->log->asked = 0;
		redis_async_drop(r->log->redis);
	}
}
