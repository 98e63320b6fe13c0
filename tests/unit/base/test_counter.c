/* counter: files that outlive their program, and the text that is made of all of them. */
#include "base/counter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[256], path[300];
static struct buf out;

static void
open_dir(void)
{
	snprintf(
	    dir, sizeof(dir), "%s/stats-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.stats", dir);
	buf_init(&out, 1 << 20);
}

static void
close_dir(void)
{
	buf_free(&out);
}

TestSuite(counter, .init = open_dir, .fini = close_dir);

static const char *
help(const char *family)
{
	return family[0] == 'c' ? "Help of c." : "Help.";
}

static const char *
print(void)
{
	buf_reset(&out);
	counter_print(dir, help, &out);
	return buf_text(&out);
}

Test(counter, one_of_each_type)
{
	struct counter_file *f = counter_open(path, 64);

	cr_assert_not_null(f);
	counter_add(counter_get(f, "c_total", COUNTER, "pool=\"all\""), 3);
	counter_add(counter_get(f, "c_total", COUNTER, "pool=\"login\""), 4);
	*counter_get(f, "workers", GAUGE, "") = 8;
	cr_assert_str_eq(print(), "# HELP c_total Help of c.\n"
	                          "# TYPE c_total counter\n"
	                          "c_total{pool=\"all\"} 3\n"
	                          "c_total{pool=\"login\"} 4\n"
	                          "# HELP workers Help.\n"
	                          "# TYPE workers gauge\n"
	                          "workers 8\n");
	counter_close(f);
}

Test(counter, the_same_series_is_the_same_number)
{
	struct counter_file *f = counter_open(path, 64);
	counter *a = counter_get(f, "c", COUNTER, "x=\"1\"");

	cr_assert_eq(counter_get(f, "c", COUNTER, "x=\"1\""), a);
	cr_assert_neq(counter_get(f, "c", COUNTER, "x=\"2\""), a);
	cr_assert_neq(counter_get(f, "d", COUNTER, "x=\"1\""), a);
	counter_close(f);
}

Test(counter, values_stay_over_a_restart)
{
	struct counter_file *f = counter_open(path, 64);

	counter_add(counter_get(f, "c", COUNTER, ""), 5);
	counter_close(f);
	f = counter_open(path, 64);
	cr_assert_eq(*counter_get(f, "c", COUNTER, ""), 5);
	counter_add(counter_get(f, "c", COUNTER, ""), 1);
	counter_close(f);
	cr_assert_not_null(strstr(print(), "\nc 6\n"), "also of a program that is gone");
}

Test(counter, families_of_all_files_stand_together)
{
	struct counter_file *a = counter_open(path, 8), *b;
	const char *text, *first;

	snprintf(path, sizeof(path), "%s/b.stats", dir);
	b = counter_open(path, 8);
	counter_add(counter_get(a, "c", COUNTER, "of=\"a\""), 1);
	counter_add(counter_get(a, "d", COUNTER, ""), 1);
	counter_add(counter_get(b, "c", COUNTER, "of=\"b\""), 2);
	text = print();
	first = strstr(text, "# TYPE c counter\n");
	cr_assert_not_null(first);
	cr_assert_null(strstr(first + 1, "# TYPE c counter\n"), "one header for the family");
	cr_assert_not_null(strstr(text, "c{of=\"a\"} 1\n"));
	cr_assert_not_null(strstr(text, "c{of=\"b\"} 2\n"));
	first = strstr(text, "# TYPE d");
	cr_assert(
	    (strstr(text, "c{of=\"a\"}") < first) == (strstr(text, "c{of=\"b\"}") < first),
	    "nothing of another family between");
	counter_close(a);
	counter_close(b);
}

Test(counter, children_add_to_the_same_number)
{
	struct counter_file *f = counter_open(path, 8);
	counter *c = counter_get(f, "c", COUNTER, "");
	int bad = 0;

	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int k = 0; k < 10000; k++)
				counter_add(c, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;
		bad += wait(&status) < 0 || status != 0;
	}
	cr_assert_eq(bad, 0);
	cr_assert_eq(*c, 80000);
	counter_close(f);
}

/* Two of one program: a file each, one series in the scrape; a third one takes the place of
 * the one that ended, and what a dead one had measured last does not count any more. */
