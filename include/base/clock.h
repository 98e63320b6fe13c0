/* clock: the time, asked in one place so that tests can set it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now(void);        /* microseconds since 1970, UTC: expiry, timestamps */
int64_t clock_mono(void);       /* microseconds, never goes back: deadlines, durations */
void clock_set(int64_t micros); /* clock_now() stands still here; 0: the real one again */

#endif
