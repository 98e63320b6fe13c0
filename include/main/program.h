/* program: what every main() does alike: help, version, configuration. */
#ifndef MAIN_PROGRAM_H
#define MAIN_PROGRAM_H

#include "base/conf.h"
#include "base/counter.h"
#include "model/form.h"

struct program {
	struct arena *arena; /* for the process's life */
	struct settings *settings;
	struct conf conf;
	struct conf_findings *findings; /* NULL: a faulty configuration is refused */
};

/* What git calls the commit this was built from, "-dirty" behind it when it was changed; empty
 * when it was built without git. */
extern const char program_commit[];

/* --help, --version and whatever getopt refused: prints and exits. */
_Noreturn void program_word(int option, const char *help);
_Noreturn void program_usage(const char *what);

/* Whether all of the output is out: a script must not go on with half of what it asked for. Says
 * why not, with `word` behind the program's name; who reads no further knows. */
bool program_written(const char *word);

/* Reads the configuration; on a reload only RELOAD keys take their new value. False: logged,
 * and what was there stays. `path` NULL: the default place, which may be empty. */
bool program_load(struct program *p, const char *path);

/* The program's counters, RUN_DIR/stats/NAME.stats, or NAME-2 … when somebody has that one;
 * NULL: logged, and counting goes nowhere. */
struct counter_file *program_counters(const struct program *p, const char *name, size_t max);

#endif
