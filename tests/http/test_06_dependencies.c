/* PostgreSQL and Redis away, frozen, restarted, and our own programs: as the table "Without Redis, without
 * PostgreSQL" of the README says, within its times. */
/* long: 48 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/client.h"
#include "support/load.h"
#include "support/stack.h"

const char *const stack_options[] = { "--workers", "4", "--connections", "1000", "--set",
	"RATE_READ_ANONYMOUS=100000", "--set", "RATE_WRITE=100000", NULL };

static const char *const paths[] = { "/api/v1/users/ann", "/api/v1/tags?q=x", NULL };

static bool
answers_200(void *path)
{
	struct answer a = CALL("GET", (const char *)path, .headers = { "Cookie: x=y" });
	bool ok = a.status == 200;

	forget(&a);
	return ok;
}

static void
expect_recovery(void)
{
	char ready[] = "/ready", list[] = "/api/v1/snippets";

	cr_expect(wait_until(answers_200, ready, 5), "not ready 5 s after the server is back");
	cr_expect(wait_until(answers_200, list, 5), "no list 5 s after the server is back");
}

/* SIGSTOP or SIGCONT for the postmaster and all its backends. */
static void
signal_postgres(int number)
{
	pid_t postmaster = stack_pid("postgres"), children[256];
	size_t n = children_of(postmaster, children, 256);

	cr_assert_gt(postmaster, 1);
	kill(postmaster, number);
	for (size_t i = 0; i < n; i++)
		kill(children[i], number);
}

static void
expect_quick_refusals(struct load *load, const char *what)
{
	struct ledger *l = load->ledger;

	fprintf(stderr,
	    "%s: %ld reads, %ld failed; %ld writes, %ld failed; slowest refusal %ld ms\n", what,
	    l->reads, l->reads_failed, l->writes, l->writes_failed,
	    l->slowest_refusal_us / 1000);
	cr_expect_eq(l->reads_refused, l->reads_failed, "every failed read is a 503; last: %ld",
	    l->last_failure);
	cr_expect_eq(l->writes_refused, l->writes_failed,
	    "every failed write is a 503; last: %ld", l->last_failure);
	cr_expect_eq(l->without_retry_after, 0, "with Retry-After");
	cr_expect_lt(l->slowest_refusal_us, PATIENCE * 3000 * 1000, "within 3 s");
	cr_expect_eq(load_lost(load), 0);
	cr_expect_eq(load_doubled(), 0);
	load_free(load);
}

Test(dependencies, a_postgresql_restarted)
{
	struct load load;

	load_start(&load, 6, paths, stack_token("ann"));
	sleep(1);
	stack_part("restart-part", "postgres");
	sleep(1);
	expect_recovery();
	load_stop(&load);
	expect_quick_refusals(&load, "PostgreSQL restarted");
}

struct goal {
	struct ledger *ledger;
	long writes;
};

/* Since the last kill some came through, however slow the machine. */
static bool
has_written(void *with)
{
	const struct goal *goal = with;

	return goal->ledger->writes >= goal->writes;
}

/* Connections die between the statements of a transaction: it is run again as a whole, or
 * refused as a whole, never half of it on another connection. */
Test(dependencies, a_backends_killed, .timeout = 300)
{
	struct goal goal = { .writes = 0 };
	struct load load;
	char out[64];

	load_start(&load, 6, paths, stack_token("ann"));
	goal.ledger = load.ledger;
	for (int i = 0; i < 40; i++) {
		goal.writes += 3;
		cr_assert(wait_until(has_written, &goal, 60), "nothing is written any more");
		stack_sql("select count(pg_terminate_backend(pid)) from pg_stat_activity "
		          "where usename = 'codegram-api'",
		    out, sizeof(out));
	}
	load_stop(&load);
	cr_expect_gt(load.ledger->writes, 100);
	expect_quick_refusals(&load, "40 times all backends killed");
}

