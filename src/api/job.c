/* job: jobs one by one: for operators all of them, for a person one's own. */
#include "api/admin.h"
#include "api/routes.h"

#include "adapter/json.h"
#include "base/random.h"
#include "queue/options.h"

static struct view_rows
rows_of(const struct request *r)
{
	return (struct view_rows){ r->app->jobs, r->app->job_count };
}

/* The queue that the query names, or NULL for all. */
static enum err
queue_wanted(struct request *r, const char *name, const char **queue)
{
	*queue = NULL;
	if (name == NULL || admin_queue_of(name, queue) == OK)
		return OK;
	return fault_field(
	    &r->scope.fault, "?queue", "UNKNOWN_QUEUE", "is not the name of a queue", 0);
}

/* The job of the path. */
static enum err
find(struct request *r, struct view_job *v)
{
	const struct admin_job_where *in = r->form;
	const char *queue, *id;

	TRY(queue_wanted(r, in->queue, &queue));
	TRY(param_job_id(r, "id", &id));
	return admin_asked(r, view_find(r->app->redis, queue, id, v, &r->scope));
}

static enum err
reply_job(struct request *r, const struct view_job *v)
{
	struct rows rows = reply_rows(r);

	view_job_json(&r->reply.data, v, rows_of(r));
	return reply_one(r, &rows);
}

/* GET /admin/jobs: the newest first; without a queue or a state, of all of them. */
enum err
job_list(struct request *r)
{
	const struct admin_job_list *in = r->form;
	const char *state =
	    form_has(in, admin_job_list, state) ? rule_job_state.choices[in->state] : NULL;
	struct rows rows = reply_rows(r);
	struct view_job *jobs;
	const char *queue;
	size_t count;
	enum err e;

	TRY(queue_wanted(r, in->queue, &queue));
	e = admin_asked(r, view_list(r->app->redis, queue, state ? view_state(state) : NULL,
	                       in->limit, &jobs, &count, &r->scope));
	if (e == ERR_NO_MEMORY)
		return fault_field(&r->scope.fault, "?limit", "TOO_BIG",
		    "asks for more than fits into an answer: name a queue and a state", 0);
	TRY(e);
	buf_char(&r->reply.data, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_char(&r->reply.data, ',');
		view_job_json(&r->reply.data, &jobs[i], rows_of(r));
	}
	buf_char(&r->reply.data, ']');
	return reply_one(r, &rows);
}

/* GET /admin/jobs/:id, with what it logged. */
enum err
job_show(struct request *r)
{
	struct view_job v;

	TRY(find(r, &v));
	TRY(admin_asked(r, view_logs(r->app->redis, &v, &r->scope)));
	return reply_job(r, &v);
}

/* GET /jobs/:id: one's own. */
enum err
job_own(struct request *r)
{
	struct rows rows = reply_rows(r);
	struct view_job v;
	const char *id;

	TRY(param_job_id(r, "id", &id));
	TRY(admin_asked(r, view_find(r->app->redis, NULL, id, &v, &r->scope)));
	if (strcmp(v.job.owner, r->viewer.id.text) != 0)
		return ERR_NOT_FOUND;
	view_own_job_json(&r->reply.data, &v, rows_of(r));
	return reply_one(r, &rows);
}

/* ---- a new one */

/* Faults of the words in opts are named from the body's top. */
static enum err
read_options(struct request *r, const char *opts, struct queue_item *item)
{
	struct fault *f = &r->scope.fault;
	struct json_t *bull;
	enum err e;

	if (opts == NULL)
		return OK;
	TRY(json_object_of(span_of(opts), &bull, &r->scope));
	e = queue_options(bull, item, &r->scope);
	for (size_t i = 0; e == ERR_INVALID && i < f->count; i++) {
		const char *field =
		    arena_format(r->scope.arena, "/opts%.80s", f->fields[i].field);
		if (field == NULL)
			return ERR_NO_MEMORY;
		memcpy(f->fields[i].field, field, strlen(field) + 1);
	}
	return e;
}

