/* notification: what a person was told, and the token for being told live. */
#include "api/routes.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/notification.h"
#include "store/user.h"
#include "web/app.h"

/* GET /notifications: a stream, newest first. */
enum err
notification_list(struct request *r)
{
	const struct notification_list *in = r->form;
	const char *order = in->unread ? "unread" : "all";
	struct rows rows = reply_rows(r);
	struct page page;
	int64_t key = 0;

	TRY(page_open(r, 1, in->limit, in->cursor, order, &page));
	span_int(span_of(page.after_key), &key);
	rows.limit = page.limit;
	TRY(q_notification_page(
	    r->db, r->viewer.id, in->unread, key, page.after_id, page.limit, &rows));
	return reply_page(r, &page, order, &rows);
}

/* GET /notifications/unread_count */
enum err
notification_unread(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_notification_unread(r->db, r->viewer.id, &rows));
	return reply_one(r, &rows);
}

/* POST /notifications/:id/read */
enum err
notification_read(struct request *r)
{
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_notification_read(r->db, r->viewer.id, id));
	return notification_unread(r);
}

/* POST /notifications/read_all */
enum err
notification_read_all(struct request *r)
{
	TRY(q_notification_read_all(r->db, r->viewer.id));
	return notification_unread(r);
}

/* DELETE /notifications/:id */
enum err
notification_remove(struct request *r)
{
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_notification_delete(r->db, r->viewer.id, id));
	return reply_none(r);
}

/* POST /live/token: opens the relay to this session for as long as an access token lives,
 * and no longer than relays remember that it ended. */
enum err
live_token(struct request *r)
{
	struct jwt_claims claims = { .subject = r->viewer.id,
		.session = r->viewer.session,
		.id = uuid_make(),
		.issued = clock_now() / 1000000 };
	int64_t access = r->app->settings->JWT_ACCESS_SECONDS,
	        life = access < JWT_LIVE_SECONDS ? access : JWT_LIVE_SECONDS;
	struct rows rows = reply_rows(r);
	struct user_head person;
	const char *token;

	TRY(q_user_head(r->db, r->viewer.id, &person));
	if (r->app->live.count == 0)
		return fault(&r->scope.fault, ERR_AWAY, "JWT_LIVE_SECRET is not set");
	claims.expires = claims.issued + life;
	memcpy(claims.username, r->viewer.username, sizeof(claims.username));
	TRY(jwt_mint(&r->app->live, &claims, &token, &r->scope));
	buf_format(
	    &r->reply.data, "{\"token\":\"%s\",\"expiresIn\":%lld}", token, (long long)life);
	return reply_one(r, &rows);
}
