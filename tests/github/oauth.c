/* oauth: sign-in by the browser (authorization code with PKCE), as GitHub's documents describe
 * it. Failures of the exchange come with HTTP 200. */
#include <stdio.h>
#include <strings.h>

#include "adapter/crypto.h"
#include "github/stand_in.h"

enum { CODE_SECONDS = 600 };
#define TROUBLE "https://docs.github.com/apps/managing-oauth-apps/"

static void
redirect(struct ask *a, const char *to, const char *const *pairs)
{
	struct buf url;

	buf_init(&url, 8192);
	buf_puts(&url, to);
	for (size_t i = 0; pairs[i] != NULL; i += 2) {
		if (pairs[i + 1] == NULL)
			continue;
		buf_char(&url, memchr(url.ptr, '?', url.len) ? '&' : '?');
		buf_puts(&url, pairs[i]);
		buf_char(&url, '=');
		buf_url(&url, span_of(pairs[i + 1]));
	}
	a->status = 302;
	answer_header(a, "Location", buf_text(&url));
	buf_free(&url);
}

static void
refuse(struct ask *a, const char *error, const char *why)
{
	const char *to = query_of(a, "redirect_uri");

	if (to == NULL || strcmp(error, "redirect_uri_mismatch") == 0)
		to = a->world->app.callback;
	redirect(a, to,
	    (const char *const[]){ "error", error, "error_description", why, "error_uri",
	        TROUBLE "troubleshooting-authorization-request-errors", "state",
	        query_of(a, "state"), NULL });
}

static void
put_html(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text) != NULL)
			buf_format(b, "&#%d;", *text);
		else
			buf_char(b, *text);
	}
}

static enum MHD_Result
add_parameter(void *with, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct buf *b = with;

	(void)kind;
	buf_puts(b, "<input type=hidden name=\"");
	put_html(b, key);
	buf_puts(b, "\" value=\"");
	put_html(b, value ? value : "");
	buf_puts(b, "\">");
	return MHD_YES;
}

static void
show_page(struct ask *a)
{
	const struct world *w = a->world;
	struct buf *b = &a->out;

	a->type = "text/html; charset=utf-8";
	buf_puts(b, "<!doctype html><meta charset=utf-8><title>Sign in</title>"
	            "<body style=\"font-family:sans-serif;max-width:40em;margin:3em auto\">"
	            "<h1>GitHub stand-in</h1><p>CodeGram asks for: <b>");
	put_html(b, query_of(a, "scope") ? query_of(a, "scope") : "nothing");
	buf_puts(b, "</b></p><form>");
	MHD_get_connection_values(a->connection, MHD_GET_ARGUMENT_KIND, add_parameter, b);
	for (size_t i = 0; i < w->people.count; i++) {
		const struct person *p = &w->people.at[i];
		if (p->is_gone)
			continue;
		buf_format(b, "<p><button name=login value=\"%s\">sign in as %s</button> ",
		    p->login, p->login);
		put_html(b, p->name);
	}
	buf_puts(b, "<p><button name=deny value=1>cancel</button></form>");
}

static void
send_code(struct ask *a, size_t person, const char *to)
{
	const char *scopes = query_of(a, "granted"); /* fewer than asked for */
	struct code *c = LIST_ADD(a->world->codes);

	if (scopes == NULL)
		scopes = query_of(a, "scope");
	random_text(c->text, 21);
	snprintf(c->challenge, sizeof(c->challenge), "%s", query_of(a, "code_challenge"));
	snprintf(c->redirect, sizeof(c->redirect), "%s", to);
	snprintf(c->scopes, sizeof(c->scopes), "%s", scopes ? scopes : "");
	for (char *at = c->scopes; *at; at++)
		*at = *at == ' ' ? ',' : *at;
	c->made = world_now(a->world);
	c->person = person;
	redirect(a, to,
	    (const char *const[]){ "code", c->text, "state", query_of(a, "state"), NULL });
}

/* The callback itself, or a path below it. */
static bool
is_ours(const struct world *w, const char *to)
{
	size_t len = strlen(w->app.callback);

	return strncmp(to, w->app.callback, len) == 0 && strchr("/?", to[len]) != NULL;
}

void
oauth_authorize(struct ask *a)
{
	const char *client = query_of(a, "client_id"), *to = query_of(a, "redirect_uri");
	const char *challenge = query_of(a, "code_challenge");
	const char *method = query_of(a, "code_challenge_method");
	size_t person = a->world->sign_in_as;

	if (client == NULL || strcmp(client, a->world->app.client_id) != 0) {
		answer_error(a, 404, "Not Found");
		return;
	}
	to = to ? to : a->world->app.callback;
	if (!is_ours(a->world, to)) {
		refuse(a, "redirect_uri_mismatch",
		    "The redirect_uri MUST match the registered callback URL for this "
		    "application.");
		return;
	}
	if (challenge == NULL || strlen(challenge) != 43 || method == NULL ||
	    strcmp(method, "S256") != 0) {
		refuse(a, "invalid_request", "code_challenge and S256 are demanded here.");
		return;
	}
	if (query_of(a, "deny") != NULL) {
		refuse(a, "access_denied", "The user has denied your application access.");
		return;
	}
	if (query_of(a, "login") != NULL)
		person = person_by_login(a->world, query_of(a, "login"));
	if (person == NOBODY)
		show_page(a);
	else
		send_code(a, person, to);
}

