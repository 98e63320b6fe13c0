/* library: the job queue as typed calls of the Redis functions in src/queue/library/, where
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
	QUEUE_SPARE_MS = 20, /* a job that a keeper took is begun by then, or given back */
	QUEUE_CRASHES = 3,   /* then dead, with reason crash */
	QUEUE_DATA_MAX = 64 * 1024,
	QUEUE_TAKE_MAX = 256, /* jobs of one step */
	QUEUE_ID_SIZE = 96,   /* of a job's id, with its NUL */
	QUEUE_KEY_MAX = 255,  /* bytes of a unique key, a concurrency key, a batch's id */
	QUEUE_TRACE_MAX = 64,
	QUEUE_PROGRESS_MAX = 4096,
	QUEUE_LOG_LINES = 100, /* of a job, the newest; longer ones are cut */
	QUEUE_LOG_BYTES = 500,
	QUEUE_LIST_MAX = 500,
	QUEUE_BUDGET_MS = 1000, /* what goes on for long answers after about so long */
};

/* Lanes, the first one first. */
#define QUEUE_LANES "hnl"

/* Loads this program's library, whatever is there. Programs do so when they start, so that
 * the functions are never older than the latest program that was started. */
enum err queue_load(struct redis *r, struct scope *scope);

enum unique_mode {
	UNIQUE_UNTIL_DONE, /* nothing is added while a job of that key is unfinished */
	UNIQUE_FOR,        /* nor for unique_ms after adding, whether it is finished or not */
	UNIQUE_LAST, /* one waits: it gets the new data; one runs: the new one comes after it */
};
enum backoff_type { BACKOFF_ROW, BACKOFF_FIXED, BACKOFF_EXPONENTIAL };
enum { KEEP_QUEUE = 0, KEEP_NONE = -1 };

/* A job to be added. Below `unique` is what most jobs don't have: all 0 is a plain job. */
struct queue_item {
	const char *id;   /* adding an id that is there adds nothing */
	const char *name; /* of a row of job/jobs.def */
	struct span data; /* JSON object, at most QUEUE_DATA_MAX */
	char lane;        /* 'h', 'n', 'l'; 0 is 'n' */
	int64_t delay_ms;
	const char *unique; /* NULL: none */
	enum unique_mode unique_mode;
	int64_t unique_ms;
	int64_t attempts; /* 0: the row's */
	enum backoff_type backoff;
	int64_t backoff_ms;
	/* Kept when it ended, beside what the queue keeps of all: KEEP_NONE not at all, n: of the
	 * ended jobs of its name that say so too, the newest n; ms: itself for so long (0: any). */
	int64_t keep_done, keep_done_ms;
	int64_t keep_dead, keep_dead_ms;
	const char *key; /* at most key_limit (0: 1) jobs of that key run at once; NULL: none */
	int64_t key_limit;
	/* Members carry the batch's id; the final one is blocked until batch_total members have
	 * ended in whatever way: also those that were not added because of their unique key.
	 * Then, with nobody left in it, the id is free for another batch. NULL: none. */
	const char *batch;
	int64_t batch_total;
	bool batch_final;
	const char *owner; /* a person's uuid: may see it, hears its progress; NULL: nobody's */
	const char *trace; /* W3C traceparent; NULL: none */
};

/* ERR_INVALID or ERR_TOO_LARGE for an item that no queue takes: queue_add() and queue_batch() say
 * the same, the latter of all its items at once. */
enum err queue_fits(const struct queue_item *item, struct scope *scope);

/* ADD_REPLACED: one of the key waits and has the new data now; this id is nobody's.
 * ADD_KEPT: one of the key runs; this one is blocked until it ends, or until a later add of
 * the key takes its place. */
enum add_answer { ADD_DONE, ADD_THERE, ADD_UNIQUE, ADD_FULL, ADD_REPLACED, ADD_KEPT };
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

/* A live event: an entry of the relays' log `cg:{target}:log`, kept for 17 minutes. */
struct queue_event {
	int64_t id; /* of the outbox row */
	const char *room, *name;
	struct span data; /* JSON */
};
enum err queue_publish(struct redis *r, const char *target, const char *generation,
    int64_t batch, const struct queue_event *events, size_t count, enum batch_answer *out,
    struct scope *scope);

/* A volatile event straight into the relays' log of `target` (rt): it may be lost, and is not
 * replayed to who was away. */
