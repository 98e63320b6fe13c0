/* cron: fields into bits, and a walk over days, hours and minutes of the wall clock, each wall
 * time being turned into an instant. */
#include "queue/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, DAYS_MAX = 9 * 366, WALK_MAX = 100000 };

struct limits {
	const char *what;
	int min, max;
	const char *names; /* three letters each, from `min` */
};

static const struct limits limits[5] = {
	{ "bad minute", 0, 59, "" },
	{ "bad hour", 0, 23, "" },
	{ "bad day of the month", 1, 31, "" },
	{ "bad month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ "bad weekday", 0, 7, "sunmontuewedthufrisat" },
};

/* ---- expressions */

/* A number or a name; *at moves behind it. */
static bool
read_value(const char **at, const struct limits *l, int *out)
{
	int n = 0;

	if (isalpha((unsigned char)**at)) {
		for (size_t i = 0; l->names[i * 3] != '\0'; i++)
			if (strncasecmp(*at, l->names + i * 3, 3) == 0 &&
			    !isalnum((unsigned char)(*at)[3])) {
				*out = l->min + (int)i;
				*at += 3;
				return true;
			}
		return false;
	}
	if (!isdigit((unsigned char)**at))
		return false;
	while (isdigit((unsigned char)**at) && n < 1000)
		n = n * 10 + *(*at)++ - '0';
	*out = n;
	return n >= l->min && n <= l->max;
}

/* "*", "a", "a-b", each with "/step"; "a/step" goes on to the field's end. */
static bool
read_item(const char **at, const struct limits *l, uint64_t *bits)
{
	int from = l->min, to = l->max, step = 1;
	bool single = false;

	if (**at == '*')
		(*at)++;
	else {
		if (!read_value(at, l, &from))
			return false;
		single = **at != '-';
		if (!single && ((*at)++, !read_value(at, l, &to)))
			return false;
	}
	if (**at == '/') {
		static const struct limits steps = { "", 1, 59, "" };
		(*at)++;
		if (!read_value(at, &steps, &step))
			return false;
	} else if (single)
		to = from;
	if (from > to)
		return false;
	for (int i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return true;
}

static bool
read_field(const char **at, const struct limits *l, uint64_t *bits, bool *star)
{
	*bits = 0;
	*at += strspn(*at, " \t");
	*star = **at == '*';
	while (read_item(at, l, bits)) {
		if (**at == '\0' || **at == ' ' || **at == '\t')
			return true;
		if (*(*at)++ != ',')
			return false;
	}
	return false;
}

bool
cron_parse(const char *expression, struct cron *out, const char **why)
{
	const char *at = expression, *unused;
	uint64_t bits[5];
	bool star[5];

	if (why == NULL)
		why = &unused;
	for (int i = 0; i < 5; i++)
		if (!read_field(&at, &limits[i], &bits[i], &star[i])) {
			*why = limits[i].what;
			return false;
		}
	if (at[strspn(at, " \t")] != '\0') {
		*why = "more than five fields";
		return false;
	}
	*out = (struct cron){ bits[0], (uint32_t)bits[1], (uint32_t)bits[2], (uint32_t)bits[3],
		(uint32_t)((bits[4] | bits[4] >> 7) & 0x7f), !star[2] && !star[4] };
	return true;
}

/* ---- zones */

static bool
is_utc(const char *zone)
{
	return zone == NULL || strcmp(zone, "UTC") == 0;
}

bool
cron_zone_known(const char *zone)
{
	char path[256];
	int len;

	if (is_utc(zone))
		return true;
	if (strstr(zone, "..") != NULL || !isalpha((unsigned char)*zone) ||
	    zone[strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                      "/_+-")] != '\0')
		return false;
	len = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
	return len > 0 && (size_t)len < sizeof(path) && access(path, R_OK) == 0;
}

/* The C library knows one zone at a time; *before is given back to zone_leave(). */
struct zone {
	bool utc, had;
	char before[128];
};

static struct zone
zone_enter(const char *name)
{
	struct zone z = { .utc = is_utc(name) };
	const char *now;

	if (z.utc)
		return z;
	now = getenv("TZ");
	z.had = now != NULL;
	snprintf(z.before, sizeof(z.before), "%s", now ? now : "");
	setenv("TZ", name, 1);
	tzset();
	return z;
}

static void
zone_leave(const struct zone *z)
{
	if (z->utc)
		return;
	if (z->had)
		setenv("TZ", z->before, 1);
	else
		unsetenv("TZ");
	tzset();
}

/* Seconds that the wall clock is ahead of UTC at an instant. */
static int64_t
offset_at(const struct zone *z, int64_t instant)
{
	time_t t = (time_t)instant;
	struct tm tm;

	if (z->utc || localtime_r(&t, &tm) == NULL)
		return 0;
	return tm.tm_gmtoff;
}

/* The first instant in (from, to] with another offset than at `from`. */
static int64_t
change_between(const struct zone *z, int64_t from, int64_t to)
{
	int64_t offset = offset_at(z, from);

	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;
		if (offset_at(z, middle) == offset)
			from = middle;
		else
			to = middle;
	}
	return to;
}

