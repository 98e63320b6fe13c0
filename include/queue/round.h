/* round: what the keeper and Redis have to tell each other. For the files of the worker alone:
 * round.c (jobs and leases), spare.c (jobs between two children), tell.c (what jobs say of themselves), listen.c (being woken). */
#ifndef QUEUE_ROUND_H
#define QUEUE_ROUND_H

#include "queue/spare.h"

/* A connection that only waits: for an answer to BLPOP, or for messages. */
struct ear {
	struct redis *redis;
	bool asked;         /* and no answer yet, or subscribed */
	int64_t asked_at;   /* clock_mono() as all times here */
	int64_t not_before; /* after a failure */
};

struct keeper {
	struct worker *worker;
	struct slots slots;
	struct spares *spares;
	struct redis_options options;
	struct redis *redis;      /* every call */
	struct ear wake, cancels; /* BLPOP on the wake lists; the channel cg:cancel */
	struct scope scope;       /* of one turn of the loop */
	char consumer[80];
	bool serves[QUEUE_COUNT]; /* a row is of this queue; the others are left alone */
	bool hot[QUEUE_COUNT];    /* jobs may wait there */
	int64_t due[QUEUE_COUNT]; /* when a delayed one will */
	int turn;                 /* the queue that comes first this time */
	bool loaded;              /* the functions, by this program */
	bool away;                /* the last call failed */
	int64_t beat_at, reap_at, poll_at, retry_at;
	int64_t stopping; /* since when; 0: it is not */
	int signal_fd;
};

bool round_open(struct keeper *k);
void round_close(struct keeper *k);

/* In a forked child: its parent's connections are not its own. */
void round_forget(void *keeper);

/* Tells Redis what ended, takes jobs for free children, renews leases, reaps. */
void round_talk(struct keeper *k);

/* Milliseconds until the next round_talk() is due. */
int64_t round_pause(const struct keeper *k);

/* True when the call did well. After one that did not, the others wait a moment too, and then
 * a beat comes first: Redis may have given jobs in an answer that was lost. */
bool round_well(struct keeper *k, enum err e);

/* Whether jobs may wait somewhere. */
bool round_hot(const struct keeper *k);

/* ---- tell.c */

/* Progress and log lines that Redis does not know; of an ended job all of them. False: away. */
bool tell_sayings(struct keeper *k);

/* When progress that was held back is due; INT64_MAX: none is. */
int64_t tell_due(const struct keeper *k);

/* The owner, if it has one, hears that the job is `state`, and how far it got. */
void tell_owner(struct keeper *k, const struct slot *slot, const char *state);

/* ---- listen.c */

/* Asks to be woken when there is nothing to do, and to be told of cancelled jobs. */
void listen_ask(struct keeper *k);

/* There is something to read on these. */
void listen_woken(struct keeper *k);
void listen_cancels(struct keeper *k);

#endif
