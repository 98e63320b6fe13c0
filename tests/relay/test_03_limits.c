/* The limits of one address, as shipped: whoever reaches them locks out nobody else. Those of
 * the process, and what it takes over when it reloads. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/live.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--workers", "1", NULL };

enum { PEOPLE = 60, TRIES = 60 };

/* How many of TRIES handshakes are let in, one after the other; the rest is told when to come
 * again. The number of the try stands between the two halves of a header. */
static int
handshakes(const char *from, const char *before, const char *behind)
{
	char headers[128];
	int good = 0;

	for (int i = 0; i < TRIES; i++) {
		struct ws *w;
		snprintf(headers, sizeof(headers), "%s%d%s\r\n", before, i, behind);
		w = WS_OPEN(.from = from, .headers = headers);
		good += w->status == 101;
		cr_expect(w->status == 101 || w->status == 429, "%d", w->status);
		if (w->status == 429)
			cr_expect_not_null(strcasestr(w->head, "Retry-After: 1"));
		ws_free(w);
	}
	return good;
}

/* What a stranger sends as X-Real-IP is not his address. */
Test(limits, a_stranger_locks_nobody_out)
{
	struct live_person p = live_person();
	struct ws *people[PEOPLE];
	char address[32];
	int good = handshakes("127.9.9.9", "X-Real-IP: 10.0.0.", "");

	cr_expect_geq(good, 20);
	cr_expect_leq(good, TRIES - 5, "%d of %d", good, TRIES);
	for (int i = 0; i < PEOPLE; i++) {
		snprintf(address, sizeof(address), "127.0.7.%d", 1 + i);
		people[i] = WS_OPEN(.from = address);
		cr_expect_eq(people[i]->status, 101, "%s: %d", address, people[i]->status);
	}
	for (int i = 0; i < PEOPLE; i++)
		ws_free(people[i]);
	ws_free(live_hello(&p, NULL).ws);
}

/* Signed in, from an address, at a pace that its limit of handshakes allows. */
static struct ws *
signed_in(const char *from)
{
	struct live_person p = live_person();
	char text[4096];
	struct ws_frame f;
	struct ws *w;

	usleep(1000 * 1000 / 18);
	w = WS_OPEN(.from = from);
	if (w->status != 101)
		return w;
	snprintf(
	    text, sizeof(text), "{\"type\":\"hello\",\"token\":\"%s\"}", live_token(&p, 900));
	ws_say(w, text);
	f = ws_read(w, 15);
	cr_assert_eq(f.kind, WS_TEXT, "%d %d", f.kind, f.code);
	ws_forget(&f);
	return w;
}

/* An office behind one address; then it is full, and nobody else's is. */
Test(limits, connections_of_an_address)
{
	enum { OFFICE = 200 };
	struct ws *w[OFFICE], *more;

	if (getenv("CODEGRAM_LONG") == NULL)
		cr_skip_test("200 handshakes of one address take 12 s: CODEGRAM_LONG=1");
	for (int i = 0; i < OFFICE; i++) {
		w[i] = signed_in("127.8.8.8");
		cr_assert_eq(w[i]->status, 101, "%d: %s", i, w[i]->head);
	}
	more = signed_in("127.8.8.8");
	cr_expect_eq(more->status, 429, "%s", more->head);
	ws_free(more);
	more = signed_in("127.8.8.9");
	cr_expect_eq(more->status, 101, "%s", more->head);
	ws_free(more);
	for (int i = 0; i < OFFICE; i++)
		ws_free(w[i]);
}

static bool
is_replaced(void *worker)
{
	pid_t now[64];
	size_t count = children_of(stack_pid("nginx"), now, 64);

	for (size_t i = 0; i < count; i++)
		if (now[i] == *(pid_t *)worker)
			return false;
	return count > 0;
}

/* As an operator would: the file that is his to edit, and a reload. */
static void
believe_the_balancer(void)
{
	char path[512];
	pid_t worker;
	FILE *f;

	snprintf(path, sizeof(path), "%s/nginx/real-ip.conf", stack_dir());
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs("set_real_ip_from 127.0.0.0/8;\nreal_ip_header X-Forwarded-For;\n", f);
	fclose(f);
	cr_assert_eq(children_of(stack_pid("nginx"), &worker, 1), 1u);
	cr_assert_eq(kill(stack_pid("nginx"), SIGHUP), 0);
	cr_assert(wait_until(is_replaced, &worker, 20));
}

