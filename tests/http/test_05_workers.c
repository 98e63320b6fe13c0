/* Faults of the pool under load: what is read never fails, what was acknowledged is there. */
/* long: 35 s */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/client.h"
#include "support/load.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "4",
	"--connections", "1000", "--set", "FAILPOINTS=on", "--set", "API_DEADLINE_MS=2000",
	NULL };

static const char *const paths[] = { "/api/v1/snippets?limit=5", "/health", "/api/v1/users/ann",
	"/api/v1/tags", NULL };

static void
report(const char *what, const struct ledger *l)
{
	fprintf(stderr, "%s: %ld reads, %ld failed; %ld writes, %ld failed; slowest %ld ms\n",
	    what, l->reads, l->reads_failed, l->writes, l->writes_failed, l->slowest_us / 1000);
}

static void
expect_nothing_lost(struct load *load)
{
	cr_expect_gt(load->ledger->writes, 0);
	cr_expect_eq(load_lost(load), 0, "lost %ld", load_lost(load));
	cr_expect_eq(load_doubled(), 0, "doubled %ld", load_doubled());
	load_free(load);
}

static bool
has_workers(void *wanted)
{
	pid_t children[64];
	return children_of(stack_main("api-all"), children, 64) == *(size_t *)wanted;
}

static void
settle(void)
{
	size_t four = 4;
	cr_assert(wait_until(has_workers, &four, 20), "the pool did not come back");
}

Test(workers, kill_9_of_workers)
{
	struct load load;

	settle();
	load_start(&load, 6, paths, stack_token("ann"));
	for (int i = 0; i < 15; i++) {
		pid_t children[64];
		size_t n = children_of(stack_main("api-all"), children, 64);
		usleep(150 * 1000);
		if (n > 0 && children[(size_t)i % n] > 1)
			kill(children[(size_t)i % n], SIGKILL);
	}
	usleep(300 * 1000);
	load_stop(&load);
	report("kill -9 of workers", load.ledger);
	cr_expect_gt(load.ledger->reads, 100);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld, the last with %ld",
	    load.ledger->reads_failed, load.ledger->last_failure);
	expect_nothing_lost(&load);
}

Test(workers, kill_9_of_the_master)
{
	struct load load;

	settle();
	load_start(&load, 6, paths, stack_token("ann"));
	for (int i = 0; i < 4; i++) {
		usleep(500 * 1000);
		settle();
		kill(stack_main("api-all"), SIGKILL);
		usleep(300 * 1000);
	}
	settle();
	usleep(300 * 1000);
	load_stop(&load);
	report("kill -9 of the master", load.ledger);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld, the last with %ld",
	    load.ledger->reads_failed, load.ledger->last_failure);
	expect_nothing_lost(&load);
}

/* Signals to the unit: USR2 restarts the service on the same socket, HUP reloads it. */
static void
signalled(const char *what, int number, int times)
{
	struct load load;

	settle();
	load_start(&load, 6, paths, stack_token("ann"));
	for (int i = 0; i < times; i++) {
		usleep(400 * 1000);
		settle();
		kill(stack_pid("api-all"), number);
		usleep(400 * 1000);
	}
	settle();
	load_stop(&load);
	report(what, load.ledger);
	cr_expect_eq(load.ledger->reads_failed, 0, "%s: %ld, the last with %ld", what,
	    load.ledger->reads_failed, load.ledger->last_failure);
	cr_expect_eq(
	    load.ledger->writes_failed, 0, "%s: %ld", what, load.ledger->writes_failed);
	expect_nothing_lost(&load);
}

Test(workers, restart)
{
	signalled("restart", SIGUSR2, 4);
}

Test(workers, reload)
{
	pid_t before[64], after[64];
	size_t n, m;

	settle();
	n = children_of(stack_main("api-all"), before, 64);
	signalled("reload", SIGHUP, 3);
	m = children_of(stack_main("api-all"), after, 64);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			cr_expect_neq(before[i], after[k], "a worker was not replaced");
}

