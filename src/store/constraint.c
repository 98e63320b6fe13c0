/* constraint: a name in the schema → the answer that its violation gets. */
#include "store/statements.h"

const struct db_constraint store_constraints[] = {
	{ "snippets_code_check", ERR_INVALID, "/code", "TOO_LONG", "has more than 262144 bytes",
	    262144 },
	{ "users_username_key", ERR_CONFLICT, "/username", "TAKEN", "is taken", 0 },
	{ "follows_not_oneself", ERR_INVALID, "/username", "ONESELF", "is oneself", 0 },
	{ NULL, OK, NULL, NULL, NULL, 0 },
};
