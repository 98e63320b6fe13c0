/* span: bytes that somebody else owns, with a length; may hold any byte.
 * Input travels as spans until it is checked, then as NUL-terminated text in the arena. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *ptr;
	size_t len;
};

#define SPAN(literal) ((struct span){ literal, sizeof(literal) - 1 })

/* NULL becomes the empty span. */
static inline struct span
span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

bool span_equal(struct span a, struct span b);
bool span_equal_nocase(struct span a, struct span b); /* ASCII only */
bool span_starts(struct span text, struct span prefix);
bool span_is(struct span a, const char *text);

/* Cuts what stands before the first `mark` off the front of `rest` and returns it; `rest` is
 * left behind the mark, or empty (ptr NULL) when there was none. */
struct span span_cut(struct span *rest, char mark);

/* Without spaces and tabs at either end. */
struct span span_trim(struct span text);

/* Decimal digits only, no sign but an optional '-', no spaces, inside 64 bits. */
bool span_int(struct span text, int64_t *out);

/* A comma-separated list (of origins, of groups) names `word` exactly. */
bool span_list_has(struct span list, struct span word);

/* Value of a hexadecimal digit, -1 for any other character. */
int span_hex(char c);

#endif
