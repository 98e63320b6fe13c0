/* The routes of operators: who may use them, what they show of queues and schedules and do with
 * them; and what is said while Redis or PostgreSQL are away. */
#include "http/admin.h"

#include "model/names.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--set",
	"FAILPOINTS=on", NULL };

/* ---- who */

static const struct {
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

/* Every row of the table that is an admin's. */
Test(admin, nobody_else)
{
	const char *bob = stack_token("not-an-admin");
	char path[256];
	int rows = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *at = strchr(table[i].path, ':');
		const char *method = table[i].method;
		size_t len = at ? (size_t)(at - table[i].path) : strlen(table[i].path);
		struct answer a;
		if (table[i].who != ADMIN)
			continue;
		rows++;
		snprintf(path, sizeof(path), "%.*s%s%s", (int)len, table[i].path,
		    at ? "maintenance" : "", at ? at + strcspn(at, "/") : "");
		a = CALL(method, path, .body = "{}");
		cr_expect_eq(a.status, 401, "%s %s: %ld", method, path, a.status);
		forget(&a);
		a = CALL(method, path, .token = bob, .body = "{}");
		cr_expect_eq(a.status, 403, "%s %s: %ld", method, path, a.status);
		cr_expect_str_eq(text_at(&a, "error.code"), "FORBIDDEN");
		forget(&a);
	}
	cr_expect_eq(rows, 14, "%d", rows);
}

/* The token says admin for a while yet; the database does not. */
Test(admin, no_longer_an_admin)
{
	char token[1024], out[64];
	struct answer a;

	admin_token("was-an-admin", token, sizeof(token));
	a = CALL("POST", QUEUE_PATH "/resume", .token = token);
	cr_expect_eq(a.status, 200, "%s", a.body);
	forget(&a);
	stack_sql(
	    "update users set role = 'user' where username = 'was-an-admin'", out, sizeof(out));
	a = CALL("POST", QUEUE_PATH "/pause", .token = token);
	cr_expect_eq(a.status, 403, "%s", a.body);
	forget(&a);
	stack_sql("update users set role = 'admin', deleted_at = now() where username = "
	          "'was-an-admin'",
	    out, sizeof(out));
	a = CALL("POST", QUEUE_PATH "/pause", .token = token);
	cr_expect_eq(a.status, 401, "gone: %s", a.body);
	forget(&a);
	a = call("GET", ADMIN_PATH "/queues", NULL);
	cr_expect(json_is_false(at(&a, "data.0.paused")), "%s", a.body);
	forget(&a);
}

/* ---- queues */

Test(admin, queues)
{
	static const char *const numbers[] = { "waiting", "active", "delayed", "blocked",
		"completed", "failed", "cancelled", "oldest_ms", "totals.added",
		"totals.completed", "totals.failed", "totals.retried", "totals.crashed",
		"totals.lost", "totals.cancelled", "limits.concurrency", "limits.rate",
		"limits.rate_ms" };
	struct answer a = call("GET", ADMIN_PATH "/queues", NULL);
	char path[64];

	cr_assert_eq(a.status, 200, "%s", a.body);
	cr_expect_geq(json_array_size(at(&a, "data")), 5u);
	cr_expect_str_eq(text_at(&a, "data.0.name"), "maintenance");
	cr_expect(json_is_boolean(at(&a, "data.0.paused")));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		snprintf(path, sizeof(path), "data.0.%s", numbers[i]);
		cr_expect_geq(int_at(&a, path), 0, "%s: %s", path, a.body);
	}
	forget(&a);
	expect_call("POST", ADMIN_PATH "/queues/nothing/pause", NULL, 404);
	expect_call("PATCH", ADMIN_PATH "/queues/nothing", "{}", 404);
	expect_call("POST", ADMIN_PATH "/queues/rt/drain", NULL, 404);
}

