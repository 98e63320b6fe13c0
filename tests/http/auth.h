/* auth: what the tests of signing in, sessions and tokens share. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/stack.h"

enum { TOKEN_MAX = 1024 };

struct pair {
	char access[TOKEN_MAX], refresh[TOKEN_MAX], session[40], user[40];
};

/* A new session of a person, who is made when new, like a sign-in's. */
static inline struct pair
open_session(const char *username)
{
	struct pair p;
	char out[4096];
	json_t *json;

	cr_assert_eq(stack_ctl(out, sizeof(out), "--json", "token", username, "--create",
	                 "--refresh", NULL),
	    0, "no session for %s: %s", username, out);
	json = json_loads(out, 0, NULL);
	cr_assert_not_null(json, "%s", out);
#define TAKE(to, name)                                                                         \
	snprintf(to, sizeof(to), "%s", json_string_value(json_object_get(json, name)))
	TAKE(p.access, "accessToken");
	TAKE(p.refresh, "refreshToken");
	TAKE(p.session, "session_id");
	TAKE(p.user, "user_id");
#undef TAKE
	json_decref(json);
	return p;
}

static inline struct answer
refresh(const char *token)
{
	char body[TOKEN_MAX + 64];

	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", token);
	return CALL("POST", "/api/v1/auth/refresh", .body = body);
}

/* The pair of an answer that must be good. */
static inline struct pair
refreshed(const struct pair *before)
{
	struct pair p = *before;
	struct answer a = refresh(before->refresh);

	cr_assert_eq(a.status, 200, "%ld %s", a.status, a.body);
	snprintf(p.access, sizeof(p.access), "%s", text_at(&a, "data.accessToken"));
	snprintf(p.refresh, sizeof(p.refresh), "%s", text_at(&a, "data.refreshToken"));
	forget(&a);
	return p;
}

static inline void
expect_refused(const char *refresh_token, const char *what)
{
	struct answer a = refresh(refresh_token);

	cr_expect_eq(a.status, 401, "%s: %ld %s", what, a.status, a.body);
	forget(&a);
}

static inline long
status_of_me(const char *access)
{
	struct answer a = CALL("GET", "/api/v1/auth/me", .token = access);
	long status = a.status;

	forget(&a);
	return status;
}

/* A count whose SQL names one id as %s. */
static inline long
count_of(const char *format, const char *id)
{
	char sql[512];

	/* the format is the test's own literal */
	snprintf(sql, sizeof(sql), "%.*s%s%s", (int)(strstr(format, "%s") - format), format, id,
	    strstr(format, "%s") + 2);
	return stack_count(sql);
}

static inline void
run_sql(const char *format, const char *id)
{
	(void)count_of(format, id);
}

/* The value that a Set-Cookie gives `name` ("" takes it away); NULL: it sets none. Static. */
static inline const char *
cookie_of(const struct answer *a, const char *name)
{
	static char value[2000];
	char start[64];
	const char *at = a->headers;

	snprintf(start, sizeof(start), "set-cookie: %s=", name);
	for (; at != NULL && *at; at = strchr(at, '\n') + 1)
		if (strncasecmp(at, start, strlen(start)) == 0) {
			snprintf(value, sizeof(value), "%.*s",
			    (int)strcspn(at + strlen(start), ";\r\n"), at + strlen(start));
			return value;
		}
	return NULL;
}

/* The line that sends back the cookie by which a sign-in under way is known; NULL: none is set.
 * Static. */
static inline const char *
login_cookie_of(const struct answer *a)
{
	static char line[2048];
	const char *at = strcasestr(a->headers, "set-cookie: __Host-cg_login_");

	if (at == NULL)
		return NULL;
	snprintf(line, sizeof(line), "Cookie: %.*s", (int)strcspn(at + 12, ";\r\n"), at + 12);
	return line;
}

/* An origin that the stack's FRONTEND_URL names, and of which its pages are. */
static inline const char *
our_origin(void)
{
	return stack_url();
}

#endif
