/* The words of codegramctl: commands, verbs and options by their rows, help, the nearest word, what
 * is refused before anything is done, and what verbs say. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/words.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", NULL };

static char out[1024 * 1024];

/* Its exit code; `out` has what it said on both streams. */
static int
said(const char *words)
{
	char command[2048];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command),
	    "exec 2>&1 </dev/null; build/san/bin/codegramctl -c '%s/codegram.conf' %s",
	    stack_dir(), words);
	return run_command(argv, out, sizeof(out));
}

static const struct {
	const char *words, *says;
} wrong[] = {
	{ "jbos", "did you mean jobs?" },
	{ "nothing-like-it", "there are: migrate" },
	{ "jobs", "which verb? stats list" },
	{ "jobs lsit", "did you mean list?" },
	{ "jobs nope", "there is no verb nope; there are: stats" },
	{ "jobs show", "wants: codegramctl jobs show [QUEUE] ID" },
	{ "jobs limit email --rate 30", "--rate wants N/MS|none|row, not 30" },
	{ "jobs list --limti 5", "did you mean --limit?" },
	{ "jobs list --limit", "--limit wants a value: N" },
	{ "jobs list --repair", "there is no option --repair; there are: --limit" },
	{ "jobs check --repair=yes", "--repair takes no value" },
	{ "jobs stats -x", "there is no option -x" },
	{ "jobs list email lost", "there is no state lost" },
	{ "jobs add maintenance recont '{}'", "did you mean recount" },
	{ "jobs add email recount '{}'", "recount is a job of the queue maintenance" },
	{ "jobs add maintenance recount '{}'", "/user_id" },
	{ "jobs add maintenance recount '{\"user_id\":\"x\"}'", "/user_id must be a UUID" },
	{ "jobs add maintenance prune '{\"more\":1}'", "/more" },
	{ "jobs add maintenance prune '[1]'", "no JSON object" },
	{ "jobs add maintenance prune --attempts many", "attempts" },
	{ "jobs add maintenance prune --attempts 0", "below the least value (1)" },
	{ "jobs purge email waiting", "only completed, failed or cancelled" },
	{ "live", "which verb? stats publish token" },
	{ "live publish user:1 like '{}'", "a room is user:ID" },
	{ "live publish user:01890000-0000-7000-8000-00000000000A like '{}'", "small letters" },
	{ "live publish everybody like '{}'", "a room is" },
	{ "live publish admin Like '{}'", "an event is" },
	{ "live publish admin like '[]'", "must be a JSON object" },
	{ "live publish admin like \"{\\\"x\\\":\\\"$(printf %09000d 0)\\\"}\"",
	    "more than 8 KiB" },
	{ "live token", "one username" },
	{ "live token ann --seconds abc", "--seconds wants a whole number from 1 to" },
	{ "token 'a b'", "a b is no username: that is a-z, 0-9 and single hyphens" },
	{ "token \u00fcn\u00efcode", "is no username" },
	{ "token $(printf %060d 0)", "at most 39" },
	{ "token ann --seconds abc", "from 1 to 31536000, not abc" },
	{ "token ann --seconds 99999999999", "from 1 to 31536000" },
	{ "schedules rnu github-nightly", "did you mean run?" },
	{ "schedules run github-nigthly", "did you mean github-nightly?" },
	{ "schedules run", "the name of a schedule" },
	{ "users show", "one username" },
	{ "users admin ann", "on or off" },
	{ "users admin ann maybe", "on or off" },
	{ "users", "which verb? show" },
	{ "token ann -create", "no option -create; did you mean --create?" },
	{ "token ann --secnds 5", "did you mean --seconds?" },
	{ "doctor --strickt", "did you mean --strict?" },
	{ "doctor now", "takes --strict alone" },
	{ "rekey all", "takes only --check" },
	{ "migrate now", "takes no arguments" },
	{ "config x", "takes no arguments" },
	{ "seed --form x", "did you mean --from?" },
	{ "help jobs lits", "did you mean list?" },
	{ "completion fish", "bash" },
	{ "routes a b", "one word" },
};

/* One exit code for what is written wrong, and a word that helps. */
Test(words, wrong_usage)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int code = said(wrong[i].words);
		cr_expect_eq(code, 2, "%s: %d: %s", wrong[i].words, code, out);
		cr_expect_not_null(strstr(out, wrong[i].says), "%s: %s", wrong[i].words, out);
	}
	cr_expect_eq(said("jobs list email"), 0);
	cr_expect_str_eq(out, "", "and nothing of it was added");
}

