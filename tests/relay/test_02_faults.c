/* What a client gets when something fails: nothing twice, nothing missing, or it is told. */
/* long: 22 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/live.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "1",
	NULL };

static bool
has_counted(void *what)
{
	const struct {
		const char *name;
		long wanted;
	} *w = what;
	return live_count(w->name) >= w->wanted;
}

static void
wait_for_count(const char *name, long wanted)
{
	struct {
		const char *name;
		long wanted;
	} w = { name, wanted };
	cr_assert(wait_until(has_counted, &w, 20), "%s is %ld, not %ld", name, live_count(name),
	    wanted);
}

static void
back(struct live *l, const struct live_person *p)
{
	struct live before = *l;

	*l = live_hello(p, &before);
}

static void
publish(const struct live_person *p, long from, long to, size_t padding)
{
	for (long n = from; n < to; n++)
		live_publish(live_room(p), "notification", n, -1, padding);
}

static void
expect(struct live *l, long from, long to)
{
	for (long n = from; n < to; n++)
		live_expect(l, "notification", n);
}

#define MASK "\x12\x34\x56\x78"
#define FIRST(literal) false, literal, sizeof(literal) - 1
#define AFTER_HELLO(literal) true, literal, sizeof(literal) - 1

static const struct {
	const char *what;
	bool hello;
	const char *bytes;
	size_t len;
	int code;
} violations[] = {
	{ "a reserved bit", AFTER_HELLO("\xc1\x80" MASK), 1002 },
	{ "a reserved opcode", AFTER_HELLO("\x83\x80" MASK), 1002 },
	{ "a reserved control opcode", AFTER_HELLO("\x8b\x80" MASK), 1002 },
	{ "a fragmented ping", AFTER_HELLO("\x09\x80" MASK), 1002 },
	{ "a long ping", AFTER_HELLO("\x89\xfe\x00\x7e" MASK), 1002 },
	{ "a continuation of nothing", AFTER_HELLO("\x80\x80" MASK), 1002 },
	{ "a text inside a text", AFTER_HELLO("\x01\x80" MASK "\x81\x80" MASK), 1002 },
	{ "half a close code", AFTER_HELLO("\x88\x81" MASK "\x03"), 1002 },
	{ "64 bits of length", AFTER_HELLO("\x81\xff\x80\0\0\0\0\0\0\1" MASK), 1002 },
	{ "bad UTF-8", AFTER_HELLO("\x81\x82\0\0\0\0\xc3\x28"), 1007 },
	{ "an unmasked first frame", FIRST("\x81\x0f{\"type\":\"ping\"}"), 1002 },
	{ "an unmasked later frame", AFTER_HELLO("\x81\x0f{\"type\":\"ping\"}"), 1002 },
	{ "an unmasked ping", AFTER_HELLO("\x89\x00"), 1002 },
	{ "an unmasked close", AFTER_HELLO("\x88\x02\x03\xe8"), 1002 },
};

static bool
are_counted(void *wanted)
{
	return live_count("connections") == *(long *)wanted;
}

static struct live
violate(size_t i, const struct live_person *p)
{
	struct live l = { .ws = NULL };

	if (violations[i].hello)
		l = live_hello(p, NULL);
	else
		l.ws = WS_OPEN(.path = NULL);
	l.ws->deaf = true;
	ws_send_raw(l.ws, violations[i].bytes, violations[i].len);
	return l;
}

/* Whoever says nothing more is told why and cut: no event comes behind the close frame, the
 * place is free at once, the connection is gone in two seconds. */
Test(faults, violations)
{
	enum { COUNT = sizeof(violations) / sizeof(*violations) };
	struct live_person p[COUNT];
	struct live l[COUNT];
	struct ws_frame f;
	int64_t began;

	for (size_t i = 0; i < COUNT; i++) {
		p[i] = live_person();
		l[i] = violate(i, &p[i]);
	}
	began = clock_mono();
	for (size_t i = 0; i < COUNT; i++) {
		f = ws_read(l[i].ws, 15);
		cr_expect_eq(f.kind, WS_CLOSE, "%s: %d", violations[i].what, f.kind);
		cr_expect_eq(f.code, violations[i].code, "%s: %d %s", violations[i].what,
		    f.code, f.reason);
		live_publish(live_room(&p[i]), "notification", 1, -1, 0);
	}
	for (size_t i = 0; i < COUNT; i++) {
		f = ws_read(l[i].ws, 60);
		cr_expect_eq(f.kind, WS_END, "%s: %d", violations[i].what, f.kind);
		ws_forget(&f);
		ws_free(l[i].ws);
	}
	cr_expect_lt(clock_mono() - began, 9000 * 1000);
}

