/* view: what the library tells of queues and jobs, gathered and written as JSON. */
#include "queue/view.h"

#include <stdlib.h>

#include "adapter/json.h"

const char *const view_states[] = { "waiting", "active", "delayed", "blocked", "completed",
	"failed", "cancelled", NULL };
enum { STATES = sizeof(view_states) / sizeof(*view_states) - 1 };

const char *
view_state(const char *word)
{
	if (strcmp(word, "dead") == 0)
		word = "failed";
	if (strcmp(word, "done") == 0)
		word = "completed";
	for (size_t i = 0; view_states[i] != NULL; i++)
		if (strcmp(word, view_states[i]) == 0)
			return view_states[i];
	return NULL;
}

const char *
view_added(enum add_answer answer)
{
	static const char *const answers[] = { [ADD_DONE] = "added",
		[ADD_THERE] = "there",
		[ADD_UNIQUE] = "unique",
		[ADD_FULL] = "full",
		[ADD_REPLACED] = "replaced",
		[ADD_KEPT] = "kept" };

	return answers[answer];
}

/* ---- queues */

struct queue_limits
view_limits(const char *queue, struct queue_limits over)
{
	const struct queue_row *row = queue_find(queue);

	if (over.concurrency < 0)
		over.concurrency = row ? row->concurrency : 0;
	if (over.rate < 0) {
		over.rate = row ? row->rate : 0;
		over.rate_ms = row ? row->rate_ms : 0;
	}
	return over;
}

enum err
view_queue(struct redis *r, const char *queue, struct view_queue *out, struct scope *scope)
{
	struct queue_limits over;

	*out = (struct view_queue){ .name = queue };
	TRY(queue_stats(r, queue, &out->stats, scope));
	TRY(queue_limit(r, queue, NULL, &over, scope));
	out->limits = view_limits(queue, over);
	return OK;
}

void
view_limits_json(struct buf *out, const struct queue_limits *limits)
{
	buf_format(out, "{\"concurrency\":%lld,\"rate\":%lld,\"rate_ms\":%lld}",
	    (long long)limits->concurrency, (long long)limits->rate,
	    (long long)limits->rate_ms);
}

static void
add_number(struct buf *out, const char *name, int64_t n)
{
	buf_format(out, ",\"%s\":%lld", name, (long long)n);
}

void
view_queue_json(struct buf *out, const struct view_queue *v)
{
	const struct queue_stats *s = &v->stats;

	buf_format(
	    out, "{\"name\":\"%s\",\"paused\":%s", v->name, s->paused ? "true" : "false");
	add_number(out, "waiting", s->waiting);
	add_number(out, "active", s->active);
	add_number(out, "delayed", s->delayed);
	add_number(out, "blocked", s->blocked);
	add_number(out, "completed", s->done);
	add_number(out, "failed", s->dead);
	add_number(out, "cancelled", s->cancelled);
	add_number(out, "oldest_ms", s->oldest_ms);
	buf_format(out, ",\"totals\":{\"added\":%lld", (long long)s->added);
	add_number(out, "completed", s->completed);
	add_number(out, "failed", s->failed);
	add_number(out, "retried", s->retried);
	add_number(out, "crashed", s->crashed);
	add_number(out, "lost", s->lost);
	add_number(out, "cancelled", s->cancels);
	buf_puts(out, "},\"limits\":");
	view_limits_json(out, &v->limits);
	buf_char(out, '}');
}

/* ---- jobs */

enum err
view_find(struct redis *r, const char *queue, const char *id, struct view_job *out,
    struct scope *scope)
{
	*out = (struct view_job){ .queue = queue };
	if (queue != NULL)
		return queue_show(r, queue, id, &out->job, scope);
	for (int q = 0; q < QUEUE_COUNT; q++) {
		enum err e = queue_show(r, queues[q].name, id, &out->job, scope);
		if (e == ERR_NOT_FOUND)
			continue;
		out->queue = queues[q].name;
		return e;
	}
	return ERR_NOT_FOUND;
}

enum err
view_logs(struct redis *r, struct view_job *job, struct scope *scope)
{
	return queue_logs(r, job->queue, job->job.id, &job->logs, &job->log_count, scope);
}

static int
newest_first(const void *left, const void *right)
{
	const struct view_job *a = left, *b = right;

	if (a->job.added_ms != b->job.added_ms)
		return a->job.added_ms < b->job.added_ms ? 1 : -1;
	return strcmp(b->job.id, a->job.id);
}

/* The lists of some queues and states, one behind the other. */
struct gathered {
	struct view_job *jobs;
	size_t count, lists;
};

static enum err
gather(struct redis *r, const char *queue, const char *state, int64_t limit, struct gathered *g,
    struct scope *scope)
{
	struct queue_view *views;
	size_t count;

	TRY(queue_list(r, queue, state, limit, &views, &count, scope));
	for (size_t i = 0; i < count && i < (size_t)limit; i++)
		g->jobs[g->count++] = (struct view_job){ .queue = queue, .job = views[i] };
	g->lists++;
	return OK;
}

/* A job that went from one state to the next between two lists is in both. */
static void
drop_repeats(struct gathered *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->count; i++)
		if (kept == 0 || newest_first(&g->jobs[kept - 1], &g->jobs[i]) != 0)
			g->jobs[kept++] = g->jobs[i];
	g->count = kept;
}

