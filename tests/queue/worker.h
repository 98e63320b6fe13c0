/* worker: what the tests of the worker share: jobs put into the stack's own Redis by the library,
 * and a look at what became of them. */
#ifndef QUEUE_WORKER_H
#define QUEUE_WORKER_H

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/redis.h"
#include "base/clock.h"
#include "queue/library.h"
#include "support/stack.h"

#define MAINTENANCE "maintenance"

static struct redis *redis;
static struct scope scope;

static inline void
open_queue(void)
{
	static char url[512];
	static struct redis_options options;

	signal(SIGPIPE, SIG_IGN);
	snprintf(url, sizeof(url), "unix://%s/run/redis.sock", stack_dir());
	options = (struct redis_options){ url, NULL, NULL, 2000 };
	redis = redis_make(&options);
	scope.arena = arena_make(65536, 256 << 20);
	cr_assert(redis && scope.arena);
}

static inline void
close_queue(void)
{
	redis_free(redis);
	arena_free(scope.arena);
}

static inline enum add_answer
add_item(const char *queue, struct queue_item item)
{
	enum add_answer answer;

	cr_assert_eq(queue_add(redis, queue, &item, &answer, &scope), OK, "%s: %s", item.id,
	    scope.fault.story);
	return answer;
}

/* ADD("id", "test.none", DATA("{}"), .owner = …) into maintenance */
#define DATA(json) .data = SPAN(json)
#define ADD(job_id, job_name, ...)                                                             \
	add_item(                                                                              \
	    MAINTENANCE, (struct queue_item){ .id = job_id, .name = job_name, __VA_ARGS__ })

static inline struct queue_view
view_of(const char *queue, const char *id)
{
	struct queue_view view = { .state = "unknown" };

	arena_reset(scope.arena);
	fault_reset(&scope.fault);
	if (queue_show(redis, queue, id, &view, &scope) != OK)
		view = (struct queue_view){ .state = "unknown", .error = "", .reason = "" };
	return view;
}
#define VIEW(id) view_of(MAINTENANCE, id)

struct wanted_state {
	const char *queue, *id, *state;
};

static inline bool
has_state(void *with)
{
	const struct wanted_state *w = with;

	return strcmp(view_of(w->queue, w->id).state, w->state) == 0;
}

static inline void
expect_in(const char *queue, const char *id, const char *state, double seconds)
{
	struct wanted_state w = { queue, id, state };
	bool there = wait_until(has_state, &w, seconds);
	struct queue_view v = view_of(queue, id);

	cr_expect(there, "%s is not %s within %.1f s: %s, reason %s, error %s", id, state,
	    seconds, v.state, v.reason, v.error);
}
#define EXPECT(id, state, seconds) expect_in(MAINTENANCE, id, state, seconds)

static inline struct queue_stats
stats_of(const char *queue)
{
	struct queue_stats n = { .waiting = -1 };

	arena_reset(scope.arena);
	fault_reset(&scope.fault);
	cr_assert_eq(queue_stats(redis, queue, &n, &scope), OK, "%s", scope.fault.story);
	return n;
}

/* Another worker on the same Redis, beside the stack's own. */
static inline pid_t
second_worker(void)
{
	char config[512], program[] = "build/san/bin/codegram-worker";
	pid_t pid;

	snprintf(config, sizeof(config), "%s/codegram.conf", stack_dir());
	fflush(NULL);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--config", config, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static inline bool
has_children(void *pid)
{
	pid_t children[64];

	return children_of(*(pid_t *)pid, children, 64) > 0;
}

static inline void
end_worker(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	cr_expect_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

#endif
