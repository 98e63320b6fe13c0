/* rate_limit: one Redis call says whether the budget allows the request and whether its
 * session was ended. The bucket is GCRA (ITU-T I.371, annex A): one number per caller, a full
 * budget may come at once, then it refills evenly. Without Redis each worker keeps buckets of
 * its own, with its share of the budget, and PostgreSQL is asked about the session. */
#include "web/app.h"

#include <stdio.h>

#include "adapter/hash.h"
#include "base/caller.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/session.h"

enum { LOCAL_BUCKETS = 1024, KEY_MAX = 128, GUESS_PERIOD = 60 * 1000 * 1000 };

/* KEYS: bucket, mark of the ended session if there is one: an empty name would be a key that
 * the program's Redis user may not touch. ARGV: limit (0 = none), microseconds.
 * Returns allowed, remaining, microseconds until it is allowed again, until all is there
 * again, and whether the session was ended. */
static struct redis_script script = {
	.text =
	    "local dead = 0\n"
	    "if KEYS[2] then dead = redis.call('EXISTS', KEYS[2]) end\n"
	    "local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
	    "if limit == 0 then return {1, 0, 0, 0, dead} end\n"
	    "local t = redis.call('TIME')\n"
	    "local now, step = t[1] * 1000000 + t[2], period / limit\n"
	    "local tat = tonumber(redis.call('GET', KEYS[1]) or now)\n"
	    "tat = math.max(math.min(tat, now + period), now) + step\n" /* a clock was ahead */
	    "if tat - period > now then\n"
	    "  return {0, 0, math.ceil(tat - period - now), math.ceil(tat - step - now), "
	    "dead}\n"
	    "end\n"
	    "redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil(period / "
	    "1000))\n"
	    "return {1, math.floor((period - (tat - now)) / step + 0.001), 0, math.ceil(tat - "
	    "now), dead}\n",
};

struct verdict {
	int64_t allowed, remaining, wait, reset, dead;
};

struct budget_row {
	size_t anonymous, person; /* offsets in struct settings */
	int64_t seconds;
};

static const struct budget_row budgets[BUDGET_COUNT] = {
#define BUDGET(name, word, anonymous_key, key, seconds)                                        \
	{ offsetof(struct settings, anonymous_key), offsetof(struct settings, key), seconds },
#include "model/budget.def"
#undef BUDGET
};

static int64_t
setting_at(const struct settings *s, size_t offset)
{
	return *(const int64_t *)((const char *)s + offset);
}

static void
bucket_key(const struct request *r, char *key, size_t size)
{
	const char *budget = budget_name(r->route->budget);
	char caller[CALLER_TEXT];

	caller_of(r->address, caller);
	if (uuid_empty(&r->viewer.id))
		snprintf(key, size, "cg:rate:%s:%s", budget, caller);
	else
		snprintf(key, size, "cg:rate:%s:%s", budget, r->viewer.id.text);
}

static enum err
ask_redis(
    struct request *r, const char *key, int64_t limit, int64_t period, struct verdict *out)
{
	char dead[64], limit_text[24], period_text[24];
	const char *words[4] = { key };
	int64_t n[5] = { 0 };
	size_t count;
	int keys = 1;

	if (!uuid_empty(&r->viewer.session)) {
		snprintf(dead, sizeof(dead), "cg:dead:%s", r->viewer.session.text);
		words[keys++] = dead;
	}
	words[keys] = limit_text;
	words[keys + 1] = period_text;
	snprintf(limit_text, sizeof(limit_text), "%lld", (long long)limit);
	snprintf(period_text, sizeof(period_text), "%lld", (long long)period);
	TRY(redis_run(r->app->redis, &script, keys, 2, words, n, 5, &count, &r->scope.fault));
	*out = (struct verdict){ n[0], n[1], n[2], n[3], n[4] };
	return OK;
}

