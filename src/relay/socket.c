/* socket: libwebsockets 4.1.6 on our loop. It neither listens (port sharing is broken in
 * Debian's build) nor keeps timers of an idle connection (they stand in one sorted list), and
 * never sees an extension or another Upgrade than websocket (nginx refuses those). */
#include "relay/socket.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/clock.h"
#include "base/log.h"
#include "relay/hub.h"
#include "relay/protocol.h"
#include "relay/wire.h"

_Static_assert(MESSAGE_PRE >= LWS_PRE, "room for the frame's head");

enum {
	ACCEPTS_A_TURN = 64,
	HANDSHAKES_MAX = 256, /* beyond the connections */
	OTHER_FILES = 64,
	RX_BUFFER = 512,
	HANDSHAKE_SECONDS = 5,
	SEND_BUFFER = 64 * KIB,
	OFFERED_MAX = 256,
	DESTROY_SECONDS = 5,
	HOLD_MS = 500,
	HEALED_MS = 3000, /* without a failure */
};

struct socket_server {
	struct relay *relay;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct loop_watch *accept;
	size_t sockets, room; /* how many there are and may be */
	/* clock_mono() of the last accept() that failed; until when none is tried; 0: it heals */
	int64_t failed, held_until;
};

/* ---- the upgrade */

static const struct refusal {
	unsigned status;
	const char *label, *body;
	bool again; /* Retry-After */
} refusals[HANDSHAKE_COUNT] = {
#define BODY(code, message)                                                                    \
	"{\"success\":false,\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"
	[HANDSHAKE_OK] = { 101, "ok", "", false },
	[HANDSHAKE_UNAUTHORIZED] = { 401, "unauthorized",
	    BODY("INVALID_TOKEN", "The token is not valid"), false },
	[HANDSHAKE_ORIGIN] = { 403, "origin", BODY("FORBIDDEN", "This origin may not connect"),
	    false },
	[HANDSHAKE_PROTOCOL] = { 426, "protocol",
	    BODY("UPGRADE_REQUIRED", "This is a WebSocket of the protocol cg.v1"), false },
	[HANDSHAKE_RATE] = { 429, "rate", BODY("RATE_LIMITED", "Too many connections"), true },
	[HANDSHAKE_AWAY] = { 503, "away",
	    BODY("SERVICE_UNAVAILABLE", "The service is away for a moment"), true },
#undef BODY
};

const char *
socket_handshake_label(enum handshake h)
{
	return refusals[h].label;
}

static bool
add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
    unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
	           (const unsigned char *)value, (int)strlen(value), at, end) == 0;
}

/* Answers before the upgrade, and closes. */
static int
refuse(struct relay *r, struct lws *wsi, enum handshake why)
{
	const struct refusal *a = &refusals[why];
	unsigned char head[LWS_PRE + 1024], *start = head + LWS_PRE, *at = start,
	                                    *end = head + sizeof(head);
	char length[24];

	counter_add(r->count.handshakes[why], 1);
	snprintf(length, sizeof(length), "%zu", strlen(a->body));
	if (lws_add_http_header_status(wsi, a->status, &at, end) ||
	    !add_header(wsi, "content-type:", "application/json; charset=utf-8", &at, end) ||
	    !add_header(wsi, "content-length:", length, &at, end) ||
	    !add_header(wsi, "cache-control:", "no-store", &at, end) ||
	    !add_header(wsi, "connection:", "close", &at, end) ||
	    (a->again && !add_header(wsi, "retry-after:", "1", &at, end)) ||
	    (a->status == 426 && !add_header(wsi, "upgrade:", "websocket", &at, end)) ||
	    lws_finalize_http_header(wsi, &at, end))
		return -1;
	memcpy(at, a->body, strlen(a->body)); /* 1,024 bytes hold every row */
	at += strlen(a->body);
	lws_write(wsi, start, (size_t)(at - start), LWS_WRITE_HTTP_HEADERS);
	return -1;
}

static bool
offers_ours(struct span offered)
{
	struct span rest = offered;

	while (rest.ptr != NULL)
		if (span_is(span_trim(span_cut(&rest, ',')), PROTOCOL_NAME))
			return true;
	return false;
}

static bool
origin_ok(struct relay *r, struct lws *wsi)
{
	char origin[256];
	int len = lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN);

	if (len == 0)
		return true; /* no browser */
	len = lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN);
	return len > 0 && r->settings->FRONTEND_URL != NULL &&
	       span_list_has(
	           span_of(r->settings->FRONTEND_URL), (struct span){ origin, (size_t)len });
}

