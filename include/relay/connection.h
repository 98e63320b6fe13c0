/* connection: one client after its upgrade: who it is, the rooms it is in, what waits for it.
 * Small on purpose: most of them are idle. */
#ifndef RELAY_CONNECTION_H
#define RELAY_CONNECTION_H

#include "base/field.h"
#include "relay/message.h"
#include "relay/ring.h"

struct relay;
struct connection;

struct list {
	struct connection *first, *last;
	size_t count;
};

/* A connection in a room. */
struct member {
	struct connection *connection;
	struct room *room;
	struct member *before, *after; /* in the room, the newest first */
	struct member *sibling;        /* of the connection */
	uint64_t next;                 /* place in the ring to send next; 0: none */
};

struct waiting {
	struct waiting *after;
	struct message *message;
};

struct address;

struct connection {
	void *socket; /* struct lws */
	struct address *address;
	struct list *in;
	struct connection *before, *after; /* in that list */
	struct connection *next_dirty;
	struct member *members;
	struct waiting *queue, **queue_end;
	uint32_t queue_count, queue_bytes;
	uint16_t rooms, close_code;
	bool known;     /* said hello */
	bool replaying; /* gets from the ring first */
	bool is_dirty, warned, admin;
	bool pinged;    /* and has not answered */
	bool mid_frame; /* the rest of a frame is still to come */
	bool told;      /* the token came with the upgrade */
	bool ending;    /* libwebsockets closes it: nothing more is ours to send */
	size_t frames;  /* in this second of clock_mono(): */
	int64_t frames_second;
	float tokens;    /* of the flood limit */
	int64_t filled;  /* clock_mono() of the last fill */
	int64_t since;   /* clock_mono(): connected, later closing */
	int64_t told_at; /* clock_mono() of the last position it was told */
	struct stream_id sent;
	int64_t expires; /* seconds since 1970 */
	struct uuid subject, session;
	char *inbox; /* an unfinished message */
	uint32_t inbox_len, inbox_size;
	const char *close_reason; /* static */
	char close_text[8];
};

/* A client's address; counts for the limits. */
struct address {
	struct entry entry;
	uint32_t connections;
	float tokens;
	int64_t filled;
};

#endif
