/* A random walk over refresh tokens beside a model of what must happen: 10,000 steps on the
 * database's own function and a shorter one over HTTP. The model knows no
 * SQL: tokens, their children, whether they were used, and when. */
/* long: 20 s */
#include "http/auth.h"

#include <libpq-fe.h>
#include <time.h>

#include "base/random.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "2",
	NULL };

enum { FAMILIES = 12, TOKENS = 64, GRACE = 10, STEPS_SQL = 10000, STEPS_HTTP = 400 };

struct token {
	char id[40];          /* over SQL */
	char text[TOKEN_MAX]; /* over HTTP */
	bool used;
	double used_at; /* by the model's clock */
};

/* Token i + 1 is the child of token i. */
struct family {
	char session[40];
	struct token token[TOKENS];
	int count;
	bool ended;
};

static struct family family[FAMILIES];
static double passed; /* seconds that the walk let pass */
static unsigned dice_state;
static PGconn *conn;

static unsigned
dice(unsigned sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

static double
model_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return passed + (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the model says of using token `i`: the index of the token that comes back, or -1. */
static int
expected(struct family *f, int i)
{
	struct token *t = &f->token[i];

	if (f->ended)
		return -1;
	if (!t->used) {
		t->used = true;
		t->used_at = model_now();
		return f->count; /* a new one */
	}
	if (i + 1 == f->count - 1 && !f->token[i + 1].used && model_now() - t->used_at <= GRACE)
		return i + 1;
	f->ended = true;
	return -1;
}

static void
sql(const char *text, const char *a, const char *b, char *out, size_t size)
{
	const char *const values[] = { a, b };
	PGresult *r = PQexecParams(conn, text, b ? 2 : a ? 1 : 0, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(r);

	cr_assert(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", text,
	    PQresultErrorMessage(r));
	if (out != NULL)
		snprintf(out, size, "%s",
		    PQntuples(r) > 0 && !PQgetisnull(r, 0, 0) ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
}

static void
connect_to_database(void)
{
	char info[512];

	snprintf(info, sizeof(info), "host=%s/run user=postgres dbname=codegram", stack_dir());
	conn = PQconnectdb(info);
	cr_assert_eq(PQstatus(conn), CONNECTION_OK, "%s", PQerrorMessage(conn));
	sql("set synchronous_commit = off", NULL, NULL, NULL, 0);
}

/* Both kinds of walk use these. */
struct way {
	void (*open)(struct family *f);
	/* Uses a token; true when one comes back, which goes to `out`. */
	bool (*use)(const struct token *t, struct token *out);
	bool (*same)(const struct token *a, const struct token *b);
};

/* Time passes for all that was used. */
static void
pass(long seconds)
{
	char text[32], sessions[FAMILIES * 40 + 8] = "{";
	size_t len = 1;

	for (int k = 0; k < FAMILIES; k++)
		len += (size_t)snprintf(sessions + len, sizeof(sessions) - len, "%s%s",
		    k ? "," : "", family[k].session);
	snprintf(sessions + len, sizeof(sessions) - len, "}");
	snprintf(text, sizeof(text), "%ld", seconds);
	passed += (double)seconds;
	sql("update refresh_tokens set used_at = used_at - $1::bigint * interval '1 second' "
	    "where used_at is not null and session_id = any($2::uuid[])",
	    text, sessions, NULL, 0);
}

static void
renew(struct family *f, const struct way *way)
{
	*f = (struct family){ .count = 1 };
	way->open(f);
}

/* Mostly the newest or its parent, at times any. */
static int
choose(const struct family *f)
{
	unsigned d = dice(100);
	int i = f->count - 1;

	if (d < 55)
		return i;
	if (d < 85)
		return i > 0 ? i - 1 : 0;
	return (int)dice((unsigned)f->count);
}

/* The two clocks differ by the time that a call takes: who stands at the edge is left alone. */
static int
clear_case(const struct family *f, int i)
{
	double age = model_now() - f->token[i].used_at;

	return f->token[i].used && age > GRACE - 1 && age < GRACE + 1 ? f->count - 1 : i;
}

static void
step(struct family *f, const struct way *way, int number)
{
	int i = clear_case(f, choose(f)), want = expected(f, i);
	bool was_new = want == f->count;
	struct token got = { .used = false };
	bool came = way->use(&f->token[i], &got);

	cr_assert_eq(came, want >= 0, "step %d: token %d of %d: %s, not %s", number, i,
	    f->count, came ? "let in" : "refused", want >= 0 ? "let in" : "refused");
	if (!came)
		return;
	if (was_new) {
		for (int k = 0; k < f->count; k++)
			cr_assert_not(
			    way->same(&got, &f->token[k]), "step %d: an old one", number);
		f->token[f->count++] = got;
	} else
		cr_assert(way->same(&got, &f->token[want]), "step %d: another child", number);
}

static void
walk(const struct way *way, int steps, unsigned seed)
{
	long ended = 0, waits = 0;

	dice_state = seed;
	for (int k = 0; k < FAMILIES; k++)
		renew(&family[k], way);
	for (int n = 0; n < steps; n++) {
		struct family *f = &family[dice(FAMILIES)];
		bool was_ended = f->ended;
		if (dice(40) == 0) {
			pass((long)dice(9) + 4);
			waits++;
		}
		if (f->count == TOKENS || (f->ended && dice(3) == 0))
			renew(f, way);
		else
			step(f, way, n);
		ended += f->ended && !was_ended;
	}
	fprintf(stderr, "walk: seed %u, %d steps, %ld families ended, time passed %ld times\n",
	    seed, steps, ended, waits);
	cr_expect_gt(ended, steps / 100, "the walk met too little");
}

/* What the model says of every family, the database says too. */
static void
compare_all(void)
{
	for (int k = 0; k < FAMILIES; k++) {
		char out[64];
		sql("select revoked_at is not null from sessions where id = $1",
		    family[k].session, NULL, out, sizeof(out));
		cr_expect_str_eq(out, family[k].ended ? "t" : "f", "family %d", k);
		sql("select count(*) from refresh_tokens where session_id = $1",
		    family[k].session, NULL, out, sizeof(out));
		cr_expect_eq(strtol(out, NULL, 10), family[k].count, "family %d: %s", k, out);
	}
	/* No token has two children, and only the newest is unused. */
	cr_expect_eq(
	    stack_count("select count(*) from (select from refresh_tokens where used_at "
	                "is null group by session_id having count(*) > 1) x"),
	    0);
	cr_expect_eq(
	    stack_count("select count(*) from (select from refresh_tokens where "
	                "parent_id is not null group by parent_id having count(*) > 1) x"),
	    0);
}

/* ---- over SQL */

static char person[40];

static void
open_by_sql(struct family *f)
{
	struct uuid session = uuid_make(), token = uuid_make();
	char text[512];

	snprintf(f->session, sizeof(f->session), "%s", session.text);
	snprintf(f->token[0].id, sizeof(f->token[0].id), "%s", token.text);
	snprintf(text, sizeof(text),
	    "select issued from open_session('%s', $1, $2, 'walk', null, 900, 604800, 2592000)",
	    person);
	sql(text, session.text, token.text, NULL, 0);
}

static bool
use_by_sql(const struct token *t, struct token *out)
{
	struct uuid fresh = uuid_make();

	sql("select case when outcome in ('new', 'again') then id end "
	    "from refresh_rotate($1, $2, 900, 604800)",
	    t->id, fresh.text, out->id, sizeof(out->id));
	return out->id[0] != '\0';
}

static bool
same_id(const struct token *a, const struct token *b)
{
	return strcmp(a->id, b->id) == 0;
}

Test(walk, ten_thousand_steps)
{
	static const struct way way = { open_by_sql, use_by_sql, same_id };
	struct pair p = open_session("walk-ann");

	connect_to_database();
	snprintf(person, sizeof(person), "%s", p.user);
	walk(&way, STEPS_SQL, 1);
	compare_all();
	PQfinish(conn);
}

/* ---- over HTTP */

static void
open_by_http(struct family *f)
{
	struct pair p = open_session("walk-bob");

	snprintf(f->session, sizeof(f->session), "%s", p.session);
	snprintf(f->token[0].text, sizeof(f->token[0].text), "%s", p.refresh);
}

static bool
use_by_http(const struct token *t, struct token *out)
{
	struct answer a = refresh(t->text);
	bool came = a.status == 200;

	cr_assert(came || a.status == 401, "%ld %s", a.status, a.body);
	if (came)
		snprintf(out->text, sizeof(out->text), "%s", text_at(&a, "data.refreshToken"));
	forget(&a);
	return came;
}

static bool
same_text(const struct token *a, const struct token *b)
{
	return strcmp(a->text, b->text) == 0;
}

Test(walk, some_steps_over_http)
{
	static const struct way way = { open_by_http, use_by_http, same_text };

	connect_to_database();
	walk(&way, STEPS_HTTP, 2);
	compare_all();
	PQfinish(conn);
}
