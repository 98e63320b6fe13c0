/* words: commands, verbs and options by their rows; help, and the nearest word of one that is
 * none. */
#ifndef CTL_WORDS_H
#define CTL_WORDS_H

#include "ctl/command.h"

struct ctl_verb {
	const char *command, *name, *arguments, *help;
};
struct ctl_option {
	const char *command, *verbs, *name, *value, *help;
};
extern const struct ctl_verb ctl_verbs[];     /* end with a NULL command */
extern const struct ctl_option ctl_options[]; /* likewise */

/* NULL: there is none; said on stderr, with the nearest one. */
const struct command *words_command(const char *name);

/* The verb that these words name, the first one when none is given and none must be; NULL: the
 * command has none, or it is wrong. */
const struct ctl_verb *words_verb(const struct command *c, int argc, char *const *argv);

/* Whether the option belongs to the verb (NULL: to the command). */
bool words_fits(const struct ctl_option *o, const struct command *c, const struct ctl_verb *v);

/* CTL_OK, or CTL_USAGE when a verb or option is none of the command's, or lacks its value. */
int words_check(const struct command *c, int argc, char *const *argv);

/* The help of all; of the command, or of its verb that these words name. */
void words_help(void);
void words_help_command(const struct command *c, int argc, char *const *argv);

/* Of `names` the one that was most probably meant; NULL: none is near. */
const char *words_near(const char *word, const char *const *names, size_t count);

#endif
