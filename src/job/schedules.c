/* schedules: the rows of schedules.def. */
#include "job/schedules.h"

const struct schedule schedules[] = {
#define SCHEDULE(name, expression, zone, catch_up, limit, queue, job, data)                    \
	{ name, expression, zone, catch_up, limit, queue, job, data },
#include "job/schedules.def"
#undef SCHEDULE
};
const size_t schedule_count = sizeof(schedules) / sizeof(*schedules);
