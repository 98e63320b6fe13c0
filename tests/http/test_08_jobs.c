/* Jobs by the routes of operators, with the worker, the scheduler and Redis behind them; and a
 * person's own jobs. */
#include "http/admin.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--set",
	"FAILPOINTS=on", "--set", "SCHEDULES=off", NULL };

/* ---- jobs */

static bool
holds_exactly(const json_t *object, const char *const *names)
{
	size_t n = 0;

	for (; names[n] != NULL; n++)
		if (json_object_get(object, names[n]) == NULL)
			return false;
	return json_object_size(object) == n;
}

Test(jobs, a_job_and_its_fields)
{
	static const char *const fields[] = { "id", "queue", "name", "state", "lane",
		"priority", "progress", "attempts_made", "attempts", "crashes", "data",
		"result", "error", "reason", "unique", "key", "owner", "trace", "batch",
		"created_at", "due_at", "started_at", "finished_at", "cancel_asked", "logs",
		NULL };
	const char *id = added("test.fail", "{\"times\":1,\"note\":\"ü \\\"x\\\"\"}",
	    "{\"attempts\":5,\"backoff\":{\"type\":\"fixed\",\"delay\":50},"
	    "\"priority\":\"high\",\"unique\":\"u-1\"}");
	char path[256];
	struct answer a;

	expect_state(id, "completed", 10);
	snprintf(path, sizeof(path), JOBS_PATH "/%s?queue=maintenance", id);
	a = call("GET", path, NULL);
	cr_expect(holds_exactly(at(&a, "data"), fields), "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.queue"), "maintenance");
	cr_expect_str_eq(text_at(&a, "data.name"), "test.fail");
	cr_expect_str_eq(text_at(&a, "data.lane"), "h");
	cr_expect_str_eq(text_at(&a, "data.priority"), "high");
	cr_expect_str_eq(text_at(&a, "data.data.note"), "ü \"x\"");
	cr_expect_str_eq(text_at(&a, "data.result"), "after all");
	cr_expect_str_eq(text_at(&a, "data.unique"), "u-1");
	cr_expect_eq(int_at(&a, "data.attempts_made"), 1, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.attempts"), 5, "%s", a.body);
	cr_expect_not_null(strstr(text_at(&a, "data.logs.0"), "told to fail"),
	    "the error is a line: %s", a.body);
	cr_expect_eq(strlen(text_at(&a, "data.finished_at")), 24u, "%s", a.body);
	cr_expect_eq(strlen(text_at(&a, "data.started_at")), 24u, "%s", a.body);
	forget(&a);
	snprintf(path, sizeof(path), JOBS_PATH "/%s?queue=email", id);
	expect_call("GET", path, NULL, 404);
	snprintf(path, sizeof(path), JOBS_PATH "/%s?queue=none", id);
	expect_call("GET", path, NULL, 400);
	expect_call("GET", JOBS_PATH "/no%20such", NULL, 404);
	/* its row tells how many attempts it has */
	id = added("test.none", "{}", "{}");
	snprintf(path, sizeof(path), JOBS_PATH "/%s", id);
	a = call("GET", path, NULL);
	cr_expect_eq(int_at(&a, "data.attempts"), 3, "%s", a.body);
	forget(&a);
}

Test(jobs, wrong_words_are_named)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{ "{\"queue\":\"no\",\"name\":\"x\"}", "/queue" },
		{ "{\"queue\":\"rt\",\"name\":\"x\"}", "/queue" },
		{ "{\"name\":\"x\"}", "/queue" },
		{ "{\"queue\":\"email\"}", "/name" },
		{ "{\"queue\":\"email\",\"name\":\"\"}", "/name" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"data\":[]}", "/data" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"data\":null}", "/data" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":\"x\"}", "/opts" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"option\":{}}", "/option" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":{\"attempts\":-1}}",
		    "/opts/attempts" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":{\"attempt\":1}}",
		    "/opts/attempt" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":{\"priority\":\"soon\"}}",
		    "/opts/priority" },
		/* ids that no path could name */
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":{\"jobId\":\"..\"}}",
		    "/opts/jobId" },
		{ "{\"queue\":\"email\",\"name\":\"x\",\"opts\":{\"jobId\":\"a\\nb\"}}",
		    "/opts/jobId" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct answer a = call("POST", JOBS_PATH, rows[i].body);
		cr_expect_eq(a.status, 400, "%s: %ld %s", rows[i].body, a.status, a.body);
		cr_expect_str_eq(text_at(&a, "error.details.0.field"), rows[i].field, "%s: %s",
		    rows[i].body, a.body);
		forget(&a);
	}
}

