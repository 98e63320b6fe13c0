/* admin: what the tests of operators' routes share: an admin, jobs made through the API, and
 * waiting for their states. */
#ifndef HTTP_ADMIN_H
#define HTTP_ADMIN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

#define ADMIN_PATH "/api/v1/admin"
#define JOBS_PATH ADMIN_PATH "/jobs"
#define QUEUE_PATH ADMIN_PATH "/queues/maintenance"

static inline void
admin_token(const char *name, char *out, size_t size)
{
	cr_assert_eq(stack_ctl(out, size, "token", name, "--create", "--admin", "--seconds",
	                 "3600", NULL),
	    0, "%s", out);
}

void
stack_ready(void)
{
	char out[1024];

	if (stack_ctl(out, sizeof(out), "token", "root", "--create", "--admin", "--seconds",
	        "3600", NULL) == 0)
		setenv("TEST_ADMIN", out, 1); /* each test is a process of its own */
}

static inline struct answer
call(const char *method, const char *path, const char *body)
{
	return CALL(method, path, .token = getenv("TEST_ADMIN"), .body = body);
}

static inline void
expect_call(const char *method, const char *path, const char *body, long status)
{
	struct answer a = call(method, path, body);

	cr_expect_eq(a.status, status, "%s %s: %ld %s", method, path, a.status, a.body);
	forget(&a);
}

/* A job of the queue maintenance; its id in static memory, eight at a time. */
static inline const char *
added(const char *name, const char *data, const char *opts)
{
	static char ids[8][100];
	static int next;
	char *id = ids[next++ % 8], body[4096];
	struct answer a;

	snprintf(body, sizeof(body),
	    "{\"queue\":\"maintenance\",\"name\":\"%s\",\"data\":%s,\"opts\":%s}", name, data,
	    opts);
	a = call("POST", JOBS_PATH, body);
	cr_assert_eq(a.status, 201, "%s: %ld %s", body, a.status, a.body);
	snprintf(id, sizeof(ids[0]), "%s", text_at(&a, "data.id"));
	cr_expect_not_null(header_of(&a, "Location"));
	cr_expect_not_null(strstr(header_of(&a, "Location"), id));
	forget(&a);
	return id;
}

struct wanted {
	const char *path, *key, *value;
};

static inline bool
has_come(void *with)
{
	const struct wanted *w = with;
	struct answer a = call("GET", w->path, NULL);
	bool yes = a.status == 200 && strcmp(text_at(&a, w->key), w->value) == 0;

	forget(&a);
	return yes;
}

static inline void
expect_state(const char *id, const char *state, double seconds)
{
	char path[256];
	struct wanted w = { path, "data.state", state };
	struct answer a;

	snprintf(path, sizeof(path), JOBS_PATH "/%s", id);
	if (wait_until(has_come, &w, seconds))
		return;
	a = call("GET", path, NULL);
	cr_expect(
	    false, "%s is not %s after %.1f s: %ld %s", id, state, seconds, a.status, a.body);
	forget(&a);
}

static inline void
act_on(const char *id, const char *verb, long status)
{
	char path[256];

	snprintf(path, sizeof(path), JOBS_PATH "/%s%s", id, verb);
	expect_call(*verb ? "POST" : "DELETE", path, NULL, status);
}

#endif
