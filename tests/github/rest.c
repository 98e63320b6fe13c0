/* rest: the handlers of the REST API, on the caller's and other people's things. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "github/stand_in.h"

static void
put_budget(struct buf *b, const char *key, const struct budget *budget)
{
	put_open(b, key, '{');
	put_int(b, "limit", budget->limit);
	put_int(b, "used", budget->used);
	put_int(
	    b, "remaining", budget->used < budget->limit ? budget->limit - budget->used : 0);
	put_int(b, "reset", budget->reset);
	put_text(b, "resource", strcmp(key, "rate") == 0 ? "core" : key);
	buf_char(b, '}');
}

void
rest_rate_limit(struct ask *a)
{
	static const char *const others[] = { "search", "integration_manifest", NULL };
	struct world *w = a->world;
	bool known = a->person != NOBODY;
	struct budget search = { .limit = 30 };
	struct budget *core =
	    budget_now(w, known ? &w->people.at[a->person].core : &w->anonymous);

	budget_now(w, &search);
	buf_puts(&a->out, "{\"resources\":{");
	put_budget(&a->out, "core", core);
	put_budget(&a->out, "graphql",
	    known ? budget_now(w, &w->people.at[a->person].graphql) : &search);
	for (const char *const *name = others; *name != NULL; name++)
		put_budget(&a->out, *name, &search);
	buf_char(&a->out, '}');
	put_budget(&a->out, "rate", core);
	buf_char(&a->out, '}');
}

void
rest_user(struct ask *a)
{
	a->modified = a->world->people.at[a->person].updated;
	answer_header(a, "X-Accepted-OAuth-Scopes", "");
	shape_user(&a->out, a, a->person, true);
}

/* Without the scope GitHub says 404, and in a header which scope it wants. */
void
rest_emails(struct ask *a)
{
	const struct person *p = &a->world->people.at[a->person];

	answer_header(a, "X-Accepted-OAuth-Scopes", "user, user:email");
	if (!scope_in(a->token->scopes, "user:email")) {
		answer_documented(a, 404, "Not Found",
		    "https://docs.github.com/rest/users/emails"
		    "#list-email-addresses-for-the-authenticated-user");
		return;
	}
	buf_char(&a->out, '[');
	for (size_t i = 0; i < p->email_count; i++) {
		put_open(&a->out, NULL, '{');
		put_text(&a->out, "email", p->emails[i].address);
		put_bool(&a->out, "primary", p->emails[i].primary);
		put_bool(&a->out, "verified", p->emails[i].verified);
		put_text_or_null(
		    &a->out, "visibility", p->emails[i].primary ? "private" : NULL);
		buf_char(&a->out, '}');
	}
	buf_char(&a->out, ']');
}

void
rest_person(struct ask *a)
{
	size_t person = person_by_login(a->world, a->parts[0]);

	if (person == NOBODY || a->world->people.at[person].is_suspended) {
		answer_documented(
		    a, 404, "Not Found", "https://docs.github.com/rest/users/users#get-a-user");
		return;
	}
	a->modified = a->world->people.at[person].updated;
	shape_user(&a->out, a, person, false);
}

/* What lists are made of: places in the world's list, sorted. */
struct list {
	const struct world *world;
	size_t *at, count;
	int (*compare)(
	    const struct world *w, const struct repository *a, const struct repository *b);
	int sign;
};

static int
order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_created(const struct world *w, const struct repository *a, const struct repository *b)
{
	(void)w;
	return order(a->created, b->created);
}

static int
by_updated(const struct world *w, const struct repository *a, const struct repository *b)
{
	(void)w;
	return order(a->updated, b->updated);
}

static int
by_pushed(const struct world *w, const struct repository *a, const struct repository *b)
{
	(void)w;
	return order(a->pushed, b->pushed);
}

static int
by_full_name(const struct world *w, const struct repository *a, const struct repository *b)
{
	char one[FULL_NAME_SIZE], other[FULL_NAME_SIZE];

	full_name_of(w, a, one);
	full_name_of(w, b, other);
	return strcasecmp(one, other);
}

static int
compare(const void *a, const void *b, void *with)
{
	const struct list *l = with;
	const struct repository *one = &l->world->repositories.at[*(const size_t *)a];
	const struct repository *other = &l->world->repositories.at[*(const size_t *)b];
	int how = l->compare(l->world, one, other) * l->sign;

	return how != 0 ? how : order(one->id, other->id);
}

/* False: a parameter is none of GitHub's. */
static bool
set_order(const struct ask *a, struct list *l)
{
	const char *sort = query_of(a, "sort"), *direction = query_of(a, "direction");
	bool by_name = sort == NULL || strcmp(sort, "full_name") == 0;

	if (by_name)
		l->compare = by_full_name;
	else if (strcmp(sort, "created") == 0)
		l->compare = by_created;
	else if (strcmp(sort, "updated") == 0)
		l->compare = by_updated;
	else if (strcmp(sort, "pushed") == 0)
		l->compare = by_pushed;
	else
		return false;
	l->sign = by_name ? 1 : -1;
	if (direction == NULL)
		return true;
	l->sign = strcmp(direction, "desc") == 0 ? -1 : 1;
	return l->sign < 0 || strcmp(direction, "asc") == 0;
}

static bool
may_see(const struct ask *a, const struct repository *r)
{
	bool theirs =
	    a->person != NOBODY && (r->owner == a->person || r->collaborator == a->person);

	return !r->is_gone &&
	       (!r->is_private || (theirs && scope_in(a->token->scopes, "repo")));
}