Test(admin, paused_and_drained)
{
	struct answer a = call("POST", QUEUE_PATH "/pause", NULL);
	const char *first, *later;

	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.name"), "maintenance");
	cr_expect(json_is_true(at(&a, "data.paused")));
	forget(&a);
	first = added("test.none", "{}", "{}");
	later = added("test.none", "{}", "{\"delay\":60000}");
	usleep(300 * 1000); /* time in which a worker would have taken it */
	expect_state(first, "waiting", 0);
	expect_state(later, "delayed", 0);
	expect_call("POST", QUEUE_PATH "/resume", NULL, 200);
	expect_state(first, "completed", 10);
	expect_call("POST", QUEUE_PATH "/pause", NULL, 200);
	first = added("test.none", "{}", "{}");
	a = call("POST", QUEUE_PATH "/drain", "{\"delayed\":false}");
	cr_expect_eq(int_at(&a, "data.removed"), 1, "%s", a.body);
	cr_expect(json_is_false(at(&a, "data.remaining")), "%s", a.body);
	forget(&a);
	act_on(first, "/retry", 404);
	expect_state(later, "delayed", 0);
	a = call("POST", QUEUE_PATH "/drain", "{\"delayed\":true}");
	cr_expect_geq(int_at(&a, "data.removed"), 1, "%s", a.body);
	forget(&a);
	act_on(later, "/retry", 404);
	expect_call("POST", QUEUE_PATH "/drain", NULL, 200);
	expect_call("POST", QUEUE_PATH "/drain", "{\"delayed\":1}", 400);
	expect_call("POST", QUEUE_PATH "/drain", "{\"all\":true}", 400);
	expect_call("POST", QUEUE_PATH "/resume", NULL, 200);
}

static void
redis_config(const char *words)
{
	char command[512], out[256];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' CONFIG SET %s",
	    stack_dir(), words);
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0, "%s: %s", words, out);
	cr_assert_str_eq(out, "OK", "%s", words);
}

/* What Redis refuses for its own sake is no fault of ours: come again. */
Test(admin, refused_by_redis)
{
	redis_config("min-replicas-to-write 1");
	expect_call("POST", QUEUE_PATH "/pause", NULL, 503);
	redis_config("min-replicas-to-write 0");
	expect_call("POST", QUEUE_PATH "/resume", NULL, 200);
}

static void
expect_limits(const char *body, long long concurrency, long long rate, long long rate_ms)
{
	struct answer a = call("PATCH", QUEUE_PATH, body);

	cr_expect_eq(a.status, 200, "%s: %s", body, a.body);
	cr_expect_eq(int_at(&a, "data.concurrency"), concurrency, "%s: %s", body, a.body);
	cr_expect_eq(int_at(&a, "data.rate"), rate, "%s: %s", body, a.body);
	cr_expect_eq(int_at(&a, "data.rate_ms"), rate_ms, "%s: %s", body, a.body);
	forget(&a);
}

Test(admin, limits)
{
	struct answer a;

	expect_limits("{\"concurrency\":3}", 3, 0, 0);
	expect_limits("{\"rate\":100,\"rate_ms\":2000}", 3, 100, 2000);
	expect_limits("{}", 3, 100, 2000);
	a = call("GET", ADMIN_PATH "/queues", NULL);
	cr_expect_eq(int_at(&a, "data.0.limits.rate"), 100, "%s", a.body);
	forget(&a);
	expect_limits("{\"concurrency\":0,\"rate\":0}", 0, 0, 0);
	expect_limits("{\"concurrency\":null,\"rate\":null}", 0, 0, 0);
	a = call("PATCH", QUEUE_PATH, "{\"concurrency\":-1,\"rate\":1.5,\"x\":1}");
	cr_expect_eq(a.status, 400);
	cr_expect_eq(json_array_size(at(&a, "error.details")), 3u, "%s", a.body);
	forget(&a);
	a = call("PATCH", QUEUE_PATH, "{\"rate\":5}");
	cr_expect_eq(a.status, 400);
	cr_expect_str_eq(text_at(&a, "error.details.0.field"), "/rate_ms");
	forget(&a);
	a = call("PATCH", QUEUE_PATH, "{\"rate_ms\":2000}");
	cr_expect_eq(a.status, 400, "nothing is passed over in silence: %s", a.body);
	cr_expect_str_eq(text_at(&a, "error.details.0.field"), "/rate");
	forget(&a);
}

