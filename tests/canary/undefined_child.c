/* undefined_child: canary. UBSan ends a child whose death the test does not look at. */
#include <criterion/criterion.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

Test(canary, undefined_child)
{
	volatile int n = INT_MAX;
	pid_t child = fork();

	if (child == 0) {
		n = n + 1;
		_exit(0);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
}
