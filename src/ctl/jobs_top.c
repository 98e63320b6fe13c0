/* jobs_top: a live view of the queues: on a terminal redrawn each second until q or ctrl-C,
 * elsewhere one plain table. Rates are the difference of two looks. Goes on while Redis is away. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "ctl/jobs.h"

enum {
	EVERY_MS = 1000,
	TOP_ARENA_FIRST = 64 * KIB,
	TOP_ARENA_MAX = 64 * KIB * KIB,
	JOBS_SHOWN = 50,
	ROWS_DEFAULT = 24,
	COLUMNS_DEFAULT = 80,
	COLUMNS_WIDE = 116, /* of the table that has all figures */
	ERROR_POINTS = 60,
};

/* Another screen, no cursor, and lines that are cut at the edge, and back (ECMA-48, xterm). */
#define SCREEN_BEGIN "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_END "\033[?7h\033[?25h\033[?1049l"
#define SCREEN_CLEAR "\033[H\033[J"

struct look {
	struct view_queue queue[QUEUE_COUNT];
	size_t queues;
	int64_t at; /* clock_mono(); 0: never */
};

struct top {
	struct jobs *w;
	struct scope scope; /* its arena holds one look */
	struct look now, before;
	bool terminal, failed, once;
	int signals; /* descriptor */
	struct termios saved;
};

static enum err
look(struct top *t)
{
	t->now.queues = 0;
	for (int q = 0; q < QUEUE_COUNT; q++) {
		if (t->w->queue != NULL && strcmp(t->w->queue, queues[q].name) != 0)
			continue;
		TRY(view_queue(
		    t->w->redis, queues[q].name, &t->now.queue[t->now.queues], &t->scope));
		t->now.queues++;
	}
	t->now.at = clock_mono();
	return OK;
}

/* What matters most, in 79 columns. */
static void
draw_narrow(const struct top *t, double seconds)
{
	printf("%-11s %-6s %7s %6s %7s %7s %6s %8s %6s %6s\n", "queue", "", "waiting", "active",
	    "delayed", "blocked", "failed", "oldest s", "in/s", "done/s");
	for (size_t i = 0; i < t->now.queues; i++) {
		const struct queue_stats *s = &t->now.queue[i].stats;
		const struct queue_stats *b = t->before.at ? &t->before.queue[i].stats : s;
		printf("%-11s %-6s %7lld %6lld %7lld %7lld %6lld %8.1f %6.0f %6.0f\n",
		    t->now.queue[i].name, s->paused ? "paused" : "", (long long)s->waiting,
		    (long long)s->active, (long long)s->delayed, (long long)s->blocked,
		    (long long)s->dead, (double)s->oldest_ms / 1000,
		    (double)(s->added - b->added) / seconds,
		    (double)(s->completed - b->completed) / seconds);
	}
}

static void
draw_queues(const struct top *t, int columns)
{
	double seconds = (double)(t->now.at - t->before.at) / 1e6;

	if (t->terminal && columns < COLUMNS_WIDE) {
		draw_narrow(t, seconds);
		return;
	}
	/* one look alone knows no rates */
	jobs_table_head(!t->once);
	for (size_t i = 0; i < t->now.queues; i++)
		jobs_table_line(&t->now.queue[i],
		    t->once        ? NULL
		    : t->before.at ? &t->before.queue[i]
		                   : &t->now.queue[i],
		    seconds);
}

static void
draw_job(const struct view_job *v, int64_t now_ms)
{
	const struct queue_view *job = &v->job;

	printf("%-12s ", v->queue);
	ctl_put(job->name, 24);
	putchar(' ');
	ctl_put(job->id, 40);
	if (*job->error) {
		fputs("  ", stdout);
		ctl_put(job->error, ERROR_POINTS);
	} else {
		if (job->started_ms > 0)
			printf("  %.1f s", (double)(now_ms - job->started_ms) / 1000);
		if (*job->progress) {
			fputs("  ", stdout);
			ctl_put(job->progress, ERROR_POINTS);
		}
	}
	putchar('\n');
}

