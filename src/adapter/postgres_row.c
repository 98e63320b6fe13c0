/* postgres_row: parameters into text, results into structs, JSON and words. */
#include "adapter/postgres.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres_run.h"
#include "adapter/render.h"

static void
clear_result(void *result)
{
	PQclear(result);
}

void
value_text(struct value *v, const char *text)
{
	v->text = text;
}

void
value_uuid(struct value *v, const struct uuid *u)
{
	v->text = uuid_empty(u) ? NULL : u->text;
}

void
value_int(struct value *v, int64_t n)
{
	snprintf(v->digits, sizeof(v->digits), "%lld", (long long)n);
	v->text = v->digits;
}

void
value_bool(struct value *v, bool b)
{
	v->text = b ? "t" : "f";
}

/* An array literal: every item quoted. */
enum err
value_texts(struct db *db, struct value *v, const struct texts *t)
{
	size_t size = 3;
	char *to;

	v->text = NULL;
	if (t == NULL)
		return OK;
	for (size_t i = 0; i < t->count; i++)
		size += 2 * strlen(t->items[i]) + 3;
	if ((v->text = to = arena_alloc(db_scope(db)->arena, size)) == NULL)
		return ERR_NO_MEMORY;
	*to++ = '{';
	for (size_t i = 0; i < t->count; i++) {
		if (i > 0)
			*to++ = ',';
		*to++ = '"';
		for (const char *from = t->items[i]; *from; from++) {
			if (*from == '"' || *from == '\\')
				*to++ = '\\';
			*to++ = *from;
		}
		*to++ = '"';
	}
	*to = '}';
	return OK;
}

enum err
db_exec(struct db *db, struct statement *st, const struct value *v)
{
	PGresult *r;
	enum err word;

	TRY(db_run(db, st, v, &r));
	word = st->none != OK && strcmp(PQcmdTuples(r), "0") == 0 ? st->none : OK;
	PQclear(r);
	return word;
}

static enum err
read_row(struct db *db, const PGresult *r, int row, const struct form *form, void *out)
{
	memset(out, 0, form->size);
	for (int c = 0; c < PQnfields(r); c++) {
		int i = field_find(form, span_of(PQfname(r, c)));
		struct span text = { PQgetvalue(r, row, c), (size_t)PQgetlength(r, row, c) };
		if (i < 0)
			return fault(&db_scope(db)->fault, ERR_INTERNAL,
			    "no field %s in row %s", PQfname(r, c), form->name);
		if (PQgetisnull(r, row, c)) {
			((struct presence *)out)->null |= UINT64_C(1) << i;
			continue;
		}
		if (field_set(form, (size_t)i, out, text, PQfname(r, c), db_scope(db)) != OK)
			return fault(&db_scope(db)->fault, ERR_INTERNAL,
			    "column %s of row %s: bad value", PQfname(r, c), form->name);
	}
	return OK;
}

enum err
db_one(struct db *db, struct statement *st, const struct value *v, const struct form *form,
    void *out)
{
	PGresult *r;

	TRY(db_run(db, st, v, &r));
	if (!arena_defer(db_scope(db)->arena, clear_result, r))
		return ERR_NO_MEMORY;
	if (PQntuples(r) == 0)
		return st->none;
	return read_row(db, r, 0, form, out);
}

enum err
db_many(struct db *db, struct statement *st, const struct value *v, const struct form *form,
    void **out, size_t *count)
{
	PGresult *r;

	TRY(db_run(db, st, v, &r));
	if (!arena_defer(db_scope(db)->arena, clear_result, r))
		return ERR_NO_MEMORY;
	*count = (size_t)PQntuples(r);
	*out = arena_alloc(db_scope(db)->arena, *count * form->size + 1);
	if (*out == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < *count; i++)
		TRY(read_row(db, r, (int)i, form, (char *)*out + i * form->size));
	return OK;
}

static enum err
json(struct db *db, struct statement *st, const struct value *v, bool list, struct rows *rows)
{
	PGresult *r;

	TRY(db_run(db, st, v, &r));
	if (!arena_defer(db_scope(db)->arena, clear_result, r))
		return ERR_NO_MEMORY;
	if (st->plan == NULL && (st->plan = render_plan_make(r)) == NULL)
		return ERR_NO_MEMORY;
	if (PQntuples(r) == 0 && st->none != OK)
		return st->none;
	render_rows(st->plan, r, list, rows, db_scope(db)->arena);
	return buf_ok(rows->text) ? OK : ERR_NO_MEMORY;
}

enum err
db_json(struct db *db, struct statement *st, const struct value *v, struct rows *rows)
{
	return json(db, st, v, false, rows);
}

enum err
db_json_list(struct db *db, struct statement *st, const struct value *v, struct rows *rows)
{
	return json(db, st, v, true, rows);
}

/* SQLSTATE → word; the rest are faults of ours. */
static const struct {
	const char *state;
	enum err word;
} states[] = {
	{ "57014", ERR_TIMEOUT }, /* statement_timeout */
	{ "55P03", ERR_BUSY },    /* lock_timeout */
	{ "40001", ERR_RETRY },
	{ "40P01", ERR_RETRY },
	{ "26000", ERR_RETRY },
	{ "0A000", ERR_RETRY }, /* after a migration: on a new connection */
	{ "57P01", ERR_AWAY },
	{ "57P02", ERR_AWAY },
	{ "57P03", ERR_AWAY },
	{ "25P03", ERR_AWAY },
	{ "57P05", ERR_AWAY },
	{ "25006", ERR_AWAY },
	{ "53000", ERR_AWAY }, /* it has not enough of something: */
	{ "53100", ERR_AWAY }, /* disk */
	{ "53200", ERR_AWAY }, /* memory, or locks */
	{ "53300", ERR_AWAY }, /* connections */
	{ "53400", ERR_AWAY }, /* temporary files */
	{ "58030", ERR_AWAY }, /* the disk is broken */
	{ "23505", ERR_CONFLICT },
	{ "23503", ERR_NOT_FOUND },
	{ "22021", ERR_INVALID },
	{ "22P05", ERR_INVALID },
	{ "22003", ERR_INVALID },
	{ "23514", ERR_INVALID },
	{ "22001", ERR_INVALID },
	{ "54001", ERR_INVALID },
	{ "CG401", ERR_BAD_TOKEN },
	{ "CG403", ERR_SUSPENDED },
	{ "CG40B", ERR_BLOCKED },
};

enum err
postgres_word(const char *state)
{
	for (size_t i = 0; state != NULL && i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(states[i].state, state) == 0)
			return states[i].word;
	return ERR_INTERNAL;
}
