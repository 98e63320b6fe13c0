/* websocket: frames of a client, masked as they must be. */
#include "support/websocket.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/stack.h"

enum { SECOND = 1000 * 1000, UPGRADE_SECONDS = 10 };

/* False: closed, or nothing in time. */
static bool
more(struct ws *w, int64_t until, bool *closed)
{
	int64_t left = until - clock_mono();
	struct pollfd p = { w->fd, POLLIN, 0 };
	ssize_t n;

	*closed = false;
	if (poll(&p, 1, left > 0 ? (int)(left / 1000) : 0) <= 0)
		return false;
	if (w->len + 65536 > w->size) {
		w->size = w->len + 131072;
		w->bytes = realloc(w->bytes, w->size);
		cr_assert_not_null(w->bytes);
	}
	n = read(w->fd, w->bytes + w->len, w->size - w->len);
	*closed = n <= 0;
	if (n > 0)
		w->len += (size_t)n;
	return n > 0;
}

static void
take(struct ws *w, size_t count)
{
	w->len -= count;
	memmove(w->bytes, w->bytes + count, w->len);
}

static void
send_all(struct ws *w, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t n;

	for (; len > 0; at += n, len -= (size_t)n)
		if ((n = send(w->fd, at, len, MSG_NOSIGNAL)) <= 0)
			return; /* closed: reading tells why */
}

void
ws_finish(struct ws *w)
{
	int64_t until = clock_mono() + UPGRADE_SECONDS * (int64_t)SECOND;
	char *end = NULL;
	bool closed;

	while ((end = w->len > 3 ? memmem(w->bytes, w->len, "\r\n\r\n", 4) : NULL) == NULL)
		if (!more(w, until, &closed))
			return;
	snprintf(w->head, sizeof(w->head), "%.*s", (int)(end - w->bytes), w->bytes);
	take(w, (size_t)(end - w->bytes) + 4);
	if (sscanf(w->head, "HTTP/%*s %d", &w->status) != 1)
		w->status = 0;
}

static void
come_from(int fd, const char *address)
{
	struct sockaddr_in from = { .sin_family = AF_INET };

	cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
	cr_assert_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0, "%s", address);
}

struct ws *
ws_begin(const struct ws_options *o)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)(o->port ? o->port : stack_port())) };
	const char *protocol = o->protocol ? o->protocol : "cg.v1";
	struct ws *w = calloc(1, sizeof(*w));
	char text[8192];
	int len;

	cr_assert_not_null(w);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (o->from != NULL)
		come_from(w->fd, o->from);
	cr_assert_eq(connect(w->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	len = snprintf(text, sizeof(text),
	    "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s%s\r\n",
	    o->path ? o->path : "/live", *protocol ? "Sec-WebSocket-Protocol: " : "", protocol,
	    *protocol ? "\r\n" : "", o->headers ? o->headers : "");
	send_all(w, text, (size_t)len);
	return w;
}

struct ws *
ws_open(const struct ws_options *o)
{
	struct ws *w = ws_begin(o);

	ws_finish(w);
	return w;
}

void
ws_free(struct ws *w)
{
	close(w->fd);
	free(w->bytes);
	free(w);
}

void
ws_send(struct ws *w, unsigned char first, const void *bytes, size_t len)
{
	static const unsigned char mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	unsigned char *frame = malloc(len + 14);
	size_t at = 0;

	cr_assert_not_null(frame);
	frame[at++] = first;
	if (len < 126) {
		frame[at++] = (unsigned char)(0x80 | len);
	} else {
		frame[at++] = 0x80 | 126;
		frame[at++] = (unsigned char)(len >> 8);
		frame[at++] = (unsigned char)(len & 0xff);
	}
	memcpy(frame + at, mask, 4);
	at += 4;
	for (size_t i = 0; i < len; i++)
		frame[at + i] = ((const unsigned char *)bytes)[i] ^ mask[i % 4];
	send_all(w, frame, at + len);
	free(frame);
}

void
ws_send_raw(struct ws *w, const void *bytes, size_t len)
{
	send_all(w, bytes, len);
}

void
ws_say(struct ws *w, const char *text)
{
	ws_send(w, 0x81, text, strlen(text));
}

/* The length of the payload and where it begins; false: the head is not whole yet. */
static bool
measure(const struct ws *w, size_t *start, size_t *len)
{
	const unsigned char *b = (const unsigned char *)w->bytes;
	size_t bytes = 0;

	if (w->len < 2)
		return false;
	*len = b[1] & 0x7f;
	bytes = *len == 126 ? 2 : *len == 127 ? 8 : 0;
	*start = 2 + bytes;
	if (w->len < *start)
		return false;
	if (bytes > 0)
		*len = 0;
	for (size_t i = 0; i < bytes; i++)
		*len = *len << 8 | b[2 + i];
	return w->len >= *start + *len;
}

/* True: the frame is one for the caller. */
static bool
judge(struct ws *w, const char *payload, size_t len, struct ws_frame *out)
{
	int opcode = w->bytes[0] & 0x0f;

	if (opcode == 9) {
		w->pings++;
		if (!w->deaf)
			ws_send(w, 0x8a, payload, len);
		return false;
	}
	if (opcode == 8) {
		out->kind = WS_CLOSE;
		if (len >= 2)
			out->code = (unsigned char)payload[0] << 8 | (unsigned char)payload[1];
		snprintf(out->reason, sizeof(out->reason), "%.*s", len > 2 ? (int)len - 2 : 0,
		    payload + 2);
		if (!w->deaf)
			ws_send(w, 0x88, payload, len >= 2 ? 2 : 0);
		return true;
	}
	if (opcode != 1)
		return false;
	out->kind = WS_TEXT;
	out->json = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(out->json, "not JSON: %.*s", (int)len, payload);
	return true;
}

struct ws_frame
ws_read(struct ws *w, double seconds)
{
	int64_t until = clock_mono() + (int64_t)(seconds * SECOND);
	struct ws_frame out = { .kind = WS_NOTHING };
	size_t start, len;
	bool closed;

	for (;;) {
		while (measure(w, &start, &len)) {
			bool wanted = judge(w, w->bytes + start, len, &out);
			take(w, start + len);
			if (wanted)
				return out;
		}
		if (!more(w, until, &closed)) {
			out.kind = closed ? WS_END : WS_NOTHING;
			return out;
		}
	}
}

void
ws_forget(struct ws_frame *f)
{
	json_decref(f->json);
	f->json = NULL;
}
