/* session: who the caller is, and the sessions a person has: refreshed, listed, ended. */
#include "api/routes.h"
#include "api/tokens.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/session.h"
#include "store/user.h"
#include "web/app.h"

/* GET /auth/me */
enum err
session_me(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_user_own(r->db, r->viewer.id, &rows));
	return reply_one(r, &rows);
}

/* ---- refresh */

/* The token's session is over; whoever holds the token has to sign in again. */
static enum err
refused(struct request *r, enum err e, bool cookie)
{
	if (cookie && (e == ERR_BAD_TOKEN || e == ERR_OLD_TOKEN || e == ERR_SUSPENDED))
		reply_cookie(r, COOKIE_REFRESH, "", "", 0);
	return e;
}

/* Committed although the answer is 401: the family must stay ended. */
static enum err
reused(struct request *r, const struct session_refreshed *was)
{
	struct session_ended *ended = arena_alloc(r->scope.arena, sizeof(*ended));

	if (ended == NULL)
		return ERR_NO_MEMORY;
	*ended = (struct session_ended){ .id = was->session_id,
		.seconds = r->app->settings->JWT_ACCESS_SECONDS + JWT_APART };
	r->ended = ended;
	r->ended_count = 1;
	r->wakes = true;
	fault(&r->scope.fault, ERR_BAD_TOKEN,
	    "a refresh token was used again: session %s ended", was->session_id.text);
	return reply_error_commit(r, ERR_BAD_TOKEN);
}

static enum err
rotate(struct request *r, struct span token, bool cookie)
{
	const struct settings *s = r->app->settings;
	struct rows rows = reply_rows(r);
	struct session_refreshed now;
	struct jwt_claims claims;
	struct pair pair;

	TRY(jwt_check(&r->app->refresh, token, clock_now() / 1000000, &claims, &r->scope));
	TRY(q_session_refresh(r->db, claims.id, uuid_make(), s->JWT_ACCESS_SECONDS,
	    s->JWT_REFRESH_SECONDS, &now));
	if (strcmp(now.outcome, "reuse") == 0)
		return reused(r, &now);
	if (strcmp(now.outcome, "new") != 0 && strcmp(now.outcome, "again") != 0)
		return fault(
		    &r->scope.fault, ERR_BAD_TOKEN, "the refresh token is %s", now.outcome);
	pair = (struct pair){ now.user_id, now.session_id, now.id, now.username, now.role,
		now.access_issued, now.access_expires, now.issued, now.expires };
	buf_char(&r->reply.data, '{');
	TRY(tokens_put(r, &pair, cookie));
	buf_char(&r->reply.data, '}');
	return reply_one(r, &rows);
}

/* POST /auth/refresh: a new pair for the token of the body, or for the cookie's. */
enum err
session_refresh(struct request *r)
{
	const struct session_refresh *in = r->form;
	struct span token = span_of(in->refreshToken);
	bool cookie = in->refreshToken == NULL;
	enum err e;

	if (cookie) {
		token = request_cookie(r, COOKIE_REFRESH, "");
		if (token.len == 0) {
			r->scope.fault.message = "Refresh token required";
			return ERR_NO_TOKEN;
		}
		TRY(from_our_page(r));
	}
	e = rotate(r, token, cookie);
	return e ? refused(r, e, cookie) : OK;
}

/* ---- ending */

static enum err
end_sessions(struct request *r, struct uuid one, struct uuid but, const char *why)
{
	struct session_ended *ended;
	size_t count;

	TRY(q_session_end(r->db, r->viewer.id, one, but, why, &ended, &count));
	r->ended = ended;
	r->ended_count = count;
	r->wakes = true;
	return OK;
}

/* POST /auth/logout */
enum err
session_logout(struct request *r)
{
	const struct session_logout *in = r->form;
	struct uuid this = r->viewer.session, none = { .text = "" };

	TRY(end_sessions(r, in->scope == LOGOUT_THIS ? this : none,
	    in->scope == LOGOUT_OTHERS ? this : none, "logout"));
	if (in->scope != LOGOUT_OTHERS && request_cookie(r, COOKIE_REFRESH, "").len > 0)
		reply_cookie(r, COOKIE_REFRESH, "", "", 0);
	return reply_none(r);
}

/* GET /auth/sessions */
enum err
session_list(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_session_list(r->db, r->viewer.id, r->viewer.session, &rows));
	return reply_one(r, &rows);
}

/* DELETE /auth/sessions/:id */
enum err
session_remove(struct request *r)
{
	struct uuid id, none = { .text = "" };

	TRY(param_uuid(r, "id", &id));
	TRY(end_sessions(r, id, none, "ended"));
	return r->ended_count > 0 ? reply_none(r) : ERR_NOT_FOUND;
}