/* All that ending a member of a batch does is within the rights of codegram-api. */
Test(admin, batch)
{
	struct answer a;

	expect_call("POST", ADMIN_PATH "/jobs",
	    "{\"queue\":\"email\",\"name\":\"member\",\"opts\":{\"jobId\":\"batch-member\","
	    "\"batch\":{\"id\":\"rights\"}}}",
	    201);
	expect_call("POST", ADMIN_PATH "/jobs",
	    "{\"queue\":\"email\",\"name\":\"final\",\"opts\":{\"jobId\":\"batch-final\","
	    "\"batch\":{\"id\":\"rights\",\"total\":1,\"final\":true}}}",
	    201);
	expect_call("POST", ADMIN_PATH "/jobs/batch-member/cancel", NULL, 200);
	a = call("GET", ADMIN_PATH "/jobs/batch-final", NULL);
	cr_expect_str_eq(text_at(&a, "data.state"), "waiting", "%s", a.body);
	forget(&a);
	expect_call("DELETE", ADMIN_PATH "/jobs/batch-final", NULL, 204);
	expect_call("DELETE", ADMIN_PATH "/jobs/batch-member", NULL, 204);
}

/* ---- schedules */

static bool
is_overdue(void *name)
{
	struct answer a = CALL("GET", "/ready");
	bool warn = strcmp(text_at(&a, "data.checks.schedules.status"), "warn") == 0 &&
	            strcmp(text_at(&a, "data.checks.schedules.overdue.0"), (char *)name) == 0;

	forget(&a);
	return warn;
}

static bool
is_in_time(void *unused)
{
	struct answer a = CALL("GET", "/ready");
	bool ok = a.status == 200 &&
	          strcmp(text_at(&a, "data.checks.schedules.status"), "ok") == 0 &&
	          json_array_size(at(&a, "data.checks.schedules.overdue")) == 0;

	(void)unused;
	forget(&a);
	return ok;
}

Test(admin, schedules)
{
	char name[] = "github-nightly", out[64];
	struct answer a;

	cr_expect(wait_until(is_in_time, NULL, 10), "a scheduler has begun them all");
	a = call("GET", ADMIN_PATH "/schedules", NULL);
	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.name"), name);
	cr_expect_str_eq(text_at(&a, "data.0.expression"), "0 2 * * *");
	cr_expect_str_eq(text_at(&a, "data.0.zone"), "UTC");
	cr_expect_eq(strlen(text_at(&a, "data.0.next_run")), 24u, "%s", a.body);
	cr_expect_str_neq(
	    text_at(&a, "data.0.last_state"), "skipped", "a new system: %s", a.body);
	cr_expect(json_is_false(at(&a, "data.0.overdue")));
	forget(&a);
	stack_part("stop-part", "scheduler");
	stack_sql("delete from cron_slot where name = 'github-nightly'", out, sizeof(out));
	cr_expect(is_overdue(name), "a schedule that nobody ever ran is overdue");
	a = CALL("GET", "/ready");
	cr_expect_eq(a.status, 200, "a warning, no more: %s", a.body);
	cr_expect_str_eq(text_at(&a, "data.degraded.0"), "scheduler");
	forget(&a);
	stack_sql("insert into cron_slot (name, slot, state) values ('github-nightly', "
	          "now() - interval '2 days', 'fired'), ('github-nightly', "
	          "now() + interval '2 days', 'skipped')",
	    out, sizeof(out));
	cr_expect(is_overdue(name), "and one whose slot passed, whatever is still to come");
	stack_part("start-part", "scheduler");
	cr_expect(wait_until(is_in_time, NULL, 10), "until a scheduler settles it");
}

Test(admin, a_schedule_by_hand)
{
	long before = stack_count("select count(*) from cron_slot"), after;
	struct answer a = call("POST", ADMIN_PATH "/schedules/github-weekly/run", NULL);
	char path[256];
	struct wanted w = { path, "data.id", "" };
	char id[64];

	cr_expect_eq(a.status, 202, "%s", a.body);
	snprintf(id, sizeof(id), "%s", text_at(&a, "data.id"));
	snprintf(path, sizeof(path), "%s",
	    header_of(&a, "Location") ? header_of(&a, "Location") : "none");
	w.value = id;
	forget(&a);
	cr_expect(wait_until(has_come, &w, 5), "its job is at Redis: %s", path);
	after = stack_count("select count(*) from cron_slot where name like 'github%'");
	cr_expect_leq(after, before, "the clock's slots are not touched");
	a = call("GET", ADMIN_PATH "/schedules", NULL);
	cr_expect_eq(strlen(text_at(&a, "data.1.last_manual_run")), 24u, "%s", a.body);
	cr_expect(json_is_null(at(&a, "data.0.last_manual_run")), "%s", a.body);
	forget(&a);
	expect_call("POST", ADMIN_PATH "/schedules/never/run", NULL, 404);
}