enum err
view_list(struct redis *r, const char *queue, const char *state, int64_t limit,
    struct view_job **out, size_t *count, struct scope *scope)
{
	size_t lists = queue && state ? 1 : QUEUE_COUNT * STATES;
	struct gathered g = { .jobs = arena_alloc(scope->arena,
		                  (lists * (size_t)limit + 1) * sizeof(*g.jobs)) };

	if (g.jobs == NULL)
		return ERR_NO_MEMORY;
	for (int q = 0; q < QUEUE_COUNT; q++)
		for (size_t s = 0; view_states[s] != NULL; s++)
			if ((queue == NULL || strcmp(queue, queues[q].name) == 0) &&
			    (state == NULL || strcmp(state, view_states[s]) == 0))
				TRY(gather(
				    r, queues[q].name, view_states[s], limit, &g, scope));
	if (g.lists > 1) {
		qsort(g.jobs, g.count, sizeof(*g.jobs), newest_first);
		drop_repeats(&g);
	}
	*out = g.jobs;
	*count = g.count > (size_t)limit ? (size_t)limit : g.count;
	return OK;
}

static void
add_name(struct buf *out, const char *name)
{
	buf_format(out, ",\"%s\":", name);
}

static void
add_text(struct buf *out, const char *name, const char *text)
{
	add_name(out, name);
	if (text == NULL || *text == '\0') {
		buf_puts(out, "null");
		return;
	}
	buf_char(out, '"');
	buf_json_any(out, span_of(text));
	buf_char(out, '"');
}

/* What somebody wrote into Redis by hand must not break what is around it. */
static void
add_object(struct buf *out, const char *name, const char *text)
{
	if (text == NULL || !json_object_ok(span_of(text))) {
		add_text(out, name, text);
		return;
	}
	add_name(out, name);
	buf_puts(out, text);
}

static void
add_time(struct buf *out, const char *name, int64_t ms)
{
	add_name(out, name);
	if (ms <= 0) {
		buf_puts(out, "null");
		return;
	}
	buf_char(out, '"');
	buf_time(out, ms * 1000);
	buf_char(out, '"');
}

static int64_t
attempts_of(const struct queue_view *job, struct view_rows rows)
{
	if (job->attempts_allowed > 0)
		return job->attempts_allowed;
	for (size_t i = 0; i < rows.count; i++)
		if (strcmp(rows.row[i].name, job->name) == 0)
			return rows.row[i].attempts;
	return 0;
}

/* An error's text may name inner things, unless the handler itself said why it gave up. */
static const char *
error_for_owner(const struct queue_view *job)
{
	if (strcmp(job->state, "failed") != 0)
		return "";
	return strcmp(job->reason, "dead") == 0 ? job->error : err_row(ERR_INTERNAL)->message;
}

/* What both may know. */
static void
add_head(struct buf *out, const struct view_job *v, struct view_rows rows, bool all)
{
	const struct queue_view *job = &v->job;
	int64_t attempts = attempts_of(job, rows);

	buf_puts(out, "{\"id\":\"");
	buf_json_any(out, span_of(job->id));
	buf_char(out, '"');
	add_text(out, "queue", v->queue);
	add_text(out, "name", job->name);
	add_text(out, "state", job->state);
	add_object(out, "progress", job->progress);
	add_number(out, "attempts_made", job->attempts);
	if (all)
		add_number(out, "crashes", job->crashes);
	add_name(out, "attempts");
	if (attempts > 0)
		buf_int(out, attempts);
	else
		buf_puts(out, "null");
	add_object(out, "data", job->data);
	add_text(out, "result", job->result);
	add_text(out, "error", all ? job->error : error_for_owner(job));
	add_time(out, "created_at", job->added_ms);
	add_time(out, "started_at", job->started_ms);
	add_time(out, "finished_at", job->ended_ms);
}

void
view_own_job_json(struct buf *out, const struct view_job *v, struct view_rows rows)
{
	add_head(out, v, rows, false);
	buf_char(out, '}');
}

void
view_job_json(struct buf *out, const struct view_job *v, struct view_rows rows)
{
	const struct queue_view *job = &v->job;
	const char *lane = job->lane;

	add_head(out, v, rows, true);
	add_text(out, "lane", lane);
	add_text(out, "priority", *lane == 'h' ? "high" : *lane == 'l' ? "low" : "normal");
	add_text(out, "reason", job->reason);
	add_text(out, "unique", job->unique);
	add_text(out, "key", job->key);
	add_text(out, "owner", job->owner);
	add_text(out, "trace", job->trace);
	add_text(out, "batch", job->batch);
	add_time(out, "due_at", job->due_ms);
	add_name(out, "cancel_asked");
	buf_puts(out, job->cancel_asked ? "true" : "false");
	for (size_t i = 0; v->logs != NULL && i < v->log_count; i++) {
		buf_puts(out, i == 0 ? ",\"logs\":[\"" : ",\"");
		buf_json_any(out, span_of(v->logs[i]));
		buf_char(out, '"');
	}
	if (v->logs != NULL)
		buf_puts(out, v->log_count ? "]}" : ",\"logs\":[]}");
	else
		buf_char(out, '}');
}
