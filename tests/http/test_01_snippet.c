/* The first thing a person does: publish, read, change, remove; then every rule of one
 * snippet's life: versions, ETags, raw, privacy on every route. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

#define HELLO                                                                                  \
	"{\"title\":\"Hello\",\"code\":\"#!/usr/bin/env python3\\nprint('hi')\\n\","           \
	"\"tags\":[\"demo\",\"c++\"],\"description\":\"quotes \\\" and \\\\ and \\u00fc\"}"

Test(snippet, life)
{
	const char *ann = stack_token("ann");
	struct answer made = CALL("POST", "/api/v1/snippets", .token = ann, .body = HELLO);
	struct answer read, changed, gone;
	char path[128];

	cr_assert_eq(made.status, 201, "%s", made.body);
	cr_expect_str_eq(text_at(&made, "data.language"), "python");
	cr_expect_str_eq(text_at(&made, "data.author.username"), "ann");
	cr_expect_str_eq(text_at(&made, "data.description"), "quotes \" and \\ and \u00fc");
	cr_expect_str_eq(text_at(&made, "data.tags.1"), "c++");
	cr_expect(json_is_true(at(&made, "data.viewer.can_edit")));
	snprintf(path, sizeof(path), "/api/v1/snippets/%s", text_at(&made, "data.id"));
	cr_expect_str_eq(header_of(&made, "Location"), path);

	read = CALL("GET", path);
	cr_expect_eq(read.status, 200);
	cr_expect_str_eq(text_at(&read, "data.code"), "#!/usr/bin/env python3\nprint('hi')\n");
	cr_expect_null(at(&read, "data.viewer"), "an anonymous reader has no viewer part");
	forget(&read);

	changed = CALL(
	    "PATCH", path, .token = ann, .body = "{\"title\":\"Bye\",\"description\":null}");
	cr_expect_eq(changed.status, 200, "%s", changed.body);
	cr_expect_str_eq(text_at(&changed, "data.title"), "Bye");
	cr_expect(json_is_null(at(&changed, "data.description")));
	cr_expect_str_eq(text_at(&changed, "data.language"), "python", "absent leaves it");
	cr_expect_eq(int_at(&changed, "data.version"), 2);

	gone = CALL("DELETE", path, .token = ann);
	cr_expect_eq(gone.status, 204);
	cr_expect_eq(gone.len, 0);
	forget(&gone);
	gone = CALL("GET", path);
	cr_expect_eq(gone.status, 404);
	cr_expect_str_eq(text_at(&gone, "error.code"), "NOT_FOUND");
	forget(&gone);
	forget(&made);
	forget(&changed);
}

Test(snippet, versions_and_etags)
{
	const char *ann = stack_token("ann");
	char path[128], line[128], stale[128], weak[160];
	struct answer a, b;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s", new_snippet(ann, HELLO));
	a = CALL("GET", path, .token = ann);
	snprintf(line, sizeof(line), "If-None-Match: %s", header_of(&a, "ETag"));
	snprintf(weak, sizeof(weak), "If-None-Match: \"x\", W/%s", header_of(&a, "ETag"));
	snprintf(stale, sizeof(stale), "If-Match: %s", header_of(&a, "ETag"));
	b = CALL("GET", path, .token = ann, .headers = { line });
	cr_expect_eq(b.status, 304);
	cr_expect_eq(b.len, 0);
	forget(&b);
	b = CALL("GET", path, .token = ann, .headers = { weak });
	cr_expect_eq(b.status, 304, "weak comparison");
	forget(&b);
	b = CALL("GET", path, .headers = { line });
	cr_expect_eq(b.status, 200, "another viewer has another tag");
	forget(&b);

	b = CALL(
	    "PATCH", path, .token = ann, .body = "{\"title\":\"2\"}", .headers = { stale });
	cr_expect_eq(b.status, 200, "%s", b.body);
	forget(&b);
	b = CALL(
	    "PATCH", path, .token = ann, .body = "{\"title\":\"3\"}", .headers = { stale });
	cr_expect_eq(b.status, 412);
	cr_expect_str_eq(text_at(&b, "error.code"), "PRECONDITION_FAILED");
	forget(&b);
	b = CALL("DELETE", path, .token = ann, .headers = { stale });
	cr_expect_eq(b.status, 412);
	forget(&b);
	b = CALL("DELETE", path, .token = ann, .headers = { "If-Match: *" });
	cr_expect_eq(b.status, 204);
	forget(&b);
	forget(&a);
}

/* A body that names nothing changes nothing: whoever holds the version may go on with it. */
Test(snippet, an_empty_change_is_none)
{
	const char *ann = stack_token("ann");
	const char *id = new_snippet(ann, "{\"title\":\"x\",\"code\":\"x\"}");
	char path[128], etag[160], updated[64];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s", id);
	a = CALL("GET", path, .token = ann);
	snprintf(etag, sizeof(etag), "If-Match: %s", header_of(&a, "ETag"));
	snprintf(updated, sizeof(updated), "%s", text_at(&a, "data.updated_at"));
	forget(&a);
	a = CALL("PATCH", path, .token = ann, .body = "{}");
	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.version"), 1);
	cr_expect_str_eq(text_at(&a, "data.updated_at"), updated);
	forget(&a);
	a = CALL("PATCH", path, .token = ann, .body = "{\"title\":\"y\"}", .headers = { etag });
	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.version"), 2);
	forget(&a);
	a = CALL("PATCH", path, .token = ann, .body = "{}", .headers = { etag });
	cr_expect_eq(a.status, 412, "a condition is a condition");
	forget(&a);
	a = CALL("PATCH", path, .token = stack_token("bob"), .body = "{}");
	cr_expect_eq(a.status, 403, "and it is still not everybody's");
	forget(&a);
	a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = "{\"bio\":\"x\"}");
	snprintf(etag, sizeof(etag), "If-Match: %s", header_of(&a, "ETag"));
	forget(&a);
	a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = "{}", .headers = { etag });
	cr_expect_eq(a.status, 200, "%s", a.body);
	forget(&a);
	a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = "{}", .headers = { etag });
	cr_expect_eq(a.status, 200, "it is the same version still: %s", a.body);
	forget(&a);
}

