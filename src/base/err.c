/* err: the table of words and the fault record. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

static const struct err_row rows[ERR_COUNT] = {
	[OK] = { "OK", 200, "OK", LEVEL_INFO, "" },
#define ERR(word, status, code, level, message)                                                \
	[ERR_##word] = { #word, status, code, level, message },
#include "base/err.def"
#undef ERR
};

const struct err_row *
err_row(enum err e)
{
	assert(e < ERR_COUNT);
	return &rows[e];
}

bool
err_passes(enum err e)
{
	return e == ERR_AWAY || e == ERR_BUSY || e == ERR_RETRY || e == ERR_UNKNOWN_COMMIT;
}

void
fault_reset(struct fault *f)
{
	f->message = NULL;
	f->story[0] = '\0';
	f->code[0] = '\0';
	f->count = 0;
	f->retry_after = 0;
}

enum err
fault(struct fault *f, enum err e, const char *format, ...)
{
	va_list args;

	if (f->story[0] == '\0') {
		va_start(args, format);
		vsnprintf(f->story, sizeof(f->story), format, args);
		va_end(args);
	}
	return e;
}

void
fault_word(struct fault *f, struct span code)
{
	if (f->code[0] == '\0')
		snprintf(f->code, sizeof(f->code), "%.*s", (int)(code.len < 23 ? code.len : 23),
		    code.ptr);
}

enum err
fault_field(
    struct fault *f, const char *field, const char *code, const char *message, int64_t limit)
{
	struct fault_field *at = &f->fields[f->count];

	if (f->count == FAULT_FIELDS_MAX)
		return ERR_INVALID;
	snprintf(at->field, sizeof(at->field), "%s", field);
	at->code = code;
	at->message = message;
	at->limit = limit;
	f->count++;
	return ERR_INVALID;
}
