/* jobs_look: the verbs that only look: stats, list, dead, show, logs, check. */
#include "ctl/jobs.h"

#include <stdio.h>

enum { LIST_LIMIT = 20, JOB_TEXT_MAX = 4 * KIB * KIB, CHECK_LINES = 1000 };

/* ---- queues */

void
jobs_table_head(bool rates)
{
	printf("%-12s %-6s %8s %7s %8s %8s %8s %8s %10s", "queue", "", "waiting", "active",
	    "delayed", "blocked", "failed", "oldest s", "completed");
	puts(rates ? "    added/s     done/s   failed/s" : "    retried    crashed");
}

void
jobs_table_line(const struct view_queue *now, const struct view_queue *before, double seconds)
{
	const struct queue_stats *s = &now->stats, *b = before ? &before->stats : NULL;

	printf("%-12s %-6s %8lld %7lld %8lld %8lld %8lld %8.1f %10lld", now->name,
	    s->paused ? "paused" : "", (long long)s->waiting, (long long)s->active,
	    (long long)s->delayed, (long long)s->blocked, (long long)s->dead,
	    (double)s->oldest_ms / 1000, (long long)s->completed);
	if (b != NULL && seconds > 0)
		printf(" %10.1f %10.1f %10.1f\n", (double)(s->added - b->added) / seconds,
		    (double)(s->completed - b->completed) / seconds,
		    (double)(s->failed - b->failed) / seconds);
	else
		printf(" %10lld %10lld\n", (long long)s->retried, (long long)s->crashed);
}

enum err
jobs_stats(struct jobs *w)
{
	struct buf b;
	bool first = true;
	enum err e = OK;

	buf_init(&b, JOB_TEXT_MAX);
	for (int q = 0; q < QUEUE_COUNT && e == OK; q++) {
		struct view_queue v;
		if (w->queue != NULL && strcmp(w->queue, queues[q].name) != 0)
			continue;
		if ((e = view_queue(w->redis, queues[q].name, &v, w->scope)) != OK)
			break;
		if (w->ctl->json) {
			buf_char(&b, first ? '[' : ',');
			view_queue_json(&b, &v);
		} else {
			if (first)
				jobs_table_head(false);
			jobs_table_line(&v, NULL, 0);
		}
		first = false;
	}
	if (e == OK && w->ctl->json)
		printf("%s]\n", buf_text(&b));
	buf_free(&b);
	return e;
}

/* ---- jobs */

/* Each by itself, so that however many there are none is left out. */
static enum err
print_job(const struct jobs *w, const struct view_job *v, const char *before)
{
	struct buf b;
	bool whole;

	buf_init(&b, JOB_TEXT_MAX);
	view_job_json(&b, v, w->rows);
	whole = buf_ok(&b);
	printf("%s%s", before, buf_text(&b));
	buf_free(&b);
	return whole ? OK : ERR_NO_MEMORY;
}

/* UTC, as everywhere; "-": never. */
static void
print_time(int64_t ms)
{
	struct buf b;

	buf_init(&b, KIB);
	if (ms > 0)
		buf_time(&b, ms / 1000 * 1000000);
	printf("%-26s", b.len ? buf_text(&b) : "-");
	buf_free(&b);
}

static void
print_line(const struct view_job *v, int id_width, int name_width)
{
	const struct queue_view *job = &v->job;
	int64_t then = job->ended_ms     ? job->ended_ms
	               : job->started_ms ? job->started_ms
	                                 : job->due_ms;

	printf("%-12s %-10s", v->queue, job->state);
	ctl_column(job->id, id_width);
	ctl_column(job->name, name_width);
	printf("%5lld  %7lld  ", (long long)job->attempts, (long long)job->crashes);
	print_time(job->added_ms);
	print_time(then);
	ctl_put(job->reason, 0);
	if (*job->reason && *job->error)
		fputs(": ", stdout);
	ctl_put(job->error, 200);
	putchar('\n');
}

static int
wider(int width, const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n > width ? n : width;
}

static void
print_lines(const struct view_job *v, size_t count)
{
	int id_width = 2, name_width = 4;

	for (size_t i = 0; i < count; i++) {
		id_width = wider(id_width, v[i].job.id);
		name_width = wider(name_width, v[i].job.name);
	}
	if (count > 0)
		printf("%-12s %-10s%-*s  %-*s  %5s  %7s  %-26s%-26s%s\n", "queue", "state",
		    id_width, "id", name_width, "name", "tries", "crashes", "added",
		    "due, begun or ended", "why");
	for (size_t i = 0; i < count; i++)
		print_line(&v[i], id_width, name_width);
}

