/* Likes, follows and what people are told of them: once, grouped, never to oneself or by the
 * blocked; and that all of it stands in the same transaction as the outbox rows. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

static struct answer
like(const char *method, const char *id, const char *token)
{
	char path[128];

	snprintf(path, sizeof(path), "/api/v1/snippets/%s/like", id);
	return CALL(method, path, .token = token);
}

static void
expect_like(const char *method, const char *id, const char *token, bool liked, int count)
{
	struct answer a = like(method, id, token);

	cr_expect_eq(a.status, 200, "%s: %ld %s", method, a.status, a.body);
	cr_expect_eq(json_is_true(at(&a, "data.liked")), liked, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.likes_count"), count, "%s", a.body);
	forget(&a);
}

#define CODE "{\"title\":\"Sorting\",\"code\":\"x\"}"

Test(social, like_in_three_forms)
{
	const char *ann = stack_token("like-ann"), *bob = stack_token("like-bob");
	const char *id = new_snippet(ann, CODE);
	struct answer a;

	expect_like("POST", id, bob, true, 1);
	expect_like("POST", id, bob, false, 0);
	expect_like("PUT", id, bob, true, 1);
	expect_like("PUT", id, bob, true, 1);
	expect_like("PUT", id, ann, true, 2);
	expect_like("DELETE", id, bob, false, 1);
	expect_like("DELETE", id, bob, false, 1);
	a = like("PUT", id, NULL);
	cr_expect_eq(a.status, 401);
	forget(&a);
	a = like("PUT", "01890000-0000-7000-8000-000000000000", bob);
	cr_expect_eq(a.status, 404);
	forget(&a);
	a = like("PUT",
	    new_snippet(ann, "{\"title\":\"x\",\"code\":\"x\",\"is_public\":false}"), bob);
	cr_expect_eq(a.status, 404, "a private one is not there");
	forget(&a);
}

Test(social, told_once_and_grouped)
{
	const char *ann = stack_token("told-ann"), *bob = stack_token("told-bob");
	const char *cid = stack_token("told-cid"), *id = new_snippet(ann, CODE);
	struct answer a;
	char path[128];

	expect_like("PUT", id, ann, true, 1);
	a = CALL("GET", "/api/v1/notifications/unread_count", .token = ann);
	cr_expect_eq(int_at(&a, "data.unread_count"), 0, "nobody is told of oneself");
	forget(&a);
	expect_like("PUT", id, bob, true, 2);
	expect_like("DELETE", id, bob, false, 1);
	expect_like("PUT", id, bob, true, 2);
	a = CALL("GET", "/api/v1/notifications", .token = ann);
	cr_expect_eq(json_array_size(at(&a, "data")), 1u, "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.title"), "New Like");
	cr_expect_str_eq(
	    text_at(&a, "data.0.message"), "told-bob liked your snippet \"Sorting\"");
	cr_expect_str_eq(text_at(&a, "data.0.data.snippet_id"), id);
	cr_expect_eq(int_at(&a, "data.0.count"), 1, "once, however often it was toggled");
	forget(&a);
	expect_like("PUT", id, cid, true, 3);
	a = CALL("GET", "/api/v1/notifications?unread=true", .token = ann);
	cr_expect_eq(json_array_size(at(&a, "data")), 1u, "two people, one row");
	cr_expect_str_eq(text_at(&a, "data.0.message"),
	    "told-cid and 1 other liked your snippet \"Sorting\"");
	cr_expect_str_eq(text_at(&a, "data.0.actors.0.username"), "told-cid");
	cr_expect_str_eq(text_at(&a, "data.0.actors.1.username"), "told-bob");
	snprintf(path, sizeof(path), "/api/v1/notifications/%s/read", text_at(&a, "data.0.id"));
	forget(&a);
	a = CALL("POST", path, .token = bob);
	cr_expect_eq(a.status, 404, "somebody else's");
	forget(&a);
	a = CALL("POST", path, .token = ann);
	cr_expect_eq(int_at(&a, "data.unread_count"), 0, "%s", a.body);
	forget(&a);
}

Test(social, follow)
{
	const char *ann = stack_token("fol-ann"), *bob = stack_token("fol-bob");
	struct answer a;

	for (int i = 0; i < 2; i++) {
		a = CALL("PUT", "/api/v1/users/fol-ann/follow", .token = bob);
		cr_expect_eq(a.status, 200, "%s", a.body);
		cr_expect(json_is_true(at(&a, "data.following")));
		cr_expect_eq(int_at(&a, "data.followers_count"), 1);
		forget(&a);
	}
	a = CALL("GET", "/api/v1/users/fol-ann", .token = bob);
	cr_expect(json_is_true(at(&a, "data.viewer.following")));
	forget(&a);
	a = CALL("DELETE", "/api/v1/users/FOL-ANN/follow", .token = bob);
	cr_expect_eq(int_at(&a, "data.followers_count"), 0);
	forget(&a);
	a = CALL("PUT", "/api/v1/users/fol-ann/follow", .token = bob);
	forget(&a);
	a = CALL("GET", "/api/v1/notifications", .token = ann);
	cr_expect_eq(json_array_size(at(&a, "data")), 1u, "told once: %s", a.body);
	cr_expect_str_eq(text_at(&a, "data.0.message"), "fol-bob started following you");
	forget(&a);
	a = CALL("PUT", "/api/v1/users/fol-ann/follow", .token = ann);
	cr_expect_eq(a.status, 400, "oneself: %s", a.body);
	forget(&a);
	a = CALL("PUT", "/api/v1/users/nobody-at-all/follow", .token = ann);
	cr_expect_eq(a.status, 404);
	forget(&a);
}

Test(social, the_blocked_can_do_neither)
{
	const char *ann = stack_token("blk-ann"), *eve = stack_token("blk-eve");
	const char *id = new_snippet(ann, CODE);
	char out[64];
	struct answer a;

	stack_sql("insert into blocks select a.id, b.id from users a, users b "
	          "where a.username = 'blk-ann' and b.username = 'blk-eve'",
	    out, sizeof(out));
	a = like("PUT", id, eve);
	cr_expect_eq(a.status, 403);
	cr_expect_str_eq(text_at(&a, "error.code"), "BLOCKED");
	forget(&a);
	a = CALL("PUT", "/api/v1/users/blk-ann/follow", .token = eve);
	cr_expect_eq(a.status, 403);
	forget(&a);
}

#define EVENTS "select count(*) from outbox where kind = 'event'"
#define TOLD "select count(*) from notification_actors"

/* Eight people at once like one snippet and follow one another: counts are exact, each is told
 * of once, and nobody waits in a circle. */
