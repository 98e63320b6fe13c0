/* pool: the master of an api pool. It forks the workers, replaces the dead (with a growing
 * pause when they die young), kills the hung, reloads them one by one, and drains them at the
 * end. It serves nothing itself and touches neither PostgreSQL nor Redis. */
#include "web/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"

enum {
	TICK_MS = 100,
	YOUNG_MS = 1000,
	PAUSE_MAX_MS = 5000,
	DRAIN_EXTRA_MS = 1000,
	PATIENCE_MS = 10000, /* beyond the deadline, with nothing that moves */
};

struct child {
	pid_t pid;           /* 0: none */
	int64_t born;        /* clock_mono() */
	int64_t start_after; /* not before; clock_mono() */
	int64_t pause_ms;
	int64_t stopped; /* since when it is, by SIGSTOP; clock_mono(), 0: runs */
	uint64_t served_before;
};

struct master {
	struct pool *pool;
	struct slot *slots;
	struct child *children;
	int count, signal_fd;
	int reloading;                      /* index of the child being replaced, -1: none */
	pid_t waited_for;                   /* its old process; 0 once it is gone */
	int64_t draining_since, fed, moved; /* clock_mono() */
};

static void
start(struct master *m, int i)
{
	struct app *app = m->pool->app;
	pid_t pid = proc_fork();

	if (pid == 0) {
		close(m->signal_fd);
		app->slot = &m->slots[i];
		exit(worker_run(app, m->pool->listen_fd));
	}
	if (pid < 0) {
		LOG(LEVEL_ERROR, "worker.fork_failed", L_TEXT("reason", strerror(errno)));
		m->children[i].start_after = clock_mono() + 1000 * 1000;
		return;
	}
	m->children[i].pid = pid;
	m->children[i].born = clock_mono();
}

static void
buried(struct master *m, int i, int status)
{
	struct child *c = &m->children[i];
	bool asked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool young = clock_mono() - c->born < YOUNG_MS * 1000;

	if (WIFSTOPPED(status)) {
		c->stopped = clock_mono();
		return;
	}
	c->stopped = 0;
	if (WIFCONTINUED(status))
		return;
	atomic_store(&m->slots[i].busy_since, 0);
	if (m->waited_for == c->pid)
		m->waited_for = 0;
	c->pid = 0;
	c->pause_ms = asked || !young ? 0 : c->pause_ms ? c->pause_ms * 2 : 100;
	if (c->pause_ms > PAUSE_MAX_MS)
		c->pause_ms = PAUSE_MAX_MS;
	c->start_after = clock_mono() + c->pause_ms * 1000;
	if (asked)
		return;
	counter_add(m->pool->respawned, 1);
	LOG(LEVEL_WARN, "worker.died", L_INT("worker", i),
	    L_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
	    L_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	    L_INT("pause_ms", c->pause_ms));
}

static void
bury(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
		for (int i = 0; i < m->count; i++)
			if (m->children[i].pid == pid)
				buried(m, i, status);
}

static int
alive(const struct master *m)
{
	int n = 0;

	for (int i = 0; i < m->count; i++)
		n += m->children[i].pid > 0;
	return n;
}

static void
signal_child(const struct child *c, int number)
{
	if (c->pid > 1)
		kill(c->pid, number);
}

/* A worker that is busy, or stopped, for longer than the deadline: nobody waits for it now. */
static void
kill_the_hung(struct master *m)
{
	int64_t limit = m->pool->app->settings->API_DEADLINE_MS * 1000;

	for (int i = 0; i < m->count; i++) {
		int64_t since = atomic_load(&m->slots[i].busy_since);
		if (since == 0)
			since = m->children[i].stopped;
		if (since == 0 || m->children[i].pid == 0 || clock_mono() - since < limit)
			continue;
		LOG(LEVEL_ERROR, "worker.hung", L_INT("worker", i),
		    L_INT("pid", m->children[i].pid), L_INT("busy_us", clock_mono() - since));
		counter_add(m->pool->killed, 1);
		atomic_store(&m->slots[i].busy_since, 0);
		m->children[i].stopped = 0;
		signal_child(&m->children[i], SIGKILL);
	}
}

static void
start_the_missing(struct master *m)
{
	if (m->draining_since != 0)
		return;
	for (int i = 0; i < m->count; i++)
		if (m->children[i].pid == 0 && clock_mono() >= m->children[i].start_after)
			start(m, i);
}

