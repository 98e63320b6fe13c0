/* What people have at GitHub, as it arrives and stays in step: against the stand-in, with every
 * bad day that GitHub can have. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/github.h"
#include "support/stack.h"
#include "support/synced.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--set",
	"GITHUB_TIMEOUT_MS=2000", NULL };

static void
arrive(const char *login)
{
	github_reset("faults");
	cr_assert(sign_in(login), "%s could not sign in", login);
	cr_assert(sync_comes_to(login, "profile", "idle", 30));
	cr_assert(sync_comes_to(login, "repositories", "idle", 30));
	cr_assert(sync_comes_to(login, "contributions", "idle", 30));
	github_reset("requests");
}

/* count(*) of a statement made with printf. */
static long count(const char *format, ...) __attribute__((format(printf, 1, 2)));

static long
count(const char *format, ...)
{
	char sql[512];
	va_list list;

	va_start(list, format);
	vsnprintf(sql, sizeof(sql), format, list);
	va_end(list);
	return stack_count(sql);
}

#define REPOSITORIES_OF                                                                        \
	"select count(*) from repositories r join github_connections c using (user_id) where " \
	"c.login = '%s'"

#define OF_ADA " r.user_id = (select user_id from github_connections where login = 'ada')"

Test(github, a_first_sync_brings_everything)
{
	struct answer a;
	const char *ada;

	arrive("ada");
	ada = stack_token("ada");
	a = CALL("GET", "/api/v1/github/sync", .token = ada);
	cr_expect_eq(a.status, 200);
	cr_expect_str_eq(text_at(&a, "data.state"), "idle", "%s", a.body);
	cr_expect(json_is_true(at(&a, "data.connected")));
	cr_expect_eq(int_at(&a, "data.outcomes.synced"), 7, "%s", a.body);
	cr_expect_gt(int_at(&a, "data.budget.remaining"), 4000);
	forget(&a);
	a = CALL("GET", "/api/v1/users/ada/repositories?limit=100");
	cr_expect_eq(int_at(&a, "pagination.total"), 7, "the private one stays at GitHub");
	cr_expect_str_eq(text_at(&a, "data.0.full_name"), "ada/engine", "%s", a.body);
	cr_expect_eq(int_at(&a, "data.0.languages.C"), 182044);
	cr_expect_eq(int_at(&a, "data.0.stars_count"), 412);
	forget(&a);
	a = CALL(
	    "GET", "/api/v1/github/repositories?sort=stars&language=c&limit=1", .token = ada);
	cr_expect_str_eq(text_at(&a, "data.0.name"), "engine", "%s", a.body);
	forget(&a);
	a = CALL("GET", "/api/v1/users/ada/languages");
	cr_expect_str_eq(text_at(&a, "data.languages.0.language"), "C", "%s", a.body);
	forget(&a);
	a = CALL("GET", "/api/v1/users/ada");
	cr_expect_str_eq(text_at(&a, "data.full_name"), "Ada Lovelace", "%s", a.body);
	cr_expect_eq(int_at(&a, "data.github_followers"), 1843);
	cr_expect_eq(int_at(&a, "data.github_public_repos"), 7, "%s", a.body);
	forget(&a);
	a = CALL("GET", "/api/v1/github/contributions/ada", .token = ada);
	cr_expect_gt(int_at(&a, "data.total"), 0, "%s", a.body);
	cr_expect(json_is_false(at(&a, "data.is_stale")));
	forget(&a);
}

Test(github, a_second_sync_is_almost_free)
{
	long requests;

	arrive("ada");
	cr_assert(sync_again("ada", "profile"));
	cr_assert(sync_again("ada", "repositories"));
	requests = github_count("login=ada");
	cr_expect_eq(github_count("login=ada&status=304"), requests, "%ld", requests);
	cr_expect_eq(github_count("path=/repos/"), 0, "no languages without a push");
	cr_expect_eq(sync_number("ada", "repositories", "unchanged"), 7);
	cr_expect_eq(sync_number("ada", "repositories", "not_modified"), 1);
	cr_expect_eq(github_figures("login=ada").most_at_once_of_one, 1);
}

