/* tokens: the pair of tokens that a sign-in and a refresh give out. */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include "web/request.h"

/* What stands in the tokens; times in seconds since 1970. */
struct pair {
	struct uuid user, session, refresh; /* refresh: the row's id */
	const char *username, *role;
	int64_t access_issued, access_expires, issued, expires;
};

/* "accessToken":…,"refreshToken":…,"expiresIn":… into the reply, without the braces; with
 * `cookie` the refresh token goes into the cookie instead, where no script sees it. Nobody may
 * keep the answer. */
enum err tokens_put(struct request *r, const struct pair *pair, bool cookie);

#endif
