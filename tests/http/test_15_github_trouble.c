/* Syncs in trouble: answers that make no sense, what happens to a person while GitHub is being
 * asked, jobs that die. Nothing is lost, nothing is deleted that is there, and every state comes
 * to its end. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support/client.h"
#include "support/github.h"
#include "support/stack.h"
#include "support/synced.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--set",
	"GITHUB_TIMEOUT_MS=5000", NULL };

static void
arrive(const char *login)
{
	github_reset(NULL);
	cr_assert(sign_in(login), "%s could not sign in", login);
	cr_assert(sync_comes_to(login, "profile", "idle", 30));
	cr_assert(sync_comes_to(login, "repositories", "idle", 30));
	cr_assert(sync_comes_to(login, "contributions", "idle", 30));
	github_reset("requests");
}

static void
arrive_as_ada(void)
{
	arrive("ada");
}

TestSuite(trouble, .init = arrive_as_ada);

/* One value of a statement made with printf. */
static long count(const char *format, ...) __attribute__((format(printf, 1, 2)));

static long
count(const char *format, ...)
{
	char sql[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(sql, sizeof(sql), format, list);
	va_end(list);
	return stack_count(sql);
}

static void
run_sql(const char *sql)
{
	char out[256];

	stack_sql(sql, out, sizeof(out));
}

#define OF_ADA " r.user_id = (select user_id from github_connections where login = 'ada')"
#define SHOWN "select count(*) from repositories r where r.misses = 0 and" OF_ADA

static void
expect_error(const char *kind, const char *words)
{
	const char *error = sync_text("ada", kind, "error");

	cr_expect_not_null(strstr(error, words), "%s is: %s", kind, error);
}

static bool
asking(void *with)
{
	(void)with;
	return github_figures("path=/user/repos").open == 1;
}

/* Until GitHub has the question, and takes its time with the answer. */
static void
begin_slowly(void)
{
	github_change("{'change': 'star', 'repository': 'ada/engine', 'by': 4242}");
	github_fault("{'path': '/user/repos', 'kind': 'stall', 'seconds': 2}");
	cr_assert(sync_add("ada", "repositories"));
	cr_assert(wait_until(asking, NULL, 10));
}

#define STARRED                                                                                \
	"select count(*) from repositories r where r.stars_count > 4242 and r.name = "         \
	"'engine' and" OF_ADA

/* ---- answers that make no sense */

Test(trouble, what_is_no_list_deletes_nothing)
{
	github_fault("{'path': '/user/repos', 'kind': 'body', 'json': {'message': 'hello'}, "
	             "'times': -1}");
	cr_expect(sync_ends_as("ada", "repositories", "failed"));
	expect_error("repositories", "no list");
	cr_expect(sync_ends_as("ada", "repositories", "failed"));
	cr_expect_eq(count(SHOWN), 7);
}

Test(trouble, a_list_that_is_empty_by_mistake)
{
	github_fault("{'path': '/user/repos', 'kind': 'body', 'json': [], 'times': 2}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(github_count("path=/repositories/"), 7,
	    "each is asked for by its number: %ld", github_count("path=/repositories/"));
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count(SHOWN), 7);
	cr_expect_eq(sync_number("ada", "repositories", "deleted"), 0);
	github_fault("{'path': '/user/repos', 'kind': 'empty', 'times': 2}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count(SHOWN), 7, "nor by 204");
}

Test(trouble, a_list_without_end, .timeout = 120)
{
	github_fault("{'path': '/user/repos', 'kind': 'headers', 'times': -1, 'headers': "
	             "{'Link': '<%s/user/repos?affiliation=owner&page=2>; rel=next'}}",
	    github_api_url());
	cr_expect(sync_ends_as("ada", "repositories", "failed"));
	expect_error("repositories", "no end");
	cr_expect_eq(
	    github_count("path=/user/repos"), 1000, "%ld", github_count("path=/user/repos"));
	cr_expect_eq(count(SHOWN), 7);
}

#define FIELDS "'html_url': 'https://github.com/ada/x', 'private': false, 'owner': {'id': %ld}"

Test(trouble, fields_of_a_stranger)
{
	long ada = count("select github_id from github_connections where login = 'ada'");
	struct answer a;

	github_fault("{'path': '/user/repos', 'kind': 'body', 'json': ["
	             "{'id': 9001, 'name': '..', 'full_name': 'ada/..', " FIELDS "},"
	             "{'id': 9002, 'name': 'x', 'full_name': '../../user', " FIELDS "},"
	             "{'id': 9003, 'name': 'x', " FIELDS "},"
	             "{'id': -4, 'name': 'x', 'full_name': 'ada/x', " FIELDS "},"
	             "{'id': 9005, 'name': 'y', 'full_name': 'ada/y', 'owner': {'id': 1},"
	             " 'html_url': 'https://github.com/ada/y'}, 7, null, 'text',"
	             "{'id': 9004, 'name': 'good', 'full_name': 'ada/good', 'pushed_at': "
	             "'infinity', 'stargazers_count': -5, 'topics': [1, 'a'], " FIELDS "}]}",
	    ada, ada, ada, ada, ada);
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(
	    count("select count(*) from repositories where github_id between 9000 and 9010"),
	    1);
	cr_expect_eq(count("select count(*) from repositories where github_id = 9004 and "
	                   "pushed_at is null and stars_count = 0"),
	    1);
	a = CALL("GET", "/api/v1/users/ada/repositories?limit=100");
	cr_expect_eq(a.status, 200);
	cr_expect_eq(int_at(&a, "pagination.total"), 8, "%s", a.body);
	forget(&a);
	cr_expect_eq(count("select count(*) from repositories where github_id = 9004 and "
	                   "sync_state = 'gone'"),
	    1, "it has no languages");
	run_sql("delete from repositories where github_id = 9004");
}

Test(trouble, a_profile_that_is_none_disconnects_nobody)
{
	github_fault("{'path': '/user', 'kind': 'body', 'json': {'hello': 1}}");
	cr_expect(sync_ends_as("ada", "profile", "failed"));
	cr_expect_eq(
	    count("select count(*) from github_connections where login = 'ada' and state = "
	          "'connected'"),
	    1);
}

Test(trouble, a_calendar_with_holes_overwrites_nothing)
{
	long before =
	    count("select sum((select sum(d) from unnest(days) d)) from github_contributions");

	github_fault(
	    "{'path': '/graphql', 'kind': 'body', 'times': -1, 'json': {'data': "
	    "{'viewer': {'contributionsCollection': {'contributionCalendar': {'weeks': "
	    "[]}}}}}}");
	cr_expect(sync_ends_as("ada", "contributions", "failed"));
	expect_error("contributions", "no such calendar");
	cr_expect_gt(before, 0);
	cr_expect_eq(
	    count("select sum((select sum(d) from unnest(days) d)) from github_contributions"),
	    before);
	cr_expect_gt(count("select count(*) from github_contributions where is_stale"), 0);
}

/* ---- one repository's own */

/* What it answers, and what is shown of it; the next pass asks again. */
static const struct {
	const char *fault, *state, *note;
} troubles[] = {
	{ "'kind': 'status', 'status': 500", "synced", "" },
	{ "'kind': 'later'", "synced", "" },
	{ "'kind': 'cut', 'bytes': 5", "synced", "" },
	{ "'kind': 'blocked', 'reason': 'sensitive_data'", "blocked", "sensitive_data" },
	{ "'kind': 'forbidden', 'message': 'Not for you'", "forbidden", "Not for you" },
	{ "'kind': 'gone'", "gone", "GitHub has no such thing, or shows it no longer" },
	{ "'kind': 'status', 'status': 422, 'message': 'What?'", "forbidden", "What?" },
};

Test(trouble, of_one_repository_stops_nothing, .timeout = 120)
{
	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++) {
		github_reset("faults");
		github_change("{'change': 'push', 'repository': 'ada/engine'}");
		github_change("{'change': 'push', 'repository': 'ada/bernoulli'}");
		github_fault(
		    "{'path': '/repos/ada/bernoulli', 'times': -1, %s}", troubles[i].fault);
		github_reset("requests");
		cr_expect(sync_again("ada", "repositories"), "%s", troubles[i].fault);
		cr_expect_eq(
		    sync_number("ada", "repositories", "failed"), 1, "%s", troubles[i].fault);
		cr_expect_eq(github_count("path=/repos/ada/engine/languages&status=200"), 1,
		    "%s", troubles[i].fault);
		cr_expect_eq(
		    count(SHOWN " and r.name = 'bernoulli' and r.sync_state = '%s' and "
		                "coalesce(r.sync_note, '') = '%s'",
		        troubles[i].state, troubles[i].note),
		    1, "%s", troubles[i].fault);
	}
	github_reset("faults");
	github_reset("requests");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(github_count("path=/repos/ada/bernoulli/languages&status=200"), 1,
	    "the next pass asks again");
}

