/* github_answer: what GitHub's headers, statuses and error bodies mean. Pure: nothing is asked
 * here, so that each row of the table can be tried by itself. For service/github*.c alone. */
#ifndef SERVICE_GITHUB_ANSWER_H
#define SERVICE_GITHUB_ANSWER_H

#include "service/github.h"

/* The rel="next" of a Link header (RFC 8288). BROKEN: what can't be read must not pass for the
 * last page, or a sync would delete what stands behind it. */
enum github_link { LINK_LAST, LINK_NEXT, LINK_BROKEN };
enum github_link github_link_next(struct span header, struct span *next);

/* x-ratelimit-*; of an unknown resource nothing is taken. */
void github_take_budget(
    struct github *g, const struct http_response *response, bool is_graphql);

/* Is a call allowed now? Else page->outcome is LATER. */
bool github_may_ask(const struct github *g, bool is_graphql, struct github_page *page);

/* Fills outcome, reason, code, not_before_ms (and g's) from status, headers and `json` (NULL:
 * the body is none). A 2xx is OK, EMPTY or LATER; 3xx but 304 is REFUSED: redirects are the
 * caller's. 401 is DISCONNECTED, to be confirmed. */
void github_judge(struct github *g, const struct http_response *response,
    const struct json_t *json, struct github_page *page);

/* Does it ask us to wait (403, 429, GraphQL's 200)? Then it is LATER, a minute at least, and
 * nothing of the token may be asked meanwhile, or nothing of GraphQL. */
bool github_judge_limit(struct github *g, const struct http_response *response,
    const struct json_t *json, bool is_graphql, struct github_page *page);

/* Retry-After, seconds or a date; -1: none. */
int64_t github_retry_after_ms(const struct http_response *response);

/* The same of a GraphQL answer: OK only when there are no errors; then *data is its data. */
void github_judge_graphql(struct github *g, const struct http_response *response,
    const struct json_t *json, struct github_page *page);

/* No answer that makes sense, even after more tries. */
void github_judge_away(struct github *g, struct github_page *page, const char *why);

/* ---- between the files of service/github */

/* Whether one of the words (NULL at the end) stands in the text, in any case of its letters. */
bool github_holds(const char *text, const char *const *words);

/* A stranger's text for our rows and logs: UTF-8, at most so many bytes. NULL stays NULL. */
const char *github_clean(const char *text, size_t most, struct arena *arena);

struct github_call {
	const char *method, *url, *origin;
	const char *authorization; /* NULL: none */
	struct span body;          /* ptr NULL: none */
	const char *content_type;
	const struct github_kept *kept;
	bool once, is_graphql;
};

/* May GitHub be asked? Else *not_before_ms tells when. And what became of it: 5xx and no answer
 * are failures. */
bool github_breaker_lets(const struct github_breaker *b, int64_t *not_before_ms);
void github_breaker_saw(const struct github_breaker *b, bool answered);

/* One request, without a second try. page->status 0: there was no answer; page->reason says
 * why. Counts, and takes the budget. */
enum err github_send(struct github *g, const struct github_call *call,
    struct http_response *response, struct github_page *page);

/* Visible ASCII without blanks, as logins and tokens are. */
bool github_is_word(const char *text, size_t max);

/* A base of the configuration and a path. NULL: no memory. */
const char *github_join(const char *base, const char *path, struct scope *scope);

#endif
