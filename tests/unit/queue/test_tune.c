/* tune: JOB_OPTIONS into the rows of jobs and queues, and what it refuses by name. */
#include "queue/tune.h"

#include "adapter/json.h"
#include "unit/scope.h"

static const struct job_row rows[] = {
	{ "recount", QUEUE_MAINTENANCE, &form_job_user, 3, BACKOFF_EXPONENTIAL, 2000, 60000,
	    NULL },
	{ "prune", QUEUE_MAINTENANCE, &form_job_nothing, 3, BACKOFF_EXPONENTIAL, 2000, 300000,
	    NULL },
	{ "notify", QUEUE_NOTIFY, &form_job_notify, 5, BACKOFF_EXPONENTIAL, 2000, 30000, NULL },
};
enum { RECOUNT, PRUNE, NOTIFY, ROWS };

static struct job_row out[ROWS];
static struct tuned tuned;

static void
open_tune(void)
{
	open_scope();
	json_seed();
}

TestSuite(tune, .init = open_tune, .fini = close_scope);

static enum err
read(const char *text)
{
	next_row();
	memcpy(out, rows, sizeof(out));
	tuned = (struct tuned){ .jobs = out, .count = ROWS };
	queue_rows(tuned.queues);
	return tune(span_of(text), &tuned, &scope);
}

Test(tune, nothing_changes_nothing)
{
	cr_assert_eq(read("{}"), OK);
	cr_assert_eq(memcmp(out, rows, sizeof(out)), 0);
	cr_assert_eq(memcmp(tuned.queues, queues, sizeof(queues)), 0);
}

Test(tune, a_queues_words_hold_for_its_jobs_and_a_jobs_own_go_before)
{
	cr_assert_eq(
	    read("{\"recount\":{\"attempts\":9,\"backoff\":{\"type\":\"fixed\",\"delay\":7}},"
	         "\"maintenance\":{\"attempts\":4,\"timeout\":1500,\"concurrency\":2,"
	         "\"limiter\":{\"max\":5,\"duration\":1000},\"removeOnComplete\":true,"
	         "\"removeOnFail\":12}}"),
	    OK, "%s", scope.fault.story);
	cr_expect_eq(out[RECOUNT].attempts, 9);
	cr_expect_eq(out[RECOUNT].backoff, BACKOFF_FIXED);
	cr_expect_eq(out[RECOUNT].backoff_ms, 7);
	cr_expect_eq(out[RECOUNT].limit_ms, 1500);
	cr_expect_eq(out[PRUNE].attempts, 4);
	cr_expect_eq(out[PRUNE].backoff, BACKOFF_EXPONENTIAL);
	cr_expect_eq(out[PRUNE].backoff_ms, 2000);
	cr_expect_eq(memcmp(&out[NOTIFY], &rows[NOTIFY], sizeof(rows[0])), 0);
	cr_expect_eq(tuned.queues[QUEUE_MAINTENANCE].concurrency, 2);
	cr_expect_eq(tuned.queues[QUEUE_MAINTENANCE].rate, 5);
	cr_expect_eq(tuned.queues[QUEUE_MAINTENANCE].rate_ms, 1000);
	cr_expect_eq(tuned.queues[QUEUE_MAINTENANCE].done, 0);
	cr_expect_eq(tuned.queues[QUEUE_MAINTENANCE].dead, 12);
	cr_expect_eq(
	    memcmp(&tuned.queues[QUEUE_NOTIFY], &queues[QUEUE_NOTIFY], sizeof(queues[0])), 0);
}

Test(tune, bulls_short_words)
{
	cr_assert_eq(read("{\"notify\":{\"backoff\":250,\"removeOnComplete\":false}}"), OK);
	cr_expect_eq(out[NOTIFY].backoff, BACKOFF_FIXED);
	cr_expect_eq(out[NOTIFY].backoff_ms, 250);
	cr_expect_gt(tuned.queues[QUEUE_NOTIFY].done, 10000);
	cr_assert_eq(read("{\"notify\":{\"backoff\":{\"type\":\"exponential\"}}}"), OK);
	cr_expect_eq(out[NOTIFY].backoff_ms, 2000);
}

/* Each is refused, and the story holds these words. */
static const struct {
	const char *text, *words;
} refused[] = {
	{ "", "JSON object" },
	{ "[]", "JSON object" },
	{ "{\"recount\":{}", "JSON object" },
	{ "{\"recounts\":{}}", "recounts is neither" },
	{ "{\"recount\":3}", "/recount/ must be an object" },
	{ "{\"recount\":{\"attempt\":3}}", "/recount/attempt is not known" },
	{ "{\"recount\":{\"attempts\":0}}", "/recount/attempts must be" },
	{ "{\"recount\":{\"attempts\":\"3\"}}", "/recount/attempts must be" },
	{ "{\"recount\":{\"attempts\":1001}}", "from 1 to 1000" },
	{ "{\"recount\":{\"backoff\":-1}}", "/recount/backoff must be" },
	{ "{\"recount\":{\"backoff\":\"fixed\"}}", "/recount/backoff must be" },
	{ "{\"recount\":{\"backoff\":{\"type\":\"linear\"}}}", "backoff/type must be fixed" },
	{ "{\"recount\":{\"backoff\":{\"delay\":1}}}", "backoff/type" },
	{ "{\"recount\":{\"backoff\":{\"type\":\"fixed\",\"delay\":1.5}}}", "delay must be" },
	{ "{\"recount\":{\"backoff\":{\"type\":\"fixed\",\"jitter\":1}}}",
	    "jitter is not known" },
	{ "{\"recount\":{\"timeout\":0}}", "/recount/timeout must be" },
	{ "{\"recount\":{\"concurrency\":1}}", "/recount/concurrency is for queues alone" },
	{ "{\"recount\":{\"removeOnFail\":1}}", "/recount/removeOnFail is for queues" },
	{ "{\"push\":{\"concurrency\":-1}}", "/push/concurrency must be" },
	{ "{\"push\":{\"limiter\":5}}", "/push/limiter must be {max, duration}" },
	{ "{\"push\":{\"limiter\":{\"max\":5}}}", "/push/limiter must be {max, duration}" },
	{ "{\"push\":{\"limiter\":{\"max\":5,\"duration\":0}}}", "/push/duration must be" },
	{ "{\"push\":{\"limiter\":{\"max\":5,\"duration\":1,\"x\":1}}}", "x is not known" },
	{ "{\"push\":{\"removeOnComplete\":\"all\"}}", "/push/removeOnComplete must be" },
	{ "{\"push\":{\"removeOnFail\":100001}}", "/push/removeOnFail must be" },
	{ "{\"push\":{\"stalledInterval\":1}}", "/push/stalledInterval is not known" },
};

Test(tune, refuses_by_name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		cr_expect_eq(read(refused[i].text), ERR_INVALID, "%s", refused[i].text);
		cr_expect(strstr(scope.fault.story, refused[i].words), "%s: %s",
		    refused[i].text, scope.fault.story);
	}
}
