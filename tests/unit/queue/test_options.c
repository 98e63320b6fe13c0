/* options: every word of Bull's, its ways to be written, and its refusal by name. */
#include "queue/options.h"

#include "adapter/json.h"
#include "unit/scope.h"

static struct queue_item item;

static void
open_options(void)
{
	open_scope();
	json_seed();
}

TestSuite(options, .init = open_options, .fini = close_scope);

static enum err
more(const char *text)
{
	struct json_t *object;

	cr_assert_eq(json_object_of(span_of(text), &object, &scope), OK, "%s", text);
	return queue_options(object, &item, &scope);
}

static enum err
read(const char *text)
{
	next_row();
	item = (struct queue_item){ .id = "one", .name = "work" };
	return more(text);
}

#define GOOD(text) cr_assert_eq(read(text), OK, "%s: %s", text, fault_where(0))

Test(options, nothing_changes_nothing)
{
	const struct queue_item plain = { .id = "one", .name = "work" };

	GOOD("{}");
	cr_expect_eq(memcmp(&item, &plain, sizeof(item)), 0);
	cr_expect_eq(queue_options(NULL, &item, &scope), OK);
	cr_expect_eq(memcmp(&item, &plain, sizeof(item)), 0);
}

Test(options, attempts_and_backoff)
{
	GOOD("{\"attempts\":7,\"backoff\":500}");
	cr_expect_eq(item.attempts, 7);
	cr_expect_eq(item.backoff, BACKOFF_FIXED);
	cr_expect_eq(item.backoff_ms, 500);
	GOOD("{\"backoff\":{\"type\":\"exponential\",\"delay\":3000}}");
	cr_expect_eq(item.backoff, BACKOFF_EXPONENTIAL);
	cr_expect_eq(item.backoff_ms, 3000);
	GOOD("{\"backoff\":{\"type\":\"fixed\"}}");
	cr_expect_eq(item.backoff, BACKOFF_FIXED);
	cr_expect_eq(item.backoff_ms, 0, "the row's");
}

