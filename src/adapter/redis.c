/* redis: connect, call, and give up in time. */
#include "adapter/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { AWAY_MS = 1000 };
#define NUMBER_MAX (INT64_C(1) << 53)

struct redis_value {
	bool is_number;
	int64_t number;
	struct span text; /* ptr NULL: nil, or a number */
};

struct redis {
	struct redis_options options;
	redisContext *context;
	int64_t away_until; /* clock_mono() */
	char why[160];      /* it was away then; `code` as the fault's */
	char code[24];
};

struct redis *
redis_make(const struct redis_options *options)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->options = *options;
	return r;
}

static void
disconnect(struct redis *r)
{
	if (r->context != NULL)
		redisFree(r->context);
	r->context = NULL;
}

void
redis_free(struct redis *r)
{
	if (r == NULL)
		return;
	disconnect(r);
	free(r);
}

static enum err
away(struct redis *r, const char *doing, struct fault *f)
{
	snprintf(r->why, sizeof(r->why), "%s: %s", doing,
	    r->context && r->context->err ? r->context->errstr : "no connection");
	fault(f, ERR_AWAY, "Redis: %s", r->why);
	r->code[0] = '\0';
	disconnect(r);
	r->away_until = clock_mono() + AWAY_MS * 1000;
	return ERR_AWAY;
}

static enum err
was_away(const struct redis *r, struct fault *f)
{
	fault_word(f, span_of(r->code));
	return fault(f, ERR_AWAY, "Redis: was away a moment ago: %s", r->why);
}

/* The text of an error reply; its first word is what to go by. */
static enum err
refused(enum err e, const char *doing, const char *text, struct fault *f)
{
	struct span rest = span_of(text);

	fault(f, e, "Redis: %s%s%s", doing, *doing ? ": " : "", text ? text : "?");
	fault_word(f, span_cut(&rest, ' '));
	return e;
}

static redisContext *
dial(const char *url, struct timeval limit)
{
	struct span rest = span_of(url), host;
	int64_t port = 6379;
	char name[256];

	if (span_starts(rest, SPAN("unix://")))
		return redisConnectUnixWithTimeout(url + 7, limit);
	if (!span_starts(rest, SPAN("redis://")))
		return NULL;
	rest = (struct span){ url + 8, rest.len - 8 };
	rest = span_cut(&rest, '/');
	host = span_cut(&rest, ':');
	if (host.len >= sizeof(name) || (rest.ptr != NULL && !span_int(rest, &port)))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)host.len, host.ptr);
	return redisConnectWithTimeout(name, (int)port, limit);
}

/* A reply, or NULL when the connection failed; error replies are replies. */
static redisReply *
call(struct redis *r, int words, const char **word)
{
	return redisCommandArgv(r->context, words, word, NULL);
}

/* A password that is refused is refused for the next second, too. */
static enum err
log_in(struct redis *r, struct fault *f)
{
	const char *auth[] = { "AUTH", r->options.user, r->options.password };
	redisReply *reply = call(r, 3, auth);
	enum err e = OK;

	if (reply == NULL)
		return away(r, "AUTH", f);
	if (reply->type == REDIS_REPLY_ERROR) {
		e = refused(ERR_AWAY, "AUTH", reply->str, f);
		snprintf(r->why, sizeof(r->why), "AUTH: %s", reply->str);
		snprintf(r->code, sizeof(r->code), "%s", f->code);
		r->away_until = clock_mono() + AWAY_MS * 1000;
		disconnect(r);
	}
	freeReplyObject(reply);
	return e;
}

static enum err
connected(struct redis *r, struct fault *f)
{
	struct timeval limit = { r->options.timeout_ms / 1000,
		(r->options.timeout_ms % 1000) * 1000 };

	if (r->context != NULL)
		return OK;
	if (clock_mono() < r->away_until)
		return was_away(r, f);
	r->context = dial(r->options.url, limit);
	if (r->context == NULL || r->context->err ||
	    redisSetTimeout(r->context, limit) != REDIS_OK)
		return away(r, "connecting", f);
	return r->options.password ? log_in(r, f) : OK;
}

/* The other side went away between calls; not a time-out. */
static bool
closed_by_peer(const redisContext *c)
{
	return c->err == REDIS_ERR_EOF ||
	       (c->err == REDIS_ERR_IO && (errno == EPIPE || errno == ECONNRESET));
}

/* A dead connection shows only when it is used: once more on a new one. Not after a time-out:
 * a frozen Redis would cost two. The words must not matter when they run twice. */
