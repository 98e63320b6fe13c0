/* keeper: one loop over signals, children, Redis and the clock. */
#include "queue/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "adapter/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "queue/round.h"

enum {
	TURN_FIRST = 256 * KIB,
	TURN_CEILING = 64 * KIB * KIB,
	TURN_MAX_MS = 500,    /* well below PART_SLOW: each turn is a beat */
	LAST_WORDS_MS = 3000, /* for Redis to hear what was given back */
};

static void
take_signal(struct keeper *k, int number)
{
	switch (number) {
	case SIGTERM:
	case SIGINT:
		if (k->stopping)
			break;
		notify_stopping(k->worker->settings->WORKER_DRAIN_MS + LAST_WORDS_MS);
		k->stopping = clock_mono();
		LOG(LEVEL_INFO, "worker.stopping",
		    L_INT("running", slots_in(&k->slots, SLOT_RUNNING)));
		break;
	case SIGHUP:
		notify_reloading();
		if (k->worker->reload(k->worker)) {
			slots_renew(&k->slots);
			LOG(LEVEL_INFO, "worker.reloaded");
		}
		notify_ready();
		break;
	case SIGUSR1:
		log_reopen();
		for (int i = 0; i < k->slots.count; i++)
			if (k->slots.slot[i].pid > 1)
				kill(k->slots.slot[i].pid, SIGUSR1);
		break;
	default: break; /* SIGCHLD: slots_bury() looks */
	}
}

static int
fd_of(const struct ear *ear)
{
	return ear->asked ? redis_fd(ear->redis) : -1;
}

/* Descriptors: signals, the connections that wait, each child. */
static void
sleep_until_something(struct keeper *k)
{
	enum { SIGNALS, WAKE, CANCELS, CHILDREN };
	size_t count = CHILDREN + (size_t)k->slots.count;
	struct pollfd *p = arena_alloc(k->scope.arena, count * sizeof(*p));
	int64_t pause = round_pause(k), limit = slots_pause(&k->slots, TURN_MAX_MS);
	int number;

	if (p == NULL)
		return;
	p[SIGNALS] = (struct pollfd){ k->signal_fd, POLLIN, 0 };
	p[WAKE] = (struct pollfd){ fd_of(&k->wake), POLLIN, 0 };
	p[CANCELS] = (struct pollfd){ fd_of(&k->cancels), POLLIN, 0 };
	for (size_t i = CHILDREN; i < count; i++) {
		const struct slot *slot = &k->slots.slot[i - CHILDREN];
		p[i] = (struct pollfd){ slot_listens(slot) ? slot->fd : -1, POLLIN, 0 };
	}
	if (poll(p, count, (int)(pause < limit ? pause : limit)) < 0)
		return;
	while (p[SIGNALS].revents != 0 && (number = proc_next_signal(k->signal_fd)) != 0)
		take_signal(k, number);
	for (size_t i = CHILDREN; i < count; i++)
		if (p[i].revents != 0)
			slot_hear(&k->slots, &k->slots.slot[i - CHILDREN]);
	if (p[SIGNALS].revents != 0) /* a dead child is one of them */
		slots_bury(&k->slots);
	if (p[WAKE].revents != 0)
		listen_woken(k);
	if (p[CANCELS].revents != 0)
		listen_cancels(k);
}

static size_t
alive(const struct keeper *k)
{
	size_t n = 0;

	for (int i = 0; i < k->slots.count; i++)
		n += k->slots.slot[i].pid != 0;
	return n;
}

/* Free children leave at once, running ones when they are done or their time is over. */
static bool
drained(struct keeper *k)
{
	int64_t waited = clock_mono() - k->stopping;
	int64_t drain = k->worker->settings->WORKER_DRAIN_MS * 1000;

	if (!k->stopping)
		return false;
	slots_stop(&k->slots, waited >= drain);
	if (waited > drain + LAST_WORDS_MS * 1000)
		return true;
	return alive(k) == 0 && slots_in(&k->slots, SLOT_RUNNING) == 0 &&
	       slots_in(&k->slots, SLOT_ENDED) == 0 && spares_none(k->spares);
}

static void
feed(int64_t *fed)
{
	int64_t interval = notify_watchdog_interval();

	if (interval == 0 || clock_mono() - *fed < interval / 3)
		return;
	*fed = clock_mono();
	notify_watchdog();
}

static bool
keeper_open(struct keeper *k, struct worker *worker)
{
	size_t bytes = (size_t)worker->children * sizeof(struct slot);

	k->worker = worker;
	k->slots = (struct slots){ .worker = worker, .count = worker->children };
	k->slots.slot = arena_alloc(worker->arena, bytes);
	k->scope.arena = arena_make(TURN_FIRST, TURN_CEILING);
	k->signal_fd = proc_signals();
	return k->slots.slot != NULL && k->scope.arena != NULL && k->signal_fd >= 0 &&
	       round_open(k);
}

int
keeper_run(struct worker *worker)
{
	static struct keeper k;
	int64_t fed = 0;

	if (!keeper_open(&k, worker)) {
		LOG(LEVEL_ERROR, "worker.not_started", L_TEXT("reason", strerror(errno)));
		return 1;
	}
	notify_ready();
	LOG(LEVEL_INFO, "worker.started", L_TEXT("consumer", k.consumer),
	    L_INT("children", worker->children));
	while (!drained(&k)) {
		slots_start(&k.slots, round_forget, &k);
		spares_turn(&k);
		round_talk(&k);
		listen_ask(&k);
		sleep_until_something(&k);
		slots_limit(&k.slots);
		feed(&fed);
		atomic_store(worker->alive, alive(&k));
		counter_beat(worker->pulse);
		arena_reset(k.scope.arena);
	}
	round_close(&k);
	arena_free(k.scope.arena);
	atomic_store(worker->alive, 0);
	counter_beat_end(worker->pulse);
	LOG(LEVEL_INFO, "worker.stopped", L_TEXT("consumer", k.consumer));
	return 0;
}
