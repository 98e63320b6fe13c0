/* jobs: the queues, for people: what waits, what failed and why, once more, one by hand. */
#include <getopt.h>
#include <stdio.h>

#include "adapter/json.h"
#include "base/buf.h"
#include "base/random.h"
#include "ctl/command.h"
#include "queue/library.h"

enum { LIST_LIMIT = 20, TEXT_MAX = 4 * KIB * KIB, REDIS_MS = 2000 };

struct wish {
	struct ctl *ctl;
	struct redis *redis;
	const char *word[3]; /* behind the verb */
	int words;
	int64_t limit;
	struct queue_item item;
	const char *queue; /* of a job to be added */
};

static void
print_stats(const struct wish *w, const char *queue, const struct queue_stats *s, bool first)
{
	if (!w->ctl->json) {
		if (first)
			printf("%-14s%9s%9s%9s%9s%9s%12s%12s%10s%10s\n", "queue", "waiting",
			    "active", "delayed", "done", "dead", "oldest ms", "completed",
			    "retried", "crashed");
		printf("%-14s%9lld%9lld%9lld%9lld%9lld%12lld%12lld%10lld%10lld\n", queue,
		    (long long)s->waiting, (long long)s->active, (long long)s->delayed,
		    (long long)s->done, (long long)s->dead, (long long)s->oldest_ms,
		    (long long)s->completed, (long long)s->retried, (long long)s->crashed);
		return;
	}
	printf("%s{\"queue\":\"%s\",\"waiting\":%lld,\"active\":%lld,\"delayed\":%lld,\"done\":"
	       "%lld,"
	       "\"dead\":%lld,\"oldest_ms\":%lld,\"added\":%lld,\"completed\":%lld,"
	       "\"failed\":%lld,\"retried\":%lld,\"crashed\":%lld,\"lost\":%lld}",
	    first ? "" : ",", queue, (long long)s->waiting, (long long)s->active,
	    (long long)s->delayed, (long long)s->done, (long long)s->dead,
	    (long long)s->oldest_ms, (long long)s->added, (long long)s->completed,
	    (long long)s->failed, (long long)s->retried, (long long)s->crashed,
	    (long long)s->lost);
}

static enum err
stats(struct wish *w)
{
	bool first = true;

	if (w->ctl->json)
		putchar('[');
	for (int q = 0; q < QUEUE_COUNT; q++) {
		struct queue_stats s;
		if (w->words == 1 && strcmp(w->word[0], queues[q].name) != 0)
			continue;
		TRY(queue_stats(w->redis, queues[q].name, &s, &w->ctl->scope));
		print_stats(w, queues[q].name, &s, first);
		first = false;
	}
	if (w->ctl->json)
		puts("]");
	return OK;
}

static void
add_time(struct buf *b, const char *name, int64_t ms)
{
	if (ms == 0)
		return;
	buf_format(b, ",\"%s\":\"", name);
	buf_time(b, ms * 1000);
	buf_char(b, '"');
}

static void
add_text(struct buf *b, const char *name, const char *text)
{
	if (*text == '\0')
		return;
	buf_format(b, ",\"%s\":\"", name);
	buf_json_any(b, span_of(text));
	buf_char(b, '"');
}

static void
job_json(struct buf *b, const struct queue_view *v)
{
	buf_puts(b, "{\"id\":\"");
	buf_json_any(b, span_of(v->id));
	buf_char(b, '"');
	add_text(b, "name", v->name);
	add_text(b, "state", v->state);
	add_text(b, "lane", v->lane);
	buf_format(b, ",\"attempts\":%lld,\"crashes\":%lld", (long long)v->attempts,
	    (long long)v->crashes);
	add_time(b, "added_at", v->added_ms);
	add_time(b, "due_at", v->due_ms);
	add_time(b, "ended_at", v->ended_ms);
	add_text(b, "reason", v->reason);
	add_text(b, "error", v->error);
	add_text(b, "result", v->result);
	add_text(b, "unique", v->unique);
	add_text(b, "data", v->data);
	buf_char(b, '}');
}

static enum err
list(struct wish *w)
{
	struct queue_view *v;
	struct buf b;
	size_t count;

	TRY(queue_list(w->redis, w->word[0], w->word[1], w->limit, &v, &count, &w->ctl->scope));
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < count; i++) {
		if (w->ctl->json) {
			buf_char(&b, i ? ',' : '[');
			job_json(&b, &v[i]);
			continue;
		}
		buf_format(&b, "%-40s %-16s attempts %lld, crashes %lld  %s%s%s\n", v[i].id,
		    v[i].name, (long long)v[i].attempts, (long long)v[i].crashes, v[i].reason,
		    *v[i].reason ? ": " : "", v[i].error);
	}
	if (w->ctl->json)
		buf_puts(&b, count ? "]\n" : "[]\n");
	fputs(buf_text(&b), stdout);
	buf_free(&b);
	return OK;
}

