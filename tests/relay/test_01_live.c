/* Live connections as a client sees them: hello, events in order, rooms, and the close codes
 * of whoever does not keep to the protocol. */
/* long: 18 s */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "support/client.h"
#include "support/live.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "1",
	"--set", "RELAY_PING_SECONDS=2", NULL };

static char text[16384];

static const char *
hello(const char *token, const char *more)
{
	snprintf(text, sizeof(text), "{\"type\":\"hello\",\"token\":\"%s\"%s}", token, more);
	return text;
}

/* The next message of that type. */
static json_t *
expect(struct ws *w, const char *type)
{
	struct ws_frame f = ws_read(w, 15);

	cr_assert_eq(f.kind, WS_TEXT, "no %s: %d %d %s", type, f.kind, f.code, f.reason);
	cr_assert_str_eq(json_string_value(json_object_get(f.json, "type")), type);
	return f.json;
}

static void
expect_reply(struct ws *w, long id, const char *code)
{
	json_t *json = expect(w, "reply");

	cr_assert_eq(json_integer_value(json_object_get(json, "id")), id);
	if (code == NULL)
		cr_assert(json_is_true(json_object_get(json, "ok")));
	else
		cr_assert_str_eq(json_string_value(json_object_get(json, "code")), code);
	json_decref(json);
}

Test(live, events_in_order)
{
	struct live_person p = live_person(), other = live_person();
	struct live l = live_hello(&p, NULL);

	cr_expect_not(l.recovered);
	for (long n = 0; n < 200; n++) {
		live_publish(live_room(&p), "notification", n, 1000 + n, 0);
		live_publish(live_room(&other), "notification", n, 5000 + n, 0);
	}
	for (long n = 0; n < 200; n++)
		live_expect(&l, "notification", n);
	live_expect_silence(&l);
	ws_free(l.ws);
}

