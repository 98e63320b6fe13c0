/* notify: libsystemd. */
#include "adapter/notify.h"

#include <systemd/sd-daemon.h>

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
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

void
notify_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
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
	return sd_listen_fds(0) > 0 ? SD_LISTEN_FDS_START : -1;
}
