/* fastcgi: wait, accept, read, write, finish. */
#include "adapter/fastcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

struct fastcgi {
	FCGX_Request request;
	int epoll_fd, listen_fd, signal_fd;
};

int
fastcgi_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* A socket that somebody answers on is not ours to replace. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		close(fd);
		errno = EADDRINUSE;
		return -1;
	}
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
watch(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct fastcgi *
fastcgi_open(int listen_fd, int signal_fd)
{
	struct fastcgi *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	/* The library waits two seconds for a silent peer, and as long at close; only nginx
	 * can connect, so a tenth of a second is plenty. */
	setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "100", 1);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 1);
	f->listen_fd = listen_fd;
	f->signal_fd = signal_fd;
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll_fd < 0 || FCGX_Init() != 0 ||
	    FCGX_InitRequest(&f->request, listen_fd, 0) != 0 ||
	    !watch(f->epoll_fd, signal_fd, EPOLLIN) ||
	    !watch(f->epoll_fd, listen_fd, EPOLLIN | EPOLLEXCLUSIVE)) {
		fastcgi_close(f);
		return NULL;
	}
	return f;
}

void
fastcgi_close(struct fastcgi *f)
{
	if (f == NULL)
		return;
	FCGX_Free(&f->request, 1);
	if (f->epoll_fd >= 0)
		close(f->epoll_fd);
	free(f);
}

enum fastcgi_event
fastcgi_wait(struct fastcgi *f, int timeout_ms)
{
	struct epoll_event ready[2];
	int n = epoll_wait(f->epoll_fd, ready, 2, timeout_ms);

	for (int i = 0; i < n; i++)
		if (ready[i].data.fd == f->signal_fd)
			return FASTCGI_SIGNAL;
	return n > 0 ? FASTCGI_READY : FASTCGI_NOTHING;
}

enum fastcgi_event
fastcgi_pause(struct fastcgi *f, int timeout_ms)
{
	struct pollfd p = { f->signal_fd, POLLIN, 0 };

	return poll(&p, 1, timeout_ms) > 0 ? FASTCGI_SIGNAL : FASTCGI_NOTHING;
}

enum fastcgi_accepted
fastcgi_accept(struct fastcgi *f)
{
	int e = FCGX_Accept_r(&f->request);

	if (e == 0)
		return FASTCGI_REQUEST;
	errno = -e;
	return e == -EMFILE || e == -ENFILE || e == -ENOBUFS || e == -ENOMEM ? FASTCGI_FULL
	                                                                     : FASTCGI_NONE;
}

struct span
fastcgi_param(struct fastcgi *f, const char *name)
{
	return span_of(FCGX_GetParam(name, f->request.envp));
}

struct span
fastcgi_param_at(struct fastcgi *f, const char *name, size_t which)
{
	size_t len = strlen(name);

	for (char **at = f->request.envp; at != NULL && *at != NULL; at++)
		if (strncmp(*at, name, len) == 0 && (*at)[len] == '=' && which-- == 0)
			return span_of(*at + len + 1);
	return (struct span){ NULL, 0 };
}

size_t
fastcgi_read(struct fastcgi *f, char *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		int n = FCGX_GetStr(to + got, (int)(size - got), f->request.in);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

bool
fastcgi_write(struct fastcgi *f, struct span text)
{
	return text.len == 0 ||
	       FCGX_PutStr(text.ptr, (int)text.len, f->request.out) == (int)text.len;
}

void
fastcgi_finish(struct fastcgi *f)
{
	FCGX_Finish_r(&f->request);
}