Test(live, welcome_says_all)
{
	struct live_person p = live_person();
	struct ws *w = WS_OPEN(.path = NULL);
	json_t *json;

	cr_assert_eq(w->status, 101, "%s", w->head);
	cr_expect_not_null(
	    strstr(w->head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	cr_expect_not_null(strcasestr(w->head, "Sec-WebSocket-Protocol: cg.v1"));
	ws_say(w, hello(live_token(&p, 900), ",\"nonsense\":{\"a\":[1]}"));
	json = expect(w, "welcome");
	cr_expect_eq(json_integer_value(json_object_get(json, "ping")), 2);
	cr_expect_gt(
	    json_integer_value(json_object_get(json, "expires")), clock_now() / 1000000 + 800);
	cr_expect_gt(strlen(json_string_value(json_object_get(json, "epoch"))), 3u);
	cr_expect_gt(strlen(json_string_value(json_object_get(json, "node"))), 1u);
	json_decref(json);
	ws_free(w);
}

static void
refused_hello(const char *message, int code)
{
	struct ws *w = WS_OPEN(.path = NULL);

	ws_say(w, message);
	live_expect_close(w, code);
	ws_free(w);
}

Test(live, tokens)
{
	struct live_person p = live_person(), api = live_person();
	char bent[2048];

	api.audience = "codegram-api";
	refused_hello(hello(live_token(&p, -5), ""), 4104);
	refused_hello(hello(live_token(&api, 900), ""), 4003);
	refused_hello(hello("nonsense", ""), 4003);
	refused_hello("{\"type\":\"hello\"}", 4003);
	snprintf(bent, sizeof(bent), "%s", live_token(&p, 900));
	bent[strlen(bent) - 10] = bent[strlen(bent) - 10] == 'A' ? 'B' : 'A';
	refused_hello(hello(bent, ""), 4003);
	refused_hello("{\"type\":\"join\",\"id\":1,\"room\":\"admin\"}", 4010);
	refused_hello("{\"type\":\"hello\"", 4010);
	refused_hello("[]", 4010);
}

Test(live, no_hello)
{
	struct ws *w = WS_OPEN(.path = NULL);
	int64_t began = clock_mono();

	live_expect_close(w, 4001);
	cr_expect_geq(clock_mono() - began, 4500 * 1000);
	cr_expect_lt(clock_mono() - began, PATIENCE * 8000 * 1000);
	ws_free(w);
}

Test(live, bearer_as_second_protocol)
{
	struct live_person p = live_person();
	struct ws *w;
	char protocol[2200];

	snprintf(protocol, sizeof(protocol), "cg.v1, bearer.%s", live_token(&p, 900));
	w = WS_OPEN(.protocol = protocol);
	cr_assert_eq(w->status, 101, "%s", w->head);
	ws_say(w, "{\"type\":\"hello\"}");
	json_decref(expect(w, "welcome"));
	ws_free(w);
	snprintf(protocol, sizeof(protocol), "cg.v1, bearer.%s", live_token(&p, -5));
	w = WS_OPEN(.protocol = protocol);
	cr_expect_eq(w->status, 401, "%s", w->head);
	ws_free(w);
}

Test(live, rooms)
{
	struct live_person p = live_person(), other = live_person(), boss = live_person();
	struct live l = live_hello(&p, NULL), b;
	char room[128];

	snprintf(text, sizeof(text), "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}",
	    live_room(&other));
	ws_say(l.ws, text);
	expect_reply(l.ws, 1, "room_forbidden");
	ws_say(l.ws, "{\"type\":\"join\",\"id\":2,\"room\":\"admin\"}");
	expect_reply(l.ws, 2, "room_forbidden");
	ws_say(l.ws, "{\"type\":\"join\",\"id\":3,\"room\":\"snippet:*\"}");
	expect_reply(l.ws, 3, "room_unknown");
	snprintf(room, sizeof(room), "snippet:%s", other.id.text);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"id\":4,\"room\":\"%s\"}", room);
	ws_say(l.ws, text);
	expect_reply(l.ws, 4, NULL);
	live_publish(live_room(&other), "notification", 1, -1, 0);
	live_publish("admin", "alarm", 2, -1, 0);
	live_publish(room, "liked", 3, -1, 0);
	live_expect(&l, "liked", 3);
	snprintf(text, sizeof(text), "{\"type\":\"leave\",\"id\":5,\"room\":\"%s\"}", room);
	ws_say(l.ws, text);
	expect_reply(l.ws, 5, NULL);
	live_publish(room, "liked", 4, -1, 0);
	live_publish(live_room(&p), "notification", 5, -1, 0);
	live_expect(&l, "notification", 5);
	boss.role = "admin";
	b = live_hello(&boss, NULL);
	ws_say(b.ws, "{\"type\":\"join\",\"id\":6,\"room\":\"admin\"}");
	expect_reply(b.ws, 6, NULL);
	live_publish("admin", "alarm", 7, -1, 0);
	live_expect(&b, "alarm", 7);
	ws_say(b.ws, "{\"type\":\"dance\",\"id\":8}");
	expect_reply(b.ws, 8, "type_unknown");
	ws_free(b.ws);
	ws_free(l.ws);
}

/* What is no room is answered, and takes no other with it. */
Test(live, rooms_of_a_hello)
{
	struct live_person p = live_person(), other = live_person();
	static const char *const none[] = { "null", "\"admin\"", "{}" };
	struct live l = { .ws = WS_OPEN(.path = NULL) };
	char rooms[256];

	snprintf(rooms, sizeof(rooms),
	    ",\"rooms\":[7,null,\"snippet:%s\",[\"admin\"],\"snippet:no\"]", other.id.text);
	ws_say(l.ws, hello(live_token(&p, 900), rooms));
	json_decref(expect(l.ws, "welcome"));
	for (int i = 0; i < 4; i++) {
		json_t *reply = expect(l.ws, "reply");
		cr_expect_str_eq(
		    json_string_value(json_object_get(reply, "code")), "room_unknown");
		json_decref(reply);
	}
	snprintf(rooms, sizeof(rooms), "snippet:%s", other.id.text);
	live_publish(rooms, "liked", 3, -1, 0);
	live_expect(&l, "liked", 3);
	ws_free(l.ws);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		l.ws = WS_OPEN(.path = NULL);
		snprintf(rooms, sizeof(rooms), ",\"rooms\":%s", none[i]);
		ws_say(l.ws, hello(live_token(&p, 900), rooms));
		json_decref(expect(l.ws, "welcome"));
		json_decref(expect(l.ws, "reply"));
		live_expect_silence(&l);
		ws_free(l.ws);
	}
}

Test(live, more_rooms_than_fit)
{
	struct live_person p = live_person();
	struct live l = { .ws = WS_OPEN(.path = NULL) };
	static char rooms[4000];
	int replies = 0;
	size_t len = (size_t)snprintf(rooms, sizeof(rooms), ",\"rooms\":[0");
	struct ws_frame f;

	while (len < 2500)
		len += (size_t)snprintf(rooms + len, sizeof(rooms) - len, ",0");
	snprintf(rooms + len, sizeof(rooms) - len, "]");
	ws_say(l.ws, hello(live_token(&p, 900), rooms));
	json_decref(expect(l.ws, "welcome"));
	ws_say(l.ws, "{\"type\":\"ping\"}");
	while ((f = ws_read(l.ws, 15)).kind == WS_TEXT && json_object_get(f.json, "code")) {
		replies++;
		ws_forget(&f);
	}
	cr_expect_eq(f.kind, WS_TEXT, "%d %d", f.kind, f.code);
	cr_expect_eq(replies, 21);
	ws_forget(&f);
	ws_free(l.ws);
}

