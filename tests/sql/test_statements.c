/* Every statement is planned under the role that runs it, so that a wrong column or a missing
 * grant fails here and not at night; and each role is refused what is not its own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/statements.h"
#include "support/stack.h"

const char *const stack_options[] = { NULL };

static const char *
type_name(unsigned oid)
{
	switch (oid) {
	case 2950: return "uuid";
	case 25: return "text";
	case 20: return "bigint";
	case 16: return "boolean";
	case 1009: return "text[]";
	default: return "unknown";
	}
}

static void
add_statement(struct buf *script, const struct statement *st)
{
	size_t end = strlen(st->sql);

	buf_format(script, "\\echo -- %s\nset role \"%s\";\nprepare s", st->name, st->role);
	for (int i = 0; i < st->params; i++)
		buf_format(script, "%s%s", i ? ", " : "(", type_name(st->types[i]));
	while (end > 0 && (st->sql[end - 1] == ' ' || st->sql[end - 1] == ';'))
		end--;
	buf_puts(script, st->params ? ") as " : " as ");
	buf_add(script, (struct span){ st->sql, end });
	buf_puts(script, ";\nexplain (costs off) execute s");
	for (int i = 0; i < st->params; i++)
		buf_format(script, "%snull::%s", i ? ", " : "(", type_name(st->types[i]));
	buf_puts(script, st->params ? ");\n" : ";\n");
	buf_puts(script, "deallocate all;\nreset role;\n");
}

/* Runs a script as the superuser; everything it said, its errors too. */
static char *
run_script(struct buf *script)
{
	static char out[4 * 1024 * 1024];
	char path[] = "/tmp/codegram-sql-XXXXXX", command[256];
	const char *argv[] = { "sh", "-c", command, NULL };
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && buf_ok(script));
	cr_assert_eq(write(fd, script->ptr, script->len), (ssize_t)script->len);
	close(fd);
	snprintf(
	    command, sizeof(command), "tools/stack psql '%s' -Xq 2>&1 < %s", stack_dir(), path);
	run_command(argv, out, sizeof(out));
	unlink(path);
	buf_free(script);
	return out;
}

Test(statements, each_is_planned_under_its_role)
{
	struct buf script;
	size_t count = 0;
	char *out, *line, *next, last[256] = "";

	buf_init(&script, 16 * 1024 * 1024);
	buf_puts(&script, "set plan_cache_mode = force_generic_plan;\n");
	for (const struct statement_list *list = statement_lists; list->resource; list++)
		for (size_t i = 0; i < *list->count; i++, count++)
			add_statement(&script, &list->statements[i]);
	cr_assert_gt(count, 300u);
	out = run_script(&script);
	for (line = out; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (strncmp(line, "-- ", 3) == 0) {
			snprintf(last, sizeof(last), "%s", line + 3);
			count--;
		}
		cr_expect_null(strstr(line, "ERROR"), "%s: %s", last, line);
	}
	cr_expect_eq(count, 0u, "%zu statements were not reached", count);
}

