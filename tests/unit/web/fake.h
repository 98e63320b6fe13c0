/* fake: a request without a connection. Stands in for adapter/fastcgi.c, so parameters and the
 * body come from here, and what is written is kept here. */
#ifndef UNIT_WEB_FAKE_H
#define UNIT_WEB_FAKE_H

#include "unit/scope.h"
#include "web/app.h"

static struct {
	struct {
		const char *name;
		struct span value;
	} params[16];
	size_t count;
	struct span body; /* what is left of it */
	struct buf written;
} fake;

static struct app app;
static struct settings settings;
static struct request *const r = &app.request;

static inline void
fake_param(const char *name, struct span value)
{
	fake.params[fake.count].name = name;
	fake.params[fake.count++].value = value;
}

static inline void
open_fake(void)
{
	open_scope();
	buf_init(&fake.written, 1 << 24);
	app.settings = &settings;
	app.arena = scope.arena;
	app.groups = ~0u;
	app.workers = 1;
	app.pool = "all";
	memset(app.cursor_key, 7, sizeof(app.cursor_key));
}

/* A new request in the same worker. */
static inline void
fresh(void)
{
	struct reply reply = r->reply;

	arena_reset(scope.arena);
	fake.count = 0;
	fake.body = (struct span){ NULL, 0 };
	buf_reset(&fake.written);
	*r = (struct request){ .app = &app, .scope = { .arena = scope.arena }, .reply = reply };
	reply_reset(r);
}

static inline void
close_fake(void)
{
	buf_free(&r->reply.data);
	buf_free(&r->reply.headers);
	buf_free(&fake.written);
	close_scope();
}

static inline const char *
headers(void)
{
	return buf_text(&r->reply.headers);
}

struct span
fastcgi_param(struct fastcgi *f, const char *name)
{
	(void)f;
	for (size_t i = 0; i < fake.count; i++)
		if (strcmp(fake.params[i].name, name) == 0)
			return fake.params[i].value;
	return (struct span){ NULL, 0 };
}

struct span
fastcgi_param_at(struct fastcgi *f, const char *name, size_t which)
{
	(void)f;
	for (size_t i = 0; i < fake.count; i++)
		if (strcmp(fake.params[i].name, name) == 0 && which-- == 0)
			return fake.params[i].value;
	return (struct span){ NULL, 0 };
}

size_t
fastcgi_read(struct fastcgi *f, char *to, size_t size)
{
	size_t n = size < fake.body.len ? size : fake.body.len;

	(void)f;
	if (n > 0)
		memcpy(to, fake.body.ptr, n);
	fake.body.ptr += n;
	fake.body.len -= n;
	return n;
}

bool
fastcgi_write(struct fastcgi *f, struct span text)
{
	(void)f;
	buf_add(&fake.written, text);
	return true;
}

int
fastcgi_listen(const char *path)
{
	(void)path;
	return -1;
}

struct fastcgi *
fastcgi_open(int listen_fd, int signal_fd)
{
	(void)listen_fd;
	(void)signal_fd;
	return NULL;
}

void
fastcgi_close(struct fastcgi *f)
{
	(void)f;
}

enum fastcgi_event
fastcgi_wait(struct fastcgi *f, int timeout_ms)
{
	(void)f;
	(void)timeout_ms;
	return FASTCGI_NOTHING;
}

enum fastcgi_event
fastcgi_pause(struct fastcgi *f, int timeout_ms)
{
	return fastcgi_wait(f, timeout_ms);
}

enum fastcgi_accepted
fastcgi_accept(struct fastcgi *f)
{
	(void)f;
	return FASTCGI_NONE;
}

void
fastcgi_finish(struct fastcgi *f)
{
	(void)f;
}

#endif
