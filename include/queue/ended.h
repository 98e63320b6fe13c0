/* ended: Redis knows which sessions were ended while access tokens of theirs may still come.
 * The api says so itself at once; this makes it true again after a loss, and whenever that
 * failed. Any number may do it. */
#ifndef QUEUE_ENDED_H
#define QUEUE_ENDED_H

#include "adapter/postgres.h"
#include "adapter/redis.h"

struct ended_round {
	struct uuid after; /* of a round over all, where to go on */
	bool all;
	int64_t all_due; /* clock_mono() */
};

/* *more: call again at once. */
enum err ended_round(struct ended_round *state, struct db *db, struct redis *redis,
    struct scope *scope, bool *more);

#endif
