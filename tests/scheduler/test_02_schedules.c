/* Schedules against a real PostgreSQL: five schedulers through a year under a clock of their
 * own, and what codegramctl says. */
#include "scheduler/moved.h"

#include "job/schedules.h"
#include "queue/cron.h"
#include "store/statements.h"

const char *const stack_options[] = { NULL };

enum { SCHEDULERS = 5, DAY = 86400 };

static const struct schedule rows[] = {
	{ "year-nightly", "0 2 * * *", "UTC", ONCE, 6 * 3600, JOBS, "x", "{}" },
	{ "year-weekly", "0 3 * * 0", "Europe/Berlin", ONCE, DAY, JOBS, "x", "{}" },
	{ "year-skip", "30 2 * * *", "America/New_York", SKIP, 0, JOBS, "x", "{}" },
	{ "year-never", "0 0 30 2 *", "UTC", EACH, DAY, JOBS, "x", "{}" },
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* The outbox of these tests goes nowhere: the stack's own scheduler is stopped. */
void
stack_ready(void)
{
	stack_part("stop-part", "worker");
	stack_part("stop-part", "scheduler");
}

static struct db *
database(void)
{
	static char url[512];
	static struct db_options options;

	snprintf(url, sizeof(url), "postgresql:///codegram?host=%s/run", stack_dir());
	options = (struct db_options){ url, "codegram-scheduler", "test", 2000, 0, NULL };
	return db_make(&options);
}

static long
slots(const char *name, const char *state)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "select count(*) from cron_slot where name = '%s' and state = '%s'", name, state);
	return stack_count(sql);
}

static long
jobs(void)
{
	return stack_count("select count(*) from outbox where name = 'x'");
}

static void
prepare(struct scheduler_clock *clocks, int64_t from)
{
	char out[64];

	log_open("test", LEVEL_ERROR, NULL);
	stack_sql("delete from cron_slot; delete from outbox", out, sizeof(out));
	scope.arena = arena_make(4096, ARENA_MAX);
	clock_set(from * 1000000);
	for (int i = 0; i < SCHEDULERS; i++)
		cr_assert(schedule_open(&clocks[i], rows, ROWS, true, NULL));
}

/* They wake up at times of their own, some seconds apart, and miss nothing between them. */
Test(schedules, a_year_of_five, .timeout = 90)
{
	int64_t from = 1767225600, to = from + 365 * DAY, step = 1800; /* 2026 */
	struct scheduler_clock clocks[SCHEDULERS];
	struct db *db = database();

	prepare(clocks, from);
	for (int64_t now = from; now <= to; now += step)
		for (int i = 0; i < SCHEDULERS; i++) {
			clock_set((now + i * 7) * 1000000);
			cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK, "%s",
			    scope.fault.story);
		}
	clock_set(0);
	cr_expect_eq(slots("year-nightly", "fired"), 365);
	cr_expect_eq(slots("year-weekly", "fired"), 52);
	cr_expect_eq(slots("year-skip", "fired"), 365);
	cr_expect_eq(slots("year-never", "fired"), 0);
	cr_expect_eq(jobs(), 365 + 52 + 365, "%ld jobs", jobs());
	db_free(db);
	arena_free(scope.arena);
}

