/* payload: the bodies of webhooks, as GitHub's OpenAPI description (x-webhooks) has them; one
 * row for each event. */
#include <stdio.h>
#include <string.h>

#include "github/stand_in.h"

enum { HOOK_ID = 4711, INSTALLATION_ID = 3737, APP_ID = 8, PADDING_MAX = 31 * BODY_MAX };

struct payload {
	struct ask *ask;
	struct buf *out;
	const json_t *what;
	const char *action;
	size_t person, repository;
};

static const char *
text_of(const struct payload *p, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(p->what, key));

	return text ? text : otherwise;
}

static void
put_sender(struct payload *p)
{
	put_key(p->out, "sender");
	shape_simple_user(p->out, p->ask, p->person);
}

static void
put_repository(struct payload *p, enum repository_shape shape)
{
	put_key(p->out, "repository");
	shape_repository(p->out, p->ask, p->repository, shape);
}

static void
ping(struct payload *p)
{
	struct buf *b = p->out;

	put_text(b, "zen", "Keep it logically awesome.");
	put_int(b, "hook_id", HOOK_ID);
	put_open(b, "hook", '{');
	put_text(b, "type", "Repository");
	put_int(b, "id", HOOK_ID);
	put_text(b, "name", "web");
	put_bool(b, "active", true);
	put_raw(b, "events", "[\"push\",\"repository\",\"star\"]");
	put_open(b, "config", '{');
	put_text(b, "content_type", "json");
	put_text(b, "insecure_ssl", "0");
	put_text(b, "secret", "********");
	put_text(b, "url", p->ask->world->app.webhook);
	buf_char(b, '}');
	put_time(b, "updated_at", world_now(p->ask->world));
	put_time(b, "created_at", world_now(p->ask->world));
	put_key(b, "url");
	buf_format(b, "\"%s/hooks/%d\"", p->ask->api, HOOK_ID);
	buf_char(b, '}');
	put_repository(p, SHAPE_WEBHOOK);
	put_sender(p);
}

static void
put_committer(struct payload *p, const char *key, bool named)
{
	const struct person *who = &p->ask->world->people.at[p->person];

	put_open(p->out, key, '{');
	put_text(p->out, "name", who->name[0] ? who->name : who->login);
	put_key(p->out, "email");
	buf_format(
	    p->out, "\"%lld+%s@users.noreply.github.example\"", (long long)who->id, who->login);
	if (named)
		put_text(p->out, "username", who->login);
	buf_char(p->out, '}');
}

