/* contribution: calendars that nobody stores: what a person did on a day follows from both, and
 * from what a change set. */
#include <stdio.h>
#include <time.h>

#include "github/stand_in.h"

enum { DAY = 86400, YEAR_DAYS = 366 };

static int
count_on(const struct person *p, int64_t day)
{
	uint64_t mix =
	    ((uint64_t)p->id * 1000003u + (uint64_t)(day / DAY)) * 0x9E3779B97F4A7C15u;
	int most = p->activity * 2 + 1;

	for (size_t i = 0; i < p->day_count; i++)
		if (p->days[i].date == day)
			return p->days[i].count;
	if (day < p->created || p->activity == 0 || (mix >> 60) < 4)
		return 0;
	return (int)((mix >> 32) % (uint64_t)most);
}

static void
put_day(struct buf *b, int64_t day, int count)
{
	static const struct {
		const char *level, *color;
	} levels[] = { { "NONE", "#ebedf0" }, { "FIRST_QUARTILE", "#9be9a8" },
		{ "SECOND_QUARTILE", "#40c463" }, { "THIRD_QUARTILE", "#30a14e" },
		{ "FOURTH_QUARTILE", "#216e39" } };
	size_t level = count == 0 ? 0 : count < 4 ? 1 : count < 8 ? 2 : count < 12 ? 3 : 4;
	time_t time = (time_t)day;
	struct tm tm;
	char date[16];

	gmtime_r(&time, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	put_open(b, NULL, '{');
	put_text(b, "__typename", "ContributionCalendarDay");
	put_text(b, "date", date);
	put_int(b, "weekday", tm.tm_wday);
	put_int(b, "contributionCount", count);
	put_text(b, "contributionLevel", levels[level].level);
	put_text(b, "color", levels[level].color);
	buf_char(b, '}');
}

/* Weeks begin on Sunday; the first and the last may be short. Returns the sum. */
static int64_t
put_weeks(struct buf *b, const struct person *p, int64_t from, int64_t to, int64_t now)
{
	int64_t sum = 0;
	char date[16];
	struct tm tm;

	put_open(b, "weeks", '[');
	for (int64_t day = from; day <= to; day += DAY) {
		time_t time = (time_t)day;
		int count = day <= now ? count_on(p, day) : 0;
		gmtime_r(&time, &tm);
		if (day == from || tm.tm_wday == 0) {
			if (day != from)
				buf_puts(b, "]}");
			strftime(date, sizeof(date), "%Y-%m-%d", &tm);
			put_open(b, NULL, '{');
			put_text(b, "__typename", "ContributionCalendarWeek");
			put_text(b, "firstDay", date);
			put_open(b, "contributionDays", '[');
		}
		put_day(b, day, count);
		sum += count;
	}
	buf_puts(b, "]}]");
	return sum;
}

static void
put_sums(struct buf *b, int64_t sum, int64_t from, int64_t to)
{
	put_int(b, "totalCommitContributions", sum - sum / 4 - sum / 8);
	put_int(b, "totalIssueContributions", sum / 8);
	put_int(b, "totalPullRequestContributions", sum / 8);
	put_int(b, "totalPullRequestReviewContributions", sum / 4 - sum / 8);
	put_int(b, "totalRepositoryContributions", 0);
	put_int(b, "totalRepositoriesWithContributedCommits", sum > 0);
	put_int(b, "restrictedContributionsCount", 0);
	put_bool(b, "hasAnyContributions", sum > 0);
	put_bool(b, "hasAnyRestrictedContributions", false);
	put_bool(b, "isSingleDay", to - from < DAY);
	put_time(b, "startedAt", from);
	put_time(b, "endedAt", to);
}

json_t *
contributions_tree(const struct ask *a, size_t person, int64_t from, int64_t to,
    const char **type, const char **message)
{
	const struct person *p = &a->world->people.at[person];
	int64_t now = world_now(a->world), most = p->longest_days ? p->longest_days : YEAR_DAYS;
	int64_t sum;
	struct buf b;
	json_t *tree;

	to = to ? to : from ? from + (YEAR_DAYS - 1) * (int64_t)DAY : now;
	from = from ? from : to - (YEAR_DAYS - 1) * (int64_t)DAY;
	*type = NULL;
	*message = "The total time spanned by 'from' and 'to' must not exceed 1 year";
	if (to < from)
		*message = "'to' must be after 'from'";
	if (to < from || to - from > YEAR_DAYS * (int64_t)DAY)
		return NULL;
	if (to - from > most * DAY) {
		*type = "RESOURCE_LIMITS_EXCEEDED";
		*message = "Resource limits for this query exceeded.";
		return NULL;
	}
	buf_init(&b, BODY_MAX);
	buf_char(&b, '{');
	put_text(&b, "__typename", "ContributionsCollection");
	put_open(&b, "contributionCalendar", '{');
	put_text(&b, "__typename", "ContributionCalendar");
	put_bool(&b, "isHalloween", false);
	put_raw(&b, "colors", "[\"#9be9a8\",\"#40c463\",\"#30a14e\",\"#216e39\"]");
	sum = put_weeks(&b, p, from - from % DAY, to - to % DAY, now);
	put_int(&b, "totalContributions", sum);
	buf_char(&b, '}');
	put_sums(&b, sum, from, to);
	buf_char(&b, '}');
	tree = json_loadb(b.ptr, b.len, 0, NULL);
	buf_free(&b);
	return tree;
}
