/* session: who the caller is. */
#include "api/routes.h"
#include "store/user.h"

/* GET /auth/me */
enum err
session_me(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_user_own(r->db, r->viewer.id, &rows));
	return reply_one(r, &rows);
}