Test(trouble, a_block_ends)
{
	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	github_fault("{'path': '/repos/ada/engine', 'kind': 'blocked', 'times': 2}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count(SHOWN " and r.sync_state = 'blocked'"), 1, "still");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count(SHOWN " and r.sync_state = 'blocked'"), 0);
	cr_expect_eq(count(SHOWN " and r.sync_note is not null"), 0);
}

/* Whatever else changes meanwhile, and though its languages were known before. */
Test(trouble, a_block_ends_with_its_note)
{
	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	github_fault("{'path': '/repos/ada/engine', 'kind': 'blocked', 'reason': 'dmca', "
	             "'times': -1}");
	cr_expect(sync_again("ada", "repositories"));
	github_change("{'change': 'star', 'repository': 'ada/engine', 'by': 1}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(
	    count(SHOWN " and r.sync_state = 'blocked' and r.sync_note = 'dmca'"), 1, "still");
	github_reset("faults");
	github_change("{'change': 'star', 'repository': 'ada/engine', 'by': 1}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count(SHOWN " and r.sync_note is not null"), 0);
	run_sql("update repositories set sync_state = 'blocked', sync_note = 'dmca', "
	        "languages_of = coalesce(pushed_at, created_at) where name = 'engine'");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(
	    count(SHOWN " and r.sync_state = 'blocked'"), 0, "asked, though not moved");
	cr_expect_eq(count(SHOWN " and r.sync_note is not null"), 0);
}

Test(trouble, transferred_and_private_ones_go)
{
	cr_assert(sign_in("grace"));
	cr_assert(sync_comes_to("grace", "repositories", "idle", 30));
	github_change(
	    "{'change': 'transfer_repository', 'repository': 'ada/engine', 'to': 'grace'}");
	github_change(
	    "{'change': 'edit_repository', 'repository': 'ada/notes', 'private': true}");
	cr_assert(sync_again("ada", "repositories"));
	cr_expect_eq(
	    count(SHOWN " and r.name in ('engine', 'notes')"), 0, "neither is shown any more");
	cr_expect_eq(sync_number("ada", "repositories", "deleted"), 1, "for certain");
	cr_assert(sync_again("grace", "repositories"));
	cr_expect_eq(
	    count("select count(*) from repositories r join github_connections c using "
	          "(user_id) where r.full_name = 'grace/engine' and c.login = 'grace'"),
	    1);
}

/* ---- what happens meanwhile */

Test(trouble, suspended_meanwhile)
{
	begin_slowly();
	run_sql("update users set suspended_at = now() where username = 'ada'");
	cr_expect(sync_comes_to("ada", "repositories", "failed", 10));
	cr_expect_eq(count(STARRED), 0, "nothing was written");
	cr_expect(sync_ends_as("ada", "profile", "failed"));
	expect_error("profile", "suspended");
	run_sql("update users set suspended_at = null where username = 'ada'");
	cr_expect(sync_again("ada", "repositories"));
}

Test(trouble, disconnected_meanwhile)
{
	struct answer a;

	begin_slowly();
	a = CALL("DELETE", "/api/v1/github/connection", .token = stack_token("ada"));
	cr_expect_eq(a.status, 204);
	forget(&a);
	cr_expect(sync_comes_to("ada", "repositories", "failed", 10));
	expect_error("repositories", "disconnected");
	cr_expect_eq(count(STARRED), 0, "nothing was written");
	cr_expect_eq(github_count("path=/user/repos"), 1);
}

Test(trouble, signed_in_anew_meanwhile)
{
	begin_slowly();
	cr_assert(sign_in("ada"));
	cr_expect(sync_comes_to("ada", "repositories", "idle", 20));
	cr_expect_eq(count("select count(*) from github_connections where login = 'ada' and "
	                   "state = 'connected'"),
	    1);
	cr_expect_geq(github_count("path=/user/repos"), 2, "again, with the new token");
	cr_expect_eq(
	    count("select count(*) from github_connections c, stop_github(c.user_id, 1, "
	          "'the old token is revoked') stopped where c.login = 'ada' and not stopped"),
	    1, "what an older token meets says nothing of the new one");
	cr_expect_eq(count("select count(*) from github_connections where login = 'ada' and "
	                   "state = 'connected'"),
	    1);
}

Test(trouble, only_the_last_run_writes)
{
	char word[64];

	run_sql("select begin_sync(user_id, 'profile', 'a', uuid_v7()), begin_sync(user_id, "
	        "'profile', 'b', uuid_v7()) from github_connections where login = 'ada'");
	stack_sql("select step_sync(c.user_id, 'profile', s.turn - 1, to_micros(c.checked_at), "
	          "null, 50, '{}', '{\"waits\": 0}') from github_connections c join "
	          "github_syncs s using "
	          "(user_id) where c.login = 'ada' and s.kind = 'profile'",
	    word, sizeof(word));
	cr_expect_str_eq(word, "over");
	cr_expect(sync_again("ada", "profile"));
}

/* ---- jobs that die */

Test(trouble, a_job_that_used_up_its_attempts_has_failed)
{
	run_sql("alter table github_pages rename to elsewhere");
	cr_assert(sync_add("ada", "repositories"));
	cr_expect(sync_comes_to("ada", "repositories", "waiting", 10), "tried again first");
	cr_expect(sync_comes_to("ada", "repositories", "failed", 20));
	run_sql("alter table elsewhere rename to github_pages");
	expect_error("repositories", "on our side");
	cr_expect(sync_again("ada", "repositories"));
}

Test(trouble, a_job_that_was_killed_does_not_run_for_ever)
{
	const char *ada = stack_token("ada");
	struct answer a;

	run_sql("update github_syncs set state = 'running', job_id = 'killed', touched_at = "
	        "now() - "
	        "interval '16 minutes', asked_at = null where kind = 'profile'");
	a = CALL("GET", "/api/v1/github/sync", .token = ada);
	cr_expect_str_eq(text_at(&a, "data.state"), "failed", "%s", a.body);
	cr_expect_not_null(
	    strstr(text_at(&a, "data.what_to_do"), "POST /api/v1/github/sync"), "%s", a.body);
	forget(&a);
	a = CALL("POST", "/api/v1/github/sync", .token = ada);
	cr_expect_eq(a.status, 202);
	cr_expect_str_neq(text_at(&a, "data.jobs.0.id"), "killed", "%s", a.body);
	forget(&a);
	cr_expect(sync_comes_to("ada", "profile", "idle", 20));
	cr_expect(sync_comes_to("ada", "contributions", "idle", 20));
}

/* ---- limits between jobs */

static void
expect_wait(long waits, long from, long to)
{
	cr_expect(sync_add("ada", "profile"));
	cr_expect(sync_comes_to("ada", "profile", "waiting", 10));
	for (int i = 0;
	     i < 500 &&
	     count("select waits from github_connections where login = 'ada'") < waits;
	     i++)
		;
	cr_expect_eq(count("select waits from github_connections where login = 'ada'"), waits);
	cr_expect_eq(
	    count(
	        "select count(*) from github_connections where login = 'ada' and extract(epoch "
	        "from not_before - now()) between %ld and %ld",
	        from, to),
	    1, "%s", sync_text("ada", "profile", "not_before"));
	run_sql("update github_connections set not_before = null where login = 'ada'");
}

Test(trouble, secondary_limits_double_from_job_to_job)
{
	github_fault("{'path': '/user', 'kind': 'secondary', 'times': -1}");
	expect_wait(1, 45, 61);
	expect_wait(2, 105, 121);
	expect_wait(3, 225, 241);
	github_reset("faults");
	cr_expect(sync_again("ada", "profile"));
	cr_expect_eq(
	    count("select waits from github_connections where login = 'ada'"), 0, "forgotten");
}

static bool
stumbled_twice(void *with)
{
	(void)with;
	return sync_number("ada", "profile", "stumbles") >= 2;
}

Test(trouble, waits_for_an_absent_github_grow_and_end)
{
	github_fault("{'path': '/user', 'kind': 'reset', 'times': -1}");
	cr_expect(sync_add("ada", "profile"));
	cr_expect(sync_comes_to("ada", "profile", "waiting", 20));
	cr_expect(sync_add("ada", "profile"));
	cr_expect(wait_until(stumbled_twice, NULL, 20));
	cr_expect_geq(
	    count("select extract(epoch from s.not_before - s.touched_at)::bigint from "
	          "github_syncs s where kind = 'profile'"),
	    60, "doubled");
	run_sql("update github_syncs set stumbles = 30 where kind = 'profile'");
	cr_expect(sync_ends_as("ada", "profile", "failed"));
	expect_error("profile", "given up");
}

/* ---- what people see */

Test(trouble, the_sync_explains_itself)
{
	struct answer a;

	cr_assert(sync_again("ada", "repositories"));
	a = CALL("GET", "/api/v1/github/sync", .token = stack_token("ada"));
	cr_expect_str_eq(text_at(&a, "data.state"), "idle", "%s", a.body);
	cr_expect(json_is_null(at(&a, "data.progress")));
	cr_expect(json_is_null(at(&a, "data.what_to_do")));
	cr_expect_not_null(text_at(&a, "data.last_run"));
	cr_expect_not_null(text_at(&a, "data.next_run"));
	cr_expect_eq(int_at(&a, "data.result.unchanged"), 7, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.result.deleted"), 0);
	cr_expect_gt(int_at(&a, "data.requests"), 0);
	cr_expect_gt(int_at(&a, "data.not_modified"), 0);
	cr_expect_gt(int_at(&a, "data.budget.remaining"), 0);
	cr_expect_eq(int_at(&a, "data.outcomes.unchanged"), 7);
	cr_expect_eq(json_array_size(at(&a, "data.syncs")), 3u);
	cr_expect_eq(count("select extract(hour from '%s'::timestamptz at time zone 'UTC')",
	                 text_at(&a, "data.next_run")),
	    2);
	forget(&a);
	a = CALL("GET", "/metrics");
	cr_expect_not_null(strstr(a.body, "codegram_github_requests_total "), "%s", a.body);
	cr_expect_not_null(strstr(a.body, "codegram_github_not_modified_total "));
	cr_expect_not_null(
	    strstr(a.body, "codegram_github_repositories_total{outcome=\"unchanged\"} "));
	cr_expect_not_null(strstr(a.body, "codegram_github_answers_total{outcome=\"ok\"} "));
	forget(&a);
}

static bool
whole_year(void *with)
{
	struct answer a = CALL("GET", with);
	bool whole = a.status == 200 && json_array_size(at(&a, "data.days")) >= 365;

	forget(&a);
	return whole;
}

/* The last twelve months hold a part of last year: that is not last year. */
Test(trouble, a_part_of_a_year_is_not_the_year)
{
	time_t now = time(NULL);
	struct tm tm;
	char path[128];
	struct answer a;

	gmtime_r(&now, &tm);
	if (tm.tm_mon < 3 && tm.tm_mday < 3)
		cr_skip_test("the last twelve months are the year");
	snprintf(path, sizeof(path), "/api/v1/users/ada/contributions?year=%d",
	    tm.tm_year + 1900 - 1);
	a = CALL("GET", path);
	cr_expect_eq(a.status, 202, "%s", a.body);
	forget(&a);
	cr_expect(wait_until(whole_year, path, 20));
}

/* Ones that were never pushed to come once each, page by page. */
Test(trouble, pages_of_what_was_never_pushed_to)
{
	char path[512], cursor[256] = "";
	int seen = 0;

	run_sql("update repositories r set pushed_at = null where" OF_ADA);
	for (int i = 0; i < 8 && (i == 0 || *cursor); i++) {
		struct answer a;
		snprintf(path, sizeof(path), "/api/v1/users/ada/repositories?limit=2%s%s",
		    *cursor ? "&cursor=" : "", cursor);
		a = CALL("GET", path);
		cr_assert_eq(a.status, 200, "%s: %s", path, a.body);
		seen += (int)json_array_size(at(&a, "data"));
		snprintf(cursor, sizeof(cursor), "%s",
		    json_is_string(at(&a, "pagination.nextCursor"))
		        ? text_at(&a, "pagination.nextCursor")
		        : "");
		forget(&a);
	}
	cr_expect_eq(seen, 7, "%d", seen);
}
