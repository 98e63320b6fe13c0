/* protocol: cg.v1. What a client may send is a table of types. */
#include "relay/protocol.h"

#include "adapter/json.h"
#include "base/clock.h"
#include "model/live.h"
#include "relay/hub.h"

enum { SECOND = 1000 * 1000 };

static void
say(struct relay *r, const char *text)
{
	buf_reset(&r->text);
	buf_puts(&r->text, text);
}

static void
say_offset(struct relay *r, struct stream_id id)
{
	char text[STREAM_ID_TEXT];

	buf_puts(&r->text, ",\"offset\":");
	buf_json_string(&r->text, span_of(stream_id_text(id, text)));
}

static void
reply(struct relay *r, struct connection *c, const struct json_t *in, const char *code,
    const char *message)
{
	int64_t id;

	say(r, "{\"type\":\"reply\"");
	if (json_get_int(in, "id", &id)) {
		buf_puts(&r->text, ",\"id\":");
		buf_int(&r->text, id);
	}
	buf_puts(&r->text, code ? ",\"ok\":false,\"code\":" : ",\"ok\":true");
	if (code != NULL) {
		buf_json_string(&r->text, span_of(code));
		buf_puts(&r->text, ",\"message\":");
		buf_json_string(&r->text, span_of(message));
	}
	buf_char(&r->text, '}');
	hub_say(r, c);
}

/* ---- what the relay says by itself */

void
protocol_position(struct relay *r, struct stream_id id)
{
	say(r, "{\"type\":\"pos\"");
	say_offset(r, id);
	buf_char(&r->text, '}');
}

void
protocol_expiring(struct relay *r, int64_t seconds)
{
	say(r, "{\"type\":\"expiring\",\"in\":");
	buf_int(&r->text, seconds);
	buf_char(&r->text, '}');
}

void
protocol_drain(struct relay *r)
{
	say(r, "{\"type\":\"drain\",\"retry\":[500,8000]}");
}

void
protocol_event(
    struct relay *r, struct span room, struct stream_id id, struct span event, struct span data)
{
	say(r, "{\"type\":\"event\",\"room\":");
	buf_json_string(&r->text, room);
	say_offset(r, id);
	buf_puts(&r->text, ",\"event\":");
	buf_json_string(&r->text, event);
	buf_puts(&r->text, ",\"data\":");
	buf_add(&r->text, data);
	buf_char(&r->text, '}');
}

static void
say_welcome(struct relay *r, struct connection *c, bool recovered)
{
	say(r, "{\"type\":\"welcome\",\"user\":");
	buf_json_string(&r->text, span_of(c->subject.text));
	buf_puts(&r->text, ",\"epoch\":");
	buf_json_string(&r->text, span_of(r->epoch));
	/* What is replayed next is behind the client's own offset: that stays its place. */
	if (!recovered)
		c->sent = hub_position(r);
	say_offset(r, c->sent);
	buf_format(&r->text,
	    ",\"recovered\":%s,\"ping\":%lld,\"expires\":%lld,\"node\":\"%s\"}",
	    recovered ? "true" : "false", (long long)r->settings->RELAY_PING_SECONDS,
	    (long long)c->expires, r->node);
	hub_say(r, c);
}

/* ---- rooms */

/* NULL, or the code of the refusal. */
static const char *
enter_room(struct relay *r, struct connection *c, struct span room)
{
	if (!live_room_ok(room))
		return "room_unknown";
	if (span_starts(room, SPAN("user:")) &&
	    !span_is((struct span){ room.ptr + 5, room.len - 5 }, c->subject.text))
		return "room_forbidden";
	if (span_is(room, "admin") && !c->admin)
		return "room_forbidden";
	return hub_join(r, c, room) ? NULL : "too_many_rooms";
}

/* ---- what a client says */

/* The word of a token's fault becomes the close code. */
static bool
token_ok(struct relay *r, struct connection *c, struct span token, struct jwt_claims *claims)
{
	struct scope scope = { .arena = r->arena };
	enum err e = jwt_check(&r->tokens, token, clock_now() / SECOND, claims, &scope);

	if (e == ERR_OLD_TOKEN)
		hub_close(r, c, CLOSE_EXPIRED, "token expired");
	else if (e != OK)
		hub_close(r, c, CLOSE_BAD_TOKEN, "token not valid");
	else if (hub_is_revoked(r, claims))
		hub_close(r, c, CLOSE_REVOKED, "session ended");
	return e == OK && c->close_code == 0;
}

static bool
enter_own_room(struct relay *r, struct connection *c)
{
	char name[TABLE_NAME_MAX + 1] = "user:";

	memcpy(name + 5, c->subject.text, sizeof(c->subject.text));
	return hub_join(r, c, span_of(name)) != NULL;
}

static bool
resume(struct relay *r, struct connection *c, const struct json_t *in)
{
	const struct json_t *from = json_get_object(in, "resume");
	const char *epoch, *offset;
	struct stream_id id;
	bool hit;

	if (from == NULL)
		return false;
	hit = r->ready && json_get_text(from, "epoch", &epoch) &&
	      json_get_text(from, "offset", &offset) && strcmp(epoch, r->epoch) == 0 &&
	      stream_id_parse(span_of(offset), &id) && hub_resume(r, c, id);
	counter_add(hit ? r->count.replay_hit : r->count.replay_gap, 1);
	return hit;
}

static bool
identify(
    struct relay *r, struct connection *c, const struct json_t *in, struct jwt_claims *claims)
{
	const char *token = NULL;

	if (c->told) {
		claims->session = c->session;
		claims->expires = c->expires;
		return true;
	}
	json_get_text(in, "token", &token);
	if (!token_ok(r, c, span_of(token), claims))
		return false;
	c->subject = claims->subject;
	c->admin = strcmp(claims->role, "admin") == 0;
	return true;
}

