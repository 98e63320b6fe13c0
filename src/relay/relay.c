/* relay: starts the parts, keeps the clock, counts, and ends: leaves the port first, tells
 * everybody, closes them in slices, and is gone in time whatever they do. */
#include "relay/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapter/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/random.h"
#include "relay/hub.h"
#include "relay/log.h"
#include "relay/socket.h"

enum {
	BACKLOG = 4096,
	PATIENCE_MS = 2000, /* for Redis at the start; then strangers get 503 */
	DESTROY_MS = 5000,  /* at most, behind the drain */
	SECOND = 1000 * 1000,
	TEXT_MAX = 64 * KIB,
	ARENA_FIRST = 32 * KIB,
	ARENA_CEILING = 1024 * KIB,
};

/* What relay_run() needs and nobody else. */
static struct run {
	struct relay *relay;
	int signal_fd;
	int64_t started, draining_since, fed; /* clock_mono() */
	size_t slice;                         /* connections to close each tick */
} run;

int
relay_listen(const char *where)
{
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in in;
	} to = { .any = { .sa_family = AF_UNIX } };
	const char *colon = strrchr(where, ':');
	socklen_t len = sizeof(to.local);
	int64_t port;
	int fd, on = 1;

	if (where[0] != '/') {
		char host[64] = "";
		if (colon == NULL || !span_int(span_of(colon + 1), &port) || port > 65535)
			return errno = EINVAL, -1;
		snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
		to.in = (struct sockaddr_in){ .sin_family = AF_INET };
		to.in.sin_port = htons((uint16_t)port);
		if (inet_pton(AF_INET, host, &to.in.sin_addr) != 1)
			return errno = EINVAL, -1;
		len = sizeof(to.in);
	} else if (strlen(where) >= sizeof(to.local.sun_path))
		return errno = ENAMETOOLONG, -1;
	else
		memcpy(to.local.sun_path, where, strlen(where) + 1);
	fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (where[0] == '/')
		unlink(where);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &to.any, len) == 0 && (where[0] != '/' || chmod(where, 0660) == 0) &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
show_gauges(struct relay *r)
{
	atomic_store(r->count.connections, r->connections);
	atomic_store(r->count.unknown, r->unknown);
	atomic_store(r->count.rooms, r->rooms.count);
	atomic_store(r->count.memory, r->memory.used);
	atomic_store(r->count.ring_bytes, r->ring.bytes);
	atomic_store(r->count.ring_entries, r->ring.end - r->ring.first);
}

static void
open_counters(struct relay *r)
{
	static const char family[] = "codegram_relay_handshakes_total";
	struct relay_counters *c = &r->count;
	char labels[64];

#define GET(member, name, type)                                                                \
	c->member = counter_get(r->stats, "codegram_relay_" name, type, "")
	GET(connections, "connections", PRESENT);
	GET(unknown, "connections_without_hello", PRESENT);
	GET(rooms, "rooms", PRESENT);
	GET(memory, "memory_bytes", PRESENT);
	GET(ring_bytes, "ring_bytes", PRESENT);
	GET(ring_entries, "ring_events", PRESENT);
	GET(queue_bytes, "queue_bytes", PRESENT);
	GET(log_lag, "log_lag_ms", MEASURE);
	GET(hello_ok, "hellos_total", COUNTER);
	GET(hello_refused, "hellos_refused_total", COUNTER);
	GET(events, "events_total", COUNTER);
	GET(repeats, "event_repeats_total", COUNTER);
	GET(bad_entries, "bad_entries_total", COUNTER);
	GET(deliveries, "deliveries_total", COUNTER);
	GET(dropped, "dropped_total", COUNTER);
	GET(slow, "slow_cuts_total", COUNTER);
	GET(closed, "closed_total", COUNTER);
	GET(dead, "dead_total", COUNTER);
	GET(accept_failures, "accept_failures_total", COUNTER);
	GET(replay_hit, "replay_hits_total", COUNTER);
	GET(replay_gap, "replay_gaps_total", COUNTER);
	GET(log_lost, "log_lost_total", COUNTER);
	GET(revoked, "revoked_sessions_total", COUNTER);
#undef GET
	for (int h = 0; h < HANDSHAKE_COUNT; h++) {
		snprintf(labels, sizeof(labels), "result=\"%s\"",
		    socket_handshake_label((enum handshake)h));
		c->handshakes[h] = counter_get(r->stats, family, COUNTER, labels);
	}
	atomic_store(c->queue_bytes, 0); /* of the process before */
	atomic_store(c->log_lag, 0);
	c->pulse = counter_pulse(r->stats, "relay");
	show_gauges(r);
}

