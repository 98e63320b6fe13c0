/* view: queues and jobs as people see them, and their JSON: the same for /api/v1/admin and for
 * codegramctl --json. Only reads. */
#ifndef QUEUE_VIEW_H
#define QUEUE_VIEW_H

#include "base/buf.h"
#include "queue/job.h"

/* Every state of a job, in the order of its life; NULL at the end. */
extern const char *const view_states[];

/* "failed" for "dead", "completed" for "done"; NULL: there is no such state. */
const char *view_state(const char *word);

struct view_queue {
	const char *name;
	struct queue_stats stats;
	struct queue_limits limits; /* in force; 0: none */
};
enum err view_queue(
    struct redis *r, const char *queue, struct view_queue *out, struct scope *scope);
void view_queue_json(struct buf *out, const struct view_queue *v);

/* Limits that are in force: an operator's, else the row's. */
struct queue_limits view_limits(const char *queue, struct queue_limits over);
void view_limits_json(struct buf *out, const struct queue_limits *limits);

struct view_job {
	const char *queue;
	struct queue_view job;
	const char **logs; /* NULL: not asked for */
	size_t log_count;
};

/* `queue` NULL: of all. ERR_NOT_FOUND. */
enum err view_find(struct redis *r, const char *queue, const char *id, struct view_job *out,
    struct scope *scope);
enum err view_logs(struct redis *r, struct view_job *job, struct scope *scope);

/* `queue`, `state` NULL: of all, the newest first. One list is in its own order. */
enum err view_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct view_job **out, size_t *count, struct scope *scope);

/* `rows` (job/jobs.def) tell how many attempts a job has that does not say so itself. */
struct view_rows {
	const struct job_row *row;
	size_t count;
};
void view_job_json(struct buf *out, const struct view_job *v, struct view_rows rows);

/* What its owner may know of it: the job of api.md. */
void view_own_job_json(struct buf *out, const struct view_job *v, struct view_rows rows);

/* What a job answered to being added, in a word. */
const char *view_added(enum add_answer answer);

#endif
