/* sync: what a person has at GitHub, carried over into our tables. Each step commits by itself,
 * so no transaction is open while GitHub answers, and a sync that was cut off goes on behind its
 * last step; every step may run twice. Knows no jobs: it is told who is to hear of the progress. */
#ifndef SERVICE_SYNC_H
#define SERVICE_SYNC_H

#include "adapter/postgres.h"
#include "adapter/seal.h"
#include "service/github.h"

enum sync_end {
	SYNC_DONE,
	SYNC_LATER, /* not before result.not_before_ms: a limit, trouble, or enough for once */
	SYNC_STOPPED, /* nobody to sync, or disconnected; the person was told */
	SYNC_FAILED,  /* GitHub refuses what we ask: asking again changes nothing */
};

struct sync_result {
	enum sync_end end;
	int64_t not_before_ms; /* since 1970 */
	const char *words;     /* for people, in the arena */
};

struct sync {
	struct db *db;
	struct scope *scope;
	const struct settings *settings;
	const struct seal_ring *ring;
	struct http_client *http;
	struct uuid person;
	const char *job_id;
	int64_t until; /* clock_mono(): then enough was done for once */
	void (*tell)(void *with, int64_t percent, const char *words);
	void *with;

	/* of service/sync*.c alone */
	const char *kind;
	struct github github;
	struct scope page; /* of one answer */
	int64_t github_id;
	const char *token;
	const char *place;              /* where to go on; NULL: at the beginning */
	int64_t requests, not_modified; /* that are written down */
	struct sync_result result;
};

/* Profile: figures, picture, and words where the person has none here. */
enum err sync_profile(struct sync *s);

/* Repositories, and languages of those that moved. */
enum err sync_repositories(struct sync *s);

/* One repository of a webhook; `deleted`: GitHub said so. */
enum err sync_repository(struct sync *s, int64_t github_id, bool deleted);

/* The calendar of `year`; 0: of the last twelve months. */
enum err sync_contributions(struct sync *s, int64_t year);

/* Takes the grant back at GitHub, then forgets the token. */
enum err sync_disconnect(struct sync *s);

/* ---- between the files of service/sync */

struct sync_counts {
	int64_t created, updated, unchanged, failed;
};

/* Loads the connection; false: s->result says why not. */
enum err sync_open(struct sync *s, const char *kind, bool *open);
void sync_close(struct sync *s);

/* Begins the pass, or finds the place of the one that was cut off. */
enum err sync_begin(struct sync *s);

/* A fresh arena for the next answer. */
void sync_turn(struct sync *s);

/* What was kept of that URL for this person. */
enum err sync_kept(struct sync *s, const char *url, struct github_kept *out);

/* Writes a step down and commits it. */
enum err sync_step(
    struct sync *s, const char *place, int64_t percent, const struct sync_counts *counts);

/* True when the answer ends the pass (for now): result is set and written down. */
bool sync_ends(struct sync *s, const struct github_page *page, enum err *e);

/* Time is up: it goes on in another run. */
enum err sync_pause(struct sync *s);
enum err sync_finish(struct sync *s, int64_t deleted, const char *words);

#endif
