/* Every route group in a pool of its own, and GitHub stands still: the login pool alone waits.
 * Each route that is read is asked again and again meanwhile, but for /metrics: with so many pools
 * that one is slow by itself. */
#include "http/journey.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/names.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", "--workers", "2",
	"--pools", "login all session users snippets social notifications github admin meta",
	NULL };

#define ID "01890000-0000-7000-8000-000000000000"

static const struct row {
	const char *method, *path;
	enum group group;
} table[] = {
#define ROUTE(method, path, group, who, budget, tx, form, handler)                             \
	{ #method, API_PREFIX path, GROUP_##group },
#define ROOT(method, path, group, who, budget, tx, form, handler)                              \
	{ #method, path, GROUP_##group },
#include "api/routes.def"
#undef ROUTE
#undef ROOT
};
enum { ROWS = sizeof(table) / sizeof(*table) };

struct ledger {
	_Atomic long asked[GROUP_COUNT], failed[GROUP_COUNT], slowest_us[GROUP_COUNT];
	_Atomic long last_failure;
	_Atomic bool stop;
	struct late {
		double seconds;
		bool has_reason;
	} sign_in[16];
};

/* What is read, and one write for the group that has nothing to read. */
static struct answer
ask_row(const struct row *row, const char *token)
{
	char path[256];
	const char *at = strchr(row->path, ':');
	size_t len = at ? (size_t)(at - row->path) : strlen(row->path);
	bool is_id = at != NULL && strncmp(at, ":id", 3) == 0;

	snprintf(path, sizeof(path), "%.*s%s%s", (int)len, row->path,
	    at == NULL ? ""
	    : is_id    ? ID
	               : "bystander",
	    at ? at + strcspn(at, "/") : "");
	return CALL(row->method, path, .token = token);
}

static bool
is_asked(const struct row *row)
{
	if (row->group == GROUP_social)
		return strcmp(row->method, "DELETE") == 0 && strstr(row->path, ":username");
	return row->group != GROUP_login && strcmp(row->method, "GET") == 0 &&
	       strcmp(row->path, "/metrics") != 0;
}

static void
bystander(struct ledger *l, const char *token, size_t from)
{
	for (size_t i = from; !atomic_load(&l->stop); i++) {
		const struct row *row = &table[i % ROWS];
		struct answer a;
		long us;
		if (!is_asked(row))
			continue;
		a = ask_row(row, token);
		us = (long)(a.seconds * 1e6);
		atomic_fetch_add(&l->asked[row->group], 1);
		/* 400: one can't unfollow oneself; 404: such a thing is not there */
		if (a.status == 0 || a.status >= 405 || a.status == 401 || a.status == 403) {
			atomic_fetch_add(&l->failed[row->group], 1);
			atomic_store(&l->last_failure, a.status);
		}
		if (us > atomic_load(&l->slowest_us[row->group]))
			atomic_store(&l->slowest_us[row->group], us);
		forget(&a);
	}
	_exit(0);
}

static void
late_comer(struct late *late, const struct journey *j)
{
	struct timespec from, to;
	struct answer a;
	const char *where;

	clock_gettime(CLOCK_MONOTONIC, &from);
	a = come_back(j);
	clock_gettime(CLOCK_MONOTONIC, &to);
	where = header_of(&a, "Location");
	late->seconds =
	    (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	late->has_reason =
	    where && strstr(where, "?error=TIMEOUT&reason=GitHub%20did%20not%20answer");
	_exit(0);
}

static void
expect_undisturbed(const struct ledger *l)
{
	for (int g = 0; g < GROUP_COUNT; g++) {
		bool has_routes = false;
		for (size_t i = 0; i < ROWS; i++)
			has_routes =
			    has_routes || ((int)table[i].group == g && is_asked(&table[i]));
		if (!has_routes)
			continue;
		fprintf(stderr, "%s: %ld asked, %ld failed, slowest %ld ms\n",
		    group_name((enum group)g), l->asked[g], l->failed[g],
		    l->slowest_us[g] / 1000);
		cr_expect_gt(l->asked[g], 10, "%s", group_name((enum group)g));
		cr_expect_eq(l->failed[g], 0, "%s: %ld, the last of all with %ld",
		    group_name((enum group)g), l->failed[g], l->last_failure);
		cr_expect_lt(
		    l->slowest_us[g], PATIENCE * 1000 * 1000, "%s", group_name((enum group)g));
	}
}

Test(frozen_github, only_the_login_pool_waits)
{
	enum { READERS = 3, SIGNING = 8 };
	struct ledger *l =
	    mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct journey j[SIGNING];
	pid_t readers[READERS], signing[SIGNING];
	char token[TOKEN_MAX];

	cr_assert_eq(
	    stack_ctl(token, sizeof(token), "token", "bystander", "--create", "--admin", NULL),
	    0);
	token[strcspn(token, "\n")] = '\0';
	for (int i = 0; i < SIGNING; i++) {
		j[i] = begin("");
		at_github(&j[i], "login=ada");
	}
	cr_assert_gt(stack_pid("github"), 1);
	kill(stack_pid("github"), SIGSTOP);
	for (int i = 0; i < READERS; i++)
		if ((readers[i] = fork()) == 0)
			bystander(l, token, (size_t)i * 7);
	for (int i = 0; i < SIGNING; i++)
		if ((signing[i] = fork()) == 0)
			late_comer(&l->sign_in[i], &j[i]);
	for (int i = 0; i < SIGNING; i++)
		waitpid(signing[i], NULL, 0);
	atomic_store(&l->stop, true);
	for (int i = 0; i < READERS; i++)
		waitpid(readers[i], NULL, 0);
	kill(stack_pid("github"), SIGCONT);
	for (int i = 0; i < SIGNING; i++) {
		cr_expect(l->sign_in[i].has_reason, "%d: no reason", i);
		cr_expect_lt(l->sign_in[i].seconds, PATIENCE * 4, "%d: %.1f s", i,
		    l->sign_in[i].seconds);
	}
	expect_undisturbed(l);
	munmap(l, sizeof(*l));
}