Test(dependencies, b_postgresql_frozen)
{
	char cached[] = "/api/v1/snippets?limit=3";
	struct load load;
	struct answer a;

	stack_token("ann");
	a = CALL("GET", cached);
	cr_expect_eq(a.status, 200);
	forget(&a);
	load_start(&load, 6, paths, stack_token("ann"));
	sleep(1);
	signal_postgres(SIGSTOP);
	sleep(3);
	a = CALL("GET", cached);
	cr_expect_eq(a.status, 200, "an anonymous read is served stale: %ld", a.status);
	forget(&a);
	for (int i = 0; i < 8; i++) {
		a = CALL(
		    "GET", i ? "/api/v1/users/ann" : "/ready", .headers = { "Cookie: x=y" });
		cr_expect_eq(a.status, 503, "%ld", a.status);
		cr_expect_lt(a.seconds, PATIENCE * 3, "%.1f s", a.seconds);
		forget(&a);
	}
	a = CALL("GET", "/health");
	cr_expect_eq(a.status, 200, "alive all the same");
	forget(&a);
	sleep(16);
	signal_postgres(SIGCONT);
	expect_recovery();
	load_stop(&load);
	cr_expect_gt(load.ledger->writes_refused, 0);
	cr_expect_eq(load.ledger->reads_failed, 0, "cached reads are served stale");
	expect_quick_refusals(&load, "PostgreSQL frozen for 20 s");
}

/* What was made private is not shown again from the cache while the database is away. */
Test(dependencies, c_private_stays_private)
{
	const char *ann = stack_token("ann");
	char path[128];
	struct answer a;

	snprintf(path, sizeof(path), "/api/v1/snippets/%s",
	    new_snippet(ann, "{\"title\":\"secret\",\"code\":\"x\"}"));
	a = CALL("GET", path);
	cr_expect_eq(a.status, 200);
	forget(&a);
	a = CALL("PATCH", path, .token = ann, .body = "{\"is_public\":false}");
	cr_expect_eq(a.status, 200);
	forget(&a);
	sleep(3); /* nginx's second, which it counts in whole ones */
	a = CALL("GET", path);
	cr_expect_eq(a.status, 404);
	forget(&a);
	stack_part("stop-part", "postgres");
	sleep(3);
	a = CALL("GET", path);
	cr_expect_neq(a.status, 200, "%s", a.body);
	forget(&a);
	stack_part("start-part", "postgres");
	expect_recovery();
}

Test(dependencies, c_postgresql_killed)
{
	struct answer a;

	stack_token("ann");
	stack_part("stop-part", "postgres");
	a = CALL("GET", "/api/v1/users/ann?x=1", .headers = { "Cookie: x=y" });
	cr_expect_eq(a.status, 503);
	cr_expect_str_eq(text_at(&a, "error.code"), "SERVICE_UNAVAILABLE");
	cr_expect_not_null(header_of(&a, "Retry-After"));
	cr_expect_lt(a.seconds, PATIENCE * 3);
	cr_expect_null(strstr(a.body, "PostgreSQL"), "never an inner word");
	forget(&a);
	stack_part("start-part", "postgres");
	expect_recovery();
}

Test(dependencies, d_redis_stopped)
{
	const char *ann = stack_token("ann");
	struct answer a;

	stack_part("stop-part", "redis");
	for (int i = 0; i < 20; i++) {
		a = CALL("POST", "/api/v1/snippets", .token = ann,
		    .body = "{\"title\":\"no redis\",\"code\":\"x\"}");
		cr_expect_eq(a.status, 201, "writes go on: %ld %s", a.status, a.body);
		cr_expect_lt(a.seconds, PATIENCE * 2);
		cr_expect_not_null(header_of(&a, "RateLimit"), "a local bucket counts");
		forget(&a);
		a = CALL("GET", "/api/v1/auth/me", .token = ann);
		cr_expect_eq(a.status, 200, "reads go on");
		forget(&a);
	}
	a = CALL("GET", "/ready");
	cr_expect_eq(a.status, 200);
	cr_expect_str_eq(text_at(&a, "data.status"), "degraded");
	cr_expect_str_eq(text_at(&a, "data.checks.redis.status"), "away");
	forget(&a);
	stack_part("start-part", "redis");
}

Test(dependencies, e_redis_frozen)
{
	const char *ann = stack_token("ann");
	pid_t redis = stack_pid("redis");
	struct answer a;

	cr_assert_gt(redis, 1);
	kill(redis, SIGSTOP);
	for (int i = 0; i < 10; i++) {
		a = CALL("GET", "/api/v1/auth/me", .token = ann);
		cr_expect_eq(a.status, 200);
		cr_expect_lt(a.seconds, PATIENCE * 2, "%.2f s", a.seconds);
		forget(&a);
	}
	kill(redis, SIGCONT);
}

