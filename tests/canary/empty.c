/* empty: canary. A program without any test; the one below is never run. */
#include <criterion/criterion.h>

Test(canary, empty, .disabled = true)
{
	cr_assert(true);
}
