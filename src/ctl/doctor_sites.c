/* doctor_sites: what is asked over HTTP: ourselves through nginx, and GitHub. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/version.h"
#include "ctl/doctor.h"

enum { CALL_MS = 4000, BODY_MAX = 1024 * KIB, DAY = 86400, CONNECTIONS_LEAST = 4096 };

#define NGINX_CONF "/etc/nginx/nginx.conf"

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static bool
is_https(const char *url)
{
	return strncmp(url, "https://", 8) == 0;
}

/* Of this machine: nobody else comes there, so TLS is not needed. */
static bool
is_local(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 ||
	       strncmp(host, "[::1]", 5) == 0;
}

static enum err
get(struct doctor *d, const char *base, const char *path, struct http_response *answer)
{
	struct http_request request = { .method = "GET",
		.url = arena_format(d->scope->arena, "%s%s", base, path),
		.timeout_ms = CALL_MS,
		.body_max = BODY_MAX,
		.origin = base,
		.certificate = true };

	doctor_fault(d);
	if (d->http == NULL || request.url == NULL)
		return ERR_NO_MEMORY;
	return http_call(d->http, &request, answer, d->scope);
}

static void
say_certificate(struct doctor *d, const char *url, int64_t ends)
{
	int64_t left = ends - clock_now() / 1000000;

	if (ends > 0)
		doctor_say(d,
		    left < 7 * DAY    ? ERROR
		    : left < 21 * DAY ? WARNING
		                      : FINE,
		    "certificate", "renew it: systemctl start certbot; see that its timer runs",
		    "of %s: it ends in %lld days", url, (long long)(left / DAY));
}

/* The version in {"data":{"status":"ok","version":"…"}}; NULL: something else answered. */
static const char *
version_in(struct doctor *d, const struct http_response *answer)
{
	static const char key[] = "\"version\":\"";
	const char *at = strstr(answer->body.ptr, key);

	if (answer->status != 200 || at == NULL || strstr(answer->body.ptr, "\"ok\"") == NULL)
		return NULL;
	at += strlen(key);
	return arena_format(d->scope->arena, "%.*s", (int)strcspn(at, "\""), at);
}

/* Debian's 768 connections are used up by one slow client. */
static void
nginx_connections(struct doctor *d)
{
	char line[1024];
	int64_t n = 512;
	FILE *f;

	if (strncmp(d->ctl->conf_path, "/etc/", 5) != 0 ||
	    (f = fopen(NGINX_CONF, "re")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		struct span word = span_trim(span_of(line));
		if (span_starts(word, SPAN("worker_connections"))) {
			word = (struct span){ word.ptr + 18, strcspn(word.ptr + 18, ";\n") };
			span_int(span_trim(word), &n);
		}
	}
	fclose(f);
	doctor_say(d, n < CONNECTIONS_LEAST ? WARNING : FINE, "nginx",
	    "worker_connections 8192; in the block events of " NGINX_CONF,
	    "%lld connections for each of its workers", (long long)n);
}

void
doctor_nginx(struct doctor *d)
{
	const char *url = d->ctl->settings->PUBLIC_URL, *version;
	struct http_response answer;

	nginx_connections(d);
	if (!is_set(url)) {
		doctor_say(d, WARNING, "nginx",
		    "set it: sign-in and links need it, and this check", "PUBLIC_URL is empty");
		return;
	}
	if (!is_https(url) && !is_local(url))
		doctor_say(d, WARNING, "nginx",
		    "serve by TLS: tokens and cookies travel in clear",
		    "PUBLIC_URL is not https");
	if (get(d, url, "/health", &answer) != OK) {
		doctor_say(d, ERROR, "nginx",
		    "systemctl status nginx; nginx -t; the name must lead here, and the "
		    "certificate "
		    "be valid",
		    "%s/health: %s", url, d->scope->fault.story);
		return;
	}
	version = version_in(d, &answer);
	if (version == NULL)
		doctor_say(d, ERROR, "nginx",
		    answer.status >= 500
		        ? "systemctl status 'codegram-api@*'"
		        : "another site answers there: see /etc/nginx/sites-enabled",
		    "%s/health answers %d", url, answer.status);
	else if (strcmp(version, CODEGRAM_VERSION) != 0)
		doctor_say(d, WARNING, "nginx",
		    "restart the programs: others were installed since",
		    "version %s serves, this is %s", version, CODEGRAM_VERSION);
	else
		doctor_say(d, FINE, "nginx", "", "%s answers, version %s", url, version);
	say_certificate(d, url, answer.certificate_ends);
}

/* ---- GitHub */

static const char *
missing_of(const struct settings *s)
{
	return !is_set(s->GITHUB_CLIENT_ID)       ? "GITHUB_CLIENT_ID"
	       : !is_set(s->GITHUB_CLIENT_SECRET) ? "GITHUB_CLIENT_SECRET"
	       : !is_set(s->SEAL_KEY)             ? "SEAL_KEY"
	       : !is_set(s->PUBLIC_URL)           ? "PUBLIC_URL"
	                                          : NULL;
}

/* Who has no app there does without. */
static void
reach(struct doctor *d, const char *what, const char *url, enum severity severity)
{
	struct http_response answer;

	if (get(d, url, "", &answer) != OK)
		doctor_say(d, severity, "github",
		    "this machine must reach it: name server, firewall, IPAddressAllow of the "
		    "unit",
		    "%s: %s", what, d->scope->fault.story);
	else if (answer.status >= 500)
		doctor_say(d, WARNING, "github", "https://www.githubstatus.com may know more",
		    "%s %s answers %d", what, url, answer.status);
	else
		doctor_say(d, FINE, "github", "", "%s answers in %lld ms", url,
		    (long long)(answer.micros / 1000));
}

void
doctor_github(struct doctor *d)
{
	const struct settings *s = d->ctl->settings;
	const char *missing = missing_of(s);

	if (missing != NULL)
		doctor_say(d, WARNING, "github",
		    "set it, in codegram.conf or as a credential; see systemd/README.md on "
		    "GitHub",
		    "%s is not set: nobody can sign in", missing);
	else
		doctor_say(d, FINE, "github", "",
		    "the app's callback must be %s/api/v1/auth/github/callback", s->PUBLIC_URL);
	/* Without an app nothing asks GitHub. */
	if (!is_set(s->GITHUB_CLIENT_ID))
		return;
	if (!is_set(s->GITHUB_WEBHOOK_SECRET))
		doctor_say(d, WARNING, "github",
		    "set GITHUB_WEBHOOK_SECRET, here and at GitHub, or let the nightly sync do",
		    "no webhook is believed: changes there are seen at the next sync");
	reach(d, "GITHUB_URL", s->GITHUB_URL, missing ? WARNING : ERROR);
	reach(d, "GITHUB_API_URL", s->GITHUB_API_URL, missing ? WARNING : ERROR);
}
