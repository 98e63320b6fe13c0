/* world: the lists of the stand-in, and how things in them are found. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/random.h"
#include "github/stand_in.h"

enum { FIRST_ID = 100001, HOUR = 3600, ANONYMOUS_LIMIT = 60 };

void *
list_grow(void *at, size_t *size, size_t count, size_t item)
{
	char *grown = at;

	if (count == *size) {
		*size = *size ? *size * 2 : 64;
		grown = realloc(at, *size * item);
		if (grown == NULL)
			abort();
	}
	memset(grown + count * item, 0, item);
	return grown;
}

void
world_clear(struct world *w)
{
	w->people.count = w->repositories.count = w->tokens.count = 0;
	w->codes.count = w->old_names.count = 0;
	w->next_id = FIRST_ID;
	w->sign_in_as = NOBODY;
	w->anonymous = (struct budget){ .limit = ANONYMOUS_LIMIT };
}

int64_t
world_now(const struct world *w)
{
	return w->now ? w->now : clock_now() / 1000000;
}

size_t
person_by_login(const struct world *w, const char *login)
{
	for (size_t i = 0; login != NULL && i < w->people.count; i++)
		if (!w->people.at[i].is_gone && strcasecmp(w->people.at[i].login, login) == 0)
			return i;
	return NOBODY;
}

size_t
person_by_id(const struct world *w, int64_t id)
{
	for (size_t i = 0; i < w->people.count; i++)
		if (!w->people.at[i].is_gone && w->people.at[i].id == id)
			return i;
	return NOBODY;
}

size_t
repository_by_name(const struct world *w, const char *owner, const char *name)
{
	size_t person = person_by_login(w, owner);

	for (size_t i = 0; person != NOBODY && i < w->repositories.count; i++) {
		const struct repository *r = &w->repositories.at[i];
		if (r->owner == person && !r->is_gone && strcasecmp(r->name, name) == 0)
			return i;
	}
	return NOBODY;
}

size_t
repository_by_full_name(const struct world *w, const char *full_name)
{
	char owner[LOGIN_SIZE];
	const char *slash = full_name ? strchr(full_name, '/') : NULL;

	if (slash == NULL || (size_t)(slash - full_name) >= sizeof(owner))
		return NOBODY;
	snprintf(owner, sizeof(owner), "%.*s", (int)(slash - full_name), full_name);
	return repository_by_name(w, owner, slash + 1);
}

size_t
repository_by_id(const struct world *w, int64_t id)
{
	for (size_t i = 0; i < w->repositories.count; i++)
		if (w->repositories.at[i].id == id && !w->repositories.at[i].is_gone)
			return i;
	return NOBODY;
}

size_t
repository_renamed(const struct world *w, const char *owner, const char *name)
{
	char full_name[FULL_NAME_SIZE];

	snprintf(full_name, sizeof(full_name), "%s/%s", owner, name);
	for (size_t i = w->old_names.count; i-- > 0;)
		if (strcasecmp(w->old_names.at[i].full_name, full_name) == 0 &&
		    !w->repositories.at[w->old_names.at[i].repository].is_gone)
			return w->old_names.at[i].repository;
	return NOBODY;
}

struct token *
token_by_text(const struct world *w, const char *text)
{
	for (size_t i = 0; i < w->tokens.count; i++)
		if (!w->tokens.at[i].is_revoked && strcmp(w->tokens.at[i].text, text) == 0)
			return &w->tokens.at[i];
	return NULL;
}

void
random_text(char *out, size_t size)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char bytes[64];

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i + 1 < size; i++)
		out[i] = digits[bytes[i % sizeof(bytes)] % (sizeof(digits) - 1)];
	out[size - 1] = '\0';
}

void
token_name(char *out, size_t size)
{
	char tail[37];

	random_text(tail, sizeof(tail));
	snprintf(out, size, "gho_%s", tail);
}

struct token *
token_make(struct world *w, size_t person, const char *scopes, const char *text)
{
	struct token *t = LIST_ADD(w->tokens);

	snprintf(t->text, sizeof(t->text), "%s", text);
	snprintf(t->scopes, sizeof(t->scopes), "%s", scopes);
	t->person = person;
	t->id = w->next_id++;
	t->made = world_now(w);
	return t;
}

static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at; at += strspn(at, ", ")) {
		size_t n = strcspn(at, ", ");
		if (n == len && memcmp(at, word, len) == 0)
			return true;
		at += n;
	}
	return false;
}

/* A scope brings those below it: user brings read:user and user:email. */
bool
scope_in(const char *scopes, const char *scope)
{
	if (has_word(scopes, scope))
		return true;
	if (strcmp(scope, "read:user") == 0 || strcmp(scope, "user:email") == 0)
		return has_word(scopes, "user");
	return strcmp(scope, "public_repo") == 0 && has_word(scopes, "repo");
}

struct budget *
budget_now(const struct world *w, struct budget *b)
{
	int64_t now = world_now(w);

	if (b->reset <= now) {
		b->used = 0;
		b->reset = now + HOUR;
	}
	return b;
}
