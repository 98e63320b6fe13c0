/* scheduler: sleeps until the first of its parts is due, or a message wakes it. */
#include "queue/scheduler.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "adapter/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "queue/ended.h"
#include "queue/library.h"
#include "queue/mover.h"
#include "store/statements.h"

enum {
	POLL_MS = 200,      /* finds rows nobody woke us for */
	TICK_MS = 1000,     /* at most, while jobs are delayed */
	LISTEN_MS = 1000,   /* between two tries to subscribe */
	FIGURES_MS = 5000,  /* between two looks at what the queues hold */
	BACK_OFF_MIN = 100, /* ms after a failure, doubled up to the most */
	BACK_OFF_MAX = 2000,
	SAY_EVERY = 10, /* seconds between two log lines about the same trouble */
	FIRST = 64 * KIB,
	CEILING = 64 * KIB * KIB,
};

/* The parts of the loop; each has a time and a trouble of its own. */
enum part { OUTBOX, SCHEDULES, QUEUES, SESSIONS, PARTS };
static const char *const part_names[PARTS] = { "outbox", "schedules", "queues", "sessions" };

struct part_state {
	int64_t due; /* clock_mono() */
	int64_t pause_ms, said;
	counter *errors;
};

enum { WAITING, ACTIVE, DELAYED, BLOCKED, COMPLETED, FAILED, CANCELLED, STATES };
static const char *const states[STATES] = { "waiting", "active", "delayed", "blocked",
	"completed", "failed", "cancelled" };

struct queue_gauges {
	counter *promoted, *reaped;
	counter *jobs[STATES], *oldest, *paused;
};

struct scheduler {
	struct scheduler_options *options;
	struct db *db;
	struct redis *redis, *messages;
	struct scope scope;
	struct mover mover;
	struct scheduler_clock clock;
	struct ended_round ended;
	struct part_state parts[PARTS];
	struct queue_gauges gauges[QUEUE_COUNT];
	int64_t reap_due, figures_due, listen_due;
	bool listens;
	counter *pulse;
	int signal_fd;
	bool ends;
};

/* ---- messages: best effort; what they would tell is found by looking, too */

static void
deaf(struct scheduler *s)
{
	redis_drop(s->messages);
	s->listens = false;
	s->listen_due = clock_mono() + LISTEN_MS * 1000;
	mover_doubt(&s->mover);
}

static void
listen_to(struct scheduler *s)
{
	const struct span words[] = { SPAN("SUBSCRIBE"), SPAN(WAKE_CHANNEL), SPAN("cg:due") };

	if (s->listens || clock_mono() < s->listen_due)
		return;
	arena_reset(s->scope.arena);
	fault_reset(&s->scope.fault);
	if (redis_send(s->messages, words, 3, &s->scope) != OK) {
		s->listen_due = clock_mono() + LISTEN_MS * 1000;
		return;
	}
	s->listens = true;
}

/* Which message it is does not matter: both parts look for themselves, and cheaply. */
static void
hear(struct scheduler *s)
{
	struct redis_reply reply;
	bool there = true;

	while (s->listens && there) {
		arena_reset(s->scope.arena);
		fault_reset(&s->scope.fault);
		if (redis_take(s->messages, &reply, &there, &s->scope) != OK) {
			deaf(s);
			return;
		}
		if (!there || reply.count < 2)
			continue;
		if (strcmp(redis_text(&reply, 1), WAKE_CHANNEL) == 0)
			s->parts[OUTBOX].due = 0;
		else
			s->parts[QUEUES].due = 0;
	}
}

/* ---- the parts */

static enum err
run_outbox(struct scheduler *s, int64_t *next_ms)
{
	bool more;
	enum err e = mover_round(&s->mover, &more);

	*next_ms = more ? 0 : POLL_MS;
	return e;
}

static enum err
run_schedules(struct scheduler *s, int64_t *next_ms)
{
	*next_ms = POLL_MS;
	return schedule_round(&s->clock, s->db, &s->scope);
}

