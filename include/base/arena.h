/* arena: the memory of one request, job or command; all of it goes at once.
 * Owns its blocks and the foreign handles that adapters register with it.
 * Under ASan what was handed out is poisoned after a reset. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena;

/* `first` bytes are kept over resets; `ceiling` bounds all the bytes of one life.
 * NULL when there is no memory. Freed by arena_free(). */
struct arena *arena_make(size_t first, size_t ceiling);

/* Zeroed, aligned for any type. NULL past the ceiling: the caller answers ERR_NO_MEMORY. */
void *arena_alloc(struct arena *a, size_t size);

/* A NUL-terminated copy; NULL as arena_alloc(). */
char *arena_text(struct arena *a, struct span text);
char *arena_format(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `release(handle)` runs at the next reset, the latest registered first. When this returns
 * false nothing was registered and `release` has run already. */
bool arena_defer(struct arena *a, void (*release)(void *), void *handle);

size_t arena_used(const struct arena *a);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
