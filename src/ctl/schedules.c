/* schedules: what the clock starts, when it last did, and what is overdue. */
#include "ctl/words.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/random.h"
#include "queue/schedule_state.h"
#include "store/cron.h"

#define FORMAT "%-16s %-12s %-16s %-20s %-8s %-20s %s\n"

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
	printf(FORMAT, s->row->name, s->row->expression, s->row->zone, last,
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

static int
list(struct ctl *ctl)
{
	struct schedule_state *s;
	bool overdue = false;
	size_t count;
	enum err e = schedule_states(ctl_db(ctl, "codegram-ctl"), ctl->schedules,
	    ctl->schedule_count, ctl->settings->SCHEDULES, &s, &count, &ctl->scope);

	if (e != OK)
		return ctl_failed(ctl, e, "the schedules can't be read");
	if (ctl->json)
		print_json(s, count);
	else
		printf(
		    FORMAT, "name", "expression", "zone", "last run", "state", "next run", "");
	for (size_t i = 0; i < count; i++) {
		if (!ctl->json)
			print_line(&s[i]);
		overdue = overdue || s[i].overdue;
	}
	if (count == 0)
		fputs("codegramctl schedules: none is in force: SCHEDULES is off\n", stderr);
	return overdue ? CTL_FAILED : CTL_OK;
}

/* NULL: there is none; said, with the nearest. */
static const struct schedule *
schedule_named(struct ctl *ctl, const char *name)
{
	const char *names[SCHEDULES_MAX], *near;

	for (size_t i = 0; i < ctl->schedule_count; i++) {
		if (strcmp(ctl->schedules[i].name, name) == 0)
			return &ctl->schedules[i];
		names[i] = ctl->schedules[i].name;
	}
	near = words_near(name, names, ctl->schedule_count);
	ctl_usage(ctl, arena_format(ctl->scope.arena, "there is no schedule of that name%s%s%s",
	                   near ? "; did you mean " : ": codegramctl schedules lists them",
	                   near ? near : "", near ? "?" : ""));
	return NULL;
}

static int
run(struct ctl *ctl, const char *name)
{
	const struct schedule *s = schedule_named(ctl, name);
	struct uuid id = uuid_make();
	enum err e;

	if (s == NULL)
		return CTL_USAGE;
	e = q_cron_run(
	    ctl_db(ctl, "codegram-ctl"), s->name, s->queue, s->job, s->data, id.text);
	if (e != OK)
		return ctl_failed(ctl, e, "nothing was started");
	if (ctl->json)
		printf("{\"id\":\"%s\",\"queue\":\"%s\",\"name\":\"%s\"}\n", id.text, s->queue,
		    s->job);
	else
		printf("%s: job %s of queue %s; codegramctl jobs show %s\n", s->name, s->job,
		    s->queue, id.text);
	return CTL_OK;
}

int
command_schedules(struct ctl *ctl, int argc, char **argv)
{
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
		return list(ctl);
	if (argc == 3 && strcmp(argv[1], "run") == 0)
		return run(ctl, argv[2]);
	return ctl_usage(ctl, "list takes no word, run the name of a schedule");
}
