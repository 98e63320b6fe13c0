/* fastcgi: libfcgi behind a waiting loop of our own, because its signal handling cuts answers:
 * signals stay blocked and come by descriptor, looked at before the listening socket.
 * Owns the connection of the request being served. */
#ifndef ADAPTER_FASTCGI_H
#define ADAPTER_FASTCGI_H

#include "base/span.h"

struct fastcgi;

/* A listening Unix socket of mode 0660, in place of whatever stood at `path`; -1: errno. */
int fastcgi_listen(const char *path);

/* One per process, after fork. NULL: errno. */
struct fastcgi *fastcgi_open(int listen_fd, int signal_fd);
void fastcgi_close(struct fastcgi *f);

enum fastcgi_event { FASTCGI_READY, FASTCGI_SIGNAL, FASTCGI_NOTHING };

/* Waits for a connection or a readable signal_fd, at most `timeout_ms` (-1: for ever). Of the
 * workers that share a socket one is woken (EPOLLEXCLUSIVE), not all. */
enum fastcgi_event fastcgi_wait(struct fastcgi *f, int timeout_ms);

/* The same for signals alone. */
enum fastcgi_event fastcgi_pause(struct fastcgi *f, int timeout_ms);

/* FASTCGI_NONE: another worker was quicker, or it was no request. FASTCGI_FULL: there is no
 * descriptor (or memory) left to take it with, and it waits on; errno tells. */
enum fastcgi_accepted { FASTCGI_REQUEST, FASTCGI_NONE, FASTCGI_FULL };

/* Takes the connection and reads the request's parameters, for as long as the other side takes:
 * the caller is being watched. */
enum fastcgi_accepted fastcgi_accept(struct fastcgi *f);

/* A parameter of the request, e.g. "REQUEST_URI"; empty when it was not sent. */
struct span fastcgi_param(struct fastcgi *f, const char *name);

/* The one of several of that name, from 0, in the order of the request's lines; ptr is NULL
 * after the last. */
struct span fastcgi_param_at(struct fastcgi *f, const char *name, size_t which);

/* Less than `size` at the end of the body; what it returns is what was read. */
size_t fastcgi_read(struct fastcgi *f, char *to, size_t size);

/* False: the other side is gone. */
bool fastcgi_write(struct fastcgi *f, struct span text);
void fastcgi_finish(struct fastcgi *f);

#endif
