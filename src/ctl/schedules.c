/* schedules: what the clock starts, when it last did, and what is overdue. */
#include "ctl/command.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "queue/schedule_state.h"

enum { TIME_MAX = 24, LINE_MAX = 4 * KIB };

static void
time_text(int64_t seconds, char out[TIME_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds > 0 && gmtime_r(&t, &tm) != NULL)
		strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	else
		snprintf(out, TIME_MAX, "-");
}

static void
print_line(const struct schedule_state *s)
{
	bool by_hand = s->last_run > s->last_slot;
	char last[TIME_MAX], next[TIME_MAX];

	time_text(by_hand ? s->last_run : s->last_slot, last);
	time_text(s->next, next);
	printf("%-16s %-16s %-16s %-20s %-8s %-20s %s\n", s->row->name, s->row->expression,
	    s->row->zone, last,
	    by_hand         ? "by hand"
	    : s->last_state ? s->last_state
	                    : "-",
	    next, s->overdue ? "OVERDUE" : "");
}

static void
print_json(const struct schedule_state *s, size_t count)
{
	struct buf b;

	buf_init(&b, (count + 1) * LINE_MAX);
	buf_char(&b, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_char(&b, ',');
		schedule_state_json(&b, &s[i]);
	}
	buf_char(&b, ']');
	puts(buf_text(&b));
	buf_free(&b);
}

int
command_schedules(struct ctl *ctl, int argc, char **argv)
{
	struct schedule_state *s;
	bool overdue = false;
	size_t count;
	enum err e;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	e = schedule_states(ctl_db(ctl, "codegram-ctl"), ctl->schedules, ctl->schedule_count,
	    ctl->settings->SCHEDULES, &s, &count, &ctl->scope);
	if (e != OK)
		return ctl_failed(ctl, e, "cron_slot can't be read");
	if (ctl->json)
		print_json(s, count);
	else
		printf("%-16s %-16s %-16s %-20s %-8s %-20s\n", "name", "expression", "zone",
		    "last run", "state", "next run");
	for (size_t i = 0; i < count; i++) {
		if (!ctl->json)
			print_line(&s[i]);
		overdue = overdue || s[i].overdue;
	}
	return overdue ? CTL_FAILED : CTL_OK;
}
