/* sync: what a person has at GitHub, carried over into our tables. Each step commits by itself,
 * so no transaction is open while GitHub answers, and a sync that was cut off goes on behind its
 * last step; every step may run twice. Knows no jobs: it is told who is to hear of the progress. */
#ifndef SERVICE_SYNC_H
#define SERVICE_SYNC_H

#include "adapter/postgres.h"
#include "adapter/seal.h"
#include "base/counter.h"
#include "service/github.h"

enum sync_end {
	SYNC_DONE,
	SYNC_LATER, /* not before result.not_before_ms: a limit, trouble, or enough for once */
	SYNC_STOPPED, /* nobody to sync, disconnected (the person was told), or another run */
	SYNC_FAILED,  /* asking again changes nothing */
};

struct sync_result {
	enum sync_end end;
	int64_t not_before_ms; /* since 1970 */
	const char *words;     /* for people, in the arena */
};

/* How often what happened, over all syncs of this program. */
enum sync_outcome {
	SYNC_CREATED,
	SYNC_SYNCED,
	SYNC_UNCHANGED,
	SYNC_RENAMED,
	SYNC_BLOCKED,
	SYNC_GONE,
	SYNC_FORBIDDEN,
	SYNC_DELETED,
	SYNC_OUTCOMES,
	SYNC_ANSWERS = GITHUB_REFUSED + 1,
};
struct sync_counters {
	counter *requests, *not_modified, *answer[SYNC_ANSWERS], *repository[SYNC_OUTCOMES];
	struct github_breaker breaker;
};
void sync_counters_get(struct counter_file *stats, struct sync_counters *out);

struct sync {
	struct db *db;
	struct scope *scope;
	const struct settings *settings;
	const struct seal_ring *ring;
	struct http_client *http;
	const struct sync_counters *counters;
	struct uuid person;
	const char *job_id;
	int64_t until; /* clock_mono(): then enough was done for once */
	void (*tell)(void *with, int64_t percent, const char *words);
	void *with;
	struct sync_result result; /* out */

	/* of service/sync*.c alone */
	const char *kind; /* in github_syncs; NULL: it keeps no record there */
	struct github github;
	struct scope page; /* of one answer */
	int64_t github_id, signed_in;
	const char *token;
	struct uuid run; /* of the pass */
	int64_t turn, pages, percent;
	const char *place;              /* where to go on; NULL: at the beginning */
	int64_t requests, not_modified; /* that are written down */
	int64_t troubles;               /* in a row, of single repositories */
	bool over;                      /* the run is, and result says how */
};

/* Profile: figures, picture, and words where the person has none here. */
enum err sync_profile(struct sync *s);

/* Repositories, and languages of those that moved. */
enum err sync_repositories(struct sync *s);

/* One repository of a webhook; `deleted`: GitHub said so. */
enum err sync_repository(struct sync *s, int64_t github_id, bool deleted);

/* The calendar of `year`; 0: of the last twelve months. */
enum err sync_contributions(struct sync *s, int64_t year);

/* Takes the grant back at GitHub, then forgets the token. Also of people who are suspended or
 * deleted here. */
enum err sync_disconnect(struct sync *s);

/* After an error word: what was not committed is taken back, and the record says that it goes on
 * later, or (`dead`) that it failed. */
enum err sync_broke(struct sync *s, bool dead);

/* ---- between the files of service/sync */

struct sync_counts {
	int64_t created, updated, renamed, unchanged, deleted, failed, pages;
};

/* Loads the connection; s->over: s->result says why not. */
enum err sync_open(struct sync *s, const char *kind);
void sync_close(struct sync *s);

/* Begins the pass, or finds the place of the one that was cut off. */
enum err sync_begin(struct sync *s);

/* A fresh arena for the next answer. */
void sync_turn(struct sync *s);

/* As github_get() and github_graphql(), counted. */
enum err sync_get(struct sync *s, const char *where, const struct github_kept *kept,
    struct github_page *page);
enum err sync_graphql(
    struct sync *s, const char *query, struct span variables, struct github_page *page);
void sync_count(const struct sync *s, enum sync_outcome outcome, int64_t n);

/* What was kept of that URL for this person. */
enum err sync_kept(struct sync *s, const char *url, struct github_kept *out);

/* Writes a step down and commits it. When the person was disconnected, signed in anew, or another
 * run took over, it is taken back instead, and s->over. */
enum err sync_step(
    struct sync *s, const char *place, int64_t percent, const struct sync_counts *counts);

/* When the answer ends the pass (for now) that is written down, and s->over. */
enum err sync_judge(struct sync *s, const struct github_page *page);

/* No answer, or none that makes sense, though there may be one later. */
bool sync_troubled(const struct github_page *page);

/* Time is up: it goes on in another run. */
enum err sync_pause(struct sync *s);
enum err sync_fail(struct sync *s, const char *why);
enum err sync_finish(struct sync *s, const char *words);

/* A list of repositories for take_repositories(). */
struct json_t;
enum { SYNC_LIST_MAX = 8 * KIB * KIB };
struct buf;

/* Whether it is the person's, and public: only those leave GitHub. */
bool sync_is_theirs(const struct sync *s, const struct json_t *repository);
enum err sync_put_repository(struct sync *s, struct buf *list, const struct json_t *repository);
enum err sync_take(
    struct sync *s, const char *page_url, struct buf *list, struct sync_counts *counts);

/* GET of its languages; its trouble is its own: it is marked, and the sync goes on. */
struct repository_moved;
enum err sync_languages(
    struct sync *s, const struct repository_moved *r, struct sync_counts *counts);

/* GET by its number, and what follows. */
enum err sync_one(
    struct sync *s, int64_t github_id, const struct uuid *known, struct sync_counts *counts);

#endif
