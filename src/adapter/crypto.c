/* crypto: OpenSSL's one-shot calls. */
#include "adapter/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

void
crypto_sha256(struct span text, unsigned char out[SHA256_BYTES])
{
	if (!EVP_Digest(text.ptr, text.len, out, NULL, EVP_sha256(), NULL))
		abort(); /* no memory inside OpenSSL: nothing made without it may go on */
}

void
crypto_hmac(struct span key, struct span text, unsigned char out[SHA256_BYTES])
{
	if (HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len,
	        out, NULL) == NULL)
		abort();
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
