/* table: chained, doubled when it is full. */
#include "relay/table.h"

#include "adapter/hash.h"

enum { FIRST_SIZE = 64 };

static struct entry **
slot_of(const struct table *t, uint64_t hash)
{
	return &t->slot[hash & (t->size - 1)];
}

struct entry *
table_find(const struct table *t, struct span name)
{
	uint64_t hash = hash_of(name);

	if (t->size == 0)
		return NULL;
	for (struct entry *e = *slot_of(t, hash); e != NULL; e = e->next)
		if (e->hash == hash && span_is(name, e->name))
			return e;
	return NULL;
}

static void
grow(struct table *t, struct pool_memory *memory)
{
	struct table next = { .size = t->size ? t->size * 2 : FIRST_SIZE, .count = t->count };

	next.slot = pool_take(memory, next.size * sizeof(*next.slot));
	if (next.slot == NULL)
		return; /* longer chains, then */
	for (size_t i = 0; i < t->size; i++) {
		while (t->slot[i] != NULL) {
			struct entry *e = t->slot[i];
			t->slot[i] = e->next;
			e->next = *slot_of(&next, e->hash);
			*slot_of(&next, e->hash) = e;
		}
	}
	pool_give(memory, t->slot, t->size * sizeof(*t->slot));
	*t = next;
}

struct entry *
table_make(struct table *t, struct pool_memory *memory, struct span name, size_t bytes)
{
	struct entry *e = table_find(t, name);

	if (e != NULL)
		return e;
	if (t->count >= t->size)
		grow(t, memory);
	if (name.len > TABLE_NAME_MAX || t->size == 0 || (e = pool_take(memory, bytes)) == NULL)
		return NULL;
	memcpy(e->name, name.ptr, name.len);
	e->hash = hash_of(name);
	e->next = *slot_of(t, e->hash);
	*slot_of(t, e->hash) = e;
	t->count++;
	return e;
}

void
table_remove(struct table *t, struct pool_memory *memory, struct entry *e, size_t bytes)
{
	struct entry **at = slot_of(t, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	t->count--;
	pool_give(memory, e, bytes);
}

void
table_sweep(struct table *t, struct pool_memory *memory, size_t bytes,
    bool (*gone)(struct entry *e, void *with), void *with)
{
	for (size_t i = 0; i < t->size; i++) {
		struct entry *next;
		for (struct entry *e = t->slot[i]; e != NULL; e = next) {
			next = e->next;
			if (gone(e, with))
				table_remove(t, memory, e, bytes);
		}
	}
}

static bool
always(struct entry *e, void *with)
{
	(void)e, (void)with;
	return true;
}

void
table_free(struct table *t, struct pool_memory *memory, size_t bytes)
{
	table_sweep(t, memory, bytes, always, NULL);
	pool_give(memory, t->slot, t->size * sizeof(*t->slot));
	*t = (struct table){ .slot = NULL };
}