/* The same of whoever closes and then stays. */
Test(faults, who_closes_has_no_place)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	long one = 1, none = 0;
	struct ws_frame f;

	cr_assert(wait_until(are_counted, &one, 20));
	l.ws->deaf = true;
	ws_send(l.ws, 0x88, "\x03\xe8", 2);
	f = ws_read(l.ws, 15);
	cr_expect_eq(f.kind, WS_CLOSE, "%d", f.kind);
	cr_expect_eq(f.code, 1000);
	f = ws_read(l.ws, 60);
	cr_expect_eq(f.kind, WS_END, "%d", f.kind);
	cr_expect(wait_until(are_counted, &none, 20));
	ws_free(l.ws);
}

Test(faults, resume)
{
	struct live_person p = live_person(), other = live_person();
	struct live l = live_hello(&p, NULL), again;

	publish(&p, 0, 10, 0);
	expect(&l, 0, 7); /* the rest is on its way when the client goes */
	ws_free(l.ws);
	publish(&p, 10, 200, 0);
	publish(&other, 0, 20, 0);
	back(&l, &p);
	cr_expect(l.recovered);
	publish(&p, 200, 220, 0);
	expect(&l, 7, 220);
	live_expect_silence(&l);
	/* a second time from the same place: the same again */
	snprintf(again.epoch, sizeof(again.epoch), "%s", l.epoch);
	snprintf(again.offset, sizeof(again.offset), "%s", l.offset);
	ws_free(l.ws);
	back(&again, &p);
	cr_expect(again.recovered);
	live_expect_silence(&again);
	ws_free(again.ws);
}

Test(faults, resume_several_rooms_in_order)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	char room[64], text[4096];
	struct ws_frame f;

	ws_free(l.ws);
	snprintf(room, sizeof(room), "snippet:%s", p.id.text);
	for (long n = 0; n < 300; n++)
		live_publish(n % 3 ? live_room(&p) : room, "notification", n, -1, 2000);
	l.ws = WS_OPEN(.path = NULL);
	snprintf(text, sizeof(text),
	    "{\"type\":\"hello\",\"token\":\"%s\",\"resume\":{\"epoch\":\"%s\",\"offset\":\"%"
	    "s\"},"
	    "\"rooms\":[\"%s\"]}",
	    live_token(&p, 900), l.epoch, l.offset, room);
	ws_say(l.ws, text);
	f = ws_read(l.ws, 10);
	cr_assert(json_is_true(json_object_get(f.json, "recovered")));
	ws_forget(&f);
	expect(&l, 0, 300);
	ws_free(l.ws);
}

Test(faults, resume_from_nowhere)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL), bad = l;
	static const char *const offsets[] = { "", "x", "1", "-", "1-",
		"99999999999999999999-0", "18446744073709551615-0", "1 - 0", "-1-0" };

	snprintf(bad.epoch, sizeof(bad.epoch), "other");
	back(&bad, &p);
	cr_expect_not(bad.recovered);
	cr_expect_str_eq(bad.epoch, l.epoch);
	ws_free(bad.ws);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		bad = l;
		snprintf(bad.offset, sizeof(bad.offset), "%s", offsets[i]);
		back(&bad, &p);
		cr_expect_not(bad.recovered, "%s", offsets[i]);
		ws_free(bad.ws);
	}
	ws_free(l.ws);
}

Test(faults, kill_9_of_the_relay)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	struct ws_frame f;

	for (long round = 0; round < 3; round++) {
		pid_t pid = stack_main("relay");
		publish(&p, round * 100, round * 100 + 50, 0);
		expect(&l, round * 100, round * 100 + 20);
		cr_assert_gt(pid, 1);
		kill(pid, SIGKILL);
		while ((f = ws_read(l.ws, 10)).kind == WS_TEXT)
			ws_forget(&f); /* what was under way; the offset stays where it was */
		cr_expect_eq(f.kind, WS_END);
		ws_free(l.ws);
		publish(&p, round * 100 + 50, round * 100 + 100, 0);
		back(&l, &p);
		cr_expect(l.recovered, "round %ld", round);
		expect(&l, round * 100 + 20, round * 100 + 100);
	}
	live_expect_silence(&l);
	ws_free(l.ws);
}

