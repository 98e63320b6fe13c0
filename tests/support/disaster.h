/* disaster: what the chaos tests do to a stack, by dice that a seed decides. */
#ifndef SUPPORT_DISASTER_H
#define SUPPORT_DISASTER_H

#include <sys/types.h>

/* Of this process; the same seed throws the same numbers, each below `sides`. */
void dice_seed(unsigned seed);
unsigned dice(unsigned sides);

/* SIGKILL to one child of it; to the service of a part (now and then SIGTERM). */
void kill_some_child(pid_t of);
void kill_main(const char *part);

/* Stopped for up to `ms`. */
void freeze(pid_t pid, unsigned ms);

/* Redis dies, and is started again after `away_ms`. */
void redis_killed(unsigned away_ms);

/* A failpoint of base/failpoint.h, for whoever comes there first; and taken away again. */
void arm(const char *point);
void disarm(const char *point);

#endif
