/* caller: which addresses are one caller for a limit: an IPv4 address is one, and so is an IPv6
 * network of 64 bits, since whoever has one of its addresses has them all. */
#ifndef BASE_CALLER_H
#define BASE_CALLER_H

#include "base/span.h"

enum { CALLER_TEXT = 48 };

/* What is no address stays as it is, cut. */
void caller_of(struct span address, char out[CALLER_TEXT]);

#endif
