/* redis: a Redis of one test's own, on a Unix socket in $TMPDIR, with nothing on disk. */
#ifndef TESTS_QUEUE_REDIS_H
#define TESTS_QUEUE_REDIS_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/library.h"

static char folder[128], url[160];
static pid_t server;
static struct redis *redis;
static struct redis_options redis_options;
static struct scope scope;

static void
redis_start(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	if ((server = fork()) == 0) {
		int null = open("/dev/null", O_RDWR);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path,
		    "--save", "", "--dir", folder, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
		usleep(10 * 1000);
	usleep(50 * 1000);
}

static void
redis_stop(void)
{
	char path[160];

	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	unlink(path);
}

static void
open_queue(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/queue-XXXXXX", tmp ? tmp : "/tmp");
	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	cr_assert_not_null(mkdtemp(folder));
	redis_start();
	snprintf(url, sizeof(url), "unix://%s/redis.sock", folder);
	redis_options = (struct redis_options){ .url = url, .timeout_ms = 2000 };
	redis = redis_make(&redis_options);
	scope.arena = arena_make(65536, 64 << 20);
	cr_assert(redis != NULL && scope.arena != NULL);
}

static void
close_queue(void)
{
	redis_free(redis);
	arena_free(scope.arena);
	redis_stop();
	rmdir(folder);
}

/* One command of words without spaces; its first value as a number, -1 for none. */
static int64_t
command(const char *line)
{
	struct span rest = span_of(line), words[16];
	struct redis_reply reply;
	size_t n = 0;

	while (rest.ptr != NULL)
		words[n++] = span_cut(&rest, ' ');
	cr_assert_eq(
	    redis_call(redis, words, n, &reply, &scope), OK, "%s: %s", line, scope.fault.story);
	return redis_is_nil(&reply, 0) ? -1 : redis_number(&reply, 0);
}

#endif
