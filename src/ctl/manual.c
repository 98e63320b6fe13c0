/* manual: help, the manual page and the shell's completion, made of the rows of commands.def. */
#include <stdio.h>

#include "base/version.h"
#include "ctl/words.h"

int
command_help(struct ctl *ctl, int argc, char **argv)
{
	const struct command *c;

	(void)ctl;
	if (argc == 1) {
		words_help();
		return CTL_OK;
	}
	if (argc > 3 || (c = words_command(argv[1])) == NULL)
		return CTL_USAGE;
	if (argc == 3 && words_check(c, argc - 1, argv + 1) != CTL_OK)
		return CTL_USAGE;
	words_help_command(c, argc - 1, argv + 1);
	return CTL_OK;
}

/* ---- the manual page (man-pages(7)) */

/* A backslash, and a dot or quote that begins a line, mean something to roff. */
static void
roff(const char *text)
{
	for (bool begins = true; *text; text++) {
		if (begins && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (strncmp(text, "…", 3) == 0) {
			fputs("...", stdout);
			text += 2;
		} else if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
		begins = *text == '\n';
	}
}

static void
roff_options(const char *command)
{
	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++) {
		if (strcmp(o->command, command) != 0)
			continue;
		printf(".TP\n.B \\-\\-");
		roff(o->name);
		if (o->value != NULL) {
			fputs(" \\fI", stdout);
			roff(o->value);
			fputs("\\fR", stdout);
		}
		putchar('\n');
		roff(o->help);
		if (*o->verbs)
			printf(" (%s)", o->verbs);
		putchar('\n');
	}
}

static void
roff_command(const struct command *c)
{
	printf(".SS \"%s ", c->name);
	roff(c->arguments);
	fputs("\"\n", stdout);
	roff(c->help);
	puts(".");
	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++) {
		if (strcmp(v->command, c->name) != 0)
			continue;
		printf(".TP\n.B %s \\fI", v->name);
		roff(v->arguments);
		fputs("\\fR\n", stdout);
		roff(v->help);
		putchar('\n');
	}
	roff_options(c->name);
	if (*c->details) {
		puts(".PP");
		roff(c->details);
	}
}

int
command_man(struct ctl *ctl, int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	puts(".TH CODEGRAMCTL 8 \"\" \"CodeGram " CODEGRAM_VERSION "\" \"CodeGram\"\n"
	     ".SH NAME\ncodegramctl \\- the operator's hand of CodeGram\n"
	     ".SH SYNOPSIS\n.B codegramctl\n"
	     "[\\-\\-config \\fIFILE\\fR] [\\-\\-json] \\fICOMMAND\\fR ...\n"
	     ".SH OPTIONS\n"
	     ".TP\n.B \\-c, \\-\\-config \\fIFILE\\fR\n"
	     "configuration (/etc/codegram/codegram.conf)\n"
	     ".TP\n.B \\-j, \\-\\-json\nJSON on standard output, for scripts\n"
	     ".TP\n.B \\-h, \\-\\-help\nhelp; behind a command or its verb, their own\n"
	     ".TP\n.B \\-V, \\-\\-version\nthe version\n"
	     ".SH COMMANDS");
	for (const struct command *c = commands; c->name != NULL; c++)
		roff_command(c);
	puts(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage.\n"
	     ".SH FILES\n/etc/codegram/codegram.conf");
	return CTL_OK;
}

/* ---- bash */

static void
bash_options(const struct command *c, const struct ctl_verb *v)
{
	printf("\t\twords='--json --help");
	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++)
		if (words_fits(o, c, v))
			printf(" --%s", o->name);
	fputs("'", stdout);
}

/* Queues, for the verbs that take one. */
static void
bash_queues(const char *arguments)
{
	if (strstr(arguments, "QUEUE") == NULL)
		return;
	fputs(" more='", stdout);
	for (int q = 0; q < QUEUE_COUNT; q++)
		printf("%s%s", q ? " " : "", queues[q].name);
	if (strstr(arguments, "STATE") != NULL)
		fputs(" waiting active delayed blocked completed failed cancelled", stdout);
	fputs("'", stdout);
}

static void
bash_command(const struct command *c)
{
	bool verbs = false;

	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++) {
		if (strcmp(v->command, c->name) != 0)
			continue;
		printf("\t'%s %s')\n", c->name, v->name);
		bash_options(c, v);
		bash_queues(v->arguments);
		puts(" ;;");
		verbs = true;
	}
	printf("\t'%s '*)\n", c->name);
	bash_options(c, NULL);
	if (verbs)
		fputs(" more='", stdout);
	for (const struct ctl_verb *v = ctl_verbs; verbs && v->command != NULL; v++)
		if (strcmp(v->command, c->name) == 0)
			printf("%s ", v->name);
	puts(verbs ? "' ;;" : " ;;");
}

int
command_completion(struct ctl *ctl, int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "bash") != 0)
		return ctl_usage(ctl, "wants the shell's name: bash");
	puts("# bash completion of codegramctl; made by codegramctl completion bash\n"
	     "_codegramctl() {\n"
	     "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	     "\tlocal words='' more='' command='' verb='' i\n"
	     "\tCOMPREPLY=()\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in\n"
	     "\t\t-c | --config) ((i++)) ;;\n"
	     "\t\t-*) ;;\n"
	     "\t\t*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}\n"
	     "\t\t\telif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
	     "\t\tesac\n"
	     "\tdone\n"
	     "\tif [[ $before == -c || $before == --config || $before == --from ]]; then\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tcase \"$command $verb\" in");
	for (const struct command *c = commands; c->name != NULL; c++)
		bash_command(c);
	fputs("\t*)\n\t\twords='--config --json --help --version' more='", stdout);
	for (const struct command *c = commands; c->name != NULL; c++)
		printf("%s ", c->name);
	puts("' ;;\n"
	     "\tesac\n"
	     "\t[[ $word == -* ]] || words=$more\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	     "}\n"
	     "complete -F _codegramctl codegramctl");
	return CTL_OK;
}
