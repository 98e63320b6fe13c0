/* whence: where a request comes from, in the few words by which people know their sessions
 * again: the device and the network, nothing that could follow a person. Pure rules. */
#ifndef MODEL_WHENCE_H
#define MODEL_WHENCE_H

#include "base/span.h"

enum { DEVICE_MAX = 64, NETWORK_MAX = 64 };

/* "Firefox on Linux" of a User-Agent header; "" when it says nothing. */
void device_of(struct span user_agent, char out[DEVICE_MAX]);

/* "203.0.113.0/24" or "2001:db8:1::/48" of an address; "" when it is none. */
void network_of(struct span address, char out[NETWORK_MAX]);

#endif