/* A request that kills every worker it meets takes nobody else along. */
Test(workers, poison_beside_the_innocent)
{
	struct load load;
	struct answer a;

	settle();
	load_start(&load, 4, paths, stack_token("ann"));
	for (int i = 0; i < 8; i++) {
		a = CALL(i % 2 ? "GET" : "POST", "/api/v1/languages",
		    .headers = { "X-CodeGram-Fail: crash" });
		cr_expect_eq(a.status == 502 || a.status == 405, true, "%ld", a.status);
		forget(&a);
		a = CALL("GET", "/api/v1/tags", .headers = { "X-CodeGram-Fail: crash" });
		cr_expect_eq(a.status, 502, "tried twice, and both died: %ld", a.status);
		cr_expect_str_eq(text_at(&a, "error.code"), "UPSTREAM_ERROR");
		forget(&a);
		usleep(100 * 1000);
	}
	load_stop(&load);
	report("poison", load.ledger);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld, the last with %ld",
	    load.ledger->reads_failed, load.ledger->last_failure);
	expect_nothing_lost(&load);
}

static bool
is_gone(void *pid)
{
	return kill(*(pid_t *)pid, 0) != 0;
}

/* A worker that is stopped, idle or in mid-request, is killed past the deadline. */
Test(workers, sigstop)
{
	struct load load;
	pid_t children[64], victim;
	size_t n;

	settle();
	load_start(&load, 3, paths, stack_token("ann"));
	usleep(200 * 1000);
	n = children_of(stack_main("api-all"), children, 64);
	cr_assert_eq(n, 4u);
	victim = children[1];
	kill(victim, SIGSTOP);
	cr_expect(wait_until(is_gone, &victim, 10), "the stopped worker lives on");
	settle();
	load_stop(&load);
	report("SIGSTOP", load.ledger);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld, the last with %ld",
	    load.ledger->reads_failed, load.ledger->last_failure);
	expect_nothing_lost(&load);
}

/* One that is stopped and goes on in time is left alone. */
Test(workers, sigstop_and_sigcont)
{
	pid_t children[64];

	settle();
	cr_assert_gt(children_of(stack_main("api-all"), children, 64), 0u);
	kill(children[0], SIGSTOP);
	usleep(300 * 1000);
	kill(children[0], SIGCONT);
	sleep(3);
	cr_expect_eq(kill(children[0], 0), 0, "it was killed");
}

/* Half a FastCGI request: whoever sends it holds a worker no longer than the deadline. */
Test(workers, half_a_request)
{
	static const unsigned char half[] = { 1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1,
		4, 0, 1, 0, 200, 0, 0, 'x', 'x', 'x' };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct answer a;
	int fd[4];

	settle();
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/run/api-all.sock", stack_dir());
	for (int i = 0; i < 4; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd[i], (struct sockaddr *)&to, sizeof(to)) == 0)
			cr_expect_eq(write(fd[i], half, sizeof(half)), (ssize_t)sizeof(half));
	}
	usleep(300 * 1000);
	a = CALL("GET", "/api/v1/languages");
	cr_expect_eq(a.status, 200, "%ld", a.status);
	cr_expect_lt(a.seconds, PATIENCE * 6, "%.1f s", a.seconds);
	forget(&a);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
}

/* All workers hang in requests: the deadline frees them, then the service answers again. */
Test(workers, all_hang)
{
	pid_t clients[4];
	struct answer a;

	settle();
	for (int i = 0; i < 4; i++)
		if ((clients[i] = fork()) == 0) {
			a = CALL("POST", "/api/v1/snippets", .body = "{}",
			    .headers = { "X-CodeGram-Fail: hang" });
			_exit(
			    a.status == 502 && strstr(a.body, "may have been stored") ? 0 : 1);
		}
	usleep(300 * 1000);
	a = CALL("GET", "/api/v1/languages");
	cr_expect_eq(a.status, 200, "%ld", a.status);
	cr_expect_lt(a.seconds, PATIENCE * 6, "%.1f s", a.seconds);
	forget(&a);
	for (int i = 0; i < 4; i++) {
		int status = 0;
		waitpid(clients[i], &status, 0);
		cr_expect_eq(status, 0, "a hanging POST is answered 502, in doubt");
	}
}

