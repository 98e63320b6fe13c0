/* journey: signing in as a browser does it, step by step, with the stand-in as GitHub. */
#ifndef HTTP_JOURNEY_H
#define HTTP_JOURNEY_H

#include "http/auth.h"
#include "support/github.h"

#define START "/api/v1/auth/github"
#define CALLBACK "/api/v1/auth/github/callback"
#define FIREFOX                                                                                \
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"

/* A browser on its way: the cookie it was given, and where it is sent next. */
struct journey {
	char cookie[2048], next[2048];
};

static inline void
keep_location(const struct answer *a, struct journey *j)
{
	const char *to = header_of(a, "Location");

	snprintf(j->next, sizeof(j->next), "%s", to ? to : "");
}

static inline struct journey
begin(const char *query)
{
	struct journey j = { "", "" };
	struct answer a;
	char path[1024];

	snprintf(path, sizeof(path), START "%s", query);
	a = CALL("GET", path);
	cr_assert_eq(a.status, 302, "%ld %s", a.status, a.body);
	cr_assert_not_null(login_cookie_of(&a), "%s", a.headers);
	snprintf(j.cookie, sizeof(j.cookie), "%s", login_cookie_of(&a));
	keep_location(&a, &j);
	forget(&a);
	return j;
}

/* GitHub's page; `more` says who signs in, or that they refuse. */
static inline void
at_github(struct journey *j, const char *more)
{
	struct answer a;
	char url[2100];

	snprintf(url, sizeof(url), "%s&%s", j->next, more);
	a = CALL("GET", url);
	cr_assert_eq(a.status, 302, "GitHub: %ld %s", a.status, a.body);
	keep_location(&a, j);
	forget(&a);
}

static inline struct answer
come_back(const struct journey *j)
{
	return CALL("GET", j->next, .headers = { j->cookie, FIREFOX });
}

static inline struct answer
sign_in_as(const char *who)
{
	struct journey j = begin("");
	char more[128];

	snprintf(more, sizeof(more), "login=%s", who);
	at_github(&j, more);
	return come_back(&j);
}

/* The cookie of a sign-in that must be good. */
static inline const char *
signed_in(const char *who)
{
	static char cookie[2048];
	struct answer a = sign_in_as(who);
	const char *value = cookie_of(&a, "__Host-cg_refresh");

	cr_assert_eq(a.status, 302, "%s: %ld %s", who, a.status, a.body);
	cr_assert_not_null(value, "%s: %s", who, a.headers);
	snprintf(cookie, sizeof(cookie), "Cookie: __Host-cg_refresh=%s", value);
	forget(&a);
	return cookie;
}

static inline struct answer
refresh_by(const char *cookie, const char *origin, const char *mark, const char *site)
{
	return CALL("POST", "/api/v1/auth/refresh", .headers = { cookie, origin, mark, site });
}

static inline const char *
origin_line(void)
{
	static char line[256];

	snprintf(line, sizeof(line), "Origin: %s", our_origin());
	return line;
}

/* An access token of whoever has that cookie. Static. */
static inline const char *
access_by(const char *cookie)
{
	static char access[TOKEN_MAX];
	struct answer a = refresh_by(cookie, origin_line(), "X-CodeGram: 1", NULL);

	cr_assert_eq(a.status, 200, "%ld %s", a.status, a.body);
	snprintf(access, sizeof(access), "%s", text_at(&a, "data.accessToken"));
	forget(&a);
	return access;
}

/* The answer leads to the frontend, with a code and a reason a person can read, and signs nobody
 * in. `said` is a part of the reason, percent-encoded. */
static inline void
expect_failure(struct answer *a, const char *code, const char *said, const char *what)
{
	char start[512];
	const char *to = header_of(a, "Location");

	snprintf(start, sizeof(start), "%s/?error=%s&reason=", our_origin(), code);
	cr_expect_eq(a->status, 302, "%s: %ld %s", what, a->status, a->body);
	cr_expect(to && strncmp(to, start, strlen(start)) == 0, "%s: %s", what, to);
	cr_expect(to && strstr(to, said) != NULL, "%s: %s", what, to);
	cr_expect_null(cookie_of(a, "__Host-cg_refresh"), "%s: signed in", what);
	cr_expect_str_eq(header_of(a, "Cache-Control"), "no-store", "%s", what);
	forget(a);
}

#endif
