/* codegramctl jobs: every verb, in words and as JSON, with a real Redis behind it; and that
 * check sees what was broken by hand. The worker is stopped where a test needs a queue that
 * stands still. */
/* long: 30 s */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", NULL };

static char out[1024 * 1024];

#define JOBS(...) stack_ctl(out, sizeof(out), "jobs", __VA_ARGS__, NULL)

/* The output as JSON; the caller forgets it. */
static json_t *
parsed(void)
{
	json_error_t error;
	json_t *json = json_loads(out, JSON_REJECT_DUPLICATES, &error);

	cr_assert_not_null(json, "%s: %s", error.text, out);
	return json;
}

static long long
number_in(const char *key)
{
	json_t *json = parsed();
	long long n = json_integer_value(json_object_get(json, key));

	json_decref(json);
	return n;
}

/* A member of the job's JSON as text (numbers too), in static memory. */
static const char *
shown(const char *id, const char *key)
{
	static char text[4096];
	json_t *json, *value;

	if (JOBS("show", id) != 0)
		return "(no job)";
	json = parsed();
	value = json_object_get(json, key);
	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	else
		snprintf(text, sizeof(text), "%s",
		    json_is_string(value) ? json_string_value(value) : "(none)");
	json_decref(json);
	return text;
}

struct wanted {
	const char *id, *state;
};

static bool
has_state(void *with)
{
	const struct wanted *w = with;
	return strcmp(shown(w->id, "state"), w->state) == 0;
}

static void
expect_state(const char *id, const char *state, double seconds)
{
	struct wanted w = { id, state };

	cr_expect(wait_until(has_state, &w, seconds), "%s is not %s within %.1f s: %s", id,
	    state, seconds, out);
}

static void
redis(const char *words)
{
	char command[8192];
	const char *argv[] = { "sh", "-c", command, NULL };
	char said[4096];

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' %s", stack_dir(),
	    words);
	cr_assert_eq(run_command(argv, said, sizeof(said)), 0, "%s: %s", words, said);
}

Test(jobs, wrong_words)
{
	cr_expect_eq(stack_ctl(out, sizeof(out), "jobs", NULL), 2);
	cr_expect_eq(JOBS("nothing"), 2);
	cr_expect_eq(JOBS("stats", "no-queue"), 2);
	cr_expect_eq(JOBS("pause"), 2);
	cr_expect_eq(JOBS("pause", "no-queue"), 2);
	cr_expect_eq(JOBS("show"), 2);
	cr_expect_eq(JOBS("show", "email", "x", "y"), 2);
	cr_expect_eq(JOBS("list", "email", "--limit", "0"), 2);
	cr_expect_eq(JOBS("list", "email", "--limit", "x"), 2);
	cr_expect_eq(JOBS("purge", "email", "failed", "--older-than", "-1"), 2);
	cr_expect_eq(JOBS("limit", "email", "--rate", "5"), 2);
	cr_expect_eq(JOBS("limit", "email", "--rate", "5/0"), 2);
	cr_expect_eq(JOBS("limit", "email", "--concurrency", "-1"), 2);
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked", "--nonsense", "1"), 2);
	cr_expect_eq(JOBS("list", "email", "--limit", "501"), 2, "more would hold up Redis");
	cr_expect_eq(JOBS("drain", "email", "--older-than", "60"), 2, "not a filter of drain");
	cr_expect_eq(JOBS("cancel", "no-such-job", "--delay", "5"), 2);
	cr_expect_eq(JOBS("stats", "--repair"), 2);
	cr_expect_eq(JOBS("list", "email", "lost"), 2);
	cr_expect_eq(JOBS("show", "no-such-job"), 1);
	cr_expect_eq(JOBS("retry", "no-such-job"), 1);
	cr_expect_eq(JOBS("cancel", "email", "no-such-job"), 1);
	cr_expect_eq(JOBS("remove", "no-such-job"), 1);
	cr_expect_eq(JOBS("purge", "email", "waiting"), 2);
	cr_expect_eq(
	    JOBS("add", "email", "x", "--unchecked", "[]"), 2, "a payload is an object");
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked", "--attempts", "many"), 2);
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked", "--backoff", "linear:5"), 2);
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked", "--opts", "{\"attempt\":3}"), 2);
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked", "--opts", "3"), 2);
	cr_expect_eq(JOBS("list", "email"), 0);
	cr_expect_str_eq(out, "", "and nothing of it was added");
}