Test(snippet, head_is_get_without_a_body)
{
	char path[128];
	struct answer get, head;

	snprintf(
	    path, sizeof(path), "/api/v1/snippets/%s", new_snippet(stack_token("ann"), HELLO));
	get = CALL("GET", path);
	head = CALL("HEAD", path);
	cr_expect_eq(head.status, 200);
	cr_expect_eq(head.len, 0);
	cr_expect_str_eq(header_of(&head, "Content-Type"), "application/json; charset=utf-8");
	cr_expect_eq((size_t)strtol(header_of(&head, "Content-Length"), NULL, 10), get.len);
	forget(&get);
	forget(&head);
}

Test(snippet, raw)
{
	char path[128];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s/raw",
	    new_snippet(
	        stack_token("ann"), "{\"title\":\"x\",\"code\":\"<script>1</script>\"}"));
	a = CALL("GET", path);
	cr_expect_eq(a.status, 200);
	cr_expect_str_eq(a.body, "<script>1</script>");
	cr_expect_str_eq(header_of(&a, "Content-Type"), "text/plain; charset=utf-8");
	cr_expect_str_eq(header_of(&a, "X-Content-Type-Options"), "nosniff");
	forget(&a);
}

Test(snippet, language_is_found)
{
	static const struct {
		const char *json, *language;
	} rows[] = {
		{ "{\"title\":\"x\",\"code\":\"int x;\",\"filename\":\"a.c\"}", "c" },
		{ "{\"title\":\"x\",\"code\":\"#!/bin/sh\\nls\"}", "shell" },
		{ "{\"title\":\"x\",\"code\":\"package main\\nfunc main() {}\"}", "go" },
		{ "{\"title\":\"x\",\"code\":\"x\",\"language\":\"JS\"}", "javascript" },
		{ "{\"title\":\"x\",\"code\":\"hello\"}", "plaintext" },
	};
	const char *ann = stack_token("ann");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct answer a =
		    CALL("POST", "/api/v1/snippets", .token = ann, .body = rows[i].json);
		cr_expect_str_eq(
		    text_at(&a, "data.language"), rows[i].language, "%s", rows[i].json);
		forget(&a);
	}
}

/* null asks for a new guess, from what will then be there: the new name, else the stored code. */
Test(snippet, language_is_found_again)
{
	const char *ann = stack_token("ann");
	char path[128];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s",
	    new_snippet(ann, "{\"title\":\"x\",\"code\":\"#!/bin/sh\",\"language\":\"c\"}"));
	a = CALL("PATCH", path, .token = ann, .body = "{\"language\":null}");
	cr_expect_str_eq(text_at(&a, "data.language"), "shell", "%s", a.body);
	forget(&a);
	a = CALL(
	    "PATCH", path, .token = ann, .body = "{\"language\":null,\"filename\":\"x.rb\"}");
	cr_expect_str_eq(text_at(&a, "data.language"), "ruby", "%s", a.body);
	forget(&a);
}

