/* round: the keeper's side of the queue. Nothing here may end the worker: a call that fails is
 * made again a moment later, and what was answered to a call whose answer got lost is found by
 * the next beat. */
#include "queue/round.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

enum {
	POLL_MS = 1000, /* a look at all queues, whatever the wake lists say */
	RETRY_MS = 250,
	REDIS_MS = 1000,
};
#define NEVER INT64_MAX

static int64_t
in(int64_t ms)
{
	return clock_mono() + ms * 1000;
}

bool
round_open(struct keeper *k)
{
	const struct settings *s = k->worker->settings;
	char host[32] = "";
	unsigned char bytes[4];

	k->options = (struct redis_options){ s->REDIS_URL, "codegram-worker", s->REDIS_PASSWORD,
		s->REDIS_TIMEOUT_MS > REDIS_MS ? (int)s->REDIS_TIMEOUT_MS : REDIS_MS };
	k->redis = redis_make(&k->options);
	k->wake.redis = redis_make(&k->options);
	k->cancels.redis = redis_make(&k->options);
	k->spares = spares_make(k->worker->children, k->worker->arena);
	gethostname(host, sizeof(host) - 1);
	random_bytes(bytes, sizeof(bytes));
	snprintf(k->consumer, sizeof(k->consumer), "%s-%d-%02x%02x%02x%02x", host,
	    (int)getpid(), bytes[0], bytes[1], bytes[2], bytes[3]);
	for (size_t i = 0; i < k->worker->job_count; i++)
		k->serves[k->worker->jobs[i].queue] = true;
	for (int q = 0; q < QUEUE_COUNT; q++) {
		k->hot[q] = k->serves[q];
		k->due[q] = NEVER;
	}
	k->beat_at = in(QUEUE_BEAT_MS);
	k->reap_at = in(QUEUE_REAP_MS);
	k->poll_at = in(POLL_MS);
	return k->redis != NULL && k->wake.redis != NULL && k->cancels.redis != NULL &&
	       k->spares != NULL;
}

void
round_close(struct keeper *k)
{
	redis_free(k->redis);
	redis_free(k->wake.redis);
	redis_free(k->cancels.redis);
	spares_free(k->spares);
}

void
round_forget(void *keeper)
{
	struct keeper *k = keeper;

	round_close(k);
	close(k->signal_fd);
}

bool
round_well(struct keeper *k, enum err e)
{
	if (e == OK) {
		if (k->away)
			LOG(LEVEL_INFO, "queue.back", L_TEXT("consumer", k->consumer));
		k->away = false;
		return true;
	}
	if (!k->away)
		LOG(LEVEL_WARN, "queue.away", L_TEXT("reason", k->scope.fault.story));
	fault_reset(&k->scope.fault);
	k->away = true;
	k->retry_at = in(RETRY_MS);
	k->beat_at = 0;
	return false;
}

static void
refused(const struct slot *slot)
{
	LOG(LEVEL_WARN, "job.refused", L_TEXT("job", slot->row->name),
	    L_TEXT("id", slot->lease.id), L_TEXT("reason", "its lease was lost"));
}

static void
count_failure(struct keeper *k, const struct slot *slot, enum fail_answer answer)
{
	struct job_counters *c = slot_counters(&k->slots, slot);
	bool again;

	if (answer == FAIL_LOST) {
		counter_add(c->lost, 1);
		refused(slot);
		return;
	}
	if (answer == FAIL_CANCELLED) {
		counter_add(c->cancelled, 1);
		tell_owner(k, slot, "cancelled");
		return;
	}
	if (slot->outcome.end == END_CRASH)
		counter_add(c->crashed, 1);
	if (slot->outcome.end == END_FAIL && answer == FAIL_AGAIN)
		counter_add(c->retried, 1);
	if (answer == FAIL_DEAD) {
		counter_add(c->failed, 1);
		LOG(LEVEL_ERROR, "job.dead", L_TEXT("job", slot->row->name),
		    L_TEXT("queue", queues[slot->queue].name), L_TEXT("id", slot->lease.id),
		    L_TEXT("error", slot->outcome.text));
		tell_owner(k, slot, "failed");
		return;
	}
	again = slot->outcome.end == END_FAIL || slot->outcome.end == END_SNOOZE;
	tell_owner(k, slot, again ? "delayed" : "waiting");
}

