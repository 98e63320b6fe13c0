/* command: the table of commands, and what they share. */
#include "ctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/unicode.h"
#include "model/rule.h"
#include "store/statements.h"

const struct command commands[] = {
#define COMMAND(name, arguments, help, details)                                                \
	{ #name, arguments, help, details, command_##name },
#include "ctl/commands.def"
#undef COMMAND
	{ NULL, NULL, NULL, NULL, NULL },
};

struct db *
ctl_db(struct ctl *ctl, const char *role)
{
	struct db_options options = { ctl->settings->DATABASE_URL, role, "codegramctl", 0, 0,
		store_constraints };

	if (ctl->db == NULL)
		ctl->db = db_make(&options);
	if (ctl->db == NULL) {
		fputs("codegramctl: no memory\n", stderr);
		exit(CTL_FAILED);
	}
	db_open_scope(ctl->db, &ctl->scope, false);
	return ctl->db;
}

int
ctl_failed(struct ctl *ctl, enum err e, const char *doing)
{
	const char *story = ctl->scope.fault.story;

	const struct fault *f = &ctl->scope.fault;

	fprintf(stderr, "%scodegramctl %s: %s: %s\n", log_mark(LEVEL_ERROR), ctl->name, doing,
	    *story       ? story
	    : f->message ? f->message
	                 : err_row(e)->message);
	for (size_t i = 0; i < f->count; i++) {
		const struct fault_field *field = &f->fields[i];
		fprintf(stderr, "  %s %s", field->field, field->message);
		if (strncmp(field->code, "TOO_", 4) == 0)
			fprintf(stderr, " (%lld)", (long long)field->limit);
		fputc('\n', stderr);
	}
	return CTL_FAILED;
}

int
ctl_usage(struct ctl *ctl, const char *what)
{
	fprintf(stderr, "%scodegramctl %s: %s\nTry codegramctl %s --help.\n",
	    log_mark(LEVEL_ERROR), ctl->name, what, ctl->name);
	return CTL_USAGE;
}

int
ctl_person(struct ctl *ctl, int count, char **word, const char **out)
{
	if (count != 1)
		return ctl_usage(ctl, "wants one username");
	if (!username_ok(span_of(word[0])))
		return ctl_usage(ctl, arena_format(ctl->scope.arena,
		                          "%s is no username: that is a-z, 0-9 and single "
		                          "hyphens between them, at most 39 in all",
		                          word[0]));
	*out = word[0];
	return CTL_OK;
}

int
ctl_seconds(struct ctl *ctl, const char *text, int64_t *out)
{
	const struct form *form = ctl->conf->form;
	int session = field_find(form, SPAN("SESSION_SECONDS"));
	int64_t most = session < 0 ? 1 : form->fields[session].max;

	if (span_int(span_of(text), out) && *out >= 1 && *out <= most)
		return CTL_OK;
	return ctl_usage(ctl, arena_format(ctl->scope.arena,
	                          "--seconds wants a whole number from 1 to %lld, not %s",
	                          (long long)most, text));
}

enum { LINE_EVERY = 5 * 1000 * 1000, BAR_EVERY = 100 * 1000, BAR_WIDTH = 40 };

void
progress_begin(struct progress *p, const char *what, int64_t total)
{
	*p = (struct progress){ .what = what,
		.total = total,
		.shown = clock_mono(),
		.terminal = isatty(STDERR_FILENO) };
}

static void
progress_show(const struct progress *p)
{
	int64_t filled = p->total > 0 ? p->done * BAR_WIDTH / p->total : 0;

	if (!p->terminal) {
		fprintf(stderr, "%s: %lld of %lld\n", p->what, (long long)p->done,
		    (long long)p->total);
		return;
	}
	fprintf(stderr, "\r%s [", p->what);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %lld/%lld", (long long)p->done, (long long)p->total);
}

void
progress_to(struct progress *p, int64_t done)
{
	p->done = done;
	if (clock_mono() - p->shown < (p->terminal ? BAR_EVERY : LINE_EVERY))
		return;
	p->shown = clock_mono();
	progress_show(p);
}

void
progress_end(struct progress *p)
{
	progress_show(p);
	if (p->terminal)
		fputc('\n', stderr);
}

/* What would move the cursor, or turn the line, and what is no text is a question mark. */
static bool
is_safe(uint32_t c, size_t bytes)
{
	return !unicode_control(c) && !unicode_line_end(c) && !unicode_bidi_control(c) &&
	       !(c == 0xfffd && bytes < 3);
}

/* How many code points it was. */
static size_t
put_text(const char *text, size_t points)
{
	struct span rest = span_of(text), was = rest;
	size_t n = 0;
	uint32_t c;

	for (; (points == 0 || n < points) && unicode_next(&rest, &c); was = rest, n++) {
		size_t bytes = was.len - rest.len;
		if (is_safe(c, bytes))
			fwrite(was.ptr, 1, bytes, stdout);
		else
			putchar('?');
	}
	return n;
}

void
ctl_put(const char *text, size_t points)
{
	put_text(text, points);
}

void
ctl_column(const char *text, int width)
{
	int n = (int)put_text(text, 0);

	printf("%*s", n < width ? width - n + 2 : 2, "");
}
