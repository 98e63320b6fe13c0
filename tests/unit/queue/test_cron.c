/* cron: expressions, the slots of a year against a walk over every minute, clocks that change. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queue/cron.h"

enum { DAY = 86400 };

static int64_t
utc(const char *text) /* 2026-03-29T01:00 */
{
	struct tm tm = { 0 };

	cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M", &tm), "%s", text);
	return timegm(&tm);
}

static const char *
text_of(int64_t at)
{
	static char out[4][32];
	static int n;
	time_t t = (time_t)at;
	struct tm tm;

	if (at < 0)
		return "never";
	n = (n + 1) % 4;
	strftime(out[n], sizeof(out[n]), "%Y-%m-%dT%H:%M", gmtime_r(&t, &tm));
	return out[n];
}

Test(cron, expressions_that_are_refused)
{
	static const char *const bad[] = { "", "*", "* * * *", "* * * * * *", "60 * * * *",
		"-1 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *",
		"* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*/60 * * * *",
		"1,,2 * * * *", "1, * * * *", ",1 * * * *", "a * * * *", "* * * foo *",
		"* * * janx *", "* * * * mond", "1- * * * *", "1/ * * * *", "* * * * fri-mon",
		"@daily", "99999999999999999999 * * * *", "*1 * * * *", "* * * * *x" };
	struct cron c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *why = NULL;
		cr_expect_not(cron_parse(bad[i], &c, &why), "%s", bad[i]);
		cr_expect_not_null(why, "%s", bad[i]);
	}
}

Test(cron, fields)
{
	struct cron c;

	cr_assert(cron_parse("  0,30  9-17/4\t1-3,31 jan,DEC Mon-Fri ", &c, NULL));
	cr_expect_eq(c.minutes, 1 | UINT64_C(1) << 30);
	cr_expect_eq(c.hours, 1u << 9 | 1u << 13 | 1u << 17);
	cr_expect_eq(c.days, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 31);
	cr_expect_eq(c.months, 1u << 1 | 1u << 12);
	cr_expect_eq(c.weekdays, 0x3eu);
	cr_expect(c.either_day);
	cr_assert(cron_parse("*/20 5/6 */10 * 7", &c, NULL));
	cr_expect_eq(c.minutes, 1 | UINT64_C(1) << 20 | UINT64_C(1) << 40);
	cr_expect_eq(c.hours, 1u << 5 | 1u << 11 | 1u << 17 | 1u << 23);
	cr_expect_eq(c.days, 1u << 1 | 1u << 11 | 1u << 21 | 1u << 31);
	cr_expect_eq(c.weekdays, 1u, "7 is Sunday");
	cr_expect_not(c.either_day);
	cr_assert(cron_parse("* * * * 5-7", &c, NULL));
	cr_expect_eq(c.weekdays, 0x61u);
}

static const struct {
	const char *expression, *zone, *after, *next;
} rows[] = {
	{ "0 2 * * *", "UTC", "2026-01-01T02:00", "2026-01-02T02:00" },
	{ "0 2 * * *", "UTC", "2026-01-01T01:59", "2026-01-01T02:00" },
	{ "0 3 * * 0", "UTC", "2026-01-01T00:00", "2026-01-04T03:00" },
	{ "59 23 31 12 *", "UTC", "2026-12-31T23:58", "2026-12-31T23:59" },
	{ "59 23 31 12 *", "UTC", "2026-12-31T23:59", "2027-12-31T23:59" },
	{ "0 0 29 2 *", "UTC", "2024-02-29T00:00", "2028-02-29T00:00" },
	{ "0 0 29 2 *", "UTC", "2096-02-29T00:00", "2104-02-29T00:00" }, /* 2100 has none */
	{ "0 0 30 2 *", "UTC", "2026-01-01T00:00", "never" },
	{ "0 0 31 4,6,9,11 *", "UTC", "2026-01-01T00:00", "never" },
	{ "0 0 31 * *", "UTC", "2026-01-31T00:00", "2026-03-31T00:00" },
	{ "0 0 13 * fri", "UTC", "2026-01-01T00:00", "2026-01-02T00:00" }, /* either */
	{ "0 0 13 * fri", "UTC", "2026-01-09T00:00", "2026-01-13T00:00" },
	{ "0 0 */2 * fri", "UTC", "2026-01-01T00:00", "2026-01-09T00:00" }, /* both */
	{ "*/7 * * * *", "UTC", "2026-01-01T00:56", "2026-01-01T01:00" },
	/* Berlin: 2026-03-29 02:00 → 03:00 (01:00 UTC); 2026-10-25 03:00 → 02:00 (01:00 UTC) */
	{ "30 2 * * *", "Europe/Berlin", "2026-03-28T01:30", "2026-03-29T01:00" },
	{ "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00", "2026-03-30T00:30" },
	{ "0 2 * * *", "Europe/Berlin", "2026-03-28T01:00", "2026-03-29T01:00" },
	{ "*/15 2-3 * * *", "Europe/Berlin", "2026-03-29T00:59", "2026-03-29T01:00" },
	{ "*/15 2-3 * * *", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:15" },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-24T00:30", "2026-10-25T00:30" },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26T01:30" },
	{ "0 3 * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T02:00" },
	{ "0 0 * * *", "Europe/Berlin", "2026-07-01T21:59", "2026-07-01T22:00" },
	/* New York: 2026-03-08 02:00 → 03:00 (07:00 UTC); 2026-11-01 02:00 → 01:00 (06:00 UTC) */
	{ "15 2 * * *", "America/New_York", "2026-03-07T07:15", "2026-03-08T07:00" },
	{ "15 2 * * *", "America/New_York", "2026-03-08T07:00", "2026-03-09T06:15" },
	{ "15 1 * * *", "America/New_York", "2026-10-31T05:15", "2026-11-01T05:15" },
	{ "15 1 * * *", "America/New_York", "2026-11-01T05:15", "2026-11-02T06:15" },
	{ "0 3 * * sun", "America/New_York", "2026-03-08T00:00", "2026-03-08T07:00" },
	{ "59 23 * * *", "America/New_York", "2026-06-01T03:00", "2026-06-01T03:59" },
	/* half an hour of change; midnight that is left out; a day that is left out */
	{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", "2026-10-03T15:30" },
	{ "0 0 * * *", "America/Havana", "2026-03-07T06:00", "2026-03-08T05:00" },
	{ "0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00", "2011-12-30T10:00" },
};

Test(cron, next_slots)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cron c;
		int64_t next;
		cr_assert(cron_zone_known(rows[i].zone), "%s: is tzdata here?", rows[i].zone);
		cr_assert(cron_parse(rows[i].expression, &c, NULL), "%s", rows[i].expression);
		next = cron_next(&c, rows[i].zone, utc(rows[i].after));
		cr_expect_str_eq(text_of(next), rows[i].next, "%s %s after %s: %s, not %s",
		    rows[i].expression, rows[i].zone, rows[i].after, text_of(next),
		    rows[i].next);
	}
}