#define UNIQUE_BODY                                                                            \
	"{\"queue\":\"push\",\"name\":\"x\",\"opts\":{\"unique\":\"once\",\"jobId\":\"%s\"}}"

/* Nobody works on push: what is added there waits. */
Test(jobs, unique_and_the_same_id)
{
	char body[256];
	struct answer a;

	snprintf(body, sizeof(body), UNIQUE_BODY, "one");
	expect_call("POST", JOBS_PATH, body, 201);
	expect_call("POST", JOBS_PATH, body, 200);
	snprintf(body, sizeof(body), UNIQUE_BODY, "two");
	a = call("POST", JOBS_PATH, body);
	cr_expect_eq(a.status, 409, "%s", a.body);
	forget(&a);
	a = call("GET", JOBS_PATH "?queue=push", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 1u, "%s", a.body);
	forget(&a);
	act_on("one", "", 204);
	act_on("one", "", 404);
}

/* An id may hold what a path may not: where it is said to be, it is. */
Test(jobs, a_location_leads_there)
{
	struct answer a = call("POST", JOBS_PATH,
	    "{\"queue\":\"push\",\"name\":\"x\",\"opts\":{\"jobId\":\"a b?c#d%2f/\u00e4\"}}");
	char path[256];

	cr_assert_eq(a.status, 201, "%s", a.body);
	snprintf(path, sizeof(path), "%s", header_of(&a, "Location"));
	cr_expect_str_eq(path, JOBS_PATH "/a%20b%3Fc%23d%252f%2F%C3%A4");
	forget(&a);
	a = call("GET", path, NULL);
	cr_expect_eq(a.status, 200, "%s: %ld %s", path, a.status, a.body);
	forget(&a);
	expect_call("DELETE", path, NULL, 204);
}

Test(jobs, lists)
{
	char path[128];
	struct answer a;

	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path),
		    "{\"queue\":\"email\",\"name\":\"n%d\",\"opts\":{\"delay\":%d}}", i,
		    i % 2 * 60000);
		expect_call("POST", JOBS_PATH, path, 201);
		usleep(2000); /* the next one is newer by Redis's clock */
	}
	a = call("GET", JOBS_PATH "?queue=email&state=waiting", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 3u, "%s", a.body);
	forget(&a);
	a = call("GET", JOBS_PATH "?queue=email&state=delayed", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 2u, "%s", a.body);
	forget(&a);
	a = call("GET", JOBS_PATH "?queue=email", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 5u, "%s", a.body);
	for (int i = 0; i < 5; i++) {
		char name[8];
		snprintf(path, sizeof(path), "data.%d.name", i);
		snprintf(name, sizeof(name), "n%d", 4 - i);
		cr_expect_str_eq(text_at(&a, path), name, "newest first: %s", a.body);
	}
	forget(&a);
	a = call("GET", JOBS_PATH "?limit=3", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 3u, "%s", a.body);
	forget(&a);
	expect_call("GET", JOBS_PATH "?limit=0", NULL, 400);
	expect_call("GET", JOBS_PATH "?limit=101", NULL, 400);
	expect_call("GET", JOBS_PATH "?state=lost", NULL, 400);
	expect_call("GET", JOBS_PATH "?queue=lost", NULL, 400);
	expect_call("GET", JOBS_PATH "?state=dead", NULL, 200);
	expect_call("POST", ADMIN_PATH "/queues/email/drain?delayed=true", NULL, 200);
	a = call("GET", JOBS_PATH "?queue=email", NULL);
	cr_expect_eq(json_array_size(at(&a, "data")), 0u, "%s", a.body);
	forget(&a);
}

