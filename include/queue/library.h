/* library: the job queue as typed calls of the Redis functions in src/queue/library.lua, where
 * every transition is atomic. A call that finds the functions missing loads them. Each call may
 * run twice (a connection lost in mid-call is tried once more) and still counts once.
 * ERR_AWAY: Redis is; ERR_INTERNAL: a function failed; the fault tells. Texts that come out
 * live in the scope's arena. Times are in milliseconds of Redis's own clock. */
#ifndef QUEUE_LIBRARY_H
#define QUEUE_LIBRARY_H

#include "adapter/redis.h"
#include "model/queue.h"

enum {
	QUEUE_LEASE_MS = 15000, /* an entry not renewed for so long may be given to others */
	QUEUE_BEAT_MS = 5000,
	QUEUE_REAP_MS = 5000,
	QUEUE_CRASHES = 3, /* then dead, with reason crash */
	QUEUE_DATA_MAX = 64 * 1024,
	QUEUE_TAKE_MAX = 256, /* jobs of one step */
	QUEUE_ID_SIZE = 96,   /* of a job's id, with its NUL */
};

/* Lanes, the first one first. */
#define QUEUE_LANES "hnl"

/* Loads this program's library, whatever is there. Programs do so when they start, so that
 * the functions are never older than the latest program that was started. */
enum err queue_load(struct redis *r, struct scope *scope);

/* A job to be added. */
struct queue_item {
	const char *id;   /* adding an id that is there adds nothing */
	const char *name; /* of a row of job/jobs.def */
	struct span data; /* JSON object, at most QUEUE_DATA_MAX */
	char lane;        /* 'h', 'n', 'l'; 0 is 'n' */
	int64_t delay_ms;
	const char
	    *unique; /* NULL: none; nothing is added while a job of that key is unfinished */
};

enum add_answer { ADD_DONE, ADD_THERE, ADD_UNIQUE, ADD_FULL };
enum err queue_add(struct redis *r, const char *queue, const struct queue_item *item,
    enum add_answer *out, struct scope *scope);

/* Batches of the outbox: all of one, or none. BATCH_DONE: it is in, now or already.
 * BATCH_GAP: the number is above the watermark + 1 (send the ones between first, or rebase).
 * BATCH_OTHER_GENERATION: the watermark is of another history: rebase. BATCH_FULL: the queue
 * takes no more jobs now. An empty Redis has generation "" and watermark 0, and takes number 1
 * of any generation. */
enum batch_answer { BATCH_DONE, BATCH_GAP, BATCH_OTHER_GENERATION, BATCH_FULL };
enum err queue_batch(struct redis *r, const char *target, const char *generation, int64_t batch,
    const struct queue_item *items, size_t count, enum batch_answer *out, struct scope *scope);

/* A live event: an entry of the relays' log `cg:{target}:log`, kept for ten minutes. */
struct queue_event {
	int64_t id; /* of the outbox row */
	const char *room, *name;
	struct span data; /* JSON */
};
enum err queue_publish(struct redis *r, const char *target, const char *generation,
    int64_t batch, const struct queue_event *events, size_t count, enum batch_answer *out,
    struct scope *scope);

/* How far Redis remembers; "" and 0 when it remembers nothing. */
enum err queue_watermark(struct redis *r, const char *target, char generation[37],
    int64_t *batch, struct scope *scope);

/* Sets the watermark, if it still is what queue_watermark() said (`from`, `was`); *done tells. */
enum err queue_rebase(struct redis *r, const char *target, const char *from, int64_t was,
    const char *generation, int64_t batch, bool *done, struct scope *scope);

/* Due jobs go to their lanes. *next_due_ms: from now on; -1: none is delayed. Whoever sleeps
 * until then is told of an earlier one by a message on the channel `cg:due`: the queue's name. */
enum err queue_tick(struct redis *r, const char *queue, int64_t *promoted, int64_t *next_due_ms,
    struct scope *scope);

/* Jobs whose lease ran out become new entries, or dead ones after QUEUE_CRASHES crashes. Also
 * drops finished and failed jobs past their age, and consumers nobody heard of for an hour. */
enum err queue_reap(struct redis *r, const char *queue, int64_t *reaped, struct scope *scope);

/* ---- the keeper's part */

/* An entry of a lane, in a consumer's hands: the fence. Every redelivery is a new one. */
struct queue_lease {
	char lane;
	char entry[44];
	char id[QUEUE_ID_SIZE];
};

struct queue_job {
	struct queue_lease lease;
	const char *name;
	struct span data;
	int64_t attempts, crashes;   /* used up so far */
	int64_t added_ms, waited_ms; /* when, and how long in the lane */
};

struct queue_step {
	const struct queue_lease *finished; /* in: jobs that are done */
	const char *const *results;         /* in: a text for each, or NULL */
	size_t finished_count;
	size_t want;            /* in: jobs to take, at most QUEUE_TAKE_MAX */
	bool *accepted;         /* out: for each finished one; false: the lease was lost */
	struct queue_job *jobs; /* out */
	size_t count;
	int64_t next_due_ms; /* out: as queue_tick() */
};
enum err queue_step(struct redis *r, const char *queue, const char *consumer,
    struct queue_step *step, struct scope *scope);

enum job_end {
	END_FAIL,   /* counts an attempt: again after the backoff, or dead */
	END_DEAD,   /* never again */
	END_SNOOZE, /* again after delay_ms; counts nothing */
	END_BACK,   /* at once, counts nothing: the worker stops */
	END_CRASH,  /* at once, counts a crash */
};
struct queue_failure {
	enum job_end end;
	int64_t attempts, backoff_ms; /* of the job's row */
	int64_t delay_ms;
	const char *error;
};
enum fail_answer { FAIL_LOST, FAIL_AGAIN, FAIL_DEAD };
enum err queue_fail(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const struct queue_failure *failure, enum fail_answer *out,
    struct scope *scope);

/* Renews the leases; kept[i] is false for a lost one. Entries that this consumer holds without
 * naming them (the answer of a step was lost) are given back; *orphans counts them. */
enum err queue_beat(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *leases, size_t count, bool *kept, int64_t *orphans,
    struct scope *scope);

/* The wake list: each job that becomes ready leaves a token there. Ask with redis_send() and
 * this key in BLPOP; whoever took a token that he cannot use passes it on. */
const char *queue_wake_key(const char *queue, struct scope *scope);
enum err queue_wake(struct redis *r, const char *queue, struct scope *scope);

/* ---- for people */

struct queue_stats {
	int64_t waiting, active, delayed, done, dead; /* now */
	int64_t oldest_ms;                            /* age of the oldest waiting one */
	int64_t added, completed, failed, retried, crashed, lost; /* since ever */
};
enum err queue_stats(
    struct redis *r, const char *queue, struct queue_stats *out, struct scope *scope);

/* A job as it is kept; what is unknown is "" or 0. */
struct queue_view {
	const char *id, *name, *state, *lane, *data, *error, *reason, *result, *unique;
	int64_t attempts, crashes, added_ms, due_ms, ended_ms;
};

/* `state`: waiting, active, delayed, done or dead; the newest (delayed: the next) first. */
enum err queue_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct queue_view **out, size_t *count, struct scope *scope);

/* ERR_NOT_FOUND. */
enum err queue_show(struct redis *r, const char *queue, const char *id, struct queue_view *out,
    struct scope *scope);

/* A dead or delayed job runs now, with all its attempts. ERR_NOT_FOUND, or ERR_CONFLICT when
 * it is neither. */
enum err queue_retry(struct redis *r, const char *queue, const char *id, struct scope *scope);

#endif
