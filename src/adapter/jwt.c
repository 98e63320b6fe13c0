/* jwt: the checks around libjwt. */
#include "adapter/jwt.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/crypto.h"
#include "adapter/json.h"
#include "base/base64.h"

static void
fill_kid(struct jwt_key *key)
{
	unsigned char hash[SHA256_BYTES];

	crypto_sha256(key->secret, hash);
	snprintf(
	    key->kid, sizeof(key->kid), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

enum err
jwt_ring_fill(struct jwt_ring *ring, const char *issuer, const char *audience,
    const char *current, const char *next, const char *previous)
{
	const char *secrets[JWT_KEYS] = { current, next, previous };

	*ring = (struct jwt_ring){ .issuer = issuer, .audience = audience };
	if (current == NULL || *current == '\0')
		return ERR_INVALID;
	for (int i = 0; i < JWT_KEYS; i++) {
		struct jwt_key *key = &ring->key[ring->count];
		if (secrets[i] == NULL || *secrets[i] == '\0')
			continue;
		key->secret = span_of(secrets[i]);
		if (key->secret.len < 32)
			return ERR_INVALID;
		fill_kid(key);
		for (int k = 0; k < ring->count; k++)
			if (strcmp(ring->key[k].kid, key->kid) == 0)
				return ERR_INVALID;
		ring->count++;
	}
	return OK;
}

/* Three parts, none empty. */
static bool
split(struct span token, struct span part[3])
{
	struct span rest = token;

	for (int i = 0; i < 3; i++) {
		if (rest.ptr == NULL)
			return false;
		part[i] = span_cut(&rest, '.');
		if (part[i].len == 0)
			return false;
	}
	return rest.ptr == NULL;
}

static enum err
read_part(struct span part, struct json_t **out, struct scope *scope)
{
	char *text = arena_alloc(scope->arena, part.len + 1);
	size_t len;
	enum err e;

	if (text == NULL)
		return ERR_NO_MEMORY;
	if (!base64url_decode(part, text, &len))
		return ERR_BAD_TOKEN;
	e = json_object_of((struct span){ text, len }, out, scope);
	scope->fault.message = NULL;
	return e == ERR_NO_MEMORY ? e : e ? ERR_BAD_TOKEN : OK;
}

static const struct jwt_key *
key_of_header(const struct jwt_ring *ring, const struct json_t *header)
{
	static const char *const keys[] = { "alg", "typ", "kid", NULL };
	const char *text;

	if (json_others(header, keys) != 0)
		return NULL;
	if (!json_get_text(header, "alg", &text) || strcmp(text, "HS256") != 0)
		return NULL;
	if (!json_get_text(header, "typ", &text) || strcmp(text, "JWT") != 0)
		return NULL;
	if (!json_get_text(header, "kid", &text))
		return NULL;
	for (int i = 0; i < ring->count; i++)
		if (strcmp(ring->key[i].kid, text) == 0)
			return &ring->key[i];
	return NULL;
}

static bool
signature_ok(const struct jwt_key *key, const char *token)
{
	jwt_t *jwt = NULL;
	bool ok = jwt_decode(&jwt, token, (const unsigned char *)key->secret.ptr,
	              (int)key->secret.len) == 0 &&
	          jwt_get_alg(jwt) == JWT_ALG_HS256;

	jwt_free(jwt);
	return ok;
}

static bool
claim_uuid(const struct json_t *claims, const char *name, struct uuid *out)
{
	const char *text;

	return json_get_text(claims, name, &text) && uuid_parse(span_of(text), out) &&
	       strcmp(text, out->text) == 0;
}

static bool
claim_is(const struct json_t *claims, const char *name, const char *wanted)
{
	const char *text;

	return json_get_text(claims, name, &text) && strcmp(text, wanted) == 0;
}

static enum err
read_claims(
    const struct jwt_ring *ring, const struct json_t *json, int64_t now, struct jwt_claims *out)
{
	const char *username = "", *role = "";
	int64_t before;

	if (!claim_is(json, "iss", ring->issuer) || !claim_is(json, "aud", ring->audience))
		return ERR_BAD_TOKEN;
	if (!claim_uuid(json, "sub", &out->subject) ||
	    !claim_uuid(json, "sid", &out->session) || !claim_uuid(json, "jti", &out->id))
		return ERR_BAD_TOKEN;
	if (!json_get_int(json, "exp", &out->expires) ||
	    !json_get_int(json, "iat", &out->issued))
		return ERR_BAD_TOKEN;
	if (out->issued > now + JWT_APART || out->expires <= out->issued)
		return ERR_BAD_TOKEN;
	if (json_has(json, "nbf") && (!json_get_int(json, "nbf", &before) || before > now))
		return ERR_BAD_TOKEN;
	json_get_text(json, "username", &username);
	json_get_text(json, "role", &role);
	snprintf(out->username, sizeof(out->username), "%s", username ? username : "");
	snprintf(out->role, sizeof(out->role), "%s", role ? role : "");
	return out->expires <= now ? ERR_OLD_TOKEN : OK;
}

enum err
jwt_check(const struct jwt_ring *ring, struct span token, int64_t now, struct jwt_claims *out,
    struct scope *scope)
{
	struct span part[3];
	struct json_t *header, *claims;
	const struct jwt_key *key;
	const char *text;

	if (token.len == 0 || token.len > JWT_MAX || memchr(token.ptr, '\0', token.len) ||
	    !split(token, part))
		return ERR_BAD_TOKEN;
	TRY(read_part(part[0], &header, scope));
	if ((key = key_of_header(ring, header)) == NULL)
		return ERR_BAD_TOKEN;
	if ((text = arena_text(scope->arena, token)) == NULL)
		return ERR_NO_MEMORY;
	if (part[2].len != 43 || !signature_ok(key, text))
		return ERR_BAD_TOKEN;
	/* What a stranger has written there is not even parsed. */
	TRY(read_part(part[1], &claims, scope));
	return read_claims(ring, claims, now, out);
}

static bool
add_claims(jwt_t *jwt, const struct jwt_ring *ring, const struct jwt_claims *c)
{
	return jwt_add_header(jwt, "kid", ring->key[0].kid) == 0 &&
	       jwt_add_grant(jwt, "iss", ring->issuer) == 0 &&
	       jwt_add_grant(jwt, "aud", ring->audience) == 0 &&
	       jwt_add_grant(jwt, "sub", c->subject.text) == 0 &&
	       jwt_add_grant(jwt, "userId", c->subject.text) == 0 &&
	       jwt_add_grant(jwt, "sid", c->session.text) == 0 &&
	       jwt_add_grant(jwt, "jti", c->id.text) == 0 &&
	       jwt_add_grant(jwt, "username", c->username) == 0 &&
	       jwt_add_grant(jwt, "role", c->role) == 0 &&
	       jwt_add_grant_int(jwt, "iat", c->issued) == 0 &&
	       jwt_add_grant_int(jwt, "exp", c->expires) == 0 &&
	       jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)ring->key[0].secret.ptr,
	           (int)ring->key[0].secret.len) == 0;
}

enum err
jwt_mint(const struct jwt_ring *ring, const struct jwt_claims *claims, const char **out,
    struct scope *scope)
{
	char *token = NULL;
	jwt_t *jwt;

	if (jwt_new(&jwt) != 0)
		return ERR_NO_MEMORY;
	if (add_claims(jwt, ring, claims))
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	*out = token ? arena_text(scope->arena, span_of(token)) : NULL;
	free(token);
	return *out ? OK : ERR_NO_MEMORY;
}
