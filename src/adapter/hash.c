/* hash: libxxhash's one-shot call. */
#include "adapter/hash.h"

#include <xxhash.h>

uint64_t
hash_of(struct span text)
{
	return XXH3_64bits(text.ptr, text.len);
}
