/* Limits of one address, as shipped: whoever reaches them locks out nobody else. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
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
