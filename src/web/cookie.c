/* cookie: the two kinds of cookies that CodeGram has, both for browsers alone, and the proof that
 * a request which uses one comes from our own page (RFC 6265bis; OAuth for browser-based apps,
 * section on cookies). */
#include "web/app.h"

static const struct {
	const char *name, *same_site;
} cookies[] = {
	[COOKIE_REFRESH] = { "__Host-cg_refresh", "Strict" },
	/* one for each sign-in under way; comes back with a navigation from GitHub, which Strict
	 * would not let through */
	[COOKIE_LOGIN] = { "__Host-cg_login_", "Lax" },
};

enum { OF_MAX = 16, REMOVED_MAX = 8 };

/* The next one of that kind: what stands behind its name goes into `of`. ptr is NULL after the
 * last. */
static struct span
next_cookie(struct span *rest, int cookie, struct span *of)
{
	struct span start = span_of(cookies[cookie].name);

	while (rest->ptr != NULL && rest->len > 0) {
		struct span value = span_trim(span_cut(rest, ';')),
		            name = span_cut(&value, '=');
		if (!span_starts(name, start) || name.len - start.len > OF_MAX ||
		    value.ptr == NULL)
			continue;
		*of = (struct span){ name.ptr + start.len, name.len - start.len };
		return value;
	}
	return (struct span){ NULL, 0 };
}

struct span
request_cookie(const struct request *r, int cookie, const char *of)
{
	struct span rest = request_list(r, "HTTP_COOKIE"), value, name;

	while ((value = next_cookie(&rest, cookie, &name)).ptr != NULL)
		if (span_is(name, of))
			return value;
	return value;
}

void
reply_cookie(struct request *r, int cookie, const char *of, const char *value, int64_t seconds)
{
	reply_header(r, "Set-Cookie",
	    arena_format(r->scope.arena,
	        "%s%s=%s; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=%s",
	        cookies[cookie].name, of, value, (long long)seconds,
	        cookies[cookie].same_site));
}

/* Browsers name the older ones first (RFC 6265, section 5.4). */
void
reply_cookies_bound(struct request *r, int cookie, size_t most)
{
	struct span header = request_list(r, "HTTP_COOKIE"), rest = header, of;
	size_t count = 0;

	while (next_cookie(&rest, cookie, &of).ptr != NULL)
		count++;
	rest = header;
	for (size_t i = 0; i < REMOVED_MAX && i + most < count; i++) {
		next_cookie(&rest, cookie, &of);
		reply_cookie(r, cookie, arena_text(r->scope.arena, of), "", 0);
	}
}

enum err
from_our_page(struct request *r)
{
	struct span site = request_header(r, "HTTP_SEC_FETCH_SITE");

	/* cors() has let it in only when it is allowed */
	if (r->origin.len == 0) {
		r->scope.fault.message = "A request that uses a cookie comes from a page, and "
		                         "so has an Origin";
		return ERR_BAD_ORIGIN;
	}
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
