/* meta: the service about itself. */
#include "api/routes.h"

#include "base/clock.h"
#include "base/part.h"
#include "base/version.h"
#include "model/metric.h"
#include "queue/schedule_state.h"
#include "service/health.h"
#include "store/meta.h"
#include "web/app.h"

enum { READY_MS = 1000 };

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

/* What the last write of this worker came to. Whoever asks again within the second hears it
 * again, unless the server answers nothing at all by now: /ready is open to everybody. */
struct asked {
	int64_t at; /* clock_mono() */
	enum health health;
};
enum { ASK_EVERY = 1000 * 1000 };

static enum health
postgres_health(struct request *r)
{
	static struct asked last;
	struct fault *f = &r->scope.fault;
	enum health h;

	if (last.at == 0 || clock_mono() - last.at >= ASK_EVERY) {
		h = health_postgres(r->db, f);
		last = (struct asked){ clock_mono(), h };
		return h;
	}
	h = health_postgres_reads(r->db, f);
	return h == HEALTH_OK ? last.health : h;
}

static enum health
redis_health(struct request *r)
{
	static struct asked last;
	struct scope scope = { .arena = r->scope.arena };
	enum err e;

	if (last.at == 0 || clock_mono() - last.at >= ASK_EVERY) {
		last.health = health_redis(r->app->redis, &scope);
		last.at = clock_mono();
		return last.health;
	}
	e = redis_ping(r->app->redis, &scope.fault);
	return e == OK ? last.health : health_of_redis(e, &scope.fault);
}

static void
dependency(struct request *r, const char *name, enum health health, int64_t began)
{
	struct buf *out = &r->reply.data;

	buf_format(out, "\"%s\":{\"status\":\"%s\",\"time_ms\":%.3f}", name,
	    health_word(health), (double)(clock_mono() - began) / 1000);
}

/* Reads go on from a server that takes no writes. */
static bool
serves_reads(enum health h)
{
	return h == HEALTH_OK || h == HEALTH_READ_ONLY || h == HEALTH_FULL;
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
	    app->settings->SCHEDULES, &s, &count, &r->scope));
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

/* Names of what is not as it should be, for `degraded`. */
struct lacking {
	const char *name[PARTS_MAX + 2];
	size_t count;
};

static void
put_names(struct buf *out, const char *const *names, size_t count)
{
	buf_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? "," : "");
		buf_json_string(out, span_of(names[i]));
	}
	buf_char(out, ']');
}

/* The programs, by their heartbeats. */
static enum err
ready_parts(struct request *r, struct lacking *lacking)
{
	const struct settings *s = r->app->settings;
	struct part *parts = arena_alloc(r->scope.arena, PARTS_MAX * sizeof(*parts));
	struct buf *out = &r->reply.data;
	int64_t began = clock_mono();
	bool ok = true;
	size_t count;

	if (parts == NULL)
		return ERR_NO_MEMORY;
	count = parts_look(s->RUN_DIR, span_of(s->EXPECTED_PARTS), parts);
	buf_puts(out, ",\"parts\":{");
	for (enum part_state state = PART_FROZEN; state < PART_STATES; state++) {
		const char *names[PARTS_MAX];
		size_t n = 0;
		for (size_t i = 0; i < count; i++)
			if (parts[i].state == state && !parts[i].unmissed)
				names[n++] = lacking->name[lacking->count++] = parts[i].name;
		ok = ok && n == 0;
		buf_format(out, "\"%s\":", part_state_word(state));
		put_names(out, names, n);
		buf_char(out, ',');
	}
	buf_format(out, "\"status\":\"%s\",\"time_ms\":%.3f}", ok ? "ok" : "degraded",
	    (double)(clock_mono() - began) / 1000);
	return OK;
}

/* GET /ready: each part with its time. Without Redis, one of our own programs or writes the
 * service is degraded, and works. */
enum err
meta_ready(struct request *r)
{
	struct rows rows = reply_rows(r);
	struct lacking lacking = { .count = 0 };
	struct buf *out = &r->reply.data;
	int64_t began = clock_mono();
	enum health db, redis;

	/* Whoever asks wants to know now. */
	db_patience(r->db, READY_MS, 0);
	db = postgres_health(r);
	buf_puts(out, "{\"checks\":{");
	dependency(r, "postgresql", db, began);
	buf_char(out, ',');
	began = clock_mono();
	redis = redis_health(r);
	dependency(r, "redis", redis, began);
	if (db != HEALTH_OK)
		lacking.name[lacking.count++] = "postgresql";
	if (redis != HEALTH_OK)
		lacking.name[lacking.count++] = "redis";
	if (serves_reads(db))
		TRY(ready_schedules(r, clock_mono()));
	TRY(ready_parts(r, &lacking));
	buf_puts(out, "},\"degraded\":");
	put_names(out, lacking.name, lacking.count);
	buf_format(out, ",\"status\":\"%s\"}", lacking.count ? "degraded" : "ok");
	if (!serves_reads(db)) {
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
