/* route: which row and which parameters a path means; and that no path has two spellings. */
#include "unit/web/fake.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"

TestSuite(route, .init = open_fake, .fini = close_fake);

static enum err
ask(const char *method, struct span path)
{
	fresh();
	app.routes = routes;
	app.route_count = route_count;
	r->method = span_of(method);
	r->head = strcmp(method, "HEAD") == 0;
	r->path = path;
	return route(r);
}

static const struct {
	const char *method, *path, *name;
	enum err word;
} rows[] = {
	{ "GET", "/api/v1/snippets", "snippet_list", OK },
	{ "HEAD", "/api/v1/snippets", "snippet_list", OK },
	{ "POST", "/api/v1/snippets", "snippet_create", OK },
	{ "GET", "/api/v1/snippets/x", "snippet_get", OK },
	{ "GET", "/api/v1/snippets/x/raw", "snippet_raw", OK },
	{ "PATCH", "/api/v1/users/me", "user_update", OK },
	{ "GET", "/api/v1/users/me", "user_get", OK },
	{ "GET", "/health", "meta_health", OK },
	{ "GET", "/", NULL, ERR_NOT_FOUND },
	{ "GET", "/api/v1", NULL, ERR_NOT_FOUND },
	{ "GET", "/api/v1/", NULL, ERR_NOT_FOUND },
	{ "GET", "/api/v1/nothing", NULL, ERR_NOT_FOUND },
	{ "GET", "/api/v2/snippets", NULL, ERR_NOT_FOUND },
	{ "GET", "/snippets", NULL, ERR_NOT_FOUND },
	{ "GET", "/health/x", NULL, ERR_NOT_FOUND },
	{ "GET", "/Health", NULL, ERR_NOT_FOUND },
	{ "GET", "/api/v1/snippets/x/raw/y", NULL, ERR_NOT_FOUND },
	{ "get", "/api/v1/snippets", NULL, ERR_WRONG_METHOD },
	{ "PUT", "/api/v1/snippets", NULL, ERR_WRONG_METHOD },
	{ "DELETE", "/api/v1/snippets", NULL, ERR_WRONG_METHOD },
	{ "HEAD", "/api/v1/users/me/snippets", "user_snippets", OK },
	{ "", "/api/v1/snippets", NULL, ERR_WRONG_METHOD },
	/* what is not canonical */
	{ "GET", "", NULL, ERR_BAD_PATH },
	{ "GET", "api/v1/snippets", NULL, ERR_BAD_PATH },
	{ "GET", "http://x/api/v1/snippets", NULL, ERR_BAD_PATH },
	{ "GET", "//", NULL, ERR_BAD_PATH },
	{ "GET", "//api/v1/snippets", NULL, ERR_BAD_PATH },
	{ "GET", "/api//v1/snippets", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/./snippets", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/x/../snippets", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/..", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/.", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/%73nippets", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%2e%2e", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%2E", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%00", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%0a", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%7f", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%2", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%2/raw", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%zz", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%FF", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%C3%28", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/%ED%A0%80", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/\xC3\xA4", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/a b", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/a\tb", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/a\\b", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/a\"b", NULL, ERR_BAD_PATH },
	{ "GET", "/api/v1/snippets/<b>", NULL, ERR_BAD_PATH },
};

Test(route, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum err e = ask(rows[i].method, span_of(rows[i].path));
		cr_assert_eq(e, rows[i].word, "%s %s: %s", rows[i].method, rows[i].path,
		    err_row(e)->word);
		if (rows[i].name == NULL)
			cr_assert_null(r->route);
		else
			cr_assert_str_eq(r->route->name, rows[i].name, "%s %s", rows[i].method,
			    rows[i].path);
	}
	cr_assert_eq(ask("GET", SPAN("/api/v1/snip\0pets")), ERR_BAD_PATH);
}

static const struct {
	const char *path, *said;
} reasons[] = {
	{ "//", "empty segment" },
	{ "/api/./x", "segment . or .." },
	{ "/api/%73nippets", "must stand as itself" },
	{ "/api/a b", "must be percent-encoded" },
	{ "/api/\xC3\xA4", "must be percent-encoded" },
	{ "/api/%zz", "without two hexadecimal digits" },
	{ "/api/%00", "control character" },
	{ "/api/%FF", "not UTF-8" },
};

Test(route, it_says_what_is_wrong_with_a_path)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		cr_assert_eq(ask("GET", span_of(reasons[i].path)), ERR_BAD_PATH);
		cr_expect_not_null(strstr(r->scope.fault.message, reasons[i].said), "%s: %s",
		    reasons[i].path, r->scope.fault.message);
	}
}