/* ---- the end */

static void
begin_to_end(struct relay *r)
{
	size_t ticks = (size_t)r->settings->RELAY_DRAIN_SECONDS * 1000 / TICK_MS / 2;

	if (run.draining_since != 0)
		return;
	run.draining_since = clock_mono();
	run.slice = r->connections / (ticks ? ticks : 1) + 1;
	notify_stopping(r->settings->RELAY_DRAIN_SECONDS * 1000 + DESTROY_MS);
	LOG(LEVEL_INFO, "relay.draining", L_INT("connections", r->connections));
	socket_leave_port(r);
	hub_drain(r);
}

static void
go_on_ending(struct relay *r)
{
	int64_t limit = r->settings->RELAY_DRAIN_SECONDS * SECOND;
	int64_t passed = clock_mono() - run.draining_since;

	if (run.draining_since == 0)
		return;
	/* The last seconds are for whoever does not answer the close frame. */
	hub_drain_some(r, passed > limit * 3 / 4 ? SIZE_MAX : run.slice);
	if (hub_all(r) == 0 || passed > limit)
		loop_stop(r->loop);
}

/* ---- the clock */

static void
feed(void)
{
	int64_t interval = notify_watchdog_interval();

	if (interval == 0 || clock_mono() - run.fed < interval / 3)
		return;
	run.fed = clock_mono();
	notify_watchdog();
}

static void
on_tick(void *with)
{
	struct relay *r = with;

	hub_tick(r);
	log_tick(r);
	if (run.draining_since == 0)
		socket_accept(r, r->ready || r->epoch[0] != '\0' ||
		                     clock_mono() - run.started > PATIENCE_MS * 1000);
	go_on_ending(r);
	show_gauges(r);
	counter_beat(r->count.pulse);
	feed();
}

static void
on_turn(void *with)
{
	struct relay *r = with;

	hub_flush(r);
	/* as soon as the ring is full, not at the next tick */
	if (r->ready && run.draining_since == 0)
		socket_accept(r, true);
}

static void
reload(struct relay *r)
{
	notify_reloading();
	if (r->reload(r))
		LOG(LEVEL_INFO, "relay.reloaded");
	notify_ready();
}

static void
on_signal(void *with)
{
	struct relay *r = with;
	int number;

	while ((number = proc_next_signal(run.signal_fd)) != 0) {
		if (number == SIGTERM || number == SIGINT)
			begin_to_end(r);
		else if (number == SIGHUP && run.draining_since == 0)
			reload(r);
		else if (number == SIGUSR1)
			log_reopen();
	}
}

static bool
start(struct relay *r)
{
	uint32_t node;

	random_bytes(&node, sizeof(node));
	snprintf(r->node, sizeof(r->node), "%08x", node);
	buf_init(&r->text, TEXT_MAX);
	ring_init(&r->ring, &r->memory, &r->rooms, RING_BYTES_MAX);
	open_counters(r);
	run.started = clock_mono();
	return (run.signal_fd = proc_signals()) >= 0 &&
	       (r->arena = arena_make(ARENA_FIRST, ARENA_CEILING)) != NULL &&
	       (r->loop = loop_make()) != NULL && socket_open(r) && log_start(r) &&
	       loop_read(r->loop, run.signal_fd, on_signal, r) != NULL &&
	       loop_every(r->loop, TICK_MS, on_tick, r) != NULL &&
	       loop_turn(r->loop, on_turn, r) != NULL;
}

int
relay_run(struct relay *r)
{
	bool started = start(r);

	if (started) {
		notify_ready();
		LOG(LEVEL_INFO, "relay.started", L_TEXT("node", r->node));
		loop_run(r->loop);
	}
	log_stop(r);
	socket_close_all(r);
	hub_free(r);
	buf_free(&r->text);
	show_gauges(r);
	if (started)
		counter_beat_end(r->count.pulse);
	counter_close(r->stats);
	loop_free(r->loop);
	arena_free(r->arena);
	if (run.signal_fd > 0)
		close(run.signal_fd);
	LOG(LEVEL_INFO, "relay.stopped", L_INT("bytes_left", r->memory.used));
	return started ? 0 : 1;
}
