/* conf: which source wins, and that no mistake in them passes silently. */
#include "base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/scope.h"

struct sample {
	struct presence presence;
	const char *PLAIN, *KEY;
	int64_t NUMBER;
	const char *NEEDED;
};

static const struct field fields[] = {
	{ "PLAIN", FIELD_TEXT, 0, offsetof(struct sample, PLAIN), 0, 0, 0, "fallback", NULL,
	    "" },
	{ "KEY", FIELD_TEXT, SECRET, offsetof(struct sample, KEY), 0, 0, 0, NULL, NULL, "" },
	{ "NUMBER", FIELD_INT, 0, offsetof(struct sample, NUMBER), 1, 9, 0, "5", NULL, "" },
	{ "NEEDED", FIELD_TEXT, REQUIRED, offsetof(struct sample, NEEDED), 0, 0, 0, NULL, NULL,
	    "" },
};
static const struct form form = { "sample", fields, 4, sizeof(struct sample), 0 };

static struct sample out;
static struct conf conf = { .form = &form, .settings = &out };
static char dir[256], path[300];

static void
open_conf(void)
{
	static const char *const names[] = { "PLAIN", "KEY", "NUMBER", "NEEDED", "KEY_FILE",
		"PLAIN_FILE", "CREDENTIALS_DIRECTORY" };

	open_scope();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	snprintf(
	    dir, sizeof(dir), "%s/conf-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/conf", dir);
}

TestSuite(conf, .init = open_conf, .fini = close_scope);

static void
put(const char *name, struct span text)
{
	char file[400];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	f = fopen(file, "w");
	cr_assert_not_null(f);
	cr_assert_eq(fwrite(text.ptr, 1, text.len, f), text.len);
	fclose(f);
}

static enum err
load(const char *text)
{
	next_row();
	out = (struct sample){ .NUMBER = 0 };
	put("conf", span_of(text));
	return conf_load(&conf, path, true, &scope);
}

Test(conf, file)
{
	cr_assert_eq(
	    load("# a comment\n\n  NEEDED = a=b c \nPLAIN=\"  quoted \"\nNUMBER=7"), OK);
	cr_assert_str_eq(out.NEEDED, "a=b c");
	cr_assert_str_eq(out.PLAIN, "  quoted ");
	cr_assert_eq(out.NUMBER, 7);
	cr_assert_null(out.KEY);
	cr_assert_eq(conf.origin[0], CONF_FILE);
	cr_assert_eq(conf.origin[1], CONF_DEFAULT);
	cr_assert_str_eq(conf_origin_name(CONF_CREDENTIAL), "credential");
}

Test(conf, fallbacks)
{
	cr_assert_eq(load("NEEDED=x\n"), OK);
	cr_assert_str_eq(out.PLAIN, "fallback");
	cr_assert_eq(out.NUMBER, 5);
	cr_assert_eq(conf.origin[2], CONF_DEFAULT);
	cr_assert_eq(load("NEEDED=x\nPLAIN=\n"), OK);
	cr_assert_str_eq(out.PLAIN, "", "empty is not absent");
}

Test(conf, environment_wins_over_the_file)
{
	setenv("PLAIN", "from environment", 1);
	setenv("NEEDED", "", 1);
	cr_assert_eq(load("PLAIN=from file\nNEEDED=x\n"), OK);
	cr_assert_str_eq(out.PLAIN, "from environment");
	cr_assert_str_eq(out.NEEDED, "");
	cr_assert_eq(conf.origin[0], CONF_ENVIRONMENT);
}

Test(conf, credential_of_a_secret_wins_over_the_file)
{
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	put("KEY", SPAN("from credential\n\n"));
	put("PLAIN", SPAN("no secret is read from here"));
	cr_assert_eq(load("KEY=from file\nNEEDED=x\n"), OK);
	cr_assert_str_eq(out.KEY, "from credential", "without the newlines at the end");
	cr_assert_str_eq(out.PLAIN, "fallback");
	cr_assert_eq(conf.origin[1], CONF_CREDENTIAL);
	put("other", SPAN("from KEY_FILE"));
	setenv("KEY_FILE", arena_format(scope.arena, "%s/other", dir), 1);
	cr_assert_eq(load("KEY=from file\nNEEDED=x\n"), OK);
	cr_assert_str_eq(out.KEY, "from KEY_FILE");
	setenv("PLAIN_FILE", getenv("KEY_FILE"), 1);
	cr_assert_eq(load("NEEDED=x\n"), OK);
	cr_assert_str_eq(out.PLAIN, "fallback", "only secrets have files");
}