Test(faults, restart_of_the_relay)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	struct ws_frame f;

	publish(&p, 0, 1, 0);
	expect(&l, 0, 1);
	kill(stack_pid("relay"), SIGUSR2);
	f = ws_read(l.ws, 10);
	cr_assert_eq(f.kind, WS_TEXT);
	cr_expect_str_eq(json_string_value(json_object_get(f.json, "type")), "drain");
	cr_expect_eq(json_array_size(json_object_get(f.json, "retry")), 2u);
	ws_forget(&f);
	f = ws_read(l.ws, 10);
	cr_assert_eq(f.kind, WS_CLOSE);
	cr_expect_eq(f.code, 4200);
	cr_expect_geq(strtol(f.reason, NULL, 10), 500, "%s", f.reason);
	ws_free(l.ws);
	publish(&p, 1, 30, 0);
	back(&l, &p);
	cr_expect(l.recovered);
	expect(&l, 1, 30);
	ws_free(l.ws);
}

Test(faults, restart_of_redis)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	publish(&p, 0, 20, 0);
	expect(&l, 0, 10);
	stack_part("restart-part", "redis");
	publish(&p, 20, 40, 0);
	expect(&l, 10, 40);
	ws_free(l.ws);
	back(&l, &p);
	cr_expect(l.recovered);
	live_expect_silence(&l);
	ws_free(l.ws);
}

Test(faults, redis_is_frozen)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	pid_t pid = stack_pid("redis");

	publish(&p, 0, 5, 0);
	expect(&l, 0, 5);
	cr_assert_gt(pid, 1);
	kill(pid, SIGSTOP);
	ws_free(l.ws);
	back(&l, &p); /* from memory */
	cr_expect(l.recovered);
	live_expect_silence(&l);
	sleep(7); /* longer than the relay's patience */
	kill(pid, SIGCONT);
	publish(&p, 5, 20, 0);
	expect(&l, 5, 20);
	ws_free(l.ws);
}

static void
is_told_that_the_log_is_lost(struct live *l, const struct live_person *p)
{
	struct live before = *l;

	live_expect_close(l->ws, 4201);
	ws_free(l->ws);
	back(l, p);
	cr_expect_not(l->recovered);
	cr_expect_str_neq(l->epoch, before.epoch);
	publish(p, 900, 905, 0);
	expect(l, 900, 905);
}

Test(faults, flushall)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	publish(&p, 0, 5, 0);
	expect(&l, 0, 5);
	LIVE_REDIS("FLUSHALL");
	is_told_that_the_log_is_lost(&l, &p);
	ws_free(l.ws);
}

/* The end of the log is missing and the epoch is not: an append-only file cut short. */
Test(faults, the_log_lost_its_end)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);

	publish(&p, 0, 5, 0);
	expect(&l, 0, 5);
	LIVE_REDIS("XDEL", "cg:{rt}:log", l.offset);
	LIVE_REDIS("CLIENT", "KILL", "TYPE", "normal");
	is_told_that_the_log_is_lost(&l, &p);
	ws_free(l.ws);
}

Test(faults, away_while_the_relay_died_and_the_log_was_lost)
{
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL), before = l;
	pid_t pid = stack_main("relay");

	ws_free(l.ws);
	cr_assert_gt(pid, 1);
	kill(pid, SIGKILL);
	LIVE_REDIS("FLUSHALL");
	publish(&p, 0, 5, 0);
	back(&l, &p);
	cr_expect_not(l.recovered);
	cr_expect_str_neq(l.epoch, before.epoch);
	ws_free(l.ws);
}

/* 8 MB for somebody who reads nothing: cut, with little memory; then all of it comes. */
Test(faults, stalled_client)
{
	enum { COUNT = 2000, BYTES = 4000 };
	struct live_person p = live_person();
	struct live l = live_hello(&p, NULL);
	long slow = live_count("slow_cuts_total"), most = 0;

	publish(&p, 0, 1, 0);
	expect(&l, 0, 1);
	for (long n = 1; n < COUNT; n++) {
		live_publish(live_room(&p), "notification", n, -1, BYTES);
		if (n % 250 == 0) {
			long waits = live_count("queue_bytes");
			most = waits > most ? waits : most;
		}
	}
	wait_for_count("slow_cuts_total", slow + 1);
	cr_expect_leq(most, 256 * 1024, "%ld bytes waited", most);
	ws_free(l.ws);
	back(&l, &p);
	cr_expect(l.recovered);
	expect(&l, 1, COUNT);
	live_expect_silence(&l);
	cr_expect_eq(live_count("queue_bytes"), 0);
	ws_free(l.ws);
}

