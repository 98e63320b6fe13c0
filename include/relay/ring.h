/* ring: the last minutes of the log in memory, so that a client that comes back is told what
 * it missed without asking Redis. Bounded by age and bytes; each room's entries are chained.
 * Places are numbers that only grow; a number below `first` is gone, and so ends a chain. */
#ifndef RELAY_RING_H
#define RELAY_RING_H

#include "relay/message.h"
#include "relay/table.h"

/* Of a Redis stream; the offset that clients know. */
struct stream_id {
	uint64_t ms, number;
};

enum { STREAM_ID_TEXT = 44 };
bool stream_id_parse(struct span text, struct stream_id *out);
const char *stream_id_text(struct stream_id id, char out[STREAM_ID_TEXT]);
int stream_id_compare(struct stream_id a, struct stream_id b);

struct member;

/* A room that somebody is in, or whose events are in the ring. */
struct room {
	struct entry entry;
	struct member *members;
	size_t count;
	uint64_t last; /* place of its latest event */
};

struct ring_entry {
	struct stream_id id;
	struct room *room;
	struct message *message;
	uint64_t before, after; /* places in the same room */
	uint64_t twin, hash;    /* chain of the same bucket; 0: no event id */
};

struct ring {
	struct pool_memory *memory;
	struct table *rooms;
	struct ring_entry *slot;
	uint64_t *bucket;
	size_t size;         /* of both; a power of two */
	uint64_t first, end; /* places; the first ever is 1 */
	size_t bytes, bytes_max;
	struct stream_id floor, last; /* all behind floor, up to last, is here */
};

void ring_init(struct ring *r, struct pool_memory *memory, struct table *rooms, size_t bytes);
void ring_free(struct ring *r);

/* Forgets everything: the log begins behind `floor`. */
void ring_clear(struct ring *r, struct stream_id floor);

/* Was an event of this hash here already? */
bool ring_knows(const struct ring *r, uint64_t hash);

/* Takes a reference. The place, 0: no memory (then all before is forgotten: a hole would be a
 * lie). */
uint64_t ring_add(
    struct ring *r, struct stream_id id, struct room *room, struct message *m, uint64_t hash);

void ring_expire(struct ring *r, uint64_t before_ms);

/* NULL: gone. */
struct ring_entry *ring_at(const struct ring *r, uint64_t place);

/* The first place of the room behind `id`; 0: none. */
uint64_t ring_behind(const struct ring *r, const struct room *room, struct stream_id id);

/* Gives a room back that nobody is in and nothing is known of. */
void room_settle(struct ring *r, struct room *room);

#endif
