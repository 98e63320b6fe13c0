/* redis_async: one hiredis connection on a loop, for a program that must never wait. It comes
 * back by itself after a failure. Owns the connection; a reply lives as long as its callback.
 * (hiredis 0.14: a context that failed is gone after its callbacks; commands that still waited
 * are answered NULL; there are no time-outs, so the caller drops a connection that is deaf.) */
#ifndef ADAPTER_REDIS_ASYNC_H
#define ADAPTER_REDIS_ASYNC_H

#include "adapter/loop.h"
#include "adapter/redis.h"

struct redis_async;
struct redisReply; /* hiredis's */

/* `up(with, true)` when commands may be sent, `up(with, false)` when the connection is lost.
 * The options are copied, their texts kept. NULL: no memory. */
struct redis_async *redis_async_make(struct loop *loop, const struct redis_options *options,
    void (*up)(void *with, bool up), void *with);
void redis_async_free(struct redis_async *r);

/* `done` gets NULL when the connection fails first. False: there is no connection, and `done`
 * is never called. */
bool redis_async_send(struct redis_async *r, int words, const char *const *word,
    void (*done)(void *with, const struct redisReply *reply), void *with);

/* Gives the connection up, to try again. */
void redis_async_drop(struct redis_async *r);

/* Parts of a reply; empty, 0 or NULL when it is of another type. */
bool redis_reply_failed(const struct redisReply *reply); /* NULL or an error */
struct span redis_reply_text(const struct redisReply *reply);
int64_t redis_reply_number(const struct redisReply *reply);
size_t redis_reply_count(const struct redisReply *reply);
const struct redisReply *redis_reply_at(const struct redisReply *reply, size_t i);

#endif
