/* shape: people and repositories with every field that GitHub's OpenAPI description asks for
 * (@octokit/openapi 23: simple-user, private-user, repository, full-repository, minimal-repository,
 * repository-webhooks). tests/clients/test_github_shape.sh holds it against that. */
#include <stdio.h>
#include <strings.h>

#include "github/stand_in.h"

/* In texts: %a the API, %h the site, %o the owner, %r the repository. */
struct link {
	const char *key, *text;
};

static const struct link of_person[] = {
	{ "url", "%a/users/%o" },
	{ "html_url", "%h/%o" },
	{ "followers_url", "%a/users/%o/followers" },
	{ "following_url", "%a/users/%o/following{/other_user}" },
	{ "gists_url", "%a/users/%o/gists{/gist_id}" },
	{ "starred_url", "%a/users/%o/starred{/owner}{/repo}" },
	{ "subscriptions_url", "%a/users/%o/subscriptions" },
	{ "organizations_url", "%a/users/%o/orgs" },
	{ "repos_url", "%a/users/%o/repos" },
	{ "events_url", "%a/users/%o/events{/privacy}" },
	{ "received_events_url", "%a/users/%o/received_events" },
	{ NULL, NULL },
};

static const struct link of_repository[] = {
	{ "forks_url", "%a/repos/%o/%r/forks" },
	{ "keys_url", "%a/repos/%o/%r/keys{/key_id}" },
	{ "collaborators_url", "%a/repos/%o/%r/collaborators{/collaborator}" },
	{ "teams_url", "%a/repos/%o/%r/teams" },
	{ "hooks_url", "%a/repos/%o/%r/hooks" },
	{ "issue_events_url", "%a/repos/%o/%r/issues/events{/number}" },
	{ "events_url", "%a/repos/%o/%r/events" },
	{ "assignees_url", "%a/repos/%o/%r/assignees{/user}" },
	{ "branches_url", "%a/repos/%o/%r/branches{/branch}" },
	{ "tags_url", "%a/repos/%o/%r/tags" },
	{ "blobs_url", "%a/repos/%o/%r/git/blobs{/sha}" },
	{ "git_tags_url", "%a/repos/%o/%r/git/tags{/sha}" },
	{ "git_refs_url", "%a/repos/%o/%r/git/refs{/sha}" },
	{ "trees_url", "%a/repos/%o/%r/git/trees{/sha}" },
	{ "statuses_url", "%a/repos/%o/%r/statuses/{sha}" },
	{ "languages_url", "%a/repos/%o/%r/languages" },
	{ "stargazers_url", "%a/repos/%o/%r/stargazers" },
	{ "contributors_url", "%a/repos/%o/%r/contributors" },
	{ "subscribers_url", "%a/repos/%o/%r/subscribers" },
	{ "subscription_url", "%a/repos/%o/%r/subscription" },
	{ "commits_url", "%a/repos/%o/%r/commits{/sha}" },
	{ "git_commits_url", "%a/repos/%o/%r/git/commits{/sha}" },
	{ "comments_url", "%a/repos/%o/%r/comments{/number}" },
	{ "issue_comment_url", "%a/repos/%o/%r/issues/comments{/number}" },
	{ "contents_url", "%a/repos/%o/%r/contents/{+path}" },
	{ "compare_url", "%a/repos/%o/%r/compare/{base}...{head}" },
	{ "merges_url", "%a/repos/%o/%r/merges" },
	{ "archive_url", "%a/repos/%o/%r/{archive_format}{/ref}" },
	{ "downloads_url", "%a/repos/%o/%r/downloads" },
	{ "issues_url", "%a/repos/%o/%r/issues{/number}" },
	{ "pulls_url", "%a/repos/%o/%r/pulls{/number}" },
	{ "milestones_url", "%a/repos/%o/%r/milestones{/number}" },
	{ "notifications_url", "%a/repos/%o/%r/notifications{?since,all,participating}" },
	{ "labels_url", "%a/repos/%o/%r/labels{/name}" },
	{ "releases_url", "%a/repos/%o/%r/releases{/id}" },
	{ "deployments_url", "%a/repos/%o/%r/deployments" },
	{ NULL, NULL },
};

static const struct link of_clones[] = {
	{ "git_url", "git://github.example/%o/%r.git" },
	{ "ssh_url", "git@github.example:%o/%r.git" },
	{ "clone_url", "%h/%o/%r.git" },
	{ "svn_url", "%h/%o/%r" },
	{ NULL, NULL },
};

static void
put_links(struct buf *b, const struct ask *a, const struct link *links, const char *owner,
    const char *repository)
{
	for (; links->key != NULL; links++) {
		put_key(b, links->key);
		buf_char(b, '"');
		for (const char *at = links->text; *at; at++) {
			if (*at != '%') {
				buf_char(b, *at);
				continue;
			}
			at++;
			buf_json(b, span_of(*at == 'a'   ? a->api
			                    : *at == 'h' ? a->world->app.public_url
			                    : *at == 'o' ? owner
			                                 : repository));
		}
		buf_char(b, '"');
	}
}

