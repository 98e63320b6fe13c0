/* notify: what systemd is told and what it hands over. All of it does nothing without it. */
#ifndef ADAPTER_NOTIFY_H
#define ADAPTER_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_stopping(void);
void notify_reloading(void);
void notify_watchdog(void);
void notify_status(const char *text);

/* Microseconds within which notify_watchdog() is expected; 0: not at all. */
int64_t notify_watchdog_interval(void);

/* The first inherited socket, or -1. */
int notify_listen_fd(void);

#endif