enum err queue_tell(struct redis *r, const char *target, const char *room, const char *event,
    struct span json, struct scope *scope);

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

/* Jobs whose lease ran out become new entries, or dead ones after QUEUE_CRASHES crashes, or
 * cancelled when that was asked. Also drops ended jobs past their age and consumers nobody
 * heard of for an hour, and lets go blocked jobs whose release was lost. */
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
	int64_t attempts_allowed;    /* 0: the row's */
	enum backoff_type backoff;   /* BACKOFF_ROW: the row's */
	int64_t backoff_ms;
	const char *owner, *trace, *batch; /* "" : none */
	const char *progress;              /* of an earlier run, JSON; "": none */
};

struct queue_step {
	const struct queue_lease *finished; /* in: jobs that are done */
	const char *const *results;         /* in: a text for each, or NULL */
	size_t finished_count;
	size_t want;         /* in: jobs to take, at most QUEUE_TAKE_MAX */
	int64_t concurrency; /* in: of the queue's row: jobs that run at once; 0: any number */
	int64_t rate, rate_ms;  /* in: of the row: so many in so many ms; 0: any number */
	bool *accepted;         /* out: for each finished one; false: the lease was lost */
	struct queue_job *jobs; /* out */
	size_t count;
	int64_t next_due_ms; /* out: as queue_tick(), or when the rate lets the next one go */
};
enum err queue_step(struct redis *r, const char *queue, const char *consumer,
    struct queue_step *step, struct scope *scope);

enum job_end {
	END_FAIL,   /* counts an attempt: again after the backoff, or dead */
	END_DEAD,   /* never again */
	END_SNOOZE, /* again after delay_ms; counts nothing */
	END_BACK,   /* at once, counts nothing: the worker stops */
	END_CRASH,  /* at once, counts a crash */
	END_CANCEL, /* never again, as was asked; so ends any other end of a job with the wish */
};
struct queue_failure {
	enum job_end end;
	int64_t attempts, backoff_ms; /* of the job's row; what the job carries wins */
	int64_t delay_ms;
	const char *error;
	enum backoff_type backoff; /* of the row; BACKOFF_ROW is exponential */
};
enum fail_answer { FAIL_LOST, FAIL_AGAIN, FAIL_DEAD, FAIL_CANCELLED };
enum err queue_fail(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const struct queue_failure *failure, enum fail_answer *out,
    struct scope *scope);

/* Renews the leases; BEAT_CANCEL: kept, and somebody wants it ended by END_CANCEL. Entries that
 * this consumer holds without naming them (the answer of a step was lost) are given back;
 * *orphans counts them. */
enum beat_answer { BEAT_LOST, BEAT_KEPT, BEAT_CANCEL };
enum err queue_beat(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *leases, size_t count, enum beat_answer *kept, int64_t *orphans,
    struct scope *scope);

/* Of a running job: its progress, a JSON object of at most QUEUE_PROGRESS_MAX bytes; further
 * log lines. ERR_CONFLICT: the lease was lost. */
enum err queue_progress(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const char *json, struct scope *scope);
enum err queue_log(struct redis *r, const char *queue, const char *consumer,
    const struct queue_lease *lease, const char *const *lines, size_t count,
    struct scope *scope);

/* The wake list: each job that becomes ready leaves a token there. Ask with redis_send() and
 * this key in BLPOP; whoever took a token that he cannot use passes it on. */
const char *queue_wake_key(const char *queue, struct scope *scope);
enum err queue_wake(struct redis *r, const char *queue, struct scope *scope);

/* ---- for people */

struct queue_stats {
	int64_t waiting, active, delayed, blocked; /* now */
	int64_t done, dead, cancelled;             /* kept now: completed, failed, cancelled */
	int64_t oldest_ms;                         /* age of the oldest waiting one */
	bool paused;
	int64_t added, completed, failed, retried, crashed, lost, cancels; /* since ever */
};
enum err queue_stats(
    struct redis *r, const char *queue, struct queue_stats *out, struct scope *scope);

