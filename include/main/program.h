/* program: what every main() does alike: help, version, configuration. */
#ifndef MAIN_PROGRAM_H
#define MAIN_PROGRAM_H

#include "base/conf.h"
#include "model/form.h"

struct program {
	struct arena *arena; /* for the process's life */
	struct settings *settings;
	struct conf conf;
};

/* --help, --version and whatever getopt refused: prints and exits. */
_Noreturn void program_word(int option, const char *help);
_Noreturn void program_usage(const char *what);

/* Reads the configuration; on a reload only RELOAD keys take their new value. False: logged,
 * and what was there stays. `path` NULL: the default place, which may be empty. */
bool program_load(struct program *p, const char *path);

#endif
