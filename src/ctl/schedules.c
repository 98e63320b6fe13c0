/* schedules: what the clock starts, when it last did, and what is overdue. */
#include "ctl/command.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "queue/cron.h"
#include "store/cron.h"

/* A scheduler settles a slot within a second; a minute is trouble. */
enum { LATE = 60, TIME_MAX = 24 };

struct line {
	const struct schedule *row;
	struct cron_state last;
	bool known, overdue;
	int64_t next;
};

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

/* A schedule that no scheduler ever saw is overdue, too: none has run yet. */
static enum err
read_line(struct ctl *ctl, const struct schedule *s, struct line *out)
{
	int64_t now = clock_now() / 1000000, due;
	struct cron cron;
	enum err e;

	*out = (struct line){ .row = s };
	if (!cron_parse(s->expression, &cron, NULL))
		return fault(&ctl->scope.fault, ERR_INTERNAL, "%s: bad expression", s->name);
	e = q_cron_state(ctl_db(ctl, "codegram-ctl"), s->name, &out->last);
	if (e != OK && e != ERR_NOT_FOUND)
		return e;
	out->known = e == OK;
	out->next = cron_next(&cron, s->zone, now);
	due = out->known ? cron_next(&cron, s->zone, out->last.slot) : 0;
	out->overdue = !out->known || (due >= 0 && due < now - LATE);
	return OK;
}

static void
print_line(const struct line *l)
{
	char slot[TIME_MAX], next[TIME_MAX];

	time_text(l->last.slot, slot);
	time_text(l->next, next);
	printf("%-16s %-16s %-16s %-20s %-8s %-20s %s\n", l->row->name, l->row->expression,
	    l->row->zone, slot, l->known ? l->last.state : "-", next,
	    l->overdue ? "OVERDUE" : "");
}

static void
print_json(const struct line *l, bool first)
{
	char slot[TIME_MAX], next[TIME_MAX];

	time_text(l->last.slot, slot);
	time_text(l->next, next);
	printf("%s{\"name\":\"%s\",\"expression\":\"%s\",\"zone\":\"%s\",\"queue\":\"%s\","
	       "\"job\":\"%s\",",
	    first ? "[" : ",", l->row->name, l->row->expression, l->row->zone, l->row->queue,
	    l->row->job);
	if (l->known)
		printf("\"lastSlot\":\"%s\",\"state\":\"%s\",", slot, l->last.state);
	else
		printf("\"lastSlot\":null,\"state\":null,");
	if (l->next >= 0)
		printf("\"nextRun\":\"%s\",", next);
	else
		printf("\"nextRun\":null,");
	printf("\"overdue\":%s}", l->overdue ? "true" : "false");
}

int
command_schedules(struct ctl *ctl, int argc, char **argv)
{
	bool overdue = false, first = true;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	if (!ctl->json)
		printf("%-16s %-16s %-16s %-20s %-8s %-20s\n", "name", "expression", "zone",
		    "last slot", "state", "next run");
	for (size_t i = 0; i < ctl->schedule_count; i++) {
		struct line line;
		enum err e;
		if (!schedule_in_force(&ctl->schedules[i], ctl->settings->FAILPOINTS))
			continue;
		if ((e = read_line(ctl, &ctl->schedules[i], &line)) != OK)
			return ctl_failed(ctl, e, "cron_slot can't be read");
		if (ctl->json)
			print_json(&line, first);
		else
			print_line(&line);
		first = false;
		overdue = overdue || line.overdue;
	}
	if (ctl->json)
		puts(first ? "[]" : "]");
	return overdue ? CTL_FAILED : CTL_OK;
}
