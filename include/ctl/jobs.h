/* jobs: what the verbs of codegramctl jobs share. */
#ifndef CTL_JOBS_H
#define CTL_JOBS_H

#include "ctl/command.h"
#include "queue/view.h"

enum { JOBS_WORDS_MAX = 3, JOBS_FLAGS_MAX = 16 };

/* A flag in Bull's words, and what was said behind it. */
struct jobs_flag {
	const char *name, *value;
};

struct jobs {
	struct ctl *ctl;
	struct scope *scope;
	struct redis *redis;
	struct view_rows rows;
	const char *queue; /* NULL: none was named */
	const char *word[JOBS_WORDS_MAX];
	int words;     /* behind the verb and the queue */
	int64_t limit; /* 0: the verb's own */
	int64_t older_ms, count;
	bool delayed, repair, unchecked;
	uint64_t given; /* a bit for each option of the table */
	struct queue_limits limits;
	const char *opts;
	struct jobs_flag flag[JOBS_FLAGS_MAX];
	int flags;
	bool faulty; /* check found something */
};

/* The job that the verb's last word names. */
enum err jobs_find(struct jobs *w, struct view_job *v);

enum err jobs_stats(struct jobs *w);
enum err jobs_list(struct jobs *w);
enum err jobs_dead(struct jobs *w);
enum err jobs_show(struct jobs *w);
enum err jobs_logs(struct jobs *w);
enum err jobs_top(struct jobs *w);

enum err jobs_add(struct jobs *w);
enum err jobs_retry(struct jobs *w);
enum err jobs_retry_all(struct jobs *w);
enum err jobs_cancel(struct jobs *w);
enum err jobs_remove(struct jobs *w);
enum err jobs_pause(struct jobs *w);
enum err jobs_resume(struct jobs *w);
enum err jobs_drain(struct jobs *w);
enum err jobs_purge(struct jobs *w);
enum err jobs_limit(struct jobs *w);
enum err jobs_check(struct jobs *w);

/* The header and the line of a queue, as stats and top show it; `before` and the seconds since
 * then tell the rates, NULL: none are shown. */
void jobs_table_head(bool rates);
void jobs_table_line(
    const struct view_queue *now, const struct view_queue *before, double seconds);

#endif