/* A job may have come and gone by now. */
static enum err
reply_added(struct request *r, const char *queue, const struct queue_item *item)
{
	const char *at = url_of(r, API_PREFIX "/admin/jobs/", item->id);
	struct view_job v = { .queue = queue,
		.job = { .id = item->id,
		    .name = item->name,
		    .lane = "",
		    .data = item->data.ptr,
		    .added_ms = 0 } };
	struct view_job now;
	enum err e = admin_asked(r, view_find(r->app->redis, queue, item->id, &now, &r->scope));

	if (e != OK && e != ERR_NOT_FOUND)
		return e;
	TRY(reply_job(r, e == OK ? &now : &v));
	r->reply.status = 201;
	reply_header(r, "Location", at);
	return OK;
}

static enum err
reply_answer(
    struct request *r, const char *queue, const struct queue_item *item, enum add_answer answer)
{
	struct rows rows = reply_rows(r);

	switch (answer) {
	case ADD_UNIQUE:
		r->scope.fault.message = "A job of this unique key is there already";
		return ERR_CONFLICT;
	case ADD_FULL: r->scope.fault.message = "The queue is full"; return ERR_AWAY;
	case ADD_REPLACED:
		buf_puts(&r->reply.data, "{\"id\":null,\"queue\":");
		buf_json_string(&r->reply.data, span_of(queue));
		buf_puts(&r->reply.data, ",\"replaced\":true}");
		return reply_one(r, &rows);
	case ADD_DONE:
	case ADD_THERE:
	case ADD_KEPT: break;
	}
	TRY(reply_added(r, queue, item));
	if (answer == ADD_THERE)
		r->reply.status = 200;
	return OK;
}

/* POST /admin/jobs */
enum err
job_add(struct request *r)
{
	const struct admin_job_add *in = r->form;
	struct uuid id = uuid_make();
	struct queue_item item = { .id = id.text, .name = in->name, .data = span_of(in->data) };
	enum add_answer answer;
	const char *queue;

	if (admin_queue_of(in->queue, &queue) != OK)
		fault_field(&r->scope.fault, "/queue", "UNKNOWN_QUEUE",
		    "is not the name of a queue", 0);
	TRY(read_options(r, in->opts, &item));
	if (queue == NULL)
		return ERR_INVALID;
	TRY(admin_acts(r, "job.add", queue, item.id));
	TRY(admin_asked(r, queue_add(r->app->redis, queue, &item, &answer, &r->scope)));
	return reply_answer(r, queue, &item, answer);
}

/* ---- acts on one */

static enum err
explained(struct request *r, enum err e, const char *conflict)
{
	e = admin_asked(r, e);
	if (e == ERR_CONFLICT)
		r->scope.fault.message = conflict;
	return e;
}

/* POST /admin/jobs/:id/retry */
enum err
job_retry(struct request *r)
{
	struct view_job v;

	TRY(find(r, &v));
	TRY(admin_acts(r, "job.retry", v.queue, v.job.id));
	TRY(explained(r, queue_retry(r->app->redis, v.queue, v.job.id, &r->scope),
	    "It has not failed and is not delayed, or another one of its unique key is there"));
	TRY(find(r, &v));
	return reply_job(r, &v);
}

/* POST /admin/jobs/:id/cancel: at once, or, when it runs, its worker is told. */
enum err
job_cancel(struct request *r)
{
	struct rows rows = reply_rows(r);
	enum cancel_answer answer;
	struct view_job v;

	TRY(find(r, &v));
	TRY(admin_acts(r, "job.cancel", v.queue, v.job.id));
	TRY(admin_asked(r, queue_cancel(r->app->redis, v.queue, v.job.id, &answer, &r->scope)));
	if (answer == CANCEL_OVER && strcmp(v.job.state, "cancelled") != 0) {
		r->scope.fault.message = "It has ended already";
		return ERR_CONFLICT;
	}
	buf_format(&r->reply.data, "{\"state\":\"%s\",\"cancel_asked\":%s}",
	    answer == CANCEL_ASKED ? "active" : "cancelled",
	    answer == CANCEL_ASKED ? "true" : "false");
	return reply_one(r, &rows);
}

/* DELETE /admin/jobs/:id */
enum err
job_remove(struct request *r)
{
	struct view_job v;

	TRY(find(r, &v));
	TRY(admin_acts(r, "job.remove", v.queue, v.job.id));
	TRY(explained(r, queue_remove(r->app->redis, v.queue, v.job.id, &r->scope),
	    "It runs: cancel it first"));
	return reply_none(r);
}