/* A field of the body: form or JSON. */
static const char *
field(struct ask *a, const json_t *json, const char *name)
{
	struct span rest = buf_span(&a->body), key;
	char *text;

	if (json != NULL)
		return json_string_value(json_object_get(json, name));
	while (rest.ptr != NULL) {
		struct span pair = span_cut(&rest, '&');
		key = span_cut(&pair, '=');
		if (!span_is(key, name))
			continue;
		text = arena_text(a->arena, pair);
		for (char *at = text; text != NULL && *at; at++)
			*at = *at == '+' ? ' ' : *at;
		if (text != NULL)
			MHD_http_unescape(text);
		return text;
	}
	return NULL;
}

static void
put_form(struct buf *b, const json_t *answer)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)answer, key, value)
	{
		buf_format(b, "%s%s=", b->len > 0 ? "&" : "", key);
		buf_url(b, span_of(json_string_value(value)));
	}
}

/* JSON when that is asked for, else a form. Takes `answer`. */
static void
reply(struct ask *a, json_t *answer)
{
	const char *accept = header_in(a, "Accept");

	if (accept != NULL && strstr(accept, "json") != NULL) {
		put_json(&a->out, NULL, answer);
		a->type = "application/json; charset=utf-8";
	} else {
		put_form(&a->out, answer);
		a->type = "application/x-www-form-urlencoded; charset=utf-8";
	}
	json_decref(answer);
}

static json_t *
trouble(const char *error, const char *why)
{
	char uri[256];

	snprintf(uri, sizeof(uri),
	    TROUBLE "troubleshooting-oauth-app-access-token-request-errors/#%s", error);
	return json_pack(
	    "{s:s,s:s,s:s}", "error", error, "error_description", why, "error_uri", uri);
}

static bool
verifier_fits(const char *verifier, const char *challenge)
{
	unsigned char hash[SHA256_BYTES];
	struct buf text;
	bool same;

	if (verifier == NULL)
		return false;
	crypto_sha256(span_of(verifier), hash);
	buf_init(&text, 128);
	buf_base64url(&text, hash, sizeof(hash));
	same = strcmp(buf_text(&text), challenge) == 0;
	buf_free(&text);
	return same;
}

static struct code *
code_of(const struct world *w, const char *text)
{
	for (size_t i = 0; text != NULL && i < w->codes.count; i++)
		if (strcmp(w->codes.at[i].text, text) == 0)
			return &w->codes.at[i];
	return NULL;
}

static json_t *
exchange(struct ask *a, const json_t *body)
{
	const struct settings_of_app *app = &a->world->app;
	const char *secret = field(a, body, "client_secret");
	const char *to = field(a, body, "redirect_uri");
	struct code *c = code_of(a->world, field(a, body, "code"));
	char text[TOKEN_SIZE];
	json_t *change;

	if (secret == NULL || strcmp(secret, app->client_secret) != 0)
		return trouble("incorrect_client_credentials",
		    "The client_id and/or client_secret passed are incorrect.");
	if (c == NULL || c->is_used || c->made + CODE_SECONDS < world_now(a->world) ||
	    !verifier_fits(field(a, body, "code_verifier"), c->challenge))
		return trouble(
		    "bad_verification_code", "The code passed is incorrect or expired.");
	if (to != NULL && strcmp(to, c->redirect) != 0)
		return trouble("redirect_uri_mismatch",
		    "The redirect_uri MUST match the registered callback URL for this "
		    "application.");
	c->is_used = true;
	token_name(text, sizeof(text));
	change = json_pack("{s:s,s:s,s:s,s:s}", "change", "token", "login",
	    a->world->people.at[c->person].login, "scopes", c->scopes, "token", text);
	change_apply(a->world, change);
	journal_add(a->world, change);
	json_decref(change);
	return json_pack(
	    "{s:s,s:s,s:s}", "access_token", text, "scope", c->scopes, "token_type", "bearer");
}

void
oauth_access_token(struct ask *a)
{
	const char *type = header_in(a, "Content-Type");
	bool is_json = type != NULL && strncasecmp(type, "application/json", 16) == 0;
	json_t *body = is_json ? json_loadb(a->body.ptr, a->body.len, 0, NULL) : NULL;
	const char *client = field(a, body, "client_id");

	if (client == NULL || strcmp(client, a->world->app.client_id) != 0) {
		a->status = 404;
		buf_puts(&a->out, "{\"error\":\"Not Found\"}");
	} else {
		reply(a, exchange(a, body));
	}
	json_decref(body);
}
