/* github_profile: GitHub's user object, and what of it our tables take: by the rules that people's
 * own edits are judged by, cut to the same lengths; what does not fit them is left out. */
#include "adapter/json.h"
#include "base/buf.h"
#include "model/clean.h"
#include "service/github_answer.h"

enum { PROFILE_MAX = 64 * KIB, LOGIN_MAX = 100, AVATAR_MAX = 500, EMAIL_MAX = 320 };

bool
github_read_user(const struct json_t *json, struct github_identity *out)
{
	*out = (struct github_identity){ .followers = -1, .following = -1, .public_repos = -1 };
	if (!json_get_int(json, "id", &out->id) || out->id <= 0 ||
	    !json_get_text(json, "login", &out->login) ||
	    !github_is_word(out->login, LOGIN_MAX))
		return false;
	json_get_text(json, "name", &out->name);
	json_get_text(json, "bio", &out->bio);
	json_get_text(json, "avatar_url", &out->avatar_url);
	json_get_text(json, "company", &out->company);
	json_get_text(json, "location", &out->location);
	json_get_text(json, "blog", &out->blog);
	json_get_int(json, "followers", &out->followers);
	json_get_int(json, "following", &out->following);
	json_get_int(json, "public_repos", &out->public_repos);
	return true;
}

static enum err
add_text(struct buf *b, const char *name, enum err e, const char *text)
{
	TRY(e);
	if (text == NULL)
		return OK;
	buf_format(b, ",\"%s\":", name);
	buf_json_string(b, span_of(text));
	return OK;
}

/* By the rows of the form that the person edits. */
static enum err
add_words(struct buf *b, const struct github_identity *who, struct arena *arena)
{
	const struct {
		const char *name, *text;
		int field;
	} rows[] = {
		{ "name", who->name, FORM_user_edit_full_name },
		{ "bio", who->bio, FORM_user_edit_bio },
		{ "company", who->company, FORM_user_edit_company },
		{ "location", who->location, FORM_user_edit_location },
	};
	const char *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t most = form_user_edit.fields[rows[i].field].max;
		enum err e = clean_line(rows[i].text, most, arena, &text);
		TRY(add_text(b, rows[i].name, e, text));
	}
	return OK;
}

static enum err
add_addresses(struct buf *b, const struct github_identity *who, struct arena *arena)
{
	int64_t most = form_user_edit.fields[FORM_user_edit_website].max;
	const char *text;
	enum err e;

	e = clean_url(who->avatar_url, AVATAR_MAX, arena, &text);
	TRY(add_text(b, "avatar_url", e, text));
	e = clean_url(who->blog, most, arena, &text);
	TRY(add_text(b, "website", e, text));
	if (!who->knows_email)
		return OK;
	TRY(clean_line(who->email, EMAIL_MAX, arena, &text));
	if (text == NULL)
		buf_puts(b, ",\"email\":null");
	return add_text(b, "email", OK, text);
}

static void
add_number(struct buf *b, const char *name, int64_t n)
{
	if (n >= 0)
		buf_format(b, ",\"%s\":%lld", name, (long long)n);
}

enum err
github_profile(const struct github_identity *who, struct scope *scope, const char **out)
{
	struct buf b;
	enum err e;

	buf_init(&b, PROFILE_MAX);
	buf_format(&b, "{\"id\":%lld", (long long)who->id);
	add_text(&b, "login", OK, who->login);
	add_number(&b, "followers", who->followers);
	add_number(&b, "following", who->following);
	add_number(&b, "public_repos", who->public_repos);
	if ((e = add_words(&b, who, scope->arena)) == OK)
		e = add_addresses(&b, who, scope->arena);
	buf_char(&b, '}');
	*out = e == OK && buf_ok(&b) ? arena_text(scope->arena, buf_span(&b)) : NULL;
	buf_free(&b);
	return *out ? OK : ERR_NO_MEMORY;
}
