/* From like to frame and job while everything dies at random: what was acknowledged has its
 * row, its notification once, its event for the one who listens (or a word that she must look
 * herself, and she does), and its job's effect. One seed a test; CODEGRAM_CHAOS_SECONDS makes
 * each longer. */
/* long: 50 s */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/disaster.h"
#include "support/stack.h"
#include "support/websocket.h"

const char *const stack_options[] = { "--rate-limit", "off", "--connections", "1000", "--set",
	"FAILPOINTS=on", "--set", "API_DEADLINE_MS=3000", "--set", "REDIS_TIMEOUT_MS=200",
	NULL };

enum { LIKERS = 5, SNIPPETS = 40, KNOWN_MAX = 4096 };

struct known { /* what ann's client knows of one notification */
	char id[40];
	long long count;
	bool told; /* by an event, not by asking */
};

struct shared {
	_Atomic bool stop, quiet;
	_Atomic long acknowledged, refused, events, repeats, refetches, welcomes;
	_Atomic int done[LIKERS];
	_Atomic long known_count;
	struct known known[KNOWN_MAX];
};

/* A second scheduler, worker and relay, that nobody kills; started again when they die of an
 * armed point, as by a unit. (A dead child of this program would hide from Criterion that a
 * test has ended.) */
static void
second(const char *program, const char *listen)
{
	char path[4200], log[4200], at[4200];

	if (fork() != 0)
		return;
	snprintf(path, sizeof(path), "%s/codegram.conf", stack_dir());
	snprintf(log, sizeof(log), "%s/log/second.log", stack_dir());
	snprintf(at, sizeof(at), "%s/run/second%s.main", stack_dir(), strrchr(program, '-'));
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (freopen(log, "a", stderr) != NULL)
		execl("tools/unit", "tools/unit", "-", at, program, "--config", path,
		    listen ? "--listen" : (char *)NULL, listen, (char *)NULL);
	_exit(127);
}

void
stack_ready(void)
{
	char address[64], port[16];

	snprintf(port, sizeof(port), "%d", 32000 + getpid() % 700);
	setenv("SECOND_RELAY", port, 1); /* a test is a program of its own */
	snprintf(address, sizeof(address), "127.0.0.1:%s", port);
	second("build/san/bin/codegram-scheduler", NULL);
	second("build/san/bin/codegram-worker", NULL);
	second("build/san/bin/codegram-relay", address);
}

/* The same throws for the same seed (a linear congruential generator, Numerical Recipes). */
static struct shared *shared;
static char ann[1024], likers[LIKERS][1024], snippet[SNIPPETS][40];

static void
learn(const char *id, long long count, bool event)
{
	for (long i = 0; i < shared->known_count; i++) {
		if (strcmp(shared->known[i].id, id) != 0)
			continue;
		if (event && shared->known[i].told && count == shared->known[i].count)
			shared->repeats++;
		if (count > shared->known[i].count) {
			shared->known[i].count = count;
			shared->known[i].told = event;
		}
		return;
	}
	if (shared->known_count == KNOWN_MAX)
		return;
	snprintf(shared->known[shared->known_count].id, 40, "%s", id);
	shared->known[shared->known_count].count = count;
	shared->known[shared->known_count].told = event;
	shared->known_count++;
}

/* What a client does that was told recovered:false: it asks for all. */
static bool
refetch(void)
{
	struct answer a = CALL("GET", "/api/v1/notifications?limit=100", .token = ann);
	bool ok = a.status == 200;

	for (size_t i = 0; ok && i < json_array_size(at(&a, "data")); i++) {
		json_t *row = json_array_get(at(&a, "data"), i);
		learn(json_string_value(json_object_get(row, "id")),
		    json_integer_value(json_object_get(row, "count")), false);
	}
	forget(&a);
	shared->refetches += ok;
	return ok;
}

static char epoch[64], offset[64];

static bool
say_hello(struct ws *ws)
{
	struct answer a = CALL("POST", "/api/v1/live/token", .token = ann);
	char hello[2048], resume[256] = "";
	bool ok = a.status == 200;

	if (*offset)
		snprintf(resume, sizeof(resume),
		    ",\"resume\":{\"epoch\":\"%s\",\"offset\":\"%s\"}", epoch, offset);
	snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"token\":\"%s\"%s}",
	    text_at(&a, "data.token"), resume);
	forget(&a);
	if (ok)
		ws_say(ws, hello);
	return ok;
}

static void
keep(char *to, const json_t *message, const char *key)
{
	const char *text = json_string_value(json_object_get(message, key));

	if (text != NULL)
		snprintf(to, 64, "%s", text);
}

