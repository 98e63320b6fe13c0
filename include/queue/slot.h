/* slot: a child of the keeper and the job in its hands. For the files of the worker alone. */
#ifndef QUEUE_SLOT_H
#define QUEUE_SLOT_H

#include <sys/types.h>

#include "queue/keeper.h"

/* Keeper to child: this, then the payload; one packet. */
struct order {
	size_t row;
	int64_t attempts, crashes, added_ms;
	char id[QUEUE_ID_SIZE];
};

/* Child to keeper. */
struct outcome {
	bool ok;
	enum job_end end;
	int64_t delay_ms, micros;
	char text[FAULT_STORY_MAX]; /* result or error */
};

enum slot_state {
	SLOT_FREE,
	SLOT_RUNNING,
	SLOT_ENDED, /* Redis does not know yet */
};

struct slot {
	pid_t pid; /* 0: none */
	int fd;
	int64_t born, start_after, pause_ms;
	enum slot_state state;
	const struct job_row *row;
	enum queue queue;
	struct queue_lease lease;
	struct outcome outcome;
	int64_t deadline; /* clock_mono(); of the job, then of the SIGTERM */
	int signalled;    /* 0, SIGTERM or SIGKILL */
	bool lost;        /* the lease: whatever it says is refused */
};

struct slots {
	struct worker *worker;
	struct slot *slot;
	int count;
	bool stopping; /* nobody is replaced any more */
};

struct job_counters *slot_counters(const struct slots *s, const struct slot *slot);

/* Forks the missing children; in a child it never returns. `forget` runs there first. */
void slots_start(struct slots *s, void (*forget)(void *), void *with);

/* Milliseconds until slots_start() or slots_limit() has something to do, at most `most`. */
int64_t slots_pause(const struct slots *s, int64_t most);

/* Free children, counting those whose ended job of `queue` was done well. */
size_t slots_free(const struct slots *s, int queue);
size_t slots_in(const struct slots *s, enum slot_state state);

/* Hands the job to a free child, which must exist; `row` NULL: not known here. */
void slots_give(
    struct slots *s, const struct job_row *row, enum queue queue, const struct queue_job *job);

/* Takes what a child has said; a dead child is for slots_bury(). */
void slot_hear(struct slots *s, struct slot *slot);

/* Looks for dead children; their jobs end as crashes, or as time-outs. */
void slots_bury(struct slots *s);

/* Ends jobs past their time. */
void slots_limit(struct slots *s);

/* Free children leave (their socket closes); with `kill`, the running ones do too and their
 * jobs are given back. */
void slots_stop(struct slots *s, bool kill_running);

/* The child: runs jobs from `fd` until it closes. Its exit code. */
int runner_run(const struct worker *worker, int fd);

#endif