Test(options, priority_is_a_lane)
{
	static const struct {
		const char *text;
		char lane;
	} rows[] = { { "{\"priority\":1}", 'h' }, { "{\"priority\":9}", 'h' },
		{ "{\"priority\":10}", 'n' }, { "{\"priority\":0}", 'n' },
		{ "{\"priority\":11}", 'l' }, { "{\"priority\":2097152}", 'l' },
		{ "{\"priority\":\"high\"}", 'h' }, { "{\"priority\":\"normal\"}", 'n' },
		{ "{\"priority\":\"low\"}", 'l' }, { "{\"lane\":\"h\"}", 'h' }, { "{}", 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		GOOD(rows[i].text);
		cr_expect_eq(item.lane, rows[i].lane, "%s: %c", rows[i].text, item.lane);
	}
}

Test(options, what_is_kept)
{
	GOOD("{\"removeOnComplete\":true,\"removeOnFail\":false}");
	cr_expect_eq(item.keep_done, KEEP_NONE);
	cr_expect_eq(item.keep_dead, KEEP_QUEUE);
	GOOD("{\"removeOnComplete\":10,\"removeOnFail\":0}");
	cr_expect_eq(item.keep_done, 10);
	cr_expect_eq(item.keep_dead, KEEP_NONE);
	GOOD("{\"removeOnComplete\":{\"age\":60},\"removeOnFail\":{\"count\":5,\"age\":3600}}");
	cr_expect_eq(item.keep_done, KEEP_QUEUE);
	cr_expect_eq(item.keep_done_ms, 60000);
	cr_expect_eq(item.keep_dead, 5);
	cr_expect_eq(item.keep_dead_ms, 3600000);
}

Test(options, unique_in_its_ways)
{
	GOOD("{\"unique\":\"sync:1\"}");
	cr_expect_str_eq(item.unique, "sync:1");
	cr_expect_eq(item.unique_mode, UNIQUE_UNTIL_DONE);
	GOOD("{\"unique\":{\"id\":\"k\",\"ttl\":5000}}");
	cr_expect_str_eq(item.unique, "k");
	cr_expect_eq(item.unique_mode, UNIQUE_FOR);
	cr_expect_eq(item.unique_ms, 5000);
	GOOD("{\"deduplication\":{\"id\":\"k\",\"mode\":\"last\"}}");
	cr_expect_eq(item.unique_mode, UNIQUE_LAST);
	cr_assert_eq(more("{\"unique\":\"plain\"}"), OK);
	cr_expect_eq(item.unique_mode, UNIQUE_UNTIL_DONE, "the later word is whole");
}

Test(options, the_others)
{
	GOOD("{\"jobId\":\"mine\",\"delay\":90000,\"concurrency\":{\"key\":\"u1\",\"limit\":2},"
	     "\"batch\":{\"id\":\"b\",\"total\":3,\"final\":true},"
	     "\"owner\":\"0192F0C1-7A2B-7C3D-8E4F-112233445566\",\"trace\":\"00-ab-cd-01\"}");
	cr_expect_str_eq(item.id, "mine");
	cr_expect_eq(item.delay_ms, 90000);
	cr_expect_str_eq(item.key, "u1");
	cr_expect_eq(item.key_limit, 2);
	cr_expect_str_eq(item.batch, "b");
	cr_expect_eq(item.batch_total, 3);
	cr_expect(item.batch_final);
	cr_expect_str_eq(item.owner, "0192f0c1-7a2b-7c3d-8e4f-112233445566");
	cr_expect_str_eq(item.trace, "00-ab-cd-01");
	GOOD("{\"concurrency\":\"u2\",\"batch\":{\"id\":\"b\"}}");
	cr_expect_str_eq(item.key, "u2");
	cr_expect_eq(item.key_limit, 0, "the library's: 1");
	cr_expect_not(item.batch_final);
}

/* What is read last wins word by word. */
Test(options, defaults_first)
{
	GOOD("{\"attempts\":5,\"backoff\":100,\"delay\":7}");
	cr_assert_eq(more("{\"attempts\":2}"), OK);
	cr_expect_eq(item.attempts, 2);
	cr_expect_eq(item.backoff_ms, 100);
	cr_expect_eq(item.delay_ms, 7);
}

Test(options, refused_by_name)
{
	static const struct {
		const char *text, *where, *code;
	} rows[] = {
		{ "{\"tries\":3}", "/tries", "UNKNOWN_FIELD" },
		{ "{\"attempts\":0}", "/attempts", "TOO_SMALL" },
		{ "{\"attempts\":1001}", "/attempts", "TOO_BIG" },
		{ "{\"attempts\":\"3\"}", "/attempts", "NOT_AN_INTEGER" },
		{ "{\"attempts\":null}", "/attempts", "NOT_AN_INTEGER" },
		{ "{\"backoff\":0}", "/backoff", "TOO_SMALL" },
		{ "{\"backoff\":\"fixed\"}", "/backoff", "NOT_AN_OBJECT" },
		{ "{\"backoff\":{\"type\":\"linear\"}}", "/backoff/type", "NOT_A_CHOICE" },
		{ "{\"backoff\":{\"delay\":5}}", "/backoff/type", "NOT_A_CHOICE" },
		{ "{\"backoff\":{\"type\":\"fixed\",\"delay\":0}}", "/backoff/delay",
		    "TOO_SMALL" },
		{ "{\"backoff\":{\"type\":\"fixed\",\"jitter\":1}}", "/backoff/jitter",
		    "UNKNOWN_FIELD" },
		{ "{\"delay\":-1}", "/delay", "TOO_SMALL" },
		{ "{\"delay\":31536000001}", "/delay", "TOO_BIG" },
		{ "{\"priority\":\"urgent\"}", "/priority", "NOT_A_CHOICE" },
		{ "{\"priority\":-1}", "/priority", "TOO_SMALL" },
		{ "{\"lane\":\"hn\"}", "/lane", "NOT_A_CHOICE" },
		{ "{\"lane\":\"\"}", "/lane", "NOT_A_CHOICE" },
		{ "{\"jobId\":\"\"}", "/jobId", "NOT_A_TEXT" },
		{ "{\"jobId\":17}", "/jobId", "NOT_A_TEXT" },
		{ "{\"jobId\":\".\"}", "/jobId", "BAD_ID" },
		{ "{\"jobId\":\"..\"}", "/jobId", "BAD_ID" },
		{ "{\"jobId\":\"a\\nb\"}", "/jobId", "BAD_ID" },
		{ "{\"jobId\":\"a\\u0085b\"}", "/jobId", "BAD_ID" },
		{ "{\"jobId\":\"\\u200b\"}", "/jobId", "BAD_ID" },
		{ "{\"removeOnComplete\":-1}", "/removeOnComplete", "TOO_SMALL" },
		{ "{\"removeOnComplete\":\"yes\"}", "/removeOnComplete", "NOT_AN_OBJECT" },
		{ "{\"removeOnFail\":{\"age\":0}}", "/removeOnFail/age", "TOO_SMALL" },
		{ "{\"removeOnFail\":{\"limit\":1}}", "/removeOnFail/limit", "UNKNOWN_FIELD" },
		{ "{\"unique\":{\"ttl\":5}}", "/unique/id", "NOT_A_TEXT" },
		{ "{\"unique\":{\"id\":\"k\",\"ttl\":5,\"mode\":\"last\"}}", "/unique/mode",
		    "NOT_BOTH" },
		{ "{\"deduplication\":{\"id\":\"k\",\"mode\":\"first\"}}",
		    "/deduplication/mode", "NOT_A_CHOICE" },
		{ "{\"unique\":true}", "/unique", "NOT_A_TEXT" },
		{ "{\"concurrency\":5}", "/concurrency", "NOT_A_TEXT" },
		{ "{\"concurrency\":{\"key\":\"k\",\"limit\":0}}", "/concurrency/limit",
		    "TOO_SMALL" },
		{ "{\"batch\":\"b\"}", "/batch", "NOT_AN_OBJECT" },
		{ "{\"batch\":{\"id\":\"b\",\"final\":true}}", "/batch/total",
		    "NOT_AN_INTEGER" },
		{ "{\"batch\":{\"id\":\"b\",\"final\":1}}", "/batch/final", "NOT_A_BOOLEAN" },
		{ "{\"owner\":\"ann\"}", "/owner", "NOT_A_UUID" },
		{ "{\"trace\":"
		  "\"00000000000000000000000000000000000000000000000000000000000000000\"}",
		    "/trace", "TOO_LONG" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_expect_eq(read(rows[i].text), ERR_INVALID, "%s", rows[i].text);
		cr_expect_str_eq(fault_where(0), rows[i].where, "%s", rows[i].text);
		cr_expect_str_eq(fault_code(0), rows[i].code, "%s", rows[i].text);
	}
}

Test(options, all_faults_at_once)
{
	cr_expect_eq(read("{\"attempts\":0,\"delay\":-1,\"what\":1}"), ERR_INVALID);
	cr_expect_eq(scope.fault.count, 3u);
}

Test(options, words_of_others)
{
	static const char *const others[] = { "timeout", NULL };
	struct json_t *object;

	cr_assert_eq(
	    json_object_of(SPAN("{\"timeout\":5,\"attempts\":4}"), &object, &scope), OK);
	cr_expect_eq(queue_options_beside(object, others, &item, &scope), OK);
	cr_expect_eq(item.attempts, 4);
	cr_expect_eq(queue_options(object, &item, &scope), ERR_INVALID);
}