Test(counter, claimed_by_whoever_lives)
{
	struct counter_file *a = counter_claim(dir, "s", 8), *b = counter_claim(dir, "s", 8);

	cr_assert(a != NULL && b != NULL);
	counter_add(counter_get(a, "c", COUNTER, ""), 3);
	counter_add(counter_get(b, "c", COUNTER, ""), 4);
	*counter_get(a, "g", GAUGE, "") = 7;
	*counter_get(b, "g", GAUGE, "") = 9;
	cr_assert_not_null(strstr(print(), "\nc 7\n"), "%s", print());
	cr_assert_null(strstr(strstr(print(), "\nc 7") + 1, "\nc "), "twice: %s", print());
	cr_assert_not_null(strstr(print(), "\ng 9\n"), "%s", print());
	counter_close(b);
	cr_assert_not_null(strstr(print(), "\nc 7\n"), "counters outlive: %s", print());
	cr_assert_not_null(strstr(print(), "\ng 7\n"), "of the living: %s", print());
	counter_close(a);
	cr_assert_not_null(strstr(print(), "\ng 9\n"), "all are dead: %s", print());
	a = counter_claim(dir, "s", 8);
	cr_assert_eq(*counter_get(a, "c", COUNTER, ""), 3, "the first file again");
	counter_close(a);
}

/* What only a running program has: several add up, the ended ones have none. */
Test(counter, present_of_the_living)
{
	struct counter_file *a = counter_claim(dir, "s", 8), *b = counter_claim(dir, "s", 8);

	cr_assert(a != NULL && b != NULL);
	*counter_get(a, "g", GAUGE, "") = 3; /* as an older program had it */
	*counter_get(a, "g", PRESENT, "") = 3;
	*counter_get(b, "g", PRESENT, "") = 4;
	cr_assert_not_null(strstr(print(), "# TYPE g gauge\ng 7\n"), "%s", print());
	counter_close(a);
	cr_assert_not_null(strstr(print(), "\ng 4\n"), "%s", print());
	counter_close(b);
	cr_assert_not_null(strstr(print(), "\ng 0\n"), "%s", print());
}

/* What others change, and nobody looks at any more, is not told. */
Test(counter, measure_of_nobody)
{
	struct counter_file *a = counter_claim(dir, "s", 8), *b = counter_claim(dir, "s", 8);

	*counter_get(a, "g", MEASURE, "") = 9;
	*counter_get(b, "g", MEASURE, "") = 4;
	cr_assert_not_null(strstr(print(), "# TYPE g gauge\ng 9\n"), "%s", print());
	counter_close(a);
	cr_assert_not_null(strstr(print(), "\ng 4\n"), "of who still looks: %s", print());
	counter_close(b);
	cr_assert_null(strstr(print(), "\ng "), "%s", print());
}

Test(counter, pulses)
{
	struct counter_file *a = counter_claim(dir, "s", 8), *b = counter_claim(dir, "s", 8);
	counter *pulse = counter_pulse(a, "sleeper"), *other = counter_pulse(b, "sleeper");
	struct pulse found[4];

	cr_assert_eq(counter_pulses(dir, found, 4), 2);
	cr_assert(found[0].lives && found[0].age >= 0 && found[0].age < 60000000);
	cr_assert_str_eq(found[0].part, "sleeper");
	*pulse = (uint64_t)clock_mono() - 5000000;
	*other = (uint64_t)clock_mono() - 9000000;
	cr_assert_not_null(
	    strstr(print(), "codegram_part_age_seconds{part=\"sleeper\"} 5."), "%s", print());
	counter_beat_end(other);
	counter_close(b);
	cr_assert_eq(counter_pulses(dir, found, 1), 1, "no more than there is room for");
	cr_assert_eq(counter_pulses(dir, found, 4), 2);
	cr_assert_neq(found[0].lives, found[1].lives);
	cr_assert_eq(found[0].ended, !found[0].lives);
	*pulse = UINT64_MAX / 2; /* of an earlier boot, with more hours than this one */
	counter_pulses(dir, found, 4);
	cr_assert_geq(found[0].lives ? found[0].age : found[1].age, 2000000);
	counter_beat(pulse);
	counter_pulses(dir, found, 4);
	cr_assert_lt(found[0].lives ? found[0].age : found[1].age, 60000000);
	counter_close(a);
}

