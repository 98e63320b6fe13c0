/* seal: secrets at rest, by XChaCha20-Poly1305 of libsodium. What a record is bound to (the
 * row it stands in) is associated data: it opens nowhere else.
 * Record: "v1" | kid, 8 | nonce, 24 | ciphertext and tag. */
#ifndef ADAPTER_SEAL_H
#define ADAPTER_SEAL_H

#include "base/scope.h"

enum { SEAL_KEYS = 3, SEAL_OVERHEAD = 2 + 8 + 24 + 16, SEAL_MAX = 64 * 1024 };

struct seal_ring {
	struct seal_key {
		unsigned char bytes[32];
		char kid[9]; /* the start of the secret's own hash, as in adapter/jwt.h */
	} key[SEAL_KEYS];    /* [0] seals, all open */
	int count;
};

/* Secrets are NUL-terminated, NULL or of at least 32 bytes; ERR_INVALID otherwise, without a
 * current one, or when two are equal. */
enum err seal_ring_fill(
    struct seal_ring *ring, const char *current, const char *next, const char *previous);

/* Into the scope's arena. ERR_INVALID past SEAL_MAX. */
enum err seal(const struct seal_ring *ring, struct span plain, struct span associated,
    struct span *out, struct scope *scope);

/* ERR_BAD_TOKEN: touched, bound to something else, or sealed by a key that is not ours. The
 * text is NUL-terminated. */
enum err unseal(const struct seal_ring *ring, struct span record, struct span associated,
    struct span *out, struct scope *scope);

/* Sealed by the current key: nothing to re-seal. */
bool seal_is_current(const struct seal_ring *ring, struct span record);

#endif
