/* codegramctl as scripts and people call it: exit codes, --json, --help, and what it says of
 * secrets (nothing). */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", NULL };

static char out[1024 * 1024];

static int
direct(const char *first, const char *second)
{
	const char *argv[] = { "build/san/bin/codegramctl", first, second, NULL };
	return run_command(argv, out, sizeof(out));
}

Test(ctl, help_and_version_of_every_program)
{
	const char *programs[] = { "build/san/bin/codegram-api", "build/san/bin/codegramctl" };
	const char *words[] = { "migrate", "seed", "token", "doctor", "config", "statement" };

	for (size_t i = 0; i < 2; i++) {
		const char *help[] = { programs[i], "--help", NULL };
		const char *version[] = { programs[i], "--version", NULL };
		const char *wrong[] = { programs[i], "--nonsense", NULL };
		cr_expect_eq(run_command(help, out, sizeof(out)), 0);
		cr_expect_eq(strncmp(out, "usage: codegram", 15), 0, "%s", out);
		cr_expect_eq(run_command(version, out, sizeof(out)), 0);
		cr_expect_eq(strncmp(out, "codegram ", 9), 0, "%s", out);
		cr_expect_eq(run_command(wrong, out, sizeof(out)), 2);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		cr_expect_eq(direct(words[i], "--help"), 0, "%s", words[i]);
		cr_expect_not_null(strstr(out, words[i]));
	}
	cr_expect_eq(direct("nonsense", NULL), 2);
	cr_expect_eq(direct(NULL, NULL), 2);
}

Test(ctl, token)
{
	json_t *json;

	cr_expect_eq(stack_ctl(out, sizeof(out), "token", "nobody-yet", NULL), 1);
	cr_expect_eq(stack_ctl(out, sizeof(out), "token", "-not-a-name", NULL), 2);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "token", "zoe", "--create", "--seconds", "0", NULL), 2);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "token", "zoe", "--create", "--admin", "--json", NULL),
	    0);
	json = json_loads(out, 0, NULL);
	cr_assert_not_null(json, "%s", out);
	cr_expect_eq(json_integer_value(json_object_get(json, "expiresIn")), 900);
	cr_expect(json_is_string(json_object_get(json, "accessToken")));
	json_decref(json);
	cr_expect_eq(
	    stack_count("select count(*) from users where username = 'zoe' and role = 'admin'"),
	    1);
	cr_expect_eq(
	    stack_count("select count(*) from sessions s join users u on u.id = s.user_id "
	                "where username = 'zoe'"),
	    1);
}

static bool
is_out(void *token)
{
	struct answer a = CALL("GET", "/api/v1/auth/me", .token = token);
	bool out_now = a.status == 401;

	forget(&a);
	return out_now;
}

/* The role goes, and the tokens that say it; of who is none, nothing. */
Test(ctl, an_admin_no_more)
{
	char token[4096];
	struct answer a;

	cr_assert_eq(stack_ctl(token, sizeof(token), "token", "fallen", "--create", NULL), 0);
	cr_expect_eq(stack_ctl(out, sizeof(out), "users", "admin", "fallen", "off", NULL), 0);
	cr_expect_str_eq(out, "fallen is no admin; sessions ended: 0");
	cr_expect_eq(stack_ctl(out, sizeof(out), "users", "admin", "Fallen", "on", NULL), 0);
	cr_expect_str_eq(out, "fallen is an admin");
	cr_assert_eq(stack_ctl(token, sizeof(token), "token", "fallen", NULL), 0);
	a = CALL("GET", "/api/v1/admin/queues", .token = token);
	cr_expect_eq(a.status, 200);
	forget(&a);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "users", "admin", "fallen", "off", "--json", NULL), 0);
	cr_expect_str_eq(
	    out, "{\"username\":\"fallen\",\"role\":\"user\",\"sessions_ended\":2}");
	cr_expect_eq(stack_count("select count(*) from users where username = 'fallen' and "
	                         "role = 'admin'"),
	    0);
	cr_expect(wait_until(is_out, token, 20));
}

