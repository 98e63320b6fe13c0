/* synced: the browser's way to sign in, by curl, and what the database says of a sync. */
#include "support/synced.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/github.h"
#include "support/stack.h"

bool
sign_in(const char *login)
{
	char jar[256], url[256], out[64];
	const char *const argv[] = { "curl", "-s", "-o", "/dev/null", "-L", "--max-redirs", "5",
		"-m", "20", "-b", jar, "-c", jar, "-w", "%{num_redirects}", url, NULL };

	snprintf(jar, sizeof(jar), "%s/%s.cookies", stack_dir(), login);
	snprintf(url, sizeof(url), "%s/api/v1/auth/github", stack_url());
	github_change("{'change': 'sign_in_as', 'login': '%s'}", login);
	return run_command(argv, out, sizeof(out)) == 0 && strcmp(out, "3") == 0;
}

const char *
sync_text(const char *login, const char *kind, const char *column)
{
	static char text[8][256];
	static unsigned next;
	char sql[512], *out = text[next++ % 8];

	snprintf(sql, sizeof(sql),
	    "select coalesce((select s.%s::text from github_syncs s join github_connections c "
	    "using (user_id) where c.login = '%s' and s.kind = '%s'), '')",
	    column, login, kind);
	stack_sql(sql, out, sizeof(text[0]));
	return out;
}

long
sync_number(const char *login, const char *kind, const char *column)
{
	return strtol(sync_text(login, kind, column), NULL, 10);
}

struct wanted {
	const char *login, *kind, *column, *text;
	bool differs;
};

static bool
holds(void *with)
{
	const struct wanted *w = with;

	return (strcmp(sync_text(w->login, w->kind, w->column), w->text) == 0) != w->differs;
}

bool
sync_comes_to(const char *login, const char *kind, const char *state, double seconds)
{
	struct wanted w = { login, kind, "state", state, false };

	return wait_until(holds, &w, seconds);
}

bool
sync_add(const char *login, const char *kind)
{
	char data[256], name[64], sql[256], user[64], out[256];

	snprintf(sql, sizeof(sql), "select user_id from github_connections where login = '%s'",
	    login);
	stack_sql(sql, user, sizeof(user));
	snprintf(data, sizeof(data), "{\"user_id\":\"%s\"}", user);
	snprintf(name, sizeof(name), "sync-%s", kind);
	return stack_ctl(out, sizeof(out), "jobs", "add", "github-sync", name, data, NULL) == 0;
}

bool
sync_ends_as(const char *login, const char *kind, const char *state)
{
	char before[256];
	struct wanted w = { login, kind, "finished_at", before, true };

	snprintf(before, sizeof(before), "%s", sync_text(login, kind, "finished_at"));
	return sync_add(login, kind) && wait_until(holds, &w, 30) &&
	       sync_comes_to(login, kind, state, 5);
}

bool
sync_again(const char *login, const char *kind)
{
	return sync_ends_as(login, kind, "idle");
}