/* A job as it is kept; what is unknown is "" or 0. */
struct queue_view {
	const char *id, *name;
	const char *state; /* waiting, delayed, active, blocked, completed, failed, cancelled */
	const char *lane, *data, *error;
	const char *reason; /* why it failed: attempts, dead, crash; why it is blocked: key,
	                     * batch, last */
	const char *result, *unique, *progress, *owner, *trace, *batch, *key;
	int64_t attempts, crashes, added_ms, due_ms, started_ms, ended_ms;
	int64_t attempts_allowed; /* 0: the row's */
	bool cancel_asked;
};

/* `state`: a word of queue_view, or done (completed), dead (failed); the newest (delayed: the
 * next) first, at most QUEUE_LIST_MAX. ERR_INVALID: no state. */
enum err queue_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct queue_view **out, size_t *count, struct scope *scope);

/* ERR_NOT_FOUND. */
enum err queue_show(struct redis *r, const char *queue, const char *id, struct queue_view *out,
    struct scope *scope);

/* A job's log, the oldest line first: time (RFC 3339), a space, text. None is no error. */
enum err queue_logs(struct redis *r, const char *queue, const char *id, const char ***lines,
    size_t *count, struct scope *scope);

/* A failed, cancelled or delayed job runs now, with all its attempts. ERR_NOT_FOUND, or
 * ERR_CONFLICT when it is none of these or another one of its unique key is unfinished. */
enum err queue_retry(struct redis *r, const char *queue, const char *id, struct scope *scope);

/* A delayed job runs now; its attempts stay used. Words as queue_retry(). */
enum err queue_promote(struct redis *r, const char *queue, const char *id, struct scope *scope);

/* Failed jobs run again, the oldest first, at most `limit` of them. */
enum err queue_retry_all(
    struct redis *r, const char *queue, int64_t limit, int64_t *retried, struct scope *scope);

/* CANCEL_DONE: it is cancelled. CANCEL_ASKED: it runs; its worker is told by a message on the
 * channel `cg:cancel`, "<queue> <id>", and by its next beat. CANCEL_OVER: it had ended before.
 * ERR_NOT_FOUND. */
enum cancel_answer { CANCEL_DONE, CANCEL_ASKED, CANCEL_OVER };
enum err queue_cancel(struct redis *r, const char *queue, const char *id,
    enum cancel_answer *out, struct scope *scope);

/* The job and all that is known of it goes. ERR_NOT_FOUND; ERR_CONFLICT: it runs. */
enum err queue_remove(struct redis *r, const char *queue, const char *id, struct scope *scope);

/* While a queue is paused no job is taken; those that run go on. What a keeper has taken before
 * may begin for QUEUE_SPARE_MS more: queue_settle() waits for that, so that behind both nothing
 * begins. */
enum err queue_pause(struct redis *r, const char *queue, bool paused, struct scope *scope);
void queue_settle(void);

/* Removes waiting jobs (also delayed and blocked ones). *more: after QUEUE_BUDGET_MS there may
 * be some left; call again. */
enum err queue_drain(struct redis *r, const char *queue, bool delayed_too, int64_t *removed,
    bool *more, struct scope *scope);

/* Removes completed, failed or cancelled jobs that ended longer ago; *more as queue_drain().
 * ERR_INVALID: another state. */
enum err queue_purge(struct redis *r, const char *queue, const char *state,
    int64_t older_than_ms, int64_t *removed, bool *more, struct scope *scope);

/* An operator's override of the row's limits. `set` (NULL: only ask): QUEUE_LIMIT_LEAVE,
 * QUEUE_LIMIT_ROW (no override any more), 0: no limit, or the limit. `now`: -1 where the row's
 * holds. Rate and rate_ms go together. */
enum { QUEUE_LIMIT_LEAVE = -1, QUEUE_LIMIT_ROW = -2 };
struct queue_limits {
	int64_t concurrency, rate, rate_ms;
};
enum err queue_limit(struct redis *r, const char *queue, const struct queue_limits *set,
    struct queue_limits *now, struct scope *scope);

/* Looks whether all that is kept of a queue fits together: every job in exactly one state, in
 * the places of that state and no others. Only what is broken is told, and mended with
 * `repair`. In bounded steps: other programs go on, and what they do is no fault. */
struct queue_fault {      /* at most 1000 are told */
	const char *what; /* in words */
	const char *key;  /* a job's id, or a key of Redis */
	bool mended;
};
enum err queue_check(struct redis *r, const char *queue, bool repair,
    struct queue_fault **faults, size_t *count, int64_t *looked_at, struct scope *scope);

#endif
