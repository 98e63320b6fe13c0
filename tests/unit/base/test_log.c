/* log: whatever stands in a value, a call makes one line, and the line is a JSON object. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static char dir[256], combined[300], error[300];
static char text[128 * 1024];

static void
open_log(void)
{
	int fd = open("/dev/null", O_WRONLY);

	snprintf(
	    dir, sizeof(dir), "%s/log-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(combined, sizeof(combined), "%s/combined.log", dir);
	snprintf(error, sizeof(error), "%s/error.log", dir);
	dup2(fd, STDERR_FILENO);
	close(fd);
	clock_set(INT64_C(1763935199007000));
	log_open("codegram-test", LEVEL_INFO, dir);
}

TestSuite(log, .init = open_log);

/* Reads the file into `text`; the number of lines. */
static size_t
lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0, lines = 0;

	if (f != NULL)
		fclose(f);
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	cr_assert(len == 0 || text[len - 1] == '\n');
	return lines;
}

static json_t *
object_of(const char *line)
{
	json_t *o = json_loadb(line, strcspn(line, "\n"), JSON_REJECT_DUPLICATES, NULL);

	cr_assert(json_is_object(o), "not an object: %.200s", line);
	return o;
}

static void
expect(json_t *o, const char *key, const char *want)
{
	const char *is = json_string_value(json_object_get(o, key));

	cr_assert(is != NULL && strcmp(is, want) == 0, "%s is %s, not %s", key,
	    is ? is : "not there", want);
}

Test(log, line_has_the_promised_keys)
{
	json_t *o;

	log_request("req-1");
	LOG(LEVEL_WARN, "thing.done", L_TEXT("name", "x"), L_INT("n", INT64_MIN));
	log_request(NULL);
	LOG(LEVEL_INFO, "thing.began");
	cr_assert_eq(lines_of(combined), 2);
	o = object_of(text);
	expect(o, "timestamp", "2025-11-23T21:59:59.007Z");
	expect(o, "level", "warn");
	expect(o, "service", "codegram-test");
	expect(o, "message", "thing.done");
	expect(o, "request_id", "req-1");
	expect(o, "name", "x");
	cr_assert_eq(json_integer_value(json_object_get(o, "n")), INT64_MIN);
	cr_assert_eq(json_object_size(o), 7);
	json_decref(o);
	o = object_of(strchr(text, '\n') + 1);
	cr_assert_null(json_object_get(o, "request_id"));
	json_decref(o);
}

Test(log, every_byte_stays_in_one_line)
{
	for (int c = 1; c < 256; c++) {
		char value[4] = { 'a', (char)c, 'z', '\0' };
		json_t *o;
		cr_assert_eq(truncate(combined, 0), 0);
		log_request(value);
		LOG(LEVEL_INFO, "bytes", L_TEXT("value", value), L_TEXT("none", NULL));
		cr_assert_eq(lines_of(combined), 1, "byte %d", c);
		o = object_of(text);
		if (c < 128) {
			expect(o, "value", value);
			expect(o, "request_id", value);
		} else
			expect(o, "value", "a\xEF\xBF\xBDz");
		expect(o, "none", "");
		json_decref(o);
	}
}

Test(log, a_strangers_line_can_not_be_made)
{
	LOG(LEVEL_INFO, "x",
	    L_TEXT("path", "a\"}\n{\"level\":\"error\",\"message\":\"made up\"}\r\n"));
	cr_assert_eq(lines_of(combined), 1);
	json_decref(object_of(text));
}

Test(log, too_long_a_line_is_there_without_its_fields)
{
	static char huge[100 * 1024];
	json_t *o;

	memset(huge, '"', sizeof(huge) - 1);
	LOG(LEVEL_INFO, "huge.thing", L_TEXT("value", huge));
	LOG(LEVEL_INFO, "small.thing", L_TEXT("value", "x"));
	cr_assert_eq(lines_of(combined), 2);
	o = object_of(text);
	expect(o, "message", "huge.thing");
	json_decref(o);
	o = object_of(strchr(text, '\n') + 1);
	expect(o, "value", "x");
	json_decref(o);
}