static enum err
ask(struct redis *r, int words, const char **word, redisReply **out, struct fault *f)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		bool fresh = r->context == NULL;
		TRY(connected(r, f));
		if ((*out = call(r, words, word)) != NULL)
			return OK;
		if (fresh || !closed_by_peer(r->context))
			break;
		disconnect(r);
	}
	return away(r, word[0], f);
}

static size_t
values_in(const redisReply *reply)
{
	size_t n = 0;

	if (reply->type != REDIS_REPLY_ARRAY)
		return 1;
	for (size_t i = 0; i < reply->elements; i++)
		n += values_in(reply->element[i]);
	return n;
}

static bool
copy(const redisReply *reply, struct redis_reply *out, struct arena *arena)
{
	struct redis_value *v;

	if (reply->type == REDIS_REPLY_ARRAY) {
		for (size_t i = 0; i < reply->elements; i++)
			if (!copy(reply->element[i], out, arena))
				return false;
		return true;
	}
	v = &out->values[out->count++];
	*v = (struct redis_value){ .is_number = reply->type == REDIS_REPLY_INTEGER };
	if (v->is_number)
		v->number = reply->integer;
	else if (reply->type != REDIS_REPLY_NIL) {
		v->text.ptr = arena_text(arena, (struct span){ reply->str, reply->len });
		v->text.len = reply->len;
		return v->text.ptr != NULL;
	}
	return true;
}

/* Takes the reply over: frees it. */
static enum err
flat(redisReply *reply, struct redis_reply *out, struct scope *scope)
{
	enum err e = OK;

	*out = (struct redis_reply){ .count = 0 };
	if (reply->type == REDIS_REPLY_ERROR) {
		e = strncmp(reply->str, "ERR Function not found", 22) == 0 ? ERR_NOT_FOUND
		                                                           : ERR_INTERNAL;
		refused(e, "", reply->str, &scope->fault);
	} else {
		/* a list may be empty, an allocation not */
		size_t bytes = (values_in(reply) + 1) * sizeof(*out->values);
		out->values = arena_alloc(scope->arena, bytes);
		if (out->values == NULL || !copy(reply, out, scope->arena))
			e = ERR_NO_MEMORY;
	}
	freeReplyObject(reply);
	return e;
}

static struct redis_value
value_at(const struct redis_reply *reply, size_t i)
{
	return i < reply->count ? reply->values[i] : (struct redis_value){ .number = 0 };
}

struct span
redis_span(const struct redis_reply *reply, size_t i)
{
	struct span text = value_at(reply, i).text;

	return text.ptr != NULL ? text : SPAN("");
}

const char *
redis_text(const struct redis_reply *reply, size_t i)
{
	return redis_span(reply, i).ptr;
}

int64_t
redis_number(const struct redis_reply *reply, size_t i)
{
	struct redis_value v = value_at(reply, i);

	if (!v.is_number && !span_int(v.text, &v.number))
		return 0;
	return v.number >= -NUMBER_MAX && v.number <= NUMBER_MAX ? v.number : 0;
}

bool
redis_is_nil(const struct redis_reply *reply, size_t i)
{
	struct redis_value v = value_at(reply, i);

	return !v.is_number && v.text.ptr == NULL;
}

struct command {
	const char **word;
	size_t *len;
	int count;
};

static enum err
command_of(const struct span *words, size_t count, struct command *c, struct scope *scope)
{
	c->word = arena_alloc(scope->arena, count * sizeof(*c->word));
	c->len = arena_alloc(scope->arena, count * sizeof(*c->len));
	c->count = (int)count;
	if (c->word == NULL || c->len == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		c->word[i] = words[i].len ? words[i].ptr : "";
		c->len[i] = words[i].len;
	}
	return OK;
}

enum err
redis_call(struct redis *r, const struct span *words, size_t count, struct redis_reply *out,
    struct scope *scope)
{
	struct command c;

	TRY(command_of(words, count, &c, scope));
	for (int attempt = 0; attempt < 2; attempt++) {
		bool fresh = r->context == NULL;
		redisReply *reply;
		TRY(connected(r, &scope->fault));
		reply = redisCommandArgv(r->context, c.count, c.word, c.len);
		if (reply != NULL)
			return flat(reply, out, scope);
		if (fresh || !closed_by_peer(r->context))
			break;
		disconnect(r);
	}
	return away(r, c.word[0], &scope->fault);
}

