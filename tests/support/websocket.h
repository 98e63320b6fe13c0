/* websocket: a small WebSocket client (RFC 6455) over a plain socket to the stack's nginx, so
 * that tests can also do what no well-meaning client would. Answers pings unless told not to. */
#ifndef SUPPORT_WEBSOCKET_H
#define SUPPORT_WEBSOCKET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ws_options {
	const char *path;     /* default /live */
	const char *protocol; /* default cg.v1; "" sends none */
	int port;             /* default nginx's */
	const char *headers;  /* more lines, each with \r\n */
	const char *from;     /* the client's own address in 127/8 */
};

struct ws {
	int fd, status; /* of the upgrade; 101 is good */
	bool deaf;      /* answers neither pings nor a close frame */
	char head[4096];
	char *bytes; /* what has come and was not read */
	size_t len, size;
	int pings;
};

enum ws_kind { WS_TEXT, WS_CLOSE, WS_END, WS_NOTHING };

struct ws_frame {
	enum ws_kind kind;
	int code; /* of a close frame; 0: none */
	char reason[128];
	json_t *json; /* of a text; ws_forget() */
};

#define WS_OPEN(...) ws_open(&(struct ws_options){ __VA_ARGS__ })
struct ws *ws_open(const struct ws_options *options);
/* The same in two steps: the request is out; the answer is in. */
struct ws *ws_begin(const struct ws_options *options);
void ws_finish(struct ws *w);
void ws_free(struct ws *w); /* closes the socket, without a close frame */

void ws_say(struct ws *w, const char *text);
/* One frame; `first` is its first byte (FIN and opcode). */
void ws_send(struct ws *w, unsigned char first, const void *bytes, size_t len);

/* Bytes as they are. */
void ws_send_raw(struct ws *w, const void *bytes, size_t len);

/* The next text or close frame; WS_END: the socket is closed, WS_NOTHING: not in time. */
struct ws_frame ws_read(struct ws *w, double seconds);
void ws_forget(struct ws_frame *f);

#endif
