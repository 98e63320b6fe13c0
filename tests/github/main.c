/* main: the stand-in's process: options, the HTTP server (libmicrohttpd, a thread for each
 * connection, since faults hold some of them up), the end by a signal. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "github/stand_in.h"

enum { ARENA_FIRST = 64 * 1024, ARENA_MOST = 64 * 1024 * 1024, OUT_MAX = 128 * 1024 * 1024 };
enum { SLOW_PIECES = 50, CONNECTIONS = 256, IDLE_SECONDS = 120 };

/* ---- the body of an answer, which may come slowly or be cut off */

struct body {
	struct world *world;
	char *bytes;
	size_t len, cut;
	double slow;
	int64_t number;
};

static void
wait_seconds(struct world *w, double seconds)
{
	struct timespec until;
	unsigned wakes;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)seconds;
	until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->lock);
	wakes = w->wakes;
	while (!w->ending && w->wakes == wakes &&
	       pthread_cond_timedwait(&w->woken, &w->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&w->lock);
}

static void
end_entry(struct world *w, int64_t number, int status)
{
	pthread_mutex_lock(&w->lock);
	log_end(w, number, status);
	pthread_mutex_unlock(&w->lock);
}

static ssize_t
body_read(void *with, uint64_t from, char *to, size_t most)
{
	struct body *b = with;
	size_t left = b->len - (size_t)from;

	if (b->cut > 0 && from >= b->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (b->cut > 0 && left > b->cut - (size_t)from)
		left = b->cut - (size_t)from;
	if (b->slow > 0) {
		wait_seconds(b->world, b->slow / SLOW_PIECES);
		most = most < b->len / SLOW_PIECES + 1 ? most : b->len / SLOW_PIECES + 1;
	}
	left = left < most ? left : most;
	memcpy(to, b->bytes + from, left);
	if (from + left == b->len)
		end_entry(b->world, b->number, 0);
	return (ssize_t)left;
}

static void
body_free(void *with)
{
	struct body *b = with;

	end_entry(b->world, b->number, 0);
	free(b->bytes);
	free(b);
}

static struct MHD_Response *
response_of(struct ask *a)
{
	struct body *b;

	if (a->slow <= 0 && a->cut == 0)
		return MHD_create_response_from_buffer(
		    a->out.len, a->out.ptr ? a->out.ptr : a->body.ptr, MHD_RESPMEM_MUST_COPY);
	if ((b = calloc(1, sizeof(*b))) == NULL || (b->bytes = malloc(a->out.len + 1)) == NULL)
		abort();
	memcpy(b->bytes, a->out.ptr ? a->out.ptr : "", a->out.len);
	b->world = a->world;
	b->len = a->out.len;
	b->cut = a->cut;
	b->slow = a->slow;
	b->number = a->number;
	return MHD_create_response_from_callback(b->len, 8192, body_read, b, body_free);
}

/* ---- one request */

/* What the other side gets is a reset, not an end. */
static enum MHD_Result
cut_connection(struct ask *a)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(a->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct linger now = { 1, 0 };

	setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	end_entry(a->world, a->number, 0);
	return MHD_NO;
}

static enum MHD_Result
send_answer(struct ask *a)
{
	struct MHD_Response *response;
	enum MHD_Result sent;

	if (a->stall > 0)
		wait_seconds(a->world, a->stall);
	if (a->reset)
		return cut_connection(a);
	response = response_of(a);
	if (a->status != 204 && a->status != 304)
		MHD_add_response_header(response, "Content-Type", a->type);
	for (size_t i = 0; i < a->header_count; i++)
		MHD_add_response_header(response, a->headers[i].name, a->headers[i].value);
	pthread_mutex_lock(&a->world->lock);
	if (log_entry(a->world, a->number) != NULL)
		log_entry(a->world, a->number)->status = a->status;
	if (a->slow <= 0 && a->cut == 0)
		log_end(a->world, a->number, a->status);
	pthread_mutex_unlock(&a->world->lock);
	sent = MHD_queue_response(a->connection, (unsigned)a->status, response);
	MHD_destroy_response(response);
	return sent;
}

static struct ask *
ask_make(
    struct world *w, struct MHD_Connection *connection, const char *method, const char *path)
{
	struct arena *arena = arena_make(ARENA_FIRST, ARENA_MOST);
	struct ask *a = arena ? arena_alloc(arena, sizeof(*a)) : NULL;

	if (a == NULL)
		abort();
	a->world = w;
	a->connection = connection;
	a->arena = arena;
	a->method = arena_text(arena, span_of(method));
	a->path = arena_text(arena, span_of(path));
	a->type = "application/json; charset=utf-8";
	a->person = NOBODY;
	a->number = -1;
	buf_init(&a->body, BODY_MAX);
	buf_init(&a->out, OUT_MAX);
	return a;
}

static enum MHD_Result
serve(void *with, struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *bytes, size_t *count, void **kept)
{
	struct world *w = with;
	struct ask *a = *kept;

	(void)version;
	if (a == NULL) {
		*kept = ask_make(w, connection, method, path);
		return MHD_YES;
	}
	if (*count > 0) {
		buf_add(&a->body, (struct span){ bytes, *count });
		*count = 0;
		return MHD_YES;
	}
	pthread_mutex_lock(&w->lock);
	serve_ask(a);
	pthread_mutex_unlock(&w->lock);
	return send_answer(a);
}

static void
completed(void *with, struct MHD_Connection *connection, void **kept,
    enum MHD_RequestTerminationCode how)
{
	struct ask *a = *kept;

	(void)with;
	(void)connection;
	(void)how;
	if (a == NULL)
		return;
	buf_free(&a->body);
	buf_free(&a->out);
	arena_free(a->arena);
	*kept = NULL;
}

/* ---- the process */

struct options {
	char address[64];
	uint16_t port;
	const char *config, *ready;
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: github-stand-in --listen ADDRESS:PORT --seed FILE [option...]\n"
	    "  --config FILE       takes GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET,\n"
	    "                      GITHUB_WEBHOOK_SECRET and PUBLIC_URL from KEY=value lines\n"
	    "  --public-url URL    what its links begin with (http://ADDRESS:PORT)\n"
	    "  --webhook URL       where deliveries go (PUBLIC_URL/api/v1/github/webhook)\n"
	    "  --journal FILE      keeps changes and tokens there, to start again with them\n"
	    "  --ready FILE        writes its URL there once it answers; PORT may be 0\n");
	exit(2);
}