/* Help, the manual page and the completion name every row; each command takes its options. */
Test(words, every_row)
{
	char words[1024], *manual, *completion;

	cr_assert_eq(said("man"), 0);
	manual = strdup(out);
	cr_assert_eq(said("completion bash"), 0);
	completion = strdup(out);
	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++) {
		snprintf(words, sizeof(words), "%s %s --help", v->command, v->name);
		cr_expect_eq(said(words), 0, "%s", words);
		cr_expect_not_null(strstr(out, v->help), "%s: %s", words, out);
		snprintf(words, sizeof(words), "'%s %s')", v->command, v->name);
		cr_expect_not_null(strstr(completion, words), "%s", words);
	}
	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++) {
		struct span verbs = span_of(o->verbs), verb = span_cut(&verbs, ' ');
		snprintf(words, sizeof(words), "%s %.*s --%s %s w w w w", o->command,
		    (int)verb.len, verb.ptr, o->name, o->value ? "1" : "");
		cr_expect_neq(said(words), 0, "%s: %s", words, out);
		cr_expect_null(strstr(out, "no such option"), "%s: %s", words, out);
		cr_expect_null(strstr(out, "unrecognized"), "%s: %s", words, out);
		cr_expect_not_null(strstr(completion, o->name), "%s", o->name);
	}
	for (const struct command *c = commands; c->name != NULL; c++) {
		snprintf(words, sizeof(words), "help %s", c->name);
		cr_expect_eq(said(words), 0, "%s: %s", words, out);
		snprintf(words, sizeof(words), ".SS \"%s ", c->name);
		cr_expect_not_null(strstr(manual, words), "%s", words);
	}
	free(manual);
	free(completion);
}

/* As bash would ask it. */
Test(words, completion_completes)
{
	char command[2048];
	const char *argv[] = { "bash", "-c", command, NULL };

	snprintf(command, sizeof(command),
	    "source <(build/san/bin/codegramctl completion bash) && "
	    "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _codegramctl; "
	    "echo \"${COMPREPLY[*]}\"; }; "
	    "try codegramctl jo; try codegramctl jobs re; try codegramctl jobs list --li; "
	    "try codegramctl -c x.conf jobs purge notify fa; try codegramctl schedules ''");
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0, "%s", out);
	cr_expect_str_eq(out, "jobs\nretry retry-all remove resume\n--limit\nfailed\nlist run");
}

Test(words, users_and_routes)
{
	cr_assert_not_null(stack_token("shown"));
	cr_expect_eq(said("users show SHOWN"), 0, "%s", out);
	cr_expect(
	    strstr(out, "username         shown") && strstr(out, "standing         active"),
	    "%s", out);
	cr_expect_eq(said("users show shown --json"), 0);
	cr_expect(
	    strstr(out, "\"sessions\":1") && strstr(out, "\"last_seen_at\":null"), "%s", out);
	cr_expect_eq(said("users show nobody-at-all"), 1);
	cr_expect_not_null(strstr(out, "there is no user nobody-at-all"), "%s", out);
	cr_assert_not_null(stack_token("kelvin"));
	cr_expect_eq(said("users show \u212aelvin"), 1, "the Kelvin sign is no K: %s", out);
	cr_expect_eq(said("routes /ready"), 0);
	cr_expect_not_null(strstr(out, "meta_ready"), "%s", out);
	cr_expect_eq(said("routes admin --json"), 0);
	cr_expect_not_null(strstr(out, "\"path\":\"/api/v1/admin/queues\""), "%s", out);
	cr_expect_eq(said("routes no-such-word"), 1);
}

static bool
prune_has_run(void *id)
{
	char words[128];

	snprintf(words, sizeof(words), "jobs show %s", (const char *)id);
	return said(words) == 0 && strstr(out, "\"state\":\"completed\"") != NULL;
}

Test(words, a_schedule_by_hand)
{
	char id[64] = "";
	json_t *json;

	cr_assert_eq(said("schedules run prune --json"), 0, "%s", out);
	cr_assert_not_null(json = json_loads(out, 0, NULL), "%s", out);
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(json, "id")));
	cr_expect_str_eq(json_string_value(json_object_get(json, "name")), "prune");
	json_decref(json);
	cr_expect(wait_until(prune_has_run, id, 20), "%s", out);
}

/* Verbs say what they did, lists have a head and times. */
Test(words, verbs_speak)
{
	cr_expect_eq(said("jobs pause push"), 0);
	cr_expect_not_null(strstr(out, "push is paused"), "%s", out);
	cr_expect_eq(said("jobs resume push"), 0);
	cr_expect_not_null(strstr(out, "push goes on"), "%s", out);
	cr_assert_eq(
	    said("jobs add maintenance prune --id spoken --delay 60000"), 0, "%s", out);
	cr_expect_eq(said("jobs list maintenance delayed"), 0);
	cr_expect(strncmp(out, "queue        state     id", 25) == 0, "%s", out);
	cr_expect_not_null(strstr(out, ":00.000Z") ? out : strstr(out, "Z  "), "%s", out);
	cr_expect_eq(said("jobs cancel spoken"), 0);
	cr_expect_str_eq(out, "spoken of maintenance is cancelled");
	cr_expect_eq(said("jobs retry spoken"), 0);
	cr_expect_str_eq(out, "spoken of maintenance is waiting");
	cr_expect_eq(said("jobs retry spoken"), 1);
	cr_expect_not_null(
	    strstr(out, "has not failed, was not cancelled and is not"), "%s", out);
}