static enum err
show(struct wish *w)
{
	struct queue_view v;
	struct buf b;

	TRY(queue_show(w->redis, w->word[0], w->word[1], &v, &w->ctl->scope));
	buf_init(&b, TEXT_MAX);
	job_json(&b, &v);
	puts(buf_text(&b));
	buf_free(&b);
	return OK;
}

static enum err
retry(struct wish *w)
{
	enum err e = queue_retry(w->redis, w->word[0], w->word[1], &w->ctl->scope);

	if (e == ERR_CONFLICT)
		return fault(&w->ctl->scope.fault, e, "the job is neither dead nor delayed");
	return e;
}

static enum err
add(struct wish *w)
{
	static const char *const answers[] = { "added", "there", "unique", "full" };
	struct scope *scope = &w->ctl->scope;
	struct uuid id = uuid_make();
	enum add_answer answer;
	struct json_t *object;

	w->item.name = w->word[1];
	w->item.data = w->words == 3 ? span_of(w->word[2]) : SPAN("{}");
	if (w->item.id == NULL)
		w->item.id = id.text;
	TRY(json_object_of(w->item.data, &object, scope));
	TRY(queue_add(w->redis, w->word[0], &w->item, &answer, scope));
	if (w->ctl->json)
		printf("{\"id\":\"%s\",\"answer\":\"%s\"}\n", w->item.id, answers[answer]);
	else
		printf("%s %s\n", w->item.id, answers[answer]);
	return answer == ADD_FULL ? fault(&scope->fault, ERR_TOO_MANY, "the queue is full")
	                          : OK;
}

static const struct {
	const char *name;
	int least, most; /* words behind it */
	enum err (*run)(struct wish *w);
} verbs[] = {
	{ "stats", 0, 1, stats },
	{ "list", 2, 2, list },
	{ "show", 2, 2, show },
	{ "retry", 2, 2, retry },
	{ "add", 2, 3, add },
};

static bool
read_wish(struct wish *w, int argc, char **argv)
{
	static const struct option options[] = { { "limit", 1, NULL, 'l' },
		{ "id", 1, NULL, 'i' }, { "delay", 1, NULL, 'd' }, { "lane", 1, NULL, 'p' },
		{ "unique", 1, NULL, 'u' }, { NULL, 0, NULL, 0 } };
	int c;

	w->limit = LIST_LIMIT;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool good = c != '?';
		switch (c) {
		case 'l':
			good = span_int(span_of(optarg), &w->limit) && w->limit > 0 &&
			       w->limit <= 1000;
			break;
		case 'i': w->item.id = optarg; break;
		case 'd': good = span_int(span_of(optarg), &w->item.delay_ms); break;
		case 'p':
			good = strlen(optarg) == 1 && strchr(QUEUE_LANES, *optarg) != NULL;
			w->item.lane = *optarg;
			break;
		case 'u': w->item.unique = optarg; break;
		default: break;
		}
		if (!good)
			return false;
	}
	for (int i = optind + 1; i < argc && w->words < 3; i++)
		w->word[w->words++] = argv[i];
	return optind < argc && argc - optind <= 4 &&
	       (w->words == 0 || queue_find(w->word[0]) != NULL);
}

static int
run_verb(struct wish *w, size_t i)
{
	const struct settings *s = w->ctl->settings;
	struct redis_options options = { s->REDIS_URL, "codegram-ctl", s->REDIS_PASSWORD,
		REDIS_MS };
	enum err e;

	w->redis = redis_make(&options);
	e = w->redis ? verbs[i].run(w) : ERR_NO_MEMORY;
	redis_free(w->redis);
	return e == OK ? CTL_OK : ctl_failed(w->ctl, e, verbs[i].name);
}

int
command_jobs(struct ctl *ctl, int argc, char **argv)
{
	struct wish w = { .ctl = ctl };

	if (!read_wish(&w, argc, argv))
		return ctl_usage(ctl, "wants a verb and the name of a queue; limits are from 1 "
		                      "to 1000, lanes h, n or l");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[optind], verbs[i].name) == 0 && w.words >= verbs[i].least &&
		    w.words <= verbs[i].most)
			return run_verb(&w, i);
	return ctl_usage(ctl, "stats, list, show, retry or add, with their words");
}