Test(ctl, expired_token)
{
	struct answer a;

	cr_assert_eq(
	    stack_ctl(out, sizeof(out), "token", "yan", "--create", "--seconds", "1", NULL), 0);
	usleep(2100 * 1000); /* the token's clock has whole seconds */
	a = CALL("GET", "/api/v1/auth/me", .token = out);
	cr_expect_eq(a.status, 401);
	cr_expect_str_eq(text_at(&a, "error.message"), "Token expired");
	forget(&a);
}

Test(ctl, config_shows_origins_and_no_secret)
{
	char path[512], secret[256] = "", *line;
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	cr_assert_not_null(f = fopen(path, "r"));
	while (fgets(out, sizeof(out), f))
		if (strncmp(out, "JWT_SECRET=", 11) == 0)
			snprintf(secret, sizeof(secret), "%.*s", (int)strcspn(out + 11, "\n"),
			    out + 11);
	fclose(f);
	cr_assert_gt(strlen(secret), 31);
	cr_assert_eq(stack_ctl(out, sizeof(out), "config", NULL), 0);
	cr_expect_null(strstr(out, secret), "a secret is shown");
	cr_assert_not_null(line = strstr(out, "JWT_SECRET "));
	cr_expect_not_null(strstr(line, "file        (set)"), "%.60s", line);
	cr_expect_not_null(strstr(out, "API_DEADLINE_MS          default     15000"));
	cr_assert_eq(stack_ctl(out, sizeof(out), "config", "--json", NULL), 0);
	cr_expect_null(strstr(out, secret));
	cr_expect_not_null(strstr(
	    out, "{\"key\":\"REDIS_TIMEOUT_MS\",\"value\":\"100\",\"origin\":\"default\""));
}

Test(ctl, doctor_knows_an_origin)
{
	char conf[600];
	const char *argv[] = { "build/san/bin/codegramctl", "--config", conf, "doctor", NULL };

	snprintf(conf, sizeof(conf), "%s/codegram.conf", stack_dir());
	setenv("FRONTEND_URL", "https://one.example, http://two.example:81", 1);
	setenv("PUBLIC_URL", "https://one.example/base", 1);
	run_command(argv, out, sizeof(out));
	cr_expect_null(strstr(out, "error    origins"), "%s", out);
	setenv("FRONTEND_URL", "https://one.example,https://two.example/", 1);
	setenv("PUBLIC_URL", "codegram.example", 1);
	cr_expect_eq(run_command(argv, out, sizeof(out)), 1);
	cr_expect_not_null(strstr(out, "FRONTEND_URL holds"), "%s", out);
	cr_expect_not_null(strstr(out, "PUBLIC_URL is no"), "%s", out);
	unsetenv("FRONTEND_URL");
	unsetenv("PUBLIC_URL");
}

Test(ctl, doctor)
{
	json_t *json;

	cr_expect_eq(stack_ctl(out, sizeof(out), "doctor", NULL), 0, "%s", out);
	cr_expect_eq(stack_ctl(out, sizeof(out), "doctor", "--json", NULL), 0);
	json = json_loads(out, 0, NULL);
	cr_expect_eq(json_integer_value(json_object_get(json, "errors")), 0, "%s", out);
	json_decref(json);
	stack_part("stop-part", "redis");
	cr_expect_eq(stack_ctl(out, sizeof(out), "doctor", NULL), 1);
	cr_expect_not_null(strstr(out, "error    redis"), "%s", out);
	cr_expect_not_null(strstr(out, "REDIS_URL"), "and how to mend it");
	stack_part("start-part", "redis");
}

/* Whether doctor ends with that code and says all of these. */
static void
expect_doctor(int code, const char *const *words)
{
	int is = stack_ctl(out, sizeof(out), "doctor", NULL);

	cr_expect_eq(is, code, "%d: %s", is, out);
	for (; *words != NULL; words++)
		cr_expect_not_null(strstr(out, *words), "%s in: %s", *words, out);
}
#define DOCTOR(code, ...) expect_doctor(code, (const char *const[]){ __VA_ARGS__, NULL })

static void
redis_cli(const char *words)
{
	char command[1024], said[4096];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' %s", stack_dir(),
	    words);
	cr_assert_eq(run_command(argv, said, sizeof(said)), 0, "%s: %s", words, said);
}

static bool
doctor_is_well(void *unused)
{
	(void)unused;
	return stack_ctl(out, sizeof(out), "doctor", "--strict", NULL) == 0;
}

