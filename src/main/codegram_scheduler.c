/* codegram-scheduler: outbox rows and due jobs → Redis, the clock → jobs. Any number may run.
 * May touch: PostgreSQL and Redis by their sockets, RUN_DIR/stats. No network.
 * Started by systemd (codegram-scheduler.service) or by hand. */
#include <getopt.h>
#include <stdio.h>

#include "adapter/json.h"
#include "base/log.h"
#include "job/jobs.h"
#include "job/schedules.h"
#include "main/program.h"
#include "queue/scheduler.h"

static const char help[] =
    "usage: codegram-scheduler [options]\n"
    "Moves outbox rows to the job queues and the live events' log, starts scheduled jobs,\n"
    "and wakes delayed ones. Any number may run; they share the work by PostgreSQL.\n\n"
    "  -c, --config FILE    configuration (default /etc/codegram/codegram.conf)\n"
    "  -h, --help           this text          -V, --version\n\n"
    "Signals: TERM ends it, HUP reloads the configuration, USR1 reopens the files of LOG_DIR.\n"
    "Exit status: 0 ended as asked, 1 could not start, 2 wrong usage.\n";

static struct program program;
static const char *config;

static const char *
read_arguments(int argc, char **argv)
{
	static const struct option options[] = { { "config", 1, NULL, 'c' },
		{ "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	const char *from = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (c != 'c')
			program_word(c, help);
		from = optarg;
	}
	if (optind < argc)
		program_usage("codegram-scheduler takes no arguments, only options");
	return from;
}

/* The rows of jobs are for workers; here only what they do to the queues counts. */
static bool
apply(struct scheduler_options *options)
{
	struct program before = program;
	struct job_row *rows;

	if (!program_load(&program, config))
		return false;
	rows = arena_alloc(program.arena, job_count * sizeof(*rows));
	if (rows == NULL || !jobs_tune(program.settings->JOB_OPTIONS, rows)) {
		program = before;
		return false;
	}
	options->settings = program.settings;
	log_open("codegram-scheduler", (enum log_level)program.settings->LOG_LEVEL,
	    program.settings->LOG_DIR);
	return true;
}

int
main(int argc, char **argv)
{
	struct scheduler_options options = {
		.schedules = schedules, .schedule_count = schedule_count, .reload = apply
	};
	int code;

	config = read_arguments(argc, argv);
	log_open("codegram-scheduler", LEVEL_INFO, NULL);
	json_seed();
	if (!apply(&options))
		return 1;
	options.arena = program.arena;
	options.stats = program_counters(&program, "scheduler", 512);
	code = scheduler_run(&options);
	counter_close(options.stats);
	arena_free(program.arena);
	return code;
}
