/* render: a plan of ready-made key texts per column, and a loop over rows that copies. */
#include "adapter/render.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum column_kind { PLAIN, FLOAT, BOOLEAN, TIME, TEXTS, ESCAPED };
enum hidden { VISIBLE, HIDDEN_TOTAL, HIDDEN_VERSION, HIDDEN_PUBLIC, HIDDEN_KEY, HIDDEN_ID };

struct column {
	enum column_kind kind;
	enum hidden hidden;
	char lead[160]; /* what stands before the value: , "group":{ "key": */
	size_t lead_len;
	bool closes; /* the last of its group */
};

struct render_plan {
	int columns, first; /* first visible */
	struct column column[];
};

static enum column_kind
kind_of(Oid type)
{
	switch (type) {
	case 16: return BOOLEAN;
	case 20:
	case 21:
	case 23:
	case 114:
	case 3802: return PLAIN;
	case 700:
	case 701: return FLOAT;
	case 1184: return TIME;
	case 1009: return TEXTS;
	default: return ESCAPED;
	}
}

static enum hidden
hidden_of(const char *name)
{
	static const char *const names[] = { [HIDDEN_TOTAL] = "_total",
		[HIDDEN_VERSION] = "_version",
		[HIDDEN_PUBLIC] = "_public",
		[HIDDEN_KEY] = "_key",
		[HIDDEN_ID] = "_id" };

	for (int i = HIDDEN_TOTAL; i <= HIDDEN_ID; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum hidden)i;
	return VISIBLE;
}

/* The part before the dot; empty for a plain name. */
static struct span
group_of(const char *name)
{
	const char *dot = strchr(name, '.');
	return (struct span){ name, dot ? (size_t)(dot - name) : 0 };
}

static void
plan_column(
    struct column *c, const char *name, struct span group, struct span before, bool comma)
{
	const char *key = group.len ? name + group.len + 1 : name;
	int len;

	if (group.len > 0 && !span_equal(group, before))
		len = snprintf(c->lead, sizeof(c->lead),
		    "%s\"%.*s\":{\"%s\":", comma ? "," : "", (int)group.len, group.ptr, key);
	else
		len = snprintf(c->lead, sizeof(c->lead), "%s\"%s\":", comma ? "," : "", key);
	c->lead_len = (size_t)len; /* column names have 63 bytes at most */
}

struct render_plan *
render_plan_make(const PGresult *result)
{
	int n = PQnfields(result);
	struct render_plan *plan = calloc(1, sizeof(*plan) + (size_t)n * sizeof(struct column));
	struct span before = { "", 0 };
	struct column *last = NULL;

	if (plan == NULL)
		return NULL;
	plan->columns = n;
	plan->first = -1;
	for (int i = 0; i < n; i++) {
		const char *name = PQfname(result, i);
		struct column *c = &plan->column[i];
		struct span group = group_of(name);
		c->kind = kind_of(PQftype(result, i));
		c->hidden = hidden_of(name);
		if (c->hidden != VISIBLE)
			continue;
		if (last != NULL && before.len > 0 && !span_equal(group, before))
			last->closes = true;
		plan_column(c, name, group, before, plan->first >= 0);
		if (plan->first < 0)
			plan->first = i;
		before = group;
		last = c;
	}
	if (last != NULL && before.len > 0)
		last->closes = true;
	return plan;
}

void
render_plan_free(struct render_plan *plan)
{
	free(plan);
}