/* A wrong password is not "start it", and who takes no writes is not well. */
Test(ctl, doctor_and_refusals)
{
	char path[600];

	redis_cli("CONFIG SET maxmemory 1");
	DOCTOR(1, "full: Redis: OOM", "raise maxmemory");
	redis_cli("CONFIG SET maxmemory 0");
	redis_cli("REPLICAOF 127.0.0.1 1");
	DOCTOR(1, "read_only: Redis: READONLY", "REPLICAOF NO ONE");
	redis_cli("REPLICAOF NO ONE");
	snprintf(path, sizeof(path), "%s/run/redis.sock", stack_dir());
	cr_assert_eq(chmod(path, 0), 0);
	if (!stack_passes_modes())
		DOCTOR(
		    1, "denied: Redis: connecting: Permission denied", "open to its own group");
	chmod(path, 0770);
	redis_cli("ACL SETUSER codegram-ctl resetpass '>another'");
	DOCTOR(1, "denied: Redis: AUTH: WRONGPASS", "REDIS_PASSWORD must be");
	stack_part("restart-part", "redis"); /* reads its users anew */
	stack_sql("alter role \"codegram-ctl\" set default_transaction_read_only = on", out,
	    sizeof(out));
	DOCTOR(1, "read_only: PostgreSQL: probe_write: 25006", "the primary");
	stack_sql("alter role \"codegram-ctl\" reset default_transaction_read_only", out,
	    sizeof(out));
	stack_sql("alter role \"codegram-ctl\" nologin", out, sizeof(out));
	DOCTOR(1, "denied: PostgreSQL: connecting", "run this as root");
	stack_sql("alter role \"codegram-ctl\" login", out, sizeof(out));
	cr_expect(wait_until(doctor_is_well, NULL, 20), "%s", out);
}

/* Each with what to do: a part, a job that nobody knows, a failed one, a paused queue, a site. */
Test(ctl, doctor_and_the_service)
{
	pid_t scheduler = stack_main("scheduler");

	cr_assert_gt(scheduler, 1);
	stack_part("stop-part", "worker");
	stack_part("stop-part", "github");
	stack_sql("insert into outbox (kind, target, name, data) values "
	          "('job', 'push', 'from-another-build', '{}')",
	    out, sizeof(out));
	stack_ctl(out, sizeof(out), "jobs", "pause", "email", NULL);
	sleep(1);
	kill(scheduler, SIGSTOP);
	sleep(3);
	DOCTOR(1, "worker does not run", "systemctl start codegram-worker",
	    "scheduler stands still", "systemctl restart codegram-scheduler", "email is paused",
	    "jobs resume email", "from-another-build", "GITHUB_API_URL: HTTP: GET 127.0.0.1",
	    "this machine must reach it");
	kill(scheduler, SIGCONT);
	stack_part("start-part", "github");
	stack_part("start-part", "worker");
	stack_ctl(out, sizeof(out), "jobs", "drain", "push", "--delayed", NULL);
	stack_ctl(out, sizeof(out), "jobs", "resume", "email", NULL);
	kill(stack_pid("postgres"), SIGSTOP); /* who answers nothing holds nobody */
	DOCTOR(1, "away: PostgreSQL: no answer to connecting in time");
	kill(stack_pid("postgres"), SIGCONT);
	stack_part("stop-part", "nginx");
	DOCTOR(1, "error    nginx", "nginx -t");
	stack_part("start-part", "nginx");
	cr_expect(wait_until(doctor_is_well, NULL, 20), "%s", out);
}

