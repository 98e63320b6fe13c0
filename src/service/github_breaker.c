/* github_breaker: while GitHub gives no answer nobody asks it, but for one at a time who finds
 * out whether it is back. The state is shared by all children of a worker, in its counters, so
 * that each need not find out by itself, and everybody can see it. */
#include "adapter/http_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "service/github_answer.h"

enum {
	IN_A_ROW = 10, /* requests without an answer, or with 5xx */
	FIRST_MS = 5000,
	MOST_MS = 5 * 60 * 1000,
	DOUBLINGS = 6,
	TRIAL_MS = 20000, /* what the one who tries may take */
	APART_MS = 5000,  /* those who wait do not come together */
};

void
github_breaker_get(struct counter_file *stats, struct github_breaker *out)
{
	out->failures = counter_get(stats, "codegram_github_failures_in_a_row", GAUGE, "");
	out->until = counter_get(stats, "codegram_github_not_asked_until_ms", GAUGE, "");
}

/* Without room for counters both are one. */
static bool
is_there(const struct github_breaker *b)
{
	return b != NULL && b->failures != NULL && b->failures != b->until;
}

bool
github_breaker_lets(const struct github_breaker *b, int64_t *not_before_ms)
{
	int64_t now = clock_now() / 1000, until;
	uint64_t seen;
	uint32_t random;

	if (!is_there(b))
		return true;
	seen = atomic_load(b->until);
	until = (int64_t)seen;
	/* a time so far away is of a clock that was ahead */
	if (seen == 0 || until > now + MOST_MS + TRIAL_MS)
		return true;
	if (until <= now &&
	    atomic_compare_exchange_strong(b->until, &seen, (uint64_t)(now + TRIAL_MS)))
		return true;
	random_bytes(&random, sizeof(random));
	until = (int64_t)atomic_load(b->until);
	*not_before_ms = (until > now ? until : now) + (int64_t)(random % APART_MS);
	return false;
}

void
github_breaker_saw(const struct github_breaker *b, bool answered)
{
	int64_t pause = FIRST_MS;
	uint64_t n;

	if (!is_there(b))
		return;
	if (answered) {
		if (atomic_exchange(b->failures, 0) >= IN_A_ROW)
			LOG(LEVEL_INFO, "github.answers_again");
		atomic_store(b->until, 0);
		return;
	}
	n = atomic_fetch_add(b->failures, 1) + 1;
	if (n < IN_A_ROW)
		return;
	pause <<= n - IN_A_ROW < DOUBLINGS ? n - IN_A_ROW : DOUBLINGS;
	if (pause > MOST_MS)
		pause = MOST_MS;
	atomic_store(b->until, (uint64_t)(clock_now() / 1000 + pause));
	LOG(LEVEL_WARN, "github.not_asked", L_INT("failures", (int64_t)n),
	    L_INT("seconds", pause / 1000));
}
