/* rekey: tokens in the database are sealed, each bound to its row, and sealed anew with another
 * key while the old one still opens; cut off anywhere, run beside sign-ins. */
/* long: 20 s */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/seal.h"
#include "base/buf.h"
#include "support/stack.h"

#define OLD "old-key-0123456789-0123456789-0123"
#define NEW "new-key-0123456789-0123456789-0123"
#define NEWER "newer-key-0123456789-0123456789-01"

enum { PEOPLE = 1200 };

const char *const stack_options[] = { "--no-cache", NULL };

static char out[64 * 1024], conf[512];
static struct scope scope;
static struct seal_ring ring;

static const char *
user_id(int i)
{
	return arena_format(scope.arena, "019ab2c3-0000-7000-8000-%012x", i + 1);
}

static struct span
bound_to(int i)
{
	return span_of(arena_format(scope.arena, "%s|github|token", user_id(i)));
}

static void
add_hex(struct buf *b, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		buf_format(b, "%02x", (unsigned char)bytes.ptr[i]);
}

/* A copy of the stack's configuration with these keys. */
static void
set_keys(const char *current, const char *next, const char *previous)
{
	char line[1024], from[512];
	FILE *in, *to;

	snprintf(from, sizeof(from), "%s/codegram.conf", stack_dir());
	snprintf(conf, sizeof(conf), "%s/rekey.conf", stack_dir());
	cr_assert_not_null(in = fopen(from, "r"));
	cr_assert_not_null(to = fopen(conf, "w"));
	while (fgets(line, sizeof(line), in))
		if (strncmp(line, "SEAL_KEY", 8) != 0)
			fputs(line, to);
	fprintf(to, "SEAL_KEY=%s\n", current);
	if (next)
		fprintf(to, "SEAL_KEY_NEXT=%s\n", next);
	if (previous)
		fprintf(to, "SEAL_KEY_PREVIOUS=%s\n", previous);
	fclose(in);
	fclose(to);
	chmod(conf, 0644);
	cr_assert_eq(seal_ring_fill(&ring, current, next, previous), OK);
}

static struct span
sealed(int i, const char *word)
{
	struct span record;
	const char *token = arena_format(scope.arena, "gho_%s%d", word, i);

	cr_assert_eq(seal(&ring, span_of(token), bound_to(i), &record, &scope), OK);
	return record;
}

static void
open_people(void)
{
	struct buf sql;

	scope = (struct scope){ .arena = arena_make(64 * 1024, 64 * 1024 * 1024) };
	set_keys(OLD, NULL, NULL);
	buf_init(&sql, 1024 * 1024);
	stack_sql("delete from github_connections", out, sizeof(out));
	for (int i = 0; i < PEOPLE;) {
		buf_reset(&sql);
		buf_puts(&sql, "with u (id, n, token) as (values ");
		for (int end = i + 300; i < end; i++) {
			buf_format(&sql, "%s('%s'::uuid, %d, '\\x", i + 300 == end ? "" : ",",
			    user_id(i), i + 1);
			add_hex(&sql, sealed(i, "secret"));
			buf_puts(&sql, "'::bytea)");
		}
		buf_puts(&sql,
		    "), made as (insert into users (id, github_id, username) select id, "
		    "n, 'person-' || n from u on conflict do nothing) "
		    "insert into github_connections (user_id, github_id, login, token) "
		    "select id, n, 'p' || n, token from u");
		stack_sql(buf_text(&sql), out, sizeof(out));
	}
	buf_free(&sql);
	cr_assert_eq(stack_count("select count(*) from github_connections"), PEOPLE, "%s", out);
}

static void
close_people(void)
{
	arena_free(scope.arena);
}

TestSuite(rekey, .init = open_people, .fini = close_people);

static int
rekey(const char *option)
{
	return stack_ctl(out, sizeof(out), "--config", conf, "rekey", "--json", option, NULL);
}

