/* random: UUIDs of version 7, also of many processes at the same time. */
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { CHILDREN = 64, EACH = 1000 };

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

Test(random, uuid_is_version_7_of_its_millisecond)
{
	clock_set(INT64_C(1763935199007999));
	for (int i = 0; i < 1000; i++) {
		struct uuid u = uuid_make(), back;
		cr_assert(uuid_parse(span_of(u.text), &back));
		cr_assert_str_eq(back.text, u.text, "lower case");
		cr_assert_eq(u.text[14], '7', "%s", u.text);
		cr_assert_not_null(strchr("89ab", u.text[19]), "%s", u.text);
		cr_assert_eq(strncmp(u.text, "019ab2c3-", 5), 0, "%s", u.text);
		cr_assert_eq(strtoll(u.text, NULL, 16) << 16 | strtoll(u.text + 9, NULL, 16),
		    INT64_C(1763935199007));
	}
}

Test(random, uuids_sort_by_time)
{
	struct uuid before = { "" };

	for (int64_t ms = 1; ms < INT64_C(1) << 47; ms = ms * 3 + 1) {
		struct uuid u;
		clock_set(ms * 1000);
		u = uuid_make();
		cr_assert_lt(strcmp(before.text, u.text), 0, "%s, %s", before.text, u.text);
		before = u;
	}
}

Test(random, every_random_bit_is_now_0_and_now_1)
{
	char all_or[36] = { 0 }, all_and[36];

	memset(all_and, 15, sizeof(all_and));
	for (int i = 0; i < 200; i++) {
		struct uuid u = uuid_make();
		for (size_t at = 15; at < 36; at++) {
			all_or[at] = (char)(all_or[at] | span_hex(u.text[at]));
			all_and[at] = (char)(all_and[at] & span_hex(u.text[at]));
		}
	}
	for (size_t at = 15; at < 36; at++) {
		bool variant = at == 19, dash = at == 18 || at == 23;
		if (dash)
			continue;
		cr_assert_eq(all_or[at], variant ? 11 : 15, "digit %zu", at);
		cr_assert_eq(all_and[at], variant ? 8 : 0, "digit %zu", at);
	}
}

Test(random, forked_children_never_make_the_same)
{
	size_t bytes = (size_t)CHILDREN * EACH * sizeof(struct uuid);
	struct uuid *all =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, bad = 0;

	cr_assert_neq(all, MAP_FAILED);
	clock_set(INT64_C(1763935199007000)); /* the same millisecond for all of them */
	uuid_make();
	for (int c = 0; c < CHILDREN; c++) {
		pid_t pid = fork();
		cr_assert_geq(pid, 0);
		if (pid > 0)
			continue;
		for (int i = 0; i < EACH; i++)
			all[c * EACH + i] = uuid_make();
		_exit(0);
	}
	for (int c = 0; c < CHILDREN; c++)
		bad += wait(&status) < 0 || status != 0;
	cr_assert_eq(bad, 0);
	qsort(all, CHILDREN * EACH, sizeof(*all), compare);
	cr_assert_neq(all[0].text[0], '\0', "each has made all of its own");
	for (int i = 1; i < CHILDREN * EACH; i++)
		cr_assert_neq(strcmp(all[i - 1].text, all[i].text), 0, "%s twice", all[i].text);
	munmap(all, bytes);
}

Test(random, bytes_fill_all_and_no_more)
{
	for (size_t len = 0; len < 64; len++) {
		unsigned char seen[66] = { 0 };
		for (int turn = 0; turn < 64; turn++) {
			unsigned char bytes[66] = { 0 };
			random_bytes(bytes + 1, len);
			for (size_t i = 0; i < 66; i++)
				seen[i] |= bytes[i];
		}
		cr_assert_eq(seen[0], 0);
		for (size_t i = 1; i <= len; i++)
			cr_assert_neq(seen[i], 0, "byte %zu of %zu", i, len);
		cr_assert_eq(seen[len + 1], 0);
	}
}
