/* application: what the OAuth app may ask about its tokens, with its own name and secret. */
#include <stdio.h>
#include <string.h>

#include "github/stand_in.h"

/* False: answered already. */
static bool
is_app(struct ask *a)
{
	const struct settings_of_app *app = &a->world->app;
	char *secret = NULL;
	char *client = MHD_basic_auth_get_username_password(a->connection, &secret);
	bool same = client != NULL && secret != NULL && strcmp(client, app->client_id) == 0 &&
	            strcmp(secret, app->client_secret) == 0 &&
	            strcmp(a->parts[0], app->client_id) == 0;

	if (client == NULL)
		answer_error(a, 401, "Requires authentication");
	else if (!same)
		answer_error(a, 404, "Not Found");
	MHD_free(client);
	MHD_free(secret);
	return same;
}

/* The token that the body names; NULL: unknown, or (answered already) none. */
static struct token *
token_named(struct ask *a, bool *named)
{
	json_t *body = json_loadb(a->body.ptr, a->body.len, 0, NULL);
	const char *text = json_string_value(json_object_get(body, "access_token"));
	struct token *t = text ? token_by_text(a->world, text) : NULL;

	*named = text != NULL;
	if (text == NULL)
		answer_error(a, body ? 422 : 400,
		    body ? "Invalid request.\n\n\"access_token\" wasn't supplied."
		         : "Problems parsing JSON");
	json_decref(body);
	return t;
}

static void
put_scopes(struct buf *b, const char *scopes)
{
	struct span rest = span_of(scopes);

	put_open(b, "scopes", '[');
	while (rest.ptr != NULL) {
		struct span one = span_trim(span_cut(&rest, ','));
		if (one.len == 0)
			continue;
		put_key(b, NULL);
		buf_json_string(b, one);
	}
	buf_char(b, ']');
}

void
application_check(struct ask *a)
{
	const struct token *t;
	struct buf *b = &a->out;
	bool named;

	if (!is_app(a))
		return;
	if ((t = token_named(a, &named)) == NULL) {
		if (named)
			answer_documented(a, 404, "Not Found",
			    "https://docs.github.com/rest/apps/oauth-applications"
			    "#check-a-token");
		return;
	}
	buf_char(b, '{');
	put_int(b, "id", t->id);
	put_key(b, "url");
	buf_format(b, "\"%s/authorizations/%lld\"", a->api, (long long)t->id);
	put_open(b, "app", '{');
	put_text(b, "name", "CodeGram");
	put_text(b, "url", a->world->app.callback);
	put_text(b, "client_id", a->world->app.client_id);
	buf_char(b, '}');
	put_text(b, "token", t->text);
	put_null(b, "hashed_token");
	put_text(b, "token_last_eight", t->text + strlen(t->text) - 8);
	put_null(b, "note");
	put_null(b, "note_url");
	put_time(b, "created_at", t->made);
	put_time(b, "updated_at", t->made);
	put_scopes(b, t->scopes);
	put_null(b, "fingerprint");
	put_null(b, "expires_at");
	put_key(b, "user");
	shape_simple_user(b, a, t->person);
	buf_char(b, '}');
}

static void
drop(struct ask *a, bool all)
{
	const struct token *t;
	json_t *change;
	bool named;

	if (!is_app(a))
		return;
	if ((t = token_named(a, &named)) == NULL) {
		if (named)
			answer_error(a, 422, "Validation Failed");
		return;
	}
	change = all ? json_pack("{s:s,s:s}", "change", "revoke", "login",
	                   a->world->people.at[t->person].login)
	             : json_pack("{s:s,s:s}", "change", "revoke", "token", t->text);
	change_apply(a->world, change);
	journal_add(a->world, change);
	json_decref(change);
	a->status = 204;
}

void
application_drop_token(struct ask *a)
{
	drop(a, false);
}

void
application_drop_grant(struct ask *a)
{
	drop(a, true);
}
