/* Secrets are nowhere that they need not be: not in the database as they are, not in a dump, a
 * log, Redis, an environment or a command line. Each look also finds what it should find. */
#include "http/journey.h"

#include <unistd.h>

#include "adapter/seal.h"
#include "base/buf.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--set",
	"LOG_LEVEL=debug", "--set", "SLOW_QUERY_MS=0", NULL };

static const char *
shell(const char *format, const char *what)
{
	static char out[4096];
	char command[2048];
	const char *argv[] = { "sh", "-c", command, NULL };

	/* the format is the test's own literal, with the stack's folder and the word as $1, $2 */
	snprintf(command, sizeof(command), "set -- '%s' '%s'\n%s", stack_dir(), what, format);
	run_command(argv, out, sizeof(out));
	out[strcspn(out, "\n")] = '\0';
	return out;
}

static const char *
setting(const char *key)
{
	static char values[8][256];
	static int next;
	char *out = values[next++ % 8];

	snprintf(out, sizeof(values[0]), "%s",
	    shell("sed -n \"s/^$2=//p\" \"$1/codegram.conf\"", key));
	cr_assert_geq(strlen(out), 32u, "%s is %s", key, out);
	return out;
}

/* GitHub's token of a person, as it is. */
static const char *
github_token_of(const char *login)
{
	static char plain[256];
	struct scope scope = { .arena = arena_make(4096, 1 << 20) };
	struct seal_ring ring;
	struct span record, bound, out;
	char sql[256], hex[2048], user[64], bytes[1024];
	size_t len;

	snprintf(sql, sizeof(sql),
	    "select encode(token, 'hex') from github_connections where login = '%s'", login);
	stack_sql(sql, hex, sizeof(hex));
	snprintf(sql, sizeof(sql), "select user_id from github_connections where login = '%s'",
	    login);
	stack_sql(sql, user, sizeof(user));
	len = strlen(hex) / 2;
	cr_assert(len > 0 && len < sizeof(bytes), "%s", hex);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(span_hex(hex[2 * i]) << 4 | span_hex(hex[2 * i + 1]));
	record = (struct span){ bytes, len };
	bound = span_of(arena_format(scope.arena, "%s|github|token", user));
	cr_assert_eq(seal_ring_fill(&ring, setting("SEAL_KEY"), NULL, NULL), OK);
	cr_assert_eq(unseal(&ring, record, bound, &out, &scope), OK);
	snprintf(plain, sizeof(plain), "%.*s", (int)out.len, out.ptr);
	arena_free(scope.arena);
	cr_assert_gt(strlen(plain), 20u);
	return plain;
}

#define DUMP                                                                                   \
	"eval \"$(tools/stack env \"$1\")\"; cd /; as=; [ \"$(id -u)\" != 0 ] || "             \
	"as=\"setpriv --reuid $STACK_USER --regid $STACK_USER --clear-groups\"; "              \
	"$as /usr/lib/postgresql/15/bin/pg_dump -h \"$RUN_DIR\" -U postgres codegram "
#define GREP_DUMP DUMP "| grep -cF -e \"$2\""
/* The stand-in's own log is GitHub's. */
#define GREP_LOGS "grep -rlF -e \"$2\" \"$1/log\" | grep -v '/github.log$' | head -n 1"
#define GREP_REDIS "grep -rlaF -e \"$2\" \"$1/redis\" | head -n 1"

static void
expect_nowhere(const char *secret, const char *what)
{
	cr_assert_geq(strlen(secret), 8u, "%s: %s", what, secret);
	cr_expect_str_eq(shell(GREP_DUMP, secret), "0", "%s is in a dump", what);
	cr_expect_str_eq(shell(GREP_LOGS, secret), "", "%s is in a log", what);
	cr_expect_str_eq(shell(GREP_REDIS, secret), "", "%s is in Redis", what);
}

static bool
repositories_came(void *unused)
{
	(void)unused;
	return stack_count(
	           "select count(*) from repositories r join users u on u.id = r.user_id "
	           "where u.username = 'ada'") > 0;
}

