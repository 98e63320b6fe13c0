/* change: what happens at GitHub while nobody looks: one row for each kind of change. The seed
 * is a list of them, the journal too. */
#include <stdio.h>
#include <strings.h>

#include "github/stand_in.h"

static const char *
text_in(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key));
}

static struct person *
person_in(struct world *w, const json_t *c)
{
	size_t person = person_by_login(w, text_in(c, "login"));

	return person == NOBODY ? NULL : &w->people.at[person];
}

static struct repository *
repository_in(struct world *w, const json_t *c)
{
	const json_t *which = json_object_get(c, "repository");
	size_t found = json_is_integer(which)
	                   ? repository_by_id(w, json_integer_value(which))
	                   : repository_by_full_name(w, json_string_value(which));

	return found == NOBODY ? NULL : &w->repositories.at[found];
}

static const char *
add_person(struct world *w, json_t *c)
{
	const char *wrong = make_person(w, c);

	if (wrong == NULL)
		json_object_set_new(
		    c, "id", json_integer(w->people.at[w->people.count - 1].id));
	return wrong;
}

static const char *
edit_person(struct world *w, json_t *c)
{
	struct person *p = person_in(w, c);
	int64_t activity = 0;

	if (p == NULL)
		return "no such login";
	set_text(p->name, sizeof(p->name), c, "name");
	set_text(p->company, sizeof(p->company), c, "company");
	set_text(p->blog, sizeof(p->blog), c, "blog");
	set_text(p->location, sizeof(p->location), c, "location");
	set_text(p->bio, sizeof(p->bio), c, "bio");
	set_int(&p->followers, c, "followers");
	set_int(&p->following, c, "following");
	set_int(&p->longest_days, c, "longest_days");
	set_bool(&p->is_suspended, c, "suspended");
	set_emails(p, json_object_get(c, "emails"));
	activity = p->activity;
	set_int(&activity, c, "activity");
	p->activity = (int)activity;
	p->updated = world_now(w);
	return NULL;
}

static void
keep_old_name(struct world *w, const struct repository *r)
{
	struct old_name *old = LIST_ADD(w->old_names);

	full_name_of(w, r, old->full_name);
	old->repository = (size_t)(r - w->repositories.at);
}

static const char *
rename_person(struct world *w, json_t *c)
{
	struct person *p = person_in(w, c);
	const char *to = text_in(c, "to");

	if (p == NULL || to == NULL || person_by_login(w, to) != NOBODY)
		return "no such login, or the new one is taken";
	for (size_t i = 0; i < w->repositories.count; i++)
		if (&w->people.at[w->repositories.at[i].owner] == p)
			keep_old_name(w, &w->repositories.at[i]);
	set_text(p->login, sizeof(p->login), c, "to");
	return NULL;
}

static const char *
revoke_tokens(struct world *w, json_t *c)
{
	const char *text = text_in(c, "token");
	struct person *p = person_in(w, c);

	if (p == NULL && text == NULL)
		return "no such login, and no token";
	for (size_t i = 0; i < w->tokens.count; i++) {
		struct token *t = &w->tokens.at[i];
		if (text ? strcmp(t->text, text) == 0 : &w->people.at[t->person] == p)
			t->is_revoked = true;
	}
	return NULL;
}

static const char *
delete_person(struct world *w, json_t *c)
{
	struct person *p = person_in(w, c);

	if (p == NULL)
		return "no such login";
	revoke_tokens(w, c);
	for (size_t i = 0; i < w->repositories.count; i++)
		if (&w->people.at[w->repositories.at[i].owner] == p)
			w->repositories.at[i].is_gone = true;
	p->is_gone = true;
	return NULL;
}

static const char *
add_repository(struct world *w, json_t *c)
{
	const char *wrong = make_repository(w, c);

	if (wrong == NULL)
		json_object_set_new(
		    c, "id", json_integer(w->repositories.at[w->repositories.count - 1].id));
	return wrong;
}

static const char *
edit_repository(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);

	if (r == NULL)
		return "no such repository";
	set_text(r->description, sizeof(r->description), c, "description");
	set_text(r->homepage, sizeof(r->homepage), c, "homepage");
	set_languages(r, json_object_get(c, "languages"));
	set_topics(r, json_object_get(c, "topics"));
	set_int(&r->issues, c, "issues");
	set_int(&r->forks, c, "forks");
	set_bool(&r->is_private, c, "private");
	set_bool(&r->is_fork, c, "fork");
	set_bool(&r->is_archived, c, "archived");
	set_bool(&r->is_blocked, c, "blocked");
	set_bool(&r->is_empty, c, "empty");
	r->updated = world_now(w);
	return NULL;
}

static const char *
push(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);

	if (r == NULL)
		return "no such repository";
	if (json_object_get(c, "languages") == NULL && r->language_count > 0)
		r->languages[0].bytes += 100;
	set_languages(r, json_object_get(c, "languages"));
	r->size++;
	/* Times are seconds; a push is never as old as the one before. */
	r->pushed = r->updated = world_now(w) > r->pushed ? world_now(w) : r->pushed + 1;
	return NULL;
}