/* nginx says whose it is, in a header that it always overwrites. libwebsockets knows this one
 * by itself: lws_hdr_custom_copy() would never find it, and everybody be one caller. */
static void
read_caller(struct lws *wsi, char out[CALLER_TEXT])
{
	char address[CALLER_TEXT];
	int len = lws_hdr_copy(wsi, address, sizeof(address), WSI_TOKEN_HTTP_X_REAL_IP);

	caller_of(len > 0 ? (struct span){ address, (size_t)len } : SPAN("-"), out);
}

static int
confirm(struct relay *r, struct lws *wsi)
{
	struct wire *w = lws_get_opaque_user_data(wsi);
	char address[CALLER_TEXT], offered[OFFERED_MAX] = "", token[JWT_MAX + 1] = "";
	struct connection *c;
	enum handshake why;
	int len;

	read_caller(wsi, address);
	if (!origin_ok(r, wsi))
		return refuse(r, wsi, HANDSHAKE_ORIGIN);
	if ((why = hub_admit(r, span_of(address))) != HANDSHAKE_OK)
		return refuse(r, wsi, why);
	if (w == NULL || (c = hub_make(r, span_of(address))) == NULL)
		return refuse(r, wsi, HANDSHAKE_AWAY);
	c->socket = wsi;
	wire_know(w, c); /* from here on it goes with the socket */
	lws_hdr_copy(wsi, offered, sizeof(offered), WSI_TOKEN_PROTOCOL);
	if (!offers_ours(span_of(offered)))
		return refuse(r, wsi, HANDSHAKE_PROTOCOL);
	/* A browser can only send it as a second protocol; nginx moves it here, because
	 * libwebsockets takes no list above 255 bytes. */
	len = lws_hdr_custom_length(wsi, "x-live-token:", 13);
	if (len <= 0)
		return 0;
	len = lws_hdr_custom_copy(wsi, token, sizeof(token), "x-live-token:", 13);
	if (len <= 0 || protocol_token(r, c, (struct span){ token, (size_t)len }) != OK)
		return refuse(r, wsi, HANDSHAKE_UNAUTHORIZED);
	return 0;
}

/* ---- frames */

static bool
inbox_add(struct relay *r, struct connection *c, const char *in, size_t len)
{
	size_t need = c->inbox_len + len;
	char *grown;

	if (len == 0) /* an empty frame of several */
		return true;
	if (need > c->inbox_size) {
		size_t size = need <= 1 * KIB ? 1 * KIB : CLIENT_MESSAGE_MAX;
		grown = pool_grow(&r->memory, c->inbox, c->inbox_size, size);
		if (grown == NULL)
			return false;
		c->inbox = grown;
		c->inbox_size = (uint32_t)size;
	}
	memcpy(c->inbox + c->inbox_len, in, len);
	c->inbox_len = (uint32_t)need;
	return true;
}

static void
inbox_drop(struct relay *r, struct connection *c)
{
	pool_give(&r->memory, c->inbox, c->inbox_size);
	c->inbox = NULL;
	c->inbox_len = c->inbox_size = 0;
}

static void
receive(struct relay *r, struct connection *c, const char *in, size_t len)
{
	struct lws *wsi = c->socket;
	size_t coming = lws_remaining_packet_payload(wsi);
	bool whole = coming == 0 && lws_is_final_fragment(wsi);

	c->mid_frame = coming > 0;
	if (c->close_code != 0) {
		if (!c->mid_frame)
			lws_callback_on_writable(wsi);
		return;
	}
	if (lws_frame_is_binary(wsi))
		hub_close(r, c, CLOSE_PROTOCOL, "text frames only");
	else if (c->inbox_len + len + coming > CLIENT_MESSAGE_MAX)
		hub_close(r, c, CLOSE_TOO_BIG, "message too long");
	else if (whole && c->inbox_len == 0)
		protocol_take(r, c, (struct span){ in, len });
	else if (!inbox_add(r, c, in, len))
		hub_close(r, c, CLOSE_INTERNAL, "no memory");
	else if (whole)
		protocol_take(r, c, (struct span){ c->inbox, c->inbox_len });
	if (whole)
		inbox_drop(r, c);
}

