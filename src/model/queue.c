/* queue: the rows of queue.def. */
#include "model/queue.h"

#include <stddef.h>
#include <string.h>

#define QUEUE(symbol, name, done, dead, concurrency, rate, rate_ms)                            \
	{ name, done, dead, concurrency, rate, rate_ms },
static const struct queue_row rows[QUEUE_COUNT] = {
#include "model/queue.def"
};
struct queue_row queues[QUEUE_COUNT] = {
#include "model/queue.def"
};
#undef QUEUE

void
queue_rows(struct queue_row out[QUEUE_COUNT])
{
	memcpy(out, rows, sizeof(rows));
}

const struct queue_row *
queue_find(const char *name)
{
	for (int i = 0; i < QUEUE_COUNT; i++)
		if (strcmp(queues[i].name, name) == 0)
			return &queues[i];
	return NULL;
}
