/* Personal access tokens: shown once, kept as a hash, and only for what their scopes say. */
#include "http/auth.h"

#include <sys/wait.h>
#include <unistd.h>

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

#define TOKENS "/api/v1/auth/tokens"

/* The token in static memory, eight at a time; its id into `id` unless NULL. */
static const char *
make(const char *access, const char *body, char *id)
{
	static char tokens[8][64];
	static int next;
	char *out = tokens[next++ % 8];
	struct answer a = CALL("POST", TOKENS, .token = access, .body = body);

	cr_assert_eq(a.status, 201, "%s: %ld %s", body, a.status, a.body);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	snprintf(out, sizeof(tokens[0]), "%s", text_at(&a, "data.token"));
	if (id != NULL)
		snprintf(id, 40, "%s", text_at(&a, "data.id"));
	forget(&a);
	return out;
}

static long
status_of(const char *method, const char *path, const char *token, const char *body)
{
	struct answer a = CALL(method, path, .token = token, .body = body);
	long status = a.status;

	forget(&a);
	return status;
}

Test(access_tokens, shown_once_and_kept_as_a_hash)
{
	const char *ann = stack_token("pat-ann");
	const char *token = make(ann, "{\"name\":\"ci\",\"scopes\":[\"read\"]}", NULL);
	const char *argv[] = { "sh", "-c", NULL, NULL };
	char command[512], out[256];
	struct answer a;

	cr_expect_eq(strlen(token), 47u, "256 bits: %s", token);
	cr_expect_eq(strncmp(token, "cgp_", 4), 0);
	cr_expect_eq(strspn(token + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                               "0123456789-_"),
	    43u);
	a = CALL("GET", TOKENS, .token = ann);
	cr_expect_eq(json_array_size(at(&a, "data")), 1u);
	cr_expect_str_eq(text_at(&a, "data.0.name"), "ci");
	cr_expect_eq(strncmp(text_at(&a, "data.0.prefix"), token, 8), 0);
	cr_expect_eq(strlen(text_at(&a, "data.0.prefix")), 8u);
	cr_expect_null(strstr(a.body, token + 9), "never again: %s", a.body);
	cr_expect_null(at(&a, "data.0.hash"));
	forget(&a);
	cr_expect_eq(
	    count_of("select count(*) from access_tokens where hash = sha256('%s')", token), 1);
	/* Nowhere in the database, the logs or Redis: a grep that finds nothing, and one that
	 * shows that it would. */
	snprintf(command, sizeof(command),
	    "grep -rlaF -e '%s' '%s/pg' '%s/log' '%s/redis' | head -n 1; true", token + 8,
	    stack_dir(), stack_dir(), stack_dir());
	argv[2] = command;
	cr_assert_eq(status_of_me(token), 200);
	stack_sql("checkpoint", out, sizeof(out));
	run_command(argv, out, sizeof(out));
	cr_expect_str_eq(out, "", "the token stands in %s", out);
	stack_sql("update access_tokens set name = 'planted-for-the-grep'; checkpoint", out,
	    sizeof(out));
	snprintf(command, sizeof(command),
	    "grep -rlaF -e planted-for-the-grep '%s/pg' | head -n 1", stack_dir());
	run_command(argv, out, sizeof(out));
	cr_expect_str_neq(out, "", "the grep does not find what is there");
}