/* So much that it can't be one answer: said, and no error of ours. */
Test(jobs, too_much_for_one_list)
{
	char *body = malloc(80 * 1024);
	struct answer a;

	for (int i = 0; i < 30; i++) {
		int n = snprintf(body, 80 * 1024,
		    "{\"queue\":\"email\",\"name\":\"big\",\"data\":{\"x\":\"");
		memset(body + n, 'x', 60 * 1024);
		snprintf(body + n + 60 * 1024, 16, "\"}}");
		a = call("POST", JOBS_PATH, body);
		cr_expect_eq(a.status, 201, "%ld", a.status);
		forget(&a);
	}
	free(body);
	a = call("GET", JOBS_PATH "?queue=email&state=waiting&limit=100", NULL);
	cr_expect_eq(a.status, 200, "%ld", a.status);
	cr_expect_eq(json_array_size(at(&a, "data")), 30u);
	forget(&a);
	expect_call("POST", ADMIN_PATH "/queues/email/drain", NULL, 200);
}

Test(jobs, failed_ones_again)
{
	const char *one = added("test.fail", "{}", "{\"attempts\":1}");
	const char *two = added("test.fail", "{}", "{\"attempts\":1}");
	struct answer a;

	expect_state(one, "failed", 10);
	expect_state(two, "failed", 10);
	expect_call("POST", QUEUE_PATH "/pause", NULL, 200);
	act_on(one, "/retry", 200);
	expect_state(one, "waiting", 0);
	act_on(one, "/retry", 409);
	a = call("POST", QUEUE_PATH "/retry_failed", "{\"limit\":1}");
	cr_expect_eq(int_at(&a, "data.retried"), 1, "%s", a.body);
	forget(&a);
	expect_call("POST", QUEUE_PATH "/retry_failed", "{\"limit\":0}", 400);
	expect_call("POST", QUEUE_PATH "/retry_failed", NULL, 200);
	expect_state(two, "waiting", 0);
	expect_call("POST", QUEUE_PATH "/drain", NULL, 200);
	expect_call("POST", QUEUE_PATH "/resume", NULL, 200);
}

Test(jobs, cancelled)
{
	const char *runs = added("test.sleep", "{\"ms\":20000}", "{}");
	const char *waits = added("test.none", "{}", "{\"delay\":60000}");
	char path[256];
	struct answer a;

	expect_state(runs, "active", 10);
	act_on(runs, "", 409); /* DELETE */
	snprintf(path, sizeof(path), JOBS_PATH "/%s/cancel", runs);
	a = call("POST", path, NULL);
	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.state"), "active");
	cr_expect(json_is_true(at(&a, "data.cancel_asked")));
	forget(&a);
	expect_state(runs, "cancelled", 10);
	snprintf(path, sizeof(path), JOBS_PATH "/%s/cancel", waits);
	a = call("POST", path, NULL);
	cr_expect_str_eq(text_at(&a, "data.state"), "cancelled", "%s", a.body);
	forget(&a);
	expect_call("POST", path, NULL, 200); /* once more */
	act_on(waits, "", 204);
	act_on(waits, "/cancel", 404);
	runs = added("test.none", "{}", "{}");
	expect_state(runs, "completed", 10);
	act_on(runs, "/cancel", 409);
	act_on(runs, "", 204);
}

/* ---- one's own */

Test(jobs, own_jobs)
{
	static const char *const fields[] = { "id", "queue", "name", "state", "progress",
		"attempts_made", "attempts", "data", "result", "error", "created_at",
		"started_at", "finished_at", NULL };
	const char *ann = stack_token("job-ann"), *bob = stack_token("job-bob");
	char opts[128], path[256], owner[64];
	struct answer a;

	stack_sql("select id from users where username = 'job-ann'", owner, sizeof(owner));
	snprintf(opts, sizeof(opts), "{\"owner\":\"%s\",\"delay\":60000}", owner);
	snprintf(path, sizeof(path), "/api/v1/jobs/%s", added("test.none", "{}", opts));
	a = CALL("GET", path, .token = ann);
	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect(holds_exactly(at(&a, "data"), fields), "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.state"), "delayed");
	forget(&a);
	a = CALL("GET", path, .token = bob);
	cr_expect_eq(a.status, 404, "%s", a.body);
	forget(&a);
	a = CALL("GET", path, .token = getenv("TEST_ADMIN"));
	cr_expect_eq(a.status, 404, "an admin has /admin/jobs: %s", a.body);
	forget(&a);
	a = CALL("GET", path);
	cr_expect_eq(a.status, 401, "%s", a.body);
	forget(&a);
	snprintf(path, sizeof(path), "/api/v1/jobs/%s", added("test.none", "{}", "{}"));
	a = CALL("GET", path, .token = ann);
	cr_expect_eq(a.status, 404, "nobody's: %s", a.body);
	forget(&a);
}
