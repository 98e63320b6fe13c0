/* pool: malloc with a ledger. */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

void *
pool_take(struct pool_memory *p, size_t size)
{
	void *block;

	if (p->ceiling > 0 && (size > p->ceiling || p->used > p->ceiling - size))
		return NULL;
	if ((block = calloc(1, size)) != NULL)
		p->used += size;
	return block;
}

void *
pool_grow(struct pool_memory *p, void *block, size_t old, size_t size)
{
	void *next = pool_take(p, size);

	if (next == NULL)
		return NULL;
	if (block != NULL)
		memcpy(next, block, old < size ? old : size);
	pool_give(p, block, old);
	return next;
}

void
pool_give(struct pool_memory *p, void *block, size_t size)
{
	if (block == NULL)
		return;
	p->used -= size;
	free(block);
}
