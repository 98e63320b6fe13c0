/* jobs_act: the verbs that change something: add, retry, retry-all, cancel, remove, pause,
 * resume, drain, purge, limit. */
#include "ctl/jobs.h"
#include "ctl/words.h"

#include <stdio.h>

#include "adapter/json.h"
#include "base/random.h"
#include "queue/options.h"

enum {
	FLAGS_TEXT_MAX = 16 * KIB,
	RETRY_CHUNK = 500,
	SHOWN_FROM = 2000, /* jobs */
};

/* ---- add */

/* A number stays one, all else is a text. */
static void
put_word(struct buf *b, struct span value)
{
	int64_t n;

	if (span_int(value, &n))
		buf_int(b, n);
	else if (span_is(value, "true") || span_is(value, "false"))
		buf_add(b, value);
	else
		buf_json_string(b, value);
}

/* TYPE:MS, or MS. */
static void
put_backoff(struct buf *b, struct span value)
{
	struct span rest = value, type = span_cut(&rest, ':');

	if (rest.ptr == NULL) {
		put_word(b, value);
		return;
	}
	buf_puts(b, "{\"type\":");
	buf_json_string(b, type);
	buf_puts(b, ",\"delay\":");
	put_word(b, rest);
	buf_char(b, '}');
}

/* COUNT, COUNT:SECONDS, true or false. */
static void
put_kept(struct buf *b, struct span value)
{
	struct span rest = value, count = span_cut(&rest, ':');

	if (rest.ptr == NULL) {
		put_word(b, value);
		return;
	}
	buf_puts(b, "{\"count\":");
	put_word(b, count);
	buf_puts(b, ",\"age\":");
	put_word(b, rest);
	buf_char(b, '}');
}

static void
put_text(struct buf *b, struct span value)
{
	buf_json_string(b, value);
}

static const struct {
	const char *flag, *word;
	void (*put)(struct buf *b, struct span value);
} bull[] = {
	{ "attempts", "attempts", put_word },
	{ "backoff", "backoff", put_backoff },
	{ "delay", "delay", put_word },
	{ "priority", "priority", put_word },
	{ "job-id", "jobId", put_text },
	{ "id", "jobId", put_text },
	{ "lane", "lane", put_text },
	{ "unique", "unique", put_text },
	{ "owner", "owner", put_text },
	{ "remove-on-complete", "removeOnComplete", put_kept },
	{ "remove-on-fail", "removeOnFail", put_kept },
};

/* The flags as the JSON that --opts could have held. */
static void
write_flags(const struct jobs *w, struct buf *b)
{
	buf_char(b, '{');
	for (int i = 0; i < w->flags; i++) {
		size_t k = 0;
		while (strcmp(bull[k].flag, w->flag[i].name) != 0)
			k++;
		buf_format(b, "%s\"%s\":", i ? "," : "", bull[k].word);
		bull[k].put(b, span_of(w->flag[i].value));
	}
	buf_char(b, '}');
}

static enum err
read_options(struct jobs *w, struct span text, struct queue_item *item)
{
	struct json_t *object;

	if (json_object_of(text, &object, w->scope) != OK)
		return fault(&w->scope->fault, ERR_BAD_JSON, "--opts is no JSON object");
	return queue_options(object, item, w->scope);
}

static enum err
read_item(struct jobs *w, struct queue_item *item)
{
	struct json_t *object;
	const char *flags;
	struct buf b;

	item->name = w->word[0];
	item->data = w->words == 2 ? span_of(w->word[1]) : SPAN("{}");
	if (json_object_of(item->data, &object, w->scope) != OK)
		return fault(&w->scope->fault, ERR_BAD_JSON, "the payload is no JSON object");
	if (w->opts != NULL)
		TRY(read_options(w, span_of(w->opts), item));
	buf_init(&b, FLAGS_TEXT_MAX);
	write_flags(w, &b);
	flags = arena_text(w->scope->arena, span_of(buf_text(&b)));
	buf_free(&b);
	return flags ? read_options(w, span_of(flags), item) : ERR_NO_MEMORY;
}

static void
print_text(const char *name, const char *text, const char *behind)
{
	struct buf b;

	buf_init(&b, FLAGS_TEXT_MAX);
	buf_json_any(&b, span_of(text));
	printf("\"%s\":\"%s\"%s", name, buf_text(&b), behind);
	buf_free(&b);
}

static const struct job_row *
row_of(const struct jobs *w, const char *name)
{
	for (size_t i = 0; i < w->ctl->job_count; i++)
		if (strcmp(w->ctl->jobs[i].name, name) == 0)
			return &w->ctl->jobs[i];
	return NULL;
}

