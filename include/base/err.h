/* err: the few words by which every function says how it ended, and the story behind a word.
 * The words are rows of err.def; the story is put once, where it is known, and printed by the
 * frame (log line, answer). Programmer errors are assert(). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/span.h"

enum err {
	OK = 0,
#define ERR(word, status, code, level, message) ERR_##word,
#include "base/err.def"
#undef ERR
	ERR_COUNT
};

/* Returns any word but OK from the calling function. */
#define TRY(call)                                                                              \
	do {                                                                                   \
		enum err try_err = (call);                                                     \
		if (try_err != OK)                                                             \
			return try_err;                                                        \
	} while (0)

struct err_row {
	const char *word; /* for the log */
	int status;       /* of HTTP */
	const char *code; /* in the answer, never translated */
	int level;        /* enum log_level */
	const char *message;
};

const struct err_row *err_row(enum err e);

/* Trouble that is over by itself (a server is away, a lock was another's): whoever met it has done
 * nothing wrong, and may come again. */
bool err_passes(enum err e);

enum { FAULT_FIELDS_MAX = 32, FAULT_STORY_MAX = 512 };

/* One faulty field: `field` is a JSON Pointer into the body or `?name`. */
struct fault_field {
	char field[96];
	const char *code;
	const char *message;
	int64_t limit; /* 0: none */
};

struct fault {
	const char *message; /* for the answer instead of the row's, static or in the arena */
	char
	    story[FAULT_STORY_MAX]; /* for the log only: may name inner things, never secrets */
	char code[24]; /* of who refused: a SQLSTATE, or the first word of Redis's error */
	struct fault_field fields[FAULT_FIELDS_MAX];
	size_t count;    /* further faulty fields are not kept */
	int retry_after; /* seconds for Retry-After, 0: the row's default */
};

void fault_reset(struct fault *f);

/* Keeps the first story and returns `e`, so `return fault(f, ERR_INTERNAL, "…")` reads well. */
enum err fault(struct fault *f, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keeps the first code. */
void fault_word(struct fault *f, struct span code);

/* Adds a faulty field. `code` and `message` must outlive the request. Returns ERR_INVALID. */
enum err fault_field(
    struct fault *f, const char *field, const char *code, const char *message, int64_t limit);

#endif
