/* silent: canary. The program says success without having run a test. */
#include <criterion/criterion.h>
#include <unistd.h>

__attribute__((constructor)) static void
leave(void)
{
	_exit(0);
}

Test(canary, silent)
{
	cr_assert(true);
}