Test(live, repeats_are_dropped)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	live_publish(live_room(&p), "notification", 1, 700001, 0);
	live_publish(live_room(&p), "notification", 1, 700001, 0);
	live_publish(live_room(&p), "notification", 2, 700002, 0);
	live_publish(live_room(&p), "notification", 1, 700001, 0);
	/* the same number from a database that was set back is something else */
	live_publish(live_room(&p), "notification", 3, 700001, 0);
	live_expect(&l, "notification", 1);
	live_expect(&l, "notification", 2);
	live_expect(&l, "notification", 3);
	live_expect_silence(&l);
	ws_free(l.ws);
}

Test(live, entries_that_are_no_events)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	const char *room = live_room(&p);

	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "r", room, "e", "x", "d", "{\"n\":");
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "r", room, "e", "x\"y", "d", "{}");
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "r", "user:", "e", "x", "d", "{}");
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "nothing", "at all");
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "k", "tick");
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "k", "control", "e", "revoke", "d", "[]");
	live_publish(room, "big", 1, -1, 8200);
	live_publish(room, "notification", 2, -1, 8000);
	live_expect(&l, "notification", 2);
	ws_free(l.ws);
}

Test(live, frames)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	static char big[8192];
	struct ws *w;

	/* in three parts, with a ping between them */
	ws_send(l.ws, 0x01, "{\"type\":", 8);
	ws_send(l.ws, 0x89, "hi", 2);
	ws_send(l.ws, 0x00, "\"ping\",", 7);
	ws_send(l.ws, 0x80, "\"id\":3}", 7);
	json_decref(expect(l.ws, "pong"));
	/* 4 KiB is the most, in one frame or in many */
	memset(big, ' ', sizeof(big));
	memcpy(big, "{\"type\":\"ping\"", 14);
	big[4095] = '}';
	ws_send(l.ws, 0x81, big, 4096);
	json_decref(expect(l.ws, "pong"));
	ws_send(l.ws, 0x81, big, 4097);
	live_expect_close(l.ws, 1009);
	ws_free(l.ws);
	w = WS_OPEN(.path = NULL);
	ws_send(w, 0x01, big, 3000);
	ws_send(w, 0x80, big, 3000);
	live_expect_close(w, 1009);
	ws_free(w);
	w = WS_OPEN(.path = NULL);
	ws_send(w, 0x82, "{\"type\":\"ping\"}", 15);
	live_expect_close(w, 4010);
	ws_free(w);
	w = WS_OPEN(.path = NULL);
	ws_send(w, 0x81, "{\"type\":\"\xc3\x28\"}", 13);
	live_expect_close(w, 1007);
	ws_free(w);
}

Test(live, flood)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	for (int i = 0; i < 100; i++)
		ws_say(l.ws, "{\"type\":\"ping\"}");
	live_expect_close(l.ws, 4101);
	ws_free(l.ws);
	/* parts without content of a message without end; pings */
	l = live_hello(&p, NULL);
	ws_send(l.ws, 0x01, "", 0);
	for (int i = 0; i < 1000; i++)
		ws_send(l.ws, 0x00, "", 0);
	live_expect_close(l.ws, 4101);
	ws_free(l.ws);
	l = live_hello(&p, NULL);
	for (int i = 0; i < 1000; i++)
		ws_send(l.ws, 0x89, "hi", 2);
	live_expect_close(l.ws, 4101);
	ws_free(l.ws);
}

/* 1,000 places for those who have not said hello: silent strangers keep nobody out. (On a slow
 * machine their time is over before.) */
Test(live, silent_strangers)
{
	enum { STRANGERS = 1001 };
	static struct ws *w[STRANGERS];
	struct rlimit files = { .rlim_cur = 0 };
	struct live_person p = live_person();
	struct ws_frame f;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (int i = 0; i < STRANGERS; i++) {
		w[i] = WS_OPEN(.path = NULL);
		cr_assert_eq(w[i]->status, 101, "%d: %s", i, w[i]->head);
	}
	ws_free(live_hello(&p, NULL).ws);
	f = ws_read(w[0], 15);
	cr_expect_eq(f.kind, WS_CLOSE, "%d", f.kind);
	cr_expect(f.code == 4100 || f.code == 4001, "%d", f.code);
	for (int i = 0; i < STRANGERS; i++)
		ws_free(w[i]);
}