Test(social, races)
{
	const char *ann = stack_token("race-ann"), *id = new_snippet(ann, CODE);
	char tokens[8][1024], name[32];
	long events = stack_count(EVENTS), told = stack_count(TOLD);
	pid_t pid[8];

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "race-%d", i);
		snprintf(tokens[i], sizeof(tokens[i]), "%s", stack_token(name));
	}
	for (int i = 0; i < 8; i++) {
		if ((pid[i] = fork()) != 0)
			continue;
		for (int n = 0; n < 20; n++) {
			char path[64];
			struct answer a = like(n % 3 == 2 ? "DELETE" : "PUT", id, tokens[i]);
			forget(&a);
			snprintf(
			    path, sizeof(path), "/api/v1/users/race-%d/follow", (i + n) % 8);
			a = CALL(n % 2 ? "DELETE" : "PUT", path, .token = tokens[i]);
			forget(&a);
		}
		_exit(0);
	}
	for (int i = 0; i < 8; i++)
		waitpid(pid[i], NULL, 0);
	cr_expect_eq(
	    stack_count("select count(*) from snippets s where likes_count <> "
	                "(select count(*) from snippet_likes l where l.snippet_id = s.id)"),
	    0);
	cr_expect_eq(
	    stack_count(
	        "select count(*) from users u where followers_count <> (select count(*) "
	        "from follows where followed_id = u.id) or following_count <> "
	        "(select count(*) from follows where follower_id = u.id)"),
	    0);
	cr_expect_eq(
	    stack_count("select count(*) from notifications n where count <> (select count(*) "
	                "from notification_actors a where a.notification_id = n.id)"),
	    0);
	cr_expect_eq(stack_count(EVENTS) - events, stack_count(TOLD) - told,
	    "one event for each telling");
}

Test(social, notifications_are_a_stream)
{
	const char *ann = stack_token("str-ann"), *bob = stack_token("str-bob");
	char path[512] = "/api/v1/notifications?limit=2";
	size_t count = 0;
	struct answer a;

	for (int i = 0; i < 5; i++)
		expect_like("PUT", new_snippet(ann, CODE), bob, true, 1);
	for (int pages = 0; pages < 5; pages++) {
		a = CALL("GET", path, .token = ann);
		count += json_array_size(at(&a, "data"));
		snprintf(path, sizeof(path), "/api/v1/notifications?limit=2&cursor=%s",
		    text_at(&a, "pagination.nextCursor"));
		if (json_is_null(at(&a, "pagination.nextCursor")))
			pages = 5;
		forget(&a);
	}
	cr_expect_eq(count, 5u, "%zu", count);
	a = CALL("POST", "/api/v1/notifications/read_all", .token = ann);
	cr_expect_eq(int_at(&a, "data.unread_count"), 0);
	forget(&a);
	a = CALL("GET", "/api/v1/notifications?unread=true", .token = ann);
	cr_expect_eq(json_array_size(at(&a, "data")), 0u);
	snprintf(path, sizeof(path), "/api/v1/notifications");
	forget(&a);
	a = CALL("GET", path, .token = ann);
	snprintf(path, sizeof(path), "/api/v1/notifications/%s", text_at(&a, "data.0.id"));
	forget(&a);
	a = CALL("DELETE", path, .token = bob);
	cr_expect_eq(a.status, 404);
	forget(&a);
	a = CALL("DELETE", path, .token = ann);
	cr_expect_eq(a.status, 204);
	forget(&a);
}

