/* jobs: the queues, for people: the verbs, and the words behind them. */
#include "ctl/jobs.h"

#include <getopt.h>
#include <stdio.h>

#include "ctl/words.h"
#include "queue/tune.h"

/* LIST_MAX: one call tells of them all, and Redis does nothing else meanwhile. */
enum { REDIS_MS = 2000, LIMIT_MAX = 1000000, LIST_MAX = 500 };

enum named { NO_QUEUE, MAY_QUEUE, MUST_QUEUE };

static const struct {
	const char *name;
	enum named queue;
	int least, most;    /* words behind the queue */
	const char *takes;  /* options, by their letters below */
	int64_t limit_most; /* of --limit */
	enum err (*run)(struct jobs *w);
} verbs[] = {
	{ "stats", MAY_QUEUE, 0, 0, "", 0, jobs_stats },
	{ "list", MAY_QUEUE, 0, 1, "l", LIST_MAX, jobs_list },
	{ "dead", MAY_QUEUE, 0, 0, "l", LIST_MAX, jobs_dead },
	{ "show", MAY_QUEUE, 1, 1, "", 0, jobs_show },
	{ "logs", MAY_QUEUE, 1, 1, "", 0, jobs_logs },
	{ "top", MAY_QUEUE, 0, 0, "c", 0, jobs_top },
	{ "add", MUST_QUEUE, 1, 2, "Ofu", 0, jobs_add },
	{ "retry", MAY_QUEUE, 1, 1, "", 0, jobs_retry },
	{ "retry-all", MUST_QUEUE, 0, 0, "l", LIMIT_MAX, jobs_retry_all },
	{ "cancel", MAY_QUEUE, 1, 1, "", 0, jobs_cancel },
	{ "remove", MAY_QUEUE, 1, 1, "", 0, jobs_remove },
	{ "pause", MUST_QUEUE, 0, 0, "", 0, jobs_pause },
	{ "resume", MUST_QUEUE, 0, 0, "", 0, jobs_resume },
	{ "drain", MUST_QUEUE, 0, 0, "d", 0, jobs_drain },
	{ "purge", MUST_QUEUE, 1, 1, "o", 0, jobs_purge },
	{ "limit", MUST_QUEUE, 0, 0, "nR", 0, jobs_limit },
	{ "check", MAY_QUEUE, 0, 0, "r", 0, jobs_check },
};
enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

static const struct option options[] = {
	{ "limit", 1, NULL, 'l' },
	{ "older-than", 1, NULL, 'o' },
	{ "count", 1, NULL, 'c' },
	{ "delayed", 0, NULL, 'd' },
	{ "repair", 0, NULL, 'r' },
	{ "concurrency", 1, NULL, 'n' },
	{ "rate", 1, NULL, 'R' },
	{ "opts", 1, NULL, 'O' },
	{ "unchecked", 0, NULL, 'u' },
	/* kept as they are: jobs_add() reads them */
	{ "attempts", 1, NULL, 'f' },
	{ "backoff", 1, NULL, 'f' },
	{ "delay", 1, NULL, 'f' },
	{ "priority", 1, NULL, 'f' },
	{ "job-id", 1, NULL, 'f' },
	{ "id", 1, NULL, 'f' },
	{ "lane", 1, NULL, 'f' },
	{ "unique", 1, NULL, 'f' },
	{ "owner", 1, NULL, 'f' },
	{ "remove-on-complete", 1, NULL, 'f' },
	{ "remove-on-fail", 1, NULL, 'f' },
	{ NULL, 0, NULL, 0 },
};

static bool
number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	return span_int(span_of(text), out) && *out >= least && *out <= most;
}

/* N, none, or row: what queue.def says. */
static bool
limit_of(struct span text, int64_t *out)
{
	if (span_is(text, "row"))
		*out = QUEUE_LIMIT_ROW;
	else if (span_is(text, "none"))
		*out = 0;
	else
		return span_int(text, out) && *out > 0 && *out <= LIMIT_MAX;
	return true;
}

/* N/MS, none or row. */
static bool
rate_of(const char *text, struct queue_limits *out)
{
	struct span rest = span_of(text), count = span_cut(&rest, '/');

	if (!limit_of(count, &out->rate))
		return false;
	if (out->rate <= 0) {
		out->rate_ms = out->rate;
		return rest.ptr == NULL;
	}
	return span_int(rest, &out->rate_ms) && out->rate_ms > 0;
}

static bool
take_option(struct jobs *w, int c, const char *name)
{
	switch (c) {
	case 'l': return number(optarg, 1, LIMIT_MAX, &w->limit);
	case 'c': return number(optarg, 1, LIMIT_MAX, &w->count);
	case 'o':
		if (!number(optarg, 0, INT32_MAX, &w->older_ms))
			return false;
		w->older_ms *= 1000;
		return true;
	case 'd': return w->delayed = true;
	case 'r': return w->repair = true;
	case 'u': return w->unchecked = true;
	case 'n': return limit_of(span_of(optarg), &w->limits.concurrency);
	case 'R': return rate_of(optarg, &w->limits);
	case 'O': w->opts = optarg; return true;
	case 'f':
		if (w->flags == JOBS_FLAGS_MAX)
			return false;
		w->flag[w->flags++] = (struct jobs_flag){ name, optarg };
		return true;
	default: return false;
	}
}

/* The first option that is not for this verb: a filter that is not looked at would be worse than
 * none. NULL: all are. */
static const char *
stray_option(const struct jobs *w, size_t verb)
{
	for (size_t i = 0; options[i].name != NULL; i++)
		if (w->given >> i & 1 && strchr(verbs[verb].takes, options[i].val) == NULL)
			return options[i].name;
	return NULL;
}

