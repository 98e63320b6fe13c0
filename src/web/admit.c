/* admit: whom a pool serves when more come than it can serve. A request that waited too long for
 * a worker is refused at once; and of a route whose lock is held by somebody else, while half of
 * the pool waited for that, all but one that tries it. So what needs no lock is served, however
 * many ask for what does. /health, /ready and /metrics are never refused. */
#include "web/app.h"

#include "base/clock.h"
#include "base/log.h"

enum {
	SLOW_MS = 250,       /* a worker that has a request for longer waits for something */
	STUCK_MS = 1000,     /* how long it is remembered that a lock was not free */
	BELIEVED_MS = 60000, /* nginx gives up long before; more than that is another clock */
};

/* nginx's $msec: seconds.milliseconds since 1970. -1: it was not sent. */
static int64_t
waited_ms(const struct request *r)
{
	struct span rest = request_header(r, "REQUEST_AT"), whole = span_cut(&rest, '.');
	int64_t seconds, ms;

	if (rest.len != 3 || !span_int(whole, &seconds) || !span_int(rest, &ms))
		return -1;
	return clock_now() / 1000 - (seconds * 1000 + ms);
}

/* Others, as many as half of the pool, wait for something; so this one does not. */
static bool
crowded(const struct app *app)
{
	int64_t now = clock_mono();
	int slow = 0;

	for (int i = 0; i < app->workers; i++) {
		int64_t since = atomic_load(&app->slots[i].busy_since);
		if (&app->slots[i] != app->slot && since != 0 && now - since > SLOW_MS * 1000)
			slow++;
	}
	return slow > 0 && slow >= app->workers / 2;
}

static struct stuck *
stuck_of(const struct request *r)
{
	return &r->app->stuck[r->route - r->app->routes];
}

/* Sign-in waits for GitHub, and its code is spent once: nobody there is refused for waiting. */
static bool
is_bound(const struct request *r)
{
	return r->route->group != GROUP_meta && r->route->group != GROUP_login;
}

/* While it lasts one request at a time tries, and the others are refused. */
static bool
is_stuck(struct request *r)
{
	struct stuck *stuck = stuck_of(r);
	int64_t now = clock_mono(), until = atomic_load(&stuck->until);

	return until != 0 && (now < until || !atomic_compare_exchange_strong(
	                                         &stuck->until, &until, now + STUCK_MS * 1000));
}

static enum err
refuse(struct request *r, const char *why, int64_t ms)
{
	counter_add(r->app->refused, 1);
	return fault(&r->scope.fault, ERR_BUSY, "%s (%lld ms)", why, (long long)ms);
}

enum err
admit(struct request *r)
{
	const struct settings *s = r->app->settings;
	int total = (int)s->DATABASE_TIMEOUT_MS * 3 / 2;
	int64_t waited = waited_ms(r);

	db_patience(r->db, total, 0);
	if (!is_bound(r))
		return OK;
	if (r->app->queued && waited > s->API_QUEUE_MS && waited < BELIEVED_MS)
		return refuse(r, "waited too long for a worker", waited);
	if (is_stuck(r))
		return refuse(r, "others wait for a lock that it needs", STUCK_MS);
	if (crowded(r->app) || atomic_load(&stuck_of(r)->until) != 0)
		db_patience(r->db, total, SLOW_MS);
	return OK;
}

/* The one that tried: was the lock free? When it was refused for something else before it came
 * that far, the next one tries. */
void
admit_learn(struct request *r, enum err e)
{
	struct stuck *stuck = r->route != NULL && is_bound(r) ? stuck_of(r) : NULL;
	bool handled = strcmp(r->step, "handle") == 0 || strcmp(r->step, "commit") == 0;
	int64_t now = clock_mono();

	if (stuck == NULL || strcmp(r->step, "admit") == 0)
		return;
	if (e == ERR_BUSY && (atomic_load(&stuck->until) != 0 || crowded(r->app)))
		atomic_store(&stuck->until, now + STUCK_MS * 1000);
	else if (atomic_load(&stuck->until) == 0)
		return;
	else if (!handled)
		atomic_store(&stuck->until, now);
	else if (e == OK || err_row(e)->status < 500)
		atomic_store(&stuck->until, 0);
}
