/* random: getrandom() and what is made of it. */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

void
random_bytes(void *out, size_t len)
{
	char *at = out;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort(); /* no token may ever be made of anything else */
		at += n;
		len -= (size_t)n;
	}
}

struct uuid
uuid_make(void)
{
	uint64_t ms = (uint64_t)(clock_now() / 1000);
	unsigned char r[10];
	struct uuid u;

	random_bytes(r, sizeof(r));
	r[0] = (unsigned char)(0x70 | (r[0] & 0x0f));
	r[2] = (unsigned char)(0x80 | (r[2] & 0x3f));
	snprintf(u.text, sizeof(u.text), "%08x-%04x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    (unsigned)(ms >> 16), (unsigned)(ms & 0xffff), r[0], r[1], r[2], r[3], r[4], r[5],
	    r[6], r[7], r[8], r[9]);
	return u;
}