static bool
tell_failures(struct keeper *k)
{
	for (int i = 0; i < k->slots.count; i++) {
		struct slot *slot = &k->slots.slot[i];
		struct queue_failure f = { .end = slot->outcome.end,
			.delay_ms = slot->outcome.delay_ms,
			.error = slot->outcome.text };
		enum fail_answer answer;
		if (slot->state != SLOT_ENDED || slot->outcome.ok)
			continue;
		f.attempts = slot->row->attempts;
		f.backoff = slot->row->backoff;
		f.backoff_ms = slot->row->backoff_ms;
		if (!round_well(k, queue_fail(k->redis, queues[slot->queue].name, k->consumer,
		                       &slot->lease, &f, &answer, &k->scope)))
			return false;
		count_failure(k, slot, answer);
		slot->state = SLOT_FREE;
		k->hot[slot->queue] = true;
	}
	return true;
}

static const struct job_row *
row_of(const struct keeper *k, const char *name)
{
	for (size_t i = 0; i < k->worker->job_count; i++)
		if (strcmp(k->worker->jobs[i].name, name) == 0)
			return &k->worker->jobs[i];
	return NULL;
}

/* The slots whose job of that queue was done well; their leases and results for the step. */
static enum err
gather(struct keeper *k, int queue, struct slot **done, struct queue_step *step)
{
	size_t slots = (size_t)k->slots.count, room = slots + spares_done_most(k->spares);
	struct queue_lease *lease = arena_alloc(k->scope.arena, room * sizeof(*lease));
	const char **result = arena_alloc(k->scope.arena, room * sizeof(*result));
	size_t n;

	if (lease == NULL || result == NULL)
		return ERR_NO_MEMORY;
	n = spares_done(k->spares, queue, lease, result);
	for (size_t i = 0; i < slots; i++) {
		struct slot *slot = &k->slots.slot[i];
		if (slot->state != SLOT_ENDED || !slot->outcome.ok || (int)slot->queue != queue)
			continue;
		*done++ = slot;
		lease[n] = slot->lease;
		result[n++] = slot->outcome.text;
	}
	step->finished = lease;
	step->results = result;
	step->finished_count = n;
	return OK;
}

static void
finished(struct keeper *k, struct slot *slot, bool accepted)
{
	struct job_counters *c = slot_counters(&k->slots, slot);

	slot->state = SLOT_FREE;
	counter_add(accepted ? c->completed : c->lost, 1);
	if (accepted)
		tell_owner(k, slot, "completed");
	else
		refused(slot);
}

/* What a step answered: ended jobs first, in the order of gather(), `done` behind the spares'. */
static void
stepped(struct keeper *k, int queue, const struct queue_step *step, struct slot **done)
{
	size_t told = step->finished_count, idle;

	for (size_t i = 0; done[i] != NULL; i++)
		told--;
	spares_told(k, queue, step->accepted);
	for (size_t i = 0; done[i] != NULL; i++)
		finished(k, done[i], step->accepted[told + i]);
	idle = slots_free(&k->slots, -1);
	for (size_t i = 0; i < step->count; i++) {
		const struct job_row *row = row_of(k, step->jobs[i].name);
		if (i < idle)
			slots_give(&k->slots, row, (enum queue)queue, &step->jobs[i]);
		else
			spares_keep(k->spares, row, (enum queue)queue, &step->jobs[i]);
	}
}

/* One queue: what was done there, and jobs for as many children as are free, and some to spare. */
static bool
serve(struct keeper *k, int queue)
{
	struct slot **done =
	    arena_alloc(k->scope.arena, ((size_t)k->slots.count + 1) * sizeof(struct slot *));
	struct queue_step step = { .concurrency = queues[queue].concurrency,
		.rate = queues[queue].rate,
		.rate_ms = queues[queue].rate_ms };

	if (done == NULL || gather(k, queue, done, &step) != OK)
		return false;
	if (!k->stopping)
		step.want = slots_free(&k->slots, queue);
	if (step.finished_count == 0 && (step.want == 0 || !k->hot[queue]))
		return true;
	if (step.want == 0 && spares_may_wait(k))
		return true;
	if (!k->stopping)
		step.want += spares_room(k, queue);
	if (step.want > QUEUE_TAKE_MAX)
		step.want = QUEUE_TAKE_MAX;
	if (!round_well(
	        k, queue_step(k->redis, queues[queue].name, k->consumer, &step, &k->scope)))
		return false;
	stepped(k, queue, &step, done);
	if (step.want > 0)
		k->hot[queue] = step.count >= step.want;
	k->due[queue] = step.next_due_ms < 0 ? NEVER : in(step.next_due_ms + 1);
	return true;
}

