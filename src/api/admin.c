/* admin: what operators see of queues and schedules, and do with them. Redis alone answers the
 * looks, so they work without PostgreSQL. Jobs are in api/job.c. */
#include "api/admin.h"

#include "api/routes.h"
#include "base/log.h"
#include "base/random.h"
#include "queue/schedule_state.h"
#include "service/health.h"
#include "store/cron.h"
#include "store/user.h"

enum err
admin_acts(struct request *r, const char *act, const char *queue, const char *job)
{
	struct user_head u;

	TRY(q_user_head(r->db, r->viewer.id, &u));
	if (strcmp(u.role, "admin") != 0)
		return ERR_FORBIDDEN;
	LOG_WRITE(LEVEL_INFO, "admin.act", L_TEXT("act", act), L_TEXT("queue", queue),
	    L_TEXT("job", job), L_TEXT("user", r->viewer.username),
	    L_TEXT("user_id", r->viewer.id.text), L_END);
	return OK;
}

enum err
admin_asked(struct request *r, enum err e)
{
	bool refused =
	    e == ERR_INTERNAL && health_of_redis(e, &r->scope.fault) != HEALTH_BROKEN;

	return refused ? ERR_AWAY : e;
}

enum err
admin_queue_of(const char *name, const char **queue)
{
	const struct queue_row *row = queue_find(name);

	*queue = row ? row->name : NULL;
	return row ? OK : ERR_NOT_FOUND;
}

static enum err
queue_of_path(struct request *r, const char **queue)
{
	return admin_queue_of(param_text(r, "name"), queue);
}

/* ---- queues */

/* GET /admin/queues */
enum err
admin_queues(struct request *r)
{
	struct rows rows = reply_rows(r);
	struct buf *out = &r->reply.data;

	buf_char(out, '[');
	for (int q = 0; q < QUEUE_COUNT; q++) {
		struct view_queue v;
		TRY(admin_asked(r, view_queue(r->app->redis, queues[q].name, &v, &r->scope)));
		if (q > 0)
			buf_char(out, ',');
		view_queue_json(out, &v);
	}
	buf_char(out, ']');
	return reply_one(r, &rows);
}

static enum err
pause_queue(struct request *r, bool paused)
{
	struct rows rows = reply_rows(r);
	const char *queue;

	TRY(queue_of_path(r, &queue));
	TRY(admin_acts(r, paused ? "queue.pause" : "queue.resume", queue, ""));
	TRY(admin_asked(r, queue_pause(r->app->redis, queue, paused, &r->scope)));
	if (paused)
		queue_settle();
	buf_format(&r->reply.data, "{\"name\":\"%s\",\"paused\":%s}", queue,
	    paused ? "true" : "false");
	return reply_one(r, &rows);
}

/* POST /admin/queues/:name/pause: no job of it begins any more. */
enum err
admin_queue_pause(struct request *r)
{
	return pause_queue(r, true);
}

/* POST /admin/queues/:name/resume */
enum err
admin_queue_resume(struct request *r)
{
	return pause_queue(r, false);
}

/* POST /admin/queues/:name/drain: what waits is removed. Of many jobs some may remain: the
 * answer does not take longer than requests may. */
enum err
admin_queue_drain(struct request *r)
{
	const struct admin_drain *in = r->form;
	struct rows rows = reply_rows(r);
	const char *queue;
	int64_t removed;
	bool more;

	TRY(queue_of_path(r, &queue));
	TRY(admin_acts(r, in->delayed ? "queue.drain_all" : "queue.drain", queue, ""));
	TRY(admin_asked(
	    r, queue_drain(r->app->redis, queue, in->delayed, &removed, &more, &r->scope)));
	buf_format(&r->reply.data, "{\"removed\":%lld,\"remaining\":%s}", (long long)removed,
	    more ? "true" : "false");
	return reply_one(r, &rows);
}

