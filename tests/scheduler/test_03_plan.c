/* What the nightly jobs do: the planner fans out once, notify tells once, prune deletes what is
 * old; and what a scheduler measures. */
/* long: 40 s */
#include "queue/worker.h"

const char *const stack_options[] = { "--no-cache", "--set", "FAILPOINTS=on", NULL };

#define SYNC "github-sync"

TestSuite(plan, .init = open_queue, .fini = close_queue);

static void
sql(const char *text)
{
	char out[4096];

	stack_sql(text, out, sizeof(out));
	cr_assert_null(strstr(out, "ERROR"), "%s: %s", text, out);
}

/* As if Redis had forgotten that it ran: the same job, once more. */
static void
forget(const char *queue, const char *id)
{
	cr_assert_eq(queue_remove(redis, queue, id, &scope), OK, "%s", scope.fault.story);
}

static bool
all_sent(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from outbox where sent_at is null") == 0;
}

static long
planned(const char *name)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "select count(*) from outbox where target = '" SYNC "' and name = '%s'", name);
	return stack_count(text);
}

/* Of seven people with GitHub five were here within thirty days. Their ids are such that no job
 * is due while the tests run. */
static void
people(void)
{
	sql("insert into users (id, github_id, username, last_seen_at, suspended_at, "
	    "deleted_at) "
	    "select md5('planned ' || n)::uuid, n, 'person-' || n, "
	    "now() - case when n in (6, 7) then interval '31 days' else interval '29 days' "
	    "end, "
	    "case n when 8 then now() end, case n when 9 then now() end "
	    "from generate_series(1, 9) n; "
	    "insert into users (id, username, last_seen_at) values "
	    "(gen_random_uuid(), 'without', now())");
}

Test(plan, a_planner_fans_out_once)
{
	people();
	ADD("night", "nightly-plan", DATA("{}"));
	EXPECT("night", "completed", 10);
	cr_expect_str_eq(VIEW("night").result, "5 people");
	cr_expect_eq(planned("sync-profile"), 5);
	cr_expect_eq(planned("sync-repositories"), 5);
	cr_expect_eq(planned("sync-contributions"), 5);
	cr_expect_eq(
	    stack_count("select count(*) from outbox o join users u on u.id = "
	                "(o.data->>'user_id')::uuid and o.data = jsonb_build_object('user_id', "
	                "u.id) where o.target = '" SYNC "' and u.github_id <= 5"),
	    15, "the payload is {\"user_id\"}");
	cr_expect_geq(stack_count("select count(distinct (opts->>'delay')::int / 2) from "
	                          "outbox where target = '" SYNC "'"),
	    4, "not spread");
	cr_expect_eq(stack_count("select count(*) from outbox where target = '" SYNC "' and "
	                         "(opts->>'delay')::int not between 300000 and 3600001"),
	    0, "the ids were chosen");
	forget(MAINTENANCE, "night");
	ADD("night", "nightly-plan", DATA("{}"));
	EXPECT("night", "completed", 10);
	cr_expect_str_eq(VIEW("night").result, "was planned before");
	cr_expect_eq(planned("sync-profile"), 5);
}

/* Sunday's finds the same people's jobs unfinished, and adds those of the others. */
Test(plan, b_weekly_adds_the_rest)
{
	ADD("week", "weekly-plan", DATA("{}"));
	EXPECT("week", "completed", 10);
	cr_expect_str_eq(VIEW("week").result, "7 people");
	cr_assert(wait_until(all_sent, NULL, 10));
	cr_expect_eq(stats_of(SYNC).delayed, 21, "%ld", (long)stats_of(SYNC).delayed);
	cr_expect_eq(stats_of(SYNC).waiting, 0);
}

/* No row of jobs.def is of that queue yet: a worker leaves such jobs alone. */
Test(plan, c_a_queue_without_rows_is_left_alone)
{
	add_item(
	    "push", (struct queue_item){ .id = "push-1", .name = "push", .data = SPAN("{}") });
	usleep(1500 * 1000);
	cr_expect_str_eq(view_of("push", "push-1").state, "waiting");
	forget("push", "push-1");
}