/* The name nearest to it, for who mistyped. */
static enum err
no_such_job(const struct jobs *w, const char *name)
{
	const char **names =
	               arena_alloc(w->scope->arena, (w->ctl->job_count + 1) * sizeof(*names)),
	           *near;

	if (names == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < w->ctl->job_count; i++)
		names[i] = w->ctl->jobs[i].name;
	near = words_near(name, names, w->ctl->job_count);
	return fault(&w->scope->fault, ERR_INVALID,
	    "no worker of this build knows a job %s%s%s; --unchecked adds it all the same",
	    name, near ? ": did you mean " : "", near ? near : "");
}

/* What no worker would take must not wait for a day to be dead then. */
static enum err
check_item(const struct jobs *w, const struct queue_item *item)
{
	const struct job_row *row = row_of(w, item->name);
	struct json_t *object;
	void *payload;

	if (w->unchecked)
		return OK;
	if (row == NULL)
		return no_such_job(w, item->name);
	if (strcmp(queues[row->queue].name, w->queue) != 0)
		return fault(&w->scope->fault, ERR_INVALID, "%s is a job of the queue %s",
		    item->name, queues[row->queue].name);
	TRY(json_object_of(item->data, &object, w->scope));
	if ((payload = arena_alloc(w->scope->arena, row->form->size)) == NULL)
		return ERR_NO_MEMORY;
	if (json_fill(object, row->form, payload, w->scope) != OK)
		return fault(&w->scope->fault, ERR_INVALID,
		    "%s can't do anything with that payload", item->name);
	return OK;
}

enum err
jobs_add(struct jobs *w)
{
	struct uuid id = uuid_make();
	struct queue_item item = { .id = id.text };
	enum add_answer answer;

	TRY(read_item(w, &item));
	TRY(check_item(w, &item));
	TRY(queue_add(w->redis, w->queue, &item, &answer, w->scope));
	if (w->ctl->json) {
		putchar('{');
		print_text("id", item.id, ",");
		print_text("answer", view_added(answer), "}\n");
	} else {
		printf("%s %s\n", item.id, view_added(answer));
	}
	return answer == ADD_FULL ? fault(&w->scope->fault, ERR_TOO_MANY, "the queue is full")
	                          : OK;
}

/* ---- one job */

static enum err
explained(struct jobs *w, enum err e, const char *conflict)
{
	if (e == ERR_CONFLICT)
		return fault(&w->scope->fault, e, "%s", conflict);
	if (e == ERR_NOT_FOUND)
		return fault(&w->scope->fault, e, "there is no job %s", w->word[0]);
	return e;
}

/* What became of it. */
static enum err
tell(const struct jobs *w, const struct view_job *v, const char *state)
{
	if (!w->ctl->json) {
		ctl_put(v->job.id, 0);
		printf(" of %s is %s\n", v->queue, state);
		return OK;
	}
	putchar('{');
	print_text("id", v->job.id, ",");
	print_text("queue", v->queue, ",");
	print_text("state", state, "}\n");
	return OK;
}

enum err
jobs_retry(struct jobs *w)
{
	struct view_job v;

	TRY(jobs_find(w, &v));
	TRY(explained(w, queue_retry(w->redis, v.queue, v.job.id, w->scope),
	    "it has not failed, was not cancelled and is not delayed, or another one of its "
	    "unique key is there"));
	return tell(w, &v, "waiting");
}

enum err
jobs_cancel(struct jobs *w)
{
	enum cancel_answer answer;
	struct view_job v;

	TRY(jobs_find(w, &v));
	TRY(explained(w, queue_cancel(w->redis, v.queue, v.job.id, &answer, w->scope), ""));
	if (answer == CANCEL_OVER && strcmp(v.job.state, "cancelled") != 0)
		return fault(&w->scope->fault, ERR_CONFLICT, "it has ended already");
	if (answer == CANCEL_ASKED && !w->ctl->json) {
		puts("it runs: its worker is told");
		return OK;
	}
	return tell(w, &v, answer == CANCEL_ASKED ? "active" : "cancelled");
}

enum err
jobs_remove(struct jobs *w)
{
	struct view_job v;

	TRY(jobs_find(w, &v));
	TRY(explained(w, queue_remove(w->redis, v.queue, v.job.id, w->scope),
	    "it runs: cancel it first"));
	return tell(w, &v, "removed");
}

/* ---- a queue */

