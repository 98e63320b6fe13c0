/* Each program's Redis user may do its work and is refused the rest: commands and keys. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/library.h"
#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { NULL };

static void
as_user(const char *user, const char *command, char *out, size_t size)
{
	const char *password = stack_setting("REDIS_PASSWORD");
	char script[8192];
	const char *argv[] = { "sh", "-c", script, NULL };

	cr_assert_neq(password[0], '\0');
	snprintf(script, sizeof(script),
	    "REDISCLI_AUTH=%s exec redis-cli -s '%s/run/redis.sock' --user %s %s 2>&1",
	    password, stack_dir(), user, command);
	run_command(argv, out, size);
}

Test(redis_users, may_and_may_not)
{
	static const struct {
		const char *user, *command;
		bool allowed;
	} rows[] = {
		{ "codegram-api", "get cg:rate:x", true },
		{ "codegram-api", "publish cg:wake 1", true },
		{ "codegram-api", "exists cg:dead:x", true },
		{ "codegram-api", "fcall cg2_stats 1 'cg:{rt}'", false },
		{ "codegram-api", "get 'cg:{other}:m'", false },
		{ "codegram-api", "get 'cg:{rt}:m'", false },
		{ "codegram-api", "del 'cg:{rt}:log'", false },
		{ "codegram-api", "xreadgroup group w me streams 'cg:{push}:s:n' '>'", false },
		{ "codegram-api", "xclaim 'cg:{push}:s:n' w me 0 1-1", false },
		{ "codegram-api", "xautoclaim 'cg:{push}:s:n' w me 0 0", false },
		{ "codegram-api", "xgroup create 'cg:{push}:s:n' w 0", false },
		{ "codegram-api", "xtrim 'cg:{push}:s:n' maxlen 0", false },
		{ "codegram-api", "function list", false },
		{ "codegram-api", "function flush", false },
		{ "codegram-api", "keys '*'", false },
		{ "codegram-api", "scan 0", false },
		{ "codegram-api", "rename cg:rate:x cg:rate:y", false },
		{ "codegram-api", "publish cg:cancel 1", true },
		{ "codegram-api", "subscribe cg:wake", false },
		{ "codegram-api", "config get dir", false },
		{ "codegram-login", "get 'cg:{maintenance}:m'", false },
		{ "codegram-login", "fcall cg2_stats 1 'cg:{maintenance}'", false },
		{ "codegram-api", "xadd 'cg:{rt}:log' '*' a b", false },
		{ "codegram-api", "publish cg:other 1", false },
		{ "codegram-api", "flushall", false },
		{ "codegram-login", "get cg:rate:x", true },
		{ "codegram-login", "keys '*'", false },
		{ "codegram-scheduler", "hgetall 'cg:{maintenance}:m'", true },
		{ "codegram-scheduler", "flushall", false },
		{ "codegram-scheduler", "config set maxmemory 1", false },
		{ "codegram-scheduler", "get other", false },
		{ "codegram-worker", "hgetall 'cg:{maintenance}:m'", true },
		{ "codegram-worker", "keys '*'", false },
		{ "codegram-worker", "shutdown", false },
		{ "codegram-relay", "xrange 'cg:{rt}:log' - +", true },
		{ "codegram-relay", "xrange 'cg:{maintenance}:s:n' - +", false },
		{ "codegram-relay", "del 'cg:{rt}:log'", false },
		{ "codegram-ctl", "config get appendonly", true },
		{ "codegram-ctl", "config set appendonly no", false },
		{ "codegram-ctl", "acl list", false },
	};
	char out[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		as_user(rows[i].user, rows[i].command, out, sizeof(out));
		cr_expect_eq(strstr(out, "NOPERM") == NULL && strstr(out, "WRONGPASS") == NULL,
		    rows[i].allowed, "%s: %s: %s", rows[i].user, rows[i].command, out);
	}
}

static struct redis *redis;
static struct scope scope;

static void
open_as_api(void)
{
	static char url[4200], password[256];
	static struct redis_options options = { url, "codegram-api", password, 2000 };

	snprintf(url, sizeof(url), "unix://%s/run/redis.sock", stack_dir());
	snprintf(password, sizeof(password), "%s", stack_setting("REDIS_PASSWORD"));
	redis = redis_make(&options);
	scope.arena = arena_make(65536, 16 << 20);
	cr_assert(redis != NULL && scope.arena != NULL);
}

static void
close_api(void)
{
	redis_free(redis);
	arena_free(scope.arena);
}

static void
add(const struct queue_item *like, const char *id)
{
	struct queue_item item = *like;
	enum add_answer answer;

	item.id = id;
	item.name = "x";
	item.data = SPAN("{}");
	cr_expect_eq(queue_add(redis, "push", &item, &answer, &scope), OK, "%s: %s", id,
	    scope.fault.story);
}

/* What was refused since its reset; a function that catches the error is seen here alone. */
static void
acl_log(const char *word, char *out, size_t size)
{
	char command[4400];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' acl log %s",
	    stack_dir(), word);
	run_command(argv, out, size);
}

#define MAY(call) cr_expect_eq(call, OK, #call ": %s", scope.fault.story)

static void
ask_of(const char *id, int pass)
{
	enum cancel_answer answer;
	struct queue_view view;
	const char **lines;
	size_t count;

	MAY(queue_show(redis, "push", id, &view, &scope));
	MAY(queue_logs(redis, "push", id, &lines, &count, &scope));
	if (pass == 0)
		MAY(queue_cancel(redis, "push", id, &answer, &scope));
	if (pass == 1)
		MAY(queue_remove(redis, "push", id, &scope));
	if (pass <= 1)
		cr_expect_neq(queue_retry(redis, "push", id, &scope), ERR_INTERNAL, "%s",
		    scope.fault.story);
}

