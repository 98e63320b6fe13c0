/* token: an access token for a person, with a session that can be listed and ended; with
 * --refresh one like a sign-in's, with a refresh token. */
#include "ctl/command.h"

#include <getopt.h>
#include <stdio.h>

#include "adapter/jwt.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/session.h"
#include "store/user.h"

struct wish {
	const char *username;
	bool create, admin, refresh;
	int64_t seconds;
};

static enum err
find_user(struct ctl *ctl, struct db *db, const struct wish *wish, struct user_head *out)
{
	enum err e = q_user_by_name(db, wish->username, out);

	if (e == ERR_NOT_FOUND && wish->create) {
		TRY(q_user_create(db, uuid_make(), wish->username, ""));
		e = q_user_by_name(db, wish->username, out);
	}
	if (e == ERR_NOT_FOUND)
		return fault(&ctl->scope.fault, e, "there is no user %s; --create makes one",
		    wish->username);
	TRY(e);
	if (wish->admin && strcmp(out->role, "admin") != 0) {
		TRY(q_user_set_role(db, out->id, "admin"));
		out->role = "admin";
	}
	return OK;
}

struct made {
	const char *access, *refresh; /* refresh: NULL when not asked for */
	struct jwt_claims claims;     /* of the access token */
};

/* A session that lives as the settings say, and its refresh token. */
static enum err
open_session(struct ctl *ctl, struct db *db, const struct wish *wish, struct made *made)
{
	const struct settings *s = ctl->settings;
	struct jwt_claims claims = made->claims;
	struct session_opened opened;
	struct jwt_ring ring;

	if (jwt_ring_fill(&ring, s->JWT_ISSUER, "codegram-refresh", s->JWT_REFRESH_SECRET,
	        s->JWT_REFRESH_SECRET_NEXT, s->JWT_REFRESH_SECRET_PREVIOUS) != OK)
		return fault(&ctl->scope.fault, ERR_INVALID,
		    "JWT_REFRESH_SECRET is not set, or set twice");
	claims.id = uuid_make();
	TRY(q_session_open(db, claims.subject, claims.session, claims.id, "codegramctl",
	    wish->seconds, s->JWT_REFRESH_SECONDS, s->SESSION_SECONDS, &opened));
	made->claims.issued = claims.issued = opened.issued;
	made->claims.expires = opened.access_expires;
	claims.expires = opened.expires;
	claims.username[0] = claims.role[0] = '\0';
	return jwt_mint(&ring, &claims, &made->refresh, &ctl->scope);
}

static enum err
make_token(struct ctl *ctl, const struct wish *wish, struct made *made)
{
	const struct settings *s = ctl->settings;
	struct db *db = ctl_db(ctl, "codegram-ctl");
	struct jwt_claims *claims = &made->claims;
	struct jwt_ring ring;
	struct user_head user;

	if (jwt_ring_fill(&ring, s->JWT_ISSUER, "codegram-api", s->JWT_SECRET,
	        s->JWT_SECRET_NEXT, s->JWT_SECRET_PREVIOUS) != OK)
		return fault(
		    &ctl->scope.fault, ERR_INVALID, "JWT_SECRET is not set, or set twice");
	TRY(find_user(ctl, db, wish, &user));
	*claims = (struct jwt_claims){ .subject = user.id,
		.session = uuid_make(),
		.id = uuid_make(),
		.issued = clock_now() / 1000000 };
	claims->expires = claims->issued + wish->seconds;
	snprintf(claims->username, sizeof(claims->username), "%s", user.username);
	snprintf(claims->role, sizeof(claims->role), "%s", user.role);
	if (wish->refresh)
		TRY(open_session(ctl, db, wish, made));
	else
		TRY(q_session_create(
		    db, claims->session, user.id, "codegramctl", wish->seconds));
	return jwt_mint(&ring, claims, &made->access, &ctl->scope);
}

/* CTL_OK, or CTL_USAGE: said. */
static int
read_wish(struct ctl *ctl, int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = { { "create", 0, NULL, 'c' },
		{ "admin", 0, NULL, 'a' }, { "refresh", 0, NULL, 'r' },
		{ "seconds", 1, NULL, 's' }, { NULL, 0, NULL, 0 } };
	int c;

	wish->seconds = ctl->settings->JWT_ACCESS_SECONDS;
	while ((c = getopt_long(argc, argv, "cars:", options, NULL)) != -1) {
		if (c == 's' && ctl_seconds(ctl, optarg, &wish->seconds) != CTL_OK)
			return CTL_USAGE;
		wish->create = wish->create || c == 'c';
		wish->admin = wish->admin || c == 'a';
		wish->refresh = wish->refresh || c == 'r';
		if (c == '?')
			return ctl_usage(ctl, "no such option");
	}
	return ctl_person(ctl, argc - optind, argv + optind, &wish->username);
}

int
command_token(struct ctl *ctl, int argc, char **argv)
{
	struct wish wish = { .username = NULL };
	struct made made = { .refresh = NULL };
	enum err e;

	if (read_wish(ctl, argc, argv, &wish) != CTL_OK)
		return CTL_USAGE;
	if ((e = make_token(ctl, &wish, &made)) != OK)
		return ctl_failed(ctl, e, "no token was made");
	if (ctl->json)
		printf("{\"accessToken\":\"%s\",%s%s%s\"expiresIn\":%lld,\"user_id\":\"%s\","
		       "\"session_id\":\"%s\"}\n",
		    made.access, made.refresh ? "\"refreshToken\":\"" : "",
		    made.refresh ? made.refresh : "", made.refresh ? "\"," : "",
		    (long long)wish.seconds, made.claims.subject.text,
		    made.claims.session.text);
	else
		printf("%s\n%s%s", made.access, made.refresh ? made.refresh : "",
		    made.refresh ? "\n" : "");
	return CTL_OK;
}
