/* crypto: the little of OpenSSL that CodeGram needs. */
#ifndef ADAPTER_CRYPTO_H
#define ADAPTER_CRYPTO_H

#include "base/span.h"

enum { SHA256_BYTES = 32 };

void crypto_sha256(struct span text, unsigned char out[SHA256_BYTES]);
void crypto_hmac(struct span key, struct span text, unsigned char out[SHA256_BYTES]);

/* In constant time. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
