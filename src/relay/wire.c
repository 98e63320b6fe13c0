/* wire: libwebsockets 4.1.6 takes unmasked frames like any other, and shows nobody the bytes it
 * reads. It reads them with recv(), though, and a program's own recv() comes before libc's
 * (codegram_relay.c), so each byte passes here once. A bad frame never gets further: its
 * connection is closed with 1002 as the hub closes any other, and is heard no more. */
#include "relay/wire.h"

#include <errno.h>

#include "relay/frame.h"
#include "relay/hub.h"

struct wire {
	struct frame_walk walk;
	struct connection *connection;
	bool open, upgraded, broken;
};

static struct {
	struct relay *relay;
	struct wire *wires; /* by descriptor */
	size_t count;
} all;

bool
wire_start(struct relay *r, size_t files)
{
	all.wires = pool_take(&r->memory, files * sizeof(*all.wires));
	all.count = all.wires ? files : 0;
	all.relay = r;
	return all.wires != NULL;
}

void
wire_stop(struct relay *r)
{
	pool_give(&r->memory, all.wires, all.count * sizeof(*all.wires));
	all.wires = NULL;
	all.count = 0;
}

static struct wire *
wire_of(int fd)
{
	return fd >= 0 && (size_t)fd < all.count ? &all.wires[fd] : NULL;
}

struct wire *
wire_open(int fd)
{
	struct wire *w = wire_of(fd);

	if (w != NULL)
		*w = (struct wire){ .open = true };
	return w;
}

void
wire_close(struct wire *w)
{
	if (w != NULL)
		*w = (struct wire){ .open = false };
}

void
wire_know(struct wire *w, struct connection *c)
{
	w->connection = c;
}

struct connection *
wire_connection(const struct wire *w)
{
	return w ? w->connection : NULL;
}

static void
refuse(struct wire *w)
{
	hub_close(all.relay, w->connection, CLOSE_BAD_FRAME, "bad frame");
}

void
wire_upgraded(struct wire *w)
{
	w->upgraded = true;
	if (w->broken)
		refuse(w);
}

static void
count(struct wire *w)
{
	if (w->upgraded && !hub_may_send(w->connection, w->walk.begun))
		hub_close(all.relay, w->connection, CLOSE_RATE, "too many frames");
	w->walk.begun = 0;
}

ssize_t
wire_read(int fd, const void *bytes, ssize_t n)
{
	struct wire *w = n > 0 ? wire_of(fd) : NULL;
	size_t good = 0;

	if (w == NULL || !w->open)
		return n;
	if (!w->broken) {
		good = frame_walk(&w->walk, bytes, (size_t)n);
		count(w);
		if (good == (size_t)n)
			return n;
		w->broken = true;
		if (w->upgraded)
			refuse(w);
	}
	errno = EAGAIN;
	return good > 0 ? (ssize_t)good : -1;
}
