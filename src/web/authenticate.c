/* authenticate: the bearer token (RFC 6750) by the row's `who`; signature and claims alone, no
 * I/O. Whether the session was ended is asked together with the rate limit. */
#include "web/app.h"

#include <stdio.h>

#include "base/clock.h"

static enum err
refuse(struct request *r, enum err e)
{
	reply_header(r, "WWW-Authenticate",
	    e == ERR_NO_TOKEN ? "Bearer realm=\"codegram\""
	                      : "Bearer realm=\"codegram\", error=\"invalid_token\"");
	return e;
}

static enum err
check(struct request *r, struct span header)
{
	struct jwt_claims claims;
	struct span token;
	enum err e;

	if (header.len < 7 ||
	    !span_equal_nocase((struct span){ header.ptr, 7 }, SPAN("Bearer ")))
		return refuse(r, ERR_BAD_TOKEN);
	token = span_trim((struct span){ header.ptr + 7, header.len - 7 });
	e = jwt_check(&r->app->access, token, clock_now() / 1000000, &claims, &r->scope);
	if (e != OK)
		return refuse(r, e);
	r->viewer.id = claims.subject;
	r->viewer.session = claims.session;
	r->viewer.admin = strcmp(claims.role, "admin") == 0;
	snprintf(r->viewer.username, sizeof(r->viewer.username), "%s", claims.username);
	return OK;
}

enum err
authenticate(struct request *r)
{
	struct span header = request_header(r, "HTTP_AUTHORIZATION");

	if (r->route->who == ANYONE)
		return OK;
	if (header.len > 0)
		TRY(check(r, header));
	else if (r->route->who != VIEWER)
		return refuse(r, ERR_NO_TOKEN);
	return r->route->who == ADMIN && !r->viewer.admin ? ERR_FORBIDDEN : OK;
}