static enum err
draw_jobs(struct top *t, const char *state, const char *title, int rows)
{
	struct view_job *v;
	size_t count;

	if (rows < 2)
		return OK;
	TRY(view_list(t->w->redis, t->w->queue, state, JOBS_SHOWN, &v, &count, &t->scope));
	printf("\n%s\n", title);
	for (size_t i = 0; i < count && (int)i < rows - 1; i++)
		draw_job(&v[i], clock_now() / 1000);
	return OK;
}

static void
draw_json(const struct top *t)
{
	struct buf b;

	buf_init(&b, KIB * KIB);
	for (size_t i = 0; i < t->now.queues; i++) {
		buf_char(&b, i ? ',' : '[');
		view_queue_json(&b, &t->now.queue[i]);
	}
	printf("%s]\n", buf_text(&b));
	buf_free(&b);
}

static enum err
draw(struct top *t)
{
	struct winsize size;
	int rows = ROWS_DEFAULT, columns = COLUMNS_DEFAULT;
	enum err e = look(t);

	if (t->terminal) {
		fputs(SCREEN_CLEAR, stdout);
		puts("CodeGram's queues; q ends\n");
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
			rows = size.ws_row;
			columns = size.ws_col;
		}
	}
	if (e != OK)
		return e;
	if (t->w->ctl->json && !t->terminal)
		draw_json(t);
	else
		draw_queues(t, columns);
	if (t->terminal) {
		rows -= (int)t->now.queues + 6;
		TRY(draw_jobs(t, "active", "running", rows / 2));
		TRY(draw_jobs(t, "failed", "failed last", rows - rows / 2));
	}
	return OK;
}

/* False: nobody reads it any more. */
static bool
round_of(struct top *t)
{
	enum err e;

	fault_reset(&t->scope.fault);
	e = draw(t);
	t->failed = e != OK;
	if (e != OK)
		fprintf(t->terminal ? stdout : stderr, "%s%s\n",
		    t->terminal ? "" : "codegramctl jobs: top: ",
		    *t->scope.fault.story ? t->scope.fault.story : err_row(e)->message);
	else
		t->before = t->now;
	arena_reset(t->scope.arena);
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* Until the next look is due; true: somebody wants an end. */
static bool
rest(const struct top *t)
{
	struct pollfd p[] = { { t->signals, POLLIN, 0 },
		{ t->terminal ? STDIN_FILENO : -1, POLLIN, 0 } };
	int64_t until = clock_mono() + EVERY_MS * 1000, left;
	char key;

	while ((left = until - clock_mono()) > 0) {
		int number;
		poll(p, 2, (int)(left / 1000) + 1);
		while ((number = proc_next_signal(t->signals)) != 0)
			if (number == SIGINT || number == SIGTERM || number == SIGHUP)
				return true;
		if (p[1].revents & (POLLHUP | POLLERR | POLLNVAL))
			return true;
		if ((p[1].revents & POLLIN) &&
		    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
			return true;
	}
	return false;
}

/* One that obeys no escapes. */
static bool
is_dumb(void)
{
	const char *term = getenv("TERM");

	return term != NULL && strcmp(term, "dumb") == 0;
}

static void
screen_begin(struct top *t)
{
	struct termios raw;

	t->terminal = !t->w->ctl->json && isatty(STDOUT_FILENO) && !is_dumb() &&
	              tcgetattr(STDIN_FILENO, &t->saved) == 0;
	if (!t->terminal)
		return;
	raw = t->saved;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(SCREEN_BEGIN, stdout);
}

static void
screen_end(struct top *t)
{
	if (!t->terminal)
		return;
	fputs(SCREEN_END, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

enum err
jobs_top(struct jobs *w)
{
	struct top t = { .w = w,
		.scope = { .arena = arena_make(TOP_ARENA_FIRST, TOP_ARENA_MAX) },
		.signals = proc_signals() };

	if (t.scope.arena == NULL || t.signals < 0)
		return ERR_NO_MEMORY;
	screen_begin(&t);
	/* Who pipes it wants to know how it stands: a look each second is asked for by --count. */
	if (!t.terminal && w->count == 0)
		w->count = 1;
	t.once = w->count == 1;
	for (int64_t i = 0; w->count == 0 || i < w->count; i++) {
		if (i > 0 && rest(&t))
			break;
		if (!round_of(&t))
			break;
	}
	screen_end(&t);
	arena_free(t.scope.arena);
	close(t.signals);
	w->faulty = t.failed;
	return OK;
}
