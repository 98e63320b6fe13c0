/* schedule: what becomes of slots that were missed. */
#include <criterion/criterion.h>

#include "queue/schedule.h"

enum { NOW = 1000000, HOUR = 3600 };

static void
judge(enum catch_up catch_up, int64_t limit, const int64_t *ages, size_t count, bool *fires)
{
	struct schedule s = { .name = "x", .catch_up = catch_up, .limit = limit };
	int64_t slots[8];

	for (size_t i = 0; i < count; i++)
		slots[i] = NOW - ages[i];
	schedule_judge(&s, NOW, slots, count, fires);
}

Test(schedule, on_time_fires_whatever_the_policy)
{
	static const int64_t age[] = { 0 };
	bool fires[8];

	for (enum catch_up c = SKIP; c <= EACH; c++) {
		judge(c, HOUR, age, 1, fires);
		cr_expect(fires[0], "%d", c);
	}
}

Test(schedule, missed_slots)
{
	static const int64_t ages[] = { 3 * HOUR, 2 * HOUR - 1, HOUR };
	static const int64_t late[] = { 4 * HOUR, 3 * HOUR, 2 * HOUR };
	bool fires[8];

	judge(SKIP, 2 * HOUR, ages, 3, fires);
	cr_expect(!fires[0] && !fires[1] && !fires[2]);
	judge(ONCE, 2 * HOUR, ages, 3, fires);
	cr_expect(!fires[0] && !fires[1] && fires[2], "the latest alone");
	judge(EACH, 2 * HOUR, ages, 3, fires);
	cr_expect(!fires[0] && fires[1] && fires[2], "every young one");
	judge(ONCE, 2 * HOUR, late, 3, fires);
	cr_expect(!fires[0] && !fires[1] && !fires[2], "at the limit it is too old");
	judge(ONCE, 2 * HOUR, late, 0, fires);
}
