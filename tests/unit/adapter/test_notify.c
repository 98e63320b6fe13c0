/* notify: what a program takes from systemd is what systemd hands over. */
#include "adapter/notify.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A socket of `type` as descriptor 3, as systemd leaves it: it blocks. */
static void
hand_over(int type, bool listens)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	char pid[24];
	int fd = socket(AF_UNIX, type, 0);

	bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)); /* a name by itself */
	if (listens)
		listen(fd, 8);
	dup2(fd, 3);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
}

/* In a process of its own, whose descriptor 3 is nobody's: 0, or what did not hold. */
static int
never_blocks(void)
{
	hand_over(SOCK_STREAM, true);
	if (fcntl(3, F_GETFL) & O_NONBLOCK)
		return 1;
	if (notify_listen_fd() != 3)
		return 2;
	if (!(fcntl(3, F_GETFL) & O_NONBLOCK) || !(fcntl(3, F_GETFD) & FD_CLOEXEC))
		return 3;
	return accept(3, NULL, NULL) == -1 && errno == EAGAIN ? 0 : 4;
}

static int
no_listener(void)
{
	hand_over(SOCK_STREAM, false);
	return notify_listen_fd() == -1 && errno == ENOTSOCK ? 0 : 1;
}

static int
datagrams(void)
{
	hand_over(SOCK_DGRAM, false);
	return notify_listen_fd() == -1 && errno == ENOTSOCK ? 0 : 1;
}

static int
nothing(void)
{
	unsetenv("LISTEN_FDS");
	return notify_listen_fd() == -1 && errno == ENOENT ? 0 : 1;
}

static int
for_another_process(void)
{
	hand_over(SOCK_STREAM, true);
	setenv("LISTEN_PID", "1", 1);
	return notify_listen_fd() == -1 && errno == ENOENT ? 0 : 1;
}

Test(notify, sockets_that_are_handed_over)
{
	int (*const tries[])(
	    void) = { never_blocks, no_listener, datagrams, nothing, for_another_process };

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(tries[i]());
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect_eq(status, 0, "%zu: %d", i, WEXITSTATUS(status));
	}
}
