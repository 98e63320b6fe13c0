/* stack: main() of the test programs that need a whole CodeGram. */
#include "support/stack.h"

#include <criterion/criterion.h>
#include <criterion/options.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { WORDS_MAX = 32, TOKENS = 8 };

const char *
stack_dir(void)
{
	return getenv("CODEGRAM_TEST_DIR");
}

const char *
stack_url(void)
{
	return getenv("CODEGRAM_TEST_URL");
}

int
stack_port(void)
{
	return (int)strtol(strrchr(stack_url(), ':') + 1, NULL, 10);
}

void
stack_part(const char *verb, const char *part)
{
	const char *argv[] = { "tools/stack", verb, stack_dir(), part, NULL };
	char out[4096];

	cr_assert_eq(run_command(argv, out, sizeof(out)), 0, "%s %s: %s", verb, part, out);
}

const char *
stack_token(const char *username)
{
	static char tokens[TOKENS][1024];
	static int next;
	char *out = tokens[next++ % TOKENS];

	cr_assert_eq(stack_ctl(out, sizeof(tokens[0]), "token", username, "--create",
	                 "--seconds", "3600", NULL),
	    0, "no token for %s: %s", username, out);
	return out;
}

const char *
stack_setting(const char *key)
{
	static char value[2048];
	char path[512], line[2048];
	size_t len = strlen(key);
	FILE *f;

	*value = '\0';
	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	cr_assert_not_null(f = fopen(path, "r"));
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, len) == 0 && line[len] == '=')
			snprintf(value, sizeof(value), "%.*s",
			    (int)strcspn(line + len + 1, "\n"), line + len + 1);
	fclose(f);
	return value;
}

static pid_t
pid_in(const char *part, const char *kind)
{
	char path[512], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/run/%s.%s", stack_dir(), part, kind);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

pid_t
stack_pid(const char *part)
{
	return pid_in(part, "pid");
}

pid_t
stack_main(const char *part)
{
	return pid_in(part, "main");
}

size_t
children_of(pid_t pid, pid_t *out, size_t max)
{
	char path[64], line[4096] = "", *at = line, *end;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	while (n < max && (out[n] = (pid_t)strtol(at, &end, 10)) > 0 && end != at) {
		at = end;
		n++;
	}
	return n;
}

double
seconds_now(void)
{
	return (double)clock_mono() / 1e6;
}

/* Often at first, then less: what is asked costs, too. */
bool
wait_until(bool (*holds)(void *), void *with, double seconds)
{
	double until = seconds_now() + seconds * PATIENCE;
	useconds_t pause = 10 * 1000;

	while (!holds(with)) {
		if (seconds_now() > until)
			return holds(with);
		usleep(pause);
		pause = pause < 160 * 1000 ? pause * 3 / 2 : pause;
	}
	return true;
}

/* The value of a line of `tools/stack env`, without the shell's backslashes. */
static void
keep_line(const char *env, const char *key, const char *name)
{
	const char *at = strstr(env, key);
	char value[512];
	size_t len = 0;

	if (at == NULL)
		return;
	for (at += strlen(key); *at && *at != '\n' && len + 1 < sizeof(value); at++)
		if (*at != '\\' && *at != '\'')
			value[len++] = *at;
	value[len] = '\0';
	setenv(name, value, 1);
}

static bool
start(char *dir)
{
	const char *argv[WORDS_MAX] = { "tools/stack", "start", dir, "--build", "build/san",
		"--port", "0", "--fsync", "off" };
	char out[16384];
	int n = 9;

	for (int i = 0; stack_options[i] != NULL; i++)
		argv[n++] = stack_options[i];
	if (run_command(argv, out, sizeof(out)) != 0) {
		fprintf(stderr, "the stack did not start: %s\n", out);
		return false;
	}
	argv[1] = "env";
	argv[3] = NULL;
	run_command(argv, out, sizeof(out));
	setenv("CODEGRAM_TEST_DIR", dir, 1);
	keep_line(out, "\nURL=", "CODEGRAM_TEST_URL");
	keep_line(out, "\nRUN_DIR=", "CODEGRAM_TEST_RUN");
	keep_line(out, "\nAS_USER=", "CODEGRAM_TEST_AS_USER");
	return stack_url() != NULL;
}

static void
stop(const char *dir)
{
	const char *stop_it[] = { "tools/stack", "stop", dir, NULL };
	const char *remove_it[] = { "rm", "-rf", dir, NULL };
	char out[4096];

	run_command(stop_it, out, sizeof(out));
	if (getenv("CODEGRAM_TEST_KEEP") == NULL)
		run_command(remove_it, out, sizeof(out));
	else
		fprintf(stderr, "kept: %s\n", dir);
}

int
main(int argc, char **argv)
{
	struct criterion_test_set *tests = criterion_initialize();
	char dir[4096];
	int code = 1;

	/* Below TMPDIR, where tools/test looks for what the daemons' sanitizers said. */
	snprintf(dir, sizeof(dir), "%s/codegram-test-XXXXXX",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");

	/* One stack, one fault at a time. */
	criterion_options.jobs = 1;
	if (criterion_handle_args(argc, argv, true) && mkdtemp(dir) != NULL) {
		chmod(dir, 0755); /* the stack may run as a user of its own */
		if (start(dir)) {
			if (stack_ready != NULL)
				stack_ready();
			code = !criterion_run_all_tests(tests);
		}
		stop(dir);
	}
	criterion_finalize(tests);
	return code;
}
