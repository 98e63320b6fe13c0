/* doctor: looks at each part as the programs see it, and says how to mend what is wrong. */
#include "ctl/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/jwt.h"
#include "adapter/redis.h"
#include "queue/tune.h"
#include "store/meta.h"
#include "store/statements.h"

enum severity { FINE, WARNING, ERROR };

struct doctor {
	struct ctl *ctl;
	int errors, warnings, count;
};

static void
say(struct doctor *d, enum severity severity, const char *what, const char *found,
    const char *mend)
{
	static const char *const words[] = { "ok", "warning", "error" };
	struct buf line;

	d->errors += severity == ERROR;
	d->warnings += severity == WARNING;
	if (!d->ctl->json) {
		printf("%-8s %-12s %s\n", words[severity], what, found);
		if (severity != FINE)
			printf("%21s → %s\n", "", mend);
		return;
	}
	buf_init(&line, 16 * KIB);
	buf_format(&line, "%s{\"check\":\"%s\",\"status\":\"%s\",\"found\":\"",
	    d->count++ ? "," : "", what, words[severity]);
	buf_json_any(&line, span_of(found));
	buf_puts(&line, "\",\"mend\":\"");
	buf_json_any(&line, span_of(severity == FINE ? "" : mend));
	buf_puts(&line, "\"}");
	fputs(buf_text(&line), stdout);
	buf_free(&line);
}

static void
check_file(struct doctor *d)
{
	struct stat st;

	if (stat(d->ctl->conf_path, &st) != 0)
		say(d, WARNING, "config", "there is no configuration file",
		    "write /etc/codegram/codegram.conf, or give --config");
	else if (st.st_mode & (S_IROTH | S_IWOTH))
		say(d, ERROR, "config", "everybody may read the configuration file",
		    "chmod o-rwx it: it may hold secrets");
	else
		say(d, FINE, "config", d->ctl->conf_path, "");
}

static void
check_secrets(struct doctor *d)
{
	const struct settings *s = d->ctl->settings;
	struct jwt_ring ring;

	if (jwt_ring_fill(&ring, s->JWT_ISSUER, "codegram-api", s->JWT_SECRET,
	        s->JWT_SECRET_NEXT, s->JWT_SECRET_PREVIOUS) != OK)
		say(d, ERROR, "secrets", "JWT_SECRET is missing, or two of its keys are equal",
		    "openssl rand -hex 32 makes one");
	else if (s->JWT_REFRESH_SECRET == NULL || s->JWT_LIVE_SECRET == NULL)
		say(d, ERROR, "secrets", "JWT_REFRESH_SECRET or JWT_LIVE_SECRET is missing",
		    "openssl rand -hex 32 makes one");
	else if (strcmp(s->JWT_SECRET, s->JWT_REFRESH_SECRET) == 0 ||
	         strcmp(s->JWT_SECRET, s->JWT_LIVE_SECRET) == 0)
		say(d, ERROR, "secrets", "two kinds of token share a key", "give each its own");
	else
		say(d, FINE, "secrets", "all keys are set and differ", "");
}

/* Where the host begins in an address; 0: it is none. */
static size_t
host_at(struct span text)
{
	size_t at = span_starts(text, SPAN("https://"))  ? 8
	            : span_starts(text, SPAN("http://")) ? 7
	                                                 : 0;

	return text.len > at ? at : 0;
}

/* As a browser says it: scheme and host, nothing behind. */
static bool
is_origin(struct span text)
{
	size_t at = host_at(text);

	return at > 0 && memchr(text.ptr + at, '/', text.len - at) == NULL;
}

static bool
is_base(struct span text)
{
	return host_at(text) > 0 && text.ptr[text.len - 1] != '/';
}

static bool
all_origins(struct span list)
{
	while (list.ptr != NULL) {
		struct span item = span_trim(span_cut(&list, ','));
		if (item.len > 0 && !is_origin(item))
			return false;
	}
	return true;
}

static void
check_origins(struct doctor *d)
{
	const char *list = d->ctl->settings->FRONTEND_URL, *own = d->ctl->settings->PUBLIC_URL;

	if (list == NULL || *list == '\0')
		say(d, WARNING, "origins", "FRONTEND_URL is empty: no browser may call the API",
		    "name the frontend's origin, e.g. https://codegram.example");
	else if (!all_origins(span_of(list)))
		say(d, ERROR, "origins", "FRONTEND_URL holds what is no origin",
		    "write each as https://HOST or http://HOST:PORT, nothing behind it");
	else
		say(d, FINE, "origins", list, "");
	if (own != NULL && *own != '\0' && !is_base(span_of(own)))
		say(d, ERROR, "origins", "PUBLIC_URL is no https://HOST",
		    "write it in full, without a slash at the end: links begin with it");
}

