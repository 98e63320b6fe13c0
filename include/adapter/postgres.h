/* postgres: one libpq connection of a process, with a deadline for every answer and each
 * statement prepared when it is first used (in the same round trip).
 * Owns the connection; results go into the scope's arena or straight into a buf. */
#ifndef ADAPTER_POSTGRES_H
#define ADAPTER_POSTGRES_H

#include "base/buf.h"
#include "base/field.h"

enum { STATEMENT_PARAMS_MAX = 16 };

struct render_plan;

/* Made by tools/sqlgen.awk. */
struct statement {
	const char *name, *sql;
	unsigned types[STATEMENT_PARAMS_MAX]; /* OIDs */
	int params;
	enum err none;            /* what no row means */
	const char *role;         /* who runs it */
	uint64_t prepared_on;     /* serial of the connection that knows it */
	struct render_plan *plan; /* of :json statements, once known; for the process's life */
};

/* What a broken constraint means to the caller. */
struct db_constraint {
	const char *name;
	enum err word;
	const char *field, *code, *message;
	int64_t limit;
};

struct db_options {
	const char *url;
	const char *role;        /* user, unless the url names one */
	const char *application; /* application_name */
	int timeout_ms; /* of a statement on the server; here a little longer; 0: none */
	int slow_ms;
	const struct db_constraint *constraints; /* ends with a NULL name; may be NULL */
};

struct db;

/* No connection is made before the first statement, so a program starts without the database.
 * The options are kept, not copied. NULL: no memory. */
struct db *db_make(const struct db_options *options);
void db_free(struct db *db);

/* Another slow_ms from now on. */
void db_slow(struct db *db, int slow_ms);

/* From now on statements wait at most so long, all together (then ERR_BUSY), and each at most
 * `lock_ms` for a lock; over scopes, until the next call. 0: what the options say. */
void db_patience(struct db *db, int total_ms, int lock_ms);

/* Lends the request's arena and fault record. With `transaction` the first statement begins
 * one; otherwise each statement commits by itself and is repeated once on a new connection
 * when the old one turns out to be dead, so it must only read. */
void db_open_scope(struct db *db, struct scope *scope, bool transaction);

/* ERR_UNKNOWN_COMMIT when the connection was lost while committing. OK without a transaction.
 * The next statement begins another one. */
enum err db_commit(struct db *db);

/* Rolls back what is open and forgets the scope. */
void db_close_scope(struct db *db);

/* Where an address leads: the name of its database, and the address of the same server's database
 * "postgres", without a user. NULL: the address is none, or no memory. */
const char *db_name(const char *url, struct arena *arena);
const char *db_server(const char *url, struct arena *arena);

/* Any text, several statements, without a deadline; for migrations and seeds alone. */
enum err db_script(struct db *db, const char *sql);

/* Parameters. */
struct value {
	const char *text; /* NULL: SQL NULL */
	char digits[24];
};
void value_text(struct value *v, const char *text);
void value_uuid(struct value *v, const struct uuid *u);
void value_int(struct value *v, int64_t n);
void value_bool(struct value *v, bool b);
enum err value_texts(struct db *db, struct value *v, const struct texts *t);

enum err db_exec(struct db *db, struct statement *st, const struct value *v);
enum err db_one(struct db *db, struct statement *st, const struct value *v,
    const struct form *form, void *out);
enum err db_many(struct db *db, struct statement *st, const struct value *v,
    const struct form *form, void **out, size_t *count);

/* What a :json statement gave. Columns whose names begin with _ are not rendered; those of the
 * last row rendered are kept here: _total, _version, _public, _key, _id. A row whose first
 * visible column is NULL is not rendered (so a total may come without rows). */
struct rows {
	struct buf *text; /* set by the caller: where the JSON goes */
	int64_t limit;    /* set by the caller: rows rendered at most, 0: all */
	size_t count;     /* rows rendered */
	bool found;       /* there was a row, rendered or not */
	bool more;        /* there was one more than `limit` */
	int64_t total;    /* -1: not asked; below: more than -total */
	int64_t version;
	bool is_public;
	const char *key; /* in the arena */
	struct uuid id;
};
enum err db_json(struct db *db, struct statement *st, const struct value *v, struct rows *rows);
enum err db_json_list(
    struct db *db, struct statement *st, const struct value *v, struct rows *rows);

#endif
