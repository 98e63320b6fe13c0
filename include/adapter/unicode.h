/* unicode: whether bytes are UTF-8 (libunistring). */
#ifndef ADAPTER_UNICODE_H
#define ADAPTER_UNICODE_H

#include "base/span.h"

bool unicode_ok(struct span text);

#endif
