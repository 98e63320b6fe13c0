/* pace: the times that programs wait by themselves, a row each in pace.def. With FAILPOINTS on
 * the setting TEST_PACE shortens them all, so that tests need not sit them out. */
#ifndef BASE_PACE_H
#define BASE_PACE_H

#include <stdint.h>

enum pace {
#define PACE(name, ms, help) PACE_##name,
#include "base/pace.def"
#undef PACE
};

/* Once, at the start: how much of each time is waited, in percent. */
void pace_set(int64_t percent);

/* Microseconds, as clock_mono() counts. */
int64_t pace_us(enum pace pace);

#endif