/* The flags are Bull's words, each by itself and --opts with all of them. */
Test(jobs, add_in_bulls_words)
{
	cr_assert_eq(JOBS("add", "email", "welcome", "--unchecked", "{\"to\":1}", "--job-id",
	                 "flags", "--attempts", "7", "--backoff", "exponential:500", "--delay",
	                 "60000", "--priority", "1", "--unique", "key", "--owner",
	                 "01890000-0000-7000-8000-000000000001", "--remove-on-complete", "true",
	                 "--remove-on-fail", "5:60"),
	    0, "%s", out);
	cr_expect_str_eq(out, "flags added");
	cr_expect_str_eq(shown("flags", "attempts"), "7");
	cr_expect_str_eq(shown("flags", "state"), "delayed");
	cr_expect_str_eq(shown("flags", "lane"), "h");
	cr_expect_str_eq(shown("flags", "priority"), "high");
	cr_expect_str_eq(shown("flags", "unique"), "key");
	cr_expect_str_eq(shown("flags", "queue"), "email");
	cr_expect_str_eq(shown("flags", "owner"), "01890000-0000-7000-8000-000000000001");
	cr_expect_eq(
	    JOBS("add", "email", "welcome", "--unchecked", "--id", "flags", "--json"), 0);
	cr_expect_str_eq(out, "{\"id\":\"flags\",\"answer\":\"there\"}");
	cr_expect_eq(
	    JOBS("add", "email", "welcome", "--unchecked", "--id", "second", "--unique", "key"),
	    0);
	cr_expect_str_eq(out, "second unique");
	cr_assert_eq(JOBS("add", "email", "welcome", "--unchecked", "{}", "--opts",
	                 "{\"jobId\":\"opts\",\"attempts\":2,\"priority\":20}"),
	    0, "%s", out);
	cr_expect_str_eq(shown("opts", "attempts"), "2");
	cr_expect_str_eq(shown("opts", "lane"), "l");
	cr_assert_eq(JOBS("add", "email", "welcome", "--unchecked", "--opts",
	                 "{\"attempts\":2}", "--attempts", "4", "--id", "both", "--lane", "l"),
	    0, "%s", out);
	cr_expect_str_eq(shown("both", "attempts"), "4", "a flag wins over --opts");
	cr_expect_eq(JOBS("drain", "email", "--delayed", "--json"), 0);
	cr_expect_eq(number_in("removed"), 3, "%s", out);
}

Test(jobs, looks)
{
	json_t *json;

	cr_assert_eq(JOBS("add", "push", "a", "--unchecked", "{\"x\":\"\\u001b[31mred\"}",
	                 "--id", "look-1"),
	    0);
	cr_assert_eq(
	    JOBS("add", "push", "b", "--unchecked", "--id", "look-2", "--delay", "60000"), 0);
	cr_expect_eq(JOBS("stats"), 0);
	cr_expect_not_null(strstr(out, "maintenance"), "%s", out);
	cr_expect_eq(JOBS("stats", "push", "--json"), 0);
	json = parsed();
	cr_expect_eq(json_array_size(json), 1u);
	cr_expect_eq(
	    json_integer_value(json_object_get(json_array_get(json, 0), "waiting")), 1);
	cr_expect_eq(
	    json_integer_value(json_object_get(json_array_get(json, 0), "delayed")), 1);
	json_decref(json);
	cr_expect_eq(JOBS("list", "push", "waiting"), 0);
	cr_expect(strstr(out, "look-1") && !strstr(out, "look-2"), "%s", out);
	cr_expect_eq(JOBS("list", "push", "--json"), 0);
	json = parsed();
	cr_expect_eq(json_array_size(json), 2u, "%s", out);
	json_decref(json);
	cr_expect_eq(JOBS("list", "--json", "--limit", "1"), 0);
	json = parsed();
	cr_expect_eq(json_array_size(json), 1u, "%s", out);
	json_decref(json);
	cr_expect_eq(JOBS("list", "email", "--json"), 0);
	cr_expect_str_eq(out, "[]");
	cr_expect_eq(JOBS("logs", "look-1"), 0);
	cr_expect_str_eq(out, "");
	cr_expect_eq(JOBS("logs", "push", "look-1", "--json"), 0);
	cr_expect_str_eq(out, "[]");
	cr_expect_eq(JOBS("drain", "push"), 0);
	cr_expect_str_eq(out, "1 removed");
	cr_expect_str_eq(shown("look-2", "state"), "delayed", "it was not asked for");
	cr_expect_eq(JOBS("remove", "look-2", "--json"), 0);
	cr_expect_str_eq(out, "{\"id\":\"look-2\",\"queue\":\"push\",\"state\":\"removed\"}");
}