Test(plan, d_notify_tells_once)
{
	static char data[512];
	char person[64];

	stack_sql("select id from users where username = 'without'", person, sizeof(person));
	snprintf(data, sizeof(data),
	    "{\"user_id\":\"%s\",\"type\":\"github_sync\",\"title\":\"Sync done\","
	    "\"message\":\"12 repositories\",\"data\":{\"count\":12},\"unique\":\"github\"}",
	    person);
	for (int i = 0; i < 2; i++) {
		add_item("notify", (struct queue_item){
		                       .id = "tell", .name = "notify", .data = span_of(data) });
		expect_in("notify", "tell", "completed", 10);
		if (i == 0)
			forget("notify", "tell");
	}
	cr_expect_str_eq(view_of("notify", "tell").result, "was told before");
	cr_expect_eq(stack_count("select count(*) from notifications where type = "
	                         "'github_sync' and data->>'count' = '12'"),
	    1);
	cr_expect_eq(stack_count("select count(*) from outbox where kind = 'event' and "
	                         "data->>'type' = 'github_sync'"),
	    1);
	/* Another job about the same takes the place of the unread one. */
	add_item("notify",
	    (struct queue_item){ .id = "tell-2", .name = "notify", .data = span_of(data) });
	expect_in("notify", "tell-2", "completed", 10);
	cr_expect_eq(
	    stack_count("select count(*) from notifications where type = 'github_sync'"), 1);
	cr_expect_eq(stack_count("select count(*) from outbox where kind = 'event' and "
	                         "data->>'type' = 'github_sync'"),
	    2);
}

Test(plan, e_notify_of_nobody_and_of_nonsense)
{
	add_item("notify",
	    (struct queue_item){ .id = "nobody",
	        .name = "notify",
	        .data = SPAN("{\"user_id\":\"00000000-0000-4000-8000-000000000000\",\"type\":"
	                     "\"system\",\"title\":\"t\",\"message\":\"m\"}") });
	expect_in("notify", "nobody", "completed", 10);
	cr_expect_str_eq(view_of("notify", "nobody").result, "no such person");
	add_item("notify",
	    (struct queue_item){ .id = "nonsense",
	        .name = "notify",
	        .data = SPAN("{\"user_id\":\"00000000-0000-4000-8000-000000000000\",\"type\":"
	                     "\"like\",\"title\":\"t\",\"message\":\"m\"}") });
	expect_in("notify", "nonsense", "failed", 10);
	cr_expect(strstr(view_of("notify", "nonsense").error, "/type"), "%s",
	    view_of("notify", "nonsense").error);
}

Test(plan, f_prune)
{
	sql("insert into job_done (job_id, created_at) select 'old-' || n, now() - interval "
	    "'31 "
	    "days' from generate_series(1, 6000) n; "
	    "insert into job_done (job_id) values ('young'); "
	    "insert into cron_slot (name, slot, state) values "
	    "('gone', now() - interval '402 days', 'fired'), "
	    "('gone', now() - interval '401 days', 'fired'); "
	    "insert into users (id, username) values (gen_random_uuid(), 'pruned'); "
	    "insert into access_tokens (id, user_id, name, hash, prefix, scopes, expires_at, "
	    "revoked_at) select gen_random_uuid(), u.id, t.name, sha256(t.name::bytea), "
	    "'cgp_', "
	    "'{read}', now() + t.life, now() - t.ended from users u, (values "
	    "('expired long ago', interval '-31 days', null::interval), "
	    "('ended long ago', interval '60 days', interval '31 days'), "
	    "('expired', interval '-29 days', null), ('ended', interval '60 days', "
	    "interval '29 days'), ('lives', interval '60 days', null)) t(name, life, ended) "
	    "where u.username = 'pruned'");
	ADD("prune", "prune", DATA("{}"));
	EXPECT("prune", "completed", 20);
	cr_expect(strstr(VIEW("prune").result, "6000 job marks"), "%s", VIEW("prune").result);
	cr_expect(strstr(VIEW("prune").result, "1 slots"), "%s", VIEW("prune").result);
	cr_expect(strstr(VIEW("prune").result, "2 access tokens"), "%s", VIEW("prune").result);
	cr_expect_eq(stack_count("select count(*) from access_tokens where name in ('expired', "
	                         "'ended', 'lives')"),
	    3);
	cr_expect_eq(stack_count("select count(*) from job_done where job_id = 'young'"), 1);
	cr_expect_eq(stack_count("select count(*) from cron_slot where name = 'gone'"), 1);
	cr_expect_eq(stack_count("select count(*) from job_done where job_id like 'old-%'"), 0);
}

