/* tokens: minting the pair. */
#include "api/tokens.h"

#include <stdio.h>

#include "base/random.h"
#include "web/app.h"

enum err
tokens_put(struct request *r, const struct pair *pair, bool cookie)
{
	struct jwt_claims access = { .subject = pair->user,
		.session = pair->session,
		.id = uuid_make(),
		.issued = pair->access_issued,
		.expires = pair->access_expires };
	struct jwt_claims refresh = { .subject = pair->user,
		.session = pair->session,
		.id = pair->refresh,
		.issued = pair->issued,
		.expires = pair->expires };
	struct buf *out = &r->reply.data;
	const char *token;

	snprintf(access.username, sizeof(access.username), "%s", pair->username);
	snprintf(access.role, sizeof(access.role), "%s", pair->role);
	r->reply.secret = true;
	TRY(jwt_mint(&r->app->access, &access, &token, &r->scope));
	buf_format(out, "\"accessToken\":\"%s\"", token);
	TRY(jwt_mint(&r->app->refresh, &refresh, &token, &r->scope));
	if (cookie)
		reply_cookie(r, COOKIE_REFRESH, "", token, pair->expires - pair->access_issued);
	else
		buf_format(out, ",\"refreshToken\":\"%s\"", token);
	buf_format(out, ",\"expiresIn\":%lld",
	    (long long)(pair->access_expires - pair->access_issued));
	return OK;
}
