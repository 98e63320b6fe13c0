/* graphql: just so much of GraphQL that a client can't get away with a wrong query: fields,
 * aliases, arguments and variables of viewer, user and rateLimit; a field that GitHub lacks is
 * an error as there. No fragments, no directives. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "github/stand_in.h"

enum { DEPTH_MAX = 16 };

struct argument {
	const char *name, *value; /* value NULL: null */
	const char *type;         /* of the variable; NULL: it was none */
	struct argument *next;
};

struct selection {
	const char *name, *alias;
	struct argument *arguments;
	struct selection *inner, *next;
	int line, column;
};

struct parser {
	struct ask *ask;
	const json_t *variables;
	const char *text, *at;
	struct argument *variables_declared;
	int depth;
	bool failed;
};

/* ---- the text */

static void
skip(struct parser *p)
{
	while (*p->at && (isspace((unsigned char)*p->at) || *p->at == ',' || *p->at == '#'))
		p->at += *p->at == '#' ? strcspn(p->at, "\n") : 1;
}

static bool
take(struct parser *p, char c)
{
	skip(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static const char *
take_name(struct parser *p)
{
	size_t len = 0;

	skip(p);
	while (isalnum((unsigned char)p->at[len]) || p->at[len] == '_')
		len++;
	if (len == 0) {
		p->failed = true;
		return "";
	}
	p->at += len;
	return arena_text(p->ask->arena, (struct span){ p->at - len, len });
}

/* An undeclared variable is no query. */
static void
take_variable(struct parser *p, struct argument *out)
{
	const struct argument *declared = p->variables_declared;
	const char *name = take_name(p);

	while (declared != NULL && strcmp(declared->name, name) != 0)
		declared = declared->next;
	p->failed |= declared == NULL;
	out->type = declared ? declared->type : NULL;
	out->value = json_string_value(json_object_get(p->variables, name));
}

static void
take_value(struct parser *p, struct argument *out)
{
	const char *end;

	if (take(p, '$')) {
		take_variable(p, out);
		return;
	}
	if (!take(p, '"')) {
		out->value = take_name(p);
		return;
	}
	end = strchr(p->at, '"');
	if (end == NULL) {
		p->failed = true;
		return;
	}
	out->value = arena_text(p->ask->arena, (struct span){ p->at, (size_t)(end - p->at) });
	p->at = end + 1;
}

static struct argument *
take_arguments(struct parser *p)
{
	struct argument *first = NULL, *one;

	if (!take(p, '('))
		return NULL;
	while (!p->failed && !take(p, ')')) {
		one = arena_alloc(p->ask->arena, sizeof(*one));
		one->name = take_name(p);
		p->failed |= !take(p, ':');
		take_value(p, one);
		one->next = first;
		first = one;
	}
	return first;
}

static void
find_place(const struct parser *p, struct selection *s)
{
	s->line = s->column = 1;
	for (const char *at = p->text; at < p->at; at++) {
		s->column = *at == '\n' ? 1 : s->column + 1;
		s->line += *at == '\n';
	}
}

static struct selection *
take_selections(struct parser *p)
{
	struct selection *first = NULL, **last = &first, *one;

	if (!take(p, '{') || p->depth++ == DEPTH_MAX) {
		p->failed = true;
		return NULL;
	}
	while (!p->failed && !take(p, '}')) {
		one = arena_alloc(p->ask->arena, sizeof(*one));
		skip(p);
		find_place(p, one);
		one->name = one->alias = take_name(p);
		if (take(p, ':'))
			one->name = take_name(p);
		one->arguments = take_arguments(p);
		skip(p);
		if (*p->at == '{')
			one->inner = take_selections(p);
		*last = one;
		last = &one->next;
	}
	p->depth--;
	return first;
}

/* ($from: DateTime!, ...) */
static void
take_variables(struct parser *p)
{
	struct argument *one;

	if (!take(p, '('))
		return;
	while (!p->failed && !take(p, ')')) {
		one = arena_alloc(p->ask->arena, sizeof(*one));
		p->failed |= !take(p, '$');
		one->name = take_name(p);
		p->failed |= !take(p, ':');
		one->type = take_name(p);
		take(p, '!');
		one->next = p->variables_declared;
		p->variables_declared = one;
	}
}

/* query Name($from: DateTime!, ...) { ... }, or only { ... } */
static struct selection *
take_document(struct parser *p)
{
	struct selection *all;

	skip(p);
	if (*p->at != '{') {
		if (strcmp(take_name(p), "query") != 0)
			p->failed = true;
		skip(p);
		if (!p->failed && *p->at != '(' && *p->at != '{')
			take_name(p);
		take_variables(p);
	}
	all = p->failed ? NULL : take_selections(p);
	skip(p);
	p->failed |= *p->at != '\0';
	return all;
}

/* ---- the answer */

struct result {
	struct ask *ask;
	json_t *errors, *path;
	bool invalid; /* the query itself is wrong: no data at all */
	bool is_null; /* what may not be null could not be had: its parent goes */
};

static const char *
argument_of(const struct selection *s, const char *name)
{
	for (const struct argument *a = s->arguments; a != NULL; a = a->next)
		if (strcmp(a->name, name) == 0)
			return a->value;
	return NULL;
}

static json_t *
error_add(struct result *r, const struct selection *s, const char *type, const char *message)
{
	json_t *path = json_copy(r->path), *one;

	json_array_append_new(path, json_string(s->alias));
	one = json_pack("{s:s*,s:o,s:[{s:i,s:i}],s:s}", "type", type, "path", path, "locations",
	    "line", s->line, "column", s->column, "message", message);

	json_array_append_new(r->errors, one);
	return one;
}

static void
error_invalid(struct result *r, const struct selection *s, const char *parent)
{
	char message[256];
	json_t *one;

	snprintf(
	    message, sizeof(message), "Field '%s' doesn't exist on type '%s'", s->name, parent);
	one = error_add(r, s, NULL, message);
	json_object_set_new(one, "extensions",
	    json_pack("{s:s,s:s,s:s}", "code", "undefinedField", "typeName", parent,
	        "fieldName", s->name));
	r->invalid = true;
}

static json_t *
person_tree(struct ask *a, size_t person)
{
	const struct person *p = &a->world->people.at[person];
	struct buf b;
	json_t *tree;

	buf_init(&b, 65536);
	buf_char(&b, '{');
	put_text(&b, "__typename", "User");
	put_int(&b, "place", (int64_t)person);
	put_key(&b, "id");
	buf_format(&b, "\"U_kgDO%08llx\"", (unsigned long long)p->id);
	put_int(&b, "databaseId", p->id);
	put_text(&b, "login", p->login);
	put_text_or_null(&b, "name", p->name);
	put_text_or_null(&b, "bio", p->bio);
	put_text_or_null(&b, "company", p->company);
	put_text_or_null(&b, "location", p->location);
	put_time(&b, "createdAt", p->created);
	put_time(&b, "updatedAt", p->updated);
	buf_format(&b,
	    ",\"followers\":{\"__typename\":\"FollowerConnection\",\"totalCount\":%lld}"
	    ",\"following\":{\"__typename\":\"FollowingConnection\",\"totalCount\":%lld}}",
	    (long long)p->followers, (long long)p->following);
	tree = json_loadb(b.ptr, b.len, 0, NULL);
	buf_free(&b);
	return tree;
}

static json_t *
limit_tree(struct ask *a)
{
	const struct budget *g = &a->world->people.at[a->person].graphql;
	struct buf b;
	json_t *tree;

	buf_init(&b, 4096);
	buf_puts(&b, "{\"__typename\":\"RateLimit\",\"cost\":1,\"nodeCount\":0");
	put_int(&b, "limit", g->limit);
	put_int(&b, "remaining", g->limit - g->used);
	put_int(&b, "used", g->used);
	put_time(&b, "resetAt", g->reset);
	buf_char(&b, '}');
	tree = json_loadb(b.ptr, b.len, 0, NULL);
	buf_free(&b);
	return tree;
}

static json_t *
resolve_contributions(struct result *r, const json_t *person, const struct selection *s)
{
	const char *type = NULL, *message = NULL;
	size_t place = (size_t)json_integer_value(json_object_get(person, "place"));
	json_t *tree = contributions_tree(r->ask, place, time_of(argument_of(s, "from")),
	    time_of(argument_of(s, "to")), &type, &message);

	if (tree != NULL)
		return tree;
	error_add(r, s, type, message);
	r->is_null = true;
	return json_null();
}

static json_t *
resolve_user(struct result *r, const struct selection *s)
{
	const char *login = argument_of(s, "login");
	size_t person = person_by_login(r->ask->world, login);

	if (person != NOBODY)
		return person_tree(r->ask, person);
	error_add(r, s, "NOT_FOUND",
	    arena_format(r->ask->arena, "Could not resolve to a User with the login of '%s'.",
	        login ? login : ""));
	return json_null();
}

/* What the fields take; a variable's type without its !. */
static const struct {
	const char *field, *argument, *type;
} known_arguments[] = {
	{ "contributionsCollection", "from", "DateTime" },
	{ "contributionsCollection", "to", "DateTime" },
	{ "contributionsCollection", "organizationID", "ID" },
	{ "user", "login", "String" },
	{ "rateLimit", "dryRun", "Boolean" },
};

static bool
takes_argument(const struct selection *s, const struct argument *a)
{
	size_t i = 0, count = sizeof(known_arguments) / sizeof(*known_arguments);

	while (i < count && (strcmp(known_arguments[i].field, s->name) != 0 ||
	                        strcmp(known_arguments[i].argument, a->name) != 0))
		i++;
	return i < count && (a->type == NULL || strcmp(a->type, known_arguments[i].type) == 0);
}

static bool
check_arguments(struct result *r, const struct selection *s)
{
	for (const struct argument *a = s->arguments; a != NULL; a = a->next) {
		if (takes_argument(s, a))
			continue;
		error_add(r, s, NULL,
		    arena_format(r->ask->arena,
		        "Field '%s' doesn't accept argument '%s', or not of that type", s->name,
		        a->name));
		r->invalid = true;
		return false;
	}
	return true;
}

/* A new reference; NULL: there is no such field. */
static json_t *
resolve(struct result *r, const json_t *object, const struct selection *s)
{
	const char *type = json_string_value(json_object_get(object, "__typename"));
	bool is_query = strcmp(type, "Query") == 0;

	if (is_query && strcmp(s->name, "viewer") == 0)
		return person_tree(r->ask, r->ask->person);
	if (is_query && strcmp(s->name, "rateLimit") == 0)
		return limit_tree(r->ask);
	if (is_query && strcmp(s->name, "user") == 0)
		return resolve_user(r, s);
	if (strcmp(type, "User") == 0 && strcmp(s->name, "contributionsCollection") == 0)
		return resolve_contributions(r, object, s);
	return json_incref(json_object_get(object, s->name));
}

static json_t *project(struct result *r, const json_t *value, const struct selection *outer);

static json_t *
project_list(struct result *r, const json_t *list, const struct selection *outer)
{
	json_t *out = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		json_array_append_new(
		    out, json_is_object(one) ? project(r, one, outer) : json_deep_copy(one));
	}
	return out;
}

static void
project_field(struct result *r, const json_t *object, const struct selection *s, json_t *out)
{
	json_t *value, *shown = NULL;
	bool outer = r->is_null;

	if (!check_arguments(r, s))
		return;
	value = resolve(r, object, s);
	if (value == NULL || strcmp(s->name, "place") == 0) {
		error_invalid(r, s, json_string_value(json_object_get(object, "__typename")));
	} else if (json_is_array(value)) {
		shown = project_list(r, value, s);
	} else if (json_is_object(value) != (s->inner != NULL) && !json_is_null(value)) {
		error_add(r, s, NULL, "Selections are missing, or there can be none");
		r->invalid = true;
	} else {
		shown = json_is_object(value) ? project(r, value, s) : json_deep_copy(value);
	}
	/* user may be null, viewer may not */
	if (strcmp(s->name, "user") == 0 && r->is_null && !outer) {
		r->is_null = false;
		json_decref(shown);
		shown = json_null();
	}
	if (shown != NULL)
		json_object_set_new(out, s->alias, shown);
	json_decref(value);
}

static json_t *
project(struct result *r, const json_t *value, const struct selection *outer)
{
	json_t *out = json_object();

	if (outer->alias != NULL)
		json_array_append_new(r->path, json_string(outer->alias));
	for (const struct selection *s = outer->inner; s != NULL; s = s->next)
		project_field(r, value, s, out);
	if (outer->alias != NULL)
		json_array_remove(r->path, json_array_size(r->path) - 1);
	return out;
}

static void
write_result(struct ask *a, struct result *r, json_t *data)
{
	buf_char(&a->out, '{');
	if (!r->invalid) {
		if (r->is_null)
			put_null(&a->out, "data");
		else
			put_json(&a->out, "data", data);
	}
	if (json_array_size(r->errors) > 0)
		put_json(&a->out, "errors", r->errors);
	buf_char(&a->out, '}');
}

void
graphql_answer(struct ask *a)
{
	json_t *body = json_loadb(a->body.ptr, a->body.len, 0, NULL);
	const char *query = json_string_value(json_object_get(body, "query"));
	struct parser p = { .ask = a,
		.variables = json_object_get(body, "variables"),
		.text = query,
		.at = query };
	struct result r = { .ask = a, .errors = json_array(), .path = json_array() };
	struct selection document = { .alias = NULL };
	json_t *root = json_pack("{s:s}", "__typename", "Query"), *data = NULL;

	if (query == NULL) {
		answer_error(a, body ? 200 : 400,
		    body ? "A query attribute must be specified and must be a string."
		         : "Problems parsing JSON");
	} else if ((document.inner = take_document(&p)) == NULL || p.failed) {
		buf_format(&a->out,
		    "{\"errors\":[{\"message\":\"Parse error at offset %d\",\"locations\":"
		    "[{\"line\":1,\"column\":1}]}]}",
		    (int)(p.at - p.text));
	} else {
		data = project(&r, root, &document);
		write_result(a, &r, data);
	}
	json_decref(data);
	json_decref(root);
	json_decref(r.errors);
	json_decref(r.path);
	json_decref(body);
}