/* ---- what is measured */

static const char *
metrics(void)
{
	static char out[1024 * 1024];
	const char *argv[] = { "curl", "-s", NULL, NULL };
	char url[128];

	snprintf(url, sizeof(url), "%s/metrics", stack_url());
	argv[2] = url;
	run_command(argv, out, sizeof(out));
	return out;
}

static bool
measured(void *line)
{
	return strstr(metrics(), line) != NULL;
}

Test(plan, g_gauges)
{
	cr_assert_eq(queue_pause(redis, "email", true, &scope), OK);
	add_item(
	    "email", (struct queue_item){ .id = "mail", .name = "mail", .data = SPAN("{}") });
	cr_expect(wait_until(measured,
	    "\ncodegram_queue_jobs{queue=\"github-sync\",state=\"delayed\"} 21\n", 12));
	cr_expect(wait_until(
	    measured, "\ncodegram_queue_jobs{queue=\"email\",state=\"waiting\"} 1\n", 12));
	cr_expect(measured("\ncodegram_queue_paused{queue=\"email\"} 1\n"));
	cr_expect(measured("\ncodegram_queue_paused{queue=\"notify\"} 0\n"));
	cr_expect(measured("\ncodegram_queue_oldest_milliseconds{queue=\"email\"} "));
	cr_expect(measured("\ncodegram_schedule_overdue{schedule=\"github-nightly\"} 0\n"));
	cr_expect(measured("\ncodegram_schedule_next_seconds{schedule=\"github-weekly\"} "));
	cr_expect(measured("# HELP codegram_queue_jobs "));
}

/* What has not arrived while Redis is away: also what a batch holds already. */
Test(plan, g_outbox_waiting)
{
	cr_expect(wait_until(measured, "\ncodegram_outbox_waiting_rows 0\n", 10));
	stack_part("stop-part", "redis");
	sql("insert into outbox (kind, target, name, room, data) select 'event', 'rt', 'x', "
	    "'admin', '{}' from generate_series(1, 5)");
	sql("with n as (update outbox_target set batch = batch + 1 where target = 'rt' "
	    "returning batch) update outbox o set batch = n.batch from n where o.batch is null "
	    "and o.id in (select id from outbox where batch is null order by id limit 3)");
	cr_expect(wait_until(measured, "\ncodegram_outbox_waiting_rows 5\n", 10));
	cr_expect_not(measured("\ncodegram_outbox_oldest_milliseconds 0\n"));
	/* however many are counted, the oldest of any target is seen */
	sql("insert into outbox (kind, target, name, room, data) select 'event', 'a', 'x', "
	    "'admin', '{}' from generate_series(1, 100001)");
	sql("insert into outbox (kind, target, name, room, data, created_at) values ('event', "
	    "'z', 'x', 'admin', '{}', now() - interval '1 day')");
	cr_expect(wait_until(measured, "\ncodegram_outbox_oldest_milliseconds 864", 10));
	sql("delete from outbox where target in ('a', 'z')");
	stack_part("start-part", "redis");
	cr_expect(wait_until(measured, "\ncodegram_outbox_waiting_rows 0\n", 10));
	cr_expect(measured("\ncodegram_outbox_oldest_milliseconds 0\n"));
}

