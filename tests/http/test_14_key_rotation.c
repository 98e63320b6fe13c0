/* All three signing keys are rotated while people read, refresh and connect: nobody is refused.
 * The first restart makes the next key known, the second signs with it, the third forgets. */
#include "http/auth.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/live.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "4",
	NULL };

struct ledger {
	_Atomic long reads, refreshes, connections;
	_Atomic long failed, last_failure;
	_Atomic bool stop;
};

static void
note(struct ledger *l, _Atomic long *count, long status, long good)
{
	atomic_fetch_add(count, 1);
	if (status == good)
		return;
	atomic_fetch_add(&l->failed, 1);
	atomic_store(&l->last_failure, status);
}

/* No asserts in these: they only count. */

static void
reader(struct ledger *l, const char *access)
{
	while (!atomic_load(&l->stop))
		note(l, &l->reads, status_of_me(access), 200);
	_exit(0);
}

/* Always with what the last answer gave. */
static void
refresher(struct ledger *l, struct pair p)
{
	while (!atomic_load(&l->stop)) {
		struct answer a = refresh(p.refresh);
		note(l, &l->refreshes, a.status, 200);
		if (a.status == 200) {
			snprintf(p.refresh, sizeof(p.refresh), "%s",
			    text_at(&a, "data.refreshToken"));
			snprintf(
			    p.access, sizeof(p.access), "%s", text_at(&a, "data.accessToken"));
		}
		forget(&a);
		note(l, &l->reads, status_of_me(p.access), 200);
	}
	_exit(0);
}

/* 0: welcome; else the code it was closed with. A relay that restarts may close the door for a
 * moment (4200), which is no refusal of the token. */
static long
hello_with(const char *token)
{
	struct ws *w = WS_OPEN(.path = "/live");
	char hello[2048];
	struct ws_frame f;
	long code;

	if (w->status != 101) {
		code = w->status == 401 ? 401 : 0;
		ws_free(w);
		return code;
	}
	snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"token\":\"%s\"}", token);
	ws_say(w, hello);
	f = ws_read(w, 5);
	code = f.kind == WS_CLOSE && f.code / 10 == 400 ? f.code : 0;
	ws_forget(&f);
	ws_free(w);
	return code;
}

static void
connector(struct ledger *l, const char *access)
{
	while (!atomic_load(&l->stop)) {
		struct answer a = CALL("POST", "/api/v1/live/token", .token = access);
		note(l, &l->reads, a.status, 200);
		if (a.status == 200)
			note(l, &l->connections, hello_with(text_at(&a, "data.token")), 0);
		forget(&a);
		usleep(20 * 1000);
	}
	_exit(0);
}

/* ---- keys */

enum { KEYS = 3 };
static const char *const keys[KEYS] = { "JWT_SECRET", "JWT_REFRESH_SECRET", "JWT_LIVE_SECRET" };

struct secrets {
	char of[KEYS][128];
};

static struct secrets
secrets_now(void)
{
	struct secrets s = { { "" } };
	char path[512], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	cr_assert_not_null(f = fopen(path, "r"));
	while (fgets(line, sizeof(line), f) != NULL)
		for (int i = 0; i < KEYS; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0 &&
			    line[strlen(keys[i])] == '=')
				snprintf(s.of[i], sizeof(s.of[i]), "%.*s",
				    (int)strcspn(line + strlen(keys[i]) + 1, "\n"),
				    line + strlen(keys[i]) + 1);
	fclose(f);
	return s;
}

/* Writes the three keys' lines of that ending; an empty value drops the line. */
static void
set_keys(const char *ending, const struct secrets *s)
{
	const char *argv[16] = { "tools/stack", "start", stack_dir() };
	static char line[KEYS][256];
	char out[8192];
	int n = 3;

	for (int i = 0; i < KEYS; i++) {
		snprintf(line[i], sizeof(line[i]), "%s%s=%s", keys[i], ending, s->of[i]);
		argv[n++] = "--set";
		argv[n++] = line[i];
	}
	cr_assert_eq(run_command(argv, out, sizeof(out)), 0, "%s", out);
}

struct main_of {
	const char *part;
	pid_t before;
};

static bool
is_another(void *with)
{
	const struct main_of *m = with;
	pid_t now = stack_main(m->part);

	return now > 0 && now != m->before && children_of(now, (pid_t[64]){ 0 }, 64) > 0;
}