/* Whoever has one IPv6 address has 2^64 of them. */
Test(limits_beyond, a_network_of_ipv6_is_one_address)
{
	int good;

	believe_the_balancer();
	good = handshakes("127.0.0.1", "X-Forwarded-For: 2001:db8:0:1::", "");
	cr_expect_geq(good, 20);
	cr_expect_leq(good, TRIES - 5, "%d of %d", good, TRIES);
	cr_expect_eq(handshakes("127.0.0.1", "X-Forwarded-For: 2001:db8:1:", "::1"), TRIES);
}

/* How many lines of the relay's log have the word. */
static long
logged(const char *word)
{
	char path[512], out[64];

	snprintf(path, sizeof(path), "%s/log/relay.log", stack_dir());
	run_command((const char *[]){ "grep", "-c", word, path, NULL }, out, sizeof(out));
	return strtol(out, NULL, 10);
}

static bool
has_healed(void *nothing)
{
	(void)nothing;
	return logged("relay.accepts_again") > 0;
}

static bool
has_failed_twice(void *nothing)
{
	(void)nothing;
	return live_count("accept_failures_total") >= 2;
}

/* As its own user: another one's limits are not even root's everywhere. */
static void
limit_files_of_the_relay(const char *limit)
{
	static const char script[] =
	    "set -- $(awk '/^[UG]id:/ { print $2 }' /proc/$0/status) $1 && exec setpriv "
	    "--reuid $1 --regid $2 --clear-groups prlimit --pid $0 --nofile=$3:";
	char pid[16], out[256];

	snprintf(pid, sizeof(pid), "%d", (int)stack_main("relay"));
	cr_assert_eq(run_command((const char *[]){ "bash", "-c", script, pid, limit, NULL },
	                 out, sizeof(out)),
	    0, "%s", out);
}

/* No descriptor is left: the relay waits instead of asking all the time, says so once, and goes
 * on by itself. Whoever came meanwhile has waited. */
Test(process, no_descriptor_is_left)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	struct ws *waiting;
	long failures;

	limit_files_of_the_relay("3");
	waiting = ws_begin(&(struct ws_options){ .path = NULL });
	cr_assert(wait_until(has_failed_twice, NULL, 20));
	live_publish(live_room(&p), "notification", 1, -1, 0);
	live_expect(&l, "notification", 1); /* the others are served */
	failures = live_count("accept_failures_total");
	cr_expect_leq(failures, 20, "%ld: a busy loop", failures);
	cr_expect_eq(logged("relay.not_accepting"), 1);
	limit_files_of_the_relay("1000");
	ws_finish(waiting);
	cr_expect_eq(waiting->status, 101, "%s", waiting->head);
	cr_expect(wait_until(has_healed, NULL, 10));
	ws_free(waiting);
	ws_free(l.ws);
}

static void
ask_for_origin(int status)
{
	struct ws *w = WS_OPEN(.headers = "Origin: https://new.example\r\n");

	cr_expect_eq(w->status, status, "%s", w->head);
	ws_free(w);
}

static bool
is_logged(void *word)
{
	return logged(word) > 0;
}

/* The configuration as it was, and a line. */
static void
reload_with(const char *line, const char *expected)
{
	static char before[16384];
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	if (*before == '\0') {
		f = fopen(path, "r");
		cr_assert_not_null(f);
		before[fread(before, 1, sizeof(before) - 1, f)] = '\0';
		fclose(f);
	}
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fprintf(f, "%s%s\n", before, line);
	fclose(f);
	kill(stack_main("relay"), SIGHUP);
	cr_assert(wait_until(is_logged, (void *)(uintptr_t)expected, 20), "%s", expected);
}

/* SIGHUP takes over what can be, and closes nobody; what can't be read changes nothing. */
Test(process, reload)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	ask_for_origin(403);
	reload_with("RATE_LIMIT=perhaps", "settings.refused");
	ask_for_origin(403);
	reload_with("FRONTEND_URL=http://localhost:3000,https://new.example", "relay.reloaded");
	ask_for_origin(101);
	live_publish(live_room(&p), "notification", 1, -1, 0);
	live_expect(&l, "notification", 1);
	ws_free(l.ws);
}
