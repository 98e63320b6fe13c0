/* mover: carries the rows of the outbox to Redis, in numbered batches that Redis takes in order
 * and each once (queue/library.h). So nothing is lost or doubled by a crash between two steps,
 * an answer that got lost, or two movers; and what Redis forgot is sent again.
 * One scheduler moves, the others stand by: whoever holds the advisory lock of outbox_lock.
 * Owns no memory but the arena it is lent, which it resets. Never gives up: an error means
 * "later", and says how it is. */
#ifndef QUEUE_MOVER_H
#define QUEUE_MOVER_H

#include "adapter/postgres.h"
#include "adapter/redis.h"
#include "base/counter.h"

enum { MOVER_TARGETS_MAX = 32, MOVER_TARGET_NAME = 64 };

struct mover_target {
	char name[MOVER_TARGET_NAME];
	struct uuid generation;
	int64_t last, kept, sent; /* batches: given out, first one kept, known to be there */
	bool settled;             /* all that has a number is at Redis */
	int64_t not_before;       /* clock_mono(): pause after a refusal */
	int64_t said;             /* clock_mono(): of the last complaint */
	counter *moved;
};

struct mover {
	struct db *db;
	struct redis *redis;
	struct scope *scope; /* its arena holds one batch at a time */
	struct counter_file *stats;
	struct mover_target targets[MOVER_TARGETS_MAX];
	size_t count;
	bool moves;         /* holds the lock */
	bool look;          /* what Redis remembers must be asked now */
	int64_t look_after; /* clock_mono(): or then at the latest */
	int64_t run_after;  /* the same for Redis's run_id */
	int64_t figures_after;
	char run_id[48];
	counter *waiting, *oldest, *batches, *resent, *lost;
};

void mover_open(struct mover *m, struct db *db, struct redis *redis, struct scope *scope,
    struct counter_file *stats);

/* Everything that waits gets at most one batch of each target; *more: call again at once. */
enum err mover_round(struct mover *m, bool *more);

/* Redis was away or is another one: its memory is looked at before anything else is sent. */
void mover_doubt(struct mover *m);

#endif
