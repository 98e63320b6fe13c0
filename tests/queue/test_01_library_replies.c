/* What Redis should never answer: replies of another type, shape or size. Every call of the
 * library takes them for what they are, an error or nothing, and touches no memory because of
 * them (the sanitizers look). The Redis here is a script. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "queue/view.h"

enum { READ_MAX = 256 * 1024 };

static char folder[80], url[160];
static const char *reply_text;
static int listener;
static pthread_t thread;
static struct redis *redis;
static struct redis_options options;
static struct scope scope;

/* One reply for whatever comes. */
static void *
serve(void *unused)
{
	static char text[READ_MAX];
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read(fd, text, sizeof(text)) > 0)
			(void)!send(fd, reply_text, strlen(reply_text), MSG_NOSIGNAL);
		close(fd);
	}
	return unused;
}

static void
open_script(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *tmp = getenv("TMPDIR");

	log_open("test", LEVEL_ERROR, NULL);
	snprintf(folder, sizeof(folder), "%s/replies-XXXXXX", tmp ? tmp : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/redis.sock", folder);
	snprintf(url, sizeof(url), "unix://%s", at.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(listener, 4), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	options = (struct redis_options){ .url = url, .timeout_ms = 2000 };
	redis = redis_make(&options);
	scope.arena = arena_make(65536, 64 << 20);
	cr_assert(redis && scope.arena);
}

static void
close_script(void)
{
	redis_free(redis);
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	unlink(url + strlen("unix://"));
	rmdir(folder);
	arena_free(scope.arena);
}

TestSuite(replies, .init = open_script, .fini = close_script);

/* ---- the calls */

static enum err
write_job(const struct view_job *job)
{
	const struct view_rows none = { NULL, 0 };
	struct buf out;

	buf_init(&out, 1 << 20);
	view_job_json(&out, job, none);
	view_own_job_json(&out, job, none);
	cr_expect(buf_ok(&out));
	buf_free(&out);
	return OK;
}

static enum err
do_step(void)
{
	struct queue_lease lease = { 'n', "1-1", "x" };
	const char *result = "";
	struct queue_step step = {
		.finished = &lease, .results = &result, .finished_count = 1, .want = 5
	};
	size_t bytes = 0;

	TRY(queue_step(redis, "email", "w", &step, &scope));
	for (size_t i = 0; i < step.count; i++) {
		const struct queue_job *j = &step.jobs[i];
		bytes += strlen(j->name) + strlen(j->lease.id) + strlen(j->lease.entry) +
		         strlen(j->progress) + strlen(j->owner) + strlen(j->trace) +
		         j->data.len;
		cr_expect_not_null(j->data.ptr);
	}
	return bytes > READ_MAX ? ERR_INTERNAL : OK;
}

static enum err
do_add(void)
{
	const struct queue_item item = { .id = "x", .name = "x", .data = SPAN("{}") };
	enum batch_answer batch;
	enum add_answer answer;

	TRY(queue_batch(redis, "email", "g", 1, &item, 1, &batch, &scope));
	TRY(queue_add(redis, "email", &item, &answer, &scope));
	cr_expect_not_null(view_added(answer));
	return OK;
}

static enum err
do_fail(void)
{
	const struct queue_failure failure = { .error = "" };
	const struct queue_lease lease = { 'n', "1-1", "x" };
	enum fail_answer answer;

	TRY(queue_fail(redis, "email", "w", &lease, &failure, &answer, &scope));
	cr_expect_leq((int)answer, FAIL_CANCELLED);
	return OK;
}

static enum err
do_beat(void)
{
	struct queue_lease lease = { 'n', "1-1", "x" };
	enum beat_answer kept = BEAT_LOST;
	int64_t orphans;

	TRY(queue_beat(redis, "email", "w", &lease, 1, &kept, &orphans, &scope));
	cr_expect_leq((int)kept, BEAT_CANCEL);
	return OK;
}

static enum err
do_list(void)
{
	struct view_job *jobs;
	size_t count;

	TRY(view_list(redis, "email", NULL, 20, &jobs, &count, &scope));
	for (size_t i = 0; i < count; i++)
		TRY(write_job(&jobs[i]));
	return OK;
}

static enum err
do_show(void)
{
	struct view_job job;

	TRY(view_find(redis, "email", "x", &job, &scope));
	TRY(view_logs(redis, &job, &scope));
	return write_job(&job);
}

static enum err
do_queue(void)
{
	struct view_queue queue;
	struct buf out;

	TRY(view_queue(redis, "email", &queue, &scope));
	buf_init(&out, 1 << 20);
	view_queue_json(&out, &queue);
	buf_free(&out);
	return OK;
}

static enum err
do_check(void)
{
	struct queue_fault *faults;
	int64_t looked_at;
	size_t count;

	return queue_check(redis, "email", false, &faults, &count, &looked_at, &scope);
}

static enum err
do_retry(void)
{
	int64_t retried;

	TRY(queue_retry(redis, "email", "x", &scope));
	return queue_retry_all(redis, "email", 100, &retried, &scope);
}

static enum err
do_marks(void)
{
	char generation[37];
	int64_t batch, n, due;
	bool done;

	TRY(queue_watermark(redis, "email", generation, &batch, &scope));
	TRY(queue_rebase(redis, "email", "", 0, "g", batch + 1, &done, &scope));
	TRY(queue_tick(redis, "email", &n, &due, &scope));
	cr_expect_leq(due, INT64_C(1) << 53);
	return queue_reap(redis, "email", &n, &scope);
}

static enum err
do_cancel(void)
{
	enum cancel_answer answer;

	TRY(queue_cancel(redis, "email", "x", &answer, &scope));
	cr_expect_leq((int)answer, CANCEL_OVER);
	return OK;
}

static const struct {
	const char *name;
	enum err (*run)(void);
} calls[] = { { "step", do_step }, { "add", do_add }, { "fail", do_fail }, { "beat", do_beat },
	{ "list", do_list }, { "show", do_show }, { "queue", do_queue }, { "check", do_check },
	{ "retry", do_retry }, { "marks", do_marks }, { "cancel", do_cancel } };

/* ---- the replies */

#define HUGE ":9223372036854775807\r\n"
#define LEAST ":-9223372036854775808\r\n"
#define NIL "$-1\r\n"
#define EMPTY "$0\r\n\r\n"
#define SIX(x) x x x x x x

static const char *const replies[] = { NIL, "*-1\r\n", "*0\r\n", "+OK\r\n", ":7\r\n", HUGE,
	LEAST, "$3\r\nabc\r\n", "$2\r\n\xff\xfe\r\n", "*1\r\n" NIL, "*2\r\n" HUGE HUGE,
	"*2\r\n" NIL NIL, "*3\r\n*0\r\n*1\r\n" NIL ":1\r\n", "*18\r\n" SIX(NIL NIL NIL),
	"*18\r\n" SIX(HUGE LEAST HUGE),
	"*18\r\n" SIX(":1\r\n"
	              ":2\r\n"
	              ":3\r\n"),
	"*18\r\n" SIX(EMPTY EMPTY EMPTY), "*13\r\n:1\r\n:1\r\n" SIX(NIL) NIL SIX(EMPTY),
	"*13\r\n:1\r\n:1\r\n" SIX(HUGE) HUGE SIX(HUGE),
	"*3\r\n$25\r\n99999999999999999999 line\r\n$24\r\n-9223372036854775808 low\r\n" NIL,
	"*3\r\n$20\r\n9223372036854775807 \r\n:5\r\n*1\r\n" NIL };

Test(replies, of_any_kind, .timeout = 120)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		for (size_t k = 0; k < sizeof(calls) / sizeof(*calls); k++) {
			enum err e;
			reply_text = replies[i];
			fault_reset(&scope.fault);
			e = calls[k].run();
			cr_expect(e == OK || e == ERR_INTERNAL || e == ERR_NOT_FOUND ||
			              e == ERR_CONFLICT || e == ERR_INVALID,
			    "reply %zu, %s: %s: %s", i, calls[k].name, err_row(e)->word,
			    scope.fault.story);
			arena_reset(scope.arena);
		}
}

/* A count that nobody can have removed ends the call, however often it comes. */
Test(replies, endless_counts)
{
	int64_t removed;
	bool more;

	reply_text = "*1\r\n:9000000000000000\r\n";
	cr_expect_eq(queue_drain(redis, "email", true, &removed, &more, &scope), ERR_INTERNAL);
	fault_reset(&scope.fault);
	reply_text = "*1\r\n:-5\r\n";
	cr_expect_eq(queue_drain(redis, "email", true, &removed, &more, &scope), ERR_INTERNAL);
}

Test(replies, the_accessors)
{
	const struct span words[] = { SPAN("X") };
	struct redis_reply reply;

	reply_text = "*5\r\n" NIL ":5\r\n$2\r\n12\r\n$1\r\nx\r\n" HUGE;
	cr_assert_eq(redis_call(redis, words, 1, &reply, &scope), OK);
	cr_expect_str_empty(redis_text(&reply, 0));
	cr_expect_str_empty(redis_text(&reply, 1));
	cr_expect_str_eq(redis_text(&reply, 2), "12");
	cr_expect_str_empty(redis_text(&reply, 99));
	cr_expect_not_null(redis_span(&reply, 99).ptr);
	cr_expect_eq(redis_number(&reply, 0), 0);
	cr_expect_eq(redis_number(&reply, 1), 5);
	cr_expect_eq(redis_number(&reply, 2), 12);
	cr_expect_eq(redis_number(&reply, 3), 0);
	cr_expect_eq(redis_number(&reply, 4), 0, "above 2^53");
	cr_expect_eq(redis_number(&reply, 99), 0);
	cr_expect(redis_is_nil(&reply, 0) && redis_is_nil(&reply, 99));
	cr_expect_not(redis_is_nil(&reply, 1) || redis_is_nil(&reply, 2));
}