static enum err
tell_count(const struct jobs *w, const char *what, int64_t n)
{
	if (w->ctl->json)
		printf("{\"%s\":%lld}\n", what, (long long)n);
	else
		printf("%lld %s\n", (long long)n, what);
	return OK;
}

/* How far a verb on many jobs is, unless it is done at once. */
struct pace_of {
	struct progress progress;
	bool shows;
};

static void
pace_begin(struct pace_of *p, int64_t all)
{
	p->shows = all >= SHOWN_FROM;
	if (p->shows)
		progress_begin(&p->progress, "jobs", all);
}

static void
pace_to(struct pace_of *p, int64_t done, bool ends)
{
	if (!p->shows)
		return;
	progress_to(&p->progress, done);
	if (ends)
		progress_end(&p->progress);
}

/* Never more than there are now: those that fail again must not go round for ever. */
enum err
jobs_retry_all(struct jobs *w)
{
	struct queue_stats s;
	int64_t done = 0, some = 0, all;
	struct pace_of pace;

	TRY(queue_stats(w->redis, w->queue, &s, w->scope));
	all = w->limit && w->limit < s.dead ? w->limit : s.dead;
	pace_begin(&pace, all);
	while (done < all) {
		int64_t more = all - done < RETRY_CHUNK ? all - done : RETRY_CHUNK;
		TRY(queue_retry_all(w->redis, w->queue, more, &some, w->scope));
		if (some == 0)
			break;
		done += some;
		pace_to(&pace, done, false);
	}
	pace_to(&pace, done, true);
	return tell_count(w, "retried", done);
}

static enum err
set_paused(struct jobs *w, bool paused)
{
	TRY(queue_pause(w->redis, w->queue, paused, w->scope));
	if (paused)
		queue_settle();
	if (w->ctl->json)
		printf(
		    "{\"name\":\"%s\",\"paused\":%s}\n", w->queue, paused ? "true" : "false");
	else
		printf(paused ? "%s is paused: none of its jobs begins\n" : "%s goes on\n",
		    w->queue);
	return OK;
}

enum err
jobs_pause(struct jobs *w)
{
	return set_paused(w, true);
}

enum err
jobs_resume(struct jobs *w)
{
	return set_paused(w, false);
}

/* Until nothing is left of what was there at the beginning: who adds faster than we remove does
 * not hold us for ever. `state` NULL: what waits. */
static enum err
remove_many(struct jobs *w, const char *state, int64_t all)
{
	int64_t removed = 0, n = 0;
	struct pace_of pace;
	bool more = true;

	pace_begin(&pace, all);
	while (more && (removed < all || removed == 0)) {
		if (state == NULL)
			TRY(queue_drain(w->redis, w->queue, w->delayed, &n, &more, w->scope));
		else
			TRY(queue_purge(
			    w->redis, w->queue, state, w->older_ms, &n, &more, w->scope));
		removed += n;
		pace_to(&pace, removed, false);
		if (n == 0)
			break;
	}
	pace_to(&pace, removed, true);
	return tell_count(w, "removed", removed);
}

enum err
jobs_drain(struct jobs *w)
{
	struct queue_stats s;

	TRY(queue_stats(w->redis, w->queue, &s, w->scope));
	return remove_many(w, NULL, s.waiting + (w->delayed ? s.delayed + s.blocked : 0));
}

enum err
jobs_purge(struct jobs *w)
{
	const char *state = view_state(w->word[0]);
	struct queue_stats s;

	if (state == NULL || (strcmp(state, "completed") != 0 && strcmp(state, "failed") != 0 &&
	                         strcmp(state, "cancelled") != 0))
		return fault(&w->scope->fault, ERR_INVALID,
		    "only completed, failed or cancelled jobs can be purged");
	TRY(queue_stats(w->redis, w->queue, &s, w->scope));
	return remove_many(w, state,
	    *state == 'f'                     ? s.dead
	    : strcmp(state, "completed") == 0 ? s.done
	                                      : s.cancelled);
}

enum err
jobs_limit(struct jobs *w)
{
	struct queue_limits now;
	struct buf b;

	TRY(queue_limit(w->redis, w->queue, &w->limits, &now, w->scope));
	now = view_limits(w->queue, now);
	buf_init(&b, FLAGS_TEXT_MAX);
	view_limits_json(&b, &now);
	if (w->ctl->json)
		puts(buf_text(&b));
	else
		printf("concurrency %lld, rate %lld in %lld ms (0: no limit)\n",
		    (long long)now.concurrency, (long long)now.rate, (long long)now.rate_ms);
	buf_free(&b);
	return OK;
}
