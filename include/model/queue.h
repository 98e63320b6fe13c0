/* queue: the names of the queues of jobs, made of the rows of queue.def. Pure data. */
#ifndef MODEL_QUEUE_H
#define MODEL_QUEUE_H

#include <stdint.h>

enum queue {
#define QUEUE(symbol, name, done, dead) QUEUE_##symbol,
#include "model/queue.def"
#undef QUEUE
	QUEUE_COUNT
};

struct queue_row {
	const char *name;
	int64_t done, dead; /* finished and failed jobs kept */
};

extern const struct queue_row queues[QUEUE_COUNT];

/* The row of that name, or NULL. */
const struct queue_row *queue_find(const char *name);

#endif
