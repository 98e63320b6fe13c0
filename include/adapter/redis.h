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

/* Runs a Lua script (by its SHA-1, loaded when Redis does not know it). It must return a flat
 * list of integers, of which at most `max` go to `out`; *count tells how many there were. */
struct redis_script {
	const char *text;
	char sha[41]; /* filled at the first use */
};
enum err redis_run(struct redis *r, struct redis_script *script, int keys, int args,
    const char *const *words, int64_t *out, size_t max, size_t *count, struct fault *fault);

enum err redis_ping(struct redis *r, struct fault *fault);

/* One value of CONFIG GET or a line of INFO, for doctor; "" when there is none. */
enum err redis_config(
    struct redis *r, const char *key, char *out, size_t size, struct fault *fault);

#endif
