/* admin: what the routes of operators share. */
#ifndef API_ADMIN_H
#define API_ADMIN_H

#include "queue/view.h"
#include "web/app.h"

/* Before an act: asks the database whether the caller still is an admin (a token says what was
 * true some minutes ago), then says in the log, whatever its level, who does what. `job` may
 * be "". */
enum err admin_acts(struct request *r, const char *act, const char *queue, const char *job);

/* What a call of the queue's library means to the caller of a route: a Redis that refuses is
 * one that is away (its functions are not loaded yet, it has no memory left). */
enum err admin_asked(struct request *r, enum err e);

/* The queue of that name; ERR_NOT_FOUND. */
enum err admin_queue_of(const char *name, const char **queue);

#endif
