/* doctor_service: our own programs, the queues, the schedules. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/part.h"
#include "ctl/doctor.h"
#include "queue/schedule_state.h"
#include "queue/view.h"

enum { LOOK_AT = 100, OLD_MS = 10 * 60 * 1000 };

/* codegram-api@login for api-login, codegram-worker for worker. */
static const char *
unit_of(struct doctor *d, const char *part)
{
	if (strncmp(part, "api-", 4) == 0)
		return arena_format(d->scope->arena, "codegram-api@%s", part + 4);
	return arena_format(d->scope->arena, "codegram-%s", part);
}

static void
say_part(struct doctor *d, const struct part *part)
{
	const char *unit = unit_of(d, part->name);

	if (part->state == PART_OK)
		return;
	if (part->state == PART_FROZEN)
		doctor_say(d, ERROR, "parts",
		    arena_format(
		        d->scope->arena, "journalctl -u %s; systemctl restart %s", unit, unit),
		    "%s stands still: one of its %d did not move for %.0f s", part->name,
		    part->processes, (double)part->age / 1e6);
	else
		doctor_say(d, ERROR, "parts",
		    arena_format(d->scope->arena,
		        "journalctl -u %s; systemctl start %s; or take it out of "
		        "EXPECTED_PARTS",
		        unit, unit),
		    part->age < 0 ? "%s does not run, and never did here"
		                  : "%s does not run, since %.0f s",
		    part->name, (double)part->age / 1e6);
}

void
doctor_parts(struct doctor *d)
{
	const struct settings *s = d->ctl->settings;
	struct part *parts = arena_alloc(d->scope->arena, PARTS_MAX * sizeof(*parts));
	const char *dir = arena_format(d->scope->arena, "%s/stats", s->RUN_DIR);
	size_t count, bad = 0;

	if (parts == NULL || dir == NULL)
		return;
	if (faccessat(AT_FDCWD, dir, R_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES) {
		doctor_say(d, ERROR, "parts", "run this as root or as the user codegram-ctl",
		    "%s can't be read: no heartbeat is known", dir);
		return;
	}
	count = parts_look(s->RUN_DIR, span_of(s->EXPECTED_PARTS), parts);
	for (size_t i = 0; i < count; i++)
		if (!parts[i].unmissed) {
			bad += parts[i].state != PART_OK;
			say_part(d, &parts[i]);
		}
	if (bad == 0)
		doctor_say(
		    d, FINE, "parts", "", "all that are expected run: %s", s->EXPECTED_PARTS);
}

/* ---- queues */

static bool
is_known(const struct doctor *d, const char *job)
{
	for (size_t i = 0; i < d->ctl->job_count; i++)
		if (strcmp(d->ctl->jobs[i].name, job) == 0)
			return true;
	return false;
}

/* Jobs whose name no row has: they wait a day for a worker that knows them, then are dead. */
static enum err
unknown_jobs(struct doctor *d, const char *queue, size_t *bad)
{
	static const char *const states[] = { "waiting", "delayed" };
	struct view_job *jobs, first = { .queue = NULL };
	size_t count, unknown = 0;

	for (size_t s = 0; s < 2; s++) {
		TRY(view_list(d->redis, queue, states[s], LOOK_AT, &jobs, &count, d->scope));
		for (size_t i = 0; i < count; i++) {
			if (is_known(d, jobs[i].job.name))
				continue;
			if (unknown++ == 0)
				first = jobs[i];
		}
	}
	if (unknown == 0)
		return OK;
	(*bad)++;
	doctor_say(d, WARNING, "queues",
	    arena_format(d->scope->arena,
	        "start a worker that knows it, or codegramctl jobs remove %s %s", queue,
	        first.job.id),
	    "%s: %zu job%s of a name that this build does not know, e.g. %s", queue, unknown,
	    unknown > 1 ? "s" : "", first.job.name);
	return OK;
}

static enum err
look_at(struct doctor *d, const char *queue, size_t *bad)
{
	struct arena *arena = d->scope->arena;
	struct queue_stats s;

	TRY(queue_stats(d->redis, queue, &s, d->scope));
	*bad += s.dead > 0 || s.paused || s.oldest_ms > OLD_MS;
	if (s.dead > 0)
		doctor_say(d, WARNING, "queues",
		    arena_format(arena,
		        "codegramctl jobs dead %s shows them; then jobs retry-all %s, or jobs "
		        "purge %s failed",
		        queue, queue, queue),
		    "%s: %lld failed job%s", queue, (long long)s.dead, s.dead > 1 ? "s" : "");
	if (s.paused)
		doctor_say(d, WARNING, "queues",
		    arena_format(arena, "codegramctl jobs resume %s", queue), "%s is paused",
		    queue);
	else if (s.oldest_ms > OLD_MS)
		doctor_say(d, WARNING, "queues",
		    "see jobs top: more children (WORKER_CHILDREN), or another worker",
		    "%s: a job waits for %lld minutes; %lld wait in all", queue,
		    (long long)(s.oldest_ms / 60000), (long long)s.waiting);
	return unknown_jobs(d, queue, bad);
}

void
doctor_queues(struct doctor *d)
{
	size_t bad = 0;
	enum err e = OK;

	if (d->redis == NULL)
		return;
	for (int q = 0; q < QUEUE_COUNT && e == OK; q++)
		e = look_at(d, queues[q].name, &bad);
	if (e != OK)
		doctor_say(d, WARNING, "queues",
		    "start codegram-scheduler or codegram-worker: they load the "
		    "queue's functions",
		    "they can't be read: %s", d->scope->fault.story);
	else if (bad == 0)
		doctor_say(
		    d, FINE, "queues", "", "nothing failed, is unknown or waits for long");
}

void
doctor_schedules(struct doctor *d)
{
	struct ctl *ctl = d->ctl;
	struct schedule_state *s;
	size_t count, bad = 0;

	if (!d->database)
		return;
	if (schedule_states(ctl_db(ctl, "codegram-ctl"), ctl->schedules, ctl->schedule_count,
	        ctl->settings->SCHEDULES, &s, &count, d->scope) != OK) {
		doctor_say(d, ERROR, "schedules", "run codegramctl migrate",
		    "they can't be read: %s", d->scope->fault.story);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!s[i].overdue)
			continue;
		bad++;
		doctor_say(d, ERROR, "schedules",
		    "systemctl start codegram-scheduler; codegramctl schedules shows more",
		    "%s is overdue", s[i].row->name);
	}
	if (bad == 0)
		doctor_say(d, FINE, "schedules", "", "none of %zu is overdue", count);
}
