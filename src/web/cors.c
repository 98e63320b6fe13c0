/* cors: who may call from a browser: the exact origins of FRONTEND_URL (Fetch standard,
 * "CORS protocol"). A preflight is answered here. */
#include "web/app.h"

#define ALLOWED_HEADERS                                                                        \
	"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, "      \
	"X-CodeGram"
#define EXPOSED_HEADERS                                                                        \
	"ETag, Link, Location, Retry-After, X-Request-Id, RateLimit, RateLimit-Policy, "       \
	"Idempotency-Replayed"

static enum err
preflight(struct request *r)
{
	reply_header(r, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
	reply_header(r, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
	reply_header(r, "Access-Control-Max-Age", "600");
	r->reply.done = true;
	return reply_none(r);
}

void
cors_headers(struct request *r)
{
	if (!r->cors_allowed)
		return;
	reply_header(r, "Access-Control-Allow-Origin", arena_text(r->scope.arena, r->origin));
	reply_header(r, "Access-Control-Allow-Credentials", "true");
	reply_header(r, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

enum err
cors(struct request *r)
{
	const char *allowed = r->app->settings->FRONTEND_URL;

	r->origin = request_header(r, "HTTP_ORIGIN");
	if (r->origin.len == 0)
		return OK;
	if (allowed == NULL || !span_list_has(span_of(allowed), r->origin))
		return ERR_BAD_ORIGIN;
	r->cors_allowed = true;
	cors_headers(r);
	if (span_is(r->method, "OPTIONS") &&
	    request_header(r, "HTTP_ACCESS_CONTROL_REQUEST_METHOD").len > 0)
		return preflight(r);
	return OK;
}