Test(access_tokens, scopes_are_methods)
{
	const char *ann = stack_token("scope-ann"),
	           *id = new_snippet(ann, "{\"title\":\"t\",\"code\":\"c\"}");
	const char *read = make(ann, "{\"name\":\"r\"}", NULL);
	const char *write = make(ann, "{\"name\":\"w\",\"scopes\":[\"write\"]}", NULL);
	const char *both = make(ann, "{\"name\":\"b\",\"scopes\":[\"write\",\"read\"]}", NULL);
	char like[160], snippet[128];
	struct answer a;

	snprintf(snippet, sizeof(snippet), "/api/v1/snippets/%s", id);
	snprintf(like, sizeof(like), "%s/like", snippet);
	const struct {
		const char *method, *path, *body;
		bool reads;
	} rows[] = { { "GET", "/api/v1/auth/me", NULL, true }, { "GET", snippet, NULL, true },
		{ "HEAD", snippet, NULL, true }, { "GET", "/api/v1/notifications", NULL, true },
		{ "GET", "/api/v1/snippets?limit=1", NULL, true }, { "PUT", like, NULL, false },
		{ "POST", like, NULL, false }, { "DELETE", like, NULL, false },
		{ "PATCH", "/api/v1/users/me", "{\"bio\":\"x\"}", false },
		{ "POST", "/api/v1/snippets", "{\"title\":\"t\",\"code\":\"c\"}", false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		long r = status_of(rows[i].method, rows[i].path, read, rows[i].body);
		long w = status_of(rows[i].method, rows[i].path, write, rows[i].body);
		long b = status_of(rows[i].method, rows[i].path, both, rows[i].body);
		cr_expect(rows[i].reads ? r < 300 : r == 403, "%s %s by read: %ld",
		    rows[i].method, rows[i].path, r);
		cr_expect(rows[i].reads ? w == 403 : w < 300, "%s %s by write: %ld",
		    rows[i].method, rows[i].path, w);
		cr_expect_lt(b, 300, "%s %s by both: %ld", rows[i].method, rows[i].path, b);
	}
	a = CALL("PUT", like, .token = read);
	cr_expect_not_null(strstr(header_of(&a, "WWW-Authenticate"),
	                       "error=\"insufficient_scope\", scope=\"write\""),
	    "%s", a.headers);
	forget(&a);
}

/* A token can't make itself more, nor stay when its maker's sessions end one by one. */
Test(access_tokens, what_needs_a_session)
{
	const char *ann = stack_token("self-ann");
	const char *token =
	    make(ann, "{\"name\":\"all\",\"scopes\":[\"read\",\"write\"]}", NULL);

	cr_expect_eq(status_of("POST", TOKENS, token, "{\"name\":\"more\"}"), 403);
	cr_expect_eq(status_of("GET", TOKENS, token, NULL), 403);
	cr_expect_eq(status_of("GET", "/api/v1/auth/sessions", token, NULL), 403);
	cr_expect_eq(status_of("POST", "/api/v1/auth/logout", token, NULL), 403);
	cr_expect_eq(status_of("POST", "/api/v1/live/token", token, NULL), 403);
	expect_refused(token, "as a refresh token");
	cr_expect_eq(status_of("POST", "/api/v1/auth/logout", ann, "{\"scope\":\"all\"}"), 204);
	cr_expect_eq(status_of_me(token), 200, "it is no session");
}

Test(access_tokens, admin_is_a_scope_of_admins)
{
	char admin[1024], out[1024];
	const char *token, *plain, *ann = stack_token("plain-ann");

	cr_assert_eq(
	    stack_ctl(admin, sizeof(admin), "token", "root-ann", "--create", "--admin", NULL),
	    0);
	cr_expect_eq(
	    status_of("POST", TOKENS, ann, "{\"name\":\"x\",\"scopes\":[\"admin\"]}"), 403);
	token = make(admin, "{\"name\":\"a\",\"scopes\":[\"read\",\"admin\"]}", NULL);
	plain = make(admin, "{\"name\":\"p\",\"scopes\":[\"read\",\"write\"]}", NULL);
	cr_expect_neq(status_of("GET", "/api/v1/admin/queues", admin, NULL), 403);
	cr_expect_neq(status_of("GET", "/api/v1/admin/queues", token, NULL), 403);
	cr_expect_neq(status_of("GET", "/api/v1/admin/queues", token, NULL), 401);
	cr_expect_eq(status_of("GET", "/api/v1/admin/queues", plain, NULL), 403);
	stack_sql(
	    "update users set role = 'user' where username = 'root-ann'", out, sizeof(out));
	cr_expect_eq(status_of("GET", "/api/v1/admin/queues", token, NULL), 403,
	    "at once, when its owner is none any more");
}

Test(access_tokens, ended_expired_and_unknown_ones)
{
	const char *ann = stack_token("end-ann"), *bob = stack_token("end-bob");
	char id[40], path[128];
	const char *token = make(ann, "{\"name\":\"t\",\"expires_in_days\":1}", id);
	char wrong[64];

	cr_expect_eq(status_of_me(token), 200);
	run_sql(
	    "update access_tokens set expires_at = now() - interval '1 second' where id = '%s'",
	    id);
	cr_expect_eq(status_of_me(token), 401, "expired");
	run_sql(
	    "update access_tokens set expires_at = now() + interval '1 day' where id = '%s'",
	    id);
	cr_expect_eq(status_of_me(token), 200);
	snprintf(path, sizeof(path), TOKENS "/%s", id);
	cr_expect_eq(status_of("DELETE", path, bob, NULL), 404, "somebody else's");
	cr_expect_eq(status_of("DELETE", path, ann, NULL), 204);
	cr_expect_eq(status_of_me(token), 401, "from the next request on");
	cr_expect_eq(status_of("DELETE", path, ann, NULL), 404, "once");
	snprintf(wrong, sizeof(wrong), "%s", make(ann, "{\"name\":\"t\"}", NULL));
	cr_expect_eq(status_of_me(wrong), 200);
	wrong[46] = wrong[46] == 'A' ? 'B' : 'A';
	cr_expect_eq(status_of_me(wrong), 401, "one character");
	wrong[46] = '\0';
	cr_expect_eq(status_of_me(wrong), 401, "one less");
	cr_expect_eq(status_of_me("cgp_"), 401);
	cr_expect_eq(status_of_me("cgp_' or 1=1 --"), 401);
	cr_expect_eq(status_of("GET", "/api/v1/snippets", "cgp_x", NULL), 401,
	    "a bad one, where none is needed");
}

Test(access_tokens, of_suspended_and_deleted_people)
{
	const char *ann = stack_token("gone-ann");
	const char *token = make(ann, "{\"name\":\"t\"}", NULL);

	run_sql("update users set suspended_at = now() where username = '%s'", "gone-ann");
	cr_expect_eq(status_of_me(token), 403);
	run_sql(
	    "update users set suspended_at = null, deleted_at = now() where username = '%s'",
	    "gone-ann");
	cr_expect_eq(status_of_me(token), 401);
}

Test(access_tokens, use_is_noted_hourly)
{
	const char *ann = stack_token("noted-ann");
	char id[40], first[64], then[64];
	const char *token = make(ann, "{\"name\":\"t\"}", id);
	static const char sql[] =
	    "select last_used_at from access_tokens where name = 't' and "
	    "user_id = (select id from users where username = 'noted-ann')";

	stack_sql(sql, first, sizeof(first));
	cr_expect_str_eq(first, "", "not used yet");
	status_of_me(token);
	stack_sql(sql, first, sizeof(first));
	cr_expect_str_neq(first, "");
	status_of_me(token);
	stack_sql(sql, then, sizeof(then));
	cr_expect_str_eq(first, then, "written once an hour");
	run_sql("update access_tokens set last_used_at = now() - interval '61 minutes' where "
	        "id = '%s'",
	    id);
	status_of_me(token);
	stack_sql(sql, then, sizeof(then));
	cr_expect_gt(strcmp(then, first), 0, "%s after %s", then, first);
}

Test(access_tokens, a_hundred_and_no_more)
{
	const char *ann = stack_token("many-ann");
	const char *one;
	char id[40], path[128];
	pid_t pid[4];
	struct answer a;

	one = make(ann, "{\"name\":\"first\"}", id);
	/* From several sides at once, so that no two may both be the hundredth. */
	for (int k = 0; k < 4; k++)
		if ((pid[k] = fork()) == 0) {
			for (int i = 0; i < 30; i++)
				status_of("POST", TOKENS, ann, "{\"name\":\"t\"}");
			_exit(0);
		}
	for (int k = 0; k < 4; k++)
		waitpid(pid[k], NULL, 0);
	cr_expect_eq(stack_count("select count(*) from access_tokens t join users u on u.id = "
	                         "t.user_id where u.username = 'many-ann'"),
	    100);
	a = CALL("POST", TOKENS, .token = ann, .body = "{\"name\":\"t\"}");
	cr_expect_eq(a.status, 409, "%ld %s", a.status, a.body);
	cr_expect_not_null(strstr(text_at(&a, "error.message"), "100"), "%s", a.body);
	forget(&a);
	cr_expect_eq(status_of_me(one), 200);
	snprintf(path, sizeof(path), TOKENS "/%s", id);
	cr_expect_eq(status_of("DELETE", path, ann, NULL), 204);
	make(ann, "{\"name\":\"another\"}", NULL);
}

Test(access_tokens, bad_wishes)
{
	const char *ann = stack_token("bad-ann");
	static const char *const bodies[] = { "{}", "{\"name\":\"\"}", "{\"name\":\"a\\nb\"}",
		"{\"name\":\"x\",\"scopes\":[]}", "{\"name\":\"x\",\"scopes\":[\"root\"]}",
		"{\"name\":\"x\",\"scopes\":\"read\"}",
		"{\"name\":\"x\",\"expires_in_days\":0}",
		"{\"name\":\"x\",\"expires_in_days\":367}",
		"{\"name\":\"x\",\"token\":\"cgp_mine\"}",
		"{\"name\":\"x\",\"user_id\":\"01890000-0000-7000-8000-000000000000\"}" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		cr_expect_eq(status_of("POST", TOKENS, ann, bodies[i]), 400, "%s", bodies[i]);
}