/* "2026-11-22 23:09:46.123456+00" → "2026-11-22T23:09:46.123Z" */
static void
render_time(struct buf *out, struct span text)
{
	char to[26] = "\"0000-00-00T00:00:00.000Z\"";

	if (text.len < 22 || text.ptr[10] != ' ') {
		buf_json_string(out, text); /* infinity, or years past 9999 */
		return;
	}
	memcpy(to + 1, text.ptr, 10);
	memcpy(to + 12, text.ptr + 11, 8);
	if (text.ptr[19] == '.')
		for (size_t i = 20; i < 23 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
			to[1 + i] = text.ptr[i];
	buf_add(out, (struct span){ to, sizeof(to) });
}

/* One item of an array literal: plain, "quoted \" text", NULL. Returns what is behind it. */
static const char *
render_item(struct buf *out, const char *at, const char *end)
{
	const char *run = at;

	if (*at != '"') {
		at = memchr(at, ',', (size_t)(end - at));
		at = at ? at : end;
		if (at - run == 4 && memcmp(run, "NULL", 4) == 0)
			buf_puts(out, "null");
		else
			buf_json_string(out, (struct span){ run, (size_t)(at - run) });
		return at;
	}
	buf_char(out, '"');
	for (run = ++at; at < end && *at != '"'; at++) {
		if (*at != '\\')
			continue;
		buf_json(out, (struct span){ run, (size_t)(at - run) });
		run = ++at; /* the escaped character begins the next run */
	}
	buf_json(out, (struct span){ run, (size_t)(at - run) });
	buf_char(out, '"');
	return at + 1;
}

/* An array literal of one dimension. */
static void
render_texts(struct buf *out, struct span text)
{
	const char *at = text.ptr + 1, *end = text.ptr + text.len - 1;

	buf_char(out, '[');
	while (at < end) {
		at = render_item(out, at, end);
		if (at < end) {
			buf_char(out, ',');
			at++;
		}
	}
	buf_char(out, ']');
}

/* NaN and the infinities are no JSON. */
static void
render_float(struct buf *out, struct span text)
{
	bool number = strspn(text.ptr, "-0123456789.e+") == text.len;

	buf_add(out, number ? text : SPAN("null"));
}

static void
render_value(struct buf *out, enum column_kind kind, struct span text)
{
	switch (kind) {
	case PLAIN: buf_add(out, text); break;
	case FLOAT: render_float(out, text); break;
	case BOOLEAN: buf_puts(out, *text.ptr == 't' ? "true" : "false"); break;
	case TIME: render_time(out, text); break;
	case TEXTS: render_texts(out, text); break;
	case ESCAPED: buf_json_string(out, text); break;
	}
}

static void
render_row(const struct render_plan *plan, const PGresult *result, int row, struct buf *out)
{
	buf_char(out, '{');
	for (int i = 0; i < plan->columns; i++) {
		const struct column *c = &plan->column[i];
		if (c->hidden != VISIBLE)
			continue;
		buf_add(out, (struct span){ c->lead, c->lead_len });
		if (PQgetisnull(result, row, i))
			buf_add(out, SPAN("null"));
		else
			render_value(out, c->kind,
			    (struct span){ PQgetvalue(result, row, i),
			        (size_t)PQgetlength(result, row, i) });
		if (c->closes)
			buf_char(out, '}');
	}
	buf_char(out, '}');
}

static void
keep_hidden(const struct render_plan *plan, const PGresult *result, int row, struct rows *rows,
    struct arena *arena)
{
	for (int i = 0; i < plan->columns; i++) {
		struct span text = { PQgetvalue(result, row, i),
			(size_t)PQgetlength(result, row, i) };
		if (plan->column[i].hidden == VISIBLE || PQgetisnull(result, row, i))
			continue;
		switch (plan->column[i].hidden) {
		case HIDDEN_TOTAL: span_int(text, &rows->total); break;
		case HIDDEN_VERSION: span_int(text, &rows->version); break;
		case HIDDEN_PUBLIC: rows->is_public = *text.ptr == 't'; break;
		case HIDDEN_KEY: rows->key = arena_text(arena, text); break;
		case HIDDEN_ID: uuid_parse(text, &rows->id); break;
		case VISIBLE: break;
		}
	}
}

void
render_rows(const struct render_plan *plan, const PGresult *result, bool list,
    struct rows *rows, struct arena *arena)
{
	int count = PQntuples(result), last = -1;

	rows->total = -1;
	rows->found = count > 0;
	if (list)
		buf_char(rows->text, '[');
	for (int i = 0; i < count; i++) {
		if (plan->first >= 0 && PQgetisnull(result, i, plan->first))
			continue;
		if (rows->limit > 0 && (int64_t)rows->count == rows->limit) {
			rows->more = true;
			break;
		}
		if (rows->count++ > 0)
			buf_char(rows->text, ',');
		render_row(plan, result, i, rows->text);
		last = i;
	}
	if (list)
		buf_char(rows->text, ']');
	if (count > 0)
		keep_hidden(plan, result, last >= 0 ? last : 0, rows, arena);
}
