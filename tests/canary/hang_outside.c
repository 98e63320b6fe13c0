/* hang_outside: canary. The program never comes to its tests, so only the time-out of the
 * whole program helps; and it is deaf to SIGTERM. */
#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void
hang(void)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

Test(canary, hang_outside)
{
	cr_assert(true);
}
