/* codegram-api: the master of one pool of FastCGI workers.
 * May touch: its listening socket, RUN_DIR/stats, and (its workers) PostgreSQL and Redis.
 * Started by systemd (codegram-api@POOL.socket) or by hand with --listen. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/crypto.h"
#include "adapter/json.h"
#include "adapter/notify.h"
#include "api/routes.h"
#include "base/log.h"
#include "base/proc.h"
#include "job/jobs.h"
#include "job/schedules.h"
#include "main/program.h"
#include "web/app.h"

static const char help[] =
    "usage: codegram-api [options]\n"
    "Serves a pool of CodeGram's API workers on a Unix socket (FastCGI), behind nginx.\n\n"
    "  -c, --config FILE    configuration (default /etc/codegram/codegram.conf)\n"
    "  -l, --listen PATH    make the socket here; else it is taken from systemd\n"
    "  -w, --workers N      processes (default API_WORKERS)\n"
    "  -r, --routes GROUPS  route groups to serve, separated by commas (default all: every\n"
    "                       group but login)\n"
    "  -p, --pool NAME      name in logs and metrics (default all); login also chooses the\n"
    "                       database role codegram-login\n"
    "  -h, --help           this text          -V, --version\n\n"
    "Signals: TERM drains and ends, HUP reloads the configuration and replaces the workers\n"
    "one by one, USR1 reopens the files of LOG_DIR.\n"
    "Exit status: 0 ended as asked, 1 could not start, 2 wrong usage.\n";

struct arguments {
	const char *config, *listen, *workers, *routes, *pool;
};

static struct arguments args = { .routes = "all", .pool = "all" };
static struct program program;

static void
read_arguments(int argc, char **argv)
{
	static const struct option options[] = { { "config", 1, NULL, 'c' },
		{ "listen", 1, NULL, 'l' }, { "workers", 1, NULL, 'w' },
		{ "routes", 1, NULL, 'r' }, { "pool", 1, NULL, 'p' }, { "help", 0, NULL, 'h' },
		{ "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:l:w:r:p:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c': args.config = optarg; break;
		case 'l': args.listen = optarg; break;
		case 'w': args.workers = optarg; break;
		case 'r': args.routes = optarg; break;
		case 'p': args.pool = optarg; break;
		default: program_word(c, help);
		}
	}
	if (optind < argc)
		program_usage("codegram-api takes no arguments, only options");
}

/* What the settings decide for the pool; false keeps the old ones. */
static bool
apply(struct app *app)
{
	struct settings *s;

	if (!program_load(&program, args.config))
		return false;
	s = program.settings;
	if (jwt_ring_fill(&app->access, s->JWT_ISSUER, "codegram-api", s->JWT_SECRET,
	        s->JWT_SECRET_NEXT, s->JWT_SECRET_PREVIOUS) != OK ||
	    jwt_ring_fill(&app->refresh, s->JWT_ISSUER, "codegram-refresh",
	        s->JWT_REFRESH_SECRET, s->JWT_REFRESH_SECRET_NEXT,
	        s->JWT_REFRESH_SECRET_PREVIOUS) != OK) {
		LOG(LEVEL_ERROR, "settings.refused",
		    L_TEXT("reason", "JWT_SECRET and JWT_REFRESH_SECRET are required, and no "
		                     "two keys may be equal"));
		return false;
	}
	/* Without its key there are no tokens for the relay, and all else works. */
	jwt_ring_fill(&app->live, s->JWT_ISSUER, "codegram-live", s->JWT_LIVE_SECRET,
	    s->JWT_LIVE_SECRET_NEXT, s->JWT_LIVE_SECRET_PREVIOUS);
	/* Without them nobody signs in, and all else works. */
	if (s->SEAL_KEY != NULL && seal_ring_fill(&app->seal, s->SEAL_KEY, s->SEAL_KEY_NEXT,
	                               s->SEAL_KEY_PREVIOUS) != OK) {
		LOG(LEVEL_ERROR, "settings.refused",
		    L_TEXT("reason", "no two keys that seal may be equal"));
		return false;
	}
	for (int i = 0; i < JWT_KEYS; i++)
		crypto_hmac(app->refresh.key[i < app->refresh.count ? i : 0].secret,
		    SPAN("codegram cursor"), app->cursor_key[i]);
	log_open("codegram-api", (enum log_level)s->LOG_LEVEL, s->LOG_DIR);
	app->settings = s;
	/* For what operators are shown; workers don't start with what is refused here. */
	if (app->jobs == NULL &&
	    (app->jobs = arena_alloc(program.arena, job_count * sizeof(*jobs))) == NULL)
		return false;
	memcpy(app->jobs, jobs, job_count * sizeof(*jobs));
	jobs_tune(s->JOB_OPTIONS, app->jobs);
	return true;
}