/* A site with a certificate that ends in ten days, trusted in a mount name space of its own. */
Test(ctl, doctor_and_the_certificate)
{
	static const char script[] =
	    "exec 2>&1; set -e; t=$(mktemp -d); trap 'kill $server; rm -rf \"$t\"' EXIT; cd "
	    "\"$t\"; "
	    "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 10 "
	    "-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null; "
	    "echo '{\"data\":{\"status\":\"ok\",\"version\":\"0\"}}' >health; "
	    "python3 -c \"import http.server, ssl; "
	    "s = http.server.HTTPServer(('127.0.0.1', 0), "
	    "http.server.SimpleHTTPRequestHandler); "
	    "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain('cert', 'key'); "
	    "s.socket = c.wrap_socket(s.socket, server_side=True); "
	    "open('port', 'w').write(str(s.server_port)); s.serve_forever()\" 2>/dev/null & "
	    "server=$!; "
	    "for i in $(seq 200); do [ -s port ] && break; sleep 0.1; done; "
	    "export PUBLIC_URL=https://localhost:$(cat port); cd \"$1\"; "
	    "build/san/bin/codegramctl -c \"$2/codegram.conf\" doctor || true; "
	    "unshare -m sh -c 'mount --bind \"$0/cert\" /etc/ssl/certs/ca-certificates.crt; "
	    "build/san/bin/codegramctl -c \"$1/codegram.conf\" doctor' \"$t\" \"$2\"";
	char here[4096];
	const char *argv[] = { "sh", "-c", script, "sh", getcwd(here, sizeof(here)),
		stack_dir(), NULL };

	if (geteuid() != 0 || access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0 ||
	    access("/usr/bin/openssl", X_OK) != 0)
		cr_skip("it wants root, for a mount, openssl, and certificates to mount over");
	cr_expect_eq(run_command(argv, out, sizeof(out)), 0, "only warnings: %s", out);
	cr_expect_not_null(
	    strstr(out, "self-signed certificate"), "who is not trusted: %s", out);
	cr_expect_not_null(strstr(out, "warning  certificate"), "%s", out);
	cr_expect(strstr(out, "it ends in 9 days") || strstr(out, "it ends in 10 days"),
	    "less than ten days are left, unless no second has passed: %s", out);
	cr_expect_not_null(strstr(out, "version 0 serves, this is"), "%s", out);
}

/* Every faulty line is a finding, with its number, and all else is looked at. */
Test(ctl, doctor_and_a_faulty_configuration)
{
	char conf[600], copy[600], said[8192];
	const char *doctor[] = { "build/san/bin/codegramctl", "-c", copy, "doctor", NULL };
	const char *other[] = { "build/san/bin/codegramctl", "-c", copy, "jobs", "stats",
		NULL };
	const char *cp[] = { "cp", conf, copy, NULL };
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/codegram.conf", stack_dir());
	snprintf(copy, sizeof(copy), "%s/faulty.conf", stack_dir());
	cr_assert_eq(run_command(cp, said, sizeof(said)), 0);
	cr_assert_not_null(f = fopen(copy, "a"));
	fputs("NONSENSE=1\nno assignment\nAPI_WORKERS=many\n", f);
	fclose(f);
	cr_expect_eq(run_command(doctor, out, sizeof(out)), 1);
	cr_expect(
	    strstr(out, "unknown key NONSENSE") && strstr(out, ": not KEY=value"), "%s", out);
	cr_expect(strstr(out, "API_WORKERS (from the file, line "), "%s", out);
	cr_expect(strstr(out, "all keys are set") && strstr(out, "parts "), "%s", out);
	cr_expect_eq(run_command(other, out, sizeof(out)), 1, "nobody works with it");
}

static void
make_file(const char *dir, const char *name, const char *text)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_not_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
	chmod(path, 0644);
}

/* Content that the database must take as it is, files that are none, and a second run. */
Test(ctl, seed_from_a_tree)
{
	char dir[512], sub[600];
	struct answer a;

	snprintf(dir, sizeof(dir), "%s/tree", stack_dir());
	snprintf(sub, sizeof(sub), "%s/lib", dir);
	mkdir(dir, 0755);
	mkdir(sub, 0755);
	chmod(dir, 0755); /* the stack has a user of its own */
	chmod(sub, 0755);
	make_file(sub, "hello.py", "print('back\\\\slash \\t {curly} \"quote\" NULL \\\\N')\n");
	make_file(sub, "main.c", "int main(void) { return 0; }\n");
	make_file(sub, "README.md", "# Hello\n");
	make_file(sub, "noname", "what is this\n");
	make_file(sub, "empty.py", "");
	make_file(sub, "bad.py", "x = '\xff\xfe'\n");
	cr_assert_eq(
	    stack_ctl(out, sizeof(out), "seed", "--from", dir, "--json", NULL), 0, "%s", out);
	cr_expect_eq(stack_count("select count(*) from snippets where filename in "
	                         "('hello.py', 'main.c', 'README.md')"),
	    3);
	cr_expect_eq(stack_count("select count(*) from snippets where filename in "
	                         "('noname', 'empty.py', 'bad.py')"),
	    0);
	stack_sql("select code from snippets where filename = 'hello.py'", out, sizeof(out));
	cr_expect_str_eq(out, "print('back\\\\slash \\t {curly} \"quote\" NULL \\\\N')");
	cr_assert_eq(stack_ctl(out, sizeof(out), "seed", "--from", dir, NULL), 0, "%s", out);
	cr_expect_eq(
	    stack_count("select count(*) from snippets"), 3, "a second run adds nothing");
	a = CALL("GET", "/api/v1/snippets?language=python");
	cr_expect_eq(int_at(&a, "pagination.total"), 1);
	forget(&a);
	cr_expect_eq(stack_ctl(out, sizeof(out), "seed", "--from", "/no/such/folder", NULL), 1);
	cr_expect_eq(stack_ctl(out, sizeof(out), "seed", NULL), 2);
}