Test(live, revoke)
{
	struct live_person p = live_person(), elsewhere = p;
	struct live one = live_hello(&p, NULL), two;
	char data[128];

	elsewhere.session = live_person().session;
	two = live_hello(&elsewhere, NULL);
	snprintf(data, sizeof(data), "{\"sid\":\"%s\"}", p.session.text);
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "k", "control", "e", "revoke", "d", data);
	live_expect_close(one.ws, 4005);
	ws_free(one.ws);
	refused_hello(hello(live_token(&p, 900), ""), 4005);
	live_publish(live_room(&p), "notification", 1, -1, 0);
	live_expect(&two, "notification", 1);
	ws_free(two.ws);
}

/* What moderation will say: all of a person's connections end, also the one whose token came
 * with the upgrade and that has not said hello; nobody gets in until it is taken back. */
Test(live, suspended)
{
	struct live_person p = live_person(), other = live_person();
	struct live one = live_hello(&p, NULL), well = live_hello(&other, NULL);
	char data[128], protocol[2200];
	struct ws *quiet;

	snprintf(protocol, sizeof(protocol), "cg.v1, bearer.%s", live_token(&p, 900));
	quiet = WS_OPEN(.protocol = protocol);
	cr_assert_eq(quiet->status, 101);
	snprintf(data, sizeof(data), "{\"sub\":\"%s\"}", p.id.text);
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "k", "control", "e", "revoke", "d", data);
	live_expect_close(one.ws, 4005);
	live_expect_close(quiet, 4005);
	ws_free(quiet);
	ws_free(one.ws);
	p.session = live_person().session;
	refused_hello(hello(live_token(&p, 900), ""), 4005);
	quiet = WS_OPEN(.protocol = protocol);
	cr_expect_eq(quiet->status, 401, "%s", quiet->head);
	ws_free(quiet);
	LIVE_REDIS("XADD", "cg:{rt}:log", "*", "k", "control", "e", "allow", "d", data);
	live_publish(live_room(&other), "notification", 1, -1, 0);
	live_expect(&well, "notification", 1);
	ws_free(live_hello(&p, NULL).ws);
	ws_free(well.ws);
}

Test(live, too_many_of_one_person)
{
	struct live_person p = live_person();
	struct live l[17];

	for (int i = 0; i < 17; i++)
		l[i] = live_hello(&p, NULL);
	live_expect_close(l[0].ws, 4006);
	live_publish(live_room(&p), "notification", 1, -1, 0);
	for (int i = 1; i < 17; i++)
		live_expect(&l[i], "notification", 1);
	for (int i = 0; i < 17; i++)
		ws_free(l[i].ws);
}

Test(live, token_expires_or_is_renewed)
{
	struct live_person p = live_person(), other = live_person();
	struct ws *w = WS_OPEN(.path = NULL), *kept = WS_OPEN(.path = NULL);
	json_t *json;

	ws_say(w, hello(live_token(&p, 4), ""));
	json_decref(expect(w, "welcome"));
	json = expect(w, "expiring");
	cr_expect_leq(json_integer_value(json_object_get(json, "in")), 4);
	json_decref(json);
	ws_say(kept, hello(live_token(&p, 4), ""));
	json_decref(expect(kept, "welcome"));
	json_decref(expect(kept, "expiring"));
	snprintf(text, sizeof(text), "{\"type\":\"refresh\",\"id\":3,\"token\":\"%s\"}",
	    live_token(&p, 900));
	ws_say(kept, text);
	expect_reply(kept, 3, NULL);
	live_expect_close(w, 4104);
	ws_say(kept, "{\"type\":\"ping\"}");
	json_decref(expect(kept, "pong"));
	snprintf(text, sizeof(text), "{\"type\":\"refresh\",\"id\":4,\"token\":\"%s\"}",
	    live_token(&other, 900));
	ws_say(kept, text);
	live_expect_close(kept, 4003);
	ws_free(w);
	ws_free(kept);
}

Test(live, who_does_not_answer_pings_is_cut)
{
	struct live_person p = live_person();
	struct live deaf = live_hello(&p, NULL), well = live_hello(&p, NULL);
	struct ws_frame f = { .kind = WS_NOTHING }, nothing;

	deaf.ws->deaf = true;
	for (int i = 0; i < 150 && f.kind == WS_NOTHING; i++) {
		f = ws_read(deaf.ws, 0.05);
		nothing = ws_read(well.ws, 0.05);
		cr_assert_eq(nothing.kind, WS_NOTHING, "%d %d", nothing.kind, nothing.code);
	}
	cr_expect(f.kind == WS_END || f.kind == WS_CLOSE, "%d", f.kind);
	cr_expect_geq(deaf.ws->pings, 1);
	cr_expect_geq(well.ws->pings, 1);
	live_expect_silence(&well);
	ws_free(deaf.ws);
	ws_free(well.ws);
}