Test(dependencies, f_migrate_again_under_load)
{
	char out[4096];
	struct load load;

	expect_recovery();
	load_start(&load, 4, paths, stack_token("ann"));
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(stack_ctl(out, sizeof(out), "migrate", NULL), 0, "%s", out);
		cr_expect_str_eq(out, "nothing to apply");
	}
	/* What a migration does to running workers: their prepared plans no longer fit. */
	stack_sql("alter table users add column if not exists later text", out, sizeof(out));
	stack_sql("alter table snippets add column if not exists later text", out, sizeof(out));
	sleep(1);
	load_stop(&load);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld, the last with %ld",
	    load.ledger->reads_failed, load.ledger->last_failure);
	cr_expect_eq(load.ledger->writes_failed, 0, "%ld, the last with %ld",
	    load.ledger->writes_failed, load.ledger->last_failure);
	load_free(&load);
}

/* ---- our own programs */

static const char *const parts[] = { "api-login", "relay", "scheduler", "worker" };
enum { PARTS = sizeof(parts) / sizeof(*parts) };

/* Whether /ready names all four as frozen or stopped; `how` "": as nothing of it. */
static bool
ready_says(void *how)
{
	struct answer a = CALL("GET", "/ready");
	size_t wrong = *(const char *)how ? PARTS : 0;
	bool so = a.status == 200;
	char path[64];

	so = so && strcmp(text_at(&a, "data.status"), wrong ? "degraded" : "ok") == 0 &&
	     json_array_size(at(&a, "data.degraded")) == wrong;
	for (size_t i = 0; i < wrong && so; i++) {
		snprintf(path, sizeof(path), "data.checks.parts.%s.%zu", (char *)how, i);
		so = strcmp(text_at(&a, path), parts[i]) == 0;
		snprintf(path, sizeof(path), "data.degraded.%zu", i);
		so = so && strcmp(text_at(&a, path), parts[i]) == 0;
	}
	forget(&a);
	return so;
}

static double
metric(const char *name)
{
	struct answer a = CALL("GET", "/metrics");
	char line[128];
	const char *found;
	double value = -1;

	snprintf(line, sizeof(line), "\n%s ", name);
	if (a.status == 200 && (found = strstr(a.body, line)) != NULL)
		value = strtod(found + strlen(line), NULL);
	forget(&a);
	return value;
}

static bool
all_children(void *unused)
{
	(void)unused;
	return metric("codegram_worker_children") == 4 &&
	       metric("codegram_pool_workers{pool=\"login\"}") == 4;
}

Test(dependencies, g_each_part_is_missed)
{
	char frozen[] = "frozen", stopped[] = "stopped", nothing[] = "", age[96];

	cr_assert(wait_until(ready_says, nothing, 10));
	for (size_t i = 0; i < PARTS; i++) {
		cr_assert_gt(stack_main(parts[i]), 1, "%s", parts[i]);
		kill(stack_main(parts[i]), SIGSTOP);
	}
	cr_expect(wait_until(ready_says, frozen, 10), "four are frozen");
	for (size_t i = 0; i < PARTS; i++) {
		snprintf(age, sizeof(age), "codegram_part_age_seconds{part=\"%s\"}", parts[i]);
		cr_expect_geq(metric(age), 2, "%s", age);
		kill(stack_main(parts[i]), SIGCONT);
	}
	cr_expect(wait_until(ready_says, nothing, 10), "they go on");
	for (size_t i = 0; i < PARTS; i++)
		stack_part("stop-part", parts[i]);
	cr_expect(wait_until(ready_says, stopped, 10), "four are stopped");
	cr_expect_eq(metric("codegram_worker_children"), 0);
	cr_expect_eq(metric("codegram_outbox_waiting_rows"), -1, "nobody knows");
	cr_expect_eq(metric("codegram_pool_workers{pool=\"login\"}"), 0);
	for (size_t i = 0; i < PARTS; i++)
		stack_part("start-part", parts[i]);
	cr_expect(wait_until(ready_says, nothing, 10), "they run again");
	cr_expect(wait_until(all_children, NULL, 10));
	cr_expect_lt(metric("codegram_part_age_seconds{part=\"worker\"}"), 60);
}

