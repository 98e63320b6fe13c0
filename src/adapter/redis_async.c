/* redis_async: hiredis's asynchronous API on libev. */
#include "adapter/redis_async.h"

#include <hiredis/async.h>
#include <hiredis/adapters/libev.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum { AGAIN_MS = 200 };

struct redis_async {
	struct redis_options options;
	struct loop *loop;
	struct loop_watch *again;
	redisAsyncContext *context; /* NULL: between two tries */
	bool is_up, said, ending;
	void (*up)(void *with, bool up);
	void *with;
};

struct waiting {
	void (*done)(void *with, const struct redisReply *reply);
	void *with;
};

static void
lost(struct redis_async *r, const char *reason)
{
	bool was_up = r->is_up;

	r->context = NULL;
	r->is_up = false;
	if (r->ending)
		return;
	if (was_up || !r->said)
		LOG(LEVEL_WARN, "redis.lost",
		    L_TEXT("reason", reason && *reason ? reason : "?"));
	r->said = true;
	loop_later_in(r->again, AGAIN_MS);
	if (was_up)
		r->up(r->with, false);
}

static void
on_disconnect(const redisAsyncContext *c, int status)
{
	struct redis_async *r = c->data;

	if (r->context == c)
		lost(r, status == REDIS_OK ? "given up" : c->errstr);
}

static void
is_up(struct redis_async *r)
{
	r->is_up = true;
	r->said = false;
	r->up(r->with, true);
}

static void
on_auth(redisAsyncContext *c, void *reply, void *with)
{
	struct redis_async *r = c->data;

	(void)with;
	if (r->ending || r->context != c || reply == NULL)
		return;
	if (redis_reply_failed(reply))
		redisAsyncDisconnect(c);
	else
		is_up(r);
}

static void
on_connect(const redisAsyncContext *c, int status)
{
	struct redis_async *r = c->data;

	if (r->context != c)
		return;
	if (status != REDIS_OK)
		lost(r, c->errstr); /* hiredis frees the context when this returns */
	else if (r->options.password == NULL)
		is_up(r);
	else
		redisAsyncCommand(r->context, on_auth, NULL, "AUTH %s %s", r->options.user,
		    r->options.password);
}

static redisAsyncContext *
dial(const char *url)
{
	struct span rest = span_of(url), host;
	int64_t port = 6379;
	char name[256];

	if (span_starts(rest, SPAN("unix://")))
		return redisAsyncConnectUnix(url + 7);
	if (!span_starts(rest, SPAN("redis://")))
		return NULL;
	rest = (struct span){ url + 8, rest.len - 8 };
	rest = span_cut(&rest, '/');
	host = span_cut(&rest, ':');
	if (host.len >= sizeof(name) || (rest.ptr != NULL && !span_int(rest, &port)))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)host.len, host.ptr);
	return redisAsyncConnect(name, (int)port);
}

static void
connect_now(void *with)
{
	struct redis_async *r = with;
	redisAsyncContext *c = dial(r->options.url);

	if (c == NULL || c->err) {
		char reason[128];
		snprintf(reason, sizeof(reason), "%s", c ? c->errstr : "no such address");
		if (c != NULL)
			redisAsyncFree(c);
		lost(r, reason);
		return;
	}
	c->data = r;
	r->context = c;
	redisLibevAttach(loop_foreign(r->loop), c);
	redisAsyncSetConnectCallback(c, on_connect);
	redisAsyncSetDisconnectCallback(c, on_disconnect);
}

struct redis_async *
redis_async_make(struct loop *loop, const struct redis_options *options,
    void (*up)(void *with, bool up), void *with)
{
	struct redis_async *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct redis_async){ .options = *options, .loop = loop, .up = up, .with = with };
	if ((r->again = loop_later(loop, connect_now, r)) == NULL) {
		free(r);
		return NULL;
	}
	loop_later_in(r->again, 0);
	return r;
}

void
redis_async_free(struct redis_async *r)
{
	if (r == NULL)
		return;
	r->ending = true;
	loop_pause(r->again, true);
	if (r->context != NULL)
		redisAsyncFree(r->context);
	free(r);
}

static void
on_reply(redisAsyncContext *c, void *reply, void *with)
{
	struct waiting *w = with;

	(void)c;
	w->done(w->with, reply);
	free(w);
}

bool
redis_async_send(struct redis_async *r, int words, const char *const *word,
    void (*done)(void *with, const struct redisReply *reply), void *with)
{
	struct waiting *w;

	if (!r->is_up || (w = calloc(1, sizeof(*w))) == NULL)
		return false;
	*w = (struct waiting){ done, with };
	if (redisAsyncCommandArgv(r->context, on_reply, w, words,
	        (const char **)(uintptr_t)word, NULL) == REDIS_OK)
		return true;
	free(w);
	return false;
}

void
redis_async_drop(struct redis_async *r)
{
	redisAsyncContext *c = r->context;

	if (c == NULL)
		return;
	lost(r, "no answer in time");
	redisAsyncFree(c);
}

bool
redis_reply_failed(const struct redisReply *reply)
{
	return reply == NULL || reply->type == REDIS_REPLY_ERROR;
}

struct span
redis_reply_text(const struct redisReply *reply)
{
	if (reply == NULL || reply->str == NULL)
		return (struct span){ NULL, 0 };
	return (struct span){ reply->str, (size_t)reply->len };
}

int64_t
redis_reply_number(const struct redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

size_t
redis_reply_count(const struct redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *
redis_reply_at(const struct redisReply *reply, size_t i)
{
	return i < redis_reply_count(reply) ? reply->element[i] : NULL;
}
