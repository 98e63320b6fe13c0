/* routes: the dispatch table. */
#include "api/routes.h"

const struct route routes[] = {
#define ROUTE(method, path, group, who, budget, tx, form, handler)                             \
	{ #method, API_PREFIX path, #handler, GROUP_##group, who, BUDGET_##budget, tx,         \
		&form_##form, handler },
#define ROOT(method, path, group, who, budget, tx, form, handler)                              \
	{ #method, path, #handler, GROUP_##group, who, BUDGET_##budget, tx, &form_##form,      \
		handler },
#include "api/routes.def"
};
const size_t route_count = sizeof(routes) / sizeof(*routes);
