/* doctor_config: the file, the secrets, and what can be read of both without asking anybody. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/jwt.h"
#include "ctl/doctor.h"
#include "ctl/operator.h"
#include "model/rule.h"
#include "queue/tune.h"

static const char *
mend_unread(int why)
{
	return why == EACCES || why == EPERM ? "run this as root, or as a user who may read it"
	       : why == ENOENT || why == ENOTDIR
	           ? "name one that is there by --config, or write it"
	           : "it must be a file of KEY=value lines, and below 64 KiB";
}

void
doctor_file(struct doctor *d)
{
	const struct conf_findings *findings = d->ctl->findings;
	const char *path = d->ctl->conf_path;
	struct stat st;

	for (size_t i = 0; i < findings->count; i++)
		doctor_say(d, ERROR, "config",
		    findings->unread ? mend_unread(findings->unread)
		                     : "mend it: no program starts with it; codegramctl config "
		                       "lists the keys",
		    "%s", findings->text[i]);
	if (findings->count > 0)
		return;
	if (stat(path, &st) != 0)
		doctor_say(d, WARNING, "config",
		    "write /etc/codegram/codegram.conf, or give --config",
		    "%s is not there: all is as the defaults have it", path);
	else if (st.st_mode & (S_IROTH | S_IWOTH))
		doctor_say(d, ERROR, "config", "chmod o-rwx it: it may hold secrets",
		    "everybody may read %s", path);
	else
		doctor_say(d, FINE, "config", "", "%s", path);
}

static bool
open_to_others(struct doctor *d, const char *path, mode_t allowed)
{
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & 0777 & ~allowed) == 0)
		return false;
	doctor_say(d, ERROR, "credentials", "chmod go-rwx it, and change what it holds",
	    "others than its owner may get at %s (mode %03o)", path, st.st_mode & 0777);
	return true;
}

/* The folder whose files units load, and the files that KEY_FILE names. Those in
 * $CREDENTIALS_DIRECTORY are systemd's. */
void
doctor_credentials(struct doctor *d)
{
	const struct form *form = d->ctl->conf->form;
	struct arena *arena = d->scope->arena;
	DIR *dir = opendir(CREDENTIALS_DIR);
	struct dirent *entry;
	bool open = open_to_others(d, CREDENTIALS_DIR, 0700);

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			open |= open_to_others(
			    d, arena_format(arena, CREDENTIALS_DIR "/%s", entry->d_name), 0600);
	if (dir != NULL)
		closedir(dir);
	for (size_t i = 0; i < form->count; i++) {
		const char *name = arena_format(arena, "%s_FILE", form->fields[i].name);
		const char *path = getenv(name);
		if ((form->fields[i].flags & SECRET) && path != NULL)
			open |= open_to_others(d, path, 0640);
	}
	if (!open)
		doctor_say(
		    d, FINE, "credentials", "", "no file with a secret is open to others");
}

void
doctor_secrets(struct doctor *d)
{
	static const char run_as[] = "codegramctl setup makes it; when it is there as a "
	                             "credential, run this as root";
	const struct settings *s = d->ctl->settings;
	struct jwt_ring ring;

	if (s->JWT_SECRET == NULL || s->JWT_REFRESH_SECRET == NULL ||
	    s->JWT_LIVE_SECRET == NULL)
		doctor_say(d, ERROR, "secrets", run_as, "%s is missing",
		    s->JWT_SECRET == NULL           ? "JWT_SECRET"
		    : s->JWT_REFRESH_SECRET == NULL ? "JWT_REFRESH_SECRET"
		                                    : "JWT_LIVE_SECRET");
	else if (jwt_ring_fill(&ring, s->JWT_ISSUER, "codegram-api", s->JWT_SECRET,
	             s->JWT_SECRET_NEXT, s->JWT_SECRET_PREVIOUS) != OK)
		doctor_say(d, ERROR, "secrets", "give each its own",
		    "two of JWT_SECRET, _NEXT and _PREVIOUS are equal");
	else if (strcmp(s->JWT_SECRET, s->JWT_REFRESH_SECRET) == 0 ||
	         strcmp(s->JWT_SECRET, s->JWT_LIVE_SECRET) == 0 ||
	         strcmp(s->JWT_REFRESH_SECRET, s->JWT_LIVE_SECRET) == 0)
		doctor_say(
		    d, ERROR, "secrets", "give each its own", "two kinds of token share a key");
	else
		doctor_say(d, FINE, "secrets", "", "all keys are set and differ");
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
		if (item.len > 0 && !web_origin_ok(item))
			return false;
	}
	return true;
}

void
doctor_origins(struct doctor *d)
{
	const char *list = d->ctl->settings->FRONTEND_URL, *own = d->ctl->settings->PUBLIC_URL;

	if (list == NULL || *list == '\0')
		doctor_say(d, WARNING, "origins",
		    "name the frontend's origin, e.g. https://codegram.example",
		    "FRONTEND_URL is empty: no browser may call the API");
	else if (!all_origins(span_of(list)))
		doctor_say(d, ERROR, "origins",
		    "write each as https://host or http://host:port in small letters, nothing "
		    "behind it",
		    "FRONTEND_URL holds what is no origin");
	else
		doctor_say(d, FINE, "origins", "", "%s", list);
	if (own != NULL && *own != '\0' && !is_base(span_of(own)))
		doctor_say(d, ERROR, "origins",
		    "write it in full, without a slash at the end: links begin with it",
		    "PUBLIC_URL is no https://HOST");
}

void
doctor_job_options(struct doctor *d)
{
	size_t bytes = d->ctl->job_count * sizeof(struct job_row);
	struct tuned tuned = { arena_alloc(d->scope->arena, bytes), d->ctl->job_count,
		{ { .name = NULL } } };
	struct fault *f = doctor_fault(d);

	if (tuned.jobs == NULL)
		return;
	memcpy(tuned.jobs, d->ctl->jobs, bytes);
	queue_rows(tuned.queues);
	if (tune(span_of(d->ctl->settings->JOB_OPTIONS), &tuned, d->scope) != OK)
		doctor_say(d, ERROR, "jobs",
		    "the worker and the scheduler don't start: mend JOB_OPTIONS", "%s",
		    f->story);
	else
		doctor_say(d, FINE, "jobs", "", "JOB_OPTIONS can be read");
}
