/* log: one JSON object a line: timestamp, level, service, message (an event's name),
 * request_id, then fields; to stderr, and to LOG_DIR when that is set. When stderr is the
 * journal's, the level stands before the line as a priority ("<3>", sd-daemon(3)). Values are
 * escaped, so a stranger's text can never make a second line. Secrets must not come here. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

struct log_field {
	const char *name; /* NULL ends the list */
	const char *text;
	int64_t number;
	bool is_number;
};

#define L_TEXT(name, value) ((struct log_field){ name, value, 0, false })
#define L_INT(name, value) ((struct log_field){ name, NULL, (int64_t)(value), true })
#define L_END ((struct log_field){ NULL, NULL, 0, false })

/* LOG(LEVEL_INFO, "worker.started", L_INT("pid", pid), L_TEXT("pool", name)); */
#define LOG(level, ...)                                                                        \
	do {                                                                                   \
		if (log_wants(level))                                                          \
			LOG_WRITE(level, __VA_ARGS__, L_END);                                  \
	} while (0)
#define LOG_WRITE(level, event, ...)                                                           \
	log_write(level, event, (const struct log_field[]){ __VA_ARGS__ })

bool log_level_of(const char *name, enum log_level *out);
const char *log_level_name(enum log_level level);

/* `service` and `dir` (NULL: stderr alone) are kept, not copied. */
void log_open(const char *service, enum log_level level, const char *dir);
void log_reopen(void);                    /* after logrotate moved the files */
void log_request(const char *request_id); /* NULL: none; kept, not copied */

/* What a line on stderr begins with that is no LOG: its priority, for the journal, or "". */
const char *log_mark(enum log_level level);
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
