/* slot: forks the children of the keeper, gives them jobs, hears how those ended, and ends the
 * ones past their time. Knows nothing of Redis. */
#include "queue/slot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"

enum {
	YOUNG_MS = 1000,
	PAUSE_MAX_MS = 5000,
	KILL_AFTER_MS = 2000,
	SNOOZE_UNKNOWN_MS = 30000,
	UNKNOWN_MS = 86400000,
	HEAR_AT_ONCE = 64, /* packets of one child, before others get their turn */
};

struct job_counters *
slot_counters(const struct slots *s, const struct slot *slot)
{
	return &s->worker->counters[slot->row - s->worker->jobs];
}

static void
start(struct slots *s, struct slot *slot, void (*forget)(void *), void *with)
{
	int pair[2] = { -1, -1 };
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		pid = proc_fork();
	if (pid == 0) {
		for (int i = 0; i < s->count; i++)
			if (s->slot[i].pid != 0)
				close(s->slot[i].fd);
		close(pair[0]);
		forget(with);
		exit(runner_run(s->worker, pair[1]));
	}
	close(pair[1]);
	if (pid < 0) {
		LOG(LEVEL_ERROR, "child.fork_failed", L_TEXT("reason", strerror(errno)));
		close(pair[0]);
		slot->start_after = clock_mono() + YOUNG_MS * 1000;
		return;
	}
	slot->pid = pid;
	slot->fd = pair[0];
	slot->born = clock_mono();
	slot->old = false;
}

void
slots_start(struct slots *s, void (*forget)(void *), void *with)
{
	for (int i = 0; i < s->count && !s->stopping; i++) {
		struct slot *slot = &s->slot[i];
		if (slot->pid == 0 && clock_mono() >= slot->start_after)
			start(s, slot, forget, with);
		else if (slot->pid != 0 && slot->old && slot->state == SLOT_FREE)
			shutdown(slot->fd, SHUT_RDWR);
	}
}

void
slots_renew(struct slots *s)
{
	for (int i = 0; i < s->count; i++)
		s->slot[i].old = s->slot[i].pid != 0;
}

int64_t
slots_pause(const struct slots *s, int64_t most)
{
	int64_t now = clock_mono(), left = most * 1000;

	for (int i = 0; i < s->count; i++) {
		const struct slot *slot = &s->slot[i];
		if (slot->pid == 0 && !s->stopping && slot->start_after - now < left)
			left = slot->start_after - now;
		if (slot->state != SLOT_RUNNING || slot->signalled == SIGKILL)
			continue;
		if ((slot->lost || slot->cancelled) && slot->signalled == 0)
			left = 0;
		else if (slot->deadline - now < left)
			left = slot->deadline - now;
	}
	return left < 0 ? 0 : left / 1000 + 1;
}

static bool
is_free(const struct slot *slot)
{
	return slot->pid != 0 && slot->state == SLOT_FREE && !slot->old;
}

size_t
slots_free(const struct slots *s, int queue)
{
	size_t n = 0;

	for (int i = 0; i < s->count; i++) {
		const struct slot *slot = &s->slot[i];
		n += is_free(slot) ||
		     (slot->pid != 0 && !slot->old && slot->state == SLOT_ENDED &&
		         slot->outcome.ok && (int)slot->queue == queue);
	}
	return n;
}

size_t
slots_in(const struct slots *s, enum slot_state state)
{
	size_t n = 0;

	for (int i = 0; i < s->count; i++)
		n += s->slot[i].state == state;
	return n;
}

static void
ended(struct slot *slot, enum job_end end, int64_t delay_ms, const char *why)
{
	slot->outcome = (struct outcome){ .end = end, .delay_ms = delay_ms };
	snprintf(slot->outcome.text, sizeof(slot->outcome.text), "%s", why);
	slot->state = SLOT_ENDED;
}

