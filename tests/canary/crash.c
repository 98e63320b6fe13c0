/* crash: canary. */
#include <criterion/criterion.h>
#include <signal.h>

Test(canary, crash)
{
	raise(SIGKILL);
}