/* False: the connection is dead. */
static bool
write_all(struct relay *r, struct connection *c)
{
	struct lws *wsi = c->socket;
	struct message *m;
	int n;

	for (;;) {
		if (lws_partial_buffered(wsi) || lws_send_pipe_choked(wsi)) {
			lws_callback_on_writable(wsi);
			return true;
		}
		if ((m = hub_next(r, c)) == NULL)
			return true;
		n = lws_write(wsi, (unsigned char *)m->text, m->len, LWS_WRITE_TEXT);
		message_drop(&r->memory, m);
		if (n < 0)
			return false;
	}
}

void
socket_flush(struct relay *r, struct connection *c)
{
	if (c->close_code != 0)
		return;
	if (!write_all(r, c))
		lws_set_timeout(c->socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static int
writable(struct relay *r, struct connection *c)
{
	char *reason = c->close_text;

	if (c->close_code == 0)
		return write_all(r, c) ? 0 : -1;
	if (c->ending)
		return 0;
	if (c->mid_frame)
		return 0; /* libwebsockets drops the close frame when half a frame is unread */
	if (c->close_reason != NULL)
		reason = (char *)(uintptr_t)c->close_reason;
	lws_close_reason(c->socket, (enum lws_close_status)c->close_code,
	    (unsigned char *)reason, strlen(reason));
	return -1;
}

/* With two bytes: libwebsockets does not tell of a pong without payload. */
void
socket_ping(struct relay *r, struct connection *c)
{
	unsigned char frame[LWS_PRE + 2] = { 0 };
	struct lws *wsi = c->socket;

	(void)r;
	frame[LWS_PRE] = 'c';
	frame[LWS_PRE + 1] = 'g';
	if (lws_partial_buffered(wsi) || lws_send_pipe_choked(wsi))
		return;
	lws_write(wsi, frame + LWS_PRE, 2, LWS_WRITE_PING);
}

void
socket_want_close(struct connection *c)
{
	lws_callback_on_writable(c->socket);
}

void
socket_cut(struct connection *c)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(lws_get_socket_fd(c->socket), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	lws_set_timeout(c->socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

/* Who has no user data is not told when libwebsockets begins to close (a frame that breaks the
 * rules, bad UTF-8, an end of the stream), only when all is over. */
static void
established(struct relay *r, struct lws *wsi, struct connection *c)
{
	counter_add(r->count.handshakes[HANDSHAKE_OK], 1);
	lws_set_wsi_user(wsi, c);
	hub_enter(r, c);
	wire_upgraded(lws_get_opaque_user_data(wsi));
}

static void
gone(struct relay *r, struct lws *wsi)
{
	struct wire *w = lws_get_opaque_user_data(wsi);
	struct connection *c = wire_connection(w);

	r->socket->sockets--;
	wire_close(w);
	lws_set_opaque_user_data(wsi, NULL);
	if (c != NULL)
		hub_leave(r, c);
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct lws_context *context = lws_get_context(wsi);
	struct relay *r = context ? lws_context_user(context) : NULL;
	struct connection *c = r ? wire_connection(lws_get_opaque_user_data(wsi)) : NULL;

	(void)user;
	if (r == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_HTTP: return refuse(r, wsi, HANDSHAKE_PROTOCOL);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return strcasecmp(in, "websocket") == 0 ? confirm(r, wsi) : -1;
	case LWS_CALLBACK_ESTABLISHED:
		if (c == NULL)
			return -1;
		established(r, wsi, c);
		break;
	case LWS_CALLBACK_RECEIVE:
		if (c != NULL)
			receive(r, c, in, len);
		break;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (c != NULL)
			c->pinged = false;
		break;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
		if (c != NULL)
			hub_end(r, c);
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE: return c != NULL ? writable(r, c) : 0;
	case LWS_CALLBACK_WSI_CREATE: r->socket->sockets++; break;
	case LWS_CALLBACK_WSI_DESTROY: gone(r, wsi); break;
	default: break;
	}
	return 0;
}

/* ---- accepting */

static void
adopt(struct relay *r, int fd)
{
	int size = SEND_BUFFER;
	struct lws *wsi;
	struct wire *w;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	w = wire_open(fd);
	wsi = lws_adopt_socket_vhost(r->socket->vhost, fd); /* closes it when it fails */
	if (wsi != NULL)
		lws_set_opaque_user_data(wsi, w);
	else
		wire_close(w);
}

static bool
has_room(const struct relay *r)
{
	return r->socket->sockets < r->socket->room;
}

/* No descriptor or no memory is left. The kernel goes on saying that somebody is there, so
 * asking at once again would be a busy loop. */
static void
hold(struct relay *r, int why)
{
	struct socket_server *s = r->socket;

	counter_add(r->count.accept_failures, 1);
	if (s->failed == 0)
		LOG(LEVEL_ERROR, "relay.not_accepting", L_TEXT("reason", strerror(why)),
		    L_INT("connections", r->connections));
	s->failed = clock_mono();
	s->held_until = s->failed + HOLD_MS * INT64_C(1000);
	loop_pause(s->accept, true); /* the tick goes on */
}

static void
on_accept(void *with)
{
	struct relay *r = with;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd;
		if (!has_room(r)) {
			loop_pause(r->socket->accept, true); /* the tick goes on */
			return;
		}
		fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			adopt(r, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED) {
			hold(r, errno);
			return;
		}
	}
}

void
socket_accept(struct relay *r, bool wanted)
{
	struct socket_server *s = r->socket;

	if (s->accept == NULL)
		return;
	if (s->failed != 0 && clock_mono() - s->failed > HEALED_MS * INT64_C(1000)) {
		LOG(LEVEL_INFO, "relay.accepts_again");
		s->failed = 0;
	}
	loop_pause(s->accept,
	    !wanted || !has_room(r) || (s->failed != 0 && clock_mono() < s->held_until));
}

void
socket_leave_port(struct relay *r)
{
	socket_accept(r, false);
	r->socket->accept = NULL;
	if (r->listen_fd >= 0)
		close(r->listen_fd);
	r->listen_fd = -1;
}

static void
emit(int level, const char *line)
{
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
	(void)level; /* mostly what strangers do wrong */
	LOG(LEVEL_DEBUG, "websockets", L_TEXT("text", text));
}

/* libwebsockets sizes its tables by the descriptor limit, and looks slowly into any other. */
static size_t
limit_files(const struct relay *r)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)r->settings->RELAY_CONNECTIONS + HANDSHAKES_MAX + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	if (limit.rlim_cur < wanted)
		LOG(LEVEL_WARN, "relay.few_files", L_INT("limit", limit.rlim_cur),
		    L_INT("wanted", wanted));
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

bool
socket_open(struct relay *r)
{
	static const struct lws_protocols protocols[] = {
		{ PROTOCOL_NAME, on_event, 0, RX_BUFFER, 0, NULL, 0 },
		{ NULL, NULL, 0, 0, 0, NULL, 0 },
	};
	static const lws_retry_bo_t no_timers = { .secs_since_valid_ping = 0 };
	void *loops[1] = { loop_foreign(r->loop) };
	size_t files;
	struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN_SERVER };

	r->socket = pool_take(&r->memory, sizeof(*r->socket));
	if (r->socket == NULL)
		return false;
	r->socket->relay = r;
	files = limit_files(r);
	r->socket->room = files > 2 * OTHER_FILES ? files - OTHER_FILES : files / 2;
	if (!wire_start(r, files))
		return false;
	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
	info.protocols = protocols;
	info.gid = -1;
	info.uid = -1;
	info.user = r;
	info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
	               LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info.foreign_loops = loops;
	info.retry_and_idle_policy = &no_timers;
	info.timeout_secs = HANDSHAKE_SECONDS;
	info.server_string = "codegram";
	info.vhost_name = "codegram";
	r->socket->context = lws_create_context(&info);
	if (r->socket->context != NULL)
		r->socket->vhost = lws_create_vhost(r->socket->context, &info);
	if (r->socket->vhost != NULL)
		r->socket->accept = loop_read(r->loop, r->listen_fd, on_accept, r);
	if (r->socket->accept == NULL) {
		LOG(LEVEL_ERROR, "relay.not_started",
		    L_TEXT("reason", "libwebsockets did not start; is its libev part there?"));
		return false;
	}
	loop_pause(r->socket->accept, true);
	return true;
}

void
socket_close_all(struct relay *r)
{
	if (r->socket == NULL)
		return;
	/* Whoever is still here gets a reset; the second time nothing is waited for. */
	for (int i = 0; i < 2; i++) {
		struct connection *after;
		for (struct connection *c = r->closing.first; c != NULL; c = after) {
			after = c->after;
			socket_cut(c);
		}
	}
	alarm(DESTROY_SECONDS); /* on a foreign loop it is known to hang */
	if (r->socket->context != NULL)
		lws_context_destroy(r->socket->context);
	alarm(0);
	wire_stop(r);
	pool_give(&r->memory, r->socket, sizeof(*r->socket));
	r->socket = NULL;
}
