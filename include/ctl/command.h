/* command: the operator's commands as rows, and what each of them is given. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "adapter/postgres.h"
#include "base/conf.h"
#include "model/form.h"
#include "queue/job.h"
#include "queue/schedule.h"

struct route; /* web/request.h */

struct ctl {
	const char *name; /* of the command */
	const struct settings *settings;
	const struct conf *conf;
	const char *conf_path;
	const struct conf_findings *findings; /* what is wrong with it */
	const char *share; /* PREFIX/share/codegram: what is installed beside the program */
	struct scope scope;
	bool json;
	struct db *db;                    /* by ctl_db(); freed by main() */
	const struct schedule *schedules; /* job/schedules.def */
	size_t schedule_count;
	const struct job_row *jobs; /* job/jobs.def */
	size_t job_count;
	const struct route *routes; /* api/routes.def */
	size_t route_count;
};

struct command {
	const char *name, *arguments, *help, *details;
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

extern const struct command commands[]; /* ends with a NULL name */

#define COMMAND(name, arguments, help, details)                                                \
	int command_##name(struct ctl *ctl, int argc, char **argv);
#include "ctl/commands.def"
#undef COMMAND

/* Exit codes of every command. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* Connects lazily, without statement time-outs, as that role. */
struct db *ctl_db(struct ctl *ctl, const char *role);

/* Says on stderr what failed, from the fault record; CTL_FAILED. */
int ctl_failed(struct ctl *ctl, enum err e, const char *doing);
int ctl_usage(struct ctl *ctl, const char *what);

/* The one word that is a username; CTL_OK, or CTL_USAGE: said. */
int ctl_person(struct ctl *ctl, int count, char **word, const char **out);

/* The life of a token, at most that of a session; likewise. */
int ctl_seconds(struct ctl *ctl, const char *text, int64_t *out);

/* Prints a text of strangers': nothing that controls or turns the line reaches the terminal. At
 * most `points` code points, 0: all. */
void ctl_put(const char *text, size_t points);

/* The same, all of it, and blanks up to `width` and two more. */
void ctl_column(const char *text, int width);

/* Progress on stderr: a bar on a terminal, else a line now and then. */
struct progress {
	const char *what;
	int64_t done, total;
	int64_t shown; /* clock_mono() of the last line */
	bool terminal;
};
void progress_begin(struct progress *p, const char *what, int64_t total);
void progress_to(struct progress *p, int64_t done);
void progress_end(struct progress *p);

#endif