Test(statements, roles_are_refused_the_rest)
{
	static const struct {
		const char *role, *sql;
	} rows[] = {
		{ "codegram-api",
		    "insert into users (id, username) values (gen_random_uuid(), 'x')" },
		{ "codegram-api", "update users set role = 'admin'" },
		{ "codegram-api", "update users set username = 'x'" },
		{ "codegram-api", "delete from users" },
		{ "codegram-api", "update tally set count = 0" },
		{ "codegram-api", "insert into sessions (id) values (gen_random_uuid())" },
		{ "codegram-api", "create table x (y int)" },
		{ "codegram-api", "truncate snippets" },
		{ "codegram-api", "insert into schema_migrations values (9, 'x', 'x')" },
		{ "codegram-login", "select * from snippets" },
		{ "codegram-login", "delete from sessions" },
		{ "codegram-login", "select refresh_rotate(null, null, 1, 1)" },
		{ "codegram-login", "select end_sessions(null, null, null, 'logout')" },
		{ "codegram-login", "select * from access_tokens" },
		{ "codegram-login", "select * from refresh_tokens" },
		{ "codegram-api", "select sign_in(null, 1, null, null, null, null, null, null, "
		                  "null, 1, 1, 1)" },
		{ "codegram-api",
		    "select open_session(null, null, null, null, null, 1, 1, 1)" },
		{ "codegram-api", "update sessions set user_id = gen_random_uuid()" },
		{ "codegram-api",
		    "insert into refresh_tokens (id) values (gen_random_uuid())" },
		{ "codegram-api", "insert into access_tokens (id) values (gen_random_uuid())" },
		{ "codegram-worker", "select end_sessions(null, null, null, 'logout')" },
		{ "codegram-worker", "select hash from access_tokens" },
		{ "codegram-scheduler", "select user_id from sessions" },
		{ "codegram-api", "select * from github_connections" },
		{ "codegram-login", "select token from github_connections" },
		{ "codegram-login", "select * from sessions" },
		{ "codegram-login", "insert into outbox (kind) values ('job')" },
		{ "codegram-login", "select tell_alone(null, '', '', '', '', '{}')" },
		{ "codegram-login", "select disconnect_github(null, '')" },
		{ "codegram-login", "select take_github_profile(null, '{}')" },
		{ "codegram-worker", "select prefix from access_tokens" },
		{ "codegram-worker", "update users set role = 'admin'" },
		{ "codegram-scheduler", "select * from users" },
		{ "codegram-ctl", "drop table users" },
		{ "codegram-ctl", "update schema_migrations set number = 1" },
		{ "codegram-owner", "copy users to '/tmp/x'" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf script;
		char *out;
		buf_init(&script, 4096);
		buf_format(&script, "set role \"%s\";\n%s;\n", rows[i].role, rows[i].sql);
		out = run_script(&script);
		cr_expect(strstr(out, "permission denied") || strstr(out, "must be "),
		    "%s may %s: %s", rows[i].role, rows[i].sql, out);
	}
}

/* Those that nothing of a person's reaches: what is written there is made by programs. */
static const char *const inner_checks[] = { "blocks_not_oneself", "cron_slot_state_check",
	"github_connections_state_check", "github_syncs_kind_check", "github_syncs_state_check",
	"notifications_type_check", "outbox_kind_check", "refresh_tokens_check",
	"repositories_sync_state_check", "sessions_ended_by_check", "users_role_check",
	"users_username_check", "write_probe_one_check" };

static bool
is_answered(struct span name)
{
	for (size_t i = 0; i < sizeof(inner_checks) / sizeof(*inner_checks); i++)
		if (span_is(name, inner_checks[i]))
			return true;
	for (const struct db_constraint *c = store_constraints; c->name != NULL; c++)
		if (span_is(name, c->name))
			return c->field != NULL && c->code != NULL && c->message != NULL;
	return false;
}

/* A CHECK that a form's value can reach names the field, or the answer is a riddle. */
Test(statements, every_check_has_an_answer)
{
	char names[8192];
	struct span rest;
	size_t count = 0;

	stack_sql(
	    "select coalesce(string_agg(conname, ',' order by conname), '') "
	    "from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace",
	    names, sizeof(names));
	for (rest = span_of(names); rest.ptr != NULL; count++) {
		struct span name = span_cut(&rest, ',');
		cr_expect(is_answered(name), "%.*s is in no table of answers", (int)name.len,
		    name.ptr);
	}
	cr_expect_gt(count, 15u);
	for (const struct db_constraint *c = store_constraints; c->name != NULL; c++) {
		char sql[256];
		snprintf(sql, sizeof(sql),
		    "select count(*) from pg_constraint where conname = '%s'", c->name);
		cr_expect_eq(stack_count(sql), 1, "%s is no constraint", c->name);
	}
}

/* The like_part() of filters finds % and _ as themselves. */
Test(statements, like_is_literal)
{
	cr_expect_eq(
	    stack_count("select count(*) from (values ('a_b'), ('axb'), ('a%b'), ('A\\b')) "
	                "v(t) where lower(t) like like_part('A_B')"),
	    1);
	cr_expect_eq(
	    stack_count("select count(*) from (values ('a_b'), ('axb'), ('a%b'), ('A\\b')) "
	                "v(t) where lower(t) like like_part('%')"),
	    1);
	cr_expect_eq(
	    stack_count("select count(*) from (values ('a_b'), ('axb'), ('a%b'), ('A\\b')) "
	                "v(t) where lower(t) like like_part('\\')"),
	    1);
}

/* What a request's statements wait adds up to its patience and no more; between them it may take
 * its time. */
Test(statements, patience_is_for_all_together)
{
	static struct statement nap = { .name = "nap", .sql = "select pg_sleep(0.4)" };
	struct db_options options = {
		.role = "codegram-api", .application = "test", .timeout_ms = 2000
	};
	struct scope s = { .arena = arena_make(64 * 1024, 1024 * 1024) };
	char url[512];
	struct db *db;

	snprintf(url, sizeof(url), "postgresql:///codegram?host=%s/run", stack_dir());
	options.url = url;
	cr_assert_not_null(db = db_make(&options));
	for (int transaction = 0; transaction < 2; transaction++) {
		enum err e = OK;
		int64_t began = clock_mono();
		int naps = 0;
		db_patience(db, 1000, 0);
		db_open_scope(db, &s, transaction);
		usleep(1200 * 1000);
		for (; e == OK && naps < 10; naps += e == OK)
			e = db_exec(db, &nap, NULL);
		db_close_scope(db);
		cr_expect(e == ERR_TIMEOUT || e == ERR_BUSY, "%s", s.fault.story);
		cr_expect(naps >= 1 && naps <= 2, "%d naps", naps);
		cr_expect_lt(clock_mono() - began, INT64_C(6000000));
		fault_reset(&s.fault);
		db_open_scope(db, &s, transaction);
		cr_expect_eq(db_exec(db, &nap, NULL), ERR_BUSY, "nothing is left");
		db_close_scope(db);
		fault_reset(&s.fault);
	}
	db_free(db);
	arena_free(s.arena);
}