static pid_t
second_scheduler(void)
{
	char config[512], program[] = "build/san/bin/codegram-scheduler";
	pid_t pid;

	snprintf(config, sizeof(config), "%s/codegram.conf", stack_dir());
	fflush(NULL);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--config", config, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool
has_stats(void *unused)
{
	char path[512];

	(void)unused;
	snprintf(path, sizeof(path), "%s/run/stats/scheduler-2.stats", stack_dir());
	return access(path, R_OK) == 0;
}

static bool
scheduler_logged(void *text)
{
	char command[1024], out[64];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "grep -q '%s' '%s/log/scheduler.log'",
	    (const char *)text, stack_dir());
	return run_command(argv, out, sizeof(out)) == 0;
}

/* A file each, one series in the scrape; and SIGHUP. */
Test(plan, h_two_schedulers)
{
	const char *line = "\ncodegram_queue_jobs{queue=\"github-sync\",state=\"delayed\"} ";
	pid_t second = second_scheduler();
	const char *first;

	cr_assert(wait_until(has_stats, NULL, 10));
	cr_expect(wait_until(measured,
	    "\ncodegram_queue_jobs{queue=\"github-sync\",state=\"delayed\"} 21\n", 12));
	first = strstr(metrics(), line);
	cr_assert_not_null(first);
	cr_expect_null(strstr(first + 1, line), "the series is there twice");
	kill(stack_main("scheduler"), SIGHUP);
	cr_expect(wait_until(scheduler_logged, "scheduler.reloaded", 5));
	kill(second, SIGTERM);
	waitpid(second, NULL, 0);
}

/* Bull's words in an outbox row reach the job; words that can't be read don't lose it. */
Test(plan, i_options_of_the_outbox)
{
	char ids[256], good[64], bad[64];
	struct queue_view v;

	sql("insert into outbox (kind, target, name, data, opts) values "
	    "('job', 'push', 'good', '{}', '{\"attempts\": 7, \"priority\": 1, \"owner\": "
	    "\"00000000-0000-4000-8000-000000000001\", \"concurrency\": {\"key\": \"k\"}, "
	    "\"backoff\": {\"type\": \"fixed\", \"delay\": 10}}'), "
	    "('job', 'push', 'bad', '{}', '{\"attempts\": \"many\", \"unique\": \"once\", "
	    "\"delay\": 3600000}')");
	cr_assert(wait_until(all_sent, NULL, 10));
	stack_sql("select string_agg(left(t.generation::text, 8) || '-' || o.id, ' ' order by "
	          "o.name desc) from outbox o join outbox_target t using (target) "
	          "where o.target = 'push'",
	    ids, sizeof(ids));
	cr_assert_eq(sscanf(ids, "%63s %63s", good, bad), 2, "%s", ids);
	v = view_of("push", good);
	cr_expect_str_eq(v.state, "waiting");
	cr_expect_str_eq(v.lane, "h");
	cr_expect_str_eq(v.key, "k");
	cr_expect_str_eq(v.owner, "00000000-0000-4000-8000-000000000001");
	cr_expect_eq(v.attempts_allowed, 7);
	v = view_of("push", bad);
	cr_expect_str_eq(v.state, "delayed", "the words that are right hold");
	cr_expect_str_eq(v.unique, "once");
	cr_expect_eq(v.attempts_allowed, 0);
	cr_expect(scheduler_logged("outbox.options_refused.*/attempts"));
}

/* Its jobs go to Redis, but nobody here looks after them: that is said. */
Test(plan, j_a_queue_nobody_knows)
{
	sql("insert into outbox (kind, target, name, data) values ('job', 'emial', 'x', '{}')");
	cr_assert(wait_until(all_sent, NULL, 10));
	cr_expect(wait_until(scheduler_logged, "outbox.queue_unknown.*emial", 5));
	cr_expect_not(scheduler_logged("outbox.queue_unknown.*maintenance"));
}
