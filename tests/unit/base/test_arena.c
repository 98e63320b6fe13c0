/* arena: the ceiling, what a reset leaves, the order in which handles are released. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>

static char order[16];
static size_t released;

static void
note(void *handle)
{
	order[released++] = *(char *)handle;
}

Test(arena, hands_out_zeroed_aligned_separate_memory)
{
	struct arena *a = arena_make(64, 1 << 20);
	char *before = NULL;

	for (size_t size = 0; size < 300; size++) {
		char *at = arena_alloc(a, size);
		cr_assert_not_null(at);
		cr_assert_eq((uintptr_t)at % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			cr_assert_eq(at[i], 0);
		memset(at, 0xEE, size);
		if (before != NULL && size > 1)
			cr_assert_eq(before[size - 2], (char)0xEE, "an earlier one was cut");
		before = size ? at : NULL;
	}
	arena_free(a);
}

Test(arena, zeroes_again_what_was_used_before_a_reset)
{
	struct arena *a = arena_make(1024, 4096);
	char *first = arena_alloc(a, 512), *again;

	memset(first, 0x55, 512);
	arena_reset(a);
	again = arena_alloc(a, 512);
	cr_assert_eq(again, first, "the first block is kept");
	for (size_t i = 0; i < 512; i++)
		cr_assert_eq(again[i], 0);
	arena_free(a);
}

Test(arena, ceiling_bounds_one_life)
{
	struct arena *a = arena_make(64, 1024);

	cr_assert_null(arena_alloc(a, 1025));
	cr_assert_null(arena_alloc(a, SIZE_MAX));
	cr_assert_null(arena_alloc(a, SIZE_MAX - 15));
	cr_assert_not_null(arena_alloc(a, 1008));
	cr_assert_eq(arena_used(a), 1008);
	cr_assert_null(arena_alloc(a, 17));
	cr_assert_not_null(arena_alloc(a, 16));
	cr_assert_null(arena_alloc(a, 1));
	cr_assert_null(arena_text(a, SPAN("x")));
	cr_assert_null(arena_format(a, "%d", 1));
	cr_assert_eq(arena_used(a), 1024);
	arena_reset(a);
	cr_assert_eq(arena_used(a), 0);
	cr_assert_not_null(arena_alloc(a, 1024));
	arena_free(a);
}

Test(arena, a_ceiling_between_two_steps_holds_too)
{
	struct arena *a = arena_make(64, 1000);

	cr_assert_not_null(arena_alloc(a, 992));
	for (int i = 0; i < 100; i++)
		cr_assert_null(arena_alloc(a, 8));
	cr_assert_leq(arena_used(a), 1000);
	arena_free(a);
}

Test(arena, many_lives_do_not_grow)
{
	struct arena *a = arena_make(128, 1 << 20);

	for (int life = 0; life < 1000; life++) {
		for (int i = 0; i < 40; i++)
			cr_assert_not_null(arena_alloc(a, 1000));
		arena_reset(a);
		cr_assert_eq(arena_used(a), 0);
	}
	arena_free(a);
}

Test(arena, poisons_after_reset_and_behind_what_it_gave)
{
	struct arena *a = arena_make(4096, 1 << 20);
	char *small = arena_alloc(a, 5), *large = arena_alloc(a, 100);

	cr_assert(__asan_address_is_poisoned(small + 8), "behind a small one");
	cr_assert_not(__asan_address_is_poisoned(small + 4));
	cr_assert_not(__asan_address_is_poisoned(large + 99));
	arena_reset(a);
	cr_assert(__asan_address_is_poisoned(small));
	cr_assert(__asan_address_is_poisoned(large + 99));
	arena_free(a);
}

Test(arena, releases_the_latest_first_and_once)
{
	struct arena *a = arena_make(64, 1 << 20);
	char names[] = "abc";

	for (int i = 0; i < 3; i++)
		cr_assert(arena_defer(a, note, &names[i]));
	cr_assert_eq(released, 0);
	arena_reset(a);
	cr_assert_str_eq(order, "cba");
	arena_reset(a);
	cr_assert_eq(released, 3, "released twice");
	cr_assert(arena_defer(a, note, &names[0]));
	arena_free(a);
	cr_assert_eq(released, 4, "arena_free() releases too");
}

Test(arena, defer_that_fails_has_released)
{
	struct arena *a = arena_make(16, 16);
	char name = 'x';

	cr_assert_not(arena_defer(a, note, &name));
	cr_assert_eq(released, 1);
	arena_free(a);
	cr_assert_eq(released, 1);
}

Test(arena, text_and_format)
{
	struct arena *a = arena_make(64, 1 << 20);
	char *text = arena_text(a, SPAN("a\0b"));

	cr_assert_eq(memcmp(text, "a\0b", 4), 0);
	cr_assert_str_eq(arena_text(a, (struct span){ NULL, 0 }), "");
	cr_assert_str_eq(arena_format(a, "%s-%d-%s", "x", -7, ""), "x--7-");
	text = arena_format(a, "%5000d", 1);
	cr_assert_eq(strlen(text), 5000);
	arena_free(a);
}

Test(arena, free_of_nothing)
{
	arena_free(NULL);
}
