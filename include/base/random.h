/* random: unpredictable bytes, from the kernel alone (safe over fork). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/field.h"

void random_bytes(void *out, size_t len);

/* RFC 9562, section 5.7: 48 bits of milliseconds, a counter-free random rest. */
struct uuid uuid_make(void);

#endif
