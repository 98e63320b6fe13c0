/* serve: the way of one request: whose token, which fault, which limit, which route. */
#include <stdio.h>
#include <strings.h>

#include "github/stand_in.h"

enum who { ANYBODY, TOKEN, SITE };

/* In patterns * is one part of the path. SITE is outside the API: no token, no limit. */
static const struct route {
	const char *method, *pattern;
	enum who who;
	void (*serve)(struct ask *a);
} routes[] = {
	{ "GET", "/login/oauth/authorize", SITE, oauth_authorize },
	{ "POST", "/login/oauth/access_token", SITE, oauth_access_token },
	{ "GET", "/avatars/u/*", SITE, rest_avatar },
	{ "POST", "/applications/*/token", SITE, application_check },
	{ "DELETE", "/applications/*/token", SITE, application_drop_token },
	{ "DELETE", "/applications/*/grant", SITE, application_drop_grant },
	{ "GET", "/rate_limit", ANYBODY, rest_rate_limit },
	{ "GET", "/user", TOKEN, rest_user },
	{ "GET", "/user/emails", TOKEN, rest_emails },
	{ "GET", "/user/repos", TOKEN, rest_own_repositories },
	{ "GET", "/users/*", ANYBODY, rest_person },
	{ "GET", "/users/*/repos", ANYBODY, rest_their_repositories },
	{ "GET", "/user/*/repos", ANYBODY, rest_their_repositories },
	{ "GET", "/repos/*/*", ANYBODY, rest_repository },
	{ "GET", "/repos/*/*/languages", ANYBODY, rest_languages },
	{ "GET", "/repositories/*", ANYBODY, rest_repository },
	{ "GET", "/repositories/*/languages", ANYBODY, rest_languages },
	{ "POST", "/graphql", TOKEN, graphql_answer },
};

/* Parts that stand for * go into the ask. */
static bool
fits(struct ask *a, const char *pattern)
{
	struct span want = span_of(pattern), have = span_of(a->path);
	size_t n = 0;

	while (want.ptr != NULL && have.ptr != NULL) {
		struct span w = span_cut(&want, '/'), h = span_cut(&have, '/');
		if (span_is(w, "*") && h.len > 0 && n < PARTS_MAX)
			a->parts[n++] = arena_text(a->arena, h);
		else if (!span_equal(w, h))
			return false;
	}
	return want.ptr == NULL && have.ptr == NULL;
}

static const struct route *
route_of(struct ask *a)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (strcmp(routes[i].method, a->method) == 0 && fits(a, routes[i].pattern))
			return &routes[i];
	return NULL;
}

/* False: a token came that is none. */
static bool
find_token(struct ask *a)
{
	const char *header = header_in(a, "Authorization");

	if (header == NULL || strncasecmp(header, "Basic ", 6) == 0)
		return true;
	if (strncasecmp(header, "Bearer ", 7) == 0)
		a->token = token_by_text(a->world, header + 7);
	else if (strncasecmp(header, "token ", 6) == 0)
		a->token = token_by_text(a->world, header + 6);
	if (a->token == NULL || a->world->people.at[a->token->person].is_gone) {
		a->token = NULL;
		return false;
	}
	a->person = a->token->person;
	return true;
}

/* What GitHub asks of every call. */
static bool
is_acceptable(struct ask *a)
{
	const char *version = header_in(a, "X-GitHub-Api-Version");

	if (header_in(a, "User-Agent") == NULL) {
		buf_puts(&a->out,
		    "\r\nRequest forbidden by administrative rules. Please make sure your "
		    "request has a User-Agent header (https://docs.github.com/en/rest/overview/"
		    "resources-in-the-rest-api#user-agent-required). Check "
		    "https://developer.github.com for other possible causes.\r\n");
		a->status = 403;
		a->type = "text/html; charset=utf-8";
		return false;
	}
	if (version != NULL && strcmp(version, "2022-11-28") != 0) {
		answer_documented(a, 400,
		    arena_format(a->arena,
		        "The API version '%s' is not supported for this endpoint.", version),
		    "https://docs.github.com/rest/overview/api-versions");
		return false;
	}
	return true;
}

