/* early: canary. The test's process ends well before its failing assertion is reached;
 * Criterion calls that passed. */
#include <criterion/criterion.h>
#include <unistd.h>

Test(canary, early)
{
	_exit(0);
}
