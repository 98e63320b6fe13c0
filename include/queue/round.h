/* round: what the keeper and Redis have to tell each other. For the files of the worker alone. */
#ifndef QUEUE_ROUND_H
#define QUEUE_ROUND_H

#include "queue/slot.h"

struct keeper {
	struct worker *worker;
	struct slots slots;
	struct redis_options options;
	struct redis *redis; /* every call */
	struct redis *wake;  /* BLPOP on the wake lists, and nothing else */
	struct scope scope;  /* of one turn of the loop */
	char consumer[80];
	bool hot[QUEUE_COUNT];    /* jobs may wait there */
	int64_t due[QUEUE_COUNT]; /* when a delayed one will; clock_mono() as all times here */
	int turn;                 /* the queue that comes first this time */
	bool asked;               /* BLPOP has no answer yet */
	bool loaded;              /* the functions, by this program */
	bool away;                /* the last call failed */
	int64_t asked_at, beat_at, reap_at, poll_at, retry_at;
	int64_t stopping; /* since when; 0: it is not */
	int signal_fd;
};

bool round_open(struct keeper *k);

/* In a forked child: its parent's connections are not its own. */
void round_forget(void *keeper);

/* Tells Redis what ended, takes jobs for free children, renews leases, reaps. */
void round_talk(struct keeper *k);

/* Asks to be woken when there is nothing to do; hears of it. */
void round_listen(struct keeper *k);
void round_woken(struct keeper *k);

/* Milliseconds until the next round_talk() is due. */
int64_t round_pause(const struct keeper *k);

#endif
