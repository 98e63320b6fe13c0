/* github: GitHub as it really answers, read into a few words by which a job or a login goes on.
 * Knows nothing of our tables: what is kept about a person's connection is loaded by the caller
 * into struct github, and stored by it afterwards. One call at a time; never waits for a limit,
 * but says when to come back. */
#ifndef SERVICE_GITHUB_H
#define SERVICE_GITHUB_H

#include "adapter/http_client.h"
#include "base/counter.h"
#include "model/form.h"

struct json_t;

enum github_outcome {
	GITHUB_OK,
	GITHUB_MOVED,     /* as OK, but it answered at another URL: page.url */
	GITHUB_UNCHANGED, /* 304: what was kept still holds; free of charge */
	GITHUB_EMPTY,     /* 204 */
	GITHUB_LATER,     /* a limit, or GitHub is not ready: not before page.not_before_ms */
	GITHUB_AWAY,      /* no answer, or none that makes sense; page.not_before_ms as well */
	GITHUB_DISCONNECTED, /* token revoked, account suspended, scope missing: stop, tell */
	GITHUB_GONE,         /* 404; also when it is private now */
	GITHUB_BLOCKED,      /* 451, or 403 with a block */
	GITHUB_FORBIDDEN,    /* 403 for this thing alone */
	GITHUB_TOO_MUCH,     /* GraphQL: ask for less at once */
	GITHUB_REFUSED,      /* anything else: asking again would change nothing */
};

/* "ok", "moved", …: for logs, metrics and github_syncs. */
const char *github_outcome_name(enum github_outcome outcome);

/* True when there is JSON to read. */
static inline bool
github_answered(enum github_outcome outcome)
{
	return outcome == GITHUB_OK || outcome == GITHUB_MOVED;
}

/* What GitHub lets a person's token do in an hour; -1: not known. */
struct github_budget {
	int64_t limit, remaining, reset; /* reset: seconds since 1970 */
};

/* Shared by the processes that were forked after github_breaker_get(). After failures in a row
 * GitHub is left alone, 5 s at first and then ever longer, up to five minutes. */
struct github_breaker {
	counter *failures, *until; /* until: ms since 1970 */
};
void github_breaker_get(struct counter_file *stats, struct github_breaker *out);

struct github {
	struct http_client *http;
	const struct settings *settings;
	struct scope *scope; /* answers live in its arena; a caller with many pages lends an
	                        arena for each, and changes this between calls */
	const char *token;   /* the person's; NULL: as the application */
	const struct github_breaker *breaker; /* NULL: none */
	int64_t deadline; /* clock_mono() of the end of all calls; 0: GITHUB_TIMEOUT_MS each */
	int64_t reserve;  /* requests of the budget left alone; a login has 0 */

	/* kept with the connection: loaded before, stored after */
	struct github_budget budget;  /* of REST */
	struct github_budget graphql; /* its own */
	int64_t not_before_ms;        /* since 1970; no call before */
	int64_t waits;                /* secondary limits in a row, which double the wait */

	/* counted */
	int64_t requests, not_modified, retries, micros;
};

/* Nothing known, reserve and time as configured. */
void github_init(struct github *g, struct http_client *http, const struct settings *settings,
    struct scope *scope, const char *token);

/* What was kept of an earlier answer to this token at this URL; all NULL: nothing. */
struct github_kept {
	const char *etag, *last_modified, *next;
};

/* An answer, in the scope's arena. */
struct github_page {
	enum github_outcome outcome;
	int status;                /* 0: there was none */
	const struct json_t *json; /* object or list; NULL unless github_answered() */
	const char *url;           /* that answered, behind redirects */
	struct github_kept kept;   /* to be kept; after a 304 what was given */
	uint64_t hash;             /* of the body; 0: none */
	int64_t not_before_ms;     /* of LATER and AWAY */
	const char *reason;        /* why, in words for a person; NULL when OK */
	const char *scopes; /* what the token may do, as X-OAuth-Scopes says; NULL: not said */
	const char *code;   /* of DISCONNECTED: revoked, suspended, scope; of BLOCKED:
	                               GitHub's own word (dmca, …); else NULL */
};

/* All that follow give OK whatever GitHub says: that is page->outcome. An error word is our own
 * trouble: ERR_NO_MEMORY, ERR_INVALID (a URL that is not of GITHUB_API_URL). */

/* `where` is a path ("/user/repos?per_page=100") or page->kept.next as it stands. `kept` may be
 * NULL. Tried again, with jitter, when GitHub stumbles; redirects are followed on the same host,
 * at most three. page->kept.next is NULL on the last page. */
enum err github_get(struct github *g, const char *where, const struct github_kept *kept,
    struct github_page *page);

/* `variables` is a JSON object, or empty. page->json is the answer's "data". */
enum err github_graphql(
    struct github *g, const char *query, struct span variables, struct github_page *page);

/* Who the token belongs to. Texts are NULL when GitHub has none, and as it wrote them. `email`
 * only when it is primary and verified. */
struct github_identity {
	int64_t id; /* the only thing that stays */
	const char *login, *name, *bio, *avatar_url, *company, *location, *blog, *email;
	int64_t followers, following, public_repos; /* -1: not told */
	bool knows_email;                           /* false: GitHub did not let us ask */
};
enum err github_identity(
    struct github *g, struct github_identity *out, struct github_page *page);

/* The same of an answer of GET /user, without an address; false: it makes no sense. */
bool github_read_user(const struct json_t *json, struct github_identity *out);

/* JSON for take_github_profile() of the database, of what our own rules let in. */
enum err github_profile(
    const struct github_identity *who, struct scope *scope, const char **out);

/* ---- OAuth; the token of `g` is not used */

/* Base URL of our callback: PUBLIC_URL and the path. NULL: no memory. */
const char *github_callback_url(const struct settings *settings, struct scope *scope);

/* Where to send the browser. `state` and `challenge` (S256 of the verifier) are base64url. */
const char *github_authorize_url(const struct settings *settings, const char *state,
    const char *challenge, struct scope *scope);

/* The code for a token; asked once, never again. `failure` is NULL or GitHub's word
 * (bad_verification_code, incorrect_client_credentials, redirect_uri_mismatch,
 * unverified_user_email, …), or ours: away (no answer), nonsense (none that can be used),
 * trouble (5xx), limited. */
struct github_grant {
	const char *token;
	struct texts scopes;
	const char *failure, *description;
};
enum err github_exchange(
    struct github *g, const char *code, const char *verifier, struct github_grant *out);

/* Does the token still work? OK, or DISCONNECTED, or LATER/AWAY: not known. */
enum err github_check_token(struct github *g, const char *token, struct github_page *page);

/* Takes the grant, and all its tokens, back. OK and GONE are both the end of it. */
enum err github_revoke_grant(struct github *g, const char *token, struct github_page *page);

#endif