/* One person never sees or changes another's private snippet: 404, as if it were not there. */
Test(snippet, private_on_every_route)
{
	static const struct {
		const char *method, *suffix, *body;
	} routes[] = {
		{ "GET", "", NULL },
		{ "HEAD", "", NULL },
		{ "GET", "/raw", NULL },
		{ "PATCH", "", "{\"title\":\"mine now\"}" },
		{ "DELETE", "", NULL },
	};
	const char *ann = stack_token("ann"), *bob = stack_token("bob");
	const char *id =
	    new_snippet(ann, "{\"title\":\"Secret "
	                     "plan\",\"code\":\"x\",\"is_public\":false,\"tags\":[\"hush\"]}");
	const char *lists[] = { "/api/v1/snippets?tags=hush",
		"/api/v1/snippets?author=ann&limit=100", "/api/v1/users/ann/snippets?limit=100",
		"/api/v1/tags?q=hush", "/api/v1/snippets?cursor=&limit=100" };
	struct answer a;
	char path[160];

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const char *callers[] = { bob, NULL };
		snprintf(path, sizeof(path), "/api/v1/snippets/%s%s", id, routes[i].suffix);
		for (int k = 0; k < 2; k++) {
			long wanted = callers[k] || routes[i].method[0] == 'G' ||
			                      routes[i].method[0] == 'H'
			                  ? 404
			                  : 401;
			a = CALL(routes[i].method, path, .token = callers[k],
			    .body = routes[i].body);
			cr_expect_eq(a.status, wanted, "%s %s by %s: %ld", routes[i].method,
			    path, callers[k] ? "bob" : "nobody", a.status);
			forget(&a);
		}
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		a = CALL("GET", lists[i], .token = bob);
		cr_expect_eq(a.status, 200);
		cr_expect_null(strstr(a.body, "Secret plan"), "%s shows it", lists[i]);
		cr_expect_null(strstr(a.body, "hush"), "%s shows its tag", lists[i]);
		forget(&a);
	}
	a = CALL("GET", "/api/v1/users/ann/snippets?limit=100", .token = ann);
	cr_expect_not_null(strstr(a.body, "Secret plan"), "its author sees it");
	forget(&a);
	snprintf(path, sizeof(path), "/api/v1/snippets/%s", id);
	a = CALL("GET", path, .token = ann);
	cr_expect_str_eq(text_at(&a, "data.title"), "Secret plan", "and nobody has changed it");
	forget(&a);
}

Test(snippet, public_of_others_is_read_only)
{
	const char *bob = stack_token("bob");
	struct answer a;
	char path[128];

	snprintf(
	    path, sizeof(path), "/api/v1/snippets/%s", new_snippet(stack_token("ann"), HELLO));
	a = CALL("PATCH", path, .token = bob, .body = "{\"title\":\"x\"}");
	cr_expect_eq(a.status, 403);
	cr_expect_str_eq(text_at(&a, "error.code"), "FORBIDDEN");
	forget(&a);
	a = CALL("DELETE", path, .token = bob);
	cr_expect_eq(a.status, 403);
	forget(&a);
	a = CALL("GET", path, .token = bob);
	cr_expect(json_is_false(at(&a, "data.viewer.can_edit")));
	forget(&a);
}

/* Without If-Match changes at the same time all come through, one after the other. */
Test(snippet, changes_at_once)
{
	const char *ann = stack_token("ann");
	char path[128];
	pid_t pid[8];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s", new_snippet(ann, HELLO));
	for (int i = 0; i < 8; i++) {
		if ((pid[i] = fork()) != 0)
			continue;
		for (int n = 0; n < 8; n++) {
			a = CALL("PATCH", path, .token = ann, .body = "{\"title\":\"again\"}");
			if (a.status != 200)
				_exit(1);
			forget(&a);
		}
		_exit(0);
	}
	for (int i = 0; i < 8; i++) {
		int status = 0;
		waitpid(pid[i], &status, 0);
		cr_expect_eq(status, 0);
	}
	a = CALL("GET", path, .token = ann);
	cr_expect_eq(int_at(&a, "data.version"), 65, "%lld", int_at(&a, "data.version"));
	forget(&a);
}

/* A statement whose first run on a connection is refused stays of use on that connection. */
Test(snippet, refused_first)
{
	const char *mia = stack_token("mia"), *ann = stack_token("ann");
	char out[64];
	struct answer a;

	stack_part("restart-part", "api-all");
	stack_sql(
	    "update users set suspended_at = now() where username = 'mia'", out, sizeof(out));
	for (int i = 0; i < 32; i++) {
		a = CALL("POST", "/api/v1/snippets", .token = i % 2 ? ann : mia, .body = HELLO);
		cr_expect_eq(a.status, i % 2 ? 201 : 403, "%d: %ld", i, a.status);
		forget(&a);
	}
}

Test(snippet, suspended_and_deleted_people_write_nothing)
{
	const char *eve = stack_token("eve");
	char path[128], out[64];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s", new_snippet(eve, HELLO));
	stack_sql(
	    "update users set suspended_at = now() where username = 'eve'", out, sizeof(out));
	a = CALL("POST", "/api/v1/snippets", .token = eve, .body = HELLO);
	cr_expect_eq(a.status, 403);
	cr_expect_str_eq(text_at(&a, "error.code"), "ACCOUNT_SUSPENDED");
	forget(&a);
	a = CALL("PATCH", path, .token = eve, .body = "{\"title\":\"x\"}");
	cr_expect_eq(a.status, 403);
	forget(&a);
	stack_sql(
	    "update users set suspended_at = null, deleted_at = now() where username = 'eve'",
	    out, sizeof(out));
	a = CALL("DELETE", path, .token = eve);
	cr_expect_eq(a.status, 401);
	forget(&a);
	a = CALL("GET", "/api/v1/auth/me", .token = eve);
	cr_expect_eq(a.status, 401);
	forget(&a);
	a = CALL("POST", "/api/v1/live/token", .token = eve);
	cr_expect_eq(a.status, 401);
	forget(&a);
	a = CALL("GET", path);
	cr_expect_eq(a.status, 404, "what a deleted person published is gone");
	forget(&a);
}
