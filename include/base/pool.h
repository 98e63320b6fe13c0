/* pool: memory of things that come and go one by one for the whole life of a process
 * (connections, messages): each is given back by itself, all of them are counted and bounded.
 * What lives as long as a request belongs in an arena instead. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool_memory {
	size_t used, ceiling; /* bytes; ceiling 0: none */
};

/* Zeroed; NULL past the ceiling or without memory. */
void *pool_take(struct pool_memory *p, size_t size);

/* The first `old` bytes of `block` (may be NULL) in a new place of `size` bytes. NULL: `block`
 * stays as it was. */
void *pool_grow(struct pool_memory *p, void *block, size_t old, size_t size);

/* `size` is what was taken; NULL does nothing. */
void pool_give(struct pool_memory *p, void *block, size_t size);

#endif
