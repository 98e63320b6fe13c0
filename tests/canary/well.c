/* well: no canary, but the air: two tests pass and one is skipped. */
#include <criterion/criterion.h>

Test(canary, well)
{
	cr_assert_eq(1, 1);
}

Test(canary, well_too)
{
	cr_assert_eq(2, 2);
}

Test(canary, skipped)
{
	cr_skip("the reason of the skipped one");
}
