/* hang: canary. A test that never ends, without a time-out of its own. */
#include <criterion/criterion.h>

Test(canary, hang)
{
	for (volatile unsigned turns = 0;; turns++)
		;
}
