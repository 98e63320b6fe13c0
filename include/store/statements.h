/* statements: the list of all generated statements, for doctor and the tests; and what a
 * broken constraint means to the caller. */
#ifndef STORE_STATEMENTS_H
#define STORE_STATEMENTS_H

#include "adapter/postgres.h"

struct statement_list {
	const char *resource;
	struct statement *statements;
	const size_t *count;
};

extern const struct statement_list statement_lists[]; /* ends with a NULL resource */

extern const struct db_constraint store_constraints[]; /* ends with a NULL name */

/* The number of the latest migration that this build was made for. */
enum { SCHEMA_NUMBER = 11 };

#endif
