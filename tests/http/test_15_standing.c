/* What a token is worth by what its owner is now: every row of the route table with the tokens of
 * suspended and deleted people, and with personal tokens of one scope. And how many may guess. */
#include "http/auth.h"

#include "model/names.h"

/* One worker, so that the counting of guesses is one. */
const char *const stack_options[] = { "--no-cache", "--workers", "1", "--set",
	"JWT_ACCESS_SECONDS=3600", "--set", "RATE_READ=100000", "--set", "RATE_WRITE=100000",
	"--set", "RATE_SOCIAL=100000", "--set", "RATE_HEAVY=100000", NULL };

#define ID "01890000-0000-7000-8000-000000000000"

static const struct row {
	const char *method, *path;
	enum who who;
} table[] = {
#define ROUTE(method, path, group, who, budget, tx, form, handler)                             \
	{ #method, API_PREFIX path, who },
#define ROOT(method, path, group, who, budget, tx, form, handler) { #method, path, who },
#include "api/routes.def"
#undef ROUTE
#undef ROOT
};

/* Bodies that pass, of the routes that need one. */
static const char *
body_of(const struct row *row)
{
	static const char *const bodies[][3] = {
		{ "POST", "/snippets", "{\"title\":\"t\",\"code\":\"c\"}" },
		{ "PATCH", "/snippets/:id", "{\"title\":\"t\"}" },
		{ "PATCH", "/users/me", "{\"bio\":\"b\"}" },
		{ "POST", "/auth/tokens", "{\"name\":\"n\"}" },
		{ "PATCH", "/admin/queues/:name", "{\"concurrency\":1}" },
		{ "POST", "/admin/jobs", "{\"queue\":\"maintenance\",\"name\":\"prune\"}" },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		if (strcmp(row->method, bodies[i][0]) == 0 &&
		    strcmp(row->path + strlen(API_PREFIX), bodies[i][1]) == 0)
			return bodies[i][2];
	return NULL;
}

static struct answer
call_row(const struct row *row, const char *method, const char *token)
{
	static char path[256];
	const char *at = strchr(row->path, ':');
	size_t len = at ? (size_t)(at - row->path) : strlen(row->path), word;

	word = at ? strcspn(at, "/") : 0;
	snprintf(path, sizeof(path), "%.*s%s%s", (int)len, row->path,
	    word == 0                         ? ""
	    : strncmp(at, ":id", word) == 0   ? ID
	    : strncmp(at, ":name", word) == 0 ? "maintenance"
	                                      : "everybody",
	    at ? at + word : "");
	return CALL(method, path, .token = token, .body = body_of(row));
}

/* 404: what is asked for is not there, whoever asks. */
static void
expect_worth_nothing(const char *token, long status, const char *code, const char *whose)
{
	int refused = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct answer a;
		/* one may always go */
		if (table[i].who < USER || strstr(table[i].path, "/logout") != NULL)
			continue;
		a = call_row(&table[i], table[i].method, token);
		cr_expect(a.status == status || a.status == 404, "%s: %s %s: %ld %s", whose,
		    table[i].method, table[i].path, a.status, a.body);
		if (a.status == status) {
			cr_expect_str_eq(text_at(&a, "error.code"), code);
			refused++;
		}
		forget(&a);
	}
	cr_expect_gt(refused, 30, "only %d routes refused it", refused);
}

static const char *
personal(const char *access, const char *body)
{
	static char tokens[8][64];
	static int next;
	char *out = tokens[next++ % 8];
	struct answer a = CALL("POST", "/api/v1/auth/tokens", .token = access, .body = body);

	cr_assert_eq(a.status, 201, "%ld %s", a.status, a.body);
	snprintf(out, sizeof(tokens[0]), "%s", text_at(&a, "data.token"));
	forget(&a);
	return out;
}

Test(standing, suspended_and_deleted_people)
{
	char access[1024], out[64];

	stack_token("everybody");
	cr_assert_eq(
	    stack_ctl(access, sizeof(access), "token", "standing", "--create", "--admin", NULL),
	    0);
	access[strcspn(access, "\n")] = '\0';
	cr_assert_eq(status_of_me(access), 200);
	stack_sql("update users set suspended_at = now() where username = 'standing'", out,
	    sizeof(out));
	expect_worth_nothing(access, 403, "ACCOUNT_SUSPENDED", "suspended");
	stack_sql("update users set suspended_at = null, deleted_at = now() where username = "
	          "'standing'",
	    out, sizeof(out));
	expect_worth_nothing(access, 401, "UNAUTHORIZED", "deleted");
	stack_sql(
	    "update users set deleted_at = null where username = 'standing'", out, sizeof(out));
	cr_expect_eq(status_of_me(access), 200);
}

/* Looking, too: what jobs carry is not for everybody who was an operator once. */
Test(standing, an_operator_no_longer)
{
	static const char *const looks[] = { "/api/v1/admin/queues", "/api/v1/admin/jobs",
		"/api/v1/admin/schedules" };
	char access[1024], out[64];

	cr_assert_eq(
	    stack_ctl(access, sizeof(access), "token", "was-one", "--create", "--admin", NULL),
	    0);
	access[strcspn(access, "\n")] = '\0';
	for (int is = 1; is >= 0; is--) {
		for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
			struct answer a = CALL("GET", looks[i], .token = access);
			cr_expect_eq(a.status, is ? 200 : 403, "%s: %ld", looks[i], a.status);
			forget(&a);
		}
		stack_sql("update users set role = 'user' where username = 'was-one'", out,
		    sizeof(out));
	}
}