enum err
redis_send(struct redis *r, const struct span *words, size_t count, struct scope *scope)
{
	struct command c;
	int done = 0;

	TRY(command_of(words, count, &c, scope));
	TRY(connected(r, &scope->fault));
	if (redisAppendCommandArgv(r->context, c.count, c.word, c.len) != REDIS_OK)
		return away(r, c.word[0], &scope->fault);
	while (!done)
		if (redisBufferWrite(r->context, &done) != REDIS_OK)
			return away(r, c.word[0], &scope->fault);
	return OK;
}

int
redis_fd(const struct redis *r)
{
	return r->context ? r->context->fd : -1;
}

enum err
redis_take(struct redis *r, struct redis_reply *out, bool *there, struct scope *scope)
{
	struct pollfd p = { .events = POLLIN };
	void *reply = NULL;

	*there = false;
	if (r->context == NULL)
		return fault(&scope->fault, ERR_AWAY, "Redis: no connection");
	p.fd = r->context->fd;
	/* Several replies may have come by one read. */
	if (redisGetReplyFromReader(r->context, &reply) != REDIS_OK)
		return away(r, "waiting", &scope->fault);
	if (reply == NULL && poll(&p, 1, 0) > 0 &&
	    (redisBufferRead(r->context) != REDIS_OK ||
	        redisGetReplyFromReader(r->context, &reply) != REDIS_OK))
		return away(r, "waiting", &scope->fault);
	*there = reply != NULL;
	return reply != NULL ? flat(reply, out, scope) : OK;
}

void
redis_drop(struct redis *r)
{
	disconnect(r);
}

static enum err
load(struct redis *r, struct redis_script *script, struct fault *f)
{
	const char *word[] = { "SCRIPT", "LOAD", script->text };
	redisReply *reply;

	TRY(ask(r, 3, word, &reply, f));
	if (reply->type != REDIS_REPLY_STRING || reply->len != 40) {
		fault(f, ERR_INTERNAL, "Redis: SCRIPT LOAD: %s", reply->str ? reply->str : "?");
		freeReplyObject(reply);
		return ERR_INTERNAL;
	}
	memcpy(script->sha, reply->str, sizeof(script->sha));
	freeReplyObject(reply);
	return OK;
}

static enum err
integers(const redisReply *reply, int64_t *out, size_t max, size_t *count, struct fault *f)
{
	if (reply->type != REDIS_REPLY_ARRAY)
		return refused(ERR_INTERNAL, "script", reply->str, f);
	*count = reply->elements < max ? reply->elements : max;
	for (size_t i = 0; i < *count; i++) {
		if (reply->element[i]->type != REDIS_REPLY_INTEGER)
			return fault(f, ERR_INTERNAL, "Redis: script: no numbers");
		out[i] = reply->element[i]->integer;
	}
	return OK;
}

enum err
redis_run(struct redis *r, struct redis_script *script, int keys, int args,
    const char *const *words, int64_t *out, size_t max, size_t *count, struct fault *f)
{
	const char *word[3 + REDIS_SCRIPT_WORDS_MAX] = { "EVALSHA", script->sha };
	char number[12];
	redisReply *reply;
	enum err e;

	if (keys + args > REDIS_SCRIPT_WORDS_MAX)
		return fault(f, ERR_INTERNAL, "Redis: a script with %d words", keys + args);
	snprintf(number, sizeof(number), "%d", keys);
	word[2] = number;
	for (int i = 0; i < keys + args; i++)
		word[3 + i] = words[i];
	if (script->sha[0] == '\0')
		TRY(load(r, script, f));
	TRY(ask(r, 3 + keys + args, word, &reply, f));
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
		freeReplyObject(reply);
		TRY(load(r, script, f));
		TRY(ask(r, 3 + keys + args, word, &reply, f));
	}
	e = integers(reply, out, max, count, f);
	freeReplyObject(reply);
	return e;
}

enum err
redis_ping(struct redis *r, struct fault *f)
{
	const char *word[] = { "PING" };
	redisReply *reply;
	enum err e = OK;

	TRY(ask(r, 1, word, &reply, f));
	if (reply->type != REDIS_REPLY_STATUS)
		e = refused(ERR_AWAY, "PING", reply->str, f);
	freeReplyObject(reply);
	return e;
}

enum err
redis_config(struct redis *r, const char *key, char *out, size_t size, struct fault *f)
{
	const char *word[] = { "CONFIG", "GET", key };
	redisReply *reply;

	out[0] = '\0';
	TRY(ask(r, 3, word, &reply, f));
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	    reply->element[1]->type == REDIS_REPLY_STRING)
		snprintf(out, size, "%s", reply->element[1]->str);
	freeReplyObject(reply);
	return OK;
}
