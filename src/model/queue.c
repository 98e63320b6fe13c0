/* queue: the rows of queue.def. */
#include "model/queue.h"

#include <stddef.h>
#include <string.h>

const struct queue_row queues[QUEUE_COUNT] = {
#define QUEUE(symbol, name, done, dead) { name, done, dead },
#include "model/queue.def"
#undef QUEUE
};

const struct queue_row *
queue_find(const char *name)
{
	for (int i = 0; i < QUEUE_COUNT; i++)
		if (strcmp(queues[i].name, name) == 0)
			return &queues[i];
	return NULL;
}