/* False: the connection is of no more use. */
static bool
take(struct ws_frame *f)
{
	const char *type = json_string_value(json_object_get(f->json, "type"));
	bool recovered = json_is_true(json_object_get(f->json, "recovered"));

	if (f->kind == WS_NOTHING)
		return true;
	if (f->kind == WS_CLOSE && f->code == 4201)
		*offset = '\0';
	if (f->kind != WS_TEXT || type == NULL)
		return false;
	keep(epoch, f->json, "epoch");
	if (strcmp(type, "welcome") == 0) {
		shared->welcomes++;
		if (!recovered && !refetch()) {
			*offset = '\0';
			return false;
		}
	}
	keep(offset, f->json, "offset");
	if (strcmp(type, "event") == 0) {
		const json_t *data = json_object_get(f->json, "data");
		shared->events++;
		learn(json_string_value(json_object_get(data, "id")),
		    json_integer_value(json_object_get(data, "count")), true);
	}
	return true;
}

/* Ann's client: comes back whenever it is cut, in turn to either relay, and resumes. */
static void
listener(void)
{
	int second_port = (int)strtol(getenv("SECOND_RELAY"), NULL, 10);

	for (int turn = 0; !shared->stop; turn++) {
		struct ws *ws = WS_OPEN(.path = "/live", .port = turn % 2 ? second_port : 0);
		bool good = ws != NULL && ws->status == 101 && say_hello(ws);
		while (good && !shared->stop) {
			struct ws_frame f = ws_read(ws, 0.5);
			good = take(&f);
			ws_forget(&f);
		}
		if (ws != NULL)
			ws_free(ws);
		usleep(100 * 1000);
	}
}

/* Likes every snippet once, each until it is acknowledged. */
static void
liker(int me)
{
	for (int i = 0; i < SNIPPETS && !shared->stop;) {
		char path[128];
		struct answer a;
		snprintf(path, sizeof(path), "/api/v1/snippets/%s/like", snippet[i]);
		a = CALL("PUT", path, .token = likers[me]);
		shared->refused += a.status != 200;
		if (a.status == 200) {
			shared->acknowledged++;
			shared->done[me] = ++i;
		}
		forget(&a);
		usleep(dice(120000));
	}
}

static void
redis_command(const char *command)
{
	char script[4400], out[256];
	const char *argv[] = { "sh", "-c", script, NULL };

	snprintf(script, sizeof(script),
	    "timeout 2 redis-cli -s '%s/run/redis.sock' %s >/dev/null 2>&1", stack_dir(),
	    command);
	run_command(argv, out, sizeof(out));
}

static const char *const points[] = { "mover.stamped", "mover.sent", "mover.resent",
	"job.committed", "api.committed" };
enum { POINTS = sizeof(points) / sizeof(*points) };

static void
disaster(void)
{
	static const char *const programs[] = { "scheduler", "worker", "relay", "api-all" };
	char out[64];

	switch (dice(12)) {
	case 0: kill_main("scheduler"); break;
	case 1: kill_main("worker"); break;
	case 2: kill_main("relay"); break;
	case 3: kill_main("api-all"); break;
	case 4: kill_some_child(stack_main("worker")); break;
	case 5: kill_some_child(stack_main("api-all")); break;
	case 6: freeze(stack_pid("redis"), 400); break;
	case 7: freeze(stack_main(programs[dice(4)]), 400); break;
	case 8: redis_killed(100); break;
	case 9:
		if (dice(4) == 0) {
			stack_part("restart-part", "postgres");
			break;
		}
		stack_sql(
		    "select pg_terminate_backend(pid) from pg_stat_activity where usename like "
		    "'codegram-%'",
		    out, sizeof(out));
		break;
	case 10:
		if (dice(3) == 0)
			redis_command("flushall");
		break;
	default: arm(points[dice(POINTS)]); break;
	}
}

static bool
all_moved(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from outbox where sent_at is null") == 0;
}

static bool
healed(void *unused)
{
	(void)unused;
	return stack_count("select count(*) from users where snippets_count < 0") == 0;
}

/* Ann's client knows of every notification as much as the database does. */
static bool
ann_knows(void *complain)
{
	static char rows[256 * 1024];
	char *line, *next;
	bool all = true;

	stack_sql("select n.id || ' ' || n.count from notifications n join users u on u.id = "
	          "n.user_id "
	          "where u.username like 'chaos-ann-%' and u.last_seen_at is null",
	    rows, sizeof(rows));
	for (line = rows; *line; line = next) {
		long long count = strtoll(line + 37, NULL, 10), seen = 0;
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		for (long i = 0; i < shared->known_count; i++)
			if (strncmp(shared->known[i].id, line, 36) == 0)
				seen = shared->known[i].count;
		if (seen < count && complain)
			cr_log_error("hole: %.36s is %lld, she knows %lld", line, count, seen);
		all = all && seen >= count;
	}
	return all;
}

static bool
is_well(void *unused)
{
	struct answer a = CALL("GET", "/ready");
	bool ok = a.status == 200;

	(void)unused;
	forget(&a);
	return ok;
}

/* What an earlier seed left armed or lying about is no business of this one. */
static void
settle(void)
{
	for (size_t i = 0; i < POINTS; i++)
		disarm(points[i]);
	for (int i = 0; i < 5; i++)
		cr_assert(wait_until(is_well, NULL, 30), "the stack is not well");
}

