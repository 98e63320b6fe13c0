/* routes: the table of api/routes.def, for people. */
#include <stdio.h>

#include "ctl/command.h"
#include "web/request.h"

static const char *
who_word(enum who who)
{
	static const char *const words[] = { [ANYONE] = "anyone",
		[BROWSER] = "browser",
		[VIEWER] = "viewer",
		[USER] = "user",
		[SESSION] = "session",
		[ADMIN] = "admin" };

	return words[who];
}

static void
print_route(const struct route *r, bool json, bool first)
{
	if (json)
		printf("%s{\"method\":\"%s\",\"path\":\"%s\",\"who\":\"%s\","
		       "\"budget\":\"%s\",\"group\":\"%s\",\"handler\":\"%s\"}",
		    first ? "" : ",\n", r->method, r->path, who_word(r->who),
		    budget_name(r->budget), group_name(r->group), r->name);
	else
		printf("%-7s %-44s %-8s %-10s %-14s %s\n", r->method, r->path, who_word(r->who),
		    budget_name(r->budget), group_name(r->group), r->name);
}

int
command_routes(struct ctl *ctl, int argc, char **argv)
{
	size_t shown = 0;

	if (argc > 2)
		return ctl_usage(ctl, "takes one word at most");
	if (ctl->json)
		putchar('[');
	else
		printf("%-7s %-44s %-8s %-10s %-14s %s\n", "method", "path", "who", "limit",
		    "group", "handler");
	for (size_t i = 0; i < ctl->route_count; i++) {
		const struct route *r = &ctl->routes[i];
		if (argc == 2 && strstr(r->path, argv[1]) == NULL &&
		    strstr(r->name, argv[1]) == NULL &&
		    strcmp(group_name(r->group), argv[1]) != 0)
			continue;
		print_route(r, ctl->json, shown++ == 0);
	}
	if (ctl->json)
		puts("]");
	if (shown == 0)
		fprintf(stderr, "codegramctl routes: no route has %s\n", argv[1]);
	return shown ? CTL_OK : CTL_FAILED;
}
