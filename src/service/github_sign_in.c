/* github_sign_in: OAuth as GitHub does it (its failures come with status 200), and who somebody
 * is. The application's own requests are signed with its id and secret (HTTP's Basic) and have
 * limits of their own, which are not the person's. */
#include "adapter/json_list.h"
#include "base/base64.h"
#include "base/log.h"
#include "service/github_answer.h"

enum { URL_MAX = 4 * KIB, TOKEN_MAX = 255, SCOPES_MAX = 32 };

const char *
github_callback_url(const struct settings *settings, struct scope *scope)
{
	return github_join(settings->PUBLIC_URL ? settings->PUBLIC_URL : "",
	    "/api/v1/auth/github/callback", scope);
}

static void
add_field(struct buf *b, const char *name, const char *value)
{
	buf_char(b, b->len > 0 ? '&' : ' ');
	buf_puts(b, name);
	buf_char(b, '=');
	buf_url(b, span_of(value));
}

/* The form in the arena, without the mark before its first field. */
static const char *
form_text(struct buf *b, struct scope *scope)
{
	const char *text = buf_ok(b) ? arena_text(scope->arena, buf_span(b)) : NULL;

	buf_free(b);
	return text ? text + 1 : NULL;
}

const char *
github_authorize_url(const struct settings *settings, const char *state, const char *challenge,
    struct scope *scope)
{
	const char *callback = github_callback_url(settings, scope), *form, *base;
	struct buf b;

	if (callback == NULL)
		return NULL;
	buf_init(&b, URL_MAX);
	add_field(&b, "client_id", settings->GITHUB_CLIENT_ID);
	add_field(&b, "redirect_uri", callback);
	add_field(&b, "scope", "read:user user:email");
	add_field(&b, "state", state);
	add_field(&b, "code_challenge", challenge);
	add_field(&b, "code_challenge_method", "S256");
	form = form_text(&b, scope);
	base = github_join(settings->GITHUB_URL, "/login/oauth/authorize", scope);
	return form && base ? arena_format(scope->arena, "%s?%s", base, form) : NULL;
}

/* ---- the code for a token */

bool
github_is_word(const char *text, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 127)
			return false;
	return len > 0 && len <= max;
}

static enum err
split_scopes(const char *text, struct texts *out, struct scope *scope)
{
	struct span rest = span_of(text);

	out->items = arena_alloc(scope->arena, SCOPES_MAX * sizeof(*out->items));
	if (out->items == NULL)
		return ERR_NO_MEMORY;
	while (rest.ptr != NULL && out->count < SCOPES_MAX) {
		struct span some = span_cut(&rest, ',');
		while (some.ptr != NULL && out->count < SCOPES_MAX) {
			struct span one = span_cut(&some, ' ');
			if (one.len == 0)
				continue;
			if ((out->items[out->count] = arena_text(scope->arena, one)) == NULL)
				return ERR_NO_MEMORY;
			out->count++;
		}
	}
	return OK;
}

static enum err
failed(struct github_grant *out, const char *failure, const char *description)
{
	*out = (struct github_grant){ .failure = failure, .description = description };
	return OK;
}

/* Failures come with 200 and `error`; so the body is read, not the status. */
static enum err
read_grant(struct github *g, const struct http_response *response, struct github_grant *out)
{
	const char *error, *about = NULL, *type = "", *scopes = "";
	struct json_t *json = NULL;
	struct github_page page;
	enum err e = json_any_of(response->body, &json, g->scope);

	if (e == ERR_NO_MEMORY)
		return e;
	g->scope->fault.story[0] = '\0';
	if (response->status == 404) /* so it answers an unknown client_id */
		return failed(out, "incorrect_client_credentials", "GitHub knows no such app");
	page = (struct github_page){ .status = response->status };
	if (github_judge_limit(g, response, json, false, &page))
		return failed(out, "limited", page.reason);
	if (response->status >= 500)
		return failed(out, "trouble", "GitHub has trouble of its own");
	if (e != OK || json_is_list(json))
		return failed(out, "nonsense", "GitHub's answer makes no sense");
	if (json_get_text(json, "error", &error)) {
		json_get_text(json, "error_description", &about);
		return failed(out, github_is_word(error, 64) ? error : "refused", about);
	}
	if (response->status != 200 || !json_get_text(json, "access_token", &out->token) ||
	    !github_is_word(out->token, TOKEN_MAX))
		return failed(out, "nonsense", "GitHub's answer makes no sense");
	json_get_text(json, "token_type", &type);
	if (type == NULL || !span_equal_nocase(span_of(type), SPAN("bearer")))
		return failed(out, "nonsense", "GitHub gave no bearer token");
	json_get_text(json, "scope", &scopes);
	return split_scopes(scopes, &out->scopes, g->scope);
}

enum err
github_exchange(
    struct github *g, const char *code, const char *verifier, struct github_grant *out)
{
	const struct settings *s = g->settings;
	struct github_call call = { .method = "POST",
		.url = github_join(s->GITHUB_URL, "/login/oauth/access_token", g->scope),
		.origin = s->GITHUB_URL,
		.content_type = "application/x-www-form-urlencoded",
		.once = true };
	const char *callback = github_callback_url(s, g->scope), *form;
	struct http_response response;
	struct github_page page;
	struct buf b;

