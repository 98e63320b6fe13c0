/* schedules: the rows of schedules.def. */
#include "job/schedules.h"

enum { ALWAYS = 0, TESTS = 1 };

const struct schedule schedules[] = {
#define SCHEDULE(name, expression, zone, catch_up, limit, queue, job, data, when)              \
	{ name, expression, zone, catch_up, limit, queue, job, data, when },
#include "job/schedules.def"
#undef SCHEDULE
};
const size_t schedule_count = sizeof(schedules) / sizeof(*schedules);
