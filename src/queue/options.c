/* options: Bull's words → a queue_item, a row a word. */
#include "queue/options.h"

#include <stdio.h>

#include "adapter/json.h"
#include "base/unicode.h"
#include "model/rule.h"

#define YEAR_MS INT64_C(31536000000)

enum {
	ATTEMPTS_MAX = 1000,
	KEEP_MAX = 1000000,
	PRIORITY_MAX = 1 << 21, /* BullMQ's */
	PRIORITY_NORMAL = 10,
	LIMIT_MAX = 1000,
	TOTAL_MAX = 10000000,
	POINTER_MAX = 96,
	WORDS_MAX = 32,
};

/* A word being read: a member of `object`, which stands at `at`. */
struct word {
	const struct json_t *object;
	const char *at, *name;
	struct queue_item *item;
	struct scope *scope;
};

static enum err
refuse(const struct word *w, const char *code, const char *message, int64_t most)
{
	char field[POINTER_MAX];

	snprintf(field, sizeof(field), "%s/%.60s", w->at, w->name);
	return fault_field(&w->scope->fault, field, code, message, most);
}

static enum err
read_number(const struct word *w, int64_t least, int64_t most, int64_t *out)
{
	int64_t n;

	if (!json_get_int(w->object, w->name, &n))
		return refuse(w, "NOT_AN_INTEGER", "must be a whole number", 0);
	if (n < least)
		return refuse(w, "TOO_SMALL", "is below the least value", least);
	if (n > most)
		return refuse(w, "TOO_BIG", "is above the greatest value", most);
	*out = n;
	return OK;
}

static enum err
read_text(const struct word *w, int64_t most, const char **out)
{
	const char *text;

	if (!json_get_text(w->object, w->name, &text) || *text == '\0')
		return refuse(w, "NOT_A_TEXT", "must be a text, not an empty one", 0);
	if ((int64_t)strlen(text) > most)
		return refuse(w, "TOO_LONG", "has too many bytes", most);
	*out = text;
	return OK;
}

/* The word of an object inside. */
static struct word
inside(const struct word *w, const char *at, const char *name)
{
	return (
	    struct word){ json_get_object(w->object, w->name), at, name, w->item, w->scope };
}

static bool
has(const struct word *w)
{
	return json_has(w->object, w->name);
}

/* `w` is to be an object of these words only. */
static enum err
only(const struct word *w, const char *at, const char *const *words, const char *message)
{
	struct word other = inside(w, at, NULL);

	if (other.object == NULL)
		return refuse(w, "NOT_AN_OBJECT", message, 0);
	other.name = json_other(other.object, words);
	return other.name ? refuse(&other, "UNKNOWN_FIELD", "is not a field here", 0) : OK;
}

static enum err
attempts(const struct word *w)
{
	return read_number(w, 1, ATTEMPTS_MAX, &w->item->attempts);
}

static enum err
backoff(const struct word *w)
{
	static const char *const words[] = { "type", "delay", NULL };
	struct word type = inside(w, "/backoff", "type");
	struct word delay = inside(w, "/backoff", "delay");
	const char *text;

	if (json_get_int(w->object, w->name, &(int64_t){ 0 })) {
		TRY(read_number(w, 1, YEAR_MS, &w->item->backoff_ms));
		w->item->backoff = BACKOFF_FIXED;
		return OK;
	}
	TRY(only(w, "/backoff", words, "must be a number of ms, or {type, delay}"));
	if (!json_get_text(type.object, "type", &text) ||
	    (strcmp(text, "fixed") != 0 && strcmp(text, "exponential") != 0))
		return refuse(&type, "NOT_A_CHOICE", "must be fixed or exponential", 0);
	if (has(&delay))
		TRY(read_number(&delay, 1, YEAR_MS, &w->item->backoff_ms));
	w->item->backoff = *text == 'f' ? BACKOFF_FIXED : BACKOFF_EXPONENTIAL;
	return OK;
}

static enum err
delay(const struct word *w)
{
	return read_number(w, 0, YEAR_MS, &w->item->delay_ms);
}