static void
put_commit(struct payload *p, const char *key, const char *id)
{
	struct buf *b = p->out;

	put_open(b, key, '{');
	put_text(b, "id", id);
	put_text(b, "tree_id", "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
	put_bool(b, "distinct", true);
	put_text(b, "message", text_of(p, "message", "Say more"));
	put_time(b, "timestamp", world_now(p->ask->world));
	put_key(b, "url");
	buf_format(b, "\"%s/commit/%s\"", p->ask->world->app.public_url, id);
	put_committer(p, "author", true);
	put_committer(p, "committer", true);
	put_raw(b, "added", "[]");
	put_raw(b, "removed", "[]");
	put_raw(b, "modified", "[\"README.md\"]");
	buf_char(b, '}');
}

static void
push(struct payload *p)
{
	static const char *const before = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
	static const char *const after = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c";
	struct buf *b = p->out;

	put_text(b, "ref", text_of(p, "ref", "refs/heads/main"));
	put_text(b, "before", before);
	put_text(b, "after", after);
	put_repository(p, SHAPE_PUSHED);
	put_committer(p, "pusher", false);
	put_sender(p);
	put_bool(b, "created", false);
	put_bool(b, "deleted", false);
	put_bool(b, "forced", false);
	put_null(b, "base_ref");
	put_key(b, "compare");
	buf_format(
	    b, "\"%s/compare/%.12s...%.12s\"", p->ask->world->app.public_url, before, after);
	put_open(b, "commits", '[');
	put_commit(p, NULL, after);
	buf_char(b, ']');
	put_commit(p, "head_commit", after);
}

static void
repository(struct payload *p)
{
	struct buf *b = p->out;

	put_text(b, "action", p->action);
	if (strcmp(p->action, "renamed") == 0) {
		put_open(b, "changes", '{');
		put_open(b, "repository", '{');
		put_open(b, "name", '{');
		put_text(b, "from", text_of(p, "from", "old-name"));
		buf_puts(b, "}}}");
	} else if (strcmp(p->action, "transferred") == 0) {
		size_t from = person_by_login(p->ask->world, text_of(p, "from", NULL));
		put_open(b, "changes", '{');
		put_open(b, "owner", '{');
		put_open(b, "from", '{');
		put_key(b, "user");
		shape_simple_user(b, p->ask, from == NOBODY ? p->person : from);
		buf_puts(b, "}}}");
	} else if (strcmp(p->action, "edited") == 0) {
		put_open(b, "changes", '{');
		put_open(b, "description", '{');
		put_text_or_null(b, "from", text_of(p, "from", NULL));
		buf_puts(b, "}}");
	}
	put_repository(p, SHAPE_WEBHOOK);
	put_sender(p);
}

static void
star(struct payload *p)
{
	put_text(p->out, "action", p->action);
	if (strcmp(p->action, "created") == 0)
		put_time(p->out, "starred_at", world_now(p->ask->world));
	else
		put_null(p->out, "starred_at");
	put_repository(p, SHAPE_WEBHOOK);
	put_sender(p);
}

static void
authorization(struct payload *p)
{
	put_text(p->out, "action", p->action);
	put_sender(p);
}

static void
put_installation(struct payload *p)
{
	struct buf *b = p->out;
	int64_t now = world_now(p->ask->world);
	bool suspended = strcmp(p->action, "suspend") == 0;

	put_open(b, "installation", '{');
	put_int(b, "id", INSTALLATION_ID);
	put_key(b, "account");
	shape_simple_user(b, p->ask, p->person);
	put_text(b, "repository_selection", "selected");
	put_key(b, "access_tokens_url");
	buf_format(
	    b, "\"%s/app/installations/%d/access_tokens\"", p->ask->api, INSTALLATION_ID);
	put_key(b, "repositories_url");
	buf_format(b, "\"%s/installation/repositories\"", p->ask->api);
	put_key(b, "html_url");
	buf_format(b, "\"%s/settings/installations/%d\"", p->ask->world->app.public_url,
	    INSTALLATION_ID);
	put_int(b, "app_id", APP_ID);
	put_text(b, "app_slug", "codegram");
	put_int(b, "target_id", p->ask->world->people.at[p->person].id);
	put_text(b, "target_type", "User");
	put_raw(b, "permissions", "{\"metadata\":\"read\",\"contents\":\"read\"}");
	put_raw(b, "events", "[\"push\",\"repository\",\"star\"]");
	put_time(b, "created_at", now);
	put_time(b, "updated_at", now);
	put_null(b, "single_file_name");
	put_bool(b, "has_multiple_single_files", false);
	put_raw(b, "single_file_paths", "[]");
	if (suspended) {
		put_key(b, "suspended_by");
		shape_simple_user(b, p->ask, p->person);
		put_time(b, "suspended_at", now);
	} else {
		put_null(b, "suspended_by");
		put_null(b, "suspended_at");
	}
	buf_char(b, '}');
}

static void
put_short_list(struct payload *p, const char *key, bool filled)
{
	const struct repository *r = &p->ask->world->repositories.at[p->repository];
	char full_name[FULL_NAME_SIZE];

	full_name_of(p->ask->world, r, full_name);
	put_open(p->out, key, '[');
	if (filled) {
		put_open(p->out, NULL, '{');
		put_int(p->out, "id", r->id);
		put_key(p->out, "node_id");
		buf_format(p->out, "\"R_kgDO%08llx\"", (unsigned long long)r->id);
		put_text(p->out, "name", r->name);
		put_text(p->out, "full_name", full_name);
		put_bool(p->out, "private", r->is_private);
		buf_char(p->out, '}');
	}
	buf_char(p->out, ']');
}

static void
installation(struct payload *p)
{
	put_text(p->out, "action", p->action);
	put_installation(p);
	put_short_list(p, "repositories", p->repository != NOBODY);
	put_sender(p);
}

static void
installation_repositories(struct payload *p)
{
	bool added = strcmp(p->action, "added") == 0;

	put_text(p->out, "action", p->action);
	put_installation(p);
	put_text(p->out, "repository_selection", "selected");
	put_short_list(p, "repositories_added", added);
	put_short_list(p, "repositories_removed", !added);
	put_null(p->out, "requester");
	put_sender(p);
}

static const struct {
	const char *event, *action; /* what is taken when none is given */
	bool needs_repository;
	void (*put)(struct payload *p);
} events[] = {
	{ "ping", "", true, ping },
	{ "push", "", true, push },
	{ "repository", "edited", true, repository },
	{ "star", "created", true, star },
	{ "github_app_authorization", "revoked", false, authorization },
	{ "installation", "created", true, installation },
	{ "installation_repositories", "added", true, installation_repositories },
};

/* One that is gone, too: there are events about it. */
static size_t
repository_of(const struct world *w, const json_t *which)
{
	char full_name[FULL_NAME_SIZE];

	for (size_t i = w->repositories.count; i-- > 0;) {
		full_name_of(w, &w->repositories.at[i], full_name);
		if (json_is_integer(which)
		        ? w->repositories.at[i].id == json_integer_value(which)
		        : json_is_string(which) &&
		              strcmp(full_name, json_string_value(which)) == 0)
			return i;
	}
	return NOBODY;
}

/* {"padding": bytes} makes a body of any size. */
static void
put_padding(struct buf *out, const json_t *what)
{
	int64_t count = 0;

	set_int(&count, what, "padding");
	if (count <= 0 || count > PADDING_MAX)
		return;
	put_key(out, "padding");
	buf_char(out, '"');
	for (; count > 0; count--)
		buf_char(out, 'x');
	buf_char(out, '"');
}

bool
webhook_payload(struct ask *a, json_t *what, struct buf *out, const char **error)
{
	const char *event = json_string_value(json_object_get(what, "event"));
	struct payload p = { .ask = a, .out = out, .what = what };
	size_t i = 0, count = sizeof(events) / sizeof(*events);

	while (event != NULL && i < count && strcmp(events[i].event, event) != 0)
		i++;
	*error = "no such event";
	if (event == NULL || i == count)
		return false;
	p.action = text_of(&p, "action", events[i].action);
	p.person = person_by_login(a->world, text_of(&p, "login", NULL));
	p.repository = repository_of(a->world, json_object_get(what, "repository"));
	*error = "no such repository";
	if (p.repository == NOBODY && events[i].needs_repository)
		return false;
	if (p.person == NOBODY && p.repository != NOBODY)
		p.person = a->world->repositories.at[p.repository].owner;
	*error = "no such login";
	if (p.person == NOBODY)
		return false;
	snprintf(a->api, sizeof(a->api), "%.480s/api/v3", a->world->app.public_url);
	buf_char(out, '{');
	events[i].put(&p);
	put_padding(out, what);
	buf_char(out, '}');
	return buf_ok(out);
}
