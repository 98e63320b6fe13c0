/* relay: the state of the one process that holds the live connections. Everything runs on one
 * loop, so nothing here is locked. Owned by relay_run(); the rooms' files work on it. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "adapter/jwt.h"
#include "adapter/loop.h"
#include "base/counter.h"
#include "model/form.h"
#include "relay/connection.h"
#include "relay/ring.h"

enum {
	QUEUE_MESSAGES_MAX = 500,
	QUEUE_BYTES_MAX = 256 * KIB,
	CLIENT_MESSAGE_MAX = 4 * KIB,
	USER_CONNECTIONS_MAX = 16,
	ADDRESS_CONNECTIONS_MAX = 200,
	ADDRESS_HANDSHAKES_SECOND = 20,
	UNKNOWN_MAX = 1000, /* connections without a hello */
	CONNECTION_ROOMS_MAX = 20,
	CLIENT_MESSAGES_SECOND = 10,
	CLIENT_MESSAGES_BURST = 30,
	CLIENT_FRAMES_SECOND = 200,
	POSITION_SECONDS = 60,
	EXPIRING_SECONDS = 60,
	RING_SECONDS = 300,
	/* A token minted just before its session ended does not outlive the memory of that end;
	 * the queue library keeps the log for as long (LOG_AGE). */
	REVOKED_SECONDS = JWT_LIVE_SECONDS + 2 * JWT_APART,
	RING_BYTES_MAX = 64 * KIB * KIB,
	WHEEL_SLOTS_MAX = 60,
	TICK_MS = 250,
};

/* Pusher's ranges: 40xx do not come back, 41xx come back with a pause, 42xx at once. */
enum close_code {
	CLOSE_BAD_FRAME = 1002,
	CLOSE_TOO_BIG = 1009,
	CLOSE_INTERNAL = 1011,
	CLOSE_NO_HELLO = 4001,
	CLOSE_BAD_TOKEN = 4003,
	CLOSE_REVOKED = 4005,
	CLOSE_TOO_MANY = 4006,
	CLOSE_PROTOCOL = 4010,
	CLOSE_FULL = 4100,
	CLOSE_RATE = 4101,
	CLOSE_SLOW = 4102,
	CLOSE_EXPIRED = 4104,
	CLOSE_DRAIN = 4200,
	CLOSE_LOG_LOST = 4201,
};

/* How an upgrade ended. */
enum handshake {
	HANDSHAKE_OK,
	HANDSHAKE_UNAUTHORIZED, /* 401 */
	HANDSHAKE_ORIGIN,       /* 403 */
	HANDSHAKE_PROTOCOL,     /* 426 */
	HANDSHAKE_RATE,         /* 429 */
	HANDSHAKE_AWAY,         /* 503 */
	HANDSHAKE_COUNT
};

struct relay_counters {
	counter *connections, *unknown, *rooms, *memory, *ring_bytes, *ring_entries;
	counter *handshakes[HANDSHAKE_COUNT];
	counter *hello_ok, *hello_refused;
	counter *events, *repeats, *bad_entries, *deliveries, *dropped;
	counter *queue_bytes, *slow, *closed, *dead, *accept_failures;
	counter *replay_hit, *replay_gap, *log_lost, *log_lag, *revoked, *pulse;
};

struct socket_server;
struct log_reader;

struct relay {
	const struct settings *settings;
	int listen_fd;
	/* SIGHUP: takes new settings; false: logged, and all is as it was */
	bool (*reload)(struct relay *r);
	/* from here on relay_run() fills in */
	struct loop *loop;
	struct arena *arena; /* of one message */
	struct jwt_ring tokens;
	struct counter_file *stats;
	struct relay_counters count;
	struct pool_memory memory;
	struct table rooms, addresses, revoked;
	struct ring ring;
	struct stream_id fill_end; /* the ring is being filled up to here */
	char epoch[17];            /* "": unknown yet */
	bool ready;                /* the ring was filled once */
	bool draining;
	char node[9];
	struct socket_server *socket;
	struct log_reader *log;
	struct buf text; /* of the message being written */
	/* every connection after its upgrade is in exactly one of these lists */
	struct list fresh;                  /* no hello yet, the oldest first */
	struct list wheel[WHEEL_SLOTS_MAX]; /* pinged in the same second */
	struct list soon;                   /* their token expires before the wheel comes */
	struct list closing;
	size_t connections, unknown; /* all but those that close; of these without hello */
	struct connection *dirty;    /* have something to write at the end of the turn */
};

/* Runs to the end; the exit code. `listen_fd` is a listening socket. */
int relay_run(struct relay *r);

/* A listening socket at "/path" (0660) or "ADDRESS:PORT"; -1: errno. */
int relay_listen(const char *where);

#endif
