/* clean: texts of other systems, made to fit by our own rules, or left out. Pure. */
#ifndef MODEL_CLEAN_H
#define MODEL_CLEAN_H

#include "base/field.h"

/* One line as rule_line has it: white space and controls become single blanks, what turns the line
 * or is no UTF-8 is dropped, and it is cut behind `most` characters. NULL: nothing is left to be
 * seen. */
enum err clean_line(const char *text, int64_t most, struct arena *arena, const char **out);

/* An address as rule_url has it, https when it names no scheme; NULL when it is none, or has more
 * than `most` characters. */
enum err clean_url(const char *text, int64_t most, struct arena *arena, const char **out);

#endif