/* nginx keeps answers to queries of these words alone: no list goes uncached by oversight. */
Test(route, nginx_knows_the_words_of_public_lists)
{
	static char conf[64 * KIB];
	FILE *file = fopen("nginx/codegram.conf", "r");
	char word[64], *known, *end;

	cr_assert_not_null(file);
	conf[fread(conf, 1, sizeof(conf) - 1, file)] = '\0';
	fclose(file);
	cr_assert_not_null(known = strstr(conf, "(?:(?:author|"));
	cr_assert_not_null(end = strstr(known, ")="));
	known += strlen("(?:(?:") - 1;
	*known = *end = '|';
	end[1] = '\0';
	for (size_t i = 0; i < route_count; i++) {
		if (strcmp(routes[i].method, "GET") != 0 || routes[i].budget == BUDGET_NONE ||
		    (routes[i].who != ANYONE && routes[i].who != VIEWER))
			continue;
		for (size_t f = 0; f < routes[i].form->count; f++) {
			snprintf(word, sizeof(word), "|%s|", routes[i].form->fields[f].name);
			cr_expect_not_null(
			    strstr(known, word), "%s of %s", word, routes[i].name);
		}
	}
}

Test(route, every_row_of_the_table_is_reached)
{
	for (size_t i = 0; i < route_count; i++) {
		char path[200];
		size_t len = 0;
		for (const char *from = routes[i].path; *from != '\0'; from++) {
			if (*from != ':') {
				path[len++] = *from;
				continue;
			}
			from += strcspn(from, "/") - 1;
			path[len++] = 'x';
		}
		cr_assert_eq(ask(routes[i].method, (struct span){ path, len }), OK);
		cr_assert_eq(r->route, &routes[i], "%s %s is hidden by %s", routes[i].method,
		    routes[i].path, r->route->path);
	}
}

Test(route, parameters_come_decoded)
{
	struct uuid id;

	cr_assert_eq(ask("GET", SPAN("/api/v1/users/a%2Fb%20%C3%A4%25")), OK);
	cr_assert_str_eq(param_text(r, "username"), "a/b \xC3\xA4%", "once, not twice");
	cr_assert_eq(
	    ask("GET", SPAN("/api/v1/snippets/019AB2C3-0000-7000-8000-00000000000A/raw")), OK);
	cr_assert_eq(param_uuid(r, "id", &id), OK);
	cr_assert_str_eq(id.text, "019ab2c3-0000-7000-8000-00000000000a");
	cr_assert_eq(ask("GET", SPAN("/api/v1/snippets/7")), OK);
	cr_assert_eq(param_uuid(r, "id", &id), ERR_NOT_FOUND);
	cr_assert_eq(ask("GET", SPAN("/api/v1/snippets/")), OK);
	cr_assert_eq(param_uuid(r, "id", &id), ERR_NOT_FOUND);
	cr_assert_eq(param_uuid(r, "other", &id), ERR_NOT_FOUND);
	cr_assert_str_eq(param_text(r, "other"), "");
}

Test(route, allow_names_the_methods)
{
	ask("PUT", SPAN("/api/v1/snippets"));
	cr_assert_str_eq(headers(), "Allow: GET, HEAD, POST, OPTIONS\r\n");
	ask("POST", SPAN("/api/v1/snippets/x/raw"));
	cr_assert_str_eq(headers(), "Allow: GET, HEAD, OPTIONS\r\n");
	ask("PUT", SPAN("/nothing"));
	cr_assert_str_eq(headers(), "");
	cr_assert_eq(ask("OPTIONS", SPAN("/api/v1/users/me")), OK);
	cr_assert(r->reply.done);
	cr_assert_eq(r->reply.status, 204);
	cr_assert_not_null(strstr(headers(), "PATCH"));
	cr_assert_eq(ask("OPTIONS", SPAN("/nothing")), ERR_NOT_FOUND);
}

Test(route, as_many_segments_as_there_is_room_for)
{
	char path[400] = "";

	for (int n = 1; n < 100; n++) {
		memcpy(path + 2 * (n - 1), "/x", 3);
		cr_assert_eq(ask("GET", span_of(path)), ERR_NOT_FOUND, "%d segments", n);
		cr_assert_leq(r->segments, SEGMENTS_MAX);
	}
}

/* Exactly as long as it says: ASan sees a byte read past the end. */
Test(route, cut_escapes_are_not_read_on)
{
	static const char *const cuts[] = { "/%", "/%4", "/a/%C", "/", "" };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		size_t len = strlen(cuts[i]);
		char *copy = malloc(len ? len : 1);
		memcpy(copy, cuts[i], len);
		cr_assert_neq(ask("GET", (struct span){ copy, len }), OK);
		free(copy);
	}
}

Test(route, a_long_path)
{
	size_t len = 1 << 20;
	char *path = malloc(len);

	memset(path, 'x', len);
	memcpy(path, "/api/v1/snippets/", 17);
	cr_assert_eq(ask("GET", (struct span){ path, len }), OK);
	cr_assert_eq(r->param[0].len, len - 17);
	free(path);
}

Test(route, a_group_of_another_pool_is_an_operators_mistake)
{
	app.groups = 1u << GROUP_users;
	cr_assert_eq(ask("GET", SPAN("/api/v1/users")), OK);
	cr_assert_eq(ask("GET", SPAN("/api/v1/snippets")), ERR_INTERNAL);
	cr_assert_not_null(
	    strstr(r->scope.fault.story, "group snippets is not served by pool all"));
}