Test(counter, histogram)
{
	struct counter_file *f = counter_open(path, 64);
	struct histogram h;

	histogram_get(f, &h, "h_seconds", "pool=\"all\"");
	histogram_add(&h, 250);
	histogram_add(&h, 251);
	histogram_add(&h, 20000000);
	histogram_add(&h, -5);
	print();
	cr_assert_not_null(strstr(out.ptr, "# TYPE h_seconds histogram\n"));
	cr_assert_not_null(
	    strstr(out.ptr, "h_seconds_bucket{pool=\"all\",le=\"0.00025\"} 2\n"));
	cr_assert_not_null(strstr(out.ptr, "h_seconds_bucket{pool=\"all\",le=\"0.0005\"} 3\n"));
	cr_assert_not_null(strstr(out.ptr, "h_seconds_bucket{pool=\"all\",le=\"10\"} 3\n"));
	cr_assert_not_null(strstr(out.ptr, "h_seconds_bucket{pool=\"all\",le=\"+Inf\"} 4\n"));
	cr_assert_not_null(strstr(out.ptr, "h_seconds_count{pool=\"all\"} 4\n"));
	cr_assert_not_null(strstr(out.ptr, "h_seconds_sum{pool=\"all\"} 20.000501\n"));
	counter_close(f);
}

Test(counter, histogram_without_labels)
{
	struct counter_file *f = counter_open(path, 64);
	struct histogram h;

	histogram_get(f, &h, "h", "");
	histogram_add(&h, 1000000);
	print();
	cr_assert_not_null(strstr(out.ptr, "h_bucket{le=\"0.1\"} 0\n"));
	cr_assert_not_null(strstr(out.ptr, "h_bucket{le=\"+Inf\"} 1\n"));
	cr_assert_not_null(strstr(out.ptr, "h_count 1\n"));
	cr_assert_not_null(strstr(out.ptr, "h_sum 1.000000\n"));
	counter_close(f);
}

Test(counter, histogram_whose_label_ends_like_le)
{
	struct counter_file *f = counter_open(path, 64);
	struct histogram h;

	histogram_get(f, &h, "h", "role=\"admin\"");
	histogram_add(&h, 1000000);
	print();
	cr_assert_not_null(strstr(out.ptr, "h_sum{role=\"admin\"} 1.000000\n"), "%s", out.ptr);
	cr_assert_not_null(strstr(out.ptr, "h_count{role=\"admin\"} 1\n"));
	counter_close(f);
}

Test(counter, no_file_and_no_room_count_nowhere)
{
	struct counter_file *f;
	struct histogram h;
	char labels[300];

	cr_assert_null(counter_open("/nowhere/at/all.stats", 8));
	counter_add(counter_get(NULL, "c", COUNTER, ""), 1);
	histogram_get(NULL, &h, "h", "");
	histogram_add(&h, 1);
	counter_close(NULL);
	f = counter_open(path, 2);
	counter_add(counter_get(f, "a", COUNTER, ""), 1);
	counter_add(counter_get(f, "b", COUNTER, ""), 1);
	counter_add(counter_get(f, "c", COUNTER, ""), 1);
	memset(labels, 'l', sizeof(labels) - 1);
	labels[sizeof(labels) - 1] = '\0';
	counter_add(counter_get(f, "a", COUNTER, labels), 1);
	cr_assert_null(strstr(print(), "c 1\n"));
	cr_assert_not_null(strstr(out.ptr, "\nb 1\n"));
	counter_close(f);
	buf_reset(&out);
	counter_print("/nowhere/at/all", help, &out);
	cr_assert_eq(out.len, 0);
}

Test(counter, a_larger_table_begins_anew)
{
	struct counter_file *f = counter_open(path, 2);

	counter_add(counter_get(f, "a", COUNTER, ""), 7);
	counter_close(f);
	f = counter_open(path, 4);
	cr_assert_not_null(f);
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "s%d", i);
		counter_add(counter_get(f, name, COUNTER, ""), 1);
	}
	cr_assert_not_null(strstr(print(), "s3 1\n"));
	counter_close(f);
}

/* Writes `len` bytes at `at` of the file, which it cuts or stretches to `size` before. */
static void
break_file(off_t size, off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_RDWR);

	cr_assert_geq(fd, 0);
	if (size >= 0)
		cr_assert_eq(ftruncate(fd, size), 0);
	cr_assert_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void
make_file(void)
{
	struct counter_file *f;

	unlink(path);
	f = counter_open(path, 4);
	counter_add(counter_get(f, "old", COUNTER, ""), 7);
	counter_close(f);
}

