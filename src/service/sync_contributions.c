/* sync_contributions: the calendar, a quarter at a time and the newest first, since GitHub fails
 * on a whole year of busy people. What it finds too much is asked for in halves. A quarter that
 * does not come keeps its old days, and is marked stale. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "service/sync.h"
#include "store/contribution.h"

enum { DAYS_MAX = 92, DAY = 86400, LEAST_DAYS = 7, WEEKS_MAX = 60, ARRAY_MAX = 4 * KIB };

static const char query[] =
    "query($from:DateTime!,$to:DateTime!){viewer{contributionsCollection(from:$from,to:$to)"
    "{contributionCalendar{weeks{contributionDays{date contributionCount}}}}}}";

struct quarter {
	const char *name; /* its first day */
	time_t first;
	int count;
	int64_t days[DAYS_MAX];
	bool known[DAYS_MAX];
};

static bool
parse_day(const char *text, time_t *out)
{
	struct tm day = { .tm_isdst = 0 };
	const char *end = strptime(text, "%Y-%m-%d", &day);

	if (end == NULL || *end != '\0')
		return false;
	*out = timegm(&day);
	return true;
}

static void
format_day(time_t at, char out[16])
{
	struct tm day;

	gmtime_r(&at, &day);
	strftime(out, 16, "%Y-%m-%d", &day);
}

static void
take_day(struct quarter *q, const struct json_t *day)
{
	const char *date;
	int64_t n, index;
	time_t at;

	if (day == NULL || !json_get_text(day, "date", &date) ||
	    !json_get_int(day, "contributionCount", &n) || !parse_day(date, &at))
		return;
	index = (at - q->first) / DAY;
	if (index < 0 || index >= q->count || n < 0 || n > INT32_MAX)
		return;
	q->days[index] = n;
	q->known[index] = true;
}

/* False: the answer has no calendar. */
static bool
take_calendar(struct quarter *q, const struct json_t *data)
{
	static const char *const path[] = { "viewer", "contributionsCollection",
		"contributionCalendar" };
	const struct json_t *weeks;

	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++)
		if ((data = json_get_object(data, path[i])) == NULL)
			return false;
	if ((weeks = json_get_list(data, "weeks")) == NULL)
		return false;
	for (size_t i = 0; i < json_count(weeks) && i < WEEKS_MAX; i++) {
		const struct json_t *days =
		    json_get_list(json_at(weeks, i), "contributionDays");
		for (size_t k = 0; k < json_count(days) && k < 7; k++)
			take_day(q, json_at(days, k));
	}
	return true;
}

/* The last day may not have begun where GitHub's calendar is. */
static bool
is_whole(const struct quarter *q, int from, int to)
{
	for (int i = from; i <= to; i++)
		if (!q->known[i] && i + 1 < q->count)
			return false;
	return true;
}

/* Days from..to of the quarter. */
static enum err
ask(struct sync *s, struct quarter *q, int from, int to, struct github_page *page)
{
	char first[16], last[16], variables[96];
	int middle = (from + to) / 2;

	sync_turn(s);
	format_day(q->first + (time_t)from * DAY, first);
	format_day(q->first + (time_t)to * DAY, last);
	snprintf(variables, sizeof(variables),
	    "{\"from\":\"%sT00:00:00Z\",\"to\":\"%sT23:59:59Z\"}", first, last);
	TRY(sync_graphql(s, query, span_of(variables), page));
	if (page->outcome == GITHUB_TOO_MUCH && to - from + 1 > LEAST_DAYS) {
		TRY(ask(s, q, middle + 1, to, page));
		return page->outcome == GITHUB_OK ? ask(s, q, from, middle, page) : OK;
	}
	if (page->outcome == GITHUB_OK &&
	    !(take_calendar(q, page->json) && is_whole(q, from, to))) {
		page->outcome = GITHUB_REFUSED;
		page->reason = "GitHub's answer has no such calendar";
	}
	return OK;
}

static enum err
keep(struct sync *s, const struct quarter *q)
{
	struct buf b;
	enum err e;

	buf_init(&b, ARRAY_MAX);
	buf_char(&b, '{');
	for (int i = 0; i < q->count; i++)
		buf_format(&b, "%s%lld", i ? "," : "", (long long)q->days[i]);
	buf_char(&b, '}');
	e = buf_ok(&b) ? q_contribution_take(s->db, s->person, s->run, q->name, buf_text(&b))
	               : ERR_NO_MEMORY;
	buf_free(&b);
	return e;
}

/* A limit or trouble says nothing of the quarter: it is asked for again. */
static bool
says_nothing(const struct github_page *page)
{
	return page->outcome == GITHUB_LATER || page->outcome == GITHUB_AWAY;
}

static enum err
one(struct sync *s, const struct contribution_quarter *row, struct sync_counts *counts)
{
	struct quarter q = { .name = row->quarter };
	struct github_page page;
	time_t last;

	if (!parse_day(row->quarter, &q.first) || !parse_day(row->last_day, &last))
		return fault(&s->scope->fault, ERR_INTERNAL, "no day: %s", row->quarter);
	q.count = (int)((last - q.first) / DAY) + 1;
	if (q.count < 1 || q.count > DAYS_MAX)
		return fault(&s->scope->fault, ERR_INTERNAL, "no quarter: %s", row->quarter);
	TRY(ask(s, &q, 0, q.count - 1, &page));
	if (page.outcome == GITHUB_OK) {
		counts->updated++;
		return keep(s, &q);
	}
	if (!says_nothing(&page)) {
		counts->failed++;
		TRY(q_contribution_stale(s->db, s->person, s->run, row->quarter));
	}
	return page.outcome == GITHUB_TOO_MUCH ? OK : sync_judge(s, &page);
}

static enum err
contributions(struct sync *s, int64_t year)
{
	struct contribution_quarter *wanted;
	char first[16], last[16];
	size_t count;

	format_day((time_t)(clock_now() / 1000000), last);
	format_day((time_t)(clock_now() / 1000000) - 364 * (time_t)DAY, first);
	if (year > 0) {
		if (strtol(last, NULL, 10) > year)
			snprintf(last, sizeof(last), "%04d-12-31", (int)year);
		snprintf(first, sizeof(first), "%04d-01-01", (int)year);
	}
	TRY(sync_begin(s));
	TRY(q_contribution_wanted(s->db, s->person, s->run, first, last, &wanted, &count));
	TRY(db_commit(s->db));
	for (size_t i = 0; i < count; i++) {
		struct sync_counts counts = { 0 };
		if (clock_mono() > s->until)
			return sync_pause(s);
		TRY(one(s, &wanted[i], &counts));
		if (s->over)
			return OK;
		TRY(sync_step(s, NULL, (int64_t)(100 * (i + 1) / count), &counts));
		if (s->over)
			return OK;
	}
	return sync_finish(s, arena_format(s->scope->arena, "%zu quarters, %lld requests",
	                          count, (long long)s->github.requests));
}

/* A year that somebody looks at is no pass of the person's own. */
enum err
sync_contributions(struct sync *s, int64_t year)
{
	enum err e;

	TRY(sync_open(s, year > 0 ? NULL : "contributions"));
	if (s->over)
		return OK;
	e = contributions(s, year);
	sync_close(s);
	return e;
}