Test(social, live_token)
{
	struct answer a = CALL("POST", "/api/v1/live/token", .token = stack_token("live-ann")),
	              b;
	char token[1024];

	cr_expect_eq(a.status, 200, "%s", a.body);
	cr_expect_eq(int_at(&a, "data.expiresIn"), 900);
	snprintf(token, sizeof(token), "%s", text_at(&a, "data.token"));
	b = CALL("GET", "/api/v1/auth/me", .token = token);
	cr_expect_eq(b.status, 401, "a live token opens nothing else");
	forget(&a);
	forget(&b);
}

/* What somebody who asks beside others got: the status, and of a 200 the yes or no and the count. */
struct got {
	long status;
	bool yes;
	long long count;
};

/* All at once, each with its token. */
static void
together(
    const char *method, const char *path, const char *const *tokens, size_t n, struct got *out)
{
	struct got *got = mmap(
	    NULL, n * sizeof(*got), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_Atomic int *ready = mmap(
	    NULL, sizeof(*ready), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[16];

	for (size_t i = 0; i < n; i++) {
		if ((pid[i] = fork()) != 0)
			continue;
		atomic_fetch_add(ready, 1);
		while (atomic_load(ready) < (int)n)
			usleep(100);
		struct answer a = CALL(method, path, .token = tokens[i]);
		got[i].status = a.status;
		got[i].yes = json_is_true(at(&a, "data.liked")) ||
		             json_is_true(at(&a, "data.following"));
		if (a.status == 200)
			got[i].count = int_at(&a,
			    at(&a, "data.liked") ? "data.likes_count" : "data.followers_count");
		_exit(0);
	}
	for (size_t i = 0; i < n; i++)
		waitpid(pid[i], NULL, 0);
	memcpy(out, got, n * sizeof(*got));
	munmap(got, n * sizeof(*got));
	munmap(ready, sizeof(*ready));
}

static void
expect_both(const char *method, const char *path, const char *token, bool yes, long long count)
{
	const char *both[] = { token, token };
	struct got got[2];

	together(method, path, both, 2, got);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(got[i].status, 200, "%s: %ld", method, got[i].status);
		cr_expect_eq(got[i].yes, yes, "%s %s", method, path);
		cr_expect_eq(got[i].count, count, "%s %s: %lld", method, path, got[i].count);
	}
}

/* Two equal requests at once, as a nervous finger makes them: neither tells an old count. */
Test(social, equal_ones_at_once_tell_the_same_count)
{
	const char *ann = stack_token("twin-ann"), *bob = stack_token("twin-bob");
	const char *both[] = { bob, bob };
	char path[128];
	struct got got[2];

	for (int i = 0; i < 5; i++) {
		snprintf(
		    path, sizeof(path), "/api/v1/snippets/%s/like", new_snippet(ann, CODE));
		expect_both("PUT", path, bob, true, 1);
		expect_both("DELETE", path, bob, false, 0);
		together("POST", path, both, 2, got);
		for (int n = 0; n < 2; n++)
			cr_expect_eq(got[n].count, got[n].yes ? 1 : 0, "toggled to %d, %lld",
			    got[n].yes, got[n].count);
		cr_expect_neq(got[0].yes, got[1].yes, "each turns what the other left");
		expect_both("PUT", "/api/v1/users/twin-ann/follow", bob, true, 1);
		expect_both("DELETE", "/api/v1/users/twin-ann/follow", bob, false, 0);
	}
}

/* A snippet goes while people like it: whoever comes first has it, nobody waits in a circle. */
Test(social, likes_beside_its_end)
{
	const char *ann = stack_token("end-ann");
	char tokens[6][1024], name[32], path[128], log[512], out[64];
	const char *grep[] = { "grep", "-c", "-e", "deadlock detected", "-e", "lock timeout",
		log, NULL };
	const char *likers[6];
	struct answer a;

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "end-%d", i);
		snprintf(tokens[i], sizeof(tokens[i]), "%s", stack_token(name));
		likers[i] = tokens[i];
	}
	for (int i = 0; i < 20; i++) {
		struct got got[6];
		const char *id = new_snippet(ann, CODE);
		pid_t author;
		int status;
		snprintf(path, sizeof(path), "/api/v1/snippets/%s", id);
		if ((author = fork()) == 0) {
			usleep((useconds_t)(i * 1000));
			a = CALL("DELETE", path, .token = ann);
			_exit(a.status == 204 ? 0 : 1);
		}
		snprintf(path, sizeof(path), "/api/v1/snippets/%s/like", id);
		together("PUT", path, likers, 6, got);
		waitpid(author, &status, 0);
		cr_expect_eq(status, 0, "it was not deleted");
		for (int n = 0; n < 6; n++)
			cr_expect(
			    got[n].status == 200 || got[n].status == 404, "%ld", got[n].status);
	}
	snprintf(log, sizeof(log), "%s/log/postgres.log", stack_dir());
	run_command(grep, out, sizeof(out));
	cr_expect_eq(strtol(out, NULL, 10), 0, "waits in a circle: %s", out);
}