static enum err
list_state(struct jobs *w, const char *state)
{
	struct view_job *v;
	size_t count;

	TRY(view_list(
	    w->redis, w->queue, state, w->limit ? w->limit : LIST_LIMIT, &v, &count, w->scope));
	if (!w->ctl->json) {
		print_lines(v, count);
		return OK;
	}
	for (size_t i = 0; i < count; i++)
		TRY(print_job(w, &v[i], i ? ",\n" : "["));
	puts(count ? "]" : "[]");
	return OK;
}

enum err
jobs_list(struct jobs *w)
{
	const char *state = w->words ? view_state(w->word[0]) : NULL;

	if (w->words && state == NULL)
		return fault(&w->scope->fault, ERR_INVALID,
		    "there is no state %s: waiting, active, delayed, blocked, completed, "
		    "failed or cancelled",
		    w->word[0]);
	return list_state(w, state);
}

enum err
jobs_dead(struct jobs *w)
{
	return list_state(w, "failed");
}

enum err
jobs_find(struct jobs *w, struct view_job *v)
{
	enum err e = view_find(w->redis, w->queue, w->word[0], v, w->scope);

	return e == ERR_NOT_FOUND ? fault(&w->scope->fault, e, "there is no job %s", w->word[0])
	                          : e;
}

enum err
jobs_show(struct jobs *w)
{
	struct view_job v;

	TRY(jobs_find(w, &v));
	TRY(view_logs(w->redis, &v, w->scope));
	TRY(print_job(w, &v, ""));
	putchar('\n');
	return OK;
}

enum err
jobs_logs(struct jobs *w)
{
	struct view_job v;
	struct buf b;

	TRY(jobs_find(w, &v));
	TRY(view_logs(w->redis, &v, w->scope));
	buf_init(&b, JOB_TEXT_MAX);
	for (size_t i = 0; i < v.log_count; i++) {
		if (!w->ctl->json) {
			ctl_put(v.logs[i], 0);
			putchar('\n');
			continue;
		}
		buf_puts(&b, i ? ",\"" : "[\"");
		buf_json_any(&b, span_of(v.logs[i]));
		buf_char(&b, '"');
	}
	if (w->ctl->json)
		printf("%s]\n", v.log_count ? buf_text(&b) : "[");
	buf_free(&b);
	return OK;
}

/* ---- check */

static void
print_faults(const char *queue, const struct queue_fault *faults, size_t count)
{
	for (size_t i = 0; i < count && i < CHECK_LINES; i++) {
		printf("%s: ", queue);
		ctl_put(faults[i].key, 0);
		fputs(": ", stdout);
		ctl_put(faults[i].what, 0);
		puts(faults[i].mended ? " (mended)" : "");
	}
	if (count > CHECK_LINES)
		printf("%s: and %zu more\n", queue, count - CHECK_LINES);
}

static void
faults_json(struct buf *b, const char *queue, int64_t looked_at,
    const struct queue_fault *faults, size_t count)
{
	buf_format(b, "{\"name\":\"%s\",\"looked_at\":%lld,\"count\":%zu,\"faults\":[", queue,
	    (long long)looked_at, count);
	for (size_t i = 0; i < count && i < CHECK_LINES; i++) {
		buf_puts(b, i ? ",{\"key\":\"" : "{\"key\":\"");
		buf_json_any(b, span_of(faults[i].key));
		buf_puts(b, "\",\"what\":\"");
		buf_json_any(b, span_of(faults[i].what));
		buf_format(b, "\",\"mended\":%s}", faults[i].mended ? "true" : "false");
	}
	buf_puts(b, "]}");
}

static enum err
check_queue(struct jobs *w, const char *queue, struct buf *json)
{
	struct queue_fault *faults;
	int64_t looked_at;
	size_t count;

	TRY(queue_check(w->redis, queue, w->repair, &faults, &count, &looked_at, w->scope));
	w->faulty = w->faulty || count > 0;
	if (!w->ctl->json) {
		print_faults(queue, faults, count);
		return OK;
	}
	buf_char(json, json->len ? ',' : '[');
	faults_json(json, queue, looked_at, faults, count);
	return OK;
}

enum err
jobs_check(struct jobs *w)
{
	struct buf json;
	enum err e = OK;

	buf_init(&json, JOB_TEXT_MAX);
	for (int q = 0; q < QUEUE_COUNT && e == OK; q++)
		if (w->queue == NULL || strcmp(w->queue, queues[q].name) == 0)
			e = check_queue(w, queues[q].name, &json);
	if (e == OK && w->ctl->json)
		printf("%s]\n", buf_text(&json));
	buf_free(&json);
	return e;
}