Test(conf, no_credential_of_that_name_is_none)
{
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	cr_assert_eq(load("KEY=from file\nNEEDED=x\n"), OK);
	cr_assert_str_eq(out.KEY, "from file");
}

Test(conf, a_file_named_outright_must_be_there)
{
	setenv("KEY_FILE", "/nowhere/at/all", 1);
	cr_assert_eq(load("KEY=from file\nNEEDED=x\n"), ERR_INVALID,
	    "a mistyped KEY_FILE must not fall back in silence");
}

static const struct {
	const char *text, *story;
} mistakes[] = {
	{ "NEEDED=x\nPLIAN=y\n", "conf:2: unknown key PLIAN" },
	{ "NEEDED=x\nplain=y\n", "conf:2: unknown key plain" },
	{ "NEEDED=x\n\nwhat\n", "conf:3: not KEY=value" },
	{ "NEEDED=x\n=y\n", "conf:2: unknown key " },
	{ "NEEDED=x\nNUMBER=ten\n", "NUMBER (from the file, line 2): must be a whole number" },
	{ "NEEDED=x\nNUMBER=10\n",
	    "NUMBER (from the file, line 2): is above the greatest value (" },
	{ "PLAIN=x\n", "NEEDED is required" },
	{ "", "NEEDED is required" },
};

Test(conf, mistakes_are_told_by_place)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		cr_assert_eq(load(mistakes[i].text), ERR_INVALID, "row %zu", i);
		cr_assert_not_null(strstr(scope.fault.story, mistakes[i].story), "row %zu: %s",
		    i, scope.fault.story);
	}
	setenv("NUMBER", "x", 1);
	cr_assert_eq(load("NEEDED=x\n"), ERR_INVALID);
	cr_assert_not_null(strstr(scope.fault.story, "NUMBER (from the environment)"));
}

Test(conf, a_faulty_secret_is_not_told)
{
	static struct field secret_number = { "KEY", FIELD_INT, SECRET,
		offsetof(struct sample, NUMBER), 0, 0, 0, NULL, NULL, "" };
	static const struct form secret_form = { "s", &secret_number, 1, sizeof(struct sample),
		0 };
	struct conf c = { .form = &secret_form, .settings = &out };

	put("conf", SPAN("KEY=hunter2\n"));
	cr_assert_eq(conf_load(&c, path, true, &scope), ERR_INVALID);
	cr_assert_null(strstr(scope.fault.story, "hunter2"));
}

/* A text ends at a NUL, so a long secret would count as such and be a short one. */
Test(conf, a_nul_is_refused_by_name)
{
	static const struct span texts[] = { { "NEEDED=x\nKEY=a\0bbbbbbbb\n", 23 },
		{ "NEEDED=x\nKEY=\0\n", 15 }, { "NEEDED=x\nKEY=\"abc\0\"\n", 20 } };
	static const struct span secrets[] = { { "a\0bbbbbbb", 9 }, { "abc\0", 4 },
		{ "abc\0\n", 5 }, { "\0", 1 } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		next_row();
		put("conf", texts[i]);
		cr_expect_eq(conf_load(&conf, path, true, &scope), ERR_INVALID, "row %zu", i);
		cr_expect_str_eq(scope.fault.story, "KEY (from the file, line 2): holds a NUL");
	}
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		put("KEY", secrets[i]);
		cr_expect_eq(load("NEEDED=x\n"), ERR_INVALID, "row %zu", i);
		cr_expect_str_eq(scope.fault.story, "KEY (from the credential): holds a NUL");
	}
	next_row();
	put("conf", (struct span){ "NEEDED=x\n# a \0 comment\nNUM\0BER=3\n", 34 });
	unsetenv("CREDENTIALS_DIRECTORY");
	cr_expect_eq(conf_load(&conf, path, true, &scope), ERR_INVALID);
	cr_expect_not_null(strstr(scope.fault.story, "conf:3: unknown key NUM"));
}

