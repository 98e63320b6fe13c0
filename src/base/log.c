/* log: writes each line with one write(), so lines of many workers never mix. */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { MARK_LEN = 3, PATIENCE_MS = 50 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const marks[] = { "<7>", "<6>", "<4>", "<3>" }; /* sd-daemon(3) */

static struct {
	const char *service, *dir, *request_id;
	enum log_level level;
	int combined_fd, error_fd;
	bool journal; /* stderr is the journal's, which takes a mark from each line */
	int64_t lost; /* lines that stderr did not take */
} log_state = { .service = "codegram", .level = LEVEL_INFO, .combined_fd = -1, .error_fd = -1 };

bool
log_level_of(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(level_names[i], name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

static int
log_file(const char *name, int old_fd)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", log_state.dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	/* Without a descriptor or room for another file the old one goes on. */
	if (fd < 0)
		return old_fd;
	if (old_fd >= 0)
		close(old_fd);
	return fd;
}

void
log_reopen(void)
{
	if (log_state.dir == NULL || *log_state.dir == '\0')
		return;
	log_state.combined_fd = log_file("combined.log", log_state.combined_fd);
	log_state.error_fd = log_file("error.log", log_state.error_fd);
}

/* systemd names the journal's stream by device and inode; stderr may be another one since. */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
log_open(const char *service, enum log_level level, const char *dir)
{
	log_state.service = service;
	log_state.level = level;
	log_state.dir = dir;
	log_state.journal = is_journal(STDERR_FILENO);
	log_reopen();
}

void
log_request(const char *request_id)
{
	log_state.request_id = request_id;
}

const char *
log_mark(enum log_level level)
{
	return log_state.journal ? marks[level] : "";
}

bool
log_wants(enum log_level level)
{
	return level >= log_state.level;
}

static void
log_pair(struct buf *b, const char *name, const char *text)
{
	buf_puts(b, ",\"");
	buf_puts(b, name);
	buf_puts(b, "\":\"");
	buf_json_any(b, span_of(text));
	buf_char(b, '"');
}

static void
log_line(struct buf *b, enum log_level level, const char *event, const struct log_field *fields)
{
	buf_puts(b, marks[level]);
	buf_puts(b, "{\"timestamp\":\"");
	buf_time(b, clock_now());
	buf_char(b, '"');
	log_pair(b, "level", level_names[level]);
	log_pair(b, "service", log_state.service);
	log_pair(b, "message", event);
	if (log_state.request_id != NULL)
		log_pair(b, "request_id", log_state.request_id);
	for (; fields->name != NULL; fields++) {
		if (!fields->is_number) {
			log_pair(b, fields->name, fields->text);
			continue;
		}
		buf_puts(b, ",\"");
		buf_puts(b, fields->name);
		buf_puts(b, "\":");
		buf_int(b, fields->number);
	}
	buf_puts(b, "}\n");
}

/* A log that can't be written must not stop a request. False: whoever reads it has stopped, or
 * its disk is full. */
static bool
log_out(int fd, struct span line)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, log_state.lost ? 0 : PATIENCE_MS) > 0 &&
	       write(fd, line.ptr, line.len) == (ssize_t)line.len;
}

/* Once lines get through again: how many did not. */
static void
tell_lost(void)
{
	int64_t lost = log_state.lost;

	log_state.lost = 0;
	if (lost > 0)
		LOG(LEVEL_WARN, "log.lost", L_INT("lines", lost));
}

void
log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	static struct buf line = { .max = 16 * 1024 };
	struct span text;

	buf_reset(&line);
	log_line(&line, level, event, fields);
	if (!buf_ok(&line)) {
		buf_reset(&line);
		log_line(&line, level, event, &L_END);
	}
	if (!buf_ok(&line)) { /* no memory */
		log_state.lost++;
		return;
	}
	text = (struct span){ buf_span(&line).ptr + MARK_LEN, buf_span(&line).len - MARK_LEN };
	if (log_state.combined_fd >= 0)
		log_out(log_state.combined_fd, text);
	if (log_state.error_fd >= 0 && level == LEVEL_ERROR)
		log_out(log_state.error_fd, text);
	if (log_out(STDERR_FILENO, log_state.journal ? buf_span(&line) : text))
		tell_lost();
	else
		log_state.lost++;
}
