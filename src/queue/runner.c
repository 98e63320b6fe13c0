/* runner: the child of a keeper. Runs one job at a time in an arena, with a PostgreSQL
 * connection of its own; says how each ended. SIGTERM ends it in the middle of a job. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/proc.h"
#include "queue/slot.h"
#include "store/job.h"
#include "store/statements.h"

enum { ARENA_FIRST = 64 * KIB, ARENA_CEILING = 64 * KIB * KIB, STATEMENT_MS = 30000 };
enum { AWAY_MS = 1500, DAY_MS = 86400000 };

struct runner {
	const struct worker *worker;
	struct db *db;
	struct arena *arena;
	int fd, signal_fd;
	struct {
		struct order order;
		char data[QUEUE_PROGRESS_MAX + QUEUE_DATA_MAX];
	} packet;
	size_t length; /* of the data */
};

/* A child whose keeper is gone has nobody to work for. */
static void
say(int fd, const struct said *said)
{
	if (send(fd, said, sizeof(*said), MSG_NOSIGNAL) < 0)
		_exit(1);
}

enum err
job_progress(struct job *job, int64_t percent, const char *message)
{
	struct said said = { .kind = SAYS_PROGRESS,
		.percent = percent < 0     ? 0
		           : percent > 100 ? 100
		                           : percent };

	snprintf(said.outcome.text, MESSAGE_SIZE, "%s", message ? message : "");
	say(job->fd, &said);
	return OK;
}

void
job_log(struct job *job, const char *format, ...)
{
	struct said said = { .kind = SAYS_LINE };
	va_list args;

	va_start(args, format);
	vsnprintf(said.outcome.text, sizeof(said.outcome.text), format, args);
	va_end(args);
	say(job->fd, &said);
}

bool
job_cancelled(const struct job *job)
{
	sigset_t pending;

	(void)job;
	return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

enum err
job_once(struct job *job)
{
	return q_job_once(job->db, job->id);
}

enum err
job_snooze(struct job *job, int64_t delay_ms)
{
	job->end = END_SNOOZE;
	job->delay_ms = delay_ms;
	return ERR_RETRY;
}

enum err
job_dead(struct job *job, const char *why)
{
	job->end = END_DEAD;
	return fault(&job->scope.fault, ERR_INVALID, "%s", why);
}

/* The payload by the row's form: what is wrong with it now is wrong for ever. */
static enum err
payload(struct job *job, struct span data)
{
	struct json_t *object;
	void *form = arena_alloc(job->scope.arena, job->row->form->size);
	enum err e;

	if (form == NULL)
		return ERR_NO_MEMORY;
	if ((e = json_object_of(data, &object, &job->scope)) == OK)
		e = json_fill(object, job->row->form, form, &job->scope);
	if (e == ERR_INVALID && job->scope.fault.count > 0)
		fault(&job->scope.fault, e, "payload: %s: %s", job->scope.fault.fields[0].field,
		    job->scope.fault.fields[0].message);
	if (e == ERR_INVALID || e == ERR_BAD_JSON)
		job->end = END_DEAD;
	job->form = form;
	return e;
}

static enum err
handle(struct job *job, struct span data)
{
	TRY(payload(job, data));
	TRY(job->row->handle(job));
	TRY(db_commit(job->db));
	failpoint("job.committed");
	return OK;
}

/* PostgreSQL away, or a transaction lost to another one, is not the job's fault: it comes again
 * and no attempt is counted. For a day, lest a job hides behind that for ever. */
static void
excuse(struct job *job, enum err e)
{
	if (!err_passes(e) || job->end != END_FAIL ||
	    clock_now() / 1000 - job->added_ms > DAY_MS)
		return;
	job->end = END_SNOOZE;
	job->delay_ms = AWAY_MS + clock_mono() % AWAY_MS;
}

static void
report(const struct runner *r, const struct job *job, enum err e, int64_t began)
{
	struct said said = { .kind = SAYS_END,
		.outcome = { .ok = e == OK,
		    .end = job->end,
		    .delay_ms = job->delay_ms,
		    .micros = clock_mono() - began } };
	const char *story =
	    *job->scope.fault.story ? job->scope.fault.story : err_row(e)->message;

	snprintf(said.outcome.text, sizeof(said.outcome.text), "%s",
	    e != OK       ? story
	    : job->result ? job->result
	                  : "");
	LOG(e == OK ? LEVEL_INFO : LEVEL_WARN, e == OK ? "job.done" : "job.failed",
	    L_TEXT("job", job->row->name), L_TEXT("queue", queues[job->row->queue].name),
	    L_INT("attempt", job->attempts + 1), L_INT("us", said.outcome.micros),
	    L_TEXT("word", e == OK ? "OK" : err_row(e)->word),
	    L_TEXT("said", said.outcome.text),
	    *job->trace ? L_TEXT("trace", job->trace) : L_TEXT(NULL, NULL));
	say(r->fd, &said);
}

static void
run(struct runner *r)
{
	const struct order *o = &r->packet.order;
	struct job job = { .scope = { .arena = r->arena },
		.db = r->db,
		.settings = r->worker->settings,
		.row = &r->worker->jobs[o->row],
		.id = o->id,
		.attempts = o->attempts,
		.crashes = o->crashes,
		.added_ms = o->added_ms,
		.owner = o->owner,
		.trace = o->trace,
		.batch = o->batch,
		.before =
		    arena_text(r->arena, (struct span){ r->packet.data, o->before_length }),
		.fd = r->fd };
	struct span data = { r->packet.data + o->before_length, r->length - o->before_length };
	int64_t began = clock_mono();
	enum err e;

	fault_reset(&job.scope.fault);
	log_request(job.id);
	db_open_scope(r->db, &job.scope, true);
	e = job.before ? handle(&job, data) : ERR_NO_MEMORY;
	db_close_scope(r->db);
	excuse(&job, e);
	report(r, &job, e, began);
	log_request(NULL);
	arena_reset(r->arena);
}

/* SIGTERM acts at once here, whatever the handler does; the rest comes by descriptor. */
static bool
open_runner(struct runner *r, const struct db_options *options)
{
	sigset_t term;

	r->signal_fd = proc_signals();
	r->arena = arena_make(ARENA_FIRST, ARENA_CEILING);
	r->db = db_make(options);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return r->signal_fd >= 0 && r->arena != NULL && r->db != NULL &&
	       sigprocmask(SIG_UNBLOCK, &term, NULL) == 0;
}

int
runner_run(const struct worker *worker, int fd)
{
	static struct runner r;
	const struct settings *s = worker->settings;
	const struct db_options options = { s->DATABASE_URL, "codegram-worker",
		"codegram-worker", STATEMENT_MS, (int)s->SLOW_QUERY_MS, store_constraints };
	ssize_t n;

	r.worker = worker;
	r.fd = fd;
	if (!open_runner(&r, &options))
		return 1;
	for (;;) {
		struct pollfd p[] = { { fd, POLLIN, 0 }, { r.signal_fd, POLLIN, 0 } };
		poll(p, 2, -1);
		if (p[1].revents != 0 && proc_next_signal(r.signal_fd) == SIGUSR1)
			log_reopen();
		if (p[0].revents == 0)
			continue;
		n = recv(fd, &r.packet, sizeof(r.packet), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < (ssize_t)sizeof(r.packet.order))
			break;
		r.length = (size_t)n - sizeof(r.packet.order);
		run(&r);
	}
	db_free(r.db);
	arena_free(r.arena);
	return 0;
}
