/* meta: the service about itself. */
#include "api/routes.h"

#include "base/clock.h"
#include "model/metric.h"
#include "queue/schedule_state.h"
#include "store/meta.h"
#include "store/statements.h"
#include "web/app.h"

/* GET /languages: names with the number of public snippets. */
enum err
meta_languages(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_language_list(r->db, &rows));
	return reply_one(r, &rows);
}

/* GET /tags */
enum err
meta_tags(struct request *r)
{
	const struct tag_list *in = r->form;
	struct rows rows = reply_rows(r);

	TRY(q_tag_list(r->db, in->q, in->limit, &rows));
	return reply_one(r, &rows);
}

/* GET /health: this process answers. */
enum err
meta_health(struct request *r)
{
	struct rows rows = reply_rows(r);

	buf_puts(&r->reply.data, "{\"status\":\"ok\",\"version\":\"" CODEGRAM_VERSION "\"}");
	return reply_one(r, &rows);
}

static void
dependency(struct request *r, const char *name, const char *status, int64_t began)
{
	struct buf *out = &r->reply.data;

	buf_format(out, "\"%s\":{\"status\":\"%s\",\"time_ms\":%.3f}", name, status,
	    (double)(clock_mono() - began) / 1000);
}

/* An overdue one is for a person to look at, and no reason to send nobody here. */
static enum err
ready_schedules(struct request *r, int64_t began)
{
	const struct app *app = r->app;
	struct buf *out = &r->reply.data;
	struct schedule_state *s;
	bool overdue = false;
	size_t count;

	TRY(schedule_states(r->db, app->schedules, app->schedule_count,
	    app->settings->FAILPOINTS, &s, &count, &r->scope));
	buf_puts(out, ",\"schedules\":{\"overdue\":[");
	for (size_t i = 0; i < count; i++) {
		if (!s[i].overdue)
			continue;
		buf_format(out, "%s\"%s\"", overdue ? "," : "", s[i].row->name);
		overdue = true;
	}
	buf_format(out, "],\"status\":\"%s\",\"time_ms\":%.3f}", overdue ? "warn" : "ok",
	    (double)(clock_mono() - began) / 1000);
	return OK;
}

/* GET /ready: each part with its time. Without Redis the service is degraded, and works. */
enum err
meta_ready(struct request *r)
{
	struct schema_state schema = { .number = 0 };
	struct rows rows = reply_rows(r);
	struct fault redis_fault = { .count = 0 };
	int64_t began = clock_mono();
	enum err db = q_schema_state(r->db, &schema), redis;

	if (db == OK && schema.number < SCHEMA_NUMBER)
		db = fault(&r->scope.fault, ERR_AWAY,
		    "the schema is older than this program: run "
		    "codegramctl migrate");
	buf_puts(&r->reply.data, "{\"checks\":{");
	dependency(r, "postgresql", db == OK ? "ok" : "away", began);
	buf_char(&r->reply.data, ',');
	began = clock_mono();
	redis = redis_ping(r->app->redis, &redis_fault);
	dependency(r, "redis", redis == OK ? "ok" : "away", began);
	if (db == OK)
		db = ready_schedules(r, clock_mono());
	buf_format(&r->reply.data, "},\"status\":\"%s\"}", redis == OK ? "ok" : "degraded");
	if (db != OK) {
		r->scope.fault.message = "PostgreSQL is away or not migrated";
		return ERR_AWAY;
	}
	return reply_one(r, &rows);
}

/* GET /metrics: what all programs counted. */
enum err
meta_metrics(struct request *r)
{
	const char *dir = arena_format(r->scope.arena, "%s/stats", r->app->settings->RUN_DIR);

	if (dir == NULL)
		return ERR_NO_MEMORY;
	counter_print(dir, metric_help, &r->reply.data);
	return reply_raw(r, "text/plain; version=0.0.4; charset=utf-8", SPAN(""));
}
