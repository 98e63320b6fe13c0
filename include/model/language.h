/* language: which language a piece of code is in, by its file's name, its first line, or what
 * stands in it. The names and signs are rows of language.def. */
#ifndef MODEL_LANGUAGE_H
#define MODEL_LANGUAGE_H

#include "base/span.h"

/* The name that CodeGram uses, from any case or alias ("js" → "javascript"); NULL: unknown. */
const char *language_name(struct span word);

/* By file name (together with what stands in it, where several languages share its end), else #!
 * line, else what stands in the first 4 KiB when that leaves no doubt, else
 * "plaintext", as when the #! line names what we don't know. `filename` may be NULL. Never NULL. */
const char *language_guess(const char *filename, struct span code);

/* By what stands in it; NULL when it is not sure. */
const char *language_of_content(struct span code);

/* By the file's name alone; NULL when it tells nothing. */
const char *language_of_file(const char *filename);

#endif
