/* scripted_github: a client of GitHub whose GitHub is a script: for the suites of test_02. */
#ifndef GITHUB_CLIENT_SCRIPTED_GITHUB_H
#define GITHUB_CLIENT_SCRIPTED_GITHUB_H

#include "github_client/scripted.h"
#include "service/github.h"
#include "unit/scope.h"

static struct settings settings;
static struct github g;
static struct github_page page;

static inline void
open_github(void)
{
	open_scope();
	open_script();
	settings = (struct settings){ .PUBLIC_URL = "https://codegram.example",
		.GITHUB_URL = script.url,
		.GITHUB_API_URL = script.url,
		.GITHUB_CLIENT_ID = "Iv1.abc",
		.GITHUB_CLIENT_SECRET = "shhh",
		.GITHUB_TIMEOUT_MS = 2000,
		.GITHUB_RESERVE = 500 };
	github_init(&g, http_client_make("CodeGram/test"), &settings, &scope, "gho_abc");
	cr_assert_not_null(g.http);
}

static inline void
close_github(void)
{
	http_client_free(g.http);
	close_script();
	close_scope();
}

static inline enum github_outcome
get(const char *where, const struct github_kept *kept)
{
	cr_assert_eq(
	    github_get(&g, where, kept, &page), OK, "%s: %s", where, scope.fault.story);
	return page.outcome;
}

static inline const char *
at_script(const char *path)
{
	return arena_format(scope.arena, "%s%s", script.url, path);
}

#endif
