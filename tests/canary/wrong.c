/* wrong: canary. An assertion fails. */
#include <criterion/criterion.h>

Test(canary, wrong)
{
	cr_assert_eq(1, 2, "one is not two");
}
