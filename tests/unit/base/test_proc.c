/* proc: signals come by descriptor, and no child outlives its parent. */
#include "base/proc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

Test(proc, signals_come_by_descriptor)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
	int fd = proc_signals();

	cr_assert_geq(fd, 0);
	cr_assert_eq(proc_next_signal(fd), 0, "nothing is pending, and it does not wait");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		cr_assert_eq(kill(getpid(), wanted[i]), 0);
		cr_assert_eq(proc_next_signal(fd), wanted[i]);
	}
	cr_assert_eq(proc_next_signal(fd), 0);
	close(fd);
}

Test(proc, sigpipe_kills_nobody)
{
	int fd = proc_signals(), ends[2];

	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_assert_lt(write(ends[1], "x", 1), 0);
	cr_assert_eq(errno, EPIPE);
	cr_assert_eq(proc_next_signal(fd), 0, "and it is no event either");
	close(ends[1]);
	close(fd);
}

Test(proc, each_process_has_signals_of_its_own)
{
	int fd = proc_signals(), status;
	pid_t child = proc_fork();

	if (child == 0) {
		int own = proc_signals();
		bool ok = kill(getpid(), SIGUSR1) == 0 && proc_next_signal(own) == SIGUSR1 &&
		          proc_next_signal(own) == 0;
		_exit(ok ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(
	    proc_next_signal(fd), SIGCHLD, "its own signals stay away from the parent");
	cr_assert_eq(proc_next_signal(fd), 0);
	close(fd);
}

/* The grandchild holds the pipe's end; when nobody holds it any more, it is dead. */
Test(proc, a_child_dies_with_its_parent)
{
	int ends[2], status;
	struct pollfd end;
	pid_t middle;
	char byte;

	cr_assert_eq(pipe(ends), 0);
	middle = fork();
	if (middle == 0) {
		pid_t grandchild = proc_fork();
		if (grandchild == 0) {
			if (write(ends[1], "x", 1) == 1)
				for (;;)
					pause();
			_exit(1);
		}
		/* Only once it runs: its parent dies then, and not before it asked. */
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[1]);
	cr_assert_eq(waitpid(middle, &status, 0), middle);
	cr_assert_eq(status, 0);
	end = (struct pollfd){ ends[0], POLLIN, 0 };
	cr_assert_eq(poll(&end, 1, 10000), 1, "the grandchild lives on");
	cr_assert_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

Test(proc, files_up_to_the_hard_limit)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	proc_raise_files();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}
