/* rule: what texts from people must look like; pure functions behind table rows. */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

#include "base/field.h"

extern const struct rule rule_line;      /* one line of something to be seen */
extern const struct rule rule_text;      /* many lines: no control but tab, CR, LF */
extern const struct rule rule_url;       /* http or https; what is shown is where it leads */
extern const struct rule rule_tag;       /* a-z 0-9, and + # . - */
extern const struct rule rule_filename;  /* of one file, on any file system */
extern const struct rule rule_word;      /* of a query: no blank at its ends */
extern const struct rule rule_job_id;    /* what can be read again by its path */
extern const struct rule rule_language;  /* a name of model/language.def */
extern const struct rule rule_secret;    /* a key of 32 bytes at least */
extern const struct rule rule_redis_url; /* what adapter/redis.c can dial */
extern const struct rule rule_return_to; /* a path of the frontend, nothing else */
extern const struct rule rule_level;     /* log levels */
extern const struct rule rule_telling;   /* types of notifications without an actor */

/* Orders of lists, in the order of the choices. */
enum snippet_sort { SORT_NEWEST, SORT_OLDEST, SORT_LIKED, SORT_COMMENTED, SORT_TRENDING };
extern const struct rule rule_snippet_sort;
enum user_sort { USERS_FOLLOWERS, USERS_NEWEST };
extern const struct rule rule_user_sort;
extern const struct rule rule_repository_sort;

/* Which sessions a logout ends; what a personal access token may do. */
enum logout_scope { LOGOUT_THIS, LOGOUT_OTHERS, LOGOUT_ALL };
extern const struct rule rule_logout_scope;
extern const struct rule rule_token_scope;

extern const struct rule rule_job_state; /* of a job; done and dead are synonyms */

/* GitHub's login rules: letters, digits, single inner hyphens, at most 39. */
bool username_ok(struct span text);

/* What rule_url asks; model/url.c. */
bool url_ok(struct span text);

/* A web origin, as browsers send it: scheme, host and perhaps port, nothing behind. */
bool web_origin_ok(struct span text);

#endif