Test(github, what_moved_is_read_again)
{
	arrive("ada");
	github_change("{'change': 'push', 'repository': 'ada/bernoulli'}");
	github_change("{'change': 'star', 'repository': 'ada/notes', 'by': 3}");
	github_change("{'change': 'add_repository', 'login': 'ada', 'name': 'fresh', "
	              "'languages': {'C': 1}}");
	github_change(
	    "{'change': 'rename_repository', 'repository': 'ada/dotfiles', 'to': 'dots'}");
	cr_assert(sync_again("ada", "repositories"));
	cr_expect_eq(github_count("path=/repos/ada/bernoulli/languages"), 1);
	cr_expect_eq(github_count("path=/repos/ada/fresh/languages"), 1);
	cr_expect_eq(github_count("path=/repos/ada/engine"), 0, "it did not move");
	cr_expect_eq(sync_number("ada", "repositories", "created"), 1);
	cr_expect_eq(sync_number("ada", "repositories", "updated"), 3);
	cr_expect_eq(count(REPOSITORIES_OF " and r.sync_state = 'renamed' and r.full_name = "
	                                   "'ada/dots' and r.sync_note = 'was ada/dotfiles'",
	                 "ada"),
	    1);
	github_change("{'change': 'delete_repository', 'repository': 'ada/fresh'}");
	cr_assert(sync_again("ada", "repositories"));
	cr_expect_eq(
	    count(REPOSITORIES_OF " and r.name = 'fresh' and r.sync_state = 'gone'", "ada"), 1,
	    "missed once");
	cr_assert(sync_again("ada", "repositories"));
	cr_expect_eq(count(REPOSITORIES_OF " and r.name = 'fresh'", "ada"), 0, "missed twice");
	cr_expect_eq(sync_number("ada", "repositories", "deleted"), 1);
	github_reset("world");
}

Test(github, one_that_is_blocked_stops_nothing)
{
	struct answer a;

	arrive("grace");
	github_change("{'change': 'push', 'repository': 'grace/moth'}");
	github_change("{'change': 'push', 'repository': 'grace/flow-matic'}");
	github_fault(
	    "{'path': '/repos/grace/moth', 'kind': 'blocked', 'reason': 'dmca', 'times': -1}");
	cr_assert(sync_again("grace", "repositories"));
	a = CALL("GET", "/api/v1/github/sync", .token = stack_token("grace"));
	cr_expect_eq(int_at(&a, "data.outcomes.blocked"), 1, "%s", a.body);
	cr_expect_str_eq(
	    text_at(&a, "data.noteworthy.0.full_name"), "grace/moth", "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.noteworthy.0.note"), "dmca", "%s", a.body);
	forget(&a);
	cr_expect_eq(github_count("path=/repos/grace/flow-matic/languages&status=200"), 1);
	github_reset("world");
}

/* Each comes back by itself, and uses up no attempt. */
static void
expect_later(const char *fault)
{
	char why[256];

	github_change("{'change': 'push', 'repository': 'ada/bernoulli'}");
	github_fault("%s", fault);
	cr_expect(sync_again("ada", "repositories"), "after %s", fault);
	snprintf(why, sizeof(why), "%s", sync_text("ada", "repositories", "error"));
	cr_expect_str_eq(why, "", "%s: %s", fault, why);
	cr_expect_geq(github_count("path=/user/repos"), 2, "%s", fault);
	github_reset("faults");
	github_reset("requests");
}

/* Seconds until ada's sync may go on; and how often in a row it was limited. */
static long
waits_for(const char *kind)
{
	return count(
	    "select extract(epoch from s.not_before - now())::int from github_syncs s join "
	    "github_connections c using (user_id) where c.login = 'ada' and s.kind = '%s'",
	    kind);
}