/* A stranger's text must not speak to the operator's terminal. */
Test(jobs, no_escapes_on_the_terminal)
{
	cr_assert_eq(JOBS("add", "push",
	                 "evil\033[2J\nline\xC2\x9B"
	                 "31m\u202ex",
	                 "--unchecked", "--id", "esc"),
	    0);
	cr_expect_eq(JOBS("list", "push"), 0);
	cr_expect_null(strstr(out, "\xC2\x9B"), "an escape of one character: %s", out);
	cr_expect_null(strstr(out, "\u202e"), "%s", out);
	cr_expect_null(strchr(out, '\033'), "%s", out);
	cr_expect_null(strchr(strchr(out, '\n') + 1, '\n'), "one line and the head: %s", out);
	cr_expect_eq(JOBS("drain", "push"), 0);
}

Test(jobs, the_life_of_some)
{
	cr_assert_eq(JOBS("add", "maintenance", "test.fail", "{}", "--id", "fails",
	                 "--attempts", "2", "--backoff", "fixed:50"),
	    0);
	expect_state("fails", "failed", 10);
	cr_expect_str_eq(shown("fails", "reason"), "attempts");
	cr_expect_eq(JOBS("logs", "fails"), 0);
	cr_expect_not_null(strstr(out, "told to fail"), "%s", out);
	cr_expect_eq(JOBS("dead", "maintenance"), 0);
	cr_expect(strstr(out, "fails") && strstr(out, "told to fail"), "%s", out);
	cr_expect_eq(JOBS("pause", "maintenance", "--json"), 0);
	cr_expect_str_eq(out, "{\"name\":\"maintenance\",\"paused\":true}");
	cr_expect_eq(JOBS("stats", "maintenance"), 0);
	cr_expect_not_null(strstr(out, "paused"), "%s", out);
	cr_expect_eq(JOBS("retry", "fails"), 0);
	expect_state("fails", "waiting", 0);
	cr_expect_str_eq(shown("fails", "attempts_made"), "0");
	cr_expect_eq(JOBS("retry", "fails"), 1);
	cr_expect_eq(JOBS("cancel", "fails", "--json"), 0);
	cr_expect_str_eq(
	    out, "{\"id\":\"fails\",\"queue\":\"maintenance\",\"state\":\"cancelled\"}");
	cr_expect_eq(JOBS("list", "maintenance", "cancelled"), 0);
	cr_expect_not_null(strstr(out, "fails"), "%s", out);
	cr_expect_eq(JOBS("purge", "maintenance", "cancelled", "--older-than", "3600"), 0);
	cr_expect_str_eq(out, "0 removed");
	cr_expect_eq(JOBS("purge", "maintenance", "cancelled", "--json"), 0);
	cr_expect_eq(number_in("removed"), 1, "%s", out);
	cr_expect_eq(JOBS("resume", "maintenance"), 0);
	cr_assert_eq(
	    JOBS("add", "maintenance", "test.sleep", "{\"ms\":20000}", "--id", "runs"), 0);
	expect_state("runs", "active", 10);
	cr_expect_eq(JOBS("remove", "runs"), 1, "it runs");
	cr_expect_eq(JOBS("cancel", "runs"), 0);
	expect_state("runs", "cancelled", 10);
	cr_assert_eq(JOBS("add", "maintenance", "test.none", "--id", "well"), 0);
	expect_state("well", "completed", 10);
	cr_expect_eq(JOBS("cancel", "well"), 1, "it is over");
}

