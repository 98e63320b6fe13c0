/* github: what tests do with the GitHub stand-in (tests/github/): change its world, put faults
 * in the way, read what was asked. It is the stack's part `github`, or one of the test's own.
 * Texts are formats as of printf whose ' become ", so that JSON can be read:
 *	github_fault("{'path': '/user/repos', 'kind': 'status', 'status': 502, 'times': 2}"); */
#ifndef SUPPORT_GITHUB_H
#define SUPPORT_GITHUB_H

#include <jansson.h>
#include <sys/types.h>

/* A stand-in of the test's own, without a stack; its process. `journal`: the file that it keeps
 * changes in, NULL for none. */
pid_t github_start(const char *journal);
void github_stop(void);

/* The process: of the one started, else of the stack's. */
pid_t github_pid(void);

/* The site, and the API as on GitHub Enterprise, without a slash at the end. */
const char *github_url(void);
const char *github_api_url(void);

/* A fault for the next request that fits, or for `times`; see README of tests/github. */
void github_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A change: {'change': 'push', 'repository': 'ada/engine'}; the id of what it made, or 0. */
long long github_change(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A token without the sign-in, in static memory, eight at a time. */
const char *github_token(const char *login, const char *scopes);

/* NULL: all of it, and tokens too; else "faults", "requests" or "world". */
void github_reset(const char *only);

/* What was asked; the filter is a query: "path=/user&status=304&login=ada&method=GET&fault=rate".
 * Paths are those of the API, without the base. */
struct github_figures {
	long count, not_modified, open, most_at_once, most_at_once_of_one;
};
struct github_figures github_figures(const char *filter);
long github_count(const char *filter);
json_t *github_requests(const char *filter); /* a list of objects; json_decref() */

/* Sends a delivery: {'event': 'push', 'repository': 'ada/engine'}; what came back. `delivery` is
 * in static memory until the next one. */
struct github_delivery {
	long status; /* 0: no answer */
	double seconds;
	const char *delivery, *answer; /* answer: what stands in it, cut */
};
struct github_delivery github_webhook(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