static enum err
priority(const struct word *w)
{
	static const char *const words[] = { "high", "normal", "low", NULL };
	const char *text;
	int64_t n;

	if (json_get_text(w->object, w->name, &text)) {
		for (int i = 0; words[i] != NULL; i++)
			if (strcmp(text, words[i]) == 0) {
				w->item->lane = QUEUE_LANES[i];
				return OK;
			}
		return refuse(w, "NOT_A_CHOICE", "must be high, normal, low or a number", 0);
	}
	TRY(read_number(w, 0, PRIORITY_MAX, &n));
	w->item->lane = n == 0 || n == PRIORITY_NORMAL ? 'n' : n < PRIORITY_NORMAL ? 'h' : 'l';
	return OK;
}

static enum err
lane(const struct word *w)
{
	const char *text;

	if (!json_get_text(w->object, w->name, &text) || strlen(text) != 1 ||
	    strchr(QUEUE_LANES, *text) == NULL)
		return refuse(w, "NOT_A_CHOICE", "must be h, n or l", 0);
	w->item->lane = *text;
	return OK;
}

static enum err
job_id(const struct word *w)
{
	const char *id;

	TRY(read_text(w, QUEUE_ID_SIZE - 1, &id));
	if (!unicode_visible(span_of(id)) || !rule_job_id.ok(span_of(id)))
		return refuse(w, rule_job_id.code, rule_job_id.message, 0);
	w->item->id = id;
	return OK;
}

static int64_t
kept(int64_t n)
{
	return n == 0 ? KEEP_NONE : n;
}

static enum err
keep(const struct word *w, const char *at, int64_t *most, int64_t *age_ms)
{
	static const char *const words[] = { "count", "age", NULL };
	struct word count = inside(w, at, "count"), age = inside(w, at, "age");
	int64_t n = KEEP_QUEUE, seconds = 0;
	bool at_once;

	if (json_get_bool(w->object, w->name, &at_once)) {
		n = at_once ? KEEP_NONE : KEEP_QUEUE;
	} else if (json_get_int(w->object, w->name, &n)) {
		TRY(read_number(w, 0, KEEP_MAX, &n));
		n = kept(n);
	} else {
		TRY(only(w, at, words, "must be true, false, a number or {count, age}"));
		if (has(&count))
			TRY(read_number(&count, 0, KEEP_MAX, &n));
		if (has(&count))
			n = kept(n);
		if (has(&age))
			TRY(read_number(&age, 1, YEAR_MS / 1000, &seconds));
	}
	*most = n;
	*age_ms = seconds * 1000;
	return OK;
}

static enum err
remove_on_complete(const struct word *w)
{
	return keep(w, "/removeOnComplete", &w->item->keep_done, &w->item->keep_done_ms);
}

static enum err
remove_on_fail(const struct word *w)
{
	return keep(w, "/removeOnFail", &w->item->keep_dead, &w->item->keep_dead_ms);
}

static enum err
unique_mode(const struct word *ttl, const struct word *mode)
{
	struct queue_item *item = ttl->item;
	const char *text;

	item->unique_mode = UNIQUE_UNTIL_DONE;
	if (has(ttl)) {
		if (has(mode))
			return refuse(mode, "NOT_BOTH", "goes without ttl only", 0);
		TRY(read_number(ttl, 1, YEAR_MS, &item->unique_ms));
		item->unique_mode = UNIQUE_FOR;
		return OK;
	}
	if (!has(mode))
		return OK;
	if (!json_get_text(mode->object, mode->name, &text) ||
	    (strcmp(text, "until_done") != 0 && strcmp(text, "last") != 0))
		return refuse(mode, "NOT_A_CHOICE", "must be until_done or last", 0);
	if (*text == 'l')
		item->unique_mode = UNIQUE_LAST;
	return OK;
}

static enum err
unique_at(const struct word *w, const char *at)
{
	static const char *const words[] = { "id", "ttl", "mode", NULL };
	struct word id = inside(w, at, "id"), ttl = inside(w, at, "ttl");
	struct word mode = inside(w, at, "mode");

	if (json_get_object(w->object, w->name) == NULL) {
		w->item->unique_mode = UNIQUE_UNTIL_DONE;
		return read_text(w, QUEUE_KEY_MAX, &w->item->unique);
	}
	TRY(only(w, at, words, "must be a text, or {id, ttl | mode}"));
	TRY(read_text(&id, QUEUE_KEY_MAX, &w->item->unique));
	return unique_mode(&ttl, &mode);
}

