/* pace: the table of waits, and the one percentage of them all. */
#include "base/pace.h"

static const int64_t waits[] = {
#define PACE(name, ms, help) [PACE_##name] = (ms),
#include "base/pace.def"
#undef PACE
};

static int64_t percent_of_all = 100;

void
pace_set(int64_t percent)
{
	percent_of_all = percent;
}

int64_t
pace_us(enum pace pace)
{
	return waits[pace] * 10 * percent_of_all;
}