static bool
pay(struct ask *a, bool graphql)
{
	struct person *p = a->person == NOBODY ? NULL : &a->world->people.at[a->person];

	a->budget = budget_now(a->world, p == NULL ? &a->world->anonymous
	                                 : graphql ? &p->graphql
	                                           : &p->core);
	answer_header(a, "x-ratelimit-resource", graphql ? "graphql" : "core");
	if (a->budget->used < a->budget->limit) {
		a->budget->used++;
		return true;
	}
	if (graphql) {
		buf_format(&a->out,
		    "{\"errors\":[{\"type\":\"RATE_LIMITED\",\"message\":"
		    "\"API rate limit exceeded for user ID %lld.\"}]}",
		    (long long)p->id);
		return false;
	}
	answer_documented(a, 403,
	    p == NULL ? "API rate limit exceeded for 127.0.0.1. (But here's the good news: "
	                "Authenticated requests get a higher rate limit. Check out the "
	                "documentation for more details.)"
	              : arena_format(a->arena, "API rate limit exceeded for user ID %lld.",
	                    (long long)p->id),
	    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api");
	return false;
}

static bool
may(struct ask *a, const struct route *route, bool known)
{
	if (!known) {
		answer_error(a, 401, "Bad credentials");
		return false;
	}
	if (route != NULL && route->who == TOKEN && a->token == NULL) {
		answer_error(a, 401, "Requires authentication");
		return false;
	}
	if (a->person != NOBODY && a->world->people.at[a->person].is_suspended) {
		answer_documented(a, 403, "Sorry. Your account was suspended.",
		    "https://docs.github.com/rest");
		return false;
	}
	return true;
}

/* The real answer, as if nobody had asked for a fault. */
void
serve_api(struct ask *a)
{
	const struct route *route = route_of(a);
	bool known = a->token != NULL || find_token(a);

	a->status = 200;
	if (route != NULL && route->who == SITE) {
		route->serve(a);
		return;
	}
	if (!is_acceptable(a) || !may(a, route, known))
		return;
	if (route == NULL)
		answer_error(a, 404, "Not Found");
	else if (route->serve == rest_rate_limit || pay(a, route->serve == graphql_answer))
		route->serve(a);
}

static bool
is_site(const struct ask *a)
{
	return strncmp(a->path, "/login/", 7) == 0 || strncmp(a->path, "/avatars/", 9) == 0;
}

/* On GitHub Enterprise REST is below /api/v3 and GraphQL at /api/graphql. */
static void
find_base(struct ask *a)
{
	const char *url = a->world->app.public_url;

	a->is_enterprise =
	    strncmp(a->path, "/api/v3", 7) == 0 && (a->path[7] == '/' || a->path[7] == '\0');
	snprintf(a->api, sizeof(a->api), "%.480s%s", url, a->is_enterprise ? "/api/v3" : "");
	if (a->is_enterprise && strcmp(a->path, "/api/v3/graphql") != 0)
		a->path = a->path[7] ? a->path + 7 : "/";
	if (strcmp(a->path, "/api/graphql") == 0) {
		a->is_enterprise = true;
		a->path = "/graphql";
	}
}

void
serve_ask(struct ask *a)
{
	const char *target = a->path;
	struct mishap *fault;

	if (strncmp(a->path, "/_stand-in/", 11) == 0) {
		control_serve(a);
		return;
	}
	find_base(a);
	find_token(a);
	log_begin(a, target);
	fault = fault_match(a);
	if (fault == NULL || !fault_answer(a, fault))
		serve_api(a);
	if (!is_site(a))
		answer_finish(a);
	if (fault != NULL)
		fault_spoil(a, fault);
}
