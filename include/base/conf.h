/* conf: fills a settings struct from a KEY=value file, the environment and credential files.
 * The keys are rows (model/settings.def); this file knows none of them.
 * Order: fallback, file, environment; a SECRET key also from $CREDENTIALS_DIRECTORY/<KEY> or
 * the file that <KEY>_FILE names, which both win over the file; an empty one is none. Line ends
 * behind it are not its own; more lines, a NUL and blanks at its ends are refused. */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/field.h"

enum conf_origin { CONF_DEFAULT, CONF_FILE, CONF_ENVIRONMENT, CONF_CREDENTIAL };

/* Every fault of a configuration, for whoever wants to see them all. */
enum { CONF_FINDINGS_MAX = 32 };
struct conf_findings {
	const char *text[CONF_FINDINGS_MAX];
	size_t count; /* further ones are not kept */
	int unread;   /* why the file was not: an errno; 0: it was, or needn't be there */
};

struct conf {
	const struct form *form;
	void *settings;                 /* the form's struct */
	unsigned char origin[64];       /* enum conf_origin of each field */
	struct conf_findings *findings; /* NULL: the first fault ends the load */
};

/* With `findings` a fault goes there, its key keeps the fallback, and the load goes on; a file that
 * can't be read is the only one then, and all keys have their fallbacks. A missing file is an error
 * only when `must_exist`. Texts live in the scope's arena. Unknown keys in the file are faults, so
 * a typo is never dropped silently. */
enum err conf_load(struct conf *c, const char *path, bool must_exist, struct scope *scope);

const char *conf_origin_name(enum conf_origin o);

#endif
