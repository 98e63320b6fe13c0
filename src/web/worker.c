/* worker: one process of a pool; serves requests one at a time until SIGTERM, which it looks
 * at between requests, so no answer is ever cut. */
#include "web/app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/version.h"
#include "store/statements.h"

enum { ARENA_FIRST = 64 * KIB, ARENA_CEILING = 64 * KIB * KIB, FULL_MS = 100 };

/* The process's own connections and memory, made after fork. */
static bool
worker_open(struct app *app, int listen_fd, int signal_fd)
{
	const struct settings *s = app->settings;
	bool login = strcmp(app->pool, "login") == 0;
	struct db_options db = { s->DATABASE_URL, login ? "codegram-login" : "codegram-api",
		login ? "codegram-login" : "codegram-api", (int)s->DATABASE_TIMEOUT_MS,
		(int)s->SLOW_QUERY_MS, store_constraints };
	struct redis_options redis = { s->REDIS_URL, login ? "codegram-login" : "codegram-api",
		s->REDIS_PASSWORD, (int)s->REDIS_TIMEOUT_MS };

	app->arena = arena_make(ARENA_FIRST, ARENA_CEILING);
	app->db = db_make(&db);
	app->redis = redis_make(&redis);
	app->fastcgi = fastcgi_open(listen_fd, signal_fd);
	/* Nobody else has a network to use it on. */
	if (login && (app->http = http_client_make("CodeGram/" CODEGRAM_VERSION)) == NULL)
		return false;
	return app->arena && app->db && app->redis && app->fastcgi;
}

static void
worker_close(struct app *app)
{
	db_free(app->db);
	redis_free(app->redis);
	http_client_free(app->http);
	fastcgi_close(app->fastcgi);
	arena_free(app->arena);
	buf_free(&app->request.reply.data);
	buf_free(&app->request.reply.headers);
}

/* Serves a request, if it gets one. Without a descriptor for it the request waits, for another
 * worker or until this one tries again after a pause; it is said when that begins and ends. */
static enum fastcgi_accepted
take(struct app *app, bool *full)
{
	enum fastcgi_accepted got;

	/* From here on the master's deadline runs, also while it is read. */
	atomic_store(&app->slot->busy_since, clock_mono());
	got = fastcgi_accept(app->fastcgi);
	if (got == FASTCGI_FULL) {
		counter_add(app->full, 1);
		if (!*full)
			LOG(LEVEL_ERROR, "worker.full", L_TEXT("pool", app->pool),
			    L_TEXT("reason", strerror(errno)));
		*full = true;
	}
	if (got == FASTCGI_REQUEST) {
		if (*full)
			LOG(LEVEL_WARN, "worker.accepts_again", L_TEXT("pool", app->pool));
		*full = false;
		serve(app);
	}
	atomic_store(&app->slot->busy_since, 0);
	return got;
}

/* After a pause when there was no descriptor. */
static enum fastcgi_event
next_event(struct app *app, enum fastcgi_accepted before)
{
	enum fastcgi_event event;

	if (before == FASTCGI_FULL)
		return fastcgi_pause(app->fastcgi, FULL_MS);
	event = fastcgi_wait(app->fastcgi, 0);
	app->queued = event != FASTCGI_NOTHING;
	return app->queued ? event : fastcgi_wait(app->fastcgi, -1);
}

int
worker_run(struct app *app, int listen_fd)
{
	int signal_fd = proc_signals(), signal_number = 0;
	enum fastcgi_accepted got = FASTCGI_NONE;
	bool full = false;

	if (signal_fd < 0 || !worker_open(app, listen_fd, signal_fd)) {
		LOG(LEVEL_ERROR, "worker.not_started", L_TEXT("pool", app->pool));
		return 1;
	}
	while (signal_number != SIGTERM && signal_number != SIGINT) {
		switch (next_event(app, got)) {
		case FASTCGI_READY: got = take(app, &full); break;
		case FASTCGI_SIGNAL:
			signal_number = proc_next_signal(signal_fd);
			if (signal_number == SIGUSR1)
				log_reopen();
			break;
		case FASTCGI_NOTHING: got = FASTCGI_NONE; break;
		}
	}
	worker_close(app);
	return 0;
}