/* ---- who takes no writes, though it answers */

struct refusal {
	const char *path, *word;
};

static bool
ready_has(void *with)
{
	const struct refusal *w = with;
	struct answer a = CALL("GET", "/ready");
	bool so = a.status == 200 && strcmp(text_at(&a, w->path), w->word) == 0;

	forget(&a);
	return so;
}

static void
expect_word(const char *path, const char *word)
{
	struct refusal w = { path, word };
	char all[] = "";

	if (!wait_until(ready_has, &w, 10)) {
		struct answer a = CALL("GET", "/ready");
		cr_expect(false, "%s is never %s: %s", path, word, a.body);
		forget(&a);
	}
	if (strcmp(word, "ok") == 0)
		cr_expect(wait_until(ready_says, all, 10), "and all is well");
}

static void
redis_cli(const char *words)
{
	char command[1024], out[4096];
	const char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof(command), "redis-cli -s '%s/run/redis.sock' %s", stack_dir(),
	    words);
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0, "%s: %s", words, out);
}

Test(dependencies, h_redis_takes_no_writes)
{
	static const char path[] = "data.checks.redis.status";

	expect_word(path, "ok");
	redis_cli("CONFIG SET maxmemory 1");
	expect_word(path, "full");
	redis_cli("CONFIG SET maxmemory 0");
	expect_word(path, "ok");
	redis_cli("REPLICAOF 127.0.0.1 1");
	expect_word(path, "read_only");
	redis_cli("REPLICAOF NO ONE");
	expect_word(path, "ok");
	redis_cli("ACL SETUSER codegram-api resetpass '>another'");
	redis_cli("CLIENT KILL TYPE normal SKIPME yes");
	expect_word(path, "denied");
	stack_part("restart-part", "redis"); /* reads its users anew */
	expect_word(path, "ok");
}

Test(dependencies, h_postgresql_takes_no_writes)
{
	static const char path[] = "data.checks.postgresql.status";
	char out[256];

	stack_sql("alter system set default_transaction_read_only = on", out, sizeof(out));
	stack_sql("select pg_reload_conf()", out, sizeof(out));
	expect_word(path, "read_only");
	stack_sql("alter system reset default_transaction_read_only", out, sizeof(out));
	stack_sql("select pg_reload_conf()", out, sizeof(out));
	expect_word(path, "ok");
}

/* A file system of its own for what does not fit into memory, with too little room. */
Test(dependencies, h_postgresql_has_no_room)
{
	char command[1024], out[4096];
	const char *argv[] = { "sh", "-c", command, NULL };

	if (geteuid() != 0)
		cr_skip("only root may mount");
	snprintf(command, sizeof(command),
	    "cd '%s/pg/base' && install -d -o codegram -g codegram -m 0700 pgsql_tmp && "
	    "mount -t tmpfs -o size=64k,uid=$(id -u codegram),mode=0700 tmpfs pgsql_tmp 2>&1",
	    stack_dir());
	if (run_command(argv, out, sizeof(out)) != 0)
		cr_skip("nothing can be mounted here");
	expect_word("data.checks.postgresql.status", "full");
	snprintf(command, sizeof(command), "umount -l '%s/pg/base/pgsql_tmp'", stack_dir());
	cr_expect_eq(run_command(argv, out, sizeof(out)), 0, "%s", out);
	expect_word("data.checks.postgresql.status", "ok");
}

/* However many ask: one write in a second, for all of them. */
Test(dependencies, h_asking_is_cheap)
{
	static const char count[] =
	    "select n_tup_upd from pg_stat_all_tables where relname = 'write_probe'";
	long before = stack_count(count), after;
	int64_t began = clock_mono();
	struct answer a;

	for (int i = 0; i < 300 || clock_mono() - began < 2000000; i++) {
		a = CALL("GET", "/ready");
		cr_expect_eq(a.status, 200);
		forget(&a);
	}
	usleep(1100 * 1000); /* PostgreSQL tells its figures once in a second */
	after = stack_count(count);
	cr_expect_leq(
	    after - before, (clock_mono() - began) / 1000000 + 2, "%ld writes", after - before);
	cr_expect_geq(after - before, 1, "%ld writes", after - before);
}
