/* sync_profile: GET /user. Who it is was settled at sign-in, by the numeric id. */
#include <stdio.h>

#include "adapter/json.h"
#include "base/buf.h"
#include "service/sync.h"
#include "store/github.h"

enum { PROFILE_MAX = 64 * KIB, TEXT_MAX = 4000 };

static void
add_text(struct buf *b, const struct json_t *user, const char *key)
{
	const char *text;

	if (!json_get_text(user, key, &text) || strlen(text) > TEXT_MAX)
		return;
	buf_format(b, ",\"%s\":", key);
	buf_json_string(b, span_of(text));
}

static void
add_int(struct buf *b, const struct json_t *user, const char *key)
{
	int64_t n;

	if (json_get_int(user, key, &n) && n >= 0)
		buf_format(b, ",\"%s\":%lld", key, (long long)n);
}

/* What take_github_profile() reads. No email: only a verified one counts, and that is asked at
 * sign-in. */
static enum err
take(struct sync *s, const struct json_t *user)
{
	static const char *const texts[] = { "login", "avatar_url", "name", "bio", "company",
		"location", "blog" };
	static const char *const numbers[] = { "followers", "following", "public_repos" };
	struct buf b;
	enum err e;

	buf_init(&b, PROFILE_MAX);
	buf_format(&b, "{\"id\":%lld", (long long)s->github_id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_text(&b, user, texts[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		add_int(&b, user, numbers[i]);
	buf_char(&b, '}');
	e = buf_ok(&b) ? q_github_profile(s->db, s->person, buf_text(&b)) : ERR_NO_MEMORY;
	buf_free(&b);
	return e;
}

static enum err
profile(struct sync *s)
{
	struct sync_counts counts = { 0 };
	struct github_kept kept;
	struct github_page page;
	const char *login;
	int64_t id = 0;

	TRY(sync_begin(s));
	TRY(sync_kept(s, "/user", &kept));
	TRY(sync_get(s, "/user", &kept, &page));
	TRY(sync_judge(s, &page));
	if (s->over)
		return OK;
	if (page.outcome == GITHUB_UNCHANGED) {
		counts.unchanged = 1;
	} else {
		if (page.json == NULL || !json_get_int(page.json, "id", &id) ||
		    !json_get_text(page.json, "login", &login) || *login == '\0')
			return sync_fail(s, "GitHub's answer makes no sense");
		if (id != s->github_id) {
			page.outcome = GITHUB_DISCONNECTED;
			page.reason = "The token belongs to another GitHub account.";
			return sync_judge(s, &page);
		}
		counts.updated = 1;
		TRY(take(s, page.json));
		TRY(q_github_keep(
		    s->db, s->person, "/user", page.kept.etag, page.kept.last_modified, NULL));
	}
	TRY(sync_step(s, NULL, 100, &counts));
	return s->over ? OK : sync_finish(s, counts.updated ? "updated" : "unchanged");
}

enum err
sync_profile(struct sync *s)
{
	enum err e;

	TRY(sync_open(s, "profile"));
	if (s->over)
		return OK;
	e = profile(s);
	sync_close(s);
	return e;
}
