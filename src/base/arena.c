/* arena: blocks linked latest first; the first block stays over resets. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#endif

enum { ALIGN = 16, BLOCK_MIN = 16 * 1024 };

struct block {
	struct block *before;
	size_t size, used;
	_Alignas(ALIGN) char bytes[];
};

struct deferred {
	struct deferred *before;
	void (*release)(void *);
	void *handle;
};

struct arena {
	struct block *latest; /* the oldest one of the list is the kept one */
	struct deferred *deferred;
	size_t used, ceiling;
};

static struct block *
block_make(struct block *before, size_t size)
{
	struct block *b = malloc(sizeof(*b) + size);

	if (b == NULL)
		return NULL;
	*b = (struct block){ before, size, 0 };
	ASAN_POISON_MEMORY_REGION(b->bytes, size);
	return b;
}

struct arena *
arena_make(size_t first, size_t ceiling)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->ceiling = ceiling;
	a->latest = block_make(NULL, first);
	if (a->latest == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size_t step;
	struct block *b = a->latest;
	void *at;

	if (size > a->ceiling)
		return NULL;
	step = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (step > a->ceiling - a->used)
		return NULL;
	if (step > b->size - b->used) {
		b = block_make(b, step > BLOCK_MIN ? step : BLOCK_MIN);
		if (b == NULL)
			return NULL;
		a->latest = b;
	}
	at = b->bytes + b->used;
	b->used += step;
	a->used += step;
	ASAN_UNPOISON_MEMORY_REGION(at, size);
	return memset(at, 0, size);
}

char *
arena_text(struct arena *a, struct span text)
{
	char *copy = arena_alloc(a, text.len + 1);

	if (copy != NULL && text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return copy;
}

char *
arena_format(struct arena *a, const char *format, ...)
{
	va_list args;
	char *copy;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || (copy = arena_alloc(a, (size_t)len + 1)) == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(copy, (size_t)len + 1, format, args);
	va_end(args);
	return copy;
}

bool
arena_defer(struct arena *a, void (*release)(void *), void *handle)
{
	struct deferred *d = arena_alloc(a, sizeof(*d));

	if (d == NULL) {
		release(handle);
		return false;
	}
	*d = (struct deferred){ a->deferred, release, handle };
	a->deferred = d;
	return true;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

void
arena_reset(struct arena *a)
{
	for (struct deferred *d = a->deferred; d != NULL; d = d->before)
		d->release(d->handle);
	a->deferred = NULL;
	while (a->latest->before != NULL) {
		struct block *b = a->latest;
		a->latest = b->before;
		free(b);
	}
	a->latest->used = 0;
	a->used = 0;
	ASAN_POISON_MEMORY_REGION(a->latest->bytes, a->latest->size);
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	free(a->latest);
	free(a);
}