static long
figure(const char *name)
{
	const char *line = strchr(out, '{');
	json_t *json = line ? json_loads(line, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	long n = json ? (long)json_integer_value(json_object_get(json, name)) : -1;

	json_decref(json);
	return n;
}

/* How many rows the current key has sealed, by their own look. */
static long
current_ones(void)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "select count(*) from github_connections where substr(token, 3, 8) = '%s'::bytea",
	    ring.key[0].kid);
	return stack_count(sql);
}

/* The token in the row, opened by `ring`. */
static const char *
token_of(int i)
{
	char sql[200], hex[1024], bytes[512];
	struct span plain = { "", 0 };
	size_t n = 0;
	unsigned byte;

	snprintf(sql, sizeof(sql),
	    "select encode(token, 'hex') from github_connections where user_id = '%s'",
	    user_id(i));
	stack_sql(sql, hex, sizeof(hex));
	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		bytes[n++] = (char)byte;
	if (unseal(&ring, (struct span){ bytes, n }, bound_to(i), &plain, &scope) != OK)
		return "not to be opened";
	return plain.ptr;
}

Test(rekey, seals_all_anew_once)
{
	set_keys(NEW, NULL, OLD);
	cr_expect_eq(rekey("--check"), 1);
	cr_expect_eq(figure("left"), PEOPLE);
	cr_expect_eq(current_ones(), 0, "--check only looks");
	cr_expect_eq(rekey(NULL), 0, "%s", out);
	cr_expect_eq(figure("tokens"), PEOPLE, "%s", out);
	cr_expect_eq(figure("sealed"), PEOPLE);
	cr_expect_eq(figure("left"), 0);
	cr_expect_null(strstr(out, "gho_"));
	cr_expect_eq(current_ones(), PEOPLE);
	cr_expect_eq(rekey("--check"), 0);
	cr_expect_eq(rekey(NULL), 0);
	cr_expect_eq(figure("sealed"), 0, "a second run has nothing to do");
	set_keys(NEW, NULL, NULL); /* the old key is gone */
	cr_expect_str_eq(token_of(0), "gho_secret0");
	cr_expect_str_eq(token_of(PEOPLE - 1), "gho_secret1199");
}

/* No plain token and no key is in the database. */
Test(rekey, a_dump_tells_nothing)
{
	cr_expect_eq(stack_count("select count(*) from github_connections where "
	                         "position('gho_'::bytea in token) > 0"),
	    0);
}

/* Two rows' tokens exchanged: nobody can open them, and rekey says whose they are. */
Test(rekey, what_no_key_opens_is_left_and_named)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
	    "update github_connections a set token = b.token from github_connections b "
	    "where (a.user_id, b.user_id) in (('%s', '%s'), ('%s', '%s'))",
	    user_id(3), user_id(700), user_id(700), user_id(3));
	stack_sql(sql, out, sizeof(out));
	set_keys(NEW, NULL, OLD);
	cr_expect_eq(rekey(NULL), 1);
	cr_expect_eq(figure("sealed"), PEOPLE - 2);
	cr_expect_eq(figure("left"), 2);
	cr_expect_not_null(strstr(out, user_id(3)));
	cr_expect_not_null(strstr(out, user_id(700)));
	cr_expect_eq(current_ones(), PEOPLE - 2);
}

Test(rekey, not_without_the_key_that_sealed)
{
	set_keys(NEWER, NULL, NEW);
	cr_expect_eq(rekey(NULL), 1);
	cr_expect_eq(figure("left"), PEOPLE);
	cr_expect_eq(current_ones(), 0);
}

Test(rekey, not_with_a_key_twice)
{
	FILE *f;

	set_keys(NEW, NULL, OLD);
	cr_assert_not_null(f = fopen(conf, "a"));
	fputs("SEAL_KEY_NEXT=" OLD "\n", f);
	fclose(f);
	cr_expect_eq(rekey(NULL), 1);
	cr_expect_eq(current_ones(), 0);
}