static void
hold(
    struct slot *slot, const struct job_row *row, enum queue queue, const struct queue_job *job)
{
	slot->row = row;
	slot->queue = queue;
	slot->lease = job->lease;
	snprintf(slot->owner, sizeof(slot->owner), "%s", job->owner);
	slot->progress = (struct progress){ .percent = -1 };
	slot->line_count = 0;
	slot->signalled = 0;
	slot->lost = slot->cancelled = false;
	slot->state = SLOT_RUNNING;
}

/* A newer program added it, so it is for a newer one, for a while. */
static void
unknown(struct slot *slot, const struct queue_job *job)
{
	bool old = clock_now() / 1000 - job->added_ms > UNKNOWN_MS;

	slot->owner[0] = '\0'; /* what the row would tell of it is wrong */
	LOG(LEVEL_WARN, "job.unknown", L_TEXT("job", job->name), L_TEXT("id", job->lease.id));
	ended(slot, old ? END_DEAD : END_SNOOZE, SNOOZE_UNKNOWN_MS, "no worker knows this job");
}

void
slots_give(
    struct slots *s, const struct job_row *row, enum queue queue, const struct queue_job *job)
{
	struct order order = { 0, job->attempts, job->crashes, job->added_ms,
		strlen(job->progress), "", "", "", "" };
	struct iovec part[] = { { &order, sizeof(order) },
		{ (void *)(uintptr_t)job->progress, order.before_length },
		{ (void *)(uintptr_t)job->data.ptr, job->data.len } };
	struct msghdr packet = { .msg_iov = part, .msg_iovlen = 3 };
	struct slot *slot = s->slot;

