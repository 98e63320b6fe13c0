/* doctor: looks for what is wrong, and says how to mend it. The checks are in the files doctor_*. */
#include "base/version.h"
#include "ctl/doctor.h"
#include "store/statements.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FOUND_MAX = 1 * KIB, STATEMENT_MS = 3000 };

struct fault *
doctor_fault(struct doctor *d)
{
	fault_reset(&d->scope->fault);
	return &d->scope->fault;
}

static const char *const words[] = { "ok", "warning", "error" };

static void
say_json(struct doctor *d, enum severity severity, const char *what, const char *mend,
    const char *found)
{
	struct buf line;

	buf_init(&line, 16 * KIB);
	buf_format(&line, "%s{\"check\":\"%s\",\"status\":\"%s\",\"found\":\"",
	    d->count > 1 ? "," : "", what, words[severity]);
	buf_json_any(&line, span_of(found));
	buf_puts(&line, "\",\"mend\":\"");
	buf_json_any(&line, span_of(severity == FINE ? "" : mend));
	buf_puts(&line, "\"}");
	fputs(buf_text(&line), stdout);
	buf_free(&line);
}

/* Colours for a terminal alone, and not for who wants none (no-color.org). */
static void
say_text(enum severity severity, const char *what, const char *mend, const char *found)
{
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

	printf("%s%-8s%s %-12s ", colour ? colours[severity] : "", words[severity],
	    colour ? "\033[0m" : "", what);
	ctl_put(found, 0);
	if (severity != FINE)
		printf("\n%21s → %s", "", mend);
	putchar('\n');
	fflush(stdout); /* some checks take seconds */
}

void
doctor_say(struct doctor *d, enum severity severity, const char *what, const char *mend,
    const char *format, ...)
{
	char found[FOUND_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(found, sizeof(found), format, args);
	va_end(args);
	d->errors += severity == ERROR;
	d->warnings += severity == WARNING;
	d->count++;
	if (d->ctl->json)
		say_json(d, severity, what, mend, found);
	else
		say_text(severity, what, mend, found);
}

int
command_doctor(struct ctl *ctl, int argc, char **argv)
{
	static void (*const checks[])(struct doctor *) = { doctor_file, doctor_credentials,
		doctor_secrets, doctor_origins, doctor_job_options, doctor_postgresql,
		doctor_redis, doctor_clock, doctor_disks, doctor_parts, doctor_queues,
		doctor_schedules, doctor_nginx, doctor_github };
	const struct db_options database = { ctl->settings->DATABASE_URL, "codegram-ctl",
		"codegramctl", STATEMENT_MS, 0, store_constraints };
	struct doctor d = { .ctl = ctl, .scope = &ctl->scope };
	bool strict = argc == 2 && strcmp(argv[1], "--strict") == 0;

	if (argc > 1 && !strict)
		return ctl_usage(ctl, "takes --strict alone");
	ctl->db = db_make(&database); /* unlike other commands' it waits for nobody */
	d.http = http_client_make("codegramctl/" CODEGRAM_VERSION);
	if (ctl->json)
		fputs("{\"checks\":[", stdout);
	/* defaults that nobody runs with are not to be judged */
	for (size_t i = 0; i < (ctl->findings->unread ? 1 : sizeof(checks) / sizeof(*checks));
	     i++) {
		doctor_fault(&d);
		checks[i](&d);
	}
	if (ctl->json)
		printf("],\"errors\":%d,\"warnings\":%d}\n", d.errors, d.warnings);
	else
		printf("%d error%s, %d warning%s\n", d.errors, d.errors == 1 ? "" : "s",
		    d.warnings, d.warnings == 1 ? "" : "s");
	redis_free(d.redis);
	http_client_free(d.http);
	return d.errors || (strict && d.warnings) ? CTL_FAILED : CTL_OK;
}