/* What every shape of a person has. */
static void
put_person(struct buf *b, const struct ask *a, const struct person *p)
{
	put_text(b, "login", p->login);
	put_int(b, "id", p->id);
	put_key(b, "node_id");
	buf_format(b, "\"U_kgDO%08llx\"", (unsigned long long)p->id);
	put_key(b, "avatar_url");
	buf_format(b, "\"%s/avatars/u/%lld?v=4\"", a->world->app.public_url, (long long)p->id);
	put_text(b, "gravatar_id", "");
	put_links(b, a, of_person, p->login, "");
	put_text(b, "type", "User");
	put_bool(b, "site_admin", false);
}

void
shape_simple_user(struct buf *b, const struct ask *a, size_t person)
{
	buf_char(b, '{');
	put_person(b, a, &a->world->people.at[person]);
	put_text(b, "user_view_type", "public");
	buf_char(b, '}');
}

static void
count_repositories(
    const struct world *w, size_t person, int64_t *open, int64_t *closed, int64_t *size)
{
	for (size_t i = 0; i < w->repositories.count; i++) {
		const struct repository *r = &w->repositories.at[i];
		if (r->owner != person || r->is_gone)
			continue;
		*(r->is_private ? closed : open) += 1;
		*size += r->size;
	}
}

static const char *
primary_email(const struct person *p)
{
	for (size_t i = 0; i < p->email_count; i++)
		if (p->emails[i].primary)
			return p->emails[i].address;
	return NULL;
}

static void
put_private(
    struct buf *b, const struct person *p, int64_t public, int64_t private, int64_t size)
{
	(void)public;
	put_int(b, "private_gists", 0);
	put_int(b, "total_private_repos", private);
	put_int(b, "owned_private_repos", private);
	put_int(b, "disk_usage", size);
	put_int(b, "collaborators", 0);
	put_bool(b, "two_factor_authentication", p->id % 2 == 0);
	put_raw(b, "plan",
	    "{\"name\":\"free\",\"space\":976562499,\"collaborators\":0,\"private_repos\":"
	    "10000}");
}

void
shape_user(struct buf *b, const struct ask *a, size_t person, bool own)
{
	const struct person *p = &a->world->people.at[person];
	int64_t open = 0, closed = 0, size = 0;

	count_repositories(a->world, person, &open, &closed, &size);
	buf_char(b, '{');
	put_person(b, a, p);
	put_text(b, "user_view_type", own ? "private" : "public");
	put_text_or_null(b, "name", p->name);
	put_text_or_null(b, "company", p->company);
	put_text(b, "blog", p->blog); /* "" when there is none */
	put_text_or_null(b, "location", p->location);
	put_text_or_null(b, "email", own ? primary_email(p) : NULL);
	put_null(b, "hireable");
	put_text_or_null(b, "bio", p->bio);
	put_text_or_null(b, "twitter_username", p->twitter);
	if (own)
		put_text_or_null(b, "notification_email", primary_email(p));
	put_int(b, "public_repos", open);
	put_int(b, "public_gists", 0);
	put_int(b, "followers", p->followers);
	put_int(b, "following", p->following);
	put_time(b, "created_at", p->created);
	put_time(b, "updated_at", p->updated);
	if (own && a->token != NULL && scope_in(a->token->scopes, "user"))
		put_private(b, p, open, closed, size);
	else if (own)
		put_private(b, p, open, 0, 0);
	buf_char(b, '}');
}

const char *
main_language(const struct repository *r)
{
	const struct language *most = NULL;

	for (size_t i = 0; i < r->language_count; i++)
		if (most == NULL || r->languages[i].bytes > most->bytes)
			most = &r->languages[i];
	return most ? most->name : NULL;
}

void
full_name_of(const struct world *w, const struct repository *r, char *out)
{
	snprintf(out, FULL_NAME_SIZE, "%s/%s", w->people.at[r->owner].login, r->name);
}

/* A push shows times as numbers and the owner with name and address. */
static void
put_times(struct buf *b, const struct repository *r, enum repository_shape shape)
{
	if (shape == SHAPE_PUSHED) {
		put_int(b, "created_at", r->created);
		put_time(b, "updated_at", r->updated);
		put_int(b, "pushed_at", r->pushed);
		return;
	}
	put_time(b, "created_at", r->created);
	put_time(b, "updated_at", r->updated);
	put_time(b, "pushed_at", r->pushed);
}