#define UPGRADE "Upgrade: websocket", "Connection: keep-alive, Upgrade"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
#define VERSION "Sec-WebSocket-Version: 13"

/* RFC 6455, section 4.2.1. */
static void
handshakes_that_are_none(void)
{
	static const struct {
		const char *method, *headers[CALL_HEADERS_MAX];
		long status;
	} rows[] = {
		{ "POST", { UPGRADE, KEY, VERSION }, 405 },
		{ "HEAD", { UPGRADE, KEY, VERSION }, 405 },
		{ "GET", { UPGRADE, KEY, "Sec-WebSocket-Version: 12" }, 426 },
		{ "GET", { UPGRADE, KEY, "Sec-WebSocket-Version: 8" }, 426 },
		{ "GET", { UPGRADE, KEY }, 426 },
		{ "GET", { "Upgrade: websocket", "Connection: keep-alive", KEY, VERSION },
		    426 },
		{ "GET", { UPGRADE, VERSION }, 400 },
		{ "GET", { UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ" },
		    400 },
		{ "GET", { UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=" },
		    400 },
		{ "GET", { UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZS!ub25jZQ==" },
		    400 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct call call = { .method = rows[i].method, .path = "/live" };
		struct answer a;
		memcpy(call.headers, rows[i].headers, sizeof(call.headers));
		a = ask(&call);
		cr_expect_eq(a.status, rows[i].status, "row %zu: %ld", i, a.status);
		if (rows[i].status == 426)
			cr_expect_str_eq(header_of(&a, "Sec-WebSocket-Version"), "13");
		if (rows[i].status == 405)
			cr_expect_str_eq(header_of(&a, "Allow"), "GET");
		forget(&a);
	}
}

Test(live, origins_and_upgrades)
{
	static const struct {
		const char *headers, *protocol;
		int status;
	} rows[] = {
		{ "Origin: http://localhost:3000\r\n", NULL, 101 },
		{ "Origin: http://localhost:3000.evil.example\r\n", NULL, 403 },
		{ "Origin: https://localhost:3000\r\n", NULL, 403 },
		{ "Origin: null\r\n", NULL, 403 },
		{ "X-Real-IP: 1.2.3.4\r\nX-Live-Token: a\r\n", NULL, 101 },
		{ "Sec-WebSocket-Extensions: permessage-deflate\r\n", NULL, 101 },
		{ "", "", 426 },
		{ "", "graphql-ws", 426 },
	};
	struct answer a;
	struct ws *w;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		w = WS_OPEN(.headers = rows[i].headers, .protocol = rows[i].protocol);
		cr_expect_eq(w->status, rows[i].status, "%s %s", rows[i].headers, w->head);
		cr_expect_null(strcasestr(w->head, "extensions"));
		ws_free(w);
	}
	handshakes_that_are_none();
	a = CALL("GET", "/live");
	cr_expect_eq(a.status, 426);
	cr_expect_str_eq(text_at(&a, "error.code"), "UPGRADE_REQUIRED");
	cr_expect_str_eq(header_of(&a, "Upgrade"), "websocket");
	forget(&a);
	a = CALL("GET", "/live", .headers = { "Upgrade: h2c", "Connection: Upgrade" });
	cr_expect_eq(a.status, 426);
	forget(&a);
}

Test(live, by_hand)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	static char token[4096];
	struct ws *w = WS_OPEN(.path = NULL);

	cr_expect_eq(stack_ctl(text, sizeof(text), "live", "publish", live_room(&p),
	                 "notification", "{\"n\":5}", NULL),
	    0, "%s", text);
	live_expect(&l, "notification", 5);
	cr_expect_eq(stack_ctl(text, sizeof(text), "live", "publish", "a", "b", "{", NULL), 2);
	stack_token("live-ann");
	cr_expect_eq(
	    stack_ctl(token, sizeof(token), "live", "token", "live-ann", NULL), 0, "%s", token);
	ws_say(w, hello(token, ""));
	json_decref(expect(w, "welcome"));
	cr_expect_geq(live_count("hellos_total"), 1);
	cr_expect_geq(live_count("events_total"), 1);
	cr_expect_eq(stack_ctl(text, sizeof(text), "live", "stats", NULL), 0);
	cr_expect_not_null(strstr(text, "connections "));
	ws_free(w);
	ws_free(l.ws);
}
