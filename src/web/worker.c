/* worker: one process of a pool; serves requests one at a time until SIGTERM, which it looks
 * at between requests, so no answer is ever cut. */
#include "web/app.h"

#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/version.h"
#include "store/statements.h"

enum { ARENA_FIRST = 64 * KIB, ARENA_CEILING = 64 * KIB * KIB };

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

int
worker_run(struct app *app, int listen_fd)
{
	int signal_fd = proc_signals(), signal_number = 0;

	if (signal_fd < 0 || !worker_open(app, listen_fd, signal_fd)) {
		LOG(LEVEL_ERROR, "worker.not_started", L_TEXT("pool", app->pool));
		return 1;
	}
	while (signal_number != SIGTERM && signal_number != SIGINT) {
		switch (fastcgi_wait(app->fastcgi, -1)) {
		case FASTCGI_READY:
			/* From here on the master's deadline runs, also while it is read. */
			atomic_store(&app->slot->busy_since, clock_mono());
			if (fastcgi_accept(app->fastcgi))
				serve(app);
			atomic_store(&app->slot->busy_since, 0);
			break;
		case FASTCGI_SIGNAL:
			signal_number = proc_next_signal(signal_fd);
			if (signal_number == SIGUSR1)
				log_reopen();
			break;
		case FASTCGI_NOTHING: break;
		}
	}
	worker_close(app);
	return 0;
}
