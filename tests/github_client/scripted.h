/* scripted: a small HTTP server in a thread of the test, which answers what the test's script
 * says, step by step, and keeps what it was asked. Loopback only; http alone. */
#ifndef GITHUB_CLIENT_SCRIPTED_H
#define GITHUB_CLIENT_SCRIPTED_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

enum how { ANSWER, RESET, SILENCE, DRIP };

struct step {
	const char *want; /* the request begins so; NULL: whatever it is */
	int status;
	const char *headers; /* each ending in \r\n; NULL: none */
	const char *body;
	enum how how;
};

enum { ASKED_MAX = 64, STEPS_MAX = 64, PEERS_MAX = 16 };

static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	int listener, stop[2], port;
	char url[64];
	struct step step[STEPS_MAX];
	size_t steps, at;
	char asked[ASKED_MAX][8192];
	size_t count, connections;
	char wrong[512];
} script = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
answer_step(int fd, const struct step *step)
{
	const char *body = step->body ? step->body : "";
	struct linger hard = { 1, 0 };
	struct buf b;

	if (step->how == RESET) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		shutdown(fd, SHUT_RD);
		return;
	}
	if (step->how == SILENCE)
		return;
	buf_init(&b, 16 * 1024 * 1024);
	buf_format(
	    &b, "HTTP/1.1 %d Scripted\r\n%s", step->status, step->headers ? step->headers : "");
	if (step->status != 204 && step->status != 304)
		buf_format(&b, "Content-Length: %zu\r\n",
		    strlen(body) + (step->how == DRIP ? 100 : 0));
	buf_puts(&b, "\r\n");
	if (step->status != 204 && step->status != 304)
		buf_puts(&b, body);
	(void)!send(fd, b.ptr, b.len, MSG_NOSIGNAL);
	buf_free(&b);
}

static void
take_request(int fd, const char *text)
{
	struct step step = { .status = 599 };

	pthread_mutex_lock(&script.lock);
	if (script.count < ASKED_MAX)
		snprintf(script.asked[script.count++], sizeof(script.asked[0]), "%s", text);
	if (script.at < script.steps)
		step = script.step[script.at++];
	if (step.status == 599 ||
	    (step.want && strncmp(text, step.want, strlen(step.want)) != 0))
		snprintf(script.wrong, sizeof(script.wrong), "not wanted: %.*s",
		    (int)strcspn(text, "\r"), text);
	pthread_mutex_unlock(&script.lock);
	answer_step(fd, &step);
}

/* The length of the whole first request in `text`, 0 while something is missing. */
static size_t
request_length(const char *text, size_t len)
{
	const char *end = strstr(text, "\r\n\r\n"),
	           *length = strcasestr(text, "Content-Length:");
	size_t body = length && end && length < end ? strtoul(length + 15, NULL, 10) : 0;
	size_t want = end ? (size_t)(end - text) + 4 + body : 0;

	return want <= len ? want : 0;
}

static void *
serve(void *unused)
{
	static char text[PEERS_MAX][64 * 1024];
	struct pollfd fds[PEERS_MAX + 2] = { { script.stop[0], POLLIN, 0 },
		{ script.listener, POLLIN, 0 } };
	size_t have[PEERS_MAX] = { 0 };

	for (size_t i = 2; i < PEERS_MAX + 2; i++)
		fds[i].fd = -1;
	while (poll(fds, PEERS_MAX + 2, -1) > 0 && !fds[0].revents) {
		for (size_t i = 0; i < PEERS_MAX; i++) {
			struct pollfd *p = &fds[i + 2];
			ssize_t n;
			if (p->fd < 0 || !p->revents)
				continue;
			n = read(p->fd, text[i] + have[i], sizeof(text[i]) - have[i] - 1);
			if (n <= 0) {
				close(p->fd);
				p->fd = -1;
				continue;
			}
			have[i] += (size_t)n;
			text[i][have[i]] = '\0';
			if (request_length(text[i], have[i]) > 0) {
				take_request(p->fd, text[i]);
				have[i] = 0;
			}
		}
		for (size_t i = 0; fds[1].revents && i < PEERS_MAX; i++)
			if (fds[i + 2].fd < 0) {
				fds[i + 2] =
				    (struct pollfd){ accept(script.listener, NULL, NULL),
					    POLLIN, 0 };
				have[i] = 0;
				script.connections++;
				break;
			}
	}
	for (size_t i = 1; i < PEERS_MAX + 2; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return unused;
}

static inline void
open_script(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	script.steps = script.at = script.count = script.connections = 0;
	script.wrong[0] = '\0';
	script.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(script.listener, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(listen(script.listener, 16), 0);
	cr_assert_eq(getsockname(script.listener, (struct sockaddr *)&at, &len), 0);
	script.port = ntohs(at.sin_port);
	snprintf(script.url, sizeof(script.url), "http://127.0.0.1:%d", script.port);
	cr_assert_eq(pipe(script.stop), 0);
	cr_assert_eq(pthread_create(&script.thread, NULL, serve, NULL), 0);
}

static inline void
close_script(void)
{
	(void)!write(script.stop[1], "x", 1);
	pthread_join(script.thread, NULL);
	close(script.stop[0]);
	close(script.stop[1]);
}

static inline void
next(struct step step)
{
	pthread_mutex_lock(&script.lock);
	cr_assert_lt(script.steps, STEPS_MAX);
	script.step[script.steps++] = step;
	pthread_mutex_unlock(&script.lock);
}

static inline void
say(const char *want, int status, const char *headers, const char *body)
{
	next((struct step){ want, status, headers, body, ANSWER });
}

/* Every step was taken, and nothing else was asked. */
static inline void
script_ended(const char *row)
{
	pthread_mutex_lock(&script.lock);
	cr_expect_str_empty(script.wrong, "%s: %s", row, script.wrong);
	cr_expect_eq(
	    script.at, script.steps, "%s: %zu of %zu asked", row, script.at, script.steps);
	script.steps = script.at = script.count = 0;
	script.wrong[0] = '\0';
	pthread_mutex_unlock(&script.lock);
}

/* Header `name` (with its colon) of request `i`; "" when it has none. */
static inline const char *
asked_header(size_t i, const char *name)
{
	static char value[2048];
	const char *at = i < script.count ? strcasestr(script.asked[i], name) : NULL;

	value[0] = '\0';
	if (at != NULL) {
		at += strlen(name);
		at += strspn(at, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	}
	return value;
}

#endif
