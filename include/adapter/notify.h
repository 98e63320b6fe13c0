/* notify: what systemd is told and what it hands over. All of it does nothing without it. */
#ifndef ADAPTER_NOTIFY_H
#define ADAPTER_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
/* It takes at most so many milliseconds, whatever TimeoutStopSec says. */
void notify_stopping(int64_t within_ms);
void notify_watchdog(void);

/* Microseconds within which notify_watchdog() is expected; 0: not at all. */
int64_t notify_watchdog_interval(void);

/* The first inherited socket, or -1 with errno (ENOENT: none was handed over). It never blocks:
 * systemd hands over one that does, and of the processes woken for a connection all but one
 * would sit in accept() until the next. */
int notify_listen_fd(void);

#endif
