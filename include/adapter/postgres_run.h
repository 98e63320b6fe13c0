/* postgres_run: what postgres.c and postgres_row.c lend to each other and to nobody else. */
#ifndef ADAPTER_POSTGRES_RUN_H
#define ADAPTER_POSTGRES_RUN_H

#include "adapter/postgres.h"

struct pg_result; /* libpq's PGresult */

/* Runs one statement within its deadline; *out is the caller's to clear, NULL unless OK. */
enum err db_run(
    struct db *db, struct statement *st, const struct value *v, struct pg_result **out);

struct scope *db_scope(struct db *db);

/* What a SQLSTATE means; NULL: a fault of ours. */
enum err postgres_word(const char *state);

#endif