/* The limit's time passes. */
static void
let_it_pass(const char *kind)
{
	char out[256], id[64];

	stack_sql("update github_connections set not_before = null, budget_limit = null, "
	          "budget_remaining = null, budget_reset = null where login = 'ada'",
	    out, sizeof(out));
	snprintf(id, sizeof(id), "%s", sync_text("ada", kind, "job_id"));
	cr_expect_eq(stack_ctl(out, sizeof(out), "jobs", "retry", id, NULL), 0, "%s", out);
}

/* A limit in each of its spellings is waited for, a minute at least, and the job lives. */
static void
expect_wait(const char *kind, const char *fault, long least, long most)
{
	long wait;

	github_change("{'change': 'push', 'repository': 'ada/bernoulli'}");
	github_fault("%s", fault);
	cr_assert(sync_add("ada", kind));
	cr_assert(sync_comes_to("ada", kind, "waiting", 20), "%s: it is %s", fault,
	    sync_text("ada", kind, "state"));
	wait = waits_for(kind);
	cr_expect(wait >= least && wait <= most, "%s: %ld s", fault, wait);
	github_reset("faults");
	github_change("{'change': 'limit', 'login': 'ada', 'resource': 'graphql', 'remaining': "
	              "5000}");
	let_it_pass(kind);
	cr_expect(sync_comes_to("ada", kind, "idle", 20), "%s: it is %s, %s", fault,
	    sync_text("ada", kind, "state"), sync_text("ada", kind, "error"));
	github_reset("requests");
}

/* Every spelling stands in unit/service/test_github_answer; here those that ended a sync. */
Test(github, limits_that_look_like_refusals, .timeout = 120)
{
	arrive("ada");
	expect_wait("repositories",
	    "{'path': '/user/repos', 'kind': 'rate', 'seconds': 600, 'remaining': 4711}", 590,
	    605);
	expect_wait("repositories",
	    "{'path': '/repos/ada/bernoulli', 'kind': 'rate', 'bare': true}", 50, 62);
	expect_wait("contributions",
	    "{'path': '/graphql', 'kind': 'graphql_error', 'type': 'RATE_LIMIT', 'code': "
	    "'graphql_rate_limit', 'message': 'API rate limit already exceeded for user'}",
	    50, 3700);
	cr_expect_eq(count("select count(*) from repositories r where r.sync_state = "
	                   "'forbidden' and " OF_ADA),
	    0);
}

/* Again and again: each time twice as long, and no attempt is used up. */
Test(github, limits_without_end, .timeout = 120)
{
	arrive("ada");
	github_fault("{'path': '/user/repos', 'kind': 'secondary', 'seconds': 0, 'times': -1}");
	cr_assert(sync_add("ada", "repositories"));
	for (long want = 60; want <= 480; want *= 2) {
		long wait = 0;
		for (int i = 0; i < 1000 && (wait = waits_for("repositories")) < want - 15; i++)
			usleep(20 * 1000);
		cr_expect(wait <= want + 1, "%ld, not %ld", wait, want);
		if (want < 480)
			let_it_pass("repositories");
	}
	cr_expect_eq(github_count("path=/user/repos"), 4);
	github_reset("faults");
	let_it_pass("repositories");
	cr_expect(sync_comes_to("ada", "repositories", "idle", 20));
}

/* A text that nobody can read, in a field that nobody reads or in one that is shown. */
Test(github, what_is_not_readable_stops_nothing)
{
	arrive("ada");
	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	github_fault("{'path': '/user/repos', 'kind': 'garbled', 'field': 'node_id'}");
	cr_expect(sync_again("ada", "repositories"));
	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	github_fault(
	    "{'path': '/user/repos', 'kind': 'garbled', 'field': 'description', 'with': "
	    "'\\\\ud83d'}");
	cr_expect(sync_again("ada", "repositories"));
	cr_expect_eq(count("select count(*) from repositories r where r.name = 'engine' and "
	                   "r.description like U&'\\FFFD%%' and " OF_ADA),
	    1);
	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	cr_expect(sync_again("ada", "repositories"));
	github_fault("{'path': '/user', 'kind': 'garbled', 'field': 'bio'}");
	cr_expect(sync_again("ada", "profile"));
}