/* At most so many of something for another's process; as its user, or that would be a privilege. */
static bool
limited(pid_t pid, enum __rlimit_resource what, rlim_t n)
{
	char proc[32];
	struct stat st;
	struct rlimit limit;
	pid_t child;
	int status = 1;

	snprintf(proc, sizeof(proc), "/proc/%d", pid);
	if (stat(proc, &st) != 0)
		return false;
	if ((child = fork()) == 0) {
		if (getuid() != st.st_uid &&
		    (setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
		        setresuid(st.st_uid, st.st_uid, st.st_uid) != 0))
			_exit(1);
		if (prlimit(pid, what, NULL, &limit) != 0)
			_exit(1);
		limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
		_exit(prlimit(pid, what, &limit, NULL) == 0 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return status == 0;
}

static long
times_full(void)
{
	static const char name[] = "\ncodegram_pool_full_total{pool=\"all\"} ";
	struct answer a = CALL("GET", "/metrics");
	const char *line = strstr(a.body, name);
	long n = line ? strtol(line + strlen(name), NULL, 10) : 0;

	forget(&a);
	return n;
}

static bool
was_full(void *before)
{
	return times_full() > *(long *)before;
}

static long
lines_of(const char *message)
{
	char path[512], out[64];
	const char *argv[] = { "grep", "-c", message, path, NULL };

	snprintf(path, sizeof(path), "%s/log/api-all.log", stack_dir());
	run_command(argv, out, sizeof(out));
	return strtol(out, NULL, 10);
}

/* No descriptor left: the workers say so once and pause, and go on when there are some again. */
Test(workers, no_descriptor_left)
{
	pid_t children[64], client;
	long before = times_full(), lines = lines_of("worker.full"), times;
	int status;
	size_t n;

	settle();
	n = children_of(stack_main("api-all"), children, 64);
	for (size_t i = 0; i < n; i++)
		cr_assert(limited(children[i], RLIMIT_NOFILE, 3));
	if ((client = fork()) == 0) {
		struct answer a = CALL("GET", "/api/v1/languages");
		_exit(a.status == 200 || a.status == 503 ? 0 : 1); /* or it waited too long */
	}
	cr_expect(wait_until(was_full, &before, 10), "nothing was counted");
	sleep(2);
	times = times_full() - before;
	cr_expect_lt(times, 400, "%ld times in two seconds: a busy loop", times);
	lines = lines_of("worker.full") - lines;
	cr_expect(lines >= 1 && lines <= 4, "%ld lines", lines);
	for (size_t i = 0; i < n; i++)
		cr_assert(limited(children[i], RLIMIT_NOFILE, 1024));
	waitpid(client, &status, 0);
	cr_expect_eq(status, 0, "what waited is answered");
	cr_expect_geq(lines_of("worker.accepts_again"), 1);
}

static bool
fork_has_failed(void *before)
{
	return lines_of("worker.fork_failed") > *(long *)before;
}

/* No process more: the master tries again each second, the others serve, and it heals. */
Test(workers, no_process_left)
{
	long before = lines_of("worker.fork_failed"), lines;
	pid_t master, children[64];
	struct answer a;

	settle();
	master = stack_main("api-all");
	cr_assert(limited(master, RLIMIT_NPROC, 1));
	cr_assert_gt(children_of(master, children, 64), 0u);
	kill(children[0], SIGKILL);
	cr_expect(wait_until(fork_has_failed, &before, 20), "it was forked all the same");
	sleep(2);
	lines = lines_of("worker.fork_failed") - before;
	cr_expect_lt(lines, 20, "%ld times in two seconds", lines);
	a = CALL("GET", "/api/v1/languages");
	cr_expect_eq(a.status, 200, "the others serve: %ld", a.status);
	forget(&a);
	cr_assert(limited(master, RLIMIT_NPROC, RLIM_INFINITY));
	settle();
}

/* More clients than workers: everybody is served. */
Test(workers, no_starvation)
{
	struct load load;

	settle();
	load_start(&load, 40, paths, NULL);
	sleep(3);
	load_stop(&load);
	report("40 clients on 4 workers", load.ledger);
	cr_expect_eq(load.ledger->reads_failed, 0, "%ld", load.ledger->reads_failed);
	cr_expect_lt(load.ledger->slowest_us, PATIENCE * 3000 * 1000);
	load_free(&load);
}

/* Of the workers that a connection wakes one gets it; the others must not sit in accept() until
 * the next, where they count as hung. The unit hands over a socket that blocks, as systemd does. */
Test(workers, none_waits_in_accept)
{
	static const char *const parts[] = { "api-all", "api-login", "relay" };
	char path[64], line[128];

	settle();
	for (size_t i = 0; i < 3; i++) {
		unsigned flags = 0;
		FILE *f;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/3", (int)stack_main(parts[i]));
		cr_assert_not_null(f = fopen(path, "r"));
		while (fgets(line, sizeof(line), f))
			sscanf(line, "flags: %o", &flags);
		fclose(f);
		cr_expect(flags & O_NONBLOCK, "the socket of %s blocks: %o", parts[i], flags);
	}
}

/* A pool of one worker whose manager listens at `fd`. */
static pid_t
start_watched(int *fd, const char *socket_path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char config[4200];
	pid_t pid;

	snprintf(config, sizeof(config), "%s/codegram.conf", stack_dir());
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/notify", stack_dir());
	*fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert_eq(bind(*fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if ((pid = fork()) != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the test fails */
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	setenv("WATCHDOG_USEC", "600000", 1);
	setenv("API_DEADLINE_MS", "60000", 1);
	unsetenv("WATCHDOG_PID");
	execl("build/san/bin/codegram-api", "codegram-api", "--config", config, "--listen",
	    socket_path, "--pool", "watched", "--workers", "1", NULL);
	_exit(127);
}

/* What the manager was told next, within so many milliseconds; "" when nothing was. */
static const char *
told(int fd, int ms)
{
	static char text[512];
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n = poll(&p, 1, ms) == 1 ? recv(fd, text, sizeof(text) - 1, 0) : 0;

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* All workers busy, then a drain that waits for one: the watchdog is fed through both. */
Test(workers, watchdog_is_fed_while_all_are_busy)
{
	static const unsigned char half[] = { 1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1,
		4, 0, 1, 0, 200, 0, 0, 'x', 'x', 'x' };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, busy, fed = 0, extended = 0, status;
	pid_t master;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/run/watched.sock", stack_dir());
	master = start_watched(&fd, to.sun_path);
	cr_assert_not_null(strstr(told(fd, 20000), "READY=1"));
	busy = socket(AF_UNIX, SOCK_STREAM, 0); /* behind the fork: nobody else holds it */
	cr_assert_eq(connect(busy, (struct sockaddr *)&to, sizeof(to)), 0);
	cr_assert_eq(write(busy, half, sizeof(half)), (ssize_t)sizeof(half));
	for (int i = 0; i < 3; i++)
		fed += strstr(told(fd, 10000), "WATCHDOG=1") != NULL;
	cr_expect_eq(fed, 3, "%d", fed);
	kill(master, SIGTERM);
	for (fed = 0; fed < 3;) {
		const char *text = told(fd, 10000);
		cr_assert_neq(*text, '\0', "nothing is said while it drains");
		extended += strstr(text, "STOPPING=1\nEXTEND_TIMEOUT_USEC=66000000") != NULL;
		fed += strstr(text, "WATCHDOG=1") != NULL;
	}
	cr_expect_eq(extended, 1);
	close(busy);
	cr_assert_eq(waitpid(master, &status, 0), master);
	cr_expect_eq(status, 0);
	close(fd);
}
