/* options: Bull's words for what a job may carry, read into a queue_item: attempts; backoff (a
 * number: fixed, or {type: fixed|exponential, delay}); delay; priority (below 10: h, 10: n, above:
 * l; or high, normal, low); jobId; removeOnComplete and removeOnFail (true, false, a number, or
 * {count, age}, age in seconds: of its own name, or of itself); unique or deduplication (a text, or
 * {id, ttl | mode}, mode being until_done or last); concurrency (a text, or {key, limit}); batch
 * ({id, total, final}); owner; trace; and CodeGram's own lane (h, n, l). All times but age are
 * milliseconds. */
#ifndef QUEUE_OPTIONS_H
#define QUEUE_OPTIONS_H

#include "queue/library.h"

struct json_t;

/* What is not named stays as it is in the item, so defaults are read first. Each faulty word is a
 * fault of the scope (its field as a JSON Pointer), unknown ones too: ERR_INVALID. Texts live as
 * long as the object. NULL: nothing to read. */
enum err queue_options(const struct json_t *bull, struct queue_item *item, struct scope *scope);

/* The same beside words that somebody else reads; NULL at the end. */
enum err queue_options_beside(const struct json_t *bull, const char *const *others,
    struct queue_item *item, struct scope *scope);

#endif