static void
begin(unsigned seed)
{
	char name[64], body[128];

	settle();

	dice_seed(seed);
	shared = mmap(
	    NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(name, sizeof(name), "chaos-ann-%u", seed);
	snprintf(ann, sizeof(ann), "%s", stack_token(name));
	for (int i = 0; i < LIKERS; i++) {
		snprintf(name, sizeof(name), "liker-%u-%d", seed, i);
		snprintf(likers[i], sizeof(likers[i]), "%s", stack_token(name));
	}
	for (int i = 0; i < SNIPPETS; i++) {
		snprintf(
		    body, sizeof(body), "{\"title\":\"chaos %u %d\",\"code\":\"x\"}", seed, i);
		snprintf(snippet[i], sizeof(snippet[i]), "%s", new_snippet(ann, body));
	}
	*epoch = *offset = '\0';
}

static pid_t
in_process(void (*run)(int), int with)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test must not leave them */
		dice_seed((unsigned)getpid());
		run(with);
		_exit(0);
	}
	return pid;
}

static void
run_listener(int unused)
{
	(void)unused;
	listener();
}

static void
expect_all(unsigned seed)
{
	char sql[512];

	cr_expect(wait_until(all_moved, NULL, 60), "the outbox is not empty");
	snprintf(sql, sizeof(sql),
	    "update users set snippets_count = -1 where username = 'chaos-ann-%u'", seed);
	stack_sql(sql, (char[64]){ "" }, 64);
	snprintf(sql, sizeof(sql),
	    "select heal_later(id) from users where username = 'chaos-ann-%u'", seed);
	stack_sql(sql, (char[64]){ "" }, 64);
	cr_expect(wait_until(healed, NULL, 60), "the job's effect is not there");
	cr_expect(wait_until(ann_knows, NULL, 60));
	ann_knows(shared);
	snprintf(sql, sizeof(sql),
	    "select count(*) from snippet_likes l join snippets s on s.id = l.snippet_id where "
	    "s.title "
	    "like 'chaos %u %%'",
	    seed);
	cr_expect_eq(
	    stack_count(sql), shared->acknowledged, "acknowledged %ld", shared->acknowledged);
	snprintf(sql, sizeof(sql),
	    "select count(*) from notification_actors a join notifications n on n.id = "
	    "a.notification_id "
	    "join users u on u.id = n.user_id where u.username = 'chaos-ann-%u'",
	    seed);
	cr_expect_eq(stack_count(sql), LIKERS * SNIPPETS, "each told once");
	/* Whoever was told to look herself may be told again what she saw, and drops it. */
	cr_expect(shared->repeats == 0 || shared->refetches > 1, "%ld events came twice",
	    shared->repeats);
	fprintf(stderr,
	    "seed %u: %ld acknowledged, %ld refused, %ld events, %ld refetches, %ld welcomes\n",
	    seed, shared->acknowledged, shared->refused, shared->events, shared->refetches,
	    shared->welcomes);
}

static void
chaos(unsigned seed)
{
	const char *longer = getenv("CODEGRAM_CHAOS_SECONDS");
	int disasters = longer ? (int)strtol(longer, NULL, 10) * 3 : 30;
	pid_t pid[LIKERS + 1];

	begin(seed);
	pid[LIKERS] = in_process(run_listener, 0);
	for (int i = 0; i < LIKERS; i++)
		pid[i] = in_process(liker, i);
	for (int i = 0; i < disasters; i++) {
		disaster();
		usleep(dice(400000));
	}
	stack_part("start-part", "redis");
	for (int i = 0; i < LIKERS; i++)
		waitpid(pid[i], NULL, 0);
	expect_all(seed);
	shared->stop = true;
	waitpid(pid[LIKERS], NULL, 0);
	stack_sql("update users set last_seen_at = now() where username like 'chaos-ann-%'",
	    (char[64]){ "" }, 64);
	munmap(shared, sizeof(*shared));
}

/* Every program restarted while people like: nobody is refused, nothing is lost. */
Test(chaos, restarts, .timeout = 180)
{
	static const char *const parts[] = { "api-all", "scheduler", "worker", "relay",
		"api-login" };
	pid_t pid[LIKERS + 1];

	begin(99);
	pid[LIKERS] = in_process(run_listener, 0);
	for (int i = 0; i < LIKERS; i++)
		pid[i] = in_process(liker, i);
	for (size_t i = 0; i < 10; i++) {
		kill(stack_pid(parts[i % 5]), SIGUSR2);
		usleep(400 * 1000);
	}
	for (int i = 0; i < LIKERS; i++)
		waitpid(pid[i], NULL, 0);
	cr_expect_eq(shared->refused, 0, "%ld refused", shared->refused);
	expect_all(99);
	shared->stop = true;
	waitpid(pid[LIKERS], NULL, 0);
	stack_sql("update users set last_seen_at = now() where username like 'chaos-ann-%'",
	    (char[64]){ "" }, 64);
	munmap(shared, sizeof(*shared));
}

Test(chaos, seed_1, .timeout = 180)
{
	chaos(1);
}

Test(chaos, seed_2, .timeout = 180)
{
	chaos(2);
}

Test(chaos, seed_3, .timeout = 180)
{
	chaos(3);
}