/* ---- the log, and the dead */

static bool
log_has(const char *act, const char *job)
{
	char path[4200], line[8192], wanted[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log/api-all.log", stack_dir());
	snprintf(wanted, sizeof(wanted), "\"act\":\"%s\"", act);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, "\"message\":\"admin.act\"") && strstr(line, wanted) &&
		        strstr(line, "\"user\":\"root\"") && strstr(line, job) &&
		        strstr(line, "\"request_id\":\"") && strstr(line, "\"user_id\":\"");
	fclose(f);
	return found;
}

Test(admin, who_did_it_is_in_the_log)
{
	const char *id = added("test.none", "{}", "{\"delay\":60000}");

	act_on(id, "/retry", 200);
	expect_state(id, "completed", 10);
	act_on(id, "", 204);
	expect_call("PATCH", QUEUE_PATH, "{}", 200);
	expect_call("POST", QUEUE_PATH "/resume", NULL, 200);
	cr_expect(log_has("job.add", id));
	cr_expect(log_has("job.retry", id));
	cr_expect(log_has("job.remove", id));
	cr_expect(log_has("queue.limit", "maintenance"));
	cr_expect(log_has("queue.resume", "maintenance"));
	cr_expect_not(
	    log_has("job.remove", "never"), "the search itself finds what is there alone");
}

static bool
answers(void *path)
{
	struct answer a = call("GET", path, NULL);
	bool ok = a.status == 200;

	forget(&a);
	return ok;
}

Test(admin, z_redis_away)
{
	static const char *const paths[] = { ADMIN_PATH "/queues", JOBS_PATH, JOBS_PATH "/x",
		"/api/v1/jobs/x" };
	char queues_path[] = ADMIN_PATH "/queues";
	struct answer a;

	stack_part("stop-part", "redis");
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		a = call("GET", paths[i], NULL);
		cr_expect_eq(a.status, 503, "%s: %ld %s", paths[i], a.status, a.body);
		cr_expect_str_eq(text_at(&a, "error.code"), "SERVICE_UNAVAILABLE");
		cr_expect_not_null(header_of(&a, "Retry-After"));
		cr_expect_lt(a.seconds, PATIENCE * 2);
		forget(&a);
	}
	expect_call("POST", QUEUE_PATH "/pause", NULL, 503);
	/* and what needs none goes on: the outbox keeps it */
	expect_call("GET", ADMIN_PATH "/schedules", NULL, 200);
	expect_call("POST", ADMIN_PATH "/schedules/github-weekly/run", NULL, 202);
	stack_part("start-part", "redis");
	cr_expect(wait_until(answers, queues_path, 10));
}

/* Its functions are gone, and this program may not load them: a part is away, until the
 * scheduler brings them back. */
Test(admin, z_redis_empty)
{
	const char *argv[] = { "sh", "-c", NULL, NULL };
	char command[4200], out[256], queues_path[] = ADMIN_PATH "/queues";
	struct answer a;

	stack_part("stop-part", "scheduler");
	stack_part("stop-part", "worker");
	snprintf(command, sizeof(command),
	    "redis-cli -s '%s/run/redis.sock' function flush sync", stack_dir());
	argv[2] = command;
	cr_expect_eq(run_command(argv, out, sizeof(out)), 0);
	a = call("GET", queues_path, NULL);
	cr_expect_eq(a.status, 503, "%ld %s", a.status, a.body);
	forget(&a);
	stack_part("start-part", "scheduler");
	cr_expect(wait_until(answers, queues_path, 10));
	stack_part("start-part", "worker");
}

Test(admin, zz_postgresql_away)
{
	stack_part("stop-part", "postgres");
	expect_call("GET", ADMIN_PATH "/queues", NULL, 200);
	expect_call("GET", JOBS_PATH, NULL, 200);
	expect_call("POST", QUEUE_PATH "/pause", NULL, 503);
	expect_call("GET", ADMIN_PATH "/schedules", NULL, 503);
	stack_part("start-part", "postgres");
}