/* POST /admin/queues/:name/retry_failed: the oldest first. */
enum err
admin_queue_retry_failed(struct request *r)
{
	const struct admin_retry *in = r->form;
	struct rows rows = reply_rows(r);
	const char *queue;
	int64_t retried;

	TRY(queue_of_path(r, &queue));
	TRY(admin_acts(r, "queue.retry_failed", queue, ""));
	TRY(admin_asked(
	    r, queue_retry_all(r->app->redis, queue, in->limit, &retried, &r->scope)));
	buf_format(&r->reply.data, "{\"retried\":%lld}", (long long)retried);
	return reply_one(r, &rows);
}

/* Absent: stays. null: the row's again. 0: none. */
#define WANTED(in, field)                                                                      \
	(!form_has(in, admin_limits, field)                        ? QUEUE_LIMIT_LEAVE         \
	    : (in)->presence.null >> FORM_admin_limits_##field & 1 ? QUEUE_LIMIT_ROW           \
	                                                           : (in)->field)

static enum err
wanted_limits(struct request *r, struct queue_limits *out)
{
	const struct admin_limits *in = r->form;

	*out = (struct queue_limits){ WANTED(in, concurrency), WANTED(in, rate),
		WANTED(in, rate_ms) };
	if (out->rate > 0 && out->rate_ms <= 0)
		return fault_field(&r->scope.fault, "/rate_ms", "MISSING",
		    "is required with rate: so many jobs in so many milliseconds", 0);
	if (out->rate <= 0 && out->rate_ms > 0)
		return fault_field(
		    &r->scope.fault, "/rate", "MISSING", "is required with rate_ms", 0);
	if (out->rate <= 0)
		out->rate_ms = out->rate;
	return OK;
}

/* PATCH /admin/queues/:name: its limits. */
enum err
admin_queue_limit(struct request *r)
{
	struct queue_limits set, now;
	struct rows rows = reply_rows(r);
	const char *queue;

	TRY(queue_of_path(r, &queue));
	TRY(wanted_limits(r, &set));
	TRY(admin_acts(r, "queue.limit", queue, ""));
	TRY(admin_asked(r, queue_limit(r->app->redis, queue, &set, &now, &r->scope)));
	now = view_limits(queue, now);
	view_limits_json(&r->reply.data, &now);
	return reply_one(r, &rows);
}

/* ---- schedules */

/* GET /admin/schedules */
enum err
admin_schedules(struct request *r)
{
	const struct app *app = r->app;
	struct rows rows = reply_rows(r);
	struct schedule_state *s;
	size_t count;

	TRY(schedule_states(r->db, app->schedules, app->schedule_count,
	    app->settings->SCHEDULES, &s, &count, &r->scope));
	buf_char(&r->reply.data, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_char(&r->reply.data, ',');
		schedule_state_json(&r->reply.data, &s[i]);
	}
	buf_char(&r->reply.data, ']');
	return reply_one(r, &rows);
}

static const struct schedule *
schedule_of(const struct app *app, const char *name)
{
	for (size_t i = 0; i < app->schedule_count; i++)
		if (strcmp(app->schedules[i].name, name) == 0)
			return &app->schedules[i];
	return NULL;
}

/* POST /admin/schedules/:name/run: its job, now; the clock's own slots are not touched. */
enum err
admin_schedule_run(struct request *r)
{
	const struct schedule *s = schedule_of(r->app, param_text(r, "name"));
	struct rows rows = reply_rows(r);
	struct uuid id = uuid_make();

	if (s == NULL)
		return ERR_NOT_FOUND;
	TRY(admin_acts(r, "schedule.run", s->queue, id.text));
	TRY(q_cron_run(r->db, s->name, s->queue, s->job, s->data, id.text));
	r->wakes = true;
	buf_format(&r->reply.data, "{\"id\":\"%s\"}", id.text);
	TRY(reply_created(
	    r, arena_format(r->scope.arena, API_PREFIX "/admin/jobs/%s", id.text), &rows));
	r->reply.status = 202;
	return OK;
}
