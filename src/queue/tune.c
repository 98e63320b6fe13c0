/* tune: JOB_OPTIONS → rows. */
#include "queue/tune.h"

#include <stdio.h>

#include "adapter/json.h"

enum {
	DAY_MS = 86400000,
	ATTEMPTS_MAX = 1000,
	KEEP_MAX = 100000, /* for "never": a queue's memory has an end */
	CONCURRENCY_MAX = 100000,
	RATE_MAX = 1000000,
};

static enum err
refuse(struct scope *scope, const char *name, const char *word, const char *why)
{
	return fault(
	    &scope->fault, ERR_INVALID, "JOB_OPTIONS: /%.64s/%.64s %s", name, word, why);
}

struct number {
	const char *word;
	int64_t min, max, *out;
};

/* Absent ones stay as they are. */
static enum err
number(const struct json_t *object, const char *name, struct number n, struct scope *scope)
{
	int64_t value;
	char why[96];

	if (!json_has(object, n.word))
		return OK;
	if (!json_get_int(object, n.word, &value) || value < n.min || value > n.max) {
		snprintf(why, sizeof(why), "must be a whole number from %lld to %lld",
		    (long long)n.min, (long long)n.max);
		return refuse(scope, name, n.word, why);
	}
	*n.out = value;
	return OK;
}

static enum err
backoff(const struct json_t *object, const char *name, struct job_row *job, struct scope *scope)
{
	static const char *const words[] = { "type", "delay", NULL };
	const struct json_t *inner = json_get_object(object, "backoff");
	const char *type = "";

	if (inner == NULL) {
		if (json_has(object, "backoff"))
			job->backoff = BACKOFF_FIXED;
		return number(object, name,
		    (struct number){ "backoff", 0, DAY_MS, &job->backoff_ms }, scope);
	}
	if (json_other(inner, words) != NULL)
		return refuse(scope, name, json_other(inner, words), "is not known in backoff");
	if (!json_get_text(inner, "type", &type) ||
	    (strcmp(type, "fixed") != 0 && strcmp(type, "exponential") != 0))
		return refuse(scope, name, "backoff/type", "must be fixed or exponential");
	job->backoff = strcmp(type, "fixed") == 0 ? BACKOFF_FIXED : BACKOFF_EXPONENTIAL;
	return number(
	    inner, name, (struct number){ "delay", 0, DAY_MS, &job->backoff_ms }, scope);
}

/* What holds for a job, by its own name or its queue's. */
static enum err
tune_job(
    const struct json_t *object, const char *name, struct job_row *job, struct scope *scope)
{
	TRY(number(object, name, (struct number){ "attempts", 1, ATTEMPTS_MAX, &job->attempts },
	    scope));
	TRY(number(
	    object, name, (struct number){ "timeout", 1, DAY_MS, &job->limit_ms }, scope));
	return backoff(object, name, job, scope);
}

static enum err
keep(const struct json_t *object, const char *name, const char *word, int64_t *out,
    struct scope *scope)
{
	bool at_once;

	if (json_get_bool(object, word, &at_once)) {
		*out = at_once ? 0 : KEEP_MAX;
		return OK;
	}
	return number(object, name, (struct number){ word, 0, KEEP_MAX, out }, scope);
}

static enum err
limiter(
    const struct json_t *object, const char *name, struct queue_row *queue, struct scope *scope)
{
	static const char *const words[] = { "max", "duration", NULL };
	const struct json_t *inner = json_get_object(object, "limiter");

	if (inner == NULL)
		return json_has(object, "limiter")
		           ? refuse(scope, name, "limiter", "must be {max, duration}")
		           : OK;
	if (json_other(inner, words) != NULL)
		return refuse(scope, name, json_other(inner, words), "is not known in limiter");
	if (!json_has(inner, "max") || !json_has(inner, "duration"))
		return refuse(scope, name, "limiter", "must be {max, duration}");
	TRY(number(inner, name, (struct number){ "max", 0, RATE_MAX, &queue->rate }, scope));
	return number(
	    inner, name, (struct number){ "duration", 1, DAY_MS, &queue->rate_ms }, scope);
}

static enum err
tune_queue(
    const struct json_t *object, const char *name, struct queue_row *queue, struct scope *scope)
{
	TRY(number(object, name,
	    (struct number){ "concurrency", 0, CONCURRENCY_MAX, &queue->concurrency }, scope));
	TRY(limiter(object, name, queue, scope));
	TRY(keep(object, name, "removeOnComplete", &queue->done, scope));
	return keep(object, name, "removeOnFail", &queue->dead, scope);
}

/* Which words a name may have: a queue's more than a job's. */
static enum err
check_words(const struct json_t *object, const char *name, bool is_queue, struct scope *scope)
{
	static const char *const of_jobs[] = { "attempts", "backoff", "timeout", NULL };
	static const char *const of_queues[] = { "attempts", "backoff", "timeout",
		"concurrency", "limiter", "removeOnComplete", "removeOnFail", NULL };
	const char *other = json_other(object, is_queue ? of_queues : of_jobs);

	if (other == NULL)
		return OK;
	for (size_t i = 0; of_queues[i] != NULL; i++)
		if (strcmp(of_queues[i], other) == 0)
			return refuse(scope, name, other, "is for queues alone");
	return refuse(scope, name, other, "is not known");
}

static enum err
tune_name(const struct json_t *all, const char *name, struct tuned *out, struct scope *scope)
{
	const struct json_t *object = json_get_object(all, name);
	struct queue_row *queue = NULL;

	if (!json_has(all, name))
		return OK;
	if (object == NULL)
		return refuse(scope, name, "", "must be an object");
	for (size_t q = 0; q < QUEUE_COUNT; q++)
		if (strcmp(out->queues[q].name, name) == 0)
			queue = &out->queues[q];
	TRY(check_words(object, name, queue != NULL, scope));
	for (size_t i = 0; i < out->count; i++)
		if (queue ? queue == &out->queues[out->jobs[i].queue]
		          : strcmp(out->jobs[i].name, name) == 0)
			TRY(tune_job(object, name, &out->jobs[i], scope));
	return queue ? tune_queue(object, name, queue, scope) : OK;
}

/* The names that may be tuned, the queues' first, so that a job's own words come last; NULL at
 * the end. One that is both is the queue's. */
static const char **
names_of(const struct tuned *t, struct arena *arena)
{
	const char **names = arena_alloc(arena, (QUEUE_COUNT + t->count + 1) * sizeof(*names));
	size_t n = 0;

	if (names == NULL)
		return NULL;
	for (size_t q = 0; q < QUEUE_COUNT; q++)
		names[n++] = t->queues[q].name;
	for (size_t i = 0; i < t->count; i++)
		if (queue_find(t->jobs[i].name) == NULL)
			names[n++] = t->jobs[i].name;
	return names;
}

enum err
tune(struct span text, struct tuned *out, struct scope *scope)
{
	const char **names = names_of(out, scope->arena), *other;
	struct json_t *all;

	if (names == NULL)
		return ERR_NO_MEMORY;
	if (json_object_of(text, &all, scope) != OK) {
		fault_reset(&scope->fault);
		return fault(&scope->fault, ERR_INVALID, "JOB_OPTIONS: must be a JSON object");
	}
	if ((other = json_other(all, names)) != NULL)
		return fault(&scope->fault, ERR_INVALID,
		    "JOB_OPTIONS: %.64s is neither a queue nor a job", other);
	for (; *names != NULL; names++)
		TRY(tune_name(all, *names, out, scope));
	return OK;
}