/* The same bucket in this process; two callers whose hashes fall together share one. */
static void
ask_locally(
    const struct app *app, const char *key, int64_t limit, int64_t period, struct verdict *out)
{
	static int64_t buckets[LOCAL_BUCKETS];
	int64_t share = limit / app->workers > 0 ? limit / app->workers : 1;
	int64_t *bucket = &buckets[hash_of(span_of(key)) % LOCAL_BUCKETS];
	int64_t now = clock_mono(), step = period / share;
	int64_t tat = (*bucket > now ? *bucket : now) + step;

	*out = (struct verdict){ .allowed = tat - period <= now };
	if (limit == 0) {
		out->allowed = 1;
		return;
	}
	if (!out->allowed) {
		out->wait = tat - period - now;
		out->reset = tat - step - now;
		return;
	}
	*bucket = tat;
	out->remaining = (period - (tat - now)) / step;
	out->reset = tat - now;
}

static int64_t
seconds_up(int64_t micros)
{
	return (micros + 999999) / 1000000;
}

/* An ended session must not come back because Redis is away. */
static enum err
ask_database(struct request *r, struct verdict *out)
{
	struct session_life life = { .is_ended = false };
	enum err e;

	if (uuid_empty(&r->viewer.session))
		return OK;
	db_open_scope(r->db, &r->scope, false);
	e = q_session_life(r->db, r->viewer.session, &life);
	db_close_scope(r->db);
	out->dead = life.is_ended;
	return e;
}

enum err
rate_limit(struct request *r)
{
	const struct budget_row *row = &budgets[r->route->budget];
	bool person = !uuid_empty(&r->viewer.id);
	int64_t limit = setting_at(r->app->settings, person ? row->person : row->anonymous);
	int64_t period = row->seconds * 1000000;
	struct verdict verdict = { .allowed = 1 };
	char key[KEY_MAX];
	enum err e;

	if (row->seconds == 0 || !r->app->settings->RATE_LIMIT)
		limit = 0;
	if (limit == 0 && !person)
		return OK;
	bucket_key(r, key, sizeof(key));
	if ((e = ask_redis(r, key, limit, period ? period : 1, &verdict)) != OK) {
		if (e != ERR_AWAY) /* a right is missing, or the script is wrong */
			LOG(LEVEL_ERROR, "rate_limit.failed",
			    L_TEXT("reason", r->scope.fault.story));
		fault_reset(&r->scope.fault);
		ask_locally(r->app, key, limit, period ? period : 1, &verdict);
		TRY(ask_database(r, &verdict));
	}
	if (verdict.dead)
		return ERR_BAD_TOKEN;
	r->allowance = (struct allowance){ limit, row->seconds, verdict.remaining,
		seconds_up(verdict.reset), limit > 0 };
	if (verdict.allowed)
		return OK;
	r->scope.fault.retry_after = (int)seconds_up(verdict.wait);
	return ERR_TOO_MANY;
}

/* ---- guesses: a wrong personal token costs a query before any budget is asked, a webhook with a
 * wrong signature a body of megabytes. Each worker counts by itself, by address; whose place
 * another one takes begins anew. */

enum { GUESSERS = 256 };

static struct guesser {
	uint64_t who;
	int64_t until; /* GCRA's number; clock_mono() */
} guessers[GUESSERS];

static struct guesser *
guesser_of(const struct request *r)
{
	char caller[CALLER_TEXT];
	struct guesser *g;
	uint64_t who;

	caller_of(r->address, caller);
	who = hash_of(span_of(caller));
	g = &guessers[who % GUESSERS];
	if (g->who != who)
		*g = (struct guesser){ .who = who };
	return g;
}

enum err
may_guess(struct request *r)
{
	int64_t wait = guesser_of(r)->until - clock_mono() - GUESS_PERIOD;

	if (!r->app->settings->RATE_LIMIT || wait <= 0)
		return OK;
	r->scope.fault.retry_after = (int)seconds_up(wait);
	return ERR_TOO_MANY;
}

void
guessed_wrong(struct request *r)
{
	struct guesser *g = guesser_of(r);
	int64_t now = clock_mono();

	g->until =
	    (g->until > now ? g->until : now) + GUESS_PERIOD / r->app->settings->RATE_LOGIN;
}
