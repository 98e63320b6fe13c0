/* health: whether PostgreSQL and Redis do what we need of them, writes among it: a server that
 * is read-only, full or of another password answers a ping, or nothing, alike. For /ready and
 * doctor. */
#ifndef SERVICE_HEALTH_H
#define SERVICE_HEALTH_H

#include "adapter/postgres.h"
#include "adapter/redis.h"

enum health {
	HEALTH_OK,
	HEALTH_AWAY,      /* no answer, or nobody there */
	HEALTH_STARTING,  /* it loads, recovers or ends */
	HEALTH_DENIED,    /* it does not know us, or our password; or forbids what we do */
	HEALTH_READ_ONLY, /* a standby, a replica, or set so */
	HEALTH_FULL,      /* its memory or its disk */
	HEALTH_BUSY,      /* no connection is free, or it took too long */
	HEALTH_OUTDATED,  /* the schema is older than this program */
	HEALTH_BROKEN,    /* anything else */
	HEALTHS
};

/* "ok", "away", "starting", "denied" … */
const char *health_word(enum health h);

/* Asks by a write. Of PostgreSQL at most one in a second is made, by all who ask together; the
 * scope must be open. The fault tells the server's own words. */
enum health health_postgres(struct db *db, struct fault *f);
enum health health_redis(struct redis *redis, struct scope *scope);

/* Whether it is there, reading only, and its schema fits. */
enum health health_postgres_reads(struct db *db, struct fault *f);

/* What a refusal means. */
enum health health_of_postgres(enum err e, const struct fault *f);
enum health health_of_redis(enum err e, const struct fault *f);

#endif