Test(github, stumbles_are_waited_for, .timeout = 120)
{
	arrive("ada");
	expect_later("{'path': '/user/repos', 'kind': 'status', 'status': 502, 'times': 2}");
	expect_later("{'path': '/user/repos', 'kind': 'reset'}");
	expect_later("{'path': '/user/repos', 'kind': 'cut', 'bytes': 10}");
	expect_later("{'path': '/user/repos', 'kind': 'stall', 'seconds': 4}");
	cr_expect_eq(
	    count("select count(*) from notifications n join github_connections c using "
	          "(user_id) where c.login = '%s' and n.type = 'github_sync'",
	        "ada"),
	    0, "nobody is told of it");
}

Test(github, a_limit_is_shown_and_kept_by_other_jobs)
{
	struct answer a;

	arrive("nobody-yet");
	github_fault("{'path': '/user/repos', 'kind': 'rate', 'status': 403, 'seconds': 600}");
	a = CALL("POST", "/api/v1/github/sync", .token = stack_token("nobody-yet"));
	cr_expect_eq(a.status, 202, "%s", a.body);
	cr_expect_eq(json_array_size(at(&a, "data.jobs")), 3u);
	forget(&a);
	cr_assert(sync_comes_to("nobody-yet", "repositories", "waiting", 20));
	a = CALL("GET", "/api/v1/github/sync", .token = stack_token("nobody-yet"));
	cr_expect_str_eq(text_at(&a, "data.state"), "waiting", "%s", a.body);
	cr_expect_not_null(text_at(&a, "data.budget.not_before"), "%s", a.body);
	forget(&a);
}

Test(github, a_revoked_token_ends_it_and_says_so_once)
{
	struct answer a;
	const char *margaret;

	arrive("margaret");
	margaret = stack_token("margaret");
	github_change("{'change': 'revoke', 'login': 'margaret'}");
	a = CALL("POST", "/api/v1/github/sync", .token = margaret);
	cr_expect_eq(a.status, 202, "%s", a.body);
	forget(&a);
	cr_assert(sync_comes_to("margaret", "profile", "failed", 20) ||
	          sync_comes_to("margaret", "repositories", "failed", 1));
	a = CALL("GET", "/api/v1/github/sync", .token = margaret);
	cr_expect_str_eq(text_at(&a, "data.state"), "disconnected", "%s", a.body);
	cr_expect_not_null(strstr(text_at(&a, "data.what_to_do"), "Sign in"), "%s", a.body);
	forget(&a);
	a = CALL("POST", "/api/v1/github/sync", .token = margaret);
	cr_expect_eq(a.status, 409, "%s", a.body);
	forget(&a);
	cr_expect_eq(
	    count("select count(*) from notifications n join github_connections c using "
	          "(user_id) where c.login = '%s' and n.type = 'github_sync'",
	        "margaret"),
	    1);
	github_reset("requests");
	arrive("margaret");
	a = CALL("GET", "/api/v1/github/sync", .token = margaret);
	cr_expect_str_eq(text_at(&a, "data.state"), "idle", "connected again: %s", a.body);
	forget(&a);
}

