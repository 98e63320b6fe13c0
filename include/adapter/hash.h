/* hash: XXH3 of 64 bits (libxxhash), for ETags; not for anything that must resist people. */
#ifndef ADAPTER_HASH_H
#define ADAPTER_HASH_H

#include "base/span.h"

uint64_t hash_of(struct span text);

#endif
