/* clock: the kernel's two clocks, and a hand that tests may set. */
#include "base/clock.h"

#include <time.h>

static int64_t set_to;

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_now(void)
{
	return set_to ? set_to : read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
clock_set(int64_t micros)
{
	set_to = micros;
}