	*out = (struct github_grant){ .token = NULL };
	if (call.url == NULL || callback == NULL)
		return ERR_NO_MEMORY;
	buf_init(&b, URL_MAX);
	add_field(&b, "client_id", s->GITHUB_CLIENT_ID);
	add_field(&b, "client_secret", s->GITHUB_CLIENT_SECRET);
	add_field(&b, "code", code);
	add_field(&b, "redirect_uri", callback);
	add_field(&b, "code_verifier", verifier);
	if ((form = form_text(&b, g->scope)) == NULL) /* so long is no code of GitHub's */
		return failed(out, "bad_verification_code", "the code is too long");
	call.body = span_of(form);
	TRY(github_send(g, &call, &response, &page));
	if (page.status == 0)
		return failed(
		    out, page.outcome == GITHUB_AWAY ? "away" : "nonsense", page.reason);
	return read_grant(g, &response, out);
}

/* ---- the application about a token */

static const char *
basic(struct github *g)
{
	const struct settings *s = g->settings;
	const char *plain = arena_format(g->scope->arena, "%s:%s",
	    s->GITHUB_CLIENT_ID ? s->GITHUB_CLIENT_ID : "",
	    s->GITHUB_CLIENT_SECRET ? s->GITHUB_CLIENT_SECRET : "");
	const char *text;
	struct buf b;

	if (plain == NULL)
		return NULL;
	buf_init(&b, URL_MAX);
	buf_puts(&b, "Basic ");
	buf_base64(&b, plain, strlen(plain));
	text = buf_ok(&b) ? arena_text(g->scope->arena, buf_span(&b)) : NULL;
	buf_free(&b);
	return text;
}

static enum err
about_token(struct github *g, const char *method, const char *what, const char *token,
    struct github_page *page)
{
	struct github as_app = *g;
	struct github_call call = { .method = method,
		.origin = g->settings->GITHUB_API_URL,
		.authorization = basic(g),
		.content_type = "application/json" };
	const char *path = arena_format(g->scope->arena, "/applications/%s/%s",
	    g->settings->GITHUB_CLIENT_ID ? g->settings->GITHUB_CLIENT_ID : "", what);
	const char *body = arena_format(g->scope->arena, "{\"access_token\":\"%s\"}", token);
	struct http_response response;

	*page = (struct github_page){ .outcome = GITHUB_REFUSED };
	if (!github_is_word(token, TOKEN_MAX) || strpbrk(token, "\"\\") != NULL)
		return fault(&g->scope->fault, ERR_INVALID, "GitHub: no token");
	if (path == NULL || body == NULL || call.authorization == NULL)
		return ERR_NO_MEMORY;
	call.url = page->url = github_join(g->settings->GITHUB_API_URL, path, g->scope);
	call.body = span_of(body);
	if (call.url == NULL)
		return ERR_NO_MEMORY;
	TRY(github_send(&as_app, &call, &response, page));
	g->requests = as_app.requests;
	g->micros = as_app.micros;
	if (page->status == 0)
		github_judge_away(g, page, page->reason);
	else
		github_judge(&as_app, &response, NULL, page);
	if (page->status == 401) {
		page->outcome = GITHUB_REFUSED;
		page->reason = "GitHub refuses GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET";
		LOG(LEVEL_ERROR, "github.bad_client",
		    L_TEXT("client_id",
		        g->settings->GITHUB_CLIENT_ID ? g->settings->GITHUB_CLIENT_ID : ""));
	}
	return OK;
}

enum err
github_check_token(struct github *g, const char *token, struct github_page *page)
{
	TRY(about_token(g, "POST", "token", token, page));
	if (page->status == 404 || page->status == 422) {
		page->outcome = GITHUB_DISCONNECTED;
		page->code = "revoked";
		page->reason = "GitHub no longer accepts the token";
	}
	return OK;
}

enum err
github_revoke_grant(struct github *g, const char *token, struct github_page *page)
{
	TRY(about_token(g, "DELETE", "grant", token, page));
	if (page->outcome == GITHUB_EMPTY)
		page->outcome = GITHUB_OK;
	else if (page->status == 404 || page->status == 422)
		page->outcome = GITHUB_GONE;
	return OK;
}

/* ---- who it is */

static const char *
primary_email(const struct json_t *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json_t *one = json_at(list, i);
		bool primary, verified;
		const char *email;
		if (one != NULL && json_get_bool(one, "primary", &primary) && primary &&
		    json_get_bool(one, "verified", &verified) && verified &&
		    json_get_text(one, "email", &email))
			return email;
	}
	return NULL;
}

/* People who did not let us read addresses sign in without one. */
static bool
keeps_addresses(const struct github_page *page)
{
	return page->outcome == GITHUB_EMPTY || page->outcome == GITHUB_GONE ||
	       page->outcome == GITHUB_FORBIDDEN ||
	       (page->outcome == GITHUB_DISCONNECTED && strcmp(page->code, "scope") == 0);
}

enum err
github_identity(struct github *g, struct github_identity *out, struct github_page *page)
{
	struct github_page emails;

	*out = (struct github_identity){ .id = 0 };
	TRY(github_get(g, "/user", NULL, page));
	if (!github_answered(page->outcome))
		return OK;
	if (json_is_list(page->json) || !github_read_user(page->json, out)) {
		page->json = NULL;
		github_judge_away(g, page, "GitHub's answer makes no sense");
		return OK;
	}
	TRY(github_get(g, "/user/emails?per_page=100", NULL, &emails));
	out->knows_email = github_answered(emails.outcome);
	if (out->knows_email)
		out->email = primary_email(emails.json);
	else if (!keeps_addresses(&emails))
		*page = emails;
	return OK;
}
