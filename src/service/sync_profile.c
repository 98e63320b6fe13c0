/* sync_profile: GET /user. Who it is was settled at sign-in, by the numeric id. */
#include "service/sync.h"
#include "store/github.h"

static enum err
profile(struct sync *s)
{
	struct sync_counts counts = { 0 };
	struct github_kept kept;
	struct github_identity who;
	struct github_page page;
	const char *told;

	TRY(sync_begin(s));
	TRY(sync_kept(s, "/user", &kept));
	TRY(sync_get(s, "/user", &kept, &page));
	TRY(sync_judge(s, &page));
	if (s->over)
		return OK;
	if (page.outcome == GITHUB_UNCHANGED) {
		counts.unchanged = 1;
	} else {
		if (page.json == NULL || !github_read_user(page.json, &who))
			return sync_fail(s, "GitHub's answer makes no sense");
		if (who.id != s->github_id) {
			page.outcome = GITHUB_DISCONNECTED;
			page.reason = "The token belongs to another GitHub account.";
			return sync_judge(s, &page);
		}
		counts.updated = 1;
		/* No address: only a verified one counts, and that is asked at sign-in. */
		TRY(github_profile(&who, &s->page, &told));
		TRY(q_github_profile(s->db, s->person, told));
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
