/* stack_ask: codegramctl and SQL on the test's stack, with no shell between: tests ask often. */
#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/stack.h"

enum { WORDS_MAX = 48, KEPT = 6 };

static const char *const kept[KEPT] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
	"LLVM_PROFILE_FILE", "GCOV_PREFIX", "LD_PRELOAD" };

/* In the child: as `tools/stack ctl` does it, nothing of the caller's but what instruments. */
static void
clean_environment(void)
{
	const char *values[KEPT];

	for (size_t i = 0; i < KEPT; i++)
		values[i] = getenv(kept[i]);
	clearenv(); /* the texts stay */
	for (size_t i = 0; i < KEPT; i++)
		if (values[i] != NULL)
			setenv(kept[i], values[i], 1);
	setenv("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
}

static int
run(const char *const *argv, void (*prepare)(void), char *out, size_t size)
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
		if (prepare != NULL)
			prepare();
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
run_command(const char *const *argv, char *out, size_t size)
{
	return run(argv, NULL, out, size);
}

int
stack_ctl(char *out, size_t size, const char *first, ...)
{
	char user[512], config[512], *save = NULL;
	const char *argv[WORDS_MAX], *word;
	va_list args;
	size_t n = 0;

	snprintf(user, sizeof(user), "%s", getenv("CODEGRAM_TEST_AS_USER"));
	for (word = strtok_r(user, " ", &save); word && n < 16;
	     word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	snprintf(config, sizeof(config), "%s/codegram.conf", stack_dir());
	argv[n++] = "build/san/bin/codegramctl";
	argv[n++] = "--config";
	argv[n++] = config;
	argv[n++] = first;
	va_start(args, first);
	while (n + 1 < WORDS_MAX && (word = va_arg(args, const char *)) != NULL)
		argv[n++] = word;
	va_end(args);
	argv[n] = NULL;
	return run(argv, clean_environment, out, size);
}

bool
stack_passes_modes(void)
{
	return strstr(getenv("CODEGRAM_TEST_AS_USER"), "dac_override") != NULL;
}

/* As psql -At writes it: a line for each row, a bar between columns. */
static size_t
put_rows(const PGresult *rows, char *out, size_t size, size_t len)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		for (int column = 0; column < PQnfields(rows) && len < size; column++)
			len += (size_t)snprintf(out + len, size - len, "%s%s",
			    column ? "|" : "", PQgetvalue(rows, row, column));
		if (len < size)
			len += (size_t)snprintf(out + len, size - len, "\n");
	}
	return len;
}

void
stack_sql(const char *sql, char *out, size_t size)
{
	const char *const names[] = { "host", "dbname", "user", "connect_timeout", NULL };
	const char *const values[] = { getenv("CODEGRAM_TEST_RUN"), "codegram", "postgres",
		"10", NULL };
	PGconn *db = PQconnectdbParams(names, values, 0);
	size_t len = 0;
	PGresult *rows;

	out[0] = '\0';
	if (PQstatus(db) == CONNECTION_OK && PQsendQuery(db, sql)) {
		while ((rows = PQgetResult(db)) != NULL) {
			if (PQresultStatus(rows) == PGRES_FATAL_ERROR)
				fprintf(stderr, "%s%s\n", PQresultErrorMessage(rows), sql);
			len = put_rows(rows, out, size, len);
			PQclear(rows);
		}
	} else {
		fprintf(stderr, "%s", PQerrorMessage(db));
	}
	PQfinish(db);
	len = strlen(out);
	while (len > 0 && out[len - 1] == '\n')
		out[--len] = '\0';
}

long
stack_count(const char *sql)
{
	char out[64] = "";

	stack_sql(sql, out, sizeof(out));
	return strtol(out, NULL, 10);
}
