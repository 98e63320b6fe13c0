/* cookie: the two cookies that CodeGram has, both for browsers alone, and the proof that a
 * request which uses one comes from our own page (RFC 6265bis; OAuth for browser-based apps,
 * section on cookies). */
#include "web/app.h"

static const struct {
	const char *name, *same_site;
} cookies[] = {
	[COOKIE_REFRESH] = { "__Host-cg_refresh", "Strict" },
	/* comes back with a navigation from GitHub, which Strict would not let through */
	[COOKIE_LOGIN] = { "__Host-cg_login", "Lax" },
};

struct span
request_cookie(const struct request *r, int cookie)
{
	struct span rest = request_header(r, "HTTP_COOKIE");

	while (rest.ptr != NULL && rest.len > 0) {
		struct span value = span_trim(span_cut(&rest, ';')),
		            name = span_cut(&value, '=');
		if (span_is(name, cookies[cookie].name))
			return value;
	}
	return (struct span){ NULL, 0 };
}

void
reply_cookie(struct request *r, int cookie, const char *value, int64_t seconds)
{
	reply_header(r, "Set-Cookie",
	    arena_format(r->scope.arena,
	        "%s=%s; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=%s",
	        cookies[cookie].name, value, (long long)seconds, cookies[cookie].same_site));
}

enum err
from_our_page(struct request *r)
{
	struct span site = request_header(r, "HTTP_SEC_FETCH_SITE");

	/* cors() has let it in only when it is allowed */
	if (r->origin.len == 0)
		return ERR_BAD_ORIGIN;
	if (site.len > 0 && !span_is(site, "same-origin") && !span_is(site, "same-site")) {
		r->scope.fault.message = "A cookie counts only from the same site";
		return ERR_FORBIDDEN;
	}
	if (!span_is(request_header(r, "HTTP_X_CODEGRAM"), "1")) {
		r->scope.fault.message =
		    "A request that uses a cookie also sends X-CodeGram: 1";
		return ERR_FORBIDDEN;
	}
	return OK;
}
