/* routes: the table of everything that CodeGram answers, made of routes.def, and the
 * handlers' prototypes, made of the same rows. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "web/request.h"

extern const struct route routes[];
extern const size_t route_count;

#define ROUTE(method, path, group, who, budget, tx, form, handler)                             \
	enum err handler(struct request *r);
#define ROOT ROUTE
#include "api/routes.def"
#undef ROUTE
#undef ROOT

#endif