static void
put_figures(struct buf *b, const struct repository *r)
{
	put_int(b, "size", r->size);
	put_int(b, "stargazers_count", r->stars);
	put_int(b, "watchers_count", r->stars);
	put_text_or_null(b, "language", main_language(r));
	put_bool(b, "has_issues", !r->is_fork);
	put_bool(b, "has_projects", true);
	put_bool(b, "has_downloads", true);
	put_bool(b, "has_wiki", true);
	put_bool(b, "has_pages", false);
	put_bool(b, "has_discussions", false);
	put_int(b, "forks_count", r->forks);
	put_null(b, "mirror_url");
	put_bool(b, "archived", r->is_archived);
	put_bool(b, "disabled", false);
	put_int(b, "open_issues_count", r->issues);
	put_null(b, "license");
	put_bool(b, "allow_forking", true);
	put_bool(b, "is_template", false);
	put_bool(b, "web_commit_signoff_required", false);
	put_open(b, "topics", '[');
	for (size_t i = 0; i < r->topic_count; i++)
		put_text(b, NULL, r->topics[i]);
	buf_char(b, ']');
	put_text(b, "visibility", r->is_private ? "private" : "public");
	put_int(b, "forks", r->forks);
	put_int(b, "open_issues", r->issues);
	put_int(b, "watchers", r->stars);
	put_text(b, "default_branch", "main");
}

static void
put_permissions(struct buf *b, const struct ask *a, const struct repository *r)
{
	bool own = a->person == r->owner;
	bool push = own || (a->person == r->collaborator && a->person != NOBODY);

	put_open(b, "permissions", '{');
	put_bool(b, "admin", own);
	put_bool(b, "maintain", own);
	put_bool(b, "push", push);
	put_bool(b, "triage", push);
	put_bool(b, "pull", true);
	buf_char(b, '}');
}

static void
put_settings(struct buf *b, const struct repository *r)
{
	put_null(b, "temp_clone_token");
	put_bool(b, "allow_squash_merge", true);
	put_bool(b, "allow_merge_commit", true);
	put_bool(b, "allow_rebase_merge", true);
	put_bool(b, "allow_auto_merge", false);
	put_bool(b, "delete_branch_on_merge", false);
	put_bool(b, "allow_update_branch", false);
	put_bool(b, "use_squash_pr_title_as_default", false);
	put_text(b, "squash_merge_commit_message", "COMMIT_MESSAGES");
	put_text(b, "squash_merge_commit_title", "COMMIT_OR_PR_TITLE");
	put_text(b, "merge_commit_message", "PR_TITLE");
	put_text(b, "merge_commit_title", "MERGE_MESSAGE");
	put_int(b, "network_count", r->forks);
	put_int(b, "subscribers_count", 1);
}

static void
put_owner(
    struct buf *b, const struct ask *a, const struct repository *r, enum repository_shape shape)
{
	const struct person *p = &a->world->people.at[r->owner];

	put_open(b, "owner", '{');
	put_person(b, a, p);
	put_text(b, "user_view_type", "public");
	if (shape == SHAPE_PUSHED) {
		put_text(b, "name", p->login);
		put_text_or_null(b, "email", primary_email(p));
	}
	buf_char(b, '}');
}

void
shape_repository(
    struct buf *b, const struct ask *a, size_t repository, enum repository_shape shape)
{
	const struct repository *r = &a->world->repositories.at[repository];
	const char *owner = a->world->people.at[r->owner].login;
	const struct link url[] = { { "url",
		                        shape == SHAPE_PUSHED ? "%h/%o/%r" : "%a/repos/%o/%r" },
		{ "html_url", "%h/%o/%r" }, { NULL, NULL } };
	char full_name[FULL_NAME_SIZE];

	full_name_of(a->world, r, full_name);
	buf_char(b, '{');
	put_int(b, "id", r->id);
	put_key(b, "node_id");
	buf_format(b, "\"R_kgDO%08llx\"", (unsigned long long)r->id);
	put_text(b, "name", r->name);
	put_text(b, "full_name", full_name);
	put_bool(b, "private", r->is_private);
	put_owner(b, a, r, shape);
	put_text_or_null(b, "description", r->description);
	put_bool(b, "fork", r->is_fork);
	put_links(b, a, url, owner, r->name);
	put_links(b, a, of_repository, owner, r->name);
	put_times(b, r, shape);
	put_links(b, a, of_clones, owner, r->name);
	put_text_or_null(b, "homepage", r->homepage);
	put_figures(b, r);
	if (shape == SHAPE_PUSHED) {
		put_int(b, "stargazers", r->stars);
		put_text(b, "master_branch", "main");
	} else if (shape == SHAPE_WEBHOOK) {
		put_raw(b, "custom_properties", "{}");
	} else {
		put_permissions(b, a, r);
	}
	if (shape == SHAPE_FULL)
		put_settings(b, r);
	buf_char(b, '}');
}
