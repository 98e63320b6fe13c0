/* words: calls of the library, written and answered. */
#include "queue/words.h"

#include <stdio.h>

#include "adapter/json.h"
#include "base/buf.h"

enum { LIBRARY_MAX = 256 * 1024, NUMBER_MAX = 24, PACKED_MAX = 8 * 1024 };

extern const char *const queue_library_text[];

void
put(struct words *w, struct span word)
{
	if (!w->failed)
		w->word[w->count++] = word;
}

void
put_text(struct words *w, const char *text)
{
	put(w, span_of(text));
}

void
put_number(struct words *w, int64_t n)
{
	char *digits = arena_alloc(w->scope->arena, NUMBER_MAX);

	w->failed = w->failed || digits == NULL;
	if (w->failed)
		return;
	snprintf(digits, NUMBER_MAX, "%lld", (long long)n);
	put_text(w, digits);
}

const char *
lane_text(char lane)
{
	return lane == 'h' ? "h" : lane == 'l' ? "l" : "n";
}

struct words
words_of(const char *function, const char *queue, size_t more, struct scope *scope)
{
	struct words w = { .scope = scope };
	const char *key = arena_format(scope->arena, "cg:{%s}", queue);

	w.word = arena_alloc(scope->arena, (4 + more) * sizeof(*w.word));
	w.failed = w.word == NULL || key == NULL;
	put(&w, SPAN("FCALL"));
	put_text(&w, function);
	put(&w, SPAN("1"));
	put_text(&w, key);
	return w;
}

enum err
queue_load(struct redis *r, struct scope *scope)
{
	struct span words[] = { SPAN("FUNCTION"), SPAN("LOAD"), SPAN("REPLACE"), { NULL, 0 } };
	struct redis_reply reply;
	struct buf text;
	enum err e;

	buf_init(&text, LIBRARY_MAX);
	for (const char *const *line = queue_library_text; *line != NULL; line++)
		buf_puts(&text, *line);
	words[3] = buf_span(&text);
	e = buf_ok(&text) ? redis_call(r, words, 4, &reply, scope) : ERR_NO_MEMORY;
	buf_free(&text);
	return e;
}

enum err
ask_library(struct redis *r, struct words *w, size_t at_least, struct redis_reply *out)
{
	enum err e;

	if (w->failed)
		return ERR_NO_MEMORY;
	e = redis_call(r, w->word, w->count, out, w->scope);
	if (e == ERR_NOT_FOUND) {
		fault_reset(&w->scope->fault);
		TRY(queue_load(r, w->scope));
		e = redis_call(r, w->word, w->count, out, w->scope);
	}
	TRY(e);
	if (out->count < at_least)
		return fault(&w->scope->fault, ERR_INTERNAL, "Redis: %.*s: %zu values",
		    (int)w->word[1].len, w->word[1].ptr, out->count);
	return OK;
}

enum err
ask_numbers(struct redis *r, struct words *w, int64_t *out, size_t count)
{
	struct redis_reply reply;

	TRY(ask_library(r, w, count, &reply));
	for (size_t i = 0; i < count; i++)
		out[i] = redis_number(&reply, i);
	return OK;
}

enum err
ask_counts(struct redis *r, struct words *w, int64_t most, int64_t *out, size_t count)
{
	TRY(ask_numbers(r, w, out, count));
	for (size_t i = 0; i < count; i++)
		if (out[i] < 0 || out[i] > most)
			return fault(&w->scope->fault, ERR_INTERNAL,
			    "Redis: %.*s: an answer of %lld", (int)w->word[1].len,
			    w->word[1].ptr, (long long)out[i]);
	return OK;
}

void
put_lease(struct words *w, const struct queue_lease *lease)
{
	put_text(w, lane_text(lease->lane));
	put_text(w, lease->entry);
	put_text(w, lease->id);
}

int64_t
keep_done(const char *queue)
{
	const struct queue_row *row = queue_find(queue);

	return row ? row->done : queues[0].done;
}

int64_t
keep_dead(const char *queue)
{
	const struct queue_row *row = queue_find(queue);

	return row ? row->dead : queues[0].dead;
}

/* ---- what few jobs carry */

static void
add_text(struct buf *b, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	buf_format(b, ",\"%s\":\"", name);
	buf_json_any(b, span_of(text));
	buf_char(b, '"');
}

static void
add_number(struct buf *b, const char *name, int64_t n)
{
	if (n != 0)
		buf_format(b, ",\"%s\":%lld", name, (long long)n);
}

static void
add_unique(struct buf *b, const struct queue_item *item)
{
	if (item->unique == NULL || item->unique_mode == UNIQUE_UNTIL_DONE)
		return;
	add_text(b, "unique", item->unique_mode == UNIQUE_FOR ? "for" : "last");
	if (item->unique_mode == UNIQUE_FOR)
		add_number(b, "unique_ms", item->unique_ms);
}

static void
write_packed(struct buf *b, const struct queue_item *item)
{
	add_unique(b, item);
	add_number(b, "attempts", item->attempts);
	if (item->backoff != BACKOFF_ROW)
		add_text(
		    b, "backoff", item->backoff == BACKOFF_FIXED ? "fixed" : "exponential");
	add_number(b, "backoff_ms", item->backoff_ms);
	add_number(b, "keep_done", item->keep_done);
	add_number(b, "keep_done_ms", item->keep_done_ms);
	add_number(b, "keep_dead", item->keep_dead);
	add_number(b, "keep_dead_ms", item->keep_dead_ms);
	add_text(b, "key", item->key);
	if (item->key != NULL)
		add_number(b, "limit", item->key_limit);
	add_text(b, "batch", item->batch);
	add_number(b, "total", item->batch_total);
	if (item->batch_final)
		buf_puts(b, ",\"final\":true");
	add_text(b, "owner", item->owner);
	add_text(b, "trace", item->trace);
}

enum err
pack_item(const struct queue_item *item, struct span *out, struct scope *scope)
{
	struct buf b;
	const char *text = NULL;
	bool ok;

	*out = (struct span){ NULL, 0 };
	buf_init(&b, PACKED_MAX);
	write_packed(&b, item);
	if (b.len > 0 && buf_ok(&b)) {
		b.ptr[0] = '{';
		buf_char(&b, '}');
		text = arena_text(scope->arena, buf_span(&b));
	}
	ok = buf_ok(&b) && (b.len == 0 || text != NULL);
	if (ok)
		*out = (struct span){ text, b.len };
	buf_free(&b);
	return ok ? OK : ERR_NO_MEMORY;
}

static const char *
text_of(const struct json_t *object, const char *name)
{
	const char *text;

	return json_get_text(object, name, &text) ? text : "";
}

struct packed
unpack_item(struct span text, struct scope *scope)
{
	struct packed p = { .owner = "", .trace = "", .batch = "", .key = "" };
	struct json_t *object;
	const char *backoff;

	if (text.len == 0)
		return p;
	if (json_object_of(text, &object, scope) != OK) { /* not of our writing */
		fault_reset(&scope->fault);
		return p;
	}
	json_get_int(object, "attempts", &p.attempts);
	json_get_int(object, "backoff_ms", &p.backoff_ms);
	p.owner = text_of(object, "owner");
	p.trace = text_of(object, "trace");
	p.batch = text_of(object, "batch");
	p.key = text_of(object, "key");
	backoff = text_of(object, "backoff");
	p.backoff = strcmp(backoff, "fixed") == 0         ? BACKOFF_FIXED
	            : strcmp(backoff, "exponential") == 0 ? BACKOFF_EXPONENTIAL
	                                                  : BACKOFF_ROW;
	return p;
}