static bool
take_listen(struct options *o, const char *text)
{
	const char *colon = strrchr(text, ':');
	int64_t port;

	if (colon == NULL || !span_int(span_of(colon + 1), &port) || port < 0 || port > 65535)
		return false;
	snprintf(o->address, sizeof(o->address), "%.*s", (int)(colon - text), text);
	o->port = (uint16_t)port;
	return true;
}

static void
take_line(struct settings_of_app *app, const char *key, const char *value)
{
	if (strcmp(key, "GITHUB_CLIENT_ID") == 0)
		snprintf(app->client_id, sizeof(app->client_id), "%s", value);
	else if (strcmp(key, "GITHUB_CLIENT_SECRET") == 0)
		snprintf(app->client_secret, sizeof(app->client_secret), "%s", value);
	else if (strcmp(key, "GITHUB_WEBHOOK_SECRET") == 0)
		snprintf(app->webhook_secret, sizeof(app->webhook_secret), "%s", value);
	if (strcmp(key, "PUBLIC_URL") != 0)
		return;
	snprintf(
	    app->callback, sizeof(app->callback), "%.400s/api/v1/auth/github/callback", value);
	snprintf(app->webhook, sizeof(app->webhook), "%.400s/api/v1/github/webhook", value);
}

static void
read_config(struct settings_of_app *app, const char *path)
{
	char line[1024], *equals;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		fprintf(stderr, "github-stand-in: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if ((equals = strchr(line, '=')) == NULL)
			continue;
		*equals = '\0';
		take_line(app, line, equals + 1);
	}
	fclose(f);
}