static bool
open_counters(struct app *app, struct pool *pool)
{
	char part[64], labels[128];

	snprintf(part, sizeof(part), "api-%s", app->pool);
	app->stats = program_counters(&program, part, (app->route_count + 1) * 24 + 16);
	app->counters =
	    arena_alloc(program.arena, (app->route_count + 1) * sizeof(*app->counters));
	if (app->counters == NULL)
		return false;
	for (size_t i = 0; i <= app->route_count; i++) {
		const char *name = i < app->route_count ? app->routes[i].name : "none";
		for (int hundreds = 1; hundreds < 6; hundreds++) {
			snprintf(labels, sizeof(labels),
			    "pool=\"%s\",route=\"%s\",status=\"%dxx\"", app->pool, name,
			    hundreds);
			app->counters[i].status[hundreds] = counter_get(
			    app->stats, "codegram_http_requests_total", COUNTER, labels);
		}
		snprintf(labels, sizeof(labels), "pool=\"%s\",route=\"%s\"", app->pool, name);
		histogram_get(app->stats, &app->counters[i].duration,
		    "codegram_http_request_seconds", labels);
	}
	snprintf(labels, sizeof(labels), "pool=\"%s\"", app->pool);
	pool->respawned =
	    counter_get(app->stats, "codegram_pool_respawned_total", COUNTER, labels);
	app->full = counter_get(app->stats, "codegram_pool_full_total", COUNTER, labels);
	app->refused = counter_get(app->stats, "codegram_pool_refused_total", COUNTER, labels);
	pool->killed = counter_get(app->stats, "codegram_pool_killed_total", COUNTER, labels);
	pool->alive = counter_get(app->stats, "codegram_pool_workers", PRESENT, labels);
	atomic_store(counter_get(app->stats, "codegram_pool_workers_wanted", PRESENT, labels),
	    (uint64_t)app->workers);
	pool->pulse = counter_pulse(app->stats, part);
	return true;
}

int
main(int argc, char **argv)
{
	static struct app app;
	struct pool pool = { .app = &app, .reload = apply };
	int64_t workers;

	read_arguments(argc, argv);
	log_open("codegram-api", LEVEL_INFO, NULL);
	json_seed();
	app.pool = args.pool;
	app.routes = routes;
	app.route_count = route_count;
	app.schedules = schedules;
	app.schedule_count = schedule_count;
	app.job_count = job_count;
	if ((app.groups = group_set(span_of(args.routes))) == 0)
		program_usage("--routes names a group that does not exist");
	if (!apply(&app))
		return 1;
	workers = app.settings->API_WORKERS;
	if (args.workers &&
	    (!span_int(span_of(args.workers), &workers) || workers < 1 || workers > 256))
		program_usage("--workers must be from 1 to 256");
	app.workers = (int)workers;
	app.arena = program.arena;
	pool.listen_fd = args.listen ? fastcgi_listen(args.listen) : notify_listen_fd();
	if (pool.listen_fd < 0) {
		LOG(LEVEL_ERROR, "socket.not_opened",
		    L_TEXT("path", args.listen ? args.listen : "fd 3"),
		    L_TEXT("reason", errno == ENOENT && !args.listen
		                         ? "none was inherited; use --listen"
		                         : strerror(errno)));
		return 1;
	}
	return open_counters(&app, &pool) ? pool_run(&pool) : 1;
}
