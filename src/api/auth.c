/* auth: signing in by GitHub, in a browser (a redirect there, a redirect back) or by a client
 * that got GitHub's code itself. */
#include <stdio.h>

#include "adapter/crypto.h"
#include "api/routes.h"
#include "api/tokens.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"
#include "model/whence.h"
#include "service/github.h"
#include "service/sign_in.h"
#include "store/auth.h"
#include "web/app.h"

enum { LOGIN_SECONDS = 600, SECRET_BYTES = 32, COOKIE_MAX = 4096, NAME_LEN = 8, JOURNEYS = 4 };

#define BOUND_TO SPAN("oauth-state")

static enum err
is_configured(struct request *r)
{
	const struct settings *s = r->app->settings;

	if (s->GITHUB_CLIENT_ID && s->GITHUB_CLIENT_SECRET && s->PUBLIC_URL &&
	    s->FRONTEND_URL && r->app->seal.count > 0 && r->app->http != NULL)
		return OK;
	r->scope.fault.message = "Signing in by GitHub is not set up here";
	return fault(&r->scope.fault, ERR_AWAY,
	    "GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, PUBLIC_URL, FRONTEND_URL or SEAL_KEY is "
	    "not set, or this is not the login pool");
}

static const char *
base64_text(struct request *r, const void *bytes, size_t len)
{
	const char *text;
	struct buf b;

	buf_init(&b, 2 * COOKIE_MAX);
	buf_base64url(&b, bytes, len);
	text = buf_ok(&b) ? arena_text(r->scope.arena, buf_span(&b)) : NULL;
	buf_free(&b);
	return text;
}

static const char *
make_word(struct request *r)
{
	unsigned char bytes[SECRET_BYTES];

	random_bytes(bytes, sizeof(bytes));
	return base64_text(r, bytes, sizeof(bytes));
}

/* ---- the cookie between going and coming back: when, state, verifier, return_to; sealed, so
 * that only this browser knows it and nobody can change it. Each journey has one of its own,
 * named by the beginning of its state: tabs of one browser don't take one another's place. */

struct journey {
	struct span state;
	const char *verifier, *return_to;
	char name[NAME_LEN + 1]; /* of its cookie; "": it has none */
};

static void
name_of(const char *state, char name[NAME_LEN + 1])
{
	snprintf(name, NAME_LEN + 1, "%s", state);
}

static enum err
put_journey(struct request *r, const char *state, const char *verifier, const char *return_to)
{
	const char *plain = arena_format(r->scope.arena, "%lld\n%s\n%s\n%s",
	               (long long)(clock_now() / 1000000), state, verifier, return_to),
	           *text;
	char name[NAME_LEN + 1];
	struct span record;

	if (plain == NULL)
		return ERR_NO_MEMORY;
	TRY(seal(&r->app->seal, span_of(plain), BOUND_TO, &record, &r->scope));
	if ((text = base64_text(r, record.ptr, record.len)) == NULL)
		return ERR_NO_MEMORY;
	name_of(state, name);
	reply_cookies_bound(r, COOKIE_LOGIN, JOURNEYS - 1);
	reply_cookie(r, COOKIE_LOGIN, name, text, LOGIN_SECONDS);
	return OK;
}

static enum err
stranger(struct request *r, const char *story)
{
	r->scope.fault.message = "This sign-in was begun in another browser, or too long ago. "
	                         "Please start again.";
	return fault(&r->scope.fault, ERR_FORBIDDEN, "sign-in: %s", story);
}

static enum err
open_cookie(struct request *r, const char *name, struct span *plain)
{
	struct span cookie = request_cookie(r, COOKIE_LOGIN, name), record;
	char *bytes;
	enum err e;

	if (cookie.len == 0)
		return stranger(r, "no cookie");
	if (cookie.len > COOKIE_MAX)
		return stranger(r, "a cookie that is too long");
	if ((bytes = arena_alloc(r->scope.arena, cookie.len)) == NULL)
		return ERR_NO_MEMORY;
	record.ptr = bytes;
	if (!base64url_decode(cookie, bytes, &record.len))
		return stranger(r, "a cookie that is none of ours");
	e = unseal(&r->app->seal, record, BOUND_TO, plain, &r->scope);
	return e == ERR_BAD_TOKEN ? stranger(r, "a cookie that is none of ours") : e;
}

/* What the browser brought, if it is this journey's: of the last ten minutes, and the state
 * that GitHub hands back the one that this browser was given. */
