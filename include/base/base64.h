/* base64: the standard alphabet for HTTP's Basic, the one for URLs for what we make ourselves
 * (RFC 4648, sections 4 and 5). buf_base64url() stands in base/buf.h. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* With padding. */
void buf_base64(struct buf *b, const void *bytes, size_t len);

/* Without padding; false for anything else, also for unused bits that are set, so that a text
 * has one spelling. `out` has room for text.len * 3 / 4 bytes. */
bool base64url_decode(struct span text, void *out, size_t *len);

#endif