static void
expect_scope(const struct row *row, const char *token, bool reads)
{
	bool is_read = strcmp(row->method, "GET") == 0;
	const char *method = row->method;

	for (int head = 0; head <= (is_read ? 1 : 0); head++) {
		struct answer a = call_row(row, head ? "HEAD" : method, token);
		if (row->who == SESSION || row->who == ADMIN || is_read != reads)
			cr_expect_eq(a.status, 403, "%s %s by %s: %ld %s", method, row->path,
			    reads ? "read" : "write", a.status, a.body);
		else
			cr_expect(a.status == 404 || (a.status >= 200 && a.status < 300),
			    "%s %s by read: %ld %s", method, row->path, a.status, a.body);
		forget(&a);
	}
}

Test(standing, a_scope_at_every_route)
{
	const char *ann = stack_token("scope-ann");
	const char *read = personal(ann, "{\"name\":\"r\",\"scopes\":[\"read\"]}");
	const char *write = personal(ann, "{\"name\":\"w\",\"scopes\":[\"write\"]}");
	int rows = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (table[i].who < VIEWER)
			continue;
		rows++;
		expect_scope(&table[i], read, true);
		/* what it may it would do; the others' tests see to that */
		if (strcmp(table[i].method, "GET") == 0)
			expect_scope(&table[i], write, false);
	}
	cr_expect_gt(rows, 40);
	cr_expect_eq(stack_count("select count(*) from snippets"), 0, "a reader wrote");
}

/* However long an access token lives: relays remember an ended session for so long. */
Test(standing, a_live_token_is_short)
{
	struct pair p = open_session("live-ann");
	struct answer a = CALL("POST", "/api/v1/live/token", .token = p.access);

	cr_expect_eq(int_at(&a, "data.expiresIn"), 900, "%s", a.body);
	forget(&a);
	p = refreshed(&p);
	a = refresh(p.refresh);
	cr_expect_eq(int_at(&a, "data.expiresIn"), 3600, "%s", a.body);
	forget(&a);
}

/* ---- last, since this address may not use personal tokens for a while afterwards */

Test(standing, z_guesses_are_counted)
{
	static const char wrong[] = "cgp_0123456789012345678901234567890123456789012";
	const char *ann = stack_token("guess-ann"), *good = personal(ann, "{\"name\":\"g\"}");
	long refused = 0, limited = 0, wait = 0;

	cr_expect_eq(status_of_me(good), 200);
	for (int i = 0; i < 60; i++) {
		struct answer a = CALL("GET", "/api/v1/snippets?limit=1", .token = wrong);
		refused += a.status == 401;
		limited += a.status == 429;
		if (a.status == 429)
			wait = header_of(&a, "Retry-After")
			           ? strtol(header_of(&a, "Retry-After"), NULL, 10)
			           : 0;
		forget(&a);
	}
	cr_expect_eq(refused + limited, 60);
	cr_expect(refused >= 20 && refused <= 25, "%ld were looked up", refused);
	cr_expect(wait > 0 && wait <= 60, "%ld", wait);
	cr_expect_eq(status_of_me(ann), 200, "who is signed in is not hindered");
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Wrong signatures count with them, and the body of what comes next is not even read. */
Test(standing, z_wrong_signatures_are_counted)
{
	long refused = 0, limited = 0;

	for (int i = 0; i < 60; i++) {
		struct answer a = CALL("POST", "/api/v1/github/webhook", .body = "{}",
		    .headers = { "X-Hub-Signature-256: sha256=" ZEROS, "X-GitHub-Event: push",
		        "X-GitHub-Delivery: guessed-1" });
		refused += a.status == 401;
		limited += a.status == 429;
		forget(&a);
	}
	cr_expect_eq(refused + limited, 60);
	cr_expect(limited >= 30, "%ld were refused, %ld limited", refused, limited);
}