/* All leases of one queue, also of jobs whose end Redis does not know yet. */
static bool
beat(struct keeper *k, int queue)
{
	size_t room = (size_t)k->slots.count + spares_lease_most(k->spares), n = 0, more;
	struct queue_lease *lease = arena_alloc(k->scope.arena, room * sizeof(*lease));
	struct slot **of = arena_alloc(k->scope.arena, room * sizeof(struct slot *));
	enum beat_answer *kept = arena_alloc(k->scope.arena, room * sizeof(*kept));
	int64_t orphans;

	if (lease == NULL || of == NULL || kept == NULL)
		return false;
	for (int i = 0; i < k->slots.count; i++) {
		struct slot *slot = &k->slots.slot[i];
		if (slot->state == SLOT_FREE || (int)slot->queue != queue)
			continue;
		of[n] = slot;
		lease[n++] = slot->lease;
	}
	more = spares_leases(k->spares, queue, lease + n);
	if (!round_well(k, queue_beat(k->redis, queues[queue].name, k->consumer, lease,
	                       n + more, kept, &orphans, &k->scope)))
		return false;
	spares_beaten(k->spares, queue, kept + n);
	for (size_t i = 0; i < n; i++) {
		of[i]->cancelled = of[i]->cancelled || kept[i] == BEAT_CANCEL;
		if (kept[i] == BEAT_LOST && of[i]->state == SLOT_RUNNING && !of[i]->lost) {
			of[i]->lost = true;
			counter_add(slot_counters(&k->slots, of[i])->lost, 1);
		}
	}
	k->hot[queue] = k->hot[queue] || orphans > 0;
	return true;
}

static bool
reap(struct keeper *k, int queue)
{
	int64_t reaped;

	if (!round_well(k, queue_reap(k->redis, queues[queue].name, &reaped, &k->scope)))
		return false;
	if (reaped > 0)
		LOG(LEVEL_WARN, "queue.reaped", L_TEXT("queue", queues[queue].name),
		    L_INT("jobs", reaped));
	return true;
}

static void
periodic(struct keeper *k, int64_t *at, int64_t every_ms, bool (*what)(struct keeper *, int))
{
	if (clock_mono() < *at)
		return;
	for (int q = 0; q < QUEUE_COUNT; q++)
		if (k->serves[q] && !what(k, q))
			return;
	*at = in(every_ms);
}

static void
heat(struct keeper *k)
{
	int64_t now = clock_mono();
	bool all = now >= k->poll_at;

	for (int q = 0; q < QUEUE_COUNT; q++)
		k->hot[q] = k->serves[q] && (k->hot[q] || all || now >= k->due[q]);
	if (all)
		k->poll_at = in(POLL_MS);
}

void
round_talk(struct keeper *k)
{
	if (clock_mono() < k->retry_at)
		return;
	if (!k->loaded && !(k->loaded = round_well(k, queue_load(k->redis, &k->scope))))
		return;
	heat(k);
	periodic(k, &k->beat_at, QUEUE_BEAT_MS, beat);
	if (k->away || !tell_sayings(k) || !tell_failures(k) || !spares_return(k))
		return;
	for (int i = 0; i < QUEUE_COUNT; i++) {
		int queue = (k->turn + i) % QUEUE_COUNT;
		if (k->serves[queue] && !serve(k, queue))
			return;
	}
	k->turn = (k->turn + 1) % QUEUE_COUNT;
	periodic(k, &k->reap_at, QUEUE_REAP_MS, reap);
}

bool
round_hot(const struct keeper *k)
{
	for (int q = 0; q < QUEUE_COUNT; q++)
		if (k->hot[q])
			return true;
	return false;
}

int64_t
round_pause(const struct keeper *k)
{
	int64_t now = clock_mono(), next = k->poll_at;
	bool work = slots_in(&k->slots, SLOT_ENDED) > 0 ||
	            (round_hot(k) && !k->stopping && slots_free(&k->slots, -1) > 0);

	if (k->beat_at < next)
		next = k->beat_at;
	if (k->reap_at < next)
		next = k->reap_at;
	for (int q = 0; q < QUEUE_COUNT; q++)
		if (k->due[q] < next)
			next = k->due[q];
	if (tell_due(k) < next)
		next = tell_due(k);
	if (spares_due(k) < next)
		next = spares_due(k);
	if (work)
		next = now;
	if (next < k->retry_at)
		next = k->retry_at;
	return next <= now ? 0 : (next - now) / 1000 + 1;
}
