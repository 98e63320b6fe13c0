/* part: which parts of the service go round their loops, by the pulses in their counters. For
 * /ready and doctor. */
#ifndef BASE_PART_H
#define BASE_PART_H

#include "base/counter.h"

enum part_state {
	PART_OK,
	PART_FROZEN,  /* a process is there, and stands still */
	PART_STOPPED, /* no process is there */
	PART_STATES
};

struct part {
	char name[PULSE_NAME_MAX];
	enum part_state state;
	int64_t age;   /* microseconds since a process of it last turned; -1: never did */
	int processes; /* that are there */
	bool unmissed; /* not expected, and ended as it was asked to */
};

/* A loop turns within a second when all is well. */
enum { PART_SLOW = 2 * 1000 * 1000, PARTS_MAX = 32 };

/* Parts that are `expected` (EXPECTED_PARTS: names and commas), in that order, then others that
 * have left a pulse below `run_dir`/stats. At most PARTS_MAX. */
size_t parts_look(const char *run_dir, struct span expected, struct part out[PARTS_MAX]);

/* "ok", "frozen", "stopped". */
const char *part_state_word(enum part_state state);

#endif
