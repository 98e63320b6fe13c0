/* notify: libsystemd. */
#include "adapter/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

enum { SLACK_MS = 5000 }; /* between the program's own limit and systemd's */

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_stopping(int64_t within_ms)
{
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
	    (long long)(within_ms + SLACK_MS) * 1000);
}

void
notify_reloading(void)
{
	sd_notify(0, "RELOADING=1");
}

void
notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

int64_t
notify_watchdog_interval(void)
{
	uint64_t micros;

	return sd_watchdog_enabled(0, &micros) > 0 ? (int64_t)micros : 0;
}

int
notify_listen_fd(void)
{
	int fd = SD_LISTEN_FDS_START, flags;

	if (sd_listen_fds(0) < 1)
		return errno = ENOENT, -1;
	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return errno = ENOTSOCK, -1;
	if ((flags = fcntl(fd, F_GETFL)) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	return fd;
}
