/* serve: the life of a request, one named step after the other. The name of the step in which
 * it ended goes into the log line. A handler never parses, counts, commits, frees or writes a
 * header. */
#include "web/app.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

enum { TRIES = 3 };

/* Tests ask for the faults that a process can't be made to have from outside. */
static enum err
asked_to_fail(struct request *r)
{
	struct span wanted = request_header(r, "HTTP_X_CODEGRAM_FAIL");

	if (wanted.len == 0 || !r->app->settings->FAILPOINTS)
		return OK;
	if (span_is(wanted, "crash"))
		kill(getpid(), SIGKILL);
	while (span_is(wanted, "hang"))
		pause();
	if (span_is(wanted, "slow"))
		sleep(1);
	return span_is(wanted, "internal") ? fault(&r->scope.fault, ERR_INTERNAL, "failpoint")
	                                   : OK;
}

static enum err
handle_once(struct request *r)
{
	enum err e;

	size_t said = r->reply.headers.len;

	db_open_scope(r->db, &r->scope, r->route->transaction == TX);
	r->step = "handle";
	r->commits = false;
	r->ended_count = 0;
	e = r->route->handle(r);
	if (e == OK || r->commits) {
		enum err committed;
		r->step = "commit";
		if ((committed = db_commit(r->db)) != OK) {
			e = committed;
			r->reply.headers.len = said; /* a cookie, say, of what may not be */
		} else
			mark_ended(r);
		failpoint("api.committed");
	}
	db_close_scope(r->db);
	return e;
}

/* A transaction that lost against another one is run again from its start; nothing of it has
 * happened. Reads fail the same way only after a migration. */
static enum err
handle(struct request *r)
{
	struct buf headers = r->reply.headers;
	enum err e = OK;

	for (int i = 0; i < TRIES; i++) {
		buf_reset(&r->reply.data);
		r->reply.headers.len = headers.len;
		if ((e = handle_once(r)) != ERR_RETRY)
			break;
		if (i + 1 < TRIES)
			fault_reset(&r->scope.fault);
	}
	return e;
}

static const struct {
	const char *name;
	enum err (*run)(struct request *r);
} steps[] = {
	{ "cors", cors },
	{ "route", route },
	{ "admit", admit },
	{ "failpoint", asked_to_fail },
	{ "authenticate", authenticate },
	{ "rate_limit", rate_limit },
	{ "validate", validate },
	{ "handle", handle },
};

/* A parameter that the log line needs when the connection's are gone. */
static struct span
kept(struct request *r, const char *name)
{
	return span_of(arena_text(r->scope.arena, request_header(r, name)));
}

static void
open_request(struct app *app)
{
	struct request *r = &app->request;
	struct reply reply = r->reply;
	struct span target;

	*r = (struct request){
		.app = app, .db = app->db, .scope = { .arena = app->arena }, .reply = reply
	};
	reply_reset(r);
	r->began = clock_mono();
	r->second = clock_now() / 1000000;
	atomic_store(&app->slot->busy_since, r->began);
	target = request_header(r, "REQUEST_URI");
	r->path = span_cut(&target, '?');
	r->query = target;
	r->method = kept(r, "REQUEST_METHOD");
	r->head = span_is(r->method, "HEAD");
	r->address = request_header(r, "REMOTE_ADDR");
	r->id = kept(r, "X_REQUEST_ID");
	log_request(r->id.len ? r->id.ptr : NULL);
}

static void
count(const struct request *r, int64_t micros)
{
	const struct app *app = r->app;
	size_t row = r->route ? (size_t)(r->route - app->routes) : app->route_count;
	struct route_counters *c = &app->counters[row];

	counter_add(c->status[r->reply.status / 100], 1);
	histogram_add(&c->duration, micros);
}

/* So that the scheduler moves what the request left in the outbox at once, and not at its next
 * look. The answer is out already; if this fails the next look finds it all the same. */
static void
wake_scheduler(struct request *r)
{
	const struct span words[] = { SPAN("PUBLISH"), SPAN("cg:wake"), SPAN("1") };
	struct redis_reply reply;

	redis_call(r->app->redis, words, 3, &reply, &r->scope);
}

static void
close_request(struct request *r, enum err e)
{
	int64_t micros = clock_mono() - r->began;
	enum log_level level = (enum log_level)err_row(e)->level;
	char method[16];

	/* A stranger's method may be long. */
	snprintf(method, sizeof(method), "%.*s", (int)(r->method.len > 15 ? 15 : r->method.len),
	    r->method.ptr ? r->method.ptr : "");
	if (log_wants(level))
		LOG(level, "request.done", L_TEXT("method", method),
		    L_TEXT("route", r->route ? r->route->name : "none"),
		    L_INT("status", r->reply.status), L_INT("duration_us", micros),
		    L_TEXT("step", r->step), L_TEXT("error", e ? err_row(e)->word : ""),
		    L_TEXT("story", r->scope.fault.story), L_TEXT("user", r->viewer.username));
	count(r, micros);
	log_request(NULL);
	arena_reset(r->app->arena);
	atomic_fetch_add(&r->app->slot->served, 1);
	atomic_store(&r->app->slot->busy_since, 0);
}

void
serve(struct app *app)
{
	struct request *r = &app->request;
	enum err e = OK;

	open_request(app);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		r->step = steps[i].name;
		e = steps[i].run(r);
		if (e != OK || r->reply.done)
			break;
	}
	admit_learn(r, e);
	if (e == OK)
		r->step = "reply";
	reply_send(r, e);
	fastcgi_finish(app->fastcgi);
	if ((e == OK || r->commits) && r->wakes)
		wake_scheduler(r);
	close_request(r, e);
}