/* One worker is out at a time; the next follows when its successor runs. */
static void
go_on_reloading(struct master *m)
{
	if (m->reloading < 0 || m->waited_for != 0)
		return;
	if (m->reloading == m->count) {
		m->reloading = -1;
		LOG(LEVEL_INFO, "pool.reloaded", L_TEXT("pool", m->pool->app->pool));
		notify_ready();
		return;
	}
	m->waited_for = m->children[m->reloading].pid;
	signal_child(&m->children[m->reloading], SIGTERM);
	m->reloading++;
}

/* A worker idles or has served something since the last look. */
static bool
moves(struct master *m)
{
	bool moved = false;

	for (int i = 0; i < m->count; i++) {
		uint64_t served = atomic_load(&m->slots[i].served);
		moved = moved ||
		        (m->children[i].pid > 0 && (atomic_load(&m->slots[i].busy_since) == 0 ||
		                                       served != m->children[i].served_before));
		m->children[i].served_before = served;
	}
	return moved;
}

/* Feeds systemd's watchdog, which sees a frozen master. Workers that are all busy may be so for
 * the deadline, and then the hung are replaced; only when that brought nothing to move either is
 * the pool given up. A pool that drains has kill_the_late() instead. */
static void
feed(struct master *m)
{
	int64_t interval = notify_watchdog_interval(), now = clock_mono();
	int64_t patience = (m->pool->app->settings->API_DEADLINE_MS + PATIENCE_MS) * 1000;

	if (interval == 0 || now - m->fed < interval / 3)
		return;
	if (moves(m) || m->draining_since != 0)
		m->moved = now;
	if (now - m->moved > patience)
		return;
	m->fed = now;
	notify_watchdog();
}

static void
take_signal(struct master *m, int number)
{
	switch (number) {
	case SIGHUP:
		notify_reloading();
		if (!m->pool->reload(m->pool->app)) {
			notify_ready();
			break;
		}
		m->reloading = 0;
		break;
	case SIGUSR1:
		log_reopen();
		for (int i = 0; i < m->count; i++)
			signal_child(&m->children[i], SIGUSR1);
		break;
	case SIGTERM:
	case SIGINT:
		notify_stopping(m->pool->app->settings->API_DEADLINE_MS + DRAIN_EXTRA_MS);
		m->draining_since = clock_mono();
		m->reloading = -1;
		for (int i = 0; i < m->count; i++)
			signal_child(&m->children[i], SIGTERM);
		break;
	default: break; /* SIGCHLD: bury() looks anyway */
	}
}

static void
kill_the_late(struct master *m)
{
	int64_t limit = (m->pool->app->settings->API_DEADLINE_MS + DRAIN_EXTRA_MS) * 1000;

	if (m->draining_since == 0 || clock_mono() - m->draining_since < limit)
		return;
	for (int i = 0; i < m->count; i++)
		signal_child(&m->children[i], SIGKILL);
}

static bool
master_open(struct master *m, struct pool *pool)
{
	struct app *app = pool->app;
	size_t bytes;
	char *shared;

	*m = (struct master){ .pool = pool, .count = pool->app->workers, .reloading = -1 };
	m->moved = clock_mono();
	bytes = (size_t)m->count * sizeof(struct slot);
	m->signal_fd = proc_signals();
	shared = mmap(NULL, bytes + app->route_count * sizeof(struct stuck),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m->children = arena_alloc(app->arena, (size_t)m->count * sizeof(struct child));
	if (m->signal_fd < 0 || shared == MAP_FAILED || m->children == NULL)
		return false;
	app->slots = m->slots = (struct slot *)(void *)shared;
	app->stuck = (struct stuck *)(void *)(shared + bytes);
	return true;
}

int
pool_run(struct pool *pool)
{
	struct master m;

	if (!master_open(&m, pool)) {
		LOG(LEVEL_ERROR, "pool.not_started", L_TEXT("reason", strerror(errno)));
		return 1;
	}
	start_the_missing(&m);
	notify_ready();
	LOG(LEVEL_INFO, "pool.started", L_TEXT("pool", pool->app->pool),
	    L_INT("workers", m.count));
	while (m.draining_since == 0 || alive(&m) > 0) {
		struct pollfd p = { m.signal_fd, POLLIN, 0 };
		int number;
		poll(&p, 1, TICK_MS);
		while ((number = proc_next_signal(m.signal_fd)) != 0)
			take_signal(&m, number);
		bury(&m);
		start_the_missing(&m);
		go_on_reloading(&m);
		kill_the_hung(&m);
		kill_the_late(&m);
		feed(&m);
		atomic_store(pool->alive, (uint64_t)alive(&m));
		counter_beat(pool->pulse);
	}
	counter_beat_end(pool->pulse);
	LOG(LEVEL_INFO, "pool.stopped", L_TEXT("pool", pool->app->pool));
	return 0;
}
