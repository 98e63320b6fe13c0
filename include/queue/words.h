/* words: a call of a Redis function of the queue's library being written, and its answer taken
 * apart; for library*.c only. */
#ifndef QUEUE_WORDS_H
#define QUEUE_WORDS_H

#include "queue/library.h"

/* Room for all its words is made at once. */
struct words {
	struct span *word;
	size_t count;
	bool failed; /* no memory */
	struct scope *scope;
};

/* FCALL function 1 cg:{queue}, and room for `more` words. */
struct words words_of(
    const char *function, const char *queue, size_t more, struct scope *scope);
void put(struct words *w, struct span word);
void put_text(struct words *w, const char *text); /* NULL: an empty one */
void put_number(struct words *w, int64_t n);
void put_lease(struct words *w, const struct queue_lease *lease); /* lane, entry, id */

/* Calls it, after loading the library when it is not there. Fewer values are ERR_INTERNAL. */
enum err ask_library(
    struct redis *r, struct words *w, size_t at_least, struct redis_reply *out);
enum err ask_numbers(struct redis *r, struct words *w, int64_t *out, size_t count);

/* Numbers of which none is below 0 or above `most`: any other is ERR_INTERNAL. */
enum err ask_counts(struct redis *r, struct words *w, int64_t most, int64_t *out, size_t count);

/* Of a lane's letter; a text that stays. */
const char *lane_text(char lane);

/* How many ended jobs the queue's row keeps. */
int64_t keep_done(const char *queue);
int64_t keep_dead(const char *queue);

/* What a job carries besides, as JSON; the names stand in src/queue/library/3_ties.lua. */
enum err pack_item(const struct queue_item *item, struct span *out, struct scope *scope);
struct packed {
	int64_t attempts, backoff_ms;
	enum backoff_type backoff;
	const char *owner, *trace, *batch, *key; /* "": none */
};
struct packed unpack_item(struct span text, struct scope *scope);

#endif
