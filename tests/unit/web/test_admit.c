/* admit: who is refused when a pool is full, and that it ends. */
#include "unit/web/fake.h"

#include <stdio.h>

#include "api/routes.h"
#include "base/clock.h"

enum { WORKERS = 4 };

static struct slot slots[WORKERS];
static struct stuck stuck[256];
static counter counted;

/* A pool of four with nothing to do; clock_now() stands still at a million seconds. */
static void
open_pool(void)
{
	static struct db_options options;

	open_fake();
	memset(slots, 0, sizeof(slots));
	memset(stuck, 0, sizeof(stuck));
	app.routes = routes;
	app.route_count = route_count;
	app.workers = WORKERS;
	app.slots = slots;
	app.slot = &slots[0];
	app.stuck = stuck;
	app.refused = &counted;
	app.queued = true;
	options.url = "postgresql:///nowhere";
	app.db = db_make(&options);
	settings.API_QUEUE_MS = 2000;
	settings.DATABASE_TIMEOUT_MS = 2000;
	clock_set(INT64_C(1000000) * 1000000);
}

static void
close_pool(void)
{
	clock_set(0);
	db_free(app.db);
	close_fake();
}

TestSuite(admit, .init = open_pool, .fini = close_pool);

static enum err
ask(const char *path, const char *at)
{
	fresh();
	r->db = app.db;
	r->method = SPAN("GET");
	r->path = span_of(path);
	if (at != NULL)
		fake_param("REQUEST_AT", span_of(at));
	cr_assert_eq(route(r), OK);
	r->step = "admit";
	return admit(r);
}

/* The request went on after admit(), and ended so. */
static void
ends(enum err e)
{
	r->step = "handle";
	admit_learn(r, e);
}

#define LIST "/api/v1/snippets"

static const struct {
	const char *path, *at;
	bool idle;
	enum err word;
} rows[] = {
	{ LIST, "1000000.000", false, OK },
	{ LIST, "999998.000", false, OK },
	{ LIST, "999997.999", false, ERR_BUSY },
	{ LIST, "999997.999", true, OK }, /* it waited elsewhere: a worker died with it */
	{ LIST, "999941.000", false, ERR_BUSY },
	{ LIST, "990000.000", false, OK }, /* another clock */
	{ LIST, "1000900.000", false, OK },
	{ LIST, NULL, false, OK },
	{ LIST, "", false, OK },
	{ LIST, "x.y", false, OK },
	{ LIST, "999990", false, OK },
	{ "/health", "999990.000", false, OK },
	{ "/ready", "999990.000", false, OK },
	{ "/metrics", "999990.000", false, OK },
	{ "/api/v1/auth/github", "999990.000", false, OK },
};

Test(admit, by_how_long_it_waited)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		app.queued = !rows[i].idle;
		cr_expect_eq(ask(rows[i].path, rows[i].at), rows[i].word, "row %zu", i);
	}
	cr_expect_eq(counted, 2u);
}

static void
others_wait(int n)
{
	for (int i = 1; i < WORKERS; i++)
		slots[i].busy_since = i <= n ? clock_mono() - 300 * 1000 : 0;
}

/* One who found a lock taken says nothing of the others; half of the pool does. */
Test(admit, a_route_whose_lock_is_taken)
{
	others_wait(1);
	cr_expect_eq(ask(LIST, NULL), OK);
	ends(ERR_BUSY);
	cr_expect_eq(ask(LIST, NULL), OK);
	others_wait(2);
	ends(ERR_BUSY);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(ask(LIST, NULL), ERR_BUSY);
	ends(ERR_TIMEOUT);
	cr_expect_eq(ask("/api/v1/users", NULL), OK, "another route");
	cr_expect_eq(ask("/ready", NULL), OK);
	/* later one tries, and the others wait for what it finds */
	stuck[0].until = clock_mono() - 1;
	cr_expect_eq(ask(LIST, NULL), OK);
	cr_expect_eq(ask(LIST, NULL), ERR_BUSY);
	others_wait(0);
	cr_expect_eq(ask(LIST, NULL), ERR_BUSY);
	r->step = "rate_limit";
	admit_learn(r, ERR_TOO_MANY);
	cr_expect_eq(ask(LIST, NULL), OK, "who came not that far has the next one try");
	ends(ERR_AWAY);
	cr_expect_eq(ask(LIST, NULL), ERR_BUSY);
	ends(ERR_NOT_FOUND);
	cr_expect_eq(ask(LIST, NULL), OK, "it is free again");
	cr_expect_eq(ask(LIST, NULL), OK);
}