static void
answer_list(struct ask *a, struct list *l, const char *path, enum repository_shape shape)
{
	size_t from, to;

	qsort_r(l->at, l->count, sizeof(*l->at), compare, l);
	answer_page(a, path, l->count, &from, &to);
	buf_char(&a->out, '[');
	for (size_t i = from; i < to; i++) {
		put_key(&a->out, NULL);
		shape_repository(&a->out, a, l->at[i], shape);
	}
	buf_char(&a->out, ']');
}

static struct list
list_of(const struct ask *a, size_t person, bool owned, bool shared)
{
	const struct world *w = a->world;
	struct list l = { .world = w };

	l.at = arena_alloc(a->arena, (w->repositories.count + 1) * sizeof(*l.at));
	for (size_t i = 0; i < w->repositories.count; i++) {
		const struct repository *r = &w->repositories.at[i];
		if (may_see(a, r) &&
		    ((owned && r->owner == person) || (shared && r->collaborator == person)))
			l.at[l.count++] = i;
	}
	return l;
}

static bool
asks_for(const char *affiliation, const char *word)
{
	return affiliation == NULL || span_list_has(span_of(affiliation), span_of(word));
}

void
rest_own_repositories(struct ask *a)
{
	const char *affiliation = query_of(a, "affiliation");
	struct list l = list_of(a, a->person, asks_for(affiliation, "owner"),
	    asks_for(affiliation, "collaborator"));

	answer_header(a, "X-Accepted-OAuth-Scopes", "");
	if (!set_order(a, &l) || (affiliation != NULL && query_of(a, "type") != NULL)) {
		answer_documented(a, 422, "Validation Failed",
		    "https://docs.github.com/rest/repos/repos"
		    "#list-repositories-for-the-authenticated-user");
		return;
	}
	answer_list(a, &l, "/user/repos", SHAPE_LISTED);
}

/* /users/{login}/repos, whose links are /user/{id}/repos. */
void
rest_their_repositories(struct ask *a)
{
	bool by_id = strncmp(a->path, "/user/", 6) == 0;
	size_t person = by_id ? person_by_id(a->world, strtoll(a->parts[0], NULL, 10))
	                      : person_by_login(a->world, a->parts[0]);
	struct list l;

	if (person == NOBODY) {
		answer_error(a, 404, "Not Found");
		return;
	}
	l = list_of(a, person, true, false);
	if (!set_order(a, &l)) {
		answer_error(a, 422, "Validation Failed");
		return;
	}
	answer_list(a, &l,
	    arena_format(
	        a->arena, "/user/%lld/repos", (long long)a->world->people.at[person].id),
	    SHAPE_MINIMAL);
}

static void
move(struct ask *a, int64_t id, const char *rest)
{
	const char *to =
	    arena_format(a->arena, "%s/repositories/%lld%s", a->api, (long long)id, rest);

	a->status = strcmp(a->method, "GET") == 0 ? 301 : 307;
	answer_header(a, "Location", to);
	buf_char(&a->out, '{');
	put_text(&a->out, "message", "Moved Permanently");
	put_text(&a->out, "url", to);
	put_text(&a->out, "documentation_url",
	    "https://docs.github.com/rest/guides/"
	    "best-practices-for-using-the-rest-api#follow-redirects");
	buf_char(&a->out, '}');
}

/* The repository that the path names; NOBODY: answered already. */
static size_t
repository_asked(struct ask *a, const char *rest)
{
	bool by_id = strncmp(a->path, "/repositories/", 14) == 0;
	size_t found = by_id ? repository_by_id(a->world, strtoll(a->parts[0], NULL, 10))
	                     : repository_by_name(a->world, a->parts[0], a->parts[1]);
	size_t renamed;

	if (found == NOBODY && !by_id &&
	    (renamed = repository_renamed(a->world, a->parts[0], a->parts[1])) != NOBODY &&
	    may_see(a, &a->world->repositories.at[renamed])) {
		move(a, a->world->repositories.at[renamed].id, rest);
		return NOBODY;
	}
	if (found == NOBODY || !may_see(a, &a->world->repositories.at[found])) {
		answer_documented(a, 404, "Not Found",
		    "https://docs.github.com/rest/repos/repos#get-a-repository");
		return NOBODY;
	}
	if (!a->world->repositories.at[found].is_blocked)
		return found;
	a->status = 451;
	buf_puts(&a->out,
	    "{\"message\":\"Repository access blocked\",\"block\":{\"reason\":\"dmca\","
	    "\"created_at\":\"2024-03-12T10:28:01Z\",\"html_url\":"
	    "\"https://github.com/github/dmca/blob/master/2024/03/example.md\"}}");
	return NOBODY;
}

void
rest_repository(struct ask *a)
{
	size_t found = repository_asked(a, "");

	answer_header(a, "X-Accepted-OAuth-Scopes", "repo");
	if (found == NOBODY)
		return;
	a->modified = a->world->repositories.at[found].updated;
	shape_repository(&a->out, a, found, SHAPE_FULL);
}

void
rest_languages(struct ask *a)
{
	size_t found = repository_asked(a, "/languages");
	const struct repository *r;

	if (found == NOBODY)
		return;
	r = &a->world->repositories.at[found];
	buf_char(&a->out, '{');
	for (size_t i = 0; i < r->language_count && !r->is_empty; i++)
		put_int(&a->out, r->languages[i].name, r->languages[i].bytes);
	buf_char(&a->out, '}');
}

/* A small picture: one point, of a colour of the person's own. */
void
rest_avatar(struct ask *a)
{
	buf_format(&a->out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" height=\"80\">"
	    "<rect width=\"80\" height=\"80\" fill=\"#%06llx\"/></svg>",
	    (strtoull(a->parts[0], NULL, 10) * 0x9E3779B9u) & 0xffffff);
	a->type = "image/svg+xml";
}
