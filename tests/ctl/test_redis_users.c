/* Each program's Redis user may do its work and is refused the rest: commands and keys. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { NULL };

static void
password_of(char *out, size_t size)
{
	char path[4200], line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	cr_assert_not_null(f = fopen(path, "r"));
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "REDIS_PASSWORD=", 15) == 0)
			snprintf(out, size, "%.*s", (int)strcspn(line + 15, "\n"), line + 15);
	fclose(f);
}

static void
as_user(const char *user, const char *command, char *out, size_t size)
{
	char script[8192], password[256] = "";
	const char *argv[] = { "sh", "-c", script, NULL };

	password_of(password, sizeof(password));
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
		{ "codegram-api", "get 'cg:{maintenance}:m'", false },
		{ "codegram-api", "xadd 'cg:{rt}:log' '*' a b", false },
		{ "codegram-api", "publish cg:other 1", false },
		{ "codegram-api", "flushall", false },
		{ "codegram-api", "fcall cg1_stats 0", false },
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