Test(github, contributions_come_in_quarters_and_grow_stale)
{
	struct answer a;

	arrive("linus");
	a = CALL("GET", "/api/v1/users/linus/contributions");
	cr_expect_gt(int_at(&a, "data.total"), 0, "%s", a.body);
	forget(&a);
	github_fault("{'path': '/graphql', 'kind': 'graphql_error', 'type': "
	             "'RESOURCE_LIMITS_EXCEEDED', 'times': 1}");
	cr_assert(sync_again("linus", "contributions"));
	cr_expect_eq(sync_number("linus", "contributions", "failed"), 0, "halves succeed");
	github_fault("{'path': '/graphql', 'kind': 'graphql_error', 'type': "
	             "'RESOURCE_LIMITS_EXCEEDED', 'times': -1}");
	cr_assert(sync_again("linus", "contributions"));
	a = CALL("GET", "/api/v1/users/linus/contributions");
	cr_expect(json_is_true(at(&a, "data.is_stale")), "%s", a.body);
	cr_expect_gt(int_at(&a, "data.total"), 0, "the old days are kept");
	forget(&a);
	github_reset("faults");
	cr_assert(sync_again("linus", "contributions"));
	a = CALL("GET", "/api/v1/users/linus/contributions");
	cr_expect(json_is_false(at(&a, "data.is_stale")), "%s", a.body);
	forget(&a);
}

static bool
year_is_known(void *with)
{
	struct answer a = CALL("GET", "/api/v1/users/ada/contributions?year=2015");
	bool known = a.status == 200;

	(void)with;
	forget(&a);
	return known;
}

Test(github, a_year_that_nobody_read_is_asked_for)
{
	struct answer a;

	arrive("ada");
	a = CALL("GET", "/api/v1/users/ada/contributions?year=2015");
	cr_expect_eq(a.status, 202, "%s", a.body);
	cr_expect_not_null(header_of(&a, "Location"));
	forget(&a);
	cr_expect(wait_until(year_is_known, NULL, 20));
	a = CALL("GET", "/api/v1/users/ada/contributions?year=2006");
	cr_expect_eq(a.status, 400, "%s", a.body);
	forget(&a);
}

static bool
asked_languages(void *with)
{
	return github_count("path=/repos/collector") > *(long *)with;
}

/* 3,000 repositories, and the worker killed in the middle: nothing is asked twice but what was
 * on its way. */
Test(github, a_cut_off_sync_goes_on, .timeout = 300)
{
	long some = 300, languages;
	struct github_figures f;

	github_reset(NULL);
	cr_assert(sign_in("collector"));
	cr_assert(wait_until(asked_languages, &some, 60));
	kill(stack_main("worker"), SIGKILL);
	cr_assert(sync_comes_to("collector", "repositories", "idle", 120));
	languages = github_count("path=/repos/collector");
	cr_expect_eq(github_count("path=/user/repos"), 30, "each page once");
	cr_expect_geq(languages, 3000);
	cr_expect_leq(languages, 3002, "%ld", languages);
	cr_expect_eq(count(REPOSITORIES_OF " and languages <> '{}'", "collector"), 3000);
	f = github_figures("login=collector");
	cr_expect_eq(f.most_at_once_of_one, 1, "%ld", f.most_at_once_of_one);
	github_reset("requests");
	cr_assert(sync_again("collector", "repositories"));
	cr_expect_eq(github_count("path=/user/repos&status=304"), 29,
	    "the last one is full: behind it there may be another");
	cr_expect_eq(github_count("path=/repos/collector"), 0);
}

static void
expect_of(const char *login, const char *key, const char *text)
{
	char path[128];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/users/%s", login);
	a = CALL("GET", path);
	cr_expect_eq(a.status, 200, "%s", a.body);
	if (text == NULL)
		cr_expect(json_is_null(at(&a, key)), "%s: %s", key, a.body);
	else
		cr_expect_str_eq(text_at(&a, key), text, "%s: %s", key, a.body);
	forget(&a);
}

