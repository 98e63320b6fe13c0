/* codegram-relay: live connections (WebSocket). May touch: its listening socket, Redis,
 * RUN_DIR/stats; no database, no network beyond Redis.
 * Started by systemd (codegram-relay.socket) or by hand with --listen. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "adapter/json.h"
#include "adapter/notify.h"
#include "base/log.h"
#include "main/program.h"
#include "relay/relay.h"
#include "relay/wire.h"

static const char help[] =
    "usage: codegram-relay [options]\n"
    "Pushes live events to WebSocket clients (protocol cg.v1), behind nginx.\n\n"
    "  -c, --config FILE    configuration (default /etc/codegram/codegram.conf)\n"
    "  -l, --listen WHERE   make the socket here: /PATH or ADDRESS:PORT; else it is taken\n"
    "                       from systemd\n"
    "  -h, --help           this text          -V, --version\n\n"
    "Signals: TERM leaves the port, closes the connections in slices and ends within\n"
    "RELAY_DRAIN_SECONDS; HUP reloads the configuration, and nobody is closed; USR1 reopens\n"
    "the files of LOG_DIR.\n"
    "Exit status: 0 ended as asked, 1 could not start, 2 wrong usage.\n";

static struct program program;
static const char *config;

/* Stands before libc's for this program and its libraries: libwebsockets reads by it. */
ssize_t
recv(int fd, void *bytes, size_t len, int flags)
{
	return wire_read(fd, bytes, recvfrom(fd, bytes, len, flags, NULL, NULL));
}

static void
read_arguments(int argc, char **argv, const char **listen_at)
{
	static const struct option options[] = { { "config", 1, NULL, 'c' },
		{ "listen", 1, NULL, 'l' }, { "help", 0, NULL, 'h' },
		{ "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:l:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c': config = optarg; break;
		case 'l': *listen_at = optarg; break;
		default: program_word(c, help);
		}
	}
	if (optind < argc)
		program_usage("codegram-relay takes no arguments, only options");
}

static bool
apply(struct relay *relay)
{
	struct settings *s;

	if (!program_load(&program, config))
		return false;
	s = program.settings;
	if (jwt_ring_fill(&relay->tokens, s->JWT_ISSUER, "codegram-live", s->JWT_LIVE_SECRET,
	        s->JWT_LIVE_SECRET_NEXT, s->JWT_LIVE_SECRET_PREVIOUS) != OK) {
		LOG(LEVEL_ERROR, "settings.refused",
		    L_TEXT(
		        "reason", "JWT_LIVE_SECRET is required, and no two keys may be equal"));
		return false;
	}
	log_open("codegram-relay", (enum log_level)s->LOG_LEVEL, s->LOG_DIR);
	relay->settings = s;
	return true;
}

/* SIGHUP. The keys of tokens are not among what it changes. */
static bool
reload(struct relay *relay)
{
	struct program before = program;

	if (!program_load(&program, config)) {
		program = before;
		return false;
	}
	relay->settings = program.settings;
	log_open("codegram-relay", (enum log_level)program.settings->LOG_LEVEL,
	    program.settings->LOG_DIR);
	return true;
}

int
main(int argc, char **argv)
{
	static struct relay relay = { .reload = reload };
	const char *listen_at = NULL;
	int code;

	read_arguments(argc, argv, &listen_at);
	log_open("codegram-relay", LEVEL_INFO, NULL);
	json_seed();
	if (!apply(&relay))
		return 1;
	relay.listen_fd = listen_at ? relay_listen(listen_at) : notify_listen_fd();
	if (relay.listen_fd < 0) {
		LOG(LEVEL_ERROR, "socket.not_opened",
		    L_TEXT("path", listen_at ? listen_at : "fd 3"),
		    L_TEXT("reason", errno == ENOENT && !listen_at
		                         ? "none was inherited; use --listen"
		                         : strerror(errno)));
		return 1;
	}
	relay.stats = program_counters(&program, "codegram-relay", 64);
	code = relay_run(&relay);
	arena_free(program.arena);
	return code;
}
