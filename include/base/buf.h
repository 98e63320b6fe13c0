/* buf: text being written. Grows up to a ceiling, `max` bytes and not one more; a failure
 * sticks, so a writer checks once, at the end, with buf_ok(). Owns its memory; escaping is in
 * the verb's name. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/span.h"

struct buf {
	char *ptr;
	size_t len, size, max;
	bool failed;
};

/* No memory is taken before the first byte. */
void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
void buf_reset(struct buf *b); /* keeps the memory, forgets the failure */

bool buf_ok(const struct buf *b);
struct span buf_span(const struct buf *b);
const char *buf_text(struct buf *b); /* NUL-terminated; "" after a failure */

/* Room for `len` more bytes, or NULL; the caller fills it and adds to `len`. */
char *buf_room(struct buf *b, size_t len);

void buf_add(struct buf *b, struct span text);
void buf_puts(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t n);
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The inside of a JSON string (RFC 8259, section 7), without the quotes. Bytes that are not
 * UTF-8 must not come here, except through buf_json_any(), which replaces them by U+FFFD. */
void buf_json(struct buf *b, struct span text);
void buf_json_any(struct buf *b, struct span text);
/* Text in which bytes that are not UTF-8 become U+FFFD. */
void buf_utf8(struct buf *b, struct span text);

void buf_json_string(struct buf *b, struct span text); /* with the quotes */

/* Percent-encoding of all but unreserved characters (RFC 3986, section 2.3). */
void buf_url(struct buf *b, struct span text);

/* base64url without padding (RFC 4648, section 5). */
void buf_base64url(struct buf *b, const void *bytes, size_t len);

/* RFC 3339, UTC, milliseconds, from microseconds since 1970. */
void buf_time(struct buf *b, int64_t micros);

#endif
