/* app: what a worker process has for all its requests, and the pool around it. */
#ifndef WEB_APP_H
#define WEB_APP_H

#include "adapter/fastcgi.h"
#include "adapter/http_client.h"
#include "adapter/jwt.h"
#include "adapter/redis.h"
#include "adapter/seal.h"
#include "base/conf.h"
#include "base/counter.h"
#include "web/request.h"

/* One cache line for each worker, in memory shared with the master. */
struct slot {
	_Alignas(64) _Atomic int64_t busy_since; /* clock_mono() of the request, 0: idle */
	_Atomic uint64_t served;
};

/* Of each route, in memory shared by the pool. */
struct stuck {
	_Atomic int64_t until; /* clock_mono(): a lock that it needs is hardly free; 0: no */
};

struct route_counters {
	counter *status[6]; /* by hundreds; [0] unused */
	struct histogram duration;
};

struct schedule; /* queue/schedule.h */
struct job_row;  /* queue/job.h */

struct app {
	const char *pool;
	unsigned groups; /* that this pool serves */
	int workers;
	struct settings *settings;
	const struct route *routes;
	size_t route_count;
	const struct schedule *schedules; /* job/schedules.def, handed down by main() */
	size_t schedule_count;
	struct job_row *jobs; /* job/jobs.def with JOB_OPTIONS, likewise */
	size_t job_count;
	struct db *db;
	struct redis *redis;
	struct fastcgi *fastcgi;
	struct http_client *http; /* of the login pool; else NULL */
	struct seal_ring seal;
	struct arena *arena;
	struct slot *slot, *slots; /* its own; of all workers */
	struct stuck *stuck;       /* route_count of them */
	bool queued;               /* the request was there before the worker was free */
	struct jwt_ring access, refresh, live;
	unsigned char cursor_key[JWT_KEYS][32]; /* made of the refresh ring's; [0] signs */
	struct route_counters *counters;        /* route_count + 1: the last is "none" */
	counter *full,
	    *refused; /* requests that waited for a descriptor; that waited too long */
	struct counter_file *stats;
	struct request request; /* its buffers are kept */
};

/* Serves the request that fastcgi_accept() took. */
void serve(struct app *app);

/* Serves until SIGTERM; the exit code. */
int worker_run(struct app *app, int listen_fd);

/* Steps of the frame; each in the file of its name. */
enum err cors(struct request *r);
enum err route(struct request *r);
enum err admit(struct request *r);
enum err authenticate(struct request *r);
enum err rate_limit(struct request *r);
enum err validate(struct request *r);

/* What an allowed origin may see of the answer. */
void cors_headers(struct request *r);

/* Whether the client prefers `value` for `name` (RFC 7240); both in any case. */
bool prefers(const struct request *r, const char *name, const char *value);

/* application/x-www-form-urlencoded decoding of one name or value; false: a bad escape, NUL or
 * bad UTF-8 (or no memory). */
bool query_decode(struct span raw, struct arena *arena, struct span *out);

/* How a step ended, for those that admit() lets in after it. */
void admit_learn(struct request *r, enum err e);

/* Before a personal token is looked up or a signed body is read (ERR_TOO_MANY), and when it was
 * a wrong one. */
enum err may_guess(struct request *r);
void guessed_wrong(struct request *r);

/* Tells Redis of the sessions that the request ended, so that their access tokens are refused
 * from now on. */
void mark_ended(struct request *r);

/* Sends what the request came to; `e` is how it ended. */
void reply_send(struct request *r, enum err e);
void reply_reset(struct request *r);

/* Methods that the path knows, for Allow; "" when there is none. */
const char *route_methods(struct request *r);

struct pool {
	struct app *app;
	int listen_fd;
	bool (*reload)(struct app *app); /* at SIGHUP; false: keep what is */
	counter *respawned, *killed, *alive, *pulse;
};

/* The master: forks app->workers workers and looks after them until SIGTERM; the exit code. */
int pool_run(struct pool *pool);

#endif
