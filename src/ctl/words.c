/* words: the rows of commands.def, read by the parser and shown by help. */
#include "ctl/words.h"

#include <stdio.h>

const struct ctl_verb ctl_verbs[] = {
#define COMMAND(name, arguments, help, details)
#define VERB(command, name, arguments, help) { #command, name, arguments, help },
#include "ctl/commands.def"
	{ NULL, NULL, NULL, NULL },
};

const struct ctl_option ctl_options[] = {
#define OPTION(command, verbs, name, value, help) { #command, verbs, name, value, help },
#include "ctl/commands.def"
	{ NULL, NULL, NULL, NULL, NULL },
};
#undef COMMAND

enum { WORD_MAX = 32, NAMES_MAX = 64 };

/* ---- the nearest word */

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t n = a < b ? a : b;

	return n < c ? n : c;
}

/* Letters to add, drop, change or swap (optimal string alignment). */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d[WORD_MAX + 1][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t k = 0; k <= m; k++)
		d[0][k] = k;
	for (size_t i = 1; i <= n; i++)
		for (size_t k = 1; k <= m; k++) {
			d[i][k] = least(d[i - 1][k] + 1, d[i][k - 1] + 1,
			    d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    d[i - 2][k - 2] + 1 < d[i][k])
				d[i][k] = d[i - 2][k - 2] + 1;
		}
	return d[n][m];
}

const char *
words_near(const char *word, const char *const *names, size_t count)
{
	size_t len = strlen(word), best = len < 5 ? 2 : 3;
	const char *near = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(word, names[i]);
		/* The beginning of one is meant, too. */
		if (len >= 2 && strncmp(word, names[i], len) == 0)
			far = 1;
		if (far < best) {
			best = far;
			near = names[i];
		}
	}
	return near;
}

/* Says what is not there, with the dashes that it was written with, and what is near it. */
static int
unknown(const char *of, const char *kind, const char *word, const char *const *names,
    size_t count, const char *dashes)
{
	const char *near = words_near(word, names, count), *right = *dashes ? "--" : "";

	fprintf(stderr, "codegramctl%s%s: there is no %s %s", *of ? " " : "", of, kind, dashes);
	for (; *word; word++)
		fputc((unsigned char)*word < 0x20 || *word == 0x7f ? '?' : *word, stderr);
	if (near != NULL)
		fprintf(stderr, "; did you mean %s%s?\n", right, near);
	else {
		fputs(count ? "; there are:" : "", stderr);
		for (size_t i = 0; i < count; i++)
			fprintf(stderr, " %s%s", right, names[i]);
		fputc('\n', stderr);
	}
	fprintf(stderr, "Try codegramctl%s%s --help.\n", *of ? " " : "", of);
	return CTL_USAGE;
}

/* ---- rows */

const struct command *
words_command(const char *name)
{
	const char *names[NAMES_MAX];
	size_t n = 0;

	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
		if (n < NAMES_MAX)
			names[n++] = c->name;
	}
	unknown("", "command", name, names, n, "");
	return NULL;
}

static const struct ctl_verb *
first_verb(const struct command *c)
{
	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++)
		if (strcmp(v->command, c->name) == 0)
			return v;
	return NULL;
}

static const struct ctl_verb *
verb_named(const struct command *c, const char *name)
{
	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++)
		if (strcmp(v->command, c->name) == 0 && strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static const struct ctl_option *
option_named(const struct command *c, struct span name)
{
	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++)
		if (strcmp(o->command, c->name) == 0 && span_is(name, o->name))
			return o;
	return NULL;
}

/* The first word behind the command that is no option and no option's value; NULL: none. */
static const char *
first_word(const struct command *c, int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++) {
		const struct ctl_option *o;
		struct span rest, name;
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			return argv[i];
		if (strcmp(argv[i], "--") == 0)
			return argv[i + 1];
		rest = span_of(argv[i] + 2);
		name = span_cut(&rest, '=');
		o = option_named(c, name);
		i += o != NULL && o->value != NULL && rest.ptr == NULL;
	}
	return NULL;
}

const struct ctl_verb *
words_verb(const struct command *c, int argc, char *const *argv)
{
	const struct ctl_verb *first = first_verb(c);
	const char *word = first ? first_word(c, argc, argv) : NULL;

	if (word != NULL)
		return verb_named(c, word);
	return first != NULL && c->arguments[0] == '[' ? first : NULL;
}

bool
words_fits(const struct ctl_option *o, const struct command *c, const struct ctl_verb *v)
{
	struct span verbs = span_of(o->verbs);

	if (strcmp(o->command, c->name) != 0)
		return false;
	if (verbs.len == 0)
		return true;
	while (v != NULL && verbs.ptr != NULL)
		if (span_is(span_cut(&verbs, ' '), v->name))
			return true;
	return false;
}

/* ---- the check */

static int
no_option(const struct command *c, const struct ctl_verb *v, const char *word)
{
	const char *names[NAMES_MAX];
	char of[64];
	size_t n = 0;

	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++)
		if (n < NAMES_MAX && words_fits(o, c, v))
			names[n++] = o->name;
	snprintf(of, sizeof(of), "%s%s%s", c->name, v ? " " : "", v ? v->name : "");
	return unknown(of, "option", word + strspn(word, "-"), names, n,
	    strncmp(word, "--", 2) == 0 ? "--" : "-");
}