/* Piped, top is one table and ends. */
Test(words, top_piped)
{
	cr_expect_eq(said("jobs top | cat"), 0);
	cr_expect_not_null(strstr(out, "maintenance"), "%s", out);
	cr_expect_null(strstr(strstr(out, "maintenance") + 1, "maintenance"), "twice: %s", out);
	cr_expect_null(strchr(out, '\033'), "plain");
}

/* What public bug reports of such tools tell of: a full disk behind the output, a stream that is
 * closed (a connection would get its number, and be written to), JSON with other lines in it. */
Test(words, whatever_stands_behind_the_output)
{
	json_t *json;

	cr_expect_eq(said("config >/dev/full"), 1);
	cr_expect_not_null(strstr(out, "not all could be written: No space left"), "%s", out);
	cr_expect_eq(said("config | head -n 1"), 0);
	cr_expect_null(strchr(out, '\n'), "one line, and no complaint: %s", out);
	cr_expect_eq(said("--help >/dev/full"), 1);
	cr_expect_not_null(strstr(out, "not all could be written: No space left"), "%s", out);
	cr_expect_eq(said("jobs list --help >/dev/full"), 1);
	cr_expect_eq(said("--version >/dev/full"), 1);
	cr_expect_eq(said("jobs stats >&-"), 1);
	cr_expect_not_null(strstr(out, "Bad file descriptor"), "%s", out);
	cr_expect_eq(said("doctor <&- 2>&-"), 0, "%s", out);
	cr_expect_eq(said("--json jobs list email nonsense 2>/dev/null"), 2);
	cr_expect_str_eq(out, "");
	stack_part("stop-part", "redis");
	cr_expect_eq(said("doctor --json 2>/dev/null"), 1);
	cr_assert_not_null(json = json_loads(out, JSON_REJECT_DUPLICATES, NULL), "%s", out);
	json_decref(json);
	cr_expect_eq(said("jobs top"), 1);
	cr_expect_not_null(strstr(out, "codegramctl jobs: top: Redis: "), "%s", out);
	stack_part("start-part", "redis");
}

/* One line says why the file is not read, and nobody judges or uses the defaults instead. */
Test(words, a_configuration_that_is_not_there)
{
	static const char *const others[] = { "jobs stats", "token ann", "config" };
	char words[64], locked[600], *end;

	cr_expect_eq(said("-c /nonexistent doctor"), 1);
	cr_expect_str_eq(out,
	    "error    config       /nonexistent: no such file\n"
	    "                      \u2192 name one that is there by --config, or "
	    "write it\n1 error, 0 warnings");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		snprintf(words, sizeof(words), "-c /nonexistent %s", others[i]);
		cr_expect_eq(said(words), 1, "%s", words);
		cr_expect_str_eq(out, "codegramctl: /nonexistent: no such file", "%s", words);
	}
	cr_expect_eq(said("-c /nonexistent help"), 0, "who needs none");
	if (stack_passes_modes())
		return;
	snprintf(locked, sizeof(locked), "%s/locked.conf", stack_dir());
	close(open(locked, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
	cr_expect_eq(stack_ctl(out, sizeof(out), "-c", locked, "doctor", NULL), 1);
	cr_expect(
	    strstr(out, ": Permission denied") && strstr(out, "run this as root"), "%s", out);
	cr_assert_not_null(end = strrchr(out, '\n'));
	cr_expect_str_eq(end, "\n1 error, 0 warnings");
}

/* A faulty line is not answered by its default alone. */
Test(words, config_tells_of_faults)
{
	setenv("API_WORKERS", "many", 1);
	cr_expect_eq(said("config 2>/dev/null"), 1);
	cr_expect_not_null(strstr(out, "API_WORKERS              default "), "%s", out);
	cr_expect_eq(said("config >/dev/null"), 1);
	cr_expect_not_null(strstr(out, "codegramctl: API_WORKERS (from the environment): "));
	unsetenv("API_WORKERS");
	cr_expect_eq(said("config 2>&1 >/dev/null"), 0);
	cr_expect_str_eq(out, "");
}

Test(words, nobody_of_that_name)
{
	cr_expect_eq(said("live token nobody-at-all"), 1);
	cr_expect_not_null(strstr(out, "there is no user nobody-at-all"), "%s", out);
	cr_expect_eq(said("users admin nobody-at-all off"), 1);
	cr_expect_not_null(strstr(out, "there is no user nobody-at-all"), "%s", out);
}

Test(words, schedules_without_their_database)
{
	setenv("DATABASE_URL", "host=/nonexistent", 1);
	cr_expect_eq(said("schedules"), 1);
	cr_expect_not_null(strstr(out, "the schedules can't be read: PostgreSQL"), "%s", out);
}