/* Nobody runs for four hours, then for three days. */
Test(schedules, b_missed_slots)
{
	int64_t from = 1767225600 + 3600; /* 01:00 */
	struct scheduler_clock clocks[SCHEDULERS];
	struct db *db = database();

	prepare(clocks, from);
	for (int i = 0; i < SCHEDULERS; i++)
		cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK);
	cr_expect_eq(jobs(), 0, "a database begins now");
	clock_set((from + 4 * 3600) * 1000000);
	for (int i = 0; i < SCHEDULERS; i++)
		cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK);
	cr_expect_eq(slots("year-nightly", "fired"), 1, "three hours late");
	clock_set((from + 3 * DAY + 8 * 3600) * 1000000);
	for (int i = 0; i < SCHEDULERS; i++)
		cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK);
	cr_expect_eq(slots("year-nightly", "fired"), 1, "seven hours are too late");
	cr_expect_eq(slots("year-nightly", "skipped"), 3);
	cr_expect_eq(slots("year-nightly", "begun"), 1);
	/* The clock goes back: what is settled stays so. */
	clock_set((from + 3600) * 1000000);
	for (int i = 0; i < SCHEDULERS; i++)
		cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK);
	cr_expect_eq(slots("year-nightly", "fired"), 1);
	clock_set(0);
	db_free(db);
	arena_free(scope.arena);
}

/* A clock that is ten days ahead for a moment; in a time that is to come for the database, too. */
Test(schedules, b_a_clock_that_was_ahead)
{
	int64_t from = 2524608000 + 3600; /* 2050, 01:00 */
	struct scheduler_clock clocks[SCHEDULERS];
	struct db *db = database();

	prepare(clocks, from);
	cr_assert_eq(schedule_round(&clocks[0], db, &scope), OK);
	clock_set((from + 10 * DAY + 3600 + 20) * 1000000);
	cr_assert_eq(schedule_round(&clocks[0], db, &scope), OK);
	cr_expect_eq(slots("year-nightly", "fired"), 1);
	cr_expect_eq(slots("year-nightly", "skipped"), 10);
	clock_set((from + 60) * 1000000);
	cr_assert_eq(schedule_round(&clocks[0], db, &scope), OK);
	for (int64_t day = 0; day < 3; day++)
		for (int i = 0; i < 2; i++) { /* the second one was away meanwhile */
			clock_set((from + day * DAY + 2 * 3600) * 1000000);
			cr_assert_eq(schedule_round(&clocks[i], db, &scope), OK);
		}
	cr_expect_eq(slots("year-nightly", "fired"), 3, "what it settled is judged anew");
	cr_expect_eq(slots("year-nightly", "skipped"), 0);
	cr_expect_eq(stack_count("select count(*) from cron_slot where slot > to_timestamp("
	                         "2524608000 + 3 * 86400)"),
	    0);
	clock_set(0);
	db_free(db);
	arena_free(scope.arena);
}

Test(schedules, c_codegramctl)
{
	char out[4096];

	stack_sql("delete from cron_slot", out, sizeof(out));
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "schedules", NULL), 1, "nothing ever ran: %s", out);
	cr_expect(strstr(out, "OVERDUE"), "%s", out);
	stack_part("start-part", "scheduler");
	for (int i = 0; i < 100 && stack_count("select count(*) from cron_slot") < 2; i++)
		usleep(50 * 1000);
	cr_expect_eq(stack_ctl(out, sizeof(out), "schedules", NULL), 0, "%s", out);
	cr_expect(strstr(out, "github-nightly") && strstr(out, "0 3 * * 0"), "%s", out);
	cr_expect_null(strstr(out, "skipped"), "nothing was due yet: %s", out);
	stack_sql("insert into cron_run (job_id, name) values ('x', 'github-weekly')", out,
	    sizeof(out));
	cr_expect_eq(stack_ctl(out, sizeof(out), "schedules", NULL), 0, "%s", out);
	cr_expect(strstr(out, "by hand"), "%s", out);
	cr_expect_eq(stack_ctl(out, sizeof(out), "schedules", "--json", NULL), 0);
	cr_expect(strstr(out, "\"name\":\"github-weekly\"") && strstr(out, "\"overdue\":false"),
	    "%s", out);
	stack_part("stop-part", "scheduler");
	stack_sql("update cron_slot set slot = slot - interval '2 days' "
	          "where name = 'github-nightly'",
	    out, sizeof(out));
	cr_expect_eq(stack_ctl(out, sizeof(out), "schedules", NULL), 1, "%s", out);
}
