/* part: what the pulses of several processes say of each part. */
#include "base/part.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char run_dir[256], dir[300];
static struct part parts[PARTS_MAX];

static void
open_dir(void)
{
	snprintf(run_dir, sizeof(run_dir), "%s/part-XXXXXX",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(run_dir));
	snprintf(dir, sizeof(dir), "%s/stats", run_dir);
	cr_assert_eq(mkdir(dir, 0755), 0);
}

TestSuite(part, .init = open_dir);

static void
expect(const char *name, enum part_state state, int processes)
{
	size_t count = parts_look(run_dir, SPAN("relay, worker,,relay"), parts);

	for (size_t i = 0; i < count; i++)
		if (strcmp(parts[i].name, name) == 0) {
			cr_expect_eq(parts[i].state, state, "%s is %s", name,
			    part_state_word(parts[i].state));
			cr_expect_eq(parts[i].processes, processes, "%s", name);
			return;
		}
	cr_expect(false, "%s is not told", name);
}

static void
grow_old(counter *pulse)
{
	*pulse = (uint64_t)clock_mono() - PART_SLOW - 1;
}

Test(part, expected_and_never_seen)
{
	cr_assert_eq(parts_look(run_dir, SPAN("relay, worker,,relay"), parts), 2);
	cr_assert_str_eq(parts[0].name, "relay");
	cr_assert_eq(parts[0].age, -1);
	cr_assert_not(parts[0].unmissed);
	expect("worker", PART_STOPPED, 0);
	cr_assert_eq(parts_look("/nowhere", SPAN(""), parts), 0);
}

/* Two of one part: one that is frozen shows, one that has ended does not matter. */
Test(part, one_of_two)
{
	struct counter_file *a = counter_claim(dir, "worker", 8),
	                    *b = counter_claim(dir, "worker", 8);
	counter *first = counter_pulse(a, "worker"), *second = counter_pulse(b, "worker");

	expect("worker", PART_OK, 2);
	grow_old(second);
	expect("worker", PART_FROZEN, 2);
	counter_close(b);
	counter_beat(first);
	expect("worker", PART_OK, 1);
	counter_close(a);
	expect("worker", PART_STOPPED, 0);
	cr_expect_not(parts[1].unmissed, "it is expected, however it ended");
}

/* A pool that nobody listed is missed when it died, not when it ended as it was told. */
Test(part, not_expected)
{
	struct counter_file *f = counter_claim(dir, "api-search", 8);
	counter *pulse = counter_pulse(f, "api-search");

	expect("api-search", PART_OK, 1);
	grow_old(pulse);
	expect("api-search", PART_FROZEN, 1);
	counter_close(f);
	expect("api-search", PART_STOPPED, 0);
	cr_expect_not(parts[2].unmissed);
	f = counter_claim(dir, "api-search", 8);
	counter_beat_end(counter_pulse(f, "api-search"));
	counter_close(f);
	expect("api-search", PART_STOPPED, 0);
	cr_expect(parts[2].unmissed);
}