static enum err
figures(struct scheduler *s)
{
	s->figures_due = clock_mono() + FIGURES_MS * 1000;
	for (int i = 0; i < QUEUE_COUNT; i++) {
		const struct queue_gauges *g = &s->gauges[i];
		struct queue_stats n;
		arena_reset(s->scope.arena);
		TRY(queue_stats(s->redis, queues[i].name, &n, &s->scope));
		const int64_t of[STATES] = { n.waiting, n.active, n.delayed, n.blocked, n.done,
			n.dead, n.cancelled };
		for (int state = 0; state < STATES; state++)
			atomic_store(g->jobs[state], (uint64_t)of[state]);
		atomic_store(g->oldest, (uint64_t)n.oldest_ms);
		atomic_store(g->paused, (uint64_t)n.paused);
	}
	return OK;
}

static enum err
run_queues(struct scheduler *s, int64_t *next_ms)
{
	bool reaps = clock_mono() >= s->reap_due;

	*next_ms = TICK_MS;
	for (int i = 0; i < QUEUE_COUNT; i++) {
		int64_t n = 0, due = -1;
		arena_reset(s->scope.arena);
		TRY(queue_tick(s->redis, queues[i].name, &n, &due, &s->scope));
		counter_add(s->gauges[i].promoted, (uint64_t)n);
		if (due >= 0 && due < *next_ms)
			*next_ms = due;
		if (!reaps)
			continue;
		TRY(queue_reap(s->redis, queues[i].name, &n, &s->scope));
		counter_add(s->gauges[i].reaped, (uint64_t)n);
	}
	if (reaps)
		s->reap_due = clock_mono() + QUEUE_REAP_MS * 1000;
	return clock_mono() >= s->figures_due ? figures(s) : OK;
}

static enum err
run_sessions(struct scheduler *s, int64_t *next_ms)
{
	bool more;
	enum err e = ended_round(&s->ended, s->db, s->redis, &s->scope, &more);

	*next_ms = more ? 0 : TICK_MS;
	return e;
}

static void
trouble(struct scheduler *s, enum part part, enum err e)
{
	struct part_state *p = &s->parts[part];
	int64_t now = clock_mono();

	counter_add(p->errors, 1);
	p->pause_ms = p->pause_ms == 0 ? BACK_OFF_MIN : p->pause_ms * 2;
	if (p->pause_ms > BACK_OFF_MAX)
		p->pause_ms = BACK_OFF_MAX;
	if (p->said != 0 && now - p->said < SAY_EVERY * 1000000)
		return;
	p->said = now;
	LOG(LEVEL_WARN, "scheduler.waits", L_TEXT("part", part_names[part]),
	    L_TEXT("word", err_row(e)->word), L_TEXT("reason", s->scope.fault.story));
}

static void
run(struct scheduler *s, enum part part)
{
	static enum err (*const parts[PARTS])(struct scheduler *, int64_t *) = { run_outbox,
		run_schedules, run_queues, run_sessions };
	struct part_state *p = &s->parts[part];
	int64_t next_ms = 0;
	enum err e;

	if (clock_mono() < p->due)
		return;
	arena_reset(s->scope.arena);
	fault_reset(&s->scope.fault);
	if ((e = parts[part](s, &next_ms)) != OK)
		trouble(s, part, e);
	else {
		if (p->pause_ms != 0)
			LOG(LEVEL_INFO, "scheduler.goes_on", L_TEXT("part", part_names[part]));
		p->pause_ms = 0;
		p->said = 0;
	}
	p->due = clock_mono() + (e == OK ? next_ms : p->pause_ms) * 1000;
}

/* ---- the loop */

static void
reload(struct scheduler *s)
{
	notify_reloading();
	if (s->options->reload(s->options)) {
		db_slow(s->db, (int)s->options->settings->SLOW_QUERY_MS);
		LOG(LEVEL_INFO, "scheduler.reloaded");
	}
	notify_ready();
}

static void
take_signals(struct scheduler *s)
{
	int number;

	while ((number = proc_next_signal(s->signal_fd)) != 0) {
		if (number == SIGTERM || number == SIGINT)
			s->ends = true;
		else if (number == SIGHUP)
			reload(s);
		else if (number == SIGUSR1)
			log_reopen();
	}
}