Test(log, levels_choose)
{
	enum log_level level;

	LOG(LEVEL_DEBUG, "no");
	LOG(LEVEL_INFO, "yes");
	LOG(LEVEL_ERROR, "yes too");
	cr_assert_eq(lines_of(combined), 2);
	cr_assert_eq(lines_of(error), 1, "errors alone stand in error.log");
	log_open("codegram-test", LEVEL_ERROR, dir);
	cr_assert_not(log_wants(LEVEL_WARN));
	cr_assert(log_wants(LEVEL_ERROR));
	for (enum log_level l = LEVEL_DEBUG; l <= LEVEL_ERROR; l++)
		cr_assert(log_level_of(log_level_name(l), &level) && level == l);
	cr_assert_not(log_level_of("INFO", &level));
	cr_assert_not(log_level_of("", &level));
}

Test(log, reopens_after_logrotate)
{
	char moved[320];

	LOG(LEVEL_INFO, "before");
	snprintf(moved, sizeof(moved), "%s.1", combined);
	cr_assert_eq(rename(combined, moved), 0);
	LOG(LEVEL_INFO, "still in the moved one");
	log_reopen();
	LOG(LEVEL_INFO, "after");
	cr_assert_eq(lines_of(moved), 2);
	cr_assert_eq(lines_of(combined), 1);
	for (int i = 0; i < 5000; i++)
		log_reopen();
	LOG(LEVEL_INFO, "descriptors are closed");
	cr_assert_eq(lines_of(combined), 2);
}

Test(log, a_folder_that_is_not_there_stops_nothing)
{
	log_open("codegram-test", LEVEL_INFO, "/nowhere/at/all");
	LOG(LEVEL_ERROR, "x");
	log_open("codegram-test", LEVEL_INFO, "");
	LOG(LEVEL_ERROR, "x");
}

/* What the journal shows of a line: its priority, and the line as it is elsewhere. */
Test(log, the_journal_gets_priorities)
{
	static const char *const marks[] = { "<7>", "<6>", "<4>", "<3>" };
	char path[300], name[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/journal", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	close(fd);
	cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", name, 1);
	log_open("codegram-test", LEVEL_DEBUG, dir);
	for (int level = LEVEL_DEBUG; level <= LEVEL_ERROR; level++) {
		cr_assert_eq(truncate(path, 0), 0);
		LOG((enum log_level)level, "x", L_TEXT("a", "<0>"));
		cr_assert_eq(lines_of(path), 1);
		cr_assert_eq(strncmp(text, marks[level], 3), 0, "%s", text);
		cr_assert_str_eq(log_mark((enum log_level)level), marks[level]);
		json_decref(object_of(text + 3));
	}
	lines_of(combined);
	json_decref(object_of(text)); /* files are for whoever reads JSON */
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("codegram-test", LEVEL_DEBUG, dir);
	cr_assert_eq(truncate(path, 0), 0);
	LOG(LEVEL_ERROR, "x");
	cr_assert_eq(lines_of(path), 1);
	json_decref(object_of(text));
	cr_assert_str_eq(log_mark(LEVEL_ERROR), "");
}

/* Nobody reads stderr any more: no line waits for it for long, and those that were left out are
 * counted once it is read again. */
Test(log, a_reader_that_stopped)
{
	static char rest[1 << 20];
	int ends[2];
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	for (int i = 0; i < 500; i++)
		LOG(LEVEL_INFO, "line", L_TEXT("padding", "0123456789012345678901234567890"));
	cr_expect_eq(lines_of(combined), 500u, "the file has them all");
	n = read(ends[0], rest, sizeof(rest));
	cr_assert_gt(n, 4096);
	LOG(LEVEL_INFO, "again");
	n = read(ends[0], rest, sizeof(rest) - 1);
	cr_assert_gt(n, 0);
	rest[n] = '\0';
	cr_expect_not_null(strstr(rest, "\"again\""), "%s", rest);
	cr_expect_not_null(strstr(rest, "\"log.lost\""), "%s", rest);
	cr_expect_null(strstr(rest, "\"lines\":0"), "%s", rest);
}

/* A new file can't be made: the old one goes on. */
Test(log, reopening_without_a_descriptor)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	log_reopen();
	LOG(LEVEL_INFO, "kept");
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_expect_eq(lines_of(combined), 1u);
	log_reopen();
	LOG(LEVEL_INFO, "kept");
	cr_expect_eq(lines_of(combined), 2u);
}