static bool
is_another_relay(void *with)
{
	const struct main_of *m = with;

	return stack_main("relay") > 0 && stack_main("relay") != m->before;
}

static void
restart_all(void)
{
	static const char *const parts[] = { "api-all", "api-login", "relay" };

	for (int i = 0; i < 3; i++) {
		struct main_of m = { parts[i], stack_main(parts[i]) };
		kill(stack_pid(parts[i]), SIGUSR2);
		cr_assert(wait_until(i < 2 ? is_another : is_another_relay, &m, 30),
		    "%s did not come back", parts[i]);
	}
	usleep(500 * 1000); /* load on what is there now */
}

static struct ledger *
start_load(pid_t *pid, int *count)
{
	struct ledger *l =
	    mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pair p[4];

	for (int i = 0; i < 4; i++)
		p[i] = open_session("turn-ann");
	*count = 0;
	for (int i = 0; i < 4; i++)
		if ((pid[(*count)++] = fork()) == 0) {
			if (i == 0)
				reader(l, p[i].access);
			if (i == 3)
				connector(l, p[i].access);
			refresher(l, p[i]);
		}
	return l;
}

static const char *
cursor_now(const char *access)
{
	static char cursor[256];
	struct answer a = CALL("GET", "/api/v1/snippets?cursor=&limit=1", .token = access);

	cr_assert_eq(a.status, 200, "%s", a.body);
	snprintf(cursor, sizeof(cursor), "%s", text_at(&a, "pagination.nextCursor"));
	forget(&a);
	return cursor;
}

static long
status_of_cursor(const char *cursor)
{
	char path[512];
	struct answer a;
	long status;

	snprintf(path, sizeof(path), "/api/v1/snippets?limit=1&cursor=%s", cursor);
	a = CALL("GET", path);
	status = a.status;
	forget(&a);
	return status;
}

Test(keys, rotated_under_load_without_a_refusal)
{
	struct secrets old = secrets_now(), next, none = { { "" } };
	struct pair before = open_session("turn-bob"), after;
	char cursor[256];
	struct ledger *l;
	pid_t pid[8];
	int count;

	for (int i = 0; i < KEYS; i++)
		snprintf(
		    next.of[i], sizeof(next.of[i]), "rotated-%d-0123456789-0123456789-0123", i);
	new_snippet(before.access, "{\"title\":\"a\",\"code\":\"c\"}");
	new_snippet(before.access, "{\"title\":\"b\",\"code\":\"c\"}");
	snprintf(cursor, sizeof(cursor), "%s", cursor_now(before.access));
	l = start_load(pid, &count);
	usleep(300 * 1000);
	set_keys("_NEXT", &next);
	restart_all();
	kill(stack_pid("api-all"), SIGHUP); /* a reload in between changes no key */
	usleep(500 * 1000);
	set_keys("_NEXT", &none);
	set_keys("", &next);
	set_keys("_PREVIOUS", &old);
	restart_all();
	atomic_store(&l->stop, true);
	for (int i = 0; i < count; i++)
		waitpid(pid[i], NULL, 0);
	fprintf(stderr,
	    "keys rotated: %ld requests, %ld refreshes, %ld live connections, %ld "
	    "refused\n",
	    l->reads, l->refreshes, l->connections, l->failed);
	cr_expect_gt(l->reads, 100);
	cr_expect_gt(l->refreshes, 50);
	cr_expect_gt(l->connections, 20);
	cr_expect_eq(l->failed, 0, "%ld, the last with %ld", l->failed, l->last_failure);
	munmap(l, sizeof(*l));
	cr_expect_eq(status_of_me(before.access), 200, "by the previous key");
	cr_expect_eq(status_of_cursor(cursor), 200, "a list may be read on");
	after = refreshed(&before);
	cr_expect_eq(strncmp(after.refresh, before.refresh, 40) != 0, 1, "by the new key");
	/* Once the previous ones are gone, so are their tokens: they were what let them in. */
	set_keys("_PREVIOUS", &none);
	restart_all();
	cr_expect_eq(status_of_me(before.access), 401);
	expect_refused(before.refresh, "of a key that is gone");
	cr_expect_eq(status_of_cursor(cursor), 400);
	cr_expect_eq(status_of_me(after.access), 200);
	refreshed(&after);
}
