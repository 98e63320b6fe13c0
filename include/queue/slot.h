/* slot: a child of the keeper and the job in its hands. For the files of the worker alone. */
#ifndef QUEUE_SLOT_H
#define QUEUE_SLOT_H

#include <sys/types.h>

#include "queue/keeper.h"

enum {
	OWNER_SIZE = 37,
	MESSAGE_SIZE = 256, /* of a progress */
	LINES_MAX = 16,     /* of a log, that Redis does not know yet */
};

/* Keeper to child: this, then the progress of an earlier run, then the payload; one packet. */
struct order {
	size_t row;
	int64_t attempts, crashes, added_ms;
	size_t before_length;
	char id[QUEUE_ID_SIZE];
	char owner[OWNER_SIZE], trace[QUEUE_TRACE_MAX + 1], batch[QUEUE_KEY_MAX + 1];
};

/* How a job ended. */
struct outcome {
	bool ok;
	enum job_end end;
	int64_t delay_ms, micros;
	char text[FAULT_STORY_MAX]; /* result or error */
};

/* Child to keeper; one packet each. */
enum saying { SAYS_END, SAYS_PROGRESS, SAYS_LINE };
struct said {
	enum saying kind;
	int64_t percent;        /* SAYS_PROGRESS */
	struct outcome outcome; /* SAYS_END; of the others only the text */
};

struct progress {
	int64_t percent; /* -1: none was said */
	char message[MESSAGE_SIZE];
	bool changed;    /* Redis does not know yet */
	int64_t told_at; /* clock_mono() */
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
	bool old; /* its settings are: it leaves when it is free */
	enum slot_state state;
	const struct job_row *row;
	enum queue queue;
	struct queue_lease lease;
	char owner[OWNER_SIZE];
	struct outcome outcome;
	struct progress progress;
	char lines[LINES_MAX][QUEUE_LOG_BYTES + 1];
	size_t line_count;
	int64_t deadline; /* clock_mono(); of the job, then of the SIGTERM */
	int signalled;    /* 0, SIGTERM or SIGKILL */
	bool lost;        /* the lease: whatever it says is refused */
	bool cancelled;   /* somebody wants it ended */
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

/* Children made with old settings leave, each when it is free. */
void slots_renew(struct slots *s);

/* Milliseconds until slots_start() or slots_limit() has something to do, at most `most`. */
int64_t slots_pause(const struct slots *s, int64_t most);

/* Free children, counting those whose ended job of `queue` was done well. */
size_t slots_free(const struct slots *s, int queue);
size_t slots_in(const struct slots *s, enum slot_state state);

/* Hands the job to a free child, which must exist; `row` NULL: not known here. */
void slots_give(
    struct slots *s, const struct job_row *row, enum queue queue, const struct queue_job *job);

/* Whether there is room for what a child may say; else it waits. */
bool slot_listens(const struct slot *slot);

/* Takes what a child has said; a dead child is for slots_bury(). */
void slot_hear(struct slots *s, struct slot *slot);

/* Looks for dead children; their jobs end as crashes, time-outs, or cancelled. */
void slots_bury(struct slots *s);

/* Ends jobs past their time, those that are lost, and those that are cancelled. */
void slots_limit(struct slots *s);

/* Free children leave (their socket closes); with `kill`, the running ones do too and their
 * jobs are given back. */
void slots_stop(struct slots *s, bool kill_running);

/* The child: runs jobs from `fd` until it closes. Its exit code. */
int runner_run(const struct worker *worker, int fd);

#endif
