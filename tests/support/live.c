/* live: what the relay's tests share. */
#include "support/live.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/jwt.h"
#include "base/clock.h"
#include "base/random.h"
#include "support/stack.h"

enum { TURNS = 8, WAIT_SECONDS = 15 };

struct live_person
live_person(void)
{
	struct live_person p = { .id = uuid_make(), .session = uuid_make() };
	return p;
}

const char *
live_token(const struct live_person *p, int seconds)
{
	static char texts[TURNS][JWT_MAX];
	static int next;
	char *out = texts[next++ % TURNS];
	struct scope scope = { .arena = arena_make(4096, 65536) };
	struct jwt_claims claims = { .subject = p->id, .session = p->session };
	const char *token;
	struct jwt_ring ring;

	cr_assert_eq(
	    jwt_ring_fill(&ring, "codegram", p->audience ? p->audience : "codegram-live",
	        stack_setting("JWT_LIVE_SECRET"), NULL, NULL),
	    OK);
	claims.id = uuid_make();
	claims.issued = clock_now() / 1000000 - (seconds < 0 ? 900 : 0);
	claims.expires = clock_now() / 1000000 + seconds;
	snprintf(claims.username, sizeof(claims.username), "somebody");
	snprintf(claims.role, sizeof(claims.role), "%s", p->role ? p->role : "user");
	cr_assert_eq(jwt_mint(&ring, &claims, &token, &scope), OK);
	snprintf(out, sizeof(texts[0]), "%s", token);
	arena_free(scope.arena);
	return out;
}

static void
keep_offset(struct live *l, const json_t *json)
{
	const char *offset = json_string_value(json_object_get(json, "offset"));

	cr_assert_not_null(offset);
	snprintf(l->offset, sizeof(l->offset), "%s", offset);
}

static bool
is_type(const json_t *json, const char *type)
{
	const char *text = json_string_value(json_object_get(json, "type"));

	return text != NULL && strcmp(text, type) == 0;
}

/* Opens, and as long as the relay answers "in a second" opens again, as a client would. */
static struct ws *
open_patiently(void)
{
	struct ws *w = WS_OPEN(.path = NULL);

	for (int i = 0; i < WAIT_SECONDS * 10 && w->status == 503; i++) {
		ws_free(w);
		usleep(100 * 1000);
		w = WS_OPEN(.path = NULL);
	}
	return w;
}

struct live
live_hello(const struct live_person *p, const struct live *resume)
{
	struct live l = { .ws = open_patiently() };
	char text[4096];
	struct ws_frame f;

	cr_assert_eq(l.ws->status, 101, "%s", l.ws->head);
	if (resume != NULL)
		snprintf(text, sizeof(text),
		    "{\"type\":\"hello\",\"token\":\"%s\",\"resume\":{\"epoch\":\"%s\","
		    "\"offset\":\"%s\"}}",
		    live_token(p, 900), resume->epoch, resume->offset);
	else
		snprintf(text, sizeof(text), "{\"type\":\"hello\",\"token\":\"%s\"}",
		    live_token(p, 900));
	ws_say(l.ws, text);
	f = ws_read(l.ws, WAIT_SECONDS);
	cr_assert_eq(f.kind, WS_TEXT, "no welcome: %d %d", f.kind, f.code);
	cr_assert(is_type(f.json, "welcome"));
	cr_assert_str_eq(json_string_value(json_object_get(f.json, "user")), p->id.text);
	snprintf(l.epoch, sizeof(l.epoch), "%s",
	    json_string_value(json_object_get(f.json, "epoch")));
	l.recovered = json_is_true(json_object_get(f.json, "recovered"));
	keep_offset(&l, f.json);
	ws_forget(&f);
	return l;
}

void
live_expect(struct live *l, const char *event, long n)
{
	struct ws_frame f;

	do {
		f = ws_read(l->ws, WAIT_SECONDS);
		cr_assert_eq(
		    f.kind, WS_TEXT, "event %ld: %d, close code %d", n, f.kind, f.code);
		keep_offset(l, f.json);
		if (!is_type(f.json, "pos"))
			break;
		ws_forget(&f);
	} while (true);
	cr_assert(is_type(f.json, "event"));
	cr_assert_str_eq(json_string_value(json_object_get(f.json, "event")), event);
	cr_assert_eq(json_integer_value(json_object_get(json_object_get(f.json, "data"), "n")),
	    n, "%lld, not %ld",
	    (long long)json_integer_value(
	        json_object_get(json_object_get(f.json, "data"), "n")),
	    n);
	ws_forget(&f);
}

void
live_expect_close(struct ws *w, int code)
{
	struct ws_frame f;

	while ((f = ws_read(w, WAIT_SECONDS)).kind == WS_TEXT)
		ws_forget(&f);
	cr_assert_eq(f.kind, WS_CLOSE, "no close frame with %d: %d", code, f.kind);
	cr_assert_eq(f.code, code, "%d %s", f.code, f.reason);
}

void
live_expect_silence(struct live *l)
{
	struct ws_frame f;

	ws_say(l->ws, "{\"type\":\"ping\",\"id\":77}");
	f = ws_read(l->ws, WAIT_SECONDS);
	cr_assert_eq(f.kind, WS_TEXT, "%d", f.kind);
	cr_assert(
	    is_type(f.json, "pong"), "%s", json_string_value(json_object_get(f.json, "type")));
	cr_assert_eq(json_integer_value(json_object_get(f.json, "id")), 77);
	ws_forget(&f);
}

static redisContext *redis;

long long
live_redis(int words, const char **word)
{
	char path[512];
	redisReply *reply = NULL;
	long long number;

	snprintf(path, sizeof(path), "%s/run/redis.sock", stack_dir());
	for (int attempt = 0; attempt < 200 && reply == NULL; attempt++) {
		if (redis == NULL)
			redis = redisConnectUnix(path);
		reply = redis->err ? NULL : redisCommandArgv(redis, words, word, NULL);
		if (reply == NULL) {
			redisFree(redis);
			redis = NULL;
			usleep(20 * 1000);
		}
	}
	cr_assert_not_null(reply, "Redis is away");
	cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s: %s", word[0], reply->str);
	number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
	freeReplyObject(reply);
	redisFree(redis);
	redis = NULL;
	return number;
}

void
live_publish(const char *room, const char *event, long n, long id, size_t padding)
{
	static char data[16384];
	char number[24];
	int len = snprintf(data, sizeof(data), "{\"n\":%ld,\"pad\":\"", n);

	memset(data + len, 'x', padding);
	memcpy(data + (size_t)len + padding, "\"}", 3);
	snprintf(number, sizeof(number), "%ld", id);
	if (id < 0)
		LIVE_REDIS("XADD", "cg:{rt}:log", "*", "r", room, "e", event, "d", data);
	else
		LIVE_REDIS(
		    "XADD", "cg:{rt}:log", "*", "i", number, "r", room, "e", event, "d", data);
}

long
live_count(const char *name)
{
	char out[16384], key[128];
	char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	stack_ctl(out, sizeof(out), "live", "stats", "--json", NULL);
	at = strstr(out, key);
	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

const char *
live_room(const struct live_person *p)
{
	static char rooms[TURNS][64];
	static int next;
	char *out = rooms[next++ % TURNS];

	snprintf(out, sizeof(rooms[0]), "user:%s", p->id.text);
	return out;
}
