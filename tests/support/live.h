/* live: a client of the relay: tokens made with the stack's own secret, hello, events put into
 * the log as the scheduler would. */
#ifndef SUPPORT_LIVE_H
#define SUPPORT_LIVE_H

#include "base/field.h"
#include "support/websocket.h"

/* A token in static memory, eight at a time. Lives from now to `seconds` from now; negative:
 * it ended that long ago. */
struct live_person {
	struct uuid id, session;
	const char *role, *audience; /* NULL: user, codegram-live */
};
struct live_person live_person(void);
const char *live_token(const struct live_person *p, int seconds);

/* Hello, and what came as welcome. `resume` may be NULL. */
struct live {
	struct ws *ws;
	char epoch[32], offset[48]; /* of the last that came */
	bool recovered;
};
struct live live_hello(const struct live_person *p, const struct live *resume);

/* The next event; asserts its name and the number "n" in its data. Keeps the offset. */
void live_expect(struct live *l, const char *event, long n);
void live_expect_close(struct ws *w, int code);
/* Nothing came before the answer to a ping. */
void live_expect_silence(struct live *l);

/* XADD, of an event {"n":n} with `padding` bytes; `id` < 0: none. */
void live_publish(const char *room, const char *event, long n, long id, size_t padding);
/* Any Redis command; asserts that it went well. A number in return, if it was one. */
long long live_redis(int words, const char **word);
#define LIVE_REDIS(...)                                                                        \
	live_redis(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *),             \
	    (const char *[]){ __VA_ARGS__ })

/* A counter of the relay, by its name without codegram_relay_; -1: none. */
long live_count(const char *name);

/* user:ID in static memory, eight at a time. */
const char *live_room(const struct live_person *p);

#endif