Test(faults, redis_is_away_at_the_start)
{
	struct live_person p = live_person();
	struct ws *w;
	pid_t pid = stack_main("relay");

	stack_part("stop-part", "redis");
	cr_assert_gt(pid, 1);
	kill(pid, SIGKILL);
	w = WS_OPEN(.path = NULL);
	cr_expect_eq(w->status, 503, "%s", w->head);
	cr_expect_not_null(strcasestr(w->head, "Retry-After: 1"));
	ws_free(w);
	stack_part("start-part", "redis");
	for (int i = 0; i < 100; i++) {
		w = WS_OPEN(.path = NULL);
		if (w->status == 101)
			break;
		ws_free(w);
		usleep(100 * 1000);
	}
	cr_assert_eq(w->status, 101);
	ws_free(w);
	ws_free(live_hello(&p, NULL).ws);
}

/* Faults at random under many clients, each with its own count: no hole, no repeat. */
Test(faults, at_random)
{
	enum { CLIENTS = 60, ROUNDS = 12 };
	static struct live_person p[CLIENTS];
	static struct live l[CLIENTS];
	long published = 0;

	for (int i = 0; i < CLIENTS; i++) {
		p[i] = live_person();
		l[i] = live_hello(&p[i], NULL);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int n = 0; n < 5; n++, published++)
			for (int i = 0; i < CLIENTS; i++)
				live_publish(
				    live_room(&p[i]), "notification", published, -1, 0);
		if (round % 3 == 1)
			kill(stack_main("relay"), SIGKILL);
		if (round % 4 == 2)
			stack_part("restart-part", "redis");
		for (int i = 0; i < CLIENTS; i++) {
			if (round % 3 == 1 || i % 4 == round % 4) {
				ws_free(l[i].ws);
				back(&l[i], &p[i]);
				cr_assert(l[i].recovered, "client %d, round %d", i, round);
			}
		}
		for (int i = 0; i < CLIENTS; i++)
			expect(&l[i], published - 5, published);
	}
	for (int i = 0; i < CLIENTS; i++) {
		live_expect_silence(&l[i]);
		ws_free(l[i].ws);
	}
}

static bool
log_is_longer(void *than)
{
	return LIVE_REDIS("XLEN", "cg:{rt}:log") > *(const long *)than;
}

/* For as long as a token of it may be good, also by a relay that was not there when it ended. */
Test(faults, z_a_new_relay_knows_what_ended_long_ago)
{
	struct live_person ended = live_person(), p = live_person();
	long many = 400;
	char id[96], text[4096], out[64];
	struct ws *w;

	/* so old, and so many, that Redis trims what is not kept on purpose */
	stack_sql("select floor(extract(epoch from now() - interval '14 minutes'))::bigint",
	    out, sizeof(out));
	LIVE_REDIS("DEL", "cg:{rt}:log");
	for (long i = 1; i <= many; i++) {
		snprintf(id, sizeof(id), "%s000-%ld", out, i);
		snprintf(text, sizeof(text), "{\"sid\":\"%s\"}",
		    i == 1 ? ended.session.text : live_person().session.text);
		LIVE_REDIS("XADD", "cg:{rt}:log", id, "k", "control", "e", "revoke", "d", text);
	}
	snprintf(text, sizeof(text),
	    "insert into outbox (kind, target, name, room, data) values ('event', 'rt', "
	    "'notification', '%s', '{}')",
	    live_room(&p));
	stack_sql(text, out, sizeof(out));
	cr_expect(wait_until(log_is_longer, &many, 10), "what ended then was trimmed");
	stack_part("restart-part", "relay");
	w = WS_OPEN(.path = NULL);
	snprintf(text, sizeof(text), "{\"type\":\"hello\",\"token\":\"%s\"}",
	    live_token(&ended, 60));
	ws_say(w, text);
	live_expect_close(w, 4005);
	ws_free(w);
}
