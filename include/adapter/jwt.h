/* jwt: tokens of our own making, HS256 alone (RFC 7519, RFC 8725). libjwt 1.10.2 accepts any
 * token when the key is empty and looks at no claim, so everything is checked around it, in
 * the order of RFC 8725, section 3: length, shape, header, key, signature, claims. */
#ifndef ADAPTER_JWT_H
#define ADAPTER_JWT_H

#include "base/field.h"

/* JWT_LIVE_SECONDS: longest life of a token for the relay. JWT_APART: seconds that the clocks of
 * those who mint and those who check may lie apart. */
enum { JWT_MAX = 2048, JWT_KEYS = 3, JWT_LIVE_SECONDS = 900, JWT_APART = 60 };

/* Current, next and previous key; a kid is the start of the key's own hash, so that it needs
 * no configuration. Points into the settings. */
struct jwt_key {
	struct span secret;
	char kid[9];
};
struct jwt_ring {
	const char *issuer, *audience;
	struct jwt_key key[JWT_KEYS]; /* [0] signs */
	int count;
};

/* Secrets are NUL-terminated, NULL or of at least 32 bytes; ERR_INVALID otherwise or when two
 * are equal. */
enum err jwt_ring_fill(struct jwt_ring *ring, const char *issuer, const char *audience,
    const char *current, const char *next, const char *previous);

struct jwt_claims {
	struct uuid subject, session, id; /* sub, sid, jti */
	char username[40];
	char role[16];
	int64_t issued, expires; /* seconds since 1970 */
};

/* ERR_BAD_TOKEN or ERR_OLD_TOKEN. `now` in seconds. */
enum err jwt_check(const struct jwt_ring *ring, struct span token, int64_t now,
    struct jwt_claims *out, struct scope *scope);

/* A token in the scope's arena. */
enum err jwt_mint(const struct jwt_ring *ring, const struct jwt_claims *claims,
    const char **out, struct scope *scope);

#endif