Test(ctl, seed_synthetic)
{
	char again[64], first[64];
	const char *sum = "select md5(string_agg(s::text, '' order by id)) from snippets s "
	                  "where id::text < '0198' and title not like '%.%'";

	cr_assert_eq(stack_ctl(out, sizeof(out), "seed", "--synthetic",
	                 "users=50,snippets=300,likes=500,follows=200", NULL),
	    0, "%s", out);
	stack_sql(sum, first, sizeof(first));
	cr_expect_geq(stack_count("select count(*) from snippets"), 300);
	cr_expect_eq(
	    stack_count("select count(*) from snippets s where likes_count <> (select count(*) "
	                "from snippet_likes l where l.snippet_id = s.id)"),
	    0);
	cr_expect_eq(
	    stack_count(
	        "select count(*) from users u where followers_count <> (select count(*) "
	        "from follows f where f.followed_id = u.id)"),
	    0);
	cr_assert_eq(stack_ctl(out, sizeof(out), "seed", "--synthetic",
	                 "users=50,snippets=300,likes=500,follows=200", NULL),
	    0, "%s", out);
	stack_sql(sum, again, sizeof(again));
	cr_expect_str_eq(first, again, "the same numbers give the same rows");
	cr_expect_eq(stack_ctl(out, sizeof(out), "seed", "--synthetic", "users=x", NULL), 2);
}

Test(ctl, statement)
{
	cr_expect_eq(stack_ctl(out, sizeof(out), "statement", "snippet_raw", NULL), 0);
	cr_expect_not_null(strstr(out, "select s.code"));
	cr_expect_eq(stack_ctl(out, sizeof(out), "statement", "nonsense", NULL), 2);
}

/* setup makes a database where --database leads, and finds it the second time; files go below
 * --root, where the program finds its own beside itself. */
Test(ctl, setup_elsewhere)
{
	static const char script[] =
	    "set -e; t=$(mktemp -d); trap 'rm -rf \"$t\"' EXIT; cd \"$t\"; mkdir -p bin "
	    "share/codegram etc/codegram etc/nginx/codegram; cp "
	    "\"$1/build/san/bin/codegramctl\" "
	    "bin; cp \"$1/systemd/redis-users.conf\" share/codegram; for i in 1 2; do "
	    "DATABASE_URL=\"postgresql:///set up?host=$2/run\" bin/codegramctl --config "
	    "\"$2/codegram.conf\" setup --root \"$t\" --database "
	    "\"host=$2/run user=postgres dbname=postgres\" | tail -n 4; done";
	char here[4096];
	const char *argv[] = { "sh", "-c", script, "sh", getcwd(here, sizeof(here)),
		stack_dir(), NULL };

	cr_expect_eq(run_command(argv, out, sizeof(out)), 0, "%s", out);
	cr_expect_not_null(strstr(out, "made         PostgreSQL database set up\n"), "%s", out);
	cr_expect_not_null(strstr(out, "there        PostgreSQL database set up\n"), "%s", out);
	cr_expect_eq(
	    stack_count("select count(*) from pg_database where datname = 'set up' and "
	                "pg_get_userbyid(datdba) = 'codegram-owner' and "
	                "pg_encoding_to_char(encoding) = 'UTF8' and datcollate = 'C.UTF-8'"),
	    1);
}
