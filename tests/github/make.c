/* make: people and repositories from JSON, and many repositories at once from nothing but their
 * number: the same ones at every start. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "github/stand_in.h"

enum { MADE_SPAN = 3600, CORE_LIMIT = 5000, REPOSITORIES_MAX = 20000 };
static const int64_t made_until = 1760000000; /* 2025-10-09 */

void
set_text(char *out, size_t size, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (value != NULL)
		snprintf(
		    out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

void
set_int(int64_t *out, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		*out = json_integer_value(value);
}

void
set_bool(bool *out, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_boolean(value))
		*out = json_is_true(value);
}

/* 0: no time. */
int64_t
time_of(const char *text)
{
	struct tm tm = { 0 };

	if (text == NULL)
		return 0;
	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL &&
	    strptime(text, "%Y-%m-%d", &tm) == NULL)
		return 0;
	return (int64_t)timegm(&tm);
}

static void
set_time(int64_t *out, const json_t *object, const char *key)
{
	int64_t time = time_of(json_string_value(json_object_get(object, key)));

	if (time != 0)
		*out = time;
}

void
set_emails(struct person *p, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(list))
		return;
	p->email_count = 0;
	json_array_foreach(list, i, one)
	{
		struct email *e = &p->emails[p->email_count];
		if (p->email_count == EMAILS_MAX)
			return;
		*e = (struct email){ .primary = i == 0, .verified = true };
		set_text(e->address, sizeof(e->address), one, "email");
		set_bool(&e->primary, one, "primary");
		set_bool(&e->verified, one, "verified");
		p->email_count++;
	}
}

/* The most bytes first, as GitHub lists them. */
void
set_languages(struct repository *r, const json_t *object)
{
	const char *name;
	json_t *bytes;

	if (!json_is_object(object))
		return;
	r->language_count = 0;
	json_object_foreach((json_t *)(uintptr_t)object, name, bytes)
	{
		size_t at = r->language_count;
		if (at == LANGUAGES_MAX)
			return;
		for (; at > 0 && r->languages[at - 1].bytes < json_integer_value(bytes); at--)
			r->languages[at] = r->languages[at - 1];
		snprintf(r->languages[at].name, sizeof(r->languages[at].name), "%.31s", name);
		r->languages[at].bytes = json_integer_value(bytes);
		r->language_count++;
	}
}

void
set_topics(struct repository *r, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(list))
		return;
	r->topic_count = 0;
	json_array_foreach(list, i, one)
	{
		if (r->topic_count < TOPICS_MAX && json_is_string(one))
			snprintf(r->topics[r->topic_count++], sizeof(r->topics[0]), "%s",
			    json_string_value(one));
	}
}

static void
make_one_of_many(struct world *w, size_t person, int number)
{
	static const char *const languages[] = { "C", "Python", "Go", "Rust", "JavaScript",
		"Shell", "Perl", "Lua", "TypeScript", "Java" };
	struct repository *r = LIST_ADD(w->repositories);
	uint64_t mix = (uint64_t)(number + 1) * 0x9E3779B97F4A7C15u;

	r->id = w->next_id++;
	r->owner = person;
	r->collaborator = NOBODY;
	snprintf(r->name, sizeof(r->name), "project-%04d", number);
	snprintf(r->description, sizeof(r->description), "Project number %d", number);
	r->pushed = r->updated = made_until - (int64_t)number * MADE_SPAN;
	r->created = r->pushed - (int64_t)(mix >> 48) * 1000;
	r->stars = (int64_t)(mix >> 56);
	r->forks = r->stars / 8;
	r->size = (int64_t)(mix >> 50);
	r->is_fork = number % 10 == 9;
	for (size_t i = 0; i < 1 + mix % 3; i++) {
		size_t which = (size_t)(mix >> 32) % 10 + i;
		snprintf(r->languages[i].name, sizeof(r->languages[i].name), "%s",
		    languages[which % 10]);
		r->languages[i].bytes = (int64_t)(mix % 90000 + 10000) >> (2 * i);
		r->language_count = i + 1;
	}
}

const char *
make_person(struct world *w, const json_t *c)
{
	const char *login = json_string_value(json_object_get(c, "login"));
	int64_t many = 0, activity = 3;
	struct person *p;

	if (login == NULL || person_by_login(w, login) != NOBODY)
		return "login is missing or taken";
	p = LIST_ADD(w->people);
	p->created = p->updated = world_now(w);
	p->core = p->graphql = (struct budget){ .limit = CORE_LIMIT };
	set_int(&p->id, c, "id");
	if (p->id == 0)
		p->id = w->next_id++;
	set_text(p->login, sizeof(p->login), c, "login");
	set_text(p->name, sizeof(p->name), c, "name");
	set_text(p->company, sizeof(p->company), c, "company");
	set_text(p->blog, sizeof(p->blog), c, "blog");
	set_text(p->location, sizeof(p->location), c, "location");
	set_text(p->bio, sizeof(p->bio), c, "bio");
	set_text(p->twitter, sizeof(p->twitter), c, "twitter_username");
	set_int(&p->followers, c, "followers");
	set_int(&p->following, c, "following");
	set_int(&p->longest_days, c, "longest_days");
	set_bool(&p->is_suspended, c, "suspended");
	set_time(&p->created, c, "created_at");
	p->updated = p->created;
	set_emails(p, json_object_get(c, "emails"));
	set_int(&activity, c, "activity");
	p->activity = (int)activity;
	set_int(&many, c, "repositories");
	for (int i = 0; i < many && i < REPOSITORIES_MAX; i++)
		make_one_of_many(w, w->people.count - 1, i);
	return NULL;
}

const char *
make_repository(struct world *w, const json_t *c)
{
	size_t person = person_by_login(w, json_string_value(json_object_get(c, "login")));
	const char *name = json_string_value(json_object_get(c, "name"));
	struct repository *r;

	if (person == NOBODY || name == NULL || *name == '\0')
		return "no such login, or no name";
	if (repository_by_name(w, w->people.at[person].login, name) != NOBODY)
		return "the name is taken";
	r = LIST_ADD(w->repositories);
	r->id = w->next_id++;
	set_int(&r->id, c, "id");
	r->owner = person;
	r->collaborator =
	    person_by_login(w, json_string_value(json_object_get(c, "collaborator")));
	set_text(r->name, sizeof(r->name), c, "name");
	set_text(r->description, sizeof(r->description), c, "description");
	set_text(r->homepage, sizeof(r->homepage), c, "homepage");
	set_languages(r, json_object_get(c, "languages"));
	set_topics(r, json_object_get(c, "topics"));
	set_int(&r->stars, c, "stars");
	set_int(&r->forks, c, "forks");
	set_int(&r->issues, c, "issues");
	set_int(&r->size, c, "size");
	set_bool(&r->is_private, c, "private");
	set_bool(&r->is_fork, c, "fork");
	set_bool(&r->is_archived, c, "archived");
	set_bool(&r->is_blocked, c, "blocked");
	r->created = world_now(w);
	set_time(&r->created, c, "created_at");
	r->pushed = r->created;
	set_time(&r->pushed, c, "pushed_at");
	r->updated = r->pushed;
	return NULL;
}
