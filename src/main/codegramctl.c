/* codegramctl: the operator's hand. May touch everything that the configuration names.
 * Started by people, cron and timers; each command is a row of ctl/commands.def. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "api/routes.h"
#include "base/log.h"
#include "base/proc.h"
#include "ctl/operator.h"
#include "ctl/words.h"
#include "job/jobs.h"
#include "job/schedules.h"
#include "main/program.h"

/* --json and --help may stand behind the command, too. */
static bool
take_word(int *argc, char **argv, const char *word)
{
	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], word) == 0) {
			for (int k = i; k < *argc; k++)
				argv[k] = argv[k + 1];
			(*argc)--;
			return true;
		}
	return false;
}

static const char *
read_options(int argc, char **argv)
{
	static const struct option options[] = { { "config", 1, NULL, 'c' },
		{ "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' },
		{ NULL, 0, NULL, 0 } };
	const char *config = NULL;
	int c;

	/* "+": what follows the command is the command's own. */
	while ((c = getopt_long(argc, argv, "+c:jhV", options, NULL)) != -1) {
		if (c == 'h')
			words_help();
		if (c == 'c')
			config = optarg;
		else if (c != 'j')
			program_word(c, "");
	}
	return config;
}

/* PREFIX/bin/codegramctl finds PREFIX/share/codegram, wherever PREFIX is. */
static const char *
share_beside(struct arena *arena)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 2; i++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	return arena_format(arena, "%s/share/codegram", self);
}

/* Who needs no configuration works with a faulty one, and doctor tells of it itself; all others
 * say what is wrong, and only config goes on: with what could be read. */
static bool
may_go_on(const struct command *command, const struct conf_findings *findings)
{
	static const char *const without[] = { "doctor", "help", "man", "completion", "routes",
		"statement" };

	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if (findings->count == 0 || strcmp(command->name, without[i]) == 0)
			return true;
	for (size_t i = 0; i < findings->count; i++)
		fprintf(stderr, "codegramctl: %s\n", findings->text[i]);
	return strcmp(command->name, "config") == 0 && !findings->unread;
}

/* The settings, and whom the command then runs as. */
static bool
load(struct program *program, const struct command *command, const char *config)
{
	bool steps_down = operator_wanted(command->name, config);

	if (steps_down)
		operator_credentials();
	if (!program_load(program, config) ||
	    (steps_down && !operator_step_down(command->name)))
		return false;
	return may_go_on(command, program->findings);
}

int
main(int argc, char **argv)
{
	static struct conf_findings findings;
	static struct program program = { .findings = &findings };
	const struct command *command;
	struct ctl ctl = { .json = false };
	const char *config;
	bool help;
	int code;

	proc_keep_standard();
	log_open("codegramctl", LEVEL_WARN, NULL);
	config = read_options(argc, argv);
	if (optind >= argc) {
		words_help();
		return CTL_USAGE;
	}
	if ((command = words_command(argv[optind])) == NULL)
		return CTL_USAGE;
	ctl.name = command->name;
	ctl.schedules = schedules;
	ctl.schedule_count = schedule_count;
	ctl.jobs = jobs;
	ctl.job_count = job_count;
	ctl.routes = routes;
	ctl.route_count = route_count;
	for (int i = 1; i < optind; i++)
		ctl.json =
		    ctl.json || strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0;
	argc -= optind;
	argv += optind;
	help = take_word(&argc, argv, "--help") || take_word(&argc, argv, "-h");
	ctl.json = take_word(&argc, argv, "--json") || take_word(&argc, argv, "-j") || ctl.json;
	if (help) {
		words_help_command(command, argc, argv);
		return program_written(command->name) ? CTL_OK : CTL_FAILED;
	}
	if (words_check(command, argc, argv) != CTL_OK)
		return CTL_USAGE;
	if (!load(&program, command, config))
		return CTL_FAILED;
	ctl.findings = &findings;
	ctl.settings = program.settings;
	ctl.conf = &program.conf;
	ctl.conf_path = config ? config : "/etc/codegram/codegram.conf";
	ctl.scope.arena = program.arena;
	ctl.share = share_beside(program.arena);
	if (program.settings->SQL_DIR == NULL)
		program.settings->SQL_DIR = arena_format(program.arena, "%s/sql", ctl.share);
	optind = 0; /* glibc: begin anew, with the command's own arguments */
	code = command->run(&ctl, argc, argv);
	db_free(ctl.db);
	arena_free(program.arena);
	return program_written(command->name) ? code : CTL_FAILED;
}
