/* spare: jobs that the keeper holds ready while all its children are busy, and finished ones
 * that it has not told Redis yet, so that a child with short jobs never waits for Redis and one
 * call tells of several. Only while jobs are short: a spare one waits QUEUE_SPARE_MS at most, then it
 * is given back and uses up nothing. For the files of the worker alone. */
#ifndef QUEUE_SPARE_H
#define QUEUE_SPARE_H

#include "queue/slot.h"

struct keeper;
struct spares;

/* NULL: no memory. */
struct spares *spares_make(int children, struct arena *arena);
void spares_free(struct spares *s);

/* Well ended jobs leave their slots, and free children get what is here. */
void spares_turn(struct keeper *k);

/* How many more jobs than there are free children may be taken; keeps one of them. */
size_t spares_room(const struct keeper *k, int queue);
void spares_keep(
    struct spares *s, const struct job_row *row, enum queue queue, const struct queue_job *job);

/* Whether what is done may wait for company; whether nothing is left; when something is due
 * (clock_mono(); INT64_MAX: nothing). */
bool spares_may_wait(const struct keeper *k);
bool spares_none(const struct spares *s);
int64_t spares_due(const struct keeper *k);

/* The done jobs of a queue go into a step, at most spares_done_most() of them, and are
 * forgotten when it went well. */
size_t spares_done_most(const struct spares *s);
size_t spares_done(
    const struct spares *s, int queue, struct queue_lease *lease, const char **result);
void spares_told(struct keeper *k, int queue, const bool *accepted);

/* Gives back what waited too long, or all of it when the keeper stops. False: Redis is away. */
bool spares_return(struct keeper *k);

/* Their leases in a beat (at most spares_lease_most()), and what it answered. */
size_t spares_lease_most(const struct spares *s);
size_t spares_leases(const struct spares *s, int queue, struct queue_lease *lease);
void spares_beaten(struct spares *s, int queue, const enum beat_answer *kept);

/* Whether that job is here. */
bool spares_have(const struct spares *s, int queue, struct span id);

#endif
