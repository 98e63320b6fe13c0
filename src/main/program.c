/* program: help, version, configuration; the same in every program. */
#include "main/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/version.h"

#define DEFAULT_PATH "/etc/codegram/codegram.conf"

enum { ARENA_FIRST = 64 * KIB, ARENA_CEILING = 64 * KIB * KIB };

bool
program_written(const char *word)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	if (errno != EPIPE)
		fprintf(stderr, "%s%s%s: not all could be written: %s\n",
		    program_invocation_short_name, *word ? " " : "", word, strerror(errno));
	return false;
}

void
program_word(int option, const char *help)
{
	if (option == 'h')
		fputs(help, stdout);
	else if (option == 'V')
		printf("codegram " CODEGRAM_VERSION "%s%s%s\n", *program_commit ? " (" : "",
		    program_commit, *program_commit ? ")" : "");
	else
		fputs("Try --help.\n", stderr);
	if (option != 'h' && option != 'V')
		exit(2);
	exit(program_written("") ? 0 : 1);
}

void
program_usage(const char *what)
{
	fprintf(stderr, "%s\nTry --help.\n", what);
	exit(2);
}

/* The members that SIGHUP must not change come from the settings before. */
static void
keep_fixed(const struct form *form, struct settings *next, const struct settings *before)
{
	for (size_t i = 0; i < form->count; i++) {
		size_t end = i + 1 < form->count ? form->fields[i + 1].offset : form->size;
		size_t from = form->fields[i].offset;
		if (!(form->fields[i].flags & RELOAD))
			memcpy((char *)next + from, (const char *)before + from, end - from);
	}
}

static void
open_for_tests(struct program *p, const struct settings *settings)
{
	failpoint_open(arena_format(p->arena, "%s/fail", settings->RUN_DIR));
	pace_set(settings->TEST_PACE);
}

bool
program_load(struct program *p, const char *path)
{
	struct scope scope = { .arena = p->arena };
	struct conf conf = { .form = &form_settings, .findings = p->findings };

	if (p->arena == NULL && (p->arena = arena_make(ARENA_FIRST, ARENA_CEILING)) == NULL)
		return false;
	scope.arena = p->arena;
	conf.settings = arena_alloc(p->arena, form_settings.size);
	if (conf.settings == NULL ||
	    conf_load(&conf, path ? path : DEFAULT_PATH, path != NULL, &scope) != OK) {
		LOG(LEVEL_ERROR, "settings.refused", L_TEXT("reason", scope.fault.story));
		return false;
	}
	if (((struct settings *)conf.settings)->FAILPOINTS)
		open_for_tests(p, conf.settings);
	if (p->settings != NULL)
		keep_fixed(&form_settings, conf.settings, p->settings);
	p->conf = conf;
	p->settings = conf.settings;
	return true;
}

struct counter_file *
program_counters(const struct program *p, const char *name, size_t max)
{
	struct counter_file *stats;
	char path[4096];

	snprintf(path, sizeof(path), "%s/stats", p->settings->RUN_DIR);
	mkdir(path, 0755);
	stats = counter_claim(path, name, max);
	if (stats == NULL)
		LOG(LEVEL_WARN, "stats.not_opened", L_TEXT("path", path), L_TEXT("name", name),
		    L_TEXT("reason", strerror(errno)));
	return stats;
}