static void
check_folder(struct doctor *d)
{
	const char *run = d->ctl->settings->RUN_DIR;

	if (faccessat(AT_FDCWD, run, R_OK | X_OK, AT_EACCESS) != 0)
		say(d, ERROR, "run", "RUN_DIR can't be entered",
		    "systemd-tmpfiles --create makes /run/codegram");
	else
		say(d, FINE, "run", run, "");
}

static void
check_jobs(struct doctor *d)
{
	size_t bytes = d->ctl->job_count * sizeof(struct job_row);
	struct tuned tuned = { arena_alloc(d->ctl->scope.arena, bytes), d->ctl->job_count,
		{ { .name = NULL } } };
	struct fault *f = &d->ctl->scope.fault;

	if (tuned.jobs == NULL)
		return;
	memcpy(tuned.jobs, d->ctl->jobs, bytes);
	queue_rows(tuned.queues);
	fault_reset(f);
	if (tune(span_of(d->ctl->settings->JOB_OPTIONS), &tuned, &d->ctl->scope) != OK)
		say(d, ERROR, "jobs", f->story,
		    "the worker and the scheduler don't start: mend JOB_OPTIONS");
	else
		say(d, FINE, "jobs", "JOB_OPTIONS can be read", "");
}

/* Each statement that a role runs is tried by tests/sql; here, whether the schema fits. */
static void
check_database(struct doctor *d)
{
	struct schema_state state;
	char found[128];
	enum err e = q_schema_state(ctl_db(d->ctl, "codegram-ctl"), &state);

	if (e == ERR_AWAY) {
		say(d, ERROR, "postgresql", d->ctl->scope.fault.story,
		    "start it; DATABASE_URL must name it, and the role codegram-ctl must "
		    "exist");
		return;
	}
	if (e != OK) {
		say(d, ERROR, "postgresql", d->ctl->scope.fault.story,
		    "run codegramctl migrate");
		return;
	}
	snprintf(found, sizeof(found), "schema %lld, this program wants %d",
	    (long long)state.number, SCHEMA_NUMBER);
	say(d, state.number < SCHEMA_NUMBER ? ERROR : FINE, "postgresql", found,
	    "run codegramctl migrate");
}

static void
check_redis_setting(
    struct doctor *d, struct redis *redis, const char *key, const char *wanted, const char *why)
{
	char value[64], found[256];

	if (redis_config(redis, key, value, sizeof(value), &d->ctl->scope.fault) != OK)
		return;
	snprintf(found, sizeof(found), "%s is %s", key, *value ? value : "not shown to us");
	say(d,
	    *value == '\0'               ? WARNING
	    : strcmp(value, wanted) == 0 ? FINE
	                                 : ERROR,
	    "redis", found, why);
}

static void
check_redis(struct doctor *d)
{
	const struct settings *s = d->ctl->settings;
	struct redis_options options = { s->REDIS_URL, "codegram-ctl", s->REDIS_PASSWORD,
		1000 };
	struct redis *redis = redis_make(&options);
	struct fault *f = &d->ctl->scope.fault;

	fault_reset(f);
	if (redis == NULL || redis_ping(redis, f) != OK) {
		say(d, ERROR, "redis", f->story, "start it; REDIS_URL must name it");
	} else {
		check_redis_setting(d, redis, "appendonly", "yes",
		    "set appendonly yes: without it a crash loses jobs");
		check_redis_setting(d, redis, "maxmemory-policy", "noeviction",
		    "set maxmemory-policy noeviction: a queue must not be evicted");
	}
	redis_free(redis);
}

int
command_doctor(struct ctl *ctl, int argc, char **argv)
{
	static void (*const checks[])(struct doctor *) = { check_file, check_secrets,
		check_origins, check_folder, check_jobs, check_database, check_redis };
	struct doctor d = { .ctl = ctl };

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	if (ctl->json)
		fputs("{\"checks\":[", stdout);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		checks[i](&d);
	if (ctl->json)
		printf("],\"errors\":%d,\"warnings\":%d}\n", d.errors, d.warnings);
	else
		printf("%d errors, %d warnings\n", d.errors, d.warnings);
	return d.errors ? CTL_FAILED : CTL_OK;
}
