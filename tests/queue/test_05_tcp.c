/* The whole way with Redis behind TCP and passwords: a like becomes a frame, an outbox row a
 * job that is done; also after Redis went away and came back. Nobody comes in without a
 * password, which stands in no process list and in no log. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"
#include "support/websocket.h"

const char *const stack_options[] = { "--redis-tcp", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", NULL };

static int
shell(const char *script, char *out, size_t size)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	return run_command(argv, out, size);
}

static bool
relay_is_there(void *ws) /* until it has Redis, it answers 503 */
{
	*(struct ws **)ws = WS_OPEN(.path = "/live");
	if ((*(struct ws **)ws)->status == 101)
		return true;
	ws_free(*(struct ws **)ws);
	return false;
}

static struct ws *
listening(const char *token)
{
	struct answer a = CALL("POST", "/api/v1/live/token", .token = token);
	struct ws *ws;
	char hello[2048];
	struct ws_frame f;

	cr_assert_eq(a.status, 200);
	cr_assert(wait_until(relay_is_there, &ws, 5));
	snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"token\":\"%s\"}",
	    text_at(&a, "data.token"));
	forget(&a);
	ws_say(ws, hello);
	f = ws_read(ws, 15);
	cr_assert(
	    f.kind == WS_TEXT &&
	        strcmp(json_string_value(json_object_get(f.json, "type")), "welcome") == 0,
	    "no welcome");
	ws_forget(&f);
	return ws;
}

/* Bob likes a snippet of ann's; whether a frame tells her of that one. */
static bool
like_is_told(struct ws *ws, const char *ann, const char *bob)
{
	const char *snippet = new_snippet(ann, "{\"title\":\"by tcp\",\"code\":\"x\"}");
	struct ws_frame f = { .kind = WS_TEXT };
	char path[128];
	struct answer a;
	bool told = false;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s/like", snippet);
	a = CALL("PUT", path, .token = bob);
	cr_assert_eq(a.status, 200);
	forget(&a);
	while (f.kind == WS_TEXT && !told) {
		json_t *data;
		f = ws_read(ws, 15);
		data = json_object_get(json_object_get(f.json, "data"), "data");
		told = data != NULL && json_is_string(json_object_get(data, "snippet_id")) &&
		       strcmp(json_string_value(json_object_get(data, "snippet_id")),
		           snippet) == 0;
		ws_forget(&f);
	}
	return told;
}

static bool
has_effects(void *count)
{
	return stack_count("select count(*) from job_done") == *(long *)count;
}

static void
job_is_done(void)
{
	long wanted = stack_count("select count(*) from job_done") + 1;
	char out[64];

	stack_sql("insert into outbox (kind, target, name, data) values "
	          "('job', 'maintenance', 'test.effect', '{}')",
	    out, sizeof(out));
	cr_expect(wait_until(has_effects, &wanted, 20), "the job was not done");
}

Test(tcp, whole_way)
{
	char ann[1024], bob[1024];
	struct ws *ws;
	bool told;

	snprintf(ann, sizeof(ann), "%s", stack_token("ann"));
	snprintf(bob, sizeof(bob), "%s", stack_token("bob"));
	ws = listening(ann);
	told = like_is_told(ws, ann, bob);
	cr_expect(told);
	job_is_done();
	ws_free(ws);
	/* Now every connection is refused for a while, which a socket's file is not. */
	kill(stack_pid("redis"), SIGKILL);
	usleep(1500 * 1000);
	stack_part("start-part", "redis");
	told = false;
	for (int i = 0; i < 5 && !told; i++) { /* the relay may close once: a new log */
		ws = listening(ann);
		told = like_is_told(ws, ann, bob);
		ws_free(ws);
	}
	cr_expect(told, "no frame after Redis came back");
	job_is_done();
}

Test(tcp, nobody_without_password)
{
	char script[1024], out[4096];
	const char *port;

	cr_expect_eq(strncmp(stack_setting("REDIS_URL"), "redis://127.0.0.1:", 18), 0);
	port = strrchr(stack_setting("REDIS_URL"), ':') + 1;
	snprintf(script, sizeof(script), "redis-cli -p %s ping 2>&1", port);
	shell(script, out, sizeof(out));
	cr_expect_not_null(strstr(out, "NOAUTH"), "%s", out);
	snprintf(script, sizeof(script),
	    "REDISCLI_AUTH=wrong redis-cli -p %s --user codegram-worker ping 2>&1", port);
	shell(script, out, sizeof(out));
	cr_expect_not_null(strstr(out, "NOAUTH"), "%s", out);
	snprintf(script, sizeof(script), "test ! -e '%s/run/redis.sock'", stack_dir());
	cr_expect_eq(shell(script, out, sizeof(out)), 0, "it listens on a socket too");
}

Test(tcp, password_is_nowhere)
{
	char script[1024], out[4096], only[512];

	setenv(
	    "SECRET", stack_setting("REDIS_PASSWORD"), 1); /* not an argument of the search */
	cr_assert_eq(strlen(getenv("SECRET")), 64u);
	snprintf(only, sizeof(only), "%s/codegram.conf", stack_dir());
	snprintf(script, sizeof(script),
	    "printenv SECRET | grep -rlaF -f - '%s' '%s/log' /proc/[0-9]*/cmdline 2>/dev/null",
	    only, stack_dir());
	shell(script, out, sizeof(out));
	cr_expect_str_eq(out, only);
}