static const char *
star(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);
	int64_t by = 1;

	if (r == NULL)
		return "no such repository";
	set_int(&by, c, "by");
	r->stars = r->stars + by > 0 ? r->stars + by : 0;
	return NULL;
}

static const char *
rename_repository(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);
	const char *to = text_in(c, "to");

	if (r == NULL || to == NULL ||
	    repository_by_name(w, w->people.at[r->owner].login, to) != NOBODY)
		return "no such repository, or the new name is taken";
	keep_old_name(w, r);
	set_text(r->name, sizeof(r->name), c, "to");
	r->updated = world_now(w);
	return NULL;
}

static const char *
transfer_repository(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);
	size_t to = person_by_login(w, text_in(c, "to"));

	if (r == NULL || to == NOBODY ||
	    repository_by_name(w, w->people.at[to].login, r->name) != NOBODY)
		return "no such repository or login, or the name is taken there";
	keep_old_name(w, r);
	r->owner = to;
	r->updated = world_now(w);
	return NULL;
}

static const char *
delete_repository(struct world *w, json_t *c)
{
	struct repository *r = repository_in(w, c);

	if (r == NULL)
		return "no such repository";
	r->is_gone = true;
	return NULL;
}

/* The text is put into the change, so that the journal makes the same token again. */
static const char *
make_token(struct world *w, json_t *c)
{
	size_t person = person_by_login(w, text_in(c, "login"));
	const char *scopes = text_in(c, "scopes");
	char text[TOKEN_SIZE];

	if (person == NOBODY)
		return "no such login";
	if (text_in(c, "token") == NULL) {
		token_name(text, sizeof(text));
		json_object_set_new(c, "token", json_string(text));
	}
	token_make(w, person, scopes ? scopes : "read:user,user:email", text_in(c, "token"));
	return NULL;
}

static const char *
set_scopes(struct world *w, json_t *c)
{
	struct person *p = person_in(w, c);

	if (p == NULL || text_in(c, "scopes") == NULL)
		return "no such login, or no scopes";
	for (size_t i = 0; i < w->tokens.count; i++)
		if (&w->people.at[w->tokens.at[i].person] == p)
			set_text(w->tokens.at[i].scopes, SCOPES_SIZE, c, "scopes");
	return NULL;
}

static const char *
set_limit(struct world *w, json_t *c)
{
	const char *resource = text_in(c, "resource");
	struct person *p = person_in(w, c);
	struct budget *b;
	int64_t left, in;

	if (p == NULL)
		return "no such login";
	b = budget_now(
	    w, resource && strcmp(resource, "graphql") == 0 ? &p->graphql : &p->core);
	set_int(&b->limit, c, "limit");
	left = b->limit - b->used;
	set_int(&left, c, "remaining");
	b->used = b->limit - left;
	in = b->reset - world_now(w);
	set_int(&in, c, "reset_in");
	b->reset = world_now(w) + in;
	return NULL;
}

static const char *
contribute(struct world *w, json_t *c)
{
	struct person *p = person_in(w, c);
	int64_t date = time_of(text_in(c, "date")), count = 1;
	size_t at = 0;

	if (p == NULL || date == 0)
		return "no such login, or no date";
	set_int(&count, c, "count");
	while (at < p->day_count && p->days[at].date != date)
		at++;
	if (at == DAYS_MAX)
		return "too many days";
	p->days[at] = (struct day){ date, (int)count };
	p->day_count = at == p->day_count ? at + 1 : p->day_count;
	return NULL;
}

static const char *
sign_in_as(struct world *w, json_t *c)
{
	size_t person = person_by_login(w, text_in(c, "login"));

	if (person == NOBODY && text_in(c, "login") != NULL)
		return "no such login";
	w->sign_in_as = person;
	return NULL;
}

static const struct {
	const char *name;
	const char *(*apply)(struct world *w, json_t *change);
} changes[] = {
	{ "add_person", add_person },
	{ "edit_person", edit_person },
	{ "rename_person", rename_person },
	{ "delete_person", delete_person },
	{ "add_repository", add_repository },
	{ "edit_repository", edit_repository },
	{ "push", push },
	{ "star", star },
	{ "rename_repository", rename_repository },
	{ "transfer_repository", transfer_repository },
	{ "delete_repository", delete_repository },
	{ "token", make_token },
	{ "revoke", revoke_tokens },
	{ "scopes", set_scopes },
	{ "limit", set_limit },
	{ "contribute", contribute },
	{ "sign_in_as", sign_in_as },
};

const char *
change_apply(struct world *w, json_t *change)
{
	const char *name = text_in(change, "change");

	for (size_t i = 0; name != NULL && i < sizeof(changes) / sizeof(*changes); i++)
		if (strcmp(changes[i].name, name) == 0)
			return changes[i].apply(w, change);
	return "no such change";
}
