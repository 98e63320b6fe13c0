/* stack: main() of the test programs that need a whole CodeGram. */
#include "support/stack.h"

#include <criterion/criterion.h>
#include <criterion/options.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

int
run_command(const char *const *argv, char *out, size_t size)
{
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	while (len + 1 < size && (n = read(ends[0], out + len, size - len - 1)) > 0)
		len += (size_t)n;
	if (size > 0)
		out[len] = '\0';
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	while (len > 0 && out[len - 1] == '\n')
		out[--len] = '\0';
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
stack_ctl(char *out, size_t size, const char *first, ...)
{
	const char *argv[WORDS_MAX] = { "tools/stack", "ctl", stack_dir(), first };
	va_list args;
	int n = 4;

	va_start(args, first);
	while (n + 1 < WORDS_MAX && (argv[n] = va_arg(args, const char *)) != NULL)
		n++;
	va_end(args);
	return run_command(argv, out, size);
}

void
stack_sql(const char *sql, char *out, size_t size)
{
	const char *argv[] = { "tools/stack", "psql", stack_dir(), "-Atqc", sql, NULL };

	run_command(argv, out, size);
}

long
stack_count(const char *sql)
{
	char out[64] = "";

	stack_sql(sql, out, sizeof(out));
	return strtol(out, NULL, 10);
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

bool
wait_until(bool (*holds)(void *), void *with, double seconds)
{
	for (int i = 0; i < (int)(seconds * 50); i++) {
		if (holds(with))
			return true;
		usleep(20 * 1000);
	}
	return holds(with);
}

static bool
start(char *dir)
{
	const char *argv[WORDS_MAX] = { "tools/stack", "start", dir, "--build", "build/san",
		"--port", "0", "--fsync", "off" };
	char out[16384], url[64];
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
	if (strstr(out, "\nURL=") == NULL ||
	    sscanf(strstr(out, "\nURL=") + 5, "%63[^\n]", url) != 1)
		return false;
	setenv("CODEGRAM_TEST_DIR", dir, 1);
	setenv("CODEGRAM_TEST_URL", url, 1);
	return true;
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
