/* render: JSON straight from a PostgreSQL result. Column names make the keys ("author.id"
 * nests; consecutive columns of one prefix make one object), column types decide how a value is written:
 * numbers and booleans bare, json as it is, timestamps as RFC 3339, text[] as an array, the
 * rest as escaped text. Result text only; the session's TimeZone is UTC. */
#ifndef ADAPTER_RENDER_H
#define ADAPTER_RENDER_H

#include "adapter/postgres.h"

struct pg_result; /* libpq's PGresult */

/* Compiled once per statement, kept for the process's life. NULL: no memory. */
struct render_plan *render_plan_make(const struct pg_result *result);
void render_plan_free(struct render_plan *plan);

/* One object, or a list of them; fills `rows` as adapter/postgres.h says. */
void render_rows(const struct render_plan *plan, const struct pg_result *result, bool list,
    struct rows *rows, struct arena *arena);

#endif
