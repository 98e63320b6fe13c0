/* schedules: the table of everything that the clock starts, made of schedules.def. */
#ifndef JOB_SCHEDULES_H
#define JOB_SCHEDULES_H

#include "queue/schedule.h"

extern const struct schedule schedules[];
extern const size_t schedule_count;

#endif
