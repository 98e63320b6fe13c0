/* queue: loads the job queue for tools/bench/queue and says what it measured, a line
 * "metric value" each. Producers call queue/library.h as any program would; the jobs are done
 * by the keeper and the children of a stack. Owns the queue `bench`; adds to `maintenance`. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "queue/library.h"

enum { FLIGHT = 100, CHUNK = 500, CALL_MS = 10000, PATIENCE_S = 120, SAMPLES_MAX = 100000 };

/* 143 bytes, as the peers get. */
static const char payload[] =
    "{\"times\":1,\"ms\":0,\"deaf\":false,\"note\":\"octocat, 2026-11-22T10:00:00.000Z, "
    "nightly, 3f2b8c1e-7d5a-4e6b-9c0d-1a2b3c4d5e6f, page 123456789000000\"}";

static struct redis *redis;
static struct scope scope;
static char series[37]; /* ids of this run begin so */

static void
must(enum err e, const char *what)
{
	if (e == OK)
		return;
	fprintf(stderr, "queue: %s: %s: %s\n", what, err_row(e)->word, scope.fault.story);
	exit(1);
}

static void
say(const char *metric, double value)
{
	printf("%s %.3f\n", metric, value);
}

static double
seconds_since(int64_t began)
{
	return (double)(clock_mono() - began) / 1e6;
}

static const char *
id_of(long n)
{
	return arena_format(scope.arena, "%s-%ld", series, n);
}

static const char *
key_of(const char *queue, const char *rest)
{
	return arena_format(scope.arena, "cg:{%s}:%s", queue, rest);
}

static struct redis_reply
command(const char *first, const char *second, const char *third, const char *fourth)
{
	const char *text[] = { first, second, third, fourth };
	struct span word[4];
	struct redis_reply reply;
	size_t n = 0;

	while (n < 4 && text[n] != NULL) {
		word[n] = span_of(text[n]);
		n++;
	}
	must(redis_call(redis, word, n, &reply, &scope), first);
	return reply;
}

static double
info(const char *section, const char *field)
{
	struct redis_reply reply = command("INFO", section, NULL, NULL);
	const char *at = strstr(redis_text(&reply, 0), field);

	return at ? strtod(at + strlen(field), NULL) : 0;
}

static double
redis_cpu(void)
{
	double sum = info("cpu", "used_cpu_user:") + info("cpu", "used_cpu_sys:");

	arena_reset(scope.arena);
	return sum;
}

static void
add_one(const char *queue, const char *name, const char *data, long n)
{
	struct queue_item item = { .id = id_of(n), .name = name, .data = span_of(data) };
	enum add_answer answer;

	must(queue_add(redis, queue, &item, &answer, &scope), "add");
	if (answer != ADD_DONE) {
		fprintf(stderr, "queue: add: answer %d\n", (int)answer);
		exit(1);
	}
	arena_reset(scope.arena);
}

static void
add(long count)
{
	int64_t began = clock_mono();

	for (long n = 0; n < count; n++)
		add_one("bench", "noop", payload, n);
	say("add_per_s", (double)count / seconds_since(began));
}

/* A hundred unanswered calls on one connection; words as library.c writes them. */
static void
send_one(long n)
{
	const struct span word[] = { SPAN("FCALL"), SPAN("cg1_add"), SPAN("1"),
		SPAN("cg:{bench}"), span_of(id_of(n)), SPAN("noop"), span_of(payload),
		SPAN("n"), SPAN("0"), SPAN("") };

	must(redis_send(redis, word, sizeof(word) / sizeof(*word), &scope), "send");
}

static void
take_one(void)
{
	struct pollfd p = { redis_fd(redis), POLLIN, 0 };
	struct redis_reply reply;
	bool there;

	for (;;) {
		must(redis_take(redis, &reply, &there, &scope), "take");
		if (there)
			break;
		poll(&p, 1, CALL_MS);
	}
	if (reply.count != 1 || redis_number(&reply, 0) != ADD_DONE)
		must(ERR_INTERNAL, "a pipelined add");
}

static void
add_pipelined(long count)
{
	int64_t began = clock_mono();

	for (long sent = 0, taken = 0; taken < count; taken++) {
		while (sent < count && sent - taken < FLIGHT)
			send_one(sent++);
		take_one();
		if (taken % FLIGHT == 0)
			arena_reset(scope.arena);
	}
	say("add_per_s", (double)count / seconds_since(began));
}

static void
bulk(const char *queue, const char *name, long count)
{
	struct queue_item item[CHUNK];
	char generation[37], was[37];
	enum batch_answer answer;
	int64_t batch;

	must(queue_watermark(redis, queue, was, &batch, &scope), "watermark");
	snprintf(generation, sizeof(generation), "%s", *was ? was : series);
	for (long n = 0; n < count; n += CHUNK) {
		size_t size = (size_t)(count - n < CHUNK ? count - n : CHUNK);
		for (size_t i = 0; i < size; i++)
			item[i] = (struct queue_item){
				.id = id_of(n + (long)i), .name = name, .data = span_of(payload)
			};
		must(
		    queue_batch(redis, queue, generation, ++batch, item, size, &answer, &scope),
		    "batch");
		if (answer != BATCH_DONE) {
			fprintf(stderr, "queue: batch: answer %d\n", (int)answer);
			exit(1);
		}
		arena_reset(scope.arena);
	}
}

static void
add_bulk(long count)
{
	int64_t began = clock_mono();

	bulk("bench", "noop", count);
	say("add_per_s", (double)count / seconds_since(began));
}

static void
bytes(long count)
{
	double before = info("memory", "used_memory:");

	bulk("bench", "noop", count);
	say("bytes_per_waiting_job", (info("memory", "used_memory:") - before) / (double)count);
}