static enum err
take_journey(struct request *r, const char *state, struct journey *out)
{
	struct span rest, given = span_of(state);
	int64_t began = 0, now = clock_now() / 1000000;

	name_of(state, out->name);
	TRY(open_cookie(r, out->name, &rest));
	span_int(span_cut(&rest, '\n'), &began);
	out->state = span_cut(&rest, '\n');
	out->verifier = arena_text(r->scope.arena, span_cut(&rest, '\n'));
	out->return_to = arena_text(r->scope.arena, rest);
	if (out->verifier == NULL || out->return_to == NULL)
		return ERR_NO_MEMORY;
	if (began > now || now - began > LOGIN_SECONDS)
		return stranger(r, "too old");
	if (given.len != out->state.len || !crypto_equal(given.ptr, out->state.ptr, given.len))
		return stranger(r, "another state");
	return OK;
}

/* GET /auth/github: off to GitHub. */
enum err
auth_start(struct request *r)
{
	const struct auth_start *in = r->form;
	const char *state = make_word(r), *verifier = make_word(r), *challenge;
	unsigned char hash[SHA256_BYTES];

	TRY(is_configured(r));
	if (state == NULL || verifier == NULL)
		return ERR_NO_MEMORY;
	crypto_sha256(span_of(verifier), hash);
	challenge = base64_text(r, hash, sizeof(hash));
	TRY(put_journey(r, state, verifier, in->return_to));
	return reply_redirect(
	    r, challenge ? github_authorize_url(r->app->settings, state, challenge, &r->scope)
	                 : NULL);
}

/* ---- coming back */

static enum err
run_sign_in(struct request *r, const char *code, const char *verifier, struct span key,
    struct sign_in *out)
{
	char *device = arena_alloc(r->scope.arena, DEVICE_MAX),
	     *network = arena_alloc(r->scope.arena, NETWORK_MAX);

	if (device == NULL || network == NULL)
		return ERR_NO_MEMORY;
	device_of(request_header(r, "HTTP_USER_AGENT"), device);
	network_of(r->address, network);
	*out = (struct sign_in){ .db = r->db,
		.http = r->app->http,
		.settings = r->app->settings,
		.ring = &r->app->seal,
		.scope = &r->scope,
		.code = code,
		.verifier = verifier,
		.key = key,
		.device = device,
		.network = *network ? network : NULL };
	r->wakes = true;
	return sign_in(out);
}

static struct pair
pair_of(const struct sign_in *s)
{
	const struct auth_signed_in *p = &s->person;

	return (struct pair){ p->user_id, s->session, s->refresh, p->username, p->role,
		p->issued, p->access_expires, p->issued, p->expires };
}

/* GitHub's own words are known ones only: whoever made this link must not put others before
 * the person. */
static enum err
github_refused(struct request *r, const char *error)
{
	r->scope.fault.message = strcmp(error, "access_denied") == 0
	                             ? "You did not allow CodeGram to sign you in."
	                             : "GitHub refused the sign-in. Please try again.";
	return fault(&r->scope.fault, ERR_FORBIDDEN, "sign-in: GitHub refused");
}

/* GET /auth/github/callback: the browser is back. */
enum err
auth_callback(struct request *r)
{
	const struct auth_callback *in = r->form;
	struct span frontend = span_of(r->app->settings->FRONTEND_URL);
	struct journey journey;
	struct sign_in done;
	struct pair pair;

	TRY(is_configured(r));
	TRY(take_journey(r, in->state, &journey));
	reply_cookie(r, COOKIE_LOGIN, journey.name, "", 0);
	if (in->error != NULL)
		return github_refused(r, in->error);
	if (in->code == NULL)
		return stranger(r, "no code");
	TRY(run_sign_in(r, in->code, journey.verifier, journey.state, &done));
	pair = pair_of(&done);
	TRY(tokens_put(r, &pair, true));
	frontend = span_trim(span_cut(&frontend, ','));
	return reply_redirect(r, arena_format(r->scope.arena, "%.*s%s", (int)frontend.len,
	                             frontend.ptr, journey.return_to));
}

/* POST /auth/github: the code of a client that began the journey itself, and so has the
 * verifier; or of our own page, with the cookie. */
enum err
auth_code(struct request *r)
{
	const struct auth_code *in = r->form;
	struct journey journey = { .verifier = in->code_verifier,
		.state = span_of(in->code_verifier) };
	struct rows rows = reply_rows(r);
	struct sign_in done;
	struct pair pair;

	TRY(is_configured(r));
	if (journey.verifier == NULL) {
		TRY(from_our_page(r));
		TRY(take_journey(r, in->state, &journey));
		reply_cookie(r, COOKIE_LOGIN, journey.name, "", 0);
	}
	TRY(run_sign_in(r, in->code, journey.verifier, journey.state, &done));
	pair = pair_of(&done);
	buf_puts(&r->reply.data, "{\"user\":");
	TRY(q_auth_user_own(r->db, done.person.user_id, &rows));
	buf_char(&r->reply.data, ',');
	TRY(tokens_put(r, &pair, false));
	buf_char(&r->reply.data, '}');
	TRY(reply_one(r, &rows));
	r->reply.status = strcmp(done.person.outcome, "new") == 0 ? 201 : 200;
	return OK;
}