/* When the wall clock shows `wall` (seconds since 1970 as if it were UTC). Around it there is
 * at most one change of the clock, with the offset `before` and `after` it. */
static int64_t
instant_of(const struct zone *z, int64_t wall)
{
	int64_t before, after, at;

	if (z->utc)
		return wall;
	before = offset_at(z, wall - DAY);
	after = offset_at(z, wall + DAY);
	if (before == after)
		return wall - before;
	if (offset_at(z, wall - before) == before)
		return wall - before;
	if (offset_at(z, wall - after) == after)
		return wall - after;
	at = change_between(z, wall - DAY, wall + DAY);
	return (at + MINUTE - 1) / MINUTE * MINUTE;
}

/* ---- slots */

static bool
day_matches(const struct cron *c, int64_t midnight)
{
	time_t t = (time_t)midnight;
	struct tm tm;
	bool day, weekday;

	gmtime_r(&t, &tm);
	if (!(c->months >> (tm.tm_mon + 1) & 1))
		return false;
	day = c->days >> tm.tm_mday & 1;
	weekday = c->weekdays >> tm.tm_wday & 1;
	return c->either_day ? day || weekday : day && weekday;
}

/* The first slot of that day of the wall clock after `after`, or -1. Later wall times never
 * come earlier, so hours and days that end before it are passed over unseen. */
static int64_t
slot_of_day(const struct cron *c, const struct zone *z, int64_t midnight, int64_t after)
{
	if (instant_of(z, midnight + DAY - MINUTE) <= after)
		return -1;
	for (int h = 0; h < 24; h++) {
		int64_t hour = midnight + (int64_t)h * HOUR;
		if (!(c->hours >> h & 1) || instant_of(z, hour + HOUR - MINUTE) <= after)
			continue;
		for (int m = 0; m < 60; m++) {
			int64_t at;
			if (!(c->minutes >> m & 1))
				continue;
			if ((at = instant_of(z, hour + (int64_t)m * MINUTE)) > after)
				return at;
		}
	}
	return -1;
}

static int64_t
next_in(const struct cron *c, const struct zone *z, int64_t after)
{
	int64_t wall = after + offset_at(z, after), midnight, at;

	/* A day early: the clock may have gone back over midnight. */
	midnight = (wall >= 0 ? wall / DAY : -((-wall + DAY - 1) / DAY)) * DAY - DAY;
	for (int i = 0; i < DAYS_MAX; i++, midnight += DAY)
		if (day_matches(c, midnight) && (at = slot_of_day(c, z, midnight, after)) >= 0)
			return at;
	return -1;
}

int64_t
cron_next(const struct cron *cron, const char *zone, int64_t after)
{
	struct zone z = zone_enter(zone);
	int64_t at = next_in(cron, &z, after);

	zone_leave(&z);
	return at;
}

size_t
cron_between(const struct cron *cron, const char *zone, int64_t after, int64_t until,
    int64_t *out, size_t max)
{
	struct zone z = zone_enter(zone);
	int64_t at = after;
	size_t n = 0;

	for (int walked = 0; (at = next_in(cron, &z, at)) >= 0 && at <= until; walked++) {
		if (walked == WALK_MAX && at < until - 32 * DAY)
			at = until - 32 * DAY;
		if (n == max)
			memmove(out, out + 1, --n * sizeof(*out));
		out[n++] = at;
	}
	zone_leave(&z);
	return n;
}
