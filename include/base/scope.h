/* scope: what one request, job or command lends to everything it calls: its arena and the
 * record of what went wrong. */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include "base/arena.h"
#include "base/err.h"

struct scope {
	struct arena *arena;
	struct fault fault;
};

#endif