static enum err
unique(const struct word *w)
{
	return unique_at(w, "/unique");
}

static enum err
deduplication(const struct word *w)
{
	return unique_at(w, "/deduplication");
}

static enum err
concurrency(const struct word *w)
{
	static const char *const words[] = { "key", "limit", NULL };
	struct word key = inside(w, "/concurrency", "key");
	struct word limit = inside(w, "/concurrency", "limit");

	if (key.object == NULL)
		return read_text(w, QUEUE_KEY_MAX, &w->item->key);
	TRY(only(w, "/concurrency", words, "must be a text, or {key, limit}"));
	TRY(read_text(&key, QUEUE_KEY_MAX, &w->item->key));
	w->item->key_limit = 1;
	return has(&limit) ? read_number(&limit, 1, LIMIT_MAX, &w->item->key_limit) : OK;
}

static enum err
batch(const struct word *w)
{
	static const char *const words[] = { "id", "total", "final", NULL };
	struct word id = inside(w, "/batch", "id"), total = inside(w, "/batch", "total");
	struct word final = inside(w, "/batch", "final");

	TRY(only(w, "/batch", words, "must be {id, total, final}"));
	TRY(read_text(&id, QUEUE_KEY_MAX, &w->item->batch));
	w->item->batch_final = false;
	if (has(&final) && !json_get_bool(final.object, "final", &w->item->batch_final))
		return refuse(&final, "NOT_A_BOOLEAN", "must be true or false", 0);
	if (has(&total) || w->item->batch_final)
		return read_number(&total, 1, TOTAL_MAX, &w->item->batch_total);
	return OK;
}

static enum err
owner(const struct word *w)
{
	struct uuid uuid;
	const char *text;

	if (!json_get_text(w->object, w->name, &text) || !uuid_parse(span_of(text), &uuid))
		return refuse(w, "NOT_A_UUID", "must be a UUID", 0);
	w->item->owner = arena_text(w->scope->arena, span_of(uuid.text));
	return w->item->owner ? OK : ERR_NO_MEMORY;
}

static enum err
trace(const struct word *w)
{
	return read_text(w, QUEUE_TRACE_MAX, &w->item->trace);
}

static const struct {
	const char *name;
	enum err (*read)(const struct word *w);
} rows[] = {
	{ "attempts", attempts },
	{ "backoff", backoff },
	{ "delay", delay },
	{ "priority", priority },
	{ "lane", lane },
	{ "jobId", job_id },
	{ "removeOnComplete", remove_on_complete },
	{ "removeOnFail", remove_on_fail },
	{ "unique", unique },
	{ "deduplication", deduplication },
	{ "concurrency", concurrency },
	{ "batch", batch },
	{ "owner", owner },
	{ "trace", trace },
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static enum err
unknown(const struct json_t *bull, const char *const *others, struct scope *scope)
{
	const char *words[WORDS_MAX + 1] = { NULL };
	struct word other = { bull, "", NULL, NULL, scope };
	size_t n = 0;

	for (; n < ROWS; n++)
		words[n] = rows[n].name;
	for (; others != NULL && *others != NULL && n < WORDS_MAX; others++)
		words[n++] = *others;
	other.name = json_other(bull, words);
	return other.name ? refuse(&other, "UNKNOWN_FIELD", "is not a field here", 0) : OK;
}

enum err
queue_options_beside(const struct json_t *bull, const char *const *others,
    struct queue_item *item, struct scope *scope)
{
	enum err worst, e;

	if (bull == NULL)
		return OK;
	worst = unknown(bull, others, scope);
	for (size_t i = 0; i < ROWS; i++) {
		struct word w = { bull, "", rows[i].name, item, scope };
		if (!has(&w) || (e = rows[i].read(&w)) == OK)
			continue;
		if (e == ERR_NO_MEMORY)
			return e;
		worst = e;
	}
	return worst;
}

enum err
queue_options(const struct json_t *bull, struct queue_item *item, struct scope *scope)
{
	return queue_options_beside(bull, NULL, item, scope);
}