static void
sleep_until_due(struct scheduler *s)
{
	struct pollfd p[2] = { { s->signal_fd, POLLIN, 0 }, { -1, POLLIN, 0 } };
	int64_t first = clock_mono() + TICK_MS * 1000, left;

	for (int i = 0; i < PARTS; i++)
		if (s->parts[i].due < first)
			first = s->parts[i].due;
	left = (first - clock_mono() + 999) / 1000;
	if (s->listens)
		p[1].fd = redis_fd(s->messages);
	poll(p, 2, left > 0 ? (int)left : 0);
	if (p[0].revents != 0)
		take_signals(s);
	if (p[1].revents != 0)
		hear(s);
}

static void
open_gauges(struct queue_gauges *g, const char *queue, struct counter_file *stats)
{
	char labels[96];

	for (int state = 0; state < STATES; state++) {
		snprintf(
		    labels, sizeof(labels), "queue=\"%s\",state=\"%s\"", queue, states[state]);
		g->jobs[state] = counter_get(stats, "codegram_queue_jobs", MEASURE, labels);
	}
	snprintf(labels, sizeof(labels), "queue=\"%s\"", queue);
	g->promoted = counter_get(stats, "codegram_scheduler_promoted_total", COUNTER, labels);
	g->reaped = counter_get(stats, "codegram_scheduler_reaped_total", COUNTER, labels);
	g->oldest = counter_get(stats, "codegram_queue_oldest_milliseconds", MEASURE, labels);
	g->paused = counter_get(stats, "codegram_queue_paused", MEASURE, labels);
}

static bool
open_all(struct scheduler *s)
{
	const struct scheduler_options *o = s->options;
	struct db_options database;
	struct redis_options redis;
	char labels[64];

	database = (struct db_options){ o->settings->DATABASE_URL, "codegram-scheduler",
		"codegram-scheduler", (int)o->settings->DATABASE_TIMEOUT_MS,
		(int)o->settings->SLOW_QUERY_MS, store_constraints };
	redis = (struct redis_options){ o->settings->REDIS_URL, "codegram-scheduler",
		o->settings->REDIS_PASSWORD, (int)o->settings->REDIS_TIMEOUT_MS };
	s->db = db_make(&database);
	s->redis = redis_make(&redis);
	s->messages = redis_make(&redis);
	s->scope.arena = arena_make(FIRST, CEILING);
	s->signal_fd = proc_signals();
	if (s->db == NULL || s->redis == NULL || s->messages == NULL ||
	    s->scope.arena == NULL || s->signal_fd < 0)
		return false;
	s->pulse = counter_pulse(o->stats, "scheduler");
	mover_open(&s->mover, s->db, s->redis, &s->scope, o->stats);
	for (int i = 0; i < PARTS; i++) {
		snprintf(labels, sizeof(labels), "part=\"%s\"", part_names[i]);
		s->parts[i].errors =
		    counter_get(o->stats, "codegram_scheduler_errors_total", COUNTER, labels);
	}
	for (int i = 0; i < QUEUE_COUNT; i++)
		open_gauges(&s->gauges[i], queues[i].name, o->stats);
	return schedule_open(
	    &s->clock, o->schedules, o->schedule_count, o->settings->SCHEDULES, o->stats);
}

static void
close_all(struct scheduler *s)
{
	db_free(s->db);
	redis_free(s->redis);
	redis_free(s->messages);
	if (s->scope.arena != NULL)
		arena_free(s->scope.arena);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
}

int
scheduler_run(struct scheduler_options *options)
{
	static struct scheduler s;
	int64_t fed = 0, every = notify_watchdog_interval() / 3;

	s = (struct scheduler){ .options = options, .signal_fd = -1 };
	if (!open_all(&s)) {
		LOG(LEVEL_ERROR, "scheduler.not_started", L_TEXT("reason", strerror(errno)));
		close_all(&s);
		return 1;
	}
	notify_ready();
	LOG(LEVEL_INFO, "scheduler.started", L_INT("schedules", options->schedule_count));
	while (!s.ends) {
		listen_to(&s);
		for (enum part part = 0; part < PARTS && !s.ends; part++) {
			run(&s, part);
			counter_beat(s.pulse);
			take_signals(&s);
		}
		if (every > 0 && clock_mono() - fed >= every) {
			fed = clock_mono();
			notify_watchdog();
		}
		if (!s.ends)
			sleep_until_due(&s);
	}
	notify_stopping(0);
	counter_beat_end(s.pulse);
	LOG(LEVEL_INFO, "scheduler.stopped");
	close_all(&s);
	return 0;
}
