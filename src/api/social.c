/* social: likes and follows. What they cause (a notification, a live event, a job) is written
 * by the same statement. */
#include "api/routes.h"
#include "store/social.h"

/* wanted: "t", "f", or NULL to toggle. */
static enum err
like(struct request *r, const char *wanted)
{
	struct rows rows = reply_rows(r);
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_like_set(r->db, r->viewer.id, id, wanted, &rows));
	r->wakes = true;
	return reply_one(r, &rows);
}

/* POST /snippets/:id/like */
enum err
social_like_toggle(struct request *r)
{
	return like(r, NULL);
}

/* PUT /snippets/:id/like */
enum err
social_like(struct request *r)
{
	return like(r, "t");
}

/* DELETE /snippets/:id/like */
enum err
social_unlike(struct request *r)
{
	return like(r, "f");
}

static enum err
follow(struct request *r, bool wanted)
{
	struct rows rows = reply_rows(r);
	const char *username;

	TRY(param_username(r, "username", &username));
	TRY(q_follow_set(r->db, r->viewer.id, username, wanted, &rows));
	r->wakes = true;
	return reply_one(r, &rows);
}

/* PUT /users/:username/follow */
enum err
social_follow(struct request *r)
{
	return follow(r, true);
}

/* DELETE /users/:username/follow */
enum err
social_unfollow(struct request *r)
{
	return follow(r, false);
}
