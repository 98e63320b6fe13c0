/* authenticate: the bearer token (RFC 6750) by the row's `who`. Of an access token signature
 * and claims alone, no I/O; whether its session was ended is asked together with the rate limit.
 * A personal access token is looked up, and may do what its scopes say; so is an operator. */
#include "web/app.h"

#include <stdio.h>

#include "adapter/crypto.h"
#include "base/clock.h"
#include "store/access_token.h"
#include "store/session.h"

/* "cgp_" and 256 bits in base64url. */
enum { PERSONAL_LEN = 4 + 43 };

static enum err
scope_missing(struct request *r, const char *scope)
{
	reply_header(r, "WWW-Authenticate",
	    arena_format(r->scope.arena,
	        "Bearer realm=\"codegram\", error=\"insufficient_scope\", scope=\"%s\"",
	        scope));
	r->scope.fault.message =
	    arena_format(r->scope.arena, "This token lacks the scope %s", scope);
	return ERR_FORBIDDEN;
}

static enum err
may_call(struct request *r, const struct access_token_owner *owner)
{
	bool reads = r->route->method[0] == 'G';

	if (r->route->who == SESSION) {
		r->scope.fault.message =
		    "A personal access token can't do this; sign in for it";
		return ERR_FORBIDDEN;
	}
	if (!(reads ? owner->may_read : owner->may_write))
		return scope_missing(r, reads ? "read" : "write");
	if (r->route->who == ADMIN && !owner->may_admin)
		return scope_missing(r, "admin");
	return OK;
}

static enum err
look_up(struct request *r, struct span token, struct access_token_owner *out)
{
	unsigned char hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	enum err e;

	crypto_sha256(token, hash);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	db_open_scope(r->db, &r->scope, false);
	e = q_access_token_use(r->db, hex, out);
	db_close_scope(r->db);
	return e;
}

static enum err
check_personal(struct request *r, struct span token)
{
	struct access_token_owner owner;
	enum err e = ERR_BAD_TOKEN;

	if (token.len == PERSONAL_LEN) {
		TRY(may_guess(r));
		e = look_up(r, token, &owner);
	}
	if (e == ERR_BAD_TOKEN)
		guessed_wrong(r);
	TRY(e);
	r->viewer.id = owner.id;
	r->viewer.admin = owner.may_admin && strcmp(owner.role, "admin") == 0;
	snprintf(r->viewer.username, sizeof(r->viewer.username), "%s", owner.username);
	return may_call(r, &owner);
}

static enum err
check(struct request *r, struct span header)
{
	struct jwt_claims claims;
	struct span token;

	if (header.len < 7 ||
	    !span_equal_nocase((struct span){ header.ptr, 7 }, SPAN("Bearer ")))
		return ERR_BAD_TOKEN;
	token = span_trim((struct span){ header.ptr + 7, header.len - 7 });
	if (span_starts(token, SPAN("cgp_")))
		return check_personal(r, token);
	TRY(jwt_check(&r->app->access, token, clock_now() / 1000000, &claims, &r->scope));
	r->viewer.id = claims.subject;
	r->viewer.session = claims.session;
	r->viewer.admin = strcmp(claims.role, "admin") == 0;
	snprintf(r->viewer.username, sizeof(r->viewer.username), "%s", claims.username);
	return OK;
}

/* What a token of a quarter of an hour ago says is not enough for an operator. Without the
 * database it must do: looking at the queues goes on, and acts ask again. */
static enum err
is_admin_still(struct request *r)
{
	struct session_role now = { .role = "admin" };
	enum err e;

	if (!r->viewer.admin)
		return ERR_FORBIDDEN;
	db_open_scope(r->db, &r->scope, false);
	e = q_session_role(r->db, r->viewer.id, &now);
	db_close_scope(r->db);
	if (e == ERR_AWAY) {
		fault_reset(&r->scope.fault);
		return OK;
	}
	TRY(e);
	return strcmp(now.role, "admin") == 0 ? OK : ERR_FORBIDDEN;
}

enum err
authenticate(struct request *r)
{
	struct span header = request_header(r, "HTTP_AUTHORIZATION");

	if (r->route->who == ANYONE || r->route->who == BROWSER)
		return OK;
	if (header.len > 0)
		TRY(check(r, header));
	else if (r->route->who != VIEWER)
		return ERR_NO_TOKEN;
	return r->route->who == ADMIN ? is_admin_still(r) : OK;
}