static pid_t
in_background(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL ||
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(126);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	cr_assert_gt(pid, 0);
	return pid;
}

static bool
holds_row(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from pg_stat_activity where query like "
	                   "'begin; select from github_connections%' and state = 'active' and "
	                   "wait_event = 'PgSleep'") == 1;
}

static bool
half_done(void *unused)
{
	(void)unused;
	return current_ones() == 500 &&
	       stack_count("select count(*) from pg_stat_activity where application_name = "
	                   "'codegramctl' and wait_event_type = 'Lock'") == 1;
}

/* Cut off in its second batch, while somebody signs in anew in it. */
Test(rekey, cut_off_and_run_again)
{
	char sql[400];
	const char *holder[] = { "tools/stack", "psql", stack_dir(), "-c", sql, NULL };
	const char *run[] = { "tools/stack", "ctl", stack_dir(), "--config", conf, "rekey",
		NULL };
	pid_t held, running;
	int status;
	struct buf put;

	set_keys(NEW, NULL, OLD);
	snprintf(sql, sizeof(sql),
	    "begin; select from github_connections where user_id = '%s' for update; "
	    "select pg_sleep(120)",
	    user_id(700));
	held = in_background(holder);
	cr_assert(wait_until(holds_row, NULL, 20));
	running = in_background(run);
	cr_assert(wait_until(half_done, NULL, 20), "%ld", current_ones());
	stack_sql("select pg_terminate_backend(pid) from pg_stat_activity where "
	          "application_name = 'codegramctl' or wait_event = 'PgSleep'",
	    out, sizeof(out));
	cr_assert_eq(waitpid(running, &status, 0), running);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%d", status);
	cr_assert_eq(waitpid(held, &status, 0), held);
	cr_expect_eq(current_ones(), 500, "a batch is all or nothing");

	buf_init(&put, 4096);
	buf_puts(&put, "update github_connections set token = '\\x");
	add_hex(&put, sealed(701, "fresh"));
	buf_format(&put, "' where user_id = '%s'", user_id(701));
	stack_sql(buf_text(&put), out, sizeof(out));
	buf_free(&put);
	cr_expect_eq(rekey(NULL), 0, "%s", out);
	cr_expect_eq(figure("sealed"), PEOPLE - 501);
	cr_expect_eq(current_ones(), PEOPLE);
	cr_expect_str_eq(token_of(700), "gho_secret700");
	cr_expect_str_eq(token_of(701), "gho_fresh701", "a newer token stays");
}

/* Rotations one after the other, while tokens are read all the time: none is ever unreadable
 * to who has the ring of now. */
Test(rekey, readers_beside_it)
{
	const char *run[] = { "tools/stack", "ctl", stack_dir(), "--config", conf, "rekey",
		NULL };
	int status, reads = 0, bad = 0;
	pid_t running;

	set_keys(NEW, NULL, OLD);
	running = in_background(run);
	while (waitpid(running, &status, WNOHANG) == 0) {
		int i = reads++ * 397 % PEOPLE;
		bad += strcmp(token_of(i), arena_format(scope.arena, "gho_secret%d", i)) != 0;
	}
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_expect_gt(reads, 1);
	cr_expect_eq(bad, 0);
	cr_expect_eq(current_ones(), PEOPLE);
}

Test(rekey, usage)
{
	set_keys(NEW, NULL, OLD);
	cr_expect_eq(rekey("--nonsense"), 2);
	cr_expect_eq(rekey("word"), 2);
	cr_expect_eq(stack_ctl(out, sizeof(out), "--config", conf, "rekey", NULL), 0);
	cr_expect_not_null(
	    strstr(out, "1200 tokens sealed anew, 0 changed meanwhile"), "%s", out);
	cr_expect_eq(
	    stack_ctl(out, sizeof(out), "--config", conf, "rekey", "--check", NULL), 0);
	cr_expect_not_null(strstr(out, "0 of 1200 tokens"), "%s", out);
}
