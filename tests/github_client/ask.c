/* ask: the GitHub client as a command, for tests against servers that others wrote: a line for
 * each answer, "OUTCOME STATUS COUNT ID PATH [REASON]". */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/json_list.h"
#include "service/github.h"

static struct scope scope;
static struct github g;
static struct github_page page;

static int
show(enum err e)
{
	const char *path = page.url ? strstr(page.url, "://") : NULL;
	int64_t id = 0;

	if (e != OK) {
		printf("error %s %s\n", err_row(e)->word, scope.fault.story);
		return 1;
	}
	if (page.json != NULL && !json_is_list(page.json))
		json_get_int(page.json, "id", &id);
	path = path ? strchr(path + 3, '/') : NULL;
	printf("%s %d %zu %lld %s%s%s\n", github_outcome_name(page.outcome), page.status,
	    json_count(page.json), (long long)id, path ? path : "-", page.reason ? " " : "",
	    page.reason ? page.reason : "");
	return 0;
}

static int
pages(const char *where)
{
	for (int left = 50; where != NULL && left > 0; left--) {
		if (show(github_get(&g, where, NULL, &page)) != 0)
			return 1;
		where = page.kept.next;
	}
	return where != NULL;
}

static int
identity(void)
{
	struct github_identity who;
	enum err e = github_identity(&g, &who, &page);

	if (e == OK && github_answered(page.outcome))
		printf("%lld %s %s\n", (long long)who.id, who.login,
		    who.email ? who.email : "none");
	return show(e);
}

static int
run(const char *verb, const char *argument)
{
	if (strcmp(verb, "get") == 0)
		return show(github_get(&g, argument, NULL, &page));
	if (strcmp(verb, "pages") == 0)
		return pages(argument);
	if (strcmp(verb, "identity") == 0)
		return identity();
	if (strcmp(verb, "check") == 0)
		return show(github_check_token(&g, argument, &page));
	if (strcmp(verb, "revoke") == 0)
		return show(github_revoke_grant(&g, argument, &page));
	return 2;
}

int
main(int argc, char **argv)
{
	struct settings settings = { .GITHUB_CLIENT_ID = "Iv1.8a61f9b3a7aba766",
		.GITHUB_CLIENT_SECRET = "shhh",
		.GITHUB_TIMEOUT_MS = 15000 };
	int code;

	if (argc != 5) {
		fputs("usage: ask API_URL TOKEN get|pages|identity|check|revoke ARGUMENT\n",
		    stderr);
		return 2;
	}
	settings.GITHUB_API_URL = argv[1];
	scope.arena = arena_make(64 * KIB, 64 * 1024 * KIB);
	github_init(&g, http_client_make("CodeGram/test"), &settings, &scope, argv[2]);
	code = run(argv[3], argv[4]);
	http_client_free(g.http);
	arena_free(scope.arena);
	return code;
}