/* It is not printed, and opening makes a new one. */
static void
expect_refused(const char *how)
{
	struct counter_file *f;

	print();
	cr_assert_eq(out.len, 0, "%s: it was printed: %s", how, out.ptr);
	f = counter_open(path, 4);
	cr_assert_not_null(f, "%s", how);
	cr_assert_eq(*counter_get(f, "old", COUNTER, ""), 0, "%s", how);
	counter_close(f);
}

Test(counter, broken_files_are_refused)
{
	static const uint64_t many = 5, huge = UINT64_MAX,
	                      wrapped = UINT64_C(1)
	                                << 58; /* times 192 bytes, in 64 bits, is 0 */

	make_file();
	break_file(-1, 0, "X", 1);
	expect_refused("another magic");
	make_file();
	break_file(0, 0, "", 0);
	expect_refused("empty");
	make_file();
	break_file(20, 0, "", 0);
	expect_refused("shorter than its head");
	make_file();
	break_file(100, 0, "", 0);
	expect_refused("shorter than it says");
	make_file();
	break_file(-1, 16, &many, 8);
	expect_refused("room for more than it holds");
	make_file();
	break_file(-1, 16, &huge, 8);
	expect_refused("a length that overflows");
	make_file();
	break_file(-1, 16, &wrapped, 8);
	expect_refused("a length that wraps to fit");
	make_file();
	break_file(-1, 24, &many, 8);
	expect_refused("more series than room");
}

Test(counter, names_without_an_end_are_not_followed)
{
	static char noise[5000];
	struct stat st;

	make_file();
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_lt((size_t)st.st_size - 32, sizeof(noise));
	memset(noise, 'A', sizeof(noise));
	break_file(-1, 32, noise, (size_t)st.st_size - 32);
	print();
	cr_assert_lt(out.len, 4096, "a name is at most as long as its place");
}

Test(counter, other_files_of_the_folder_are_left_alone)
{
	static const char *const names[] = { "a.stats.new", "x.txt", "stats" };

	make_file();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char other[400];
		snprintf(other, sizeof(other), "%s/%s", dir, names[i]);
		cr_assert_eq(link(path, other), 0);
	}
	cr_assert_null(strstr(strstr(print(), "old 7\n") + 1, "old 7\n"));
}

/* A file system of this test's own, of `size`, at `dir`. */
static void
small_disk(const char *size)
{
	if ((unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 && unshare(CLONE_NEWNS) < 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("small", dir, "tmpfs", 0, size) < 0)
		cr_skip_test("no file system can be mounted here");
}

static void
fill_disk(void)
{
	char name[300], block[4096] = "";
	int fd;

	snprintf(name, sizeof(name), "%s/filler", dir);
	cr_assert_geq(fd = open(name, O_WRONLY | O_CREAT, 0600), 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

Test(counter, a_full_disk_counts_nowhere)
{
	char next[310];

	small_disk("size=64k");
	errno = 0;
	cr_assert_null(counter_open(path, 1000), "more than the disk has");
	cr_expect_eq(errno, ENOSPC, "%s", strerror(errno));
	snprintf(next, sizeof(next), "%s.new", path);
	cr_expect_lt(access(next, F_OK), 0, "half a file is left");
	fill_disk();
	cr_expect_null(counter_open(path, 8), "an empty one would kill who writes to it");
	cr_expect_null(counter_claim(dir, "s", 8));
	counter_print(dir, help, &out);
	cr_expect_eq(out.len, 0);
}

/* One of an older version, made without room for it, or of a disk that was taken away. */
Test(counter, a_file_with_holes_is_filled_or_refused)
{
	struct counter_file *f;
	struct stat st;
	int fd;

	small_disk("size=256k");
	cr_assert_not_null(f = counter_open(path, 1000));
	counter_add(counter_get(f, "a", COUNTER, ""), 7);
	counter_close(f);
	cr_assert_geq(fd = open(path, O_RDWR), 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, st.st_size - 8192),
	    0);
	close(fd);
	cr_assert_not_null(strstr(print(), "a 7\n"), "holes are read, too");
	cr_assert_not_null(f = counter_open(path, 1000));
	for (int i = 0; i < 999; i++) {
		char name[16];
		snprintf(name, sizeof(name), "s%d", i);
		counter_add(counter_get(f, name, COUNTER, ""), 1);
	}
	counter_close(f);
	cr_assert_not_null(strstr(print(), "s998 1\n"));
	cr_assert_geq(fd = open(path, O_RDWR), 0);
	cr_assert_eq(
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, st.st_size - 8192),
	    0);
	close(fd);
	fill_disk();
	cr_expect_null(counter_open(path, 1000));
}
