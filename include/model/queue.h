/* queue: the names of the queues of jobs, made of the rows of queue.def. Pure data. */
#ifndef MODEL_QUEUE_H
#define MODEL_QUEUE_H

#include <stdint.h>

enum queue {
#define QUEUE(symbol, name, done, dead, concurrency, rate, rate_ms) QUEUE_##symbol,
#include "model/queue.def"
#undef QUEUE
	QUEUE_COUNT
};

struct queue_row {
	const char *name;
	int64_t done, dead;    /* finished and failed jobs kept */
	int64_t concurrency;   /* jobs that run at once; 0: any number */
	int64_t rate, rate_ms; /* so many begin in so many ms; 0: any number */
};

/* For the process's life but for JOB_OPTIONS (queue/tune.h), which main() puts in force. */
extern struct queue_row queues[QUEUE_COUNT];

/* The rows as they stand in queue.def. */
void queue_rows(struct queue_row out[QUEUE_COUNT]);

/* The row of that name, or NULL. */
const struct queue_row *queue_find(const char *name);

#endif
