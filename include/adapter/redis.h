/* redis: one hiredis connection of a process; every call ends within the time-out. After a
 * failure the next second is answered ERR_AWAY at once. Owns the connection; replies are
 * copied out. (hiredis 0.14: a context that failed is never used again, and redisReconnect()
 * is not used, since it forgets the time-out.) */
#ifndef ADAPTER_REDIS_H
#define ADAPTER_REDIS_H

#include "base/scope.h"

struct redis_options {
	const char *url;             /* unix:///path or redis://host[:port] */
	const char *user, *password; /* password NULL: no AUTH */
	int timeout_ms;
};

struct redis;

/* Connects when first used. The options are kept, not copied. NULL: no memory. */
struct redis *redis_make(const struct redis_options *options);
void redis_free(struct redis *r);

/* Runs a Lua script (by its SHA-1, loaded when Redis does not know it) with at most so many keys
 * and arguments together. It must return a flat list of integers, of which at most `max` go to
 * `out`; *count tells how many. */
enum { REDIS_SCRIPT_WORDS_MAX = 256 };
struct redis_script {
	const char *text;
	char sha[41]; /* filled at the first use */
};
enum err redis_run(struct redis *r, struct redis_script *script, int keys, int args,
    const char *const *words, int64_t *out, size_t max, size_t *count, struct fault *fault);

enum err redis_ping(struct redis *r, struct fault *fault);

/* Any command; words and replies may hold any byte. A reply's values, nested lists flattened,
 * are copied into the scope's arena; texts are NUL-terminated there.
 * An error reply is ERR_INTERNAL with its text as the story; of a function that is not loaded
 * ERR_NOT_FOUND. Like all calls it is sent again when the connection turns out to be dead. */
struct redis_reply {
	struct redis_value *values; /* for the functions below alone */
	size_t count;
};
enum err redis_call(struct redis *r, const struct span *words, size_t count,
    struct redis_reply *out, struct scope *scope);

/* What stands at `i`, whatever it is that came: what is not there, nil, or of another kind is
 * an empty text, and 0. A number may have come as a text; one that is no whole number of at
 * most 2^53 is none, so a thousand times any number still is one. */
const char *redis_text(const struct redis_reply *reply, size_t i);
struct span redis_span(const struct redis_reply *reply, size_t i);
int64_t redis_number(const struct redis_reply *reply, size_t i);
bool redis_is_nil(const struct redis_reply *reply, size_t i);

/* A command that may wait for long (BLPOP), on a connection used for nothing else meanwhile:
 * send it, poll redis_fd() (-1: not connected) for reading, take the reply when it is *there.
 * Never waits; of a subscription take until nothing is *there. A failure ends the connection. */
enum err redis_send(
    struct redis *r, const struct span *words, size_t count, struct scope *scope);
int redis_fd(const struct redis *r);
enum err redis_take(struct redis *r, struct redis_reply *out, bool *there, struct scope *scope);
void redis_drop(struct redis *r);

/* One value of CONFIG GET or a line of INFO, for doctor; "" when there is none. */
enum err redis_config(
    struct redis *r, const char *key, char *out, size_t size, struct fault *fault);

#endif