/* Why the verb can't have what was given; NULL: it can. */
static const char *
refused(const struct jobs *w, size_t verb)
{
	const char *stray = stray_option(w, verb);

	if (stray != NULL)
		return arena_format(
		    w->scope->arena, "%s has no option --%s", verbs[verb].name, stray);
	if (w->limit > verbs[verb].limit_most)
		return arena_format(w->scope->arena, "%s: --limit is at most %lld",
		    verbs[verb].name, (long long)verbs[verb].limit_most);
	return NULL;
}

/* What the words behind the verb are. */
static bool
take_words(struct jobs *w, size_t verb, int count, char **word)
{
	bool named = verbs[verb].queue != NO_QUEUE &&
	             (verbs[verb].queue == MUST_QUEUE ? count > 0 : count > verbs[verb].least);
	const struct queue_row *row = named ? queue_find(word[0]) : NULL;

	if (row != NULL) {
		w->queue = row->name;
		word++;
		count--;
	}
	if ((verbs[verb].queue == MUST_QUEUE && row == NULL) || count < verbs[verb].least ||
	    count > verbs[verb].most)
		return false;
	for (w->words = 0; w->words < count; w->words++)
		w->word[w->words] = word[w->words];
	return true;
}

/* How the verb is called. */
static const char *
call_of(const struct jobs *w, const char *verb)
{
	const struct ctl_verb *row = ctl_verbs;

	while (row->command != NULL &&
	       (strcmp(row->command, "jobs") != 0 || strcmp(row->name, verb) != 0))
		row++;
	return arena_format(w->scope->arena, "wants: codegramctl jobs %s %s", verb,
	    row->command ? row->arguments : "");
}

/* What take_words() did not take. */
static const char *
wrong_words(const struct jobs *w, size_t verb, int count, const char *first)
{
	bool named = count > 0 && queue_find(first) != NULL;
	char names[256] = "";
	size_t at = 0;

	if (verbs[verb].queue == NO_QUEUE || named ||
	    (verbs[verb].queue == MAY_QUEUE && count <= verbs[verb].most))
		return call_of(w, verbs[verb].name);
	for (size_t i = 0; i < QUEUE_COUNT && at < sizeof(names); i++)
		at += (size_t)snprintf(
		    names + at, sizeof(names) - at, "%s%s", i ? ", " : "", queues[i].name);
	return arena_format(w->scope->arena,
	    count > 0 ? "%s: there is no queue %s: %s" : "%s: which queue%s? %s",
	    verbs[verb].name, count > 0 ? first : "", names);
}

/* The rows as JOB_OPTIONS changes them, so far as it is right: doctor tells what is not. */
static bool
tune_rows(struct jobs *w)
{
	struct tuned t = { .count = w->ctl->job_count };

	t.jobs = arena_alloc(w->scope->arena, (t.count + 1) * sizeof(*t.jobs));
	if (t.jobs == NULL)
		return false;
	w->rows = (struct view_rows){ w->ctl->jobs, t.count };
	memcpy(t.jobs, w->ctl->jobs, t.count * sizeof(*t.jobs));
	queue_rows(t.queues);
	if (tune(span_of(w->ctl->settings->JOB_OPTIONS), &t, w->scope) == OK) {
		w->rows.row = t.jobs;
		memcpy(queues, t.queues, sizeof(t.queues));
	}
	fault_reset(&w->scope->fault);
	return true;
}

/* What that option's value looks like. */
static const char *
value_of(const char *option)
{
	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++)
		if (strcmp(o->command, "jobs") == 0 && strcmp(o->name, option) == 0)
			return o->value;
	return "?";
}

static int
run_verb(struct jobs *w, size_t i)
{
	const struct settings *s = w->ctl->settings;
	struct redis_options redis = { s->REDIS_URL, "codegram-ctl", s->REDIS_PASSWORD,
		REDIS_MS };
	enum err e;

	w->redis = redis_make(&redis);
	e = w->redis && tune_rows(w) ? verbs[i].run(w) : ERR_NO_MEMORY;
	redis_free(w->redis);
	if (e != OK)
		ctl_failed(w->ctl, e, verbs[i].name);
	if (e == ERR_INVALID ||
	    e == ERR_BAD_JSON) /* what was asked for, not what became of it */
		return CTL_USAGE;
	if (e != OK)
		return CTL_FAILED;
	return w->faulty ? CTL_FAILED : CTL_OK;
}

int
command_jobs(struct ctl *ctl, int argc, char **argv)
{
	struct jobs w = { .ctl = ctl,
		.scope = &ctl->scope,
		.limits = { QUEUE_LIMIT_LEAVE, QUEUE_LIMIT_LEAVE, QUEUE_LIMIT_LEAVE } };
	int c, which = 0;

	while ((c = getopt_long(argc, argv, "", options, &which)) != -1) {
		if (!take_option(&w, c, options[which].name))
			return c == '?' ? ctl_usage(ctl, "no such option, or without its value")
			                : ctl_usage(ctl,
			                      arena_format(w.scope->arena,
			                          "--%s wants %s, not %s", options[which].name,
			                          value_of(options[which].name), optarg));
		w.given |= UINT64_C(1) << which;
	}
	if (optind == argc)
		return ctl_usage(ctl, "wants a verb");
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(argv[optind], verbs[i].name) != 0)
			continue;
		if (!take_words(&w, i, argc - optind - 1, argv + optind + 1))
			return ctl_usage(
			    ctl, wrong_words(&w, i, argc - optind - 1, argv[optind + 1]));
		return refused(&w, i) ? ctl_usage(ctl, refused(&w, i)) : run_verb(&w, i);
	}
	return ctl_usage(
	    ctl, arena_format(w.scope->arena, "there is no verb %s", argv[optind]));
}
