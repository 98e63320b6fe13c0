/* codegramctl jobs top: on a terminal (a real pseudo-terminal), and without one. */
#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", "--set",
	"SCHEDULES=off", NULL };

enum { COLUMNS = 132, ROWS = 30, SCREEN_MAX = 1 << 20 };

static char screen[SCREEN_MAX];
static size_t length;
static pid_t child;
static int terminal;

static void
open_top_of(unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	length = 0;
	child = forkpty(&terminal, NULL, NULL, &size);
	if (child == 0) {
		execl("tools/stack", "tools/stack", "ctl", stack_dir(), "jobs", "top",
		    (char *)NULL);
		_exit(127);
	}
	cr_assert_gt(child, 0);
}

static void
open_top(void)
{
	open_top_of(ROWS, COLUMNS);
}

/* Reads on until the text was there since `from`; false: not in time, or the end. */
static bool
comes(size_t from, const char *text, double seconds)
{
	double until = seconds_now() + seconds;
	struct pollfd p = { terminal, POLLIN, 0 };

	screen[length] = '\0';
	while (strstr(screen + from, text) == NULL) {
		ssize_t n;
		if (seconds_now() > until || length + 4096 > SCREEN_MAX)
			return false;
		if (poll(&p, 1, 100) <= 0)
			continue;
		if ((n = read(terminal, screen + length, 4095)) <= 0)
			return false;
		length += (size_t)n;
		screen[length] = '\0';
	}
	return true;
}

/* Its exit code; -1: it did not end. */
static int
ended(double seconds)
{
	double until = seconds_now() + seconds;
	int status;

	while (seconds_now() < until) {
		comes(length, "\033[?1049l", 0.05);
		if (waitpid(child, &status, WNOHANG) == child) {
			close(terminal);
			return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
		}
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return -1;
}

Test(top, on_a_terminal)
{
	char out[1024];
	size_t from;

	cr_assert_eq(stack_ctl(out, sizeof(out), "jobs", "add", "maintenance", "test.sleep",
	                 "{\"ms\":15000}", "--id", "seen-running", NULL),
	    0);
	cr_assert_eq(stack_ctl(out, sizeof(out), "jobs", "add", "maintenance", "test.fail",
	                 "{}", "--id", "seen-failed", "--attempts", "1", NULL),
	    0);
	open_top();
	cr_expect(comes(0, "\033[?1049h", 10), "a screen of its own");
	cr_expect(comes(0, "github-sync", 10), "%s", screen);
	cr_expect(comes(0, "seen-running", 10), "%s", screen);
	cr_expect(comes(0, "seen-failed", 10), "%s", screen);
	cr_expect(comes(0, "told to fail", 10), "%s", screen);
	from = length;
	cr_expect(comes(from, "\033[H\033[J", 3), "drawn again within a second or two");
	from = length;
	cr_assert_eq(stack_ctl(out, sizeof(out), "jobs", "pause", "email", NULL), 0);
	cr_expect(comes(from, "paused", 5), "what changes is seen");
	cr_expect_eq(write(terminal, "q", 1), 1);
	cr_expect_eq(ended(5), 0);
	cr_expect_not_null(strstr(screen, "\033[?1049l"), "the screen is given back");
	cr_expect_not_null(strstr(screen, "\033[?25h"), "and the cursor");
	stack_ctl(out, sizeof(out), "jobs", "resume", "email", NULL);
	stack_ctl(out, sizeof(out), "jobs", "cancel", "seen-running", NULL);
}

/* On the smallest usual terminal nothing is pushed off its upper edge: at most 23 lines, and
 * none goes on in the next row. */
Test(top, eighty_columns)
{
	char out[1024], id[32];
	const char *frame, *head;
	int lines = 0;

	for (int i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "many-failed-%02d", i);
		cr_assert_eq(stack_ctl(out, sizeof(out), "jobs", "add", "maintenance",
		                 "test.fail", "{}", "--id", id, "--attempts", "1", NULL),
		    0);
	}
	open_top_of(24, 80);
	cr_expect(comes(0, "many-failed-11", 10), "%s", screen);
	cr_expect(comes(length, "failed last", 5));
	cr_expect(comes(length, "\033[H\033[J", 5));
	cr_expect_eq(write(terminal, "q", 1), 1);
	cr_expect_eq(ended(5), 0);
	cr_expect_not_null(strstr(screen, "\033[?7l"), "lines are cut at the edge");
	cr_expect_not_null(strstr(screen, "\033[?7h"), "until the end");
	cr_assert_not_null(frame = strstr(screen, "\033[H\033[J"));
	cr_assert_not_null(frame = strstr(frame + 1, "\033[H\033[J"));
	cr_assert_not_null(head = strstr(frame, "queue "));
	cr_expect_leq(strcspn(head, "\r\n"), 80, "the table fits: %s", head);
	for (const char *p = frame + 1; *p && strncmp(p, "\033[H\033[J", 6) != 0; p++)
		lines += *p == '\n';
	cr_expect_leq(lines, 23, "%d lines: %s", lines, frame);
}

/* Whoever reads no longer ends it. */
Test(top, ends_with_its_reader)
{
	char command[512], out[4096];
	const char *argv[] = { "sh", "-c", command, NULL };
	double began = seconds_now();

	snprintf(command, sizeof(command),
	    "timeout 15 tools/stack ctl '%s' jobs top | head -n 1", stack_dir());
	cr_expect_eq(run_command(argv, out, sizeof(out)), 0, "%s", out);
	cr_expect_lt(seconds_now() - began, 12.0);
}

Test(top, ends_by_control_c)
{
	open_top();
	cr_expect(comes(0, "github-sync", 10), "%s", screen);
	cr_expect_eq(write(terminal, "\003", 1), 1);
	ended(5); /* whatever code the shell in between makes of it */
	cr_expect_not_null(strstr(screen, "\033[?1049l"), "the screen is given back");
}

Test(top, goes_on_while_redis_is_away)
{
	size_t from;

	open_top();
	cr_expect(comes(0, "github-sync", 10), "%s", screen);
	stack_part("stop-part", "redis");
	from = length;
	cr_expect(comes(from, "Redis: ", 10), "%s", screen + from);
	stack_part("start-part", "redis");
	from = length;
	cr_expect(comes(from, "github-sync", 10), "%s", screen + from);
	cr_expect_eq(write(terminal, "q", 1), 1);
	cr_expect_eq(ended(5), 0);
}

Test(top, plain_lines_elsewhere)
{
	static char out[65536];
	double began = seconds_now();
	int heads = 0;

	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "jobs", "top", "--count", "3", NULL), 0, "%s", out);
	cr_expect_geq(seconds_now() - began, 2.0, "a second between two");
	cr_expect_null(strchr(out, '\033'), "%s", out);
	for (const char *p = out; (p = strstr(p, "added/s")) != NULL; p++)
		heads++;
	cr_expect_eq(heads, 3, "%s", out);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "jobs", "top", "push", "--count", "2", "--json", NULL),
	    0);
	cr_expect_eq(strncmp(out, "[{\"name\":\"push\"", 15), 0, "%s", out);
	cr_expect_not_null(strstr(out, "\n[{"), "a line for each look: %s", out);
}
