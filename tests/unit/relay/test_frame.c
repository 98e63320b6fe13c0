/* frame: a bad one is found wherever the bytes are cut. */
#include "relay/frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST "GET /live HTTP/1.1\r\nHost: a\r\n\r\n"
#define MASK "\x12\x34\x56\x78"
#define SHORT "\x81\x82" MASK "zz"
#define EMPTY "\x89\x80" MASK
#define MIDDLE "\x81\xfe\x00\x03" MASK "zzz"
#define LONG "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x02" MASK "zz"
#define TEXT(literal) literal, sizeof(literal) - 1

/* What is good, then a bad frame, of which the first `untold` bytes could still be good. */
static const struct {
	const char *good;
	size_t len;
	const char *bad;
	size_t bad_len, untold;
} rows[] = {
	{ TEXT(REQUEST), "", 0, 0 },
	{ TEXT(REQUEST SHORT EMPTY MIDDLE LONG SHORT "\x88\x80" MASK), "", 0, 0 },
	{ TEXT(REQUEST), TEXT("\x81\x02zz"), 1 },
	{ TEXT(REQUEST), TEXT("\x81\x00"), 1 },
	{ TEXT(REQUEST), TEXT("\x81\x7e\x01\x00"), 1 },
	{ TEXT(REQUEST SHORT LONG), TEXT("\x89\x00" SHORT), 1 },
	{ TEXT(REQUEST MIDDLE), TEXT("\x88\x02\x03\xe8"), 1 },
	/* an end of lines that is not yet the end of the request */
	{ TEXT("GET / HTTP/1.1\r\n\r\r\n\r\n"), TEXT("\x81\x02"), 1 },
	/* bytes of a payload that look like a head */
	{ TEXT(REQUEST "\x81\x84" MASK "\x81\x02\x88\x01" SHORT), TEXT("\x81\x01"), 1 },
	/* control frames are short */
	{ TEXT(REQUEST), TEXT("\x89\xfe\x00\x7e" MASK), 1 },
	{ TEXT(REQUEST), TEXT("\x88\xff\x00\x00\x00\x00\x00\x00\x00\x01" MASK), 1 },
	/* half a code */
	{ TEXT(REQUEST SHORT), TEXT("\x88\x81" MASK "\x03"), 1 },
	/* 64 bits of length */
	{ TEXT(REQUEST SHORT), TEXT("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01" MASK), 2 },
};

/* The walk over pieces: [0, first), [first, second), the rest. The good bytes of all. */
static size_t
walk(const char *bytes, size_t len, size_t first, size_t second)
{
	size_t ends[] = { first, second, len }, at = 0;
	struct frame_walk w = { .at = 0 };

	for (size_t i = 0; i < 3; i++) {
		size_t piece_len = ends[i] - at, good;
		unsigned char *piece =
		    malloc(piece_len ? piece_len : 1); /* ASan sees its end */
		cr_assert_not_null(piece);
		memcpy(piece, bytes + at, piece_len);
		good = frame_walk(&w, piece, piece_len);
		free(piece);
		if (good < piece_len)
			return at + good;
		at = ends[i];
	}
	return at;
}

/* Bytes of a bad head that came before it was known to be bad have been let through. */
static size_t
expected(size_t row, size_t first, size_t second)
{
	size_t good = rows[row].len, told = good + rows[row].untold;

	if (rows[row].bad_len == 0)
		return good;
	if (second > good && second <= told)
		return second;
	return first > good && first <= told ? first : good;
}

Test(frame, every_cut)
{
	char bytes[256];

	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		size_t len = rows[row].len + rows[row].bad_len;
		memcpy(bytes, rows[row].good, rows[row].len);
		memcpy(bytes + rows[row].len, rows[row].bad, rows[row].bad_len);
		for (size_t first = 0; first <= len; first++)
			for (size_t second = first; second <= len; second++) {
				size_t good = walk(bytes, len, first, second);
				cr_assert_eq(good, expected(row, first, second),
				    "row %zu, %zu, %zu: %zu", row, first, second, good);
			}
	}
}