/* The rooms of a hello. With `tell` it answers for what is none that can be entered: no text in
 * the list, too many of them, or no list at all. */
static void
enter_rooms(struct relay *r, struct connection *c, const struct json_t *in, bool tell)
{
	size_t count;
	bool is_list = json_get_count(in, "rooms", &count);

	for (size_t i = 0; i < count && i < CONNECTION_ROOMS_MAX; i++) {
		const char *room = json_get_item(in, "rooms", i);
		const char *code = room ? enter_room(r, c, span_of(room)) : "room_unknown";
		if (code != NULL && tell)
			reply(r, c, in, code, room ? room : "not a text");
	}
	if (tell && count > CONNECTION_ROOMS_MAX)
		reply(r, c, in, "too_many_rooms", "more rooms than a connection may be in");
	else if (tell && !is_list && json_has(in, "rooms"))
		reply(r, c, in, "room_unknown", "rooms is a list of texts");
}

static void
take_hello(struct relay *r, struct connection *c, const struct json_t *in)
{
	struct jwt_claims claims;

	if (c->known) {
		hub_close(r, c, CLOSE_PROTOCOL, "one hello is enough");
		return;
	}
	if (!identify(r, c, in, &claims)) {
		counter_add(r->count.hello_refused, 1);
		return;
	}
	if (!enter_own_room(r, c)) {
		hub_close(r, c, CLOSE_INTERNAL, "no memory");
		return;
	}
	hub_know(r, c, &claims);
	counter_add(r->count.hello_ok, 1);
	/* Rooms are entered before the return looks for what they missed; a refused one is told
	 * by its reply, behind the welcome. */
	enter_rooms(r, c, in, false);
	say_welcome(r, c, resume(r, c, in));
	enter_rooms(r, c, in, true);
}

static void
take_join(struct relay *r, struct connection *c, const struct json_t *in)
{
	const char *room = NULL, *code = "room_unknown";

	if (json_get_text(in, "room", &room))
		code = enter_room(r, c, span_of(room));
	reply(r, c, in, code, "not a room that you may join");
}

static void
take_leave(struct relay *r, struct connection *c, const struct json_t *in)
{
	const char *room = NULL;

	json_get_text(in, "room", &room);
	if (room == NULL || span_starts(span_of(room), SPAN("user:"))) {
		reply(r, c, in, "room_forbidden", "not a room that you may leave");
		return;
	}
	hub_part(r, c, span_of(room));
	reply(r, c, in, NULL, NULL);
}

static void
take_refresh(struct relay *r, struct connection *c, const struct json_t *in)
{
	struct jwt_claims claims;
	const char *token = NULL;

	json_get_text(in, "token", &token);
	if (!token_ok(r, c, span_of(token), &claims))
		return;
	if (strcmp(claims.subject.text, c->subject.text) != 0) {
		hub_close(r, c, CLOSE_BAD_TOKEN, "token of somebody else");
		return;
	}
	c->admin = strcmp(claims.role, "admin") == 0;
	if (!c->admin)
		hub_part(r, c, SPAN("admin"));
	hub_know(r, c, &claims);
	reply(r, c, in, NULL, NULL);
}

static void
take_ping(struct relay *r, struct connection *c, const struct json_t *in)
{
	int64_t id;

	say(r, "{\"type\":\"pong\"");
	if (json_get_int(in, "id", &id)) {
		buf_puts(&r->text, ",\"id\":");
		buf_int(&r->text, id);
	}
	buf_char(&r->text, '}');
	hub_say(r, c);
}

/* Says how far the client is; its own offset at hello is what counts. */
static void
take_ack(struct relay *r, struct connection *c, const struct json_t *in)
{
	(void)r, (void)c, (void)in;
}

static const struct {
	const char *type;
	bool before_hello;
	void (*take)(struct relay *r, struct connection *c, const struct json_t *in);
} types[] = {
	{ "hello", true, take_hello },
	{ "ping", true, take_ping },
	{ "join", false, take_join },
	{ "leave", false, take_leave },
	{ "refresh", false, take_refresh },
	{ "ack", false, take_ack },
};

static void
dispatch(struct relay *r, struct connection *c, const struct json_t *in)
{
	const char *type = NULL;

	json_get_text(in, "type", &type);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (type == NULL || strcmp(type, types[i].type) != 0)
			continue;
		if (c->known || types[i].before_hello)
			types[i].take(r, c, in);
		else
			hub_close(r, c, CLOSE_PROTOCOL, "hello comes first");
		return;
	}
	reply(r, c, in, "type_unknown", "there is no such message");
}

void
protocol_take(struct relay *r, struct connection *c, struct span text)
{
	struct scope scope = { .arena = r->arena };
	struct json_t *in;

	if (c->close_code != 0)
		return;
	if (!hub_may_speak(c))
		hub_close(r, c, CLOSE_RATE, "too many messages");
	else if (json_object_of(text, &in, &scope) != OK)
		hub_close(r, c, CLOSE_PROTOCOL, "not a JSON object");
	else
		dispatch(r, c, in);
	arena_reset(r->arena);
}

enum err
protocol_token(struct relay *r, struct connection *c, struct span token)
{
	struct scope scope = { .arena = r->arena };
	struct jwt_claims claims;
	enum err e = jwt_check(&r->tokens, token, clock_now() / SECOND, &claims, &scope);

	arena_reset(r->arena);
	if (e != OK)
		return e;
	if (hub_is_revoked(r, &claims))
		return ERR_BAD_TOKEN;
	c->told = true;
	c->subject = claims.subject;
	c->session = claims.session;
	c->expires = claims.expires;
	c->admin = strcmp(claims.role, "admin") == 0;
	return OK;
}
