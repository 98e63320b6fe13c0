/* undefined: canary. An overflow that nothing but UBSan sees. */
#include <criterion/criterion.h>
#include <limits.h>

Test(canary, undefined)
{
	volatile int n = INT_MAX;

	n = n + 1;
	cr_assert_lt(n, 0);
}