static struct queue_stats
stats(const char *queue)
{
	struct queue_stats s;

	must(queue_stats(redis, queue, &s, &scope), "stats");
	arena_reset(scope.arena);
	return s;
}

static int64_t
completed(void)
{
	struct redis_reply reply =
	    command("HGET", key_of("maintenance", "m"), "completed", NULL);
	int64_t n = 0;

	span_int(redis_span(&reply, 0), &n);
	arena_reset(scope.arena);
	return n;
}

/* From the moment that the queue goes on, all jobs being there, to the last one's end. */
static void
process(long count)
{
	int64_t base = completed(), began, dead = stats("maintenance").dead;
	double cpu;

	must(queue_pause(redis, "maintenance", true, &scope), "pause");
	for (long n = 0; n < count; n++)
		add_one("maintenance", "test.none", payload, n);
	sleep(1); /* what the adding woke sleeps again */
	cpu = redis_cpu();
	began = clock_mono();
	must(queue_pause(redis, "maintenance", false, &scope), "resume");
	while (completed() - base < count && seconds_since(began) < PATIENCE_S &&
	       stats("maintenance").dead == dead)
		usleep(2000);
	if (completed() - base < count) {
		struct queue_stats s = stats("maintenance");
		fprintf(stderr, "queue: %lld of %ld done; %lld failed, %lld wait\n",
		    (long long)(completed() - base), count, (long long)s.failed,
		    (long long)s.waiting);
		exit(1);
	}
	say("process_per_s", (double)count / seconds_since(began));
	say("redis_cpu_us_per_job", (redis_cpu() - cpu) * 1e6 / (double)count);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The handler's result is when it began. */
static void
latency(long count)
{
	static double took[SAMPLES_MAX];

	for (long n = 0; n < count; n++) {
		struct queue_view v = { .result = "" };
		int64_t began = clock_now(), ran = 0;
		add_one("maintenance", "test.none", payload, n);
		while (ran == 0) {
			usleep(5000 + (useconds_t)(n % 7) * 500);
			must(queue_show(redis, "maintenance", id_of(n), &v, &scope), "show");
			span_int(span_of(v.result), &ran);
			arena_reset(scope.arena);
			if (clock_now() - began > PATIENCE_S * 1000000LL)
				must(ERR_AWAY, "no worker runs the jobs");
		}
		took[n] = (double)(ran - began) / 1000;
	}
	qsort(took, (size_t)count, sizeof(*took), by_value);
	say("p50_ms", took[count / 2]);
	say("p99_ms", took[count * 99 / 100]);
}

static struct queue_view
look(const char *id)
{
	struct queue_view v;

	arena_reset(scope.arena);
	must(queue_show(redis, "maintenance", id, &v, &scope), "show");
	return v;
}

static bool
is_active(const char *id)
{
	return strcmp(look(id).state, "active") == 0;
}

/* A job that takes long, in some child's hands; its id. */
static const char *
long_job(char id[64])
{
	int64_t began = clock_mono();

	add_one("maintenance", "test.sleep", "{\"ms\":25000}", 0);
	snprintf(id, 64, "%s", id_of(0));
	while (!is_active(id) && seconds_since(began) < PATIENCE_S)
		usleep(1000);
	usleep(100 * 1000); /* the child has it in hand */
	return id;
}

static void
kill_children(pid_t keeper)
{
	char path[64];
	long child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)keeper, (int)keeper);
	if ((f = fopen(path, "r")) == NULL)
		must(ERR_NOT_FOUND, path);
	while (fscanf(f, "%ld", &child) == 1)
		if (child > 1)
			kill((pid_t)child, SIGKILL);
	fclose(f);
}

/* Until Redis has written the crash down and the job is ready for the next child. */
static void
child_killed(pid_t keeper)
{
	char id[64];
	int64_t began;

	long_job(id);
	began = clock_mono();
	kill_children(keeper);
	while (look(id).crashes == 0 && seconds_since(began) < PATIENCE_S)
		usleep(200);
	say("seconds_to_retry", seconds_since(began));
}

static void
worker_killed(pid_t keeper)
{
	char id[64];
	int64_t began;

	long_job(id);
	began = clock_mono();
	kill(keeper, SIGKILL);
	while ((look(id).crashes == 0 || !is_active(id)) && seconds_since(began) < PATIENCE_S)
		usleep(5000);
	say("seconds_to_restart", seconds_since(began));
}

static int
run(const char *what, long count)
{
	if (strcmp(what, "add") == 0)
		add(count);
	else if (strcmp(what, "pipelined") == 0)
		add_pipelined(count);
	else if (strcmp(what, "bulk") == 0)
		add_bulk(count);
	else if (strcmp(what, "bytes") == 0)
		bytes(count);
	else if (strcmp(what, "process") == 0)
		process(count);
	else if (strcmp(what, "latency") == 0 && count <= SAMPLES_MAX)
		latency(count);
	else if (strcmp(what, "child_killed") == 0 && count > 1)
		child_killed((pid_t)count);
	else if (strcmp(what, "worker_killed") == 0 && count > 1)
		worker_killed((pid_t)count);
	else
		return 2;
	return 0;
}

int
main(int argc, char **argv)
{
	struct redis_options options = { .timeout_ms = CALL_MS };

	if (argc != 4) {
		fprintf(stderr, "usage: queue REDIS-URL CASE COUNT|PID\n");
		return 2;
	}
	options.url = argv[1];
	redis = redis_make(&options);
	scope.arena = arena_make(1 << 20, 1 << 26);
	if (redis == NULL || scope.arena == NULL)
		return 1;
	snprintf(series, sizeof(series), "%s", uuid_make().text);
	must(queue_load(redis, &scope), "load");
	return run(argv[2], strtol(argv[3], NULL, 10));
}