static int
no_verb(const struct command *c, const char *word)
{
	const char *names[NAMES_MAX];
	size_t n = 0;

	for (const struct ctl_verb *v = ctl_verbs; v->command != NULL; v++)
		if (n < NAMES_MAX && strcmp(v->command, c->name) == 0)
			names[n++] = v->name;
	if (word != NULL)
		return unknown(c->name, "verb", word, names, n, "");
	fprintf(stderr, "codegramctl %s: which verb?", c->name);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", names[i]);
	fprintf(stderr, "\nTry codegramctl %s --help.\n", c->name);
	return CTL_USAGE;
}

/* Looks at one word; *i moves on to an option's value. */
static int
check_option(
    const struct command *c, const struct ctl_verb *v, int argc, char *const *argv, int *i)
{
	struct span rest = span_of(argv[*i] + 2), name = span_cut(&rest, '=');
	const struct ctl_option *o = NULL;
	const char *lacks = NULL;

	if (argv[*i][1] == '-')
		o = option_named(c, name);
	if (o == NULL || !words_fits(o, c, v))
		return no_option(c, v, argv[*i]);
	if (o->value == NULL && rest.ptr != NULL)
		lacks = "takes no value";
	else if (o->value != NULL && rest.ptr == NULL && ++*i >= argc)
		lacks = "wants a value";
	if (lacks == NULL)
		return CTL_OK;
	fprintf(stderr, "codegramctl %s: --%s %s%s%s\nTry codegramctl %s --help.\n", c->name,
	    o->name, lacks, o->value ? ": " : "", o->value ? o->value : "", c->name);
	return CTL_USAGE;
}

int
words_check(const struct command *c, int argc, char *const *argv)
{
	const struct ctl_verb *v = words_verb(c, argc, argv);
	const char *word = first_word(c, argc, argv);
	int code = CTL_OK;

	if (first_verb(c) != NULL && v == NULL)
		return no_verb(c, word);
	for (int i = 1; i < argc && code == CTL_OK; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			code = check_option(c, v, argc, argv, &i);
	}
	return code;
}

/* ---- help */

void
words_help(void)
{
	puts("usage: codegramctl [--config FILE] [--json] COMMAND …\n\n"
	     "  -c, --config FILE   configuration (default /etc/codegram/codegram.conf)\n"
	     "  -j, --json          JSON on standard output, for scripts\n"
	     "  -h, --help          this text; behind a command or its verb, their own\n"
	     "  -V, --version\n\ncommands:");
	for (const struct command *c = commands; c->name != NULL; c++)
		printf("  %-10s %s\n", c->name, c->help);
	puts("\nExit status: 0 done, 1 failed, 2 wrong usage.");
}

/* `text` in columns from `at` to 100, after what stands there already. */
static void
put_column(const char *text, int at, int used)
{
	int column = used < at - 1 ? at : 0;
	struct span rest = span_of(text);

	if (column)
		printf("%*s", at - used, "");
	else
		printf("\n%*s", at, "");
	for (column = at; rest.ptr != NULL;) {
		struct span word = span_cut(&rest, ' ');
		if (column > at && column + (int)word.len + 1 > 100) {
			printf("\n%*s", at, "");
			column = at;
		}
		column += printf("%s%.*s", column > at ? " " : "", (int)word.len, word.ptr);
	}
	putchar('\n');
}

static void
put_options(const struct command *c, const struct ctl_verb *v, bool all)
{
	bool first = true;

	for (const struct ctl_option *o = ctl_options; o->command != NULL; o++) {
		int used;
		if (all ? strcmp(o->command, c->name) != 0 : !words_fits(o, c, v))
			continue;
		if (first)
			puts("\noptions:");
		first = false;
		used = printf(
		    "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		put_column(o->help, 28, used);
	}
}

static void
help_verb(const struct command *c, const struct ctl_verb *v)
{
	printf("usage: codegramctl %s %s %s\n\n%s.\n", c->name, v->name, v->arguments, v->help);
	put_options(c, v, false);
}

void
words_help_command(const struct command *c, int argc, char *const *argv)
{
	const struct ctl_verb *some = first_verb(c);

	if (some != NULL && first_word(c, argc, argv) != NULL &&
	    words_verb(c, argc, argv) != NULL) {
		help_verb(c, words_verb(c, argc, argv));
		return;
	}
	printf("usage: codegramctl %s %s\n\n%s.\n", c->name, c->arguments, c->help);
	if (some != NULL)
		printf("\nverbs (codegramctl %s VERB --help tells more of each):\n", c->name);
	else
		put_options(c, NULL, true);
	for (; some != NULL && some->command != NULL; some++) {
		int used;
		if (strcmp(some->command, c->name) != 0)
			continue;
		used = printf("  %s %s", some->name, some->arguments);
		put_column(some->help, 28, used);
	}
	if (*c->details)
		printf("\n%s", c->details);
}