/* Every function behind the admin routes, with every kind of job: nobody works on push. */
Test(redis_users, the_api_does_what_operators_ask)
{
	static const struct queue_item kinds[] = {
		{ .lane = 'h' },
		{ .delay_ms = 60000 },
		{ .unique = "one" },
		{ .unique = "for", .unique_mode = UNIQUE_FOR, .unique_ms = 1000 },
		{ .unique = "last", .unique_mode = UNIQUE_LAST },
		{ .key = "key", .attempts = 2, .backoff = BACKOFF_FIXED, .backoff_ms = 5 },
		{ .batch = "batch", .keep_done = KEEP_NONE, .keep_dead = 3 },
		{ .batch = "batch", .batch_total = 1, .batch_final = true },
	};
	enum { KINDS = sizeof(kinds) / sizeof(*kinds) };
	static const char *const states[] = { "waiting", "active", "delayed", "blocked",
		"completed", "failed", "cancelled" };
	struct queue_limits now, set = { 1, 2, 3 }, unset = { -2, -2, -2 };
	struct queue_view *views;
	struct queue_stats stats;
	size_t count;
	int64_t n;
	bool more;
	char id[16], out[4096];

	acl_log("reset", out, sizeof(out));
	open_as_api();
	for (int q = 0; q < QUEUE_COUNT; q++) {
		MAY(queue_stats(redis, queues[q].name, &stats, &scope));
		MAY(queue_limit(redis, queues[q].name, NULL, &now, &scope));
	}
	MAY(queue_pause(redis, "push", true, &scope));
	for (int pass = 0; pass < 4; pass++) {
		for (size_t i = 0; i < KINDS; i++) {
			snprintf(id, sizeof(id), "k%zu", i);
			add(&kinds[i], id);
			snprintf(id, sizeof(id), "again%zu", i);
			add(&kinds[i], id);
		}
		for (size_t i = 0; i < KINDS; i++) {
			snprintf(id, sizeof(id), "k%zu", i);
			ask_of(id, pass);
		}
		for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
			MAY(queue_list(redis, "push", states[i], 10, &views, &count, &scope));
		MAY(queue_retry_all(redis, "push", 10, &n, &scope));
		MAY(queue_drain(redis, "push", pass == 3, &n, &more, &scope));
	}
	MAY(queue_drain(redis, "push", true, &n, &more, &scope));
	MAY(queue_limit(redis, "push", &set, &now, &scope));
	MAY(queue_limit(redis, "push", &unset, &now, &scope));
	MAY(queue_pause(redis, "push", false, &scope));
	close_api();
	acl_log("", out, sizeof(out));
	cr_expect_str_eq(out, "", "%s", out);
}

/* And nothing else: it takes no job, loads no function, speaks to no relay. */
Test(redis_users, the_api_may_do_no_more)
{
	const char *none[1] = { NULL };
	struct queue_step step = { .want = 1, .results = none };
	struct queue_item item = { .lane = 'n' };
	enum add_answer answer;

	open_as_api();
	add(&item, "bait");
	cr_expect_eq(queue_step(redis, "push", "thief", &step, &scope), ERR_INTERNAL);
	cr_expect_not_null(strstr(scope.fault.story, "can't run"), "%s", scope.fault.story);
	fault_reset(&scope.fault);
	cr_expect_eq(queue_load(redis, &scope), ERR_INTERNAL);
	cr_expect_not_null(strstr(scope.fault.story, "NOPERM"), "%s", scope.fault.story);
	fault_reset(&scope.fault);
	cr_expect_eq(queue_tell(redis, "rt", "admin", "x", SPAN("{}"), &scope), ERR_INTERNAL);
	fault_reset(&scope.fault);
	item.id = item.name = "x";
	item.data = SPAN("{}");
	cr_expect_eq(queue_add(redis, "rt", &item, &answer, &scope), ERR_INTERNAL);
	fault_reset(&scope.fault);
	cr_expect_eq(queue_remove(redis, "push", "bait", &scope), OK);
	close_api();
}

/* And with these rights all programs did their work since they started. */
Test(redis_users, nobody_was_refused)
{
	const char *ann = stack_token("acl-ann"), *bob = stack_token("acl-bob");
	char out[16384], path[128], script[4400];
	const char *argv[] = { "sh", "-c", script, NULL };
	struct answer a;

	snprintf(script, sizeof(script), "redis-cli -s '%s/run/redis.sock' acl log reset",
	    stack_dir());
	run_command(argv, out, sizeof(out));
	snprintf(path, sizeof(path), "/api/v1/snippets/%s/like",
	    new_snippet(ann, "{\"title\":\"x\",\"code\":\"x\"}"));
	a = CALL("PUT", path, .token = bob);
	cr_assert_eq(a.status, 200);
	forget(&a);
	a = CALL("GET", "/api/v1/tags?q=nobody");
	cr_assert_eq(a.status, 200, "a stranger has no session to ask for");
	forget(&a);
	for (int i = 0;
	     i < 100 && stack_count("select count(*) from outbox where sent_at is null") > 0;
	     i++)
		usleep(50 * 1000);
	cr_expect_eq(stack_count("select count(*) from outbox where sent_at is null"), 0);
	cr_expect_eq(stack_ctl(out, sizeof(out), "jobs", "stats", NULL), 0, "%s", out);
	snprintf(
	    script, sizeof(script), "redis-cli -s '%s/run/redis.sock' acl log", stack_dir());
	run_command(argv, out, sizeof(out));
	cr_expect_str_eq(out, "", "%s", out);
}