/* All that somebody is given on the way in, and what CodeGram keeps for them. */
Test(secrets, of_a_person_are_nowhere)
{
	struct journey j = begin("");
	struct answer a;
	char access[TOKEN_MAX], cookie[2100], refresh[2000], code[128], token[64];

	at_github(&j, "login=ada");
	snprintf(code, sizeof(code), "%.*s", (int)strcspn(strstr(j.next, "code=") + 5, "&"),
	    strstr(j.next, "code=") + 5);
	a = come_back(&j);
	cr_assert_not_null(cookie_of(&a, "__Host-cg_refresh"), "%s", a.headers);
	snprintf(refresh, sizeof(refresh), "%s", cookie_of(&a, "__Host-cg_refresh"));
	snprintf(cookie, sizeof(cookie), "Cookie: __Host-cg_refresh=%s", refresh);
	forget(&a);
	snprintf(access, sizeof(access), "%s", access_by(cookie));
	a = CALL("POST", "/api/v1/auth/tokens", .token = access, .body = "{\"name\":\"n\"}");
	snprintf(token, sizeof(token), "%s", text_at(&a, "data.token"));
	forget(&a);
	cr_assert_eq(status_of_me(token), 200);
	cr_assert(wait_until(repositories_came, NULL, 30), "the jobs did not use the token");
	expect_nowhere(github_token_of("ada"), "GitHub's token");
	expect_nowhere(access, "the access token");
	expect_nowhere(refresh, "the refresh token");
	expect_nowhere(token, "the personal token");
	expect_nowhere(code, "GitHub's code");
	cr_expect_str_neq(shell(GREP_DUMP, "Ada Lovelace"), "0", "the dump is empty");
	cr_expect_str_neq(shell(GREP_LOGS, "sign_in.done"), "", "the logs are empty");
	cr_expect_str_neq(shell(GREP_REDIS, "cg:{github-sync}"), "", "Redis is empty");
}

/* nginx writes the whole request line when nobody answers. */
Test(secrets, of_a_sign_in_that_met_nobody)
{
	struct answer a;

	stack_part("stop-part", "api-login");
	a = CALL("GET", CALLBACK "?code=code-before-a-closed-door&state=its-state");
	cr_expect_null(strstr(header_of(&a, "Location"), "its-state"), "%s", a.headers);
	expect_failure(&a, "SERVICE_UNAVAILABLE", "away%20for%20a%20moment", "at nginx");
	a = CALL("GET", START "?return_to=/seen-in-the-log");
	expect_failure(&a, "SERVICE_UNAVAILABLE", "away%20for%20a%20moment", "at nginx");
	stack_part("start-part", "api-login");
	cr_expect_str_eq(shell(GREP_LOGS, "code-before-a-closed-door"), "");
	cr_expect_str_neq(shell(GREP_LOGS, "seen-in-the-log"), "", "nothing is logged at all");
}

#define PROCESSES                                                                              \
	"for file in \"$1\"/run/*.pid; do read -r pid rest <\"$file\"; "                       \
	"echo $pid; ps -o pid= --ppid $pid; done | sort -un"

Test(secrets, of_the_operator_are_in_no_process)
{
	static const char *const keys[] = { "JWT_SECRET", "JWT_REFRESH_SECRET",
		"JWT_LIVE_SECRET", "SEAL_KEY", "GITHUB_CLIENT_SECRET",
		"GITHUB_WEBHOOK_SECRET" };
	const char *count;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *secret = setting(keys[i]);
		cr_expect_str_eq(
		    shell(PROCESSES " | while read -r pid; do grep -slaF -e \"$2\" "
		                    "/proc/$pid/environ /proc/$pid/cmdline; done",
		        secret),
		    "", "%s", keys[i]);
		cr_expect_str_eq(shell(GREP_LOGS, secret), "", "%s", keys[i]);
		cr_expect_str_eq(shell(GREP_DUMP, secret), "0", "%s", keys[i]);
	}
	count = shell(PROCESSES " | while read -r pid; do grep -slaF -e \"$2\" "
	                        "/proc/$pid/environ; done | wc -l",
	    "LANG=C.UTF-8");
	cr_expect_gt(strtol(count, NULL, 10), 10, "only %s environments were read", count);
}
