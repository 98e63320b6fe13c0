/* Syncs over more than one worker: one request at a time for a person, no more at once than the
 * queue allows, and the person sees how it goes. */
#include "queue/worker.h"

#include "support/client.h"
#include "support/github.h"
#include "support/live.h"
#include "support/synced.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

TestSuite(workers, .init = open_queue, .fini = close_queue);

#define SYNC "github-sync"

static const char *const people[] = { "ada", "grace", "linus", "margaret", "nobody-yet" };
enum { PEOPLE = sizeof(people) / sizeof(*people), CAP = 2 };

static void
arrive(const char *login)
{
	cr_assert(sign_in(login), "%s could not sign in", login);
	cr_assert(sync_comes_to(login, "profile", "idle", 40));
	cr_assert(sync_comes_to(login, "repositories", "idle", 40));
	cr_assert(sync_comes_to(login, "contributions", "idle", 40));
}

static void
set_cap(int64_t most)
{
	struct queue_limits set = { most, QUEUE_LIMIT_ROW, QUEUE_LIMIT_ROW }, now;

	cr_assert_eq(queue_limit(redis, SYNC, &set, &now, &scope), OK);
}

static void
ask_for(const char *login)
{
	struct answer a = CALL("POST", "/api/v1/github/sync", .token = stack_token(login));

	cr_assert_eq(a.status, 202, "%s", a.body);
	forget(&a);
}

static void
ask_for_all(void)
{
	github_reset("requests");
	for (int i = 0; i < PEOPLE; i++)
		ask_for(people[i]);
	for (int i = 0; i < PEOPLE; i++) {
		cr_expect(sync_comes_to(people[i], "profile", "idle", 60));
		cr_expect(sync_comes_to(people[i], "repositories", "idle", 60));
		cr_expect(sync_comes_to(people[i], "contributions", "idle", 60));
	}
}

/* Each answer takes a second, so that whatever may overlap does. */
Test(workers, one_at_a_time_for_a_person_and_a_cap_for_all, .timeout = 180)
{
	struct github_figures f;
	pid_t second;

	github_reset(NULL);
	for (int i = 0; i < PEOPLE; i++)
		arrive(people[i]);
	second = second_worker();
	cr_assert(wait_until(has_children, &second, 10));
	github_fault("{'path': '/user', 'kind': 'stall', 'seconds': 1, 'times': -1}");
	github_fault("{'path': '/graphql', 'kind': 'stall', 'seconds': 1, 'times': -1}");
	ask_for_all();
	f = github_figures("path=/");
	cr_expect_geq(f.count, 3 * PEOPLE);
	cr_expect_eq(f.most_at_once_of_one, 1, "%ld of one person", f.most_at_once_of_one);
	cr_expect_gt(f.most_at_once, CAP, "%ld: nothing overlaps", f.most_at_once);
	set_cap(CAP);
	ask_for_all();
	f = github_figures("path=/");
	cr_expect_geq(f.count, 3 * PEOPLE);
	cr_expect_eq(f.most_at_once, CAP, "%ld at once", f.most_at_once);
	set_cap(QUEUE_LIMIT_ROW);
	end_worker(second);
}

/* ---- progress */

struct heard {
	const char *job; /* the one that matters */
	int events;
	long percent;
	bool completed;
};

static void
hear(struct heard *h, const json_t *frame)
{
	const json_t *data = json_object_get(frame, "data"),
	             *progress = json_object_get(data, "progress");
	const char *state = json_string_value(json_object_get(data, "state"));
	long percent = (long)json_integer_value(json_object_get(progress, "percent"));

	if (strcmp(json_string_value(json_object_get(frame, "event")), "job") != 0 ||
	    strcmp(json_string_value(json_object_get(data, "id")), h->job) != 0)
		return;
	cr_expect_str_eq(json_string_value(json_object_get(data, "name")), "sync-repositories");
	cr_expect_geq(percent, h->percent, "goes back");
	h->percent = percent;
	h->events++;
	h->completed = strcmp(state, "completed") == 0;
}

/* As a browser sees it, through nginx and relay. */
Test(workers, progress_reaches_its_person, .timeout = 120)
{
	struct live_person ada = live_person(), bob = live_person();
	struct live of_ada, of_bob;
	struct heard h = { 0 };
	struct answer a;

	github_reset(NULL);
	arrive("ada");
	stack_sql("select user_id from github_connections where login = 'ada'", ada.id.text,
	    sizeof(ada.id.text));
	of_ada = live_hello(&ada, NULL);
	of_bob = live_hello(&bob, NULL);
	for (int i = 0; i < 4; i++)
		github_change("{'change': 'push', 'repository': '%s'}",
		    (const char *[]){
		        "ada/engine", "ada/notes", "ada/bernoulli", "ada/dotfiles" }[i]);
	github_fault("{'path': '/repos/ada', 'kind': 'stall', 'seconds': 1, 'times': 2}");
	a = CALL("POST", "/api/v1/github/sync", .token = stack_token("ada"));
	cr_assert_eq(a.status, 202, "%s", a.body);
	h.job = text_at(&a, "data.jobs.1.id");
	while (!h.completed) {
		struct ws_frame f = ws_read(of_ada.ws, 30);
		cr_assert_eq(f.kind, WS_TEXT, "nothing came");
		if (strcmp(json_string_value(json_object_get(f.json, "type")), "event") == 0)
			hear(&h, f.json);
		ws_forget(&f);
	}
	cr_expect_eq(h.percent, 100);
	cr_expect_geq(h.events, 3, "%d", h.events);
	forget(&a);
	a = CALL("GET", "/api/v1/github/sync", .token = stack_token("ada"));
	cr_expect_str_neq(text_at(&a, "data.state"), "disconnected", "%s", a.body);
	forget(&a);
	live_expect_silence(&of_bob);
	ws_free(of_ada.ws);
	ws_free(of_bob.ws);
}