/* What a person wrote or cleared here is theirs; the rest is GitHub's. */
Test(github, a_field_that_its_person_cleared_does_not_come_back)
{
	struct answer a;

	arrive("grace");
	expect_of("grace", "data.full_name", "Grace Hopper");
	a = CALL("PATCH", "/api/v1/users/me", .token = stack_token("grace"),
	    .body = "{\"full_name\":null,\"bio\":\"\",\"website\":null,\"company\":\"Here\"}");
	cr_expect_eq(a.status, 200, "%s", a.body);
	forget(&a);
	github_change("{'change': 'edit_person', 'login': 'grace', 'followers': 5121, 'blog': "
	              "'https://grace.example'}");
	arrive("grace");
	cr_assert(sync_again("grace", "profile"));
	cr_expect_eq(stack_count("select github_followers from users where username = 'grace'"),
	    5121, "it was read");
	expect_of("grace", "data.full_name", NULL);
	expect_of("grace", "data.bio", NULL);
	expect_of("grace", "data.website", NULL);
	expect_of("grace", "data.company", "Here");
	expect_of("grace", "data.location", "Arlington");
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static void
spoil(const char *path, const char *field, const char *value)
{
	github_fault(
	    "{'path': '%s', 'kind': 'field', 'field': '%s', 'value': '%s', 'times': -1}", path,
	    field, value);
}

/* GitHub's texts go by the rules of people's own: what is too long is cut, what is no address is
 * none. */
Test(github, what_github_says_goes_by_our_rules)
{
	struct answer a;
	char bio[40001];

	for (size_t i = 0; i < 40; i++)
		memcpy(bio + 1000 * i, THOUSAND, 1001);
	github_reset("faults");
	github_change(
	    "{'change': 'edit_person', 'login': 'nobody-yet', 'name': 'A\\u0085\\nB', "
	    "'location': ' \\u200b\\u2800 ', 'company': '\\u202eC', 'blog': "
	    "'https://github.com@evil.example/'}");
	spoil("/user", "bio", bio);
	cr_assert(sign_in("nobody-yet"));
	cr_expect_eq(
	    stack_count("select length(bio) from users where username = 'nobody-yet'"), 500);
	expect_of("nobody-yet", "data.full_name", "A B");
	expect_of("nobody-yet", "data.location", NULL);
	expect_of("nobody-yet", "data.company", "C");
	expect_of("nobody-yet", "data.website", NULL);
	github_reset("faults");
	spoil("/user", "avatar_url", "https://evil.example/<script>");
	github_change(
	    "{'change': 'add_person', 'login': 'faceless', 'id': 7001, 'emails': []}");
	cr_assert(sign_in("faceless"));
	expect_of("faceless", "data.avatar_url", NULL);
	github_reset("faults");
	cr_assert(sign_in("margaret"));
	github_change(
	    "{'change': 'edit_repository', 'repository': 'margaret/lunar', 'homepage': "
	    "'https://a:99999/', 'description': 'a\\u0085b\\u202e'}");
	cr_assert(sync_comes_to("margaret", "repositories", "idle", 30));
	cr_assert(sync_again("margaret", "repositories"));
	a = CALL("GET", "/api/v1/users/margaret/repositories");
	cr_expect(json_is_null(at(&a, "data.0.homepage")), "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.description"), "a b", "%s", a.body);
	forget(&a);
	github_reset("faults");
}

Test(github, disconnecting_takes_the_grant_back)
{
	struct answer a;
	const char *ada;

	arrive("ada");
	ada = stack_token("ada");
	a = CALL("DELETE", "/api/v1/github/connection", .token = ada);
	cr_expect_eq(a.status, 204, "%s", a.body);
	forget(&a);
	for (int i = 0; i < 1000 && stack_count("select count(*) from github_connections where "
	                                        "login = 'ada' and token is not null") > 0;
	     i++)
		;
	cr_expect_eq(
	    stack_count("select count(*) from github_connections where login = 'ada' and "
	                "token is not null"),
	    0);
	cr_expect_eq(github_count("path=/applications/&method=DELETE&status=204"), 1);
	a = CALL("GET", "/api/v1/github/sync", .token = ada);
	cr_expect_str_eq(text_at(&a, "data.state"), "disconnected", "%s", a.body);
	forget(&a);
	a = CALL("DELETE", "/api/v1/github/connection", .token = ada);
	cr_expect_eq(a.status, 404, "%s", a.body);
	forget(&a);
}
