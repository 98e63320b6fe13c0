/* table: rooms, addresses and ended sessions by name. Things carry their entry as first
 * member; the table owns only its slots. */
#ifndef RELAY_TABLE_H
#define RELAY_TABLE_H

#include "base/pool.h"
#include "base/span.h"

enum { TABLE_NAME_MAX = 47 };

struct entry {
	struct entry *next;
	uint64_t hash;
	char name[TABLE_NAME_MAX + 1];
};

struct table {
	struct entry **slot;
	size_t size, count; /* a power of two */
};

struct entry *table_find(const struct table *t, struct span name);

/* Finds it, or takes a zeroed thing of `bytes` from the memory. NULL: no memory, or the name
 * is too long. */
struct entry *table_make(
    struct table *t, struct pool_memory *memory, struct span name, size_t bytes);

/* Gives the thing back, too. */
void table_remove(struct table *t, struct pool_memory *memory, struct entry *e, size_t bytes);

/* Removes all for which `gone` holds. */
void table_sweep(struct table *t, struct pool_memory *memory, size_t bytes,
    bool (*gone)(struct entry *e, void *with), void *with);
void table_free(struct table *t, struct pool_memory *memory, size_t bytes);

#endif