Test(jobs, retry_all)
{
	char id[16];

	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "all-%d", i);
		cr_assert_eq(JOBS("add", "maintenance", "test.fail", "{}", "--id", id,
		                 "--attempts", "1"),
		    0);
	}
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "all-%d", i);
		expect_state(id, "failed", 10);
	}
	cr_expect_eq(JOBS("pause", "maintenance"), 0);
	cr_expect_eq(JOBS("retry-all", "maintenance", "--limit", "2", "--json"), 0);
	cr_expect_eq(number_in("retried"), 2, "%s", out);
	cr_expect_eq(JOBS("retry-all", "maintenance"), 0);
	cr_expect_str_eq(out, "3 retried");
	cr_expect_eq(JOBS("drain", "maintenance"), 0);
	cr_expect_str_eq(out, "5 removed");
	cr_expect_eq(JOBS("resume", "maintenance"), 0);
}

Test(jobs, limits)
{
	cr_expect_eq(JOBS("limit", "email", "--json"), 0);
	cr_expect_str_eq(out, "{\"concurrency\":0,\"rate\":0,\"rate_ms\":0}");
	cr_expect_eq(JOBS("limit", "email", "--concurrency", "2", "--rate", "10/1000"), 0);
	cr_expect_eq(JOBS("limit", "email", "--json"), 0);
	cr_expect_str_eq(out, "{\"concurrency\":2,\"rate\":10,\"rate_ms\":1000}");
	cr_expect_eq(JOBS("limit", "email", "--rate", "none", "--json"), 0);
	cr_expect_str_eq(out, "{\"concurrency\":2,\"rate\":0,\"rate_ms\":0}");
	cr_expect_eq(JOBS("limit", "email", "--concurrency", "row", "--rate", "row"), 0);
	cr_expect_eq(JOBS("limit", "email", "--json"), 0);
	cr_expect_str_eq(out, "{\"concurrency\":0,\"rate\":0,\"rate_ms\":0}");
}

/* Silent when all is well; what was broken by hand is found, named, mended, and gone. */
Test(jobs, z_check)
{
	json_t *json;

	stack_part("stop-part", "worker");
	cr_expect_eq(JOBS("check"), 0, "%s", out);
	cr_expect_str_eq(out, "");
	cr_assert_eq(JOBS("add", "push", "x", "--unchecked", "--id", "good"), 0);
	cr_assert_eq(JOBS("add", "push", "x", "--unchecked", "--id", "broken"), 0);
	cr_expect_eq(JOBS("check", "push"), 0, "%s", out);
	/* of now: the scheduler drops what ended long ago */
	redis("ZADD 'cg:{push}:dead' $(date +%s)000 broken");
	redis("ZADD 'cg:{push}:done' $(date +%s)000 nobody");
	cr_expect_eq(JOBS("check", "push"), 1);
	cr_expect(strstr(out, "broken") && strstr(out, "nobody"), "%s", out);
	cr_expect_null(strstr(out, "good"), "%s", out);
	cr_expect_eq(JOBS("check", "email"), 0, "another queue is well: %s", out);
	cr_expect_eq(JOBS("check", "--json"), 1);
	json = parsed();
	cr_expect_geq(json_array_size(json), 5u, "%s", out);
	json_decref(json);
	cr_expect_eq(JOBS("check", "push", "--repair"), 1);
	cr_expect_not_null(strstr(out, "(mended)"), "%s", out);
	cr_expect_eq(JOBS("check"), 0, "%s", out);
	cr_expect_str_eq(shown("good", "state"), "waiting");
	cr_expect_str_eq(shown("broken", "state"), "waiting");
	cr_expect_eq(JOBS("drain", "push"), 0);
	stack_part("start-part", "worker");
}

Test(jobs, z_redis_away)
{
	stack_part("stop-part", "redis");
	cr_expect_eq(JOBS("stats"), 1);
	cr_expect_eq(JOBS("check"), 1);
	cr_expect_eq(JOBS("top", "--count", "1"), 1);
	cr_expect_eq(JOBS("add", "email", "x", "--unchecked"), 1);
	stack_part("start-part", "redis");
}