static void
take_options(struct world *w, struct options *o, int argc, char **argv)
{
	static const struct option names[] = { { "listen", 1, NULL, 'l' },
		{ "seed", 1, NULL, 's' }, { "config", 1, NULL, 'c' },
		{ "public-url", 1, NULL, 'p' }, { "webhook", 1, NULL, 'w' },
		{ "journal", 1, NULL, 'j' }, { "ready", 1, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	int which;

	take_line(&w->app, "GITHUB_CLIENT_ID", "stand-in-client");
	take_line(&w->app, "GITHUB_CLIENT_SECRET", "stand-in-secret");
	take_line(&w->app, "GITHUB_WEBHOOK_SECRET", "It's a Secret to Everybody");
	take_line(&w->app, "PUBLIC_URL", "http://127.0.0.1:8080");
	while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (which) {
		case 'l':
			if (!take_listen(o, optarg))
				usage();
			break;
		case 's': w->seed = optarg; break;
		case 'c': read_config(&w->app, optarg); break;
		case 'p':
			snprintf(w->app.public_url, sizeof(w->app.public_url), "%s", optarg);
			break;
		case 'w': snprintf(w->app.webhook, sizeof(w->app.webhook), "%s", optarg); break;
		case 'j': w->journal = optarg; break;
		case 'r': o->ready = optarg; break;
		default: usage();
		}
	}
	if (w->seed == NULL || o->address[0] == '\0')
		usage();
}

static void
say_ready(const struct world *w, const struct options *o)
{
	FILE *f = o->ready ? fopen(o->ready, "we") : NULL;

	LOG(LEVEL_INFO, "github.ready", L_TEXT("url", w->app.public_url));
	if (f == NULL)
		return;
	fprintf(f, "%s\n", w->app.public_url);
	fclose(f);
}

static struct MHD_Daemon *
listen_on(struct world *w, struct options *o)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	struct MHD_Daemon *daemon;

	if (inet_pton(AF_INET, o->address, &to.sin_addr) != 1)
		usage();
	daemon =
	    MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
	                         MHD_USE_POLL | MHD_USE_ERROR_LOG,
	        o->port, NULL, NULL, serve, w, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&to,
	        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
	        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(4 * BODY_MAX), MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr, "github-stand-in: can't listen on %s:%d: %s\n", o->address,
		    o->port, strerror(errno));
		exit(1);
	}
	o->port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	if (w->app.public_url[0] == '\0')
		snprintf(w->app.public_url, sizeof(w->app.public_url), "http://%s:%d",
		    o->address, o->port);
	return daemon;
}

static void
world_free(struct world *w)
{
	fault_clear(w);
	free(w->people.at);
	free(w->repositories.at);
	free(w->tokens.at);
	free(w->codes.at);
	free(w->old_names.at);
	free(w->log);
	if (w->journal_file != NULL)
		fclose(w->journal_file);
}

int
main(int argc, char **argv)
{
	static struct world world = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.woken = PTHREAD_COND_INITIALIZER };
	struct options options = { .address = "" };
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int signal_number;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	log_open("github-stand-in", LEVEL_INFO, NULL);
	json_seed();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	take_options(&world, &options, argc, argv);
	world.log = calloc(LOG_MAX, sizeof(*world.log));
	if (world.log == NULL || !world_fill(&world))
		return 1;
	daemon = listen_on(&world, &options);
	say_ready(&world, &options);
	sigwait(&ends, &signal_number);
	pthread_mutex_lock(&world.lock);
	world.ending = true;
	pthread_cond_broadcast(&world.woken);
	pthread_mutex_unlock(&world.lock);
	MHD_stop_daemon(daemon);
	curl_global_cleanup();
	world_free(&world);
	return 0;
}