	while (!is_free(slot))
		slot++;
	hold(slot, row ? row : s->worker->jobs, queue, job);
	if (row == NULL) {
		unknown(slot, job);
		return;
	}
	order.row = (size_t)(row - s->worker->jobs);
	memcpy(order.id, job->lease.id, sizeof(order.id));
	snprintf(order.owner, sizeof(order.owner), "%s", job->owner);
	snprintf(order.trace, sizeof(order.trace), "%s", job->trace);
	snprintf(order.batch, sizeof(order.batch), "%s", job->batch);
	slot->deadline = clock_mono() + row->limit_ms * 1000;
	if (sendmsg(slot->fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		ended(slot, END_BACK, 0, "its child was gone");
	else
		counter_add(slot_counters(s, slot)->started, 1);
}

bool
slot_listens(const struct slot *slot)
{
	return slot->pid != 0 && slot->state == SLOT_RUNNING && slot->line_count < LINES_MAX;
}

static void
take(struct slots *s, struct slot *slot, const struct said *said)
{
	const char *text = said->outcome.text;

	switch (said->kind) {
	case SAYS_PROGRESS:
		slot->progress.percent = said->percent;
		snprintf(slot->progress.message, MESSAGE_SIZE, "%.*s", MESSAGE_SIZE - 1, text);
		slot->progress.changed = true;
		break;
	case SAYS_LINE:
		snprintf(slot->lines[slot->line_count++], QUEUE_LOG_BYTES + 1, "%.*s",
		    QUEUE_LOG_BYTES, text);
		break;
	case SAYS_END:
		slot->outcome = said->outcome;
		if (slot->cancelled && !slot->outcome.ok)
			slot->outcome.end = END_CANCEL;
		slot->state = slot->lost ? SLOT_FREE : SLOT_ENDED;
		histogram_add(&slot_counters(s, slot)->duration, slot->outcome.micros);
		break;
	}
}

void
slot_hear(struct slots *s, struct slot *slot)
{
	struct said said;

	for (int i = 0; i < HEAR_AT_ONCE && slot_listens(slot); i++) {
		if (recv(slot->fd, &said, sizeof(said), MSG_DONTWAIT) != (ssize_t)sizeof(said))
			return;
		take(s, slot, &said);
	}
}

/* What it said before it died: of lines there may be more than there is room for. */
static void
hear_the_last(struct slots *s, struct slot *slot)
{
	struct said said;

	while (slot->state == SLOT_RUNNING &&
	       recv(slot->fd, &said, sizeof(said), MSG_DONTWAIT) == (ssize_t)sizeof(said)) {
		if (slot->line_count == LINES_MAX)
			slot->line_count--;
		take(s, slot, &said);
	}
}

static void
job_of_the_dead(struct slot *slot, int status)
{
	char why[96];

	if (slot->lost) {
		slot->state = SLOT_FREE;
	} else if (slot->cancelled) {
		ended(slot, END_CANCEL, 0, "cancelled");
	} else if (slot->signalled != 0) {
		snprintf(
		    why, sizeof(why), "longer than %g s", (double)slot->row->limit_ms / 1000);
		ended(slot, END_FAIL, 0, why);
	} else {
		if (WIFSIGNALED(status))
			snprintf(why, sizeof(why), "signal %d", WTERMSIG(status));
		else
			snprintf(why, sizeof(why), "exit %d", WEXITSTATUS(status));
		ended(slot, END_CRASH, 0, why);
	}
}

/* Children that die without a job, and young, can't be helped by trying at once: the pause
 * grows. One that died of a job is replaced at once. */
static void
buried(struct slots *s, struct slot *slot, int status)
{
	bool asked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool young = clock_mono() - slot->born < YOUNG_MS * 1000;
	bool with_job = slot->state == SLOT_RUNNING;

	hear_the_last(s, slot);
	if (slot->state == SLOT_RUNNING)
		job_of_the_dead(slot, status);
	close(slot->fd);
	slot->pid = 0;
	slot->pause_ms = with_job || !young || slot->old ? 0
	                 : slot->pause_ms                ? slot->pause_ms * 2
	                                                 : 100;
	if (slot->pause_ms > PAUSE_MAX_MS)
		slot->pause_ms = PAUSE_MAX_MS;
	slot->start_after = clock_mono() + slot->pause_ms * 1000;
	if (asked)
		return;
	counter_add(s->worker->replaced, 1);
	LOG(LEVEL_WARN, "child.died", L_TEXT("job", with_job ? slot->row->name : ""),
	    L_TEXT("id", with_job ? slot->lease.id : ""),
	    L_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
	    L_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
}

void
slots_bury(struct slots *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < s->count; i++)
			if (s->slot[i].pid == pid)
				buried(s, &s->slot[i], status);
}

static void
send_signal(const struct slot *slot, int number)
{
	if (slot->pid > 1)
		kill(slot->pid, number);
}

void
slots_limit(struct slots *s)
{
	int64_t now = clock_mono();

	for (int i = 0; i < s->count; i++) {
		struct slot *slot = &s->slot[i];
		bool wanted = slot->cancelled && slot->signalled == 0;
		if (slot->state != SLOT_RUNNING || slot->signalled == SIGKILL)
			continue;
		if (!slot->lost && !wanted && now < slot->deadline)
			continue;
		slot->signalled = slot->lost || slot->signalled ? SIGKILL : SIGTERM;
		slot->deadline = now + KILL_AFTER_MS * 1000;
		LOG(LEVEL_WARN,
		    slot->lost        ? "job.lost"
		    : slot->cancelled ? "job.cancelled"
		                      : "job.too_long",
		    L_TEXT("job", slot->row->name), L_TEXT("id", slot->lease.id),
		    L_INT("signal", slot->signalled));
		send_signal(slot, slot->signalled);
	}
}

void
slots_stop(struct slots *s, bool kill_running)
{
	s->stopping = true;
	for (int i = 0; i < s->count; i++) {
		struct slot *slot = &s->slot[i];
		if (slot->pid == 0)
			continue;
		slot_hear(s, slot);
		if (slot->state != SLOT_RUNNING)
			shutdown(slot->fd, SHUT_RDWR);
		else if (kill_running) {
			send_signal(slot, SIGKILL);
			ended(slot, slot->cancelled ? END_CANCEL : END_BACK, 0, "");
		}
	}
}