/* What an editor or an echo left there is no part of it, and is never seen. */
Test(conf, blanks_and_line_ends_of_a_credential)
{
	static const struct {
		const char *text, *key, *story;
	} rows[] = {
		{ "abc", "abc", NULL },
		{ "abc\n", "abc", NULL },
		{ "abc\r\n", "abc", NULL },
		{ "abc\n\n", "abc", NULL },
		{ "\xEF\xBB\xBF"
		  "abc\r\n",
		    "abc", NULL },
		{ "a b", "a b", NULL },
		{ "abc ", NULL, "begins or ends with a blank" },
		{ " abc", NULL, "begins or ends with a blank" },
		{ "abc\t\n", NULL, "begins or ends with a blank" },
		{ "abc\ndef\n", NULL, "has more than one line" },
		{ "abc\rdef", NULL, "has more than one line" },
	};

	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put("KEY", span_of(rows[i].text));
		cr_expect_eq(load("NEEDED=x\n"), rows[i].key ? OK : ERR_INVALID, "row %zu", i);
		if (rows[i].key != NULL) {
			cr_expect_str_eq(out.KEY, rows[i].key, "row %zu", i);
			continue;
		}
		cr_expect_not_null(strstr(scope.fault.story, "KEY (from the credential)"));
		cr_expect_not_null(
		    strstr(scope.fault.story, rows[i].story), "%s", scope.fault.story);
	}
}

Test(conf, the_file_may_be_missing_or_not)
{
	setenv("NEEDED", "x", 1);
	cr_assert_eq(conf_load(&conf, "/nowhere/at/all", false, &scope), OK);
	cr_assert_str_eq(out.PLAIN, "fallback");
	next_row();
	cr_assert_eq(conf_load(&conf, "/nowhere/at/all", true, &scope), ERR_INVALID);
	cr_assert_not_null(strstr(scope.fault.story, "no such file"));
	next_row();
	cr_assert_eq(conf_load(&conf, dir, false, &scope), ERR_INVALID, "a folder");
	cr_assert_not_null(strstr(scope.fault.story, ": Is a directory"));
	if (geteuid() == 0)
		return;
	put("conf", SPAN("NEEDED=x\n"));
	chmod(path, 0);
	next_row();
	cr_assert_eq(
	    conf_load(&conf, path, false, &scope), ERR_INVALID, "one that can't be read");
}

/* Whoever gathers findings gets that one alone, and all keys their fallbacks. */
Test(conf, an_unread_file_is_the_only_finding)
{
	struct conf_findings f = { .count = 0 };
	struct conf c = conf;

	setenv("PLAIN", "of the environment", 1);
	c.findings = &f;
	cr_assert_eq(conf_load(&c, "/nowhere/at/all", true, &scope), OK);
	cr_assert_eq(f.count, 1);
	cr_assert_str_eq(f.text[0], "/nowhere/at/all: no such file");
	cr_assert_eq(f.unread, ENOENT);
	cr_assert_str_eq(out.PLAIN, "fallback");
}

Test(conf, lines_of_windows)
{
	cr_assert_eq(
	    load("NEEDED=x\r\n\r\n# c\r\nPLAIN=\"y\"\r\n"), OK, "%s", scope.fault.story);
	cr_assert_str_eq(out.NEEDED, "x");
	cr_assert_str_eq(out.PLAIN, "y");
	cr_assert_eq(load("\xEF\xBB\xBFNEEDED=x\r\n"), OK, "%s", scope.fault.story);
	cr_assert_str_eq(out.NEEDED, "x", "behind an editor's mark");
}

Test(conf, too_long_a_file)
{
	size_t len = 70 * 1024;
	char *text = arena_alloc(scope.arena, len);

	memset(text, '#', len);
	put("conf", (struct span){ text, len });
	cr_assert_eq(conf_load(&conf, path, true, &scope), ERR_INVALID);
}
