/* What people are shown of queues and jobs, as JSON that stays whole whatever Redis held. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "queue/view.h"

static const struct job_row rows[] = { { .name = "known", .attempts = 4 } };
static const struct view_rows table = { rows, 1 };

static json_t *
json_of(const struct view_job *v)
{
	json_error_t error;
	json_t *json;
	struct buf b;

	buf_init(&b, 1 << 20);
	view_job_json(&b, v, table);
	json = json_loads(buf_text(&b), JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(json, "%s: %s", error.text, buf_text(&b));
	buf_free(&b);
	return json;
}

static const char *
text(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "(none)";
}

static struct view_job
plain(void)
{
	return (struct view_job){ .queue = "maintenance",
		.job = { .id = "i",
		    .name = "known",
		    .state = "waiting",
		    .lane = "n",
		    .data = "{\"a\":[1]}",
		    .error = "",
		    .reason = "",
		    .result = "",
		    .unique = "",
		    .progress = "",
		    .owner = "",
		    .trace = "",
		    .batch = "",
		    .key = "",
		    .added_ms = 1000 } };
}

Test(view, a_job)
{
	struct view_job v = plain();
	const char *lines[] = { "one \"line\"", "two" };
	json_t *json;

	v.logs = lines;
	v.log_count = 2;
	v.job.progress = "{\"percent\":5}";
	json = json_of(&v);
	cr_expect_str_eq(text(json, "created_at"), "1970-01-01T00:00:01.000Z");
	cr_expect_eq(json_integer_value(json_object_get(json, "attempts")), 4, "its row's");
	cr_expect(json_is_null(json_object_get(json, "finished_at")));
	cr_expect(json_is_null(json_object_get(json, "error")));
	cr_expect(json_is_object(json_object_get(json, "data")));
	cr_expect(json_is_object(json_object_get(json, "progress")));
	cr_expect_eq(json_array_size(json_object_get(json, "logs")), 2u);
	cr_expect_str_eq(text(json, "priority"), "normal");
	json_decref(json);
	v.job.attempts_allowed = 9;
	v.job.name = "unknown";
	json = json_of(&v);
	cr_expect_eq(json_integer_value(json_object_get(json, "attempts")), 9, "its own");
	json_decref(json);
	v.job.attempts_allowed = 0;
	json = json_of(&v);
	cr_expect(json_is_null(json_object_get(json, "attempts")), "nobody knows");
	json_decref(json);
}

/* Written into Redis by hand, or by a program of another time. */
Test(view, what_is_no_json_stays_inside)
{
	static const char *const bad[] = { "{", "[1]", "\"x\",\"id\":\"y\"", "}{", "{\"a\":1}}",
		"null", "\xff\xfe", "{\"a\":\"\xff\"}", "{\"x\":1},\"id\":\"evil\"" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct view_job v = plain();
		json_t *json;
		v.job.data = v.job.progress = v.job.error = v.job.id = bad[i];
		json = json_of(&v);
		cr_expect(json_is_string(json_object_get(json, "data")), "%s", bad[i]);
		cr_expect(json_is_string(json_object_get(json, "progress")), "%s", bad[i]);
		json_decref(json);
	}
}

/* The owner's view has what api.md promises, and nothing of what is inside. */
Test(view, own)
{
	struct view_job v = plain();
	struct buf b;
	json_t *json;

	v.job.owner = v.job.trace = v.job.unique = v.job.error = "secret";
	v.job.state = "failed";
	v.job.reason = "attempts";
	buf_init(&b, 1 << 20);
	view_own_job_json(&b, &v, table);
	cr_expect_null(strstr(buf_text(&b), "secret"));
	json = json_loads(buf_text(&b), JSON_REJECT_DUPLICATES, NULL);
	cr_expect_eq(json_object_size(json), 13u, "%s", buf_text(&b));
	json_decref(json);
	v.job.reason = "dead"; /* its handler said why */
	v.job.error = "your token was revoked";
	buf_reset(&b);
	view_own_job_json(&b, &v, table);
	cr_expect_not_null(strstr(buf_text(&b), "\"error\":\"your token was revoked\""));
	buf_free(&b);
}

Test(view, states)
{
	cr_expect_str_eq(view_state("dead"), "failed");
	cr_expect_str_eq(view_state("done"), "completed");
	cr_expect_str_eq(view_state("blocked"), "blocked");
	cr_expect_null(view_state("lost"));
	cr_expect_null(view_state(""));
}

Test(view, limits_in_force)
{
	struct queue_limits own = view_limits("github-sync", (struct queue_limits){ 2, 0, 0 });
	struct queue_limits row =
	    view_limits("github-sync", (struct queue_limits){ -1, -1, -1 });

	cr_expect_eq(own.concurrency, 2);
	cr_expect_eq(own.rate, 0);
	cr_expect_eq(row.concurrency, queue_find("github-sync")->concurrency);
	cr_expect_eq(row.rate, queue_find("github-sync")->rate);
	cr_expect_eq(row.rate_ms, queue_find("github-sync")->rate_ms);
}
