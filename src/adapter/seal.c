/* seal: libsodium's combined AEAD, with a random nonce (192 bits: no counter is needed). */
#include "adapter/seal.h"

#include <sodium.h>
#include <stdio.h>

#include "adapter/crypto.h"
#include "base/random.h"

enum {
	VERSION = 2,
	KID = 8,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES
};
_Static_assert(VERSION + KID + NONCE + TAG == SEAL_OVERHEAD, "the record as it is described");
_Static_assert(
    sizeof(((struct seal_key *)NULL)->bytes) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "HMAC-SHA256 gives a key");

/* The kid tells 32 bits of the secret's hash, so the key is another function of it. */
static void
fill_key(struct seal_key *key, struct span secret)
{
	unsigned char hash[SHA256_BYTES];

	crypto_sha256(secret, hash);
	snprintf(
	    key->kid, sizeof(key->kid), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
	crypto_hmac(secret, SPAN("codegram seal v1"), key->bytes);
}

enum err
seal_ring_fill(
    struct seal_ring *ring, const char *current, const char *next, const char *previous)
{
	const char *secrets[SEAL_KEYS] = { current, next, previous };

	*ring = (struct seal_ring){ .count = 0 };
	if (sodium_init() < 0)
		return ERR_INTERNAL;
	if (current == NULL || *current == '\0')
		return ERR_INVALID;
	for (int i = 0; i < SEAL_KEYS; i++) {
		struct seal_key *key = &ring->key[ring->count];
		if (secrets[i] == NULL || *secrets[i] == '\0')
			continue;
		if (strlen(secrets[i]) < 32)
			return ERR_INVALID;
		fill_key(key, span_of(secrets[i]));
		for (int k = 0; k < ring->count; k++)
			if (strcmp(ring->key[k].kid, key->kid) == 0)
				return ERR_INVALID;
		ring->count++;
	}
	return OK;
}

enum err
seal(const struct seal_ring *ring, struct span plain, struct span associated, struct span *out,
    struct scope *scope)
{
	unsigned char *record, *nonce;

	if (plain.len > SEAL_MAX || ring->count == 0)
		return ERR_INVALID;
	if ((record = arena_alloc(scope->arena, plain.len + SEAL_OVERHEAD)) == NULL)
		return ERR_NO_MEMORY;
	memcpy(record, "v1", VERSION);
	memcpy(record + VERSION, ring->key[0].kid, KID);
	nonce = record + VERSION + KID;
	random_bytes(nonce, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL,
	    (const unsigned char *)plain.ptr, plain.len, (const unsigned char *)associated.ptr,
	    associated.len, NULL, nonce, ring->key[0].bytes);
	*out = (struct span){ (const char *)record, plain.len + SEAL_OVERHEAD };
	return OK;
}

static const struct seal_key *
key_of(const struct seal_ring *ring, struct span record)
{
	if (record.len < SEAL_OVERHEAD || memcmp(record.ptr, "v1", VERSION) != 0)
		return NULL;
	for (int i = 0; i < ring->count; i++)
		if (memcmp(ring->key[i].kid, record.ptr + VERSION, KID) == 0)
			return &ring->key[i];
	return NULL;
}

enum err
unseal(const struct seal_ring *ring, struct span record, struct span associated,
    struct span *out, struct scope *scope)
{
	const struct seal_key *key = key_of(ring, record);
	const unsigned char *nonce;
	unsigned char *plain;
	size_t len;

	if (key == NULL || record.len > SEAL_MAX + SEAL_OVERHEAD)
		return ERR_BAD_TOKEN;
	nonce = (const unsigned char *)record.ptr + VERSION + KID;
	len = record.len - SEAL_OVERHEAD;
	if ((plain = arena_alloc(scope->arena, len + 1)) == NULL)
		return ERR_NO_MEMORY;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + NONCE,
	        len + TAG, (const unsigned char *)associated.ptr, associated.len, nonce,
	        key->bytes) != 0)
		return ERR_BAD_TOKEN;
	*out = (struct span){ (const char *)plain, len };
	return OK;
}

bool
seal_is_current(const struct seal_ring *ring, struct span record)
{
	const struct seal_key *key = key_of(ring, record);

	return key != NULL && key == &ring->key[0];
}
