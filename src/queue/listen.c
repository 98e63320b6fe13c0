/* listen: the two connections of the keeper that only wait. Both are best effort: what they
 * would tell is found by the poll and the next beat, too. */
#include "base/clock.h"
#include "queue/round.h"

enum {
	LISTEN_S = 5,
	LISTEN_LATE_MS = 8000, /* then that connection is dead */
	AGAIN_MS = 1000,
	ANEW_MS = 60000, /* a subscription that is dead without a word is found so */
};

static void
deaf(struct ear *ear)
{
	redis_drop(ear->redis);
	ear->asked = false;
	ear->not_before = clock_mono() + AGAIN_MS * 1000;
}

static void
ask(struct keeper *k, struct ear *ear, const struct span *words, size_t count)
{
	if (clock_mono() < ear->not_before)
		return;
	if (redis_send(ear->redis, words, count, &k->scope) == OK) {
		ear->asked = true;
		ear->asked_at = clock_mono();
	} else {
		deaf(ear);
	}
	fault_reset(&k->scope.fault);
}

static void
ask_to_be_woken(struct keeper *k)
{
	struct span words[QUEUE_COUNT + 2] = { SPAN("BLPOP") };
	size_t n = 1;

	if (k->wake.asked && clock_mono() - k->wake.asked_at > LISTEN_LATE_MS * 1000)
		deaf(&k->wake);
	if (k->wake.asked || round_hot(k) || slots_free(&k->slots, -1) == 0)
		return;
	for (int q = 0; q < QUEUE_COUNT; q++)
		if (k->serves[q])
			words[n++] = span_of(queue_wake_key(queues[q].name, &k->scope));
	words[n++] = span_of(arena_format(k->scope.arena, "%d", LISTEN_S));
	ask(k, &k->wake, words, n);
}

void
listen_ask(struct keeper *k)
{
	const struct span words[] = { SPAN("SUBSCRIBE"), SPAN("cg:cancel") };

	if (k->away)
		return;
	if (k->cancels.asked && clock_mono() - k->cancels.asked_at > ANEW_MS * 1000) {
		redis_drop(k->cancels.redis);
		k->cancels.asked = false;
	}
	if (!k->cancels.asked)
		ask(k, &k->cancels, words, 2);
	if (!k->stopping)
		ask_to_be_woken(k);
}

/* A token that comes when all children are busy is for another worker. */
static void
pass_on(struct keeper *k, int queue)
{
	if (k->stopping || slots_free(&k->slots, -1) == 0)
		round_well(k, queue_wake(k->redis, queues[queue].name, &k->scope));
}

/* False: nothing (more) is there. */
static bool
take(struct keeper *k, struct ear *ear, struct redis_reply *reply)
{
	bool there = false;

	if (redis_take(ear->redis, reply, &there, &k->scope) == OK)
		return there;
	deaf(ear);
	fault_reset(&k->scope.fault);
	return false;
}

void
listen_woken(struct keeper *k)
{
	struct redis_reply reply = { .count = 0 };

	if (!take(k, &k->wake, &reply))
		return;
	k->wake.asked = false;
	for (int q = 0; q < QUEUE_COUNT && reply.count == 2; q++)
		if (span_is(redis_span(&reply, 0), queue_wake_key(queues[q].name, &k->scope))) {
			k->hot[q] = true;
			pass_on(k, q);
		}
}

/* "<queue> <id>": whether a child here has it. */
static bool
names_one_of_ours(const struct keeper *k, struct span text)
{
	struct span queue = span_cut(&text, ' ');

	for (int i = 0; i < k->slots.count; i++) {
		const struct slot *slot = &k->slots.slot[i];
		if (slot->state == SLOT_RUNNING && span_is(queue, queues[slot->queue].name) &&
		    span_is(text, slot->lease.id))
			return true;
	}
	for (int q = 0; q < QUEUE_COUNT; q++)
		if (span_is(queue, queues[q].name) && spares_have(k->spares, q, text))
			return true;
	return false;
}

void
listen_cancels(struct keeper *k)
{
	struct redis_reply reply = { .count = 0 };

	while (k->cancels.asked && take(k, &k->cancels, &reply))
		if (reply.count == 3 && span_is(redis_span(&reply, 0), "message") &&
		    names_one_of_ours(k, redis_span(&reply, 2)))
			k->beat_at = 0; /* its answer tells, and nothing but its answer */
}
