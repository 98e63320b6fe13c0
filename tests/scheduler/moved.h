/* moved: what the scheduler's tests share: writers of outbox rows, and what Redis holds. */
#ifndef SCHEDULER_MOVED_H
#define SCHEDULER_MOVED_H

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/postgres.h"
#include "adapter/redis.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "support/stack.h"

enum { TEXT_MAX = 1024 * 1024, ARENA_MAX = 256 * 1024 * 1024, WRITERS_MAX = 8 };

/* The queue of the tests. */
#define JOBS "github-sync"

static struct redis *redis;
static struct scope scope;

static inline void
redis_open(void)
{
	static char url[512];
	static struct redis_options options;

	signal(SIGPIPE, SIG_IGN); /* a Redis that is killed */
	snprintf(url, sizeof(url), "unix://%s/run/redis.sock", stack_dir());
	options = (struct redis_options){ url, NULL, NULL, 2000 };
	redis = redis_make(&options);
	scope.arena = arena_make(4096, ARENA_MAX);
	cr_assert(redis && scope.arena);
}

static inline void
redis_close(void)
{
	redis_free(redis);
	arena_free(scope.arena);
}

/* Words up to NULL. */
static inline enum err
redis_words(struct redis_reply *reply, const char *const *word)
{
	struct span words[16];
	size_t n = 0;

	for (; word[n] != NULL; n++)
		words[n] = span_of(word[n]);
	fault_reset(&scope.fault);
	return redis_call(redis, words, n, reply, &scope);
}
#define REDIS(reply, ...) redis_words(reply, (const char *const[]){ __VA_ARGS__, NULL })

/* The ids of outbox rows that Redis holds of a target, in order, separated by commas. */
static inline const char *
at_redis(const char *target)
{
	static char out[TEXT_MAX];
	bool events = strcmp(target, "rt") == 0;
	size_t step = events ? 9 : 3, len = 0;
	struct redis_reply reply;
	char key[128];

	arena_reset(scope.arena);
	snprintf(key, sizeof(key), events ? "cg:{%s}:log" : "cg:{%s}:s:n", target);
	out[0] = '\0';
	if (REDIS(&reply, "XRANGE", key, "-", "+") != OK)
		return "Redis is away";
	for (size_t i = 0; i + step <= reply.count && len + 64 < sizeof(out); i += step) {
		const char *id = redis_text(&reply, i + 2);
		if (!events)
			id = strchr(id, '-') + 1;
		len +=
		    (size_t)snprintf(out + len, sizeof(out) - len, "%s%s", len ? "," : "", id);
	}
	return out;
}

static inline const char *
at_postgres(const char *target)
{
	static char out[TEXT_MAX];
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "select string_agg(id::text, ',' order by batch, id) from outbox "
	    "where target = '%s'",
	    target);
	stack_sql(sql, out, sizeof(out));
	return out;
}

static inline bool
all_sent(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from outbox where sent_at is null") == 0;
}

static inline bool
same(void *target)
{
	return strcmp(at_redis(target), at_postgres(target)) == 0;
}

/* Every row there, each once, in the order of its batch and id. */
static inline void
expect_exact(const char *target, long rows, double seconds)
{
	char name[64];
	const char *text;
	long count = 1;

	snprintf(name, sizeof(name), "%s", target);
	cr_expect(wait_until(all_sent, NULL, seconds), "not all sent after %.0f s", seconds);
	cr_expect(wait_until(same, name, seconds), "%s: Redis holds other rows", target);
	text = at_redis(target);
	for (const char *at = text; *at; at++)
		count += *at == ',';
	cr_expect_eq(
	    *text ? count : 0, rows, "%s: %ld rows, not %ld", target, *text ? count : 0, rows);
}

/* Nothing in the outbox, nothing in Redis. */
static inline void
clean(void)
{
	struct redis_reply reply;
	char out[64];

	redis_open();
	cr_assert(wait_until(all_sent, NULL, 20));
	stack_part("stop-part", "scheduler");
	stack_sql("delete from outbox", out, sizeof(out));
	cr_assert_eq(REDIS(&reply, "FLUSHALL"), OK, "%s", scope.fault.story);
	stack_part("start-part", "scheduler");
}

struct writers {
	pid_t pid[WRITERS_MAX];
	int count;
};

/* In a process of its own: `rows` transactions of one row each, `pause_ms` apart; one that
 * fails is tried again. */
static inline void
writer_start(struct writers *w, const char *target, int rows, int pause_ms)
{
	bool event = strcmp(target, "rt") == 0;
	char sql[512];
	pid_t pid;

	snprintf(sql, sizeof(sql),
	    "do $$ begin for i in 1..%d loop "
	    "insert into outbox (kind, target, name, room, data) values "
	    "('%s', '%s', 'test', %s, jsonb_build_object('n', i)); commit; "
	    "perform pg_sleep(%d / 1000.0); end loop; end $$",
	    rows, event ? "event" : "job", target, event ? "'admin'" : "null", pause_ms);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		char out[4096];
		stack_sql(sql, out, sizeof(out));
		_exit(0);
	}
	w->pid[w->count++] = pid;
}

static inline void
writers_wait(struct writers *w)
{
	for (int i = 0; i < w->count; i++)
		waitpid(w->pid[i], NULL, 0);
	w->count = 0;
}

static inline bool
has_scheduler(void *before)
{
	pid_t pid = stack_main("scheduler");

	return pid > 1 && pid != *(pid_t *)before && kill(pid, 0) == 0;
}

#endif