Test(cron, the_zone_of_the_process_stays)
{
	struct cron c;

	cr_assert(cron_parse("0 2 * * *", &c, NULL));
	unsetenv("TZ");
	cron_next(&c, "Europe/Berlin", 0);
	cr_expect_null(getenv("TZ"));
	setenv("TZ", "Asia/Tokyo", 1);
	cron_next(&c, "Europe/Berlin", 0);
	cr_expect_str_eq(getenv("TZ"), "Asia/Tokyo");
	cr_expect_not(cron_zone_known("Europe/Nowhere"));
	cr_expect_not(cron_zone_known("../../etc/passwd"));
	cr_expect_not(cron_zone_known("/etc/passwd"));
	cr_expect_not(cron_zone_known(""));
}

/* Whether the wall clock shows a matching minute, as cron(8) would look at it. */
static bool
matches(const struct cron *c, int64_t wall)
{
	time_t t = (time_t)wall;
	struct tm tm;
	bool day, weekday;

	gmtime_r(&t, &tm);
	day = c->days >> tm.tm_mday & 1;
	weekday = c->weekdays >> tm.tm_wday & 1;
	return (c->minutes >> tm.tm_min & 1) && (c->hours >> tm.tm_hour & 1) &&
	       (c->months >> (tm.tm_mon + 1) & 1) &&
	       (c->either_day ? day || weekday : day && weekday);
}

static int64_t
wall_of(int64_t instant)
{
	time_t t = (time_t)instant;
	struct tm tm;

	localtime_r(&t, &tm);
	return instant + tm.tm_gmtoff;
}

/* Every minute of 2026 in order: due when a matching wall time is reached for the first time,
 * be it shown or jumped over. */
static void
walk(const char *expression, const char *zone)
{
	int64_t from = utc("2026-01-01T00:00"), to = utc("2027-01-01T00:00"), highest, next;
	struct cron c;

	cr_assert(cron_parse(expression, &c, NULL));
	setenv("TZ", zone, 1);
	tzset();
	highest = wall_of(from);
	next = cron_next(&c, zone, from);
	for (int64_t at = from + 60; at < to; at += 60) {
		bool due = false;
		for (; highest < wall_of(at); highest += 60)
			due = due || matches(&c, highest + 60);
		if (due) {
			cr_assert_eq(next, at, "%s %s: %s, not %s", expression, zone,
			    text_of(next), text_of(at));
			next = cron_next(&c, zone, at);
		}
	}
	cr_expect_geq(next, to, "%s %s: %s", expression, zone, text_of(next));
}

Test(cron, a_year_of_minutes, .timeout = 60)
{
	static const char *const expressions[] = { "0 2 * * *", "*/30 1-3 * * *",
		"17 */5 * * mon-fri", "0 0 1 * sun", "5 4 29-31 * *", "*/10 * * * *" };
	static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu" };

	for (size_t i = 0; i < sizeof(expressions) / sizeof(*expressions); i++)
		for (size_t k = 0; k < sizeof(zones) / sizeof(*zones); k++)
			walk(expressions[i], zones[k]);
}

Test(cron, slots_between)
{
	int64_t out[100], from = utc("2026-01-01T02:00");
	struct cron c;

	cr_assert(cron_parse("0 2 * * *", &c, NULL));
	cr_expect_eq(cron_between(&c, "UTC", from, from, out, 100), 0u);
	cr_expect_eq(cron_between(&c, "UTC", from, from + DAY - 1, out, 100), 0u);
	cr_expect_eq(cron_between(&c, "UTC", from, from + DAY, out, 100), 1u);
	cr_expect_eq(out[0], from + DAY);
	cr_expect_eq(cron_between(&c, "UTC", from, from + 365 * DAY, out, 100), 100u);
	cr_expect_eq(out[99], from + 365 * DAY, "the latest ones");
	cr_expect_eq(out[0], from + 266 * DAY);
	cr_assert(cron_parse("* * * * *", &c, NULL));
	cr_expect_eq(cron_between(&c, "UTC", from, from + 3650 * (int64_t)DAY, out, 100), 100u,
	    "ten years of minutes are not walked");
	cr_expect_eq(out[99], from + 3650 * (int64_t)DAY);
	cr_assert(cron_parse("0 0 30 2 *", &c, NULL));
	cr_expect_eq(cron_between(&c, "UTC", from, from + 3650 * (int64_t)DAY, out, 100), 0u);
}
