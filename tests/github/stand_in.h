/* stand_in: GitHub as CodeGram meets it, for tests and the demo: sign-in, REST, GraphQL, limits,
 * webhooks, and faults on demand. All of it is in memory, below one lock; a journal of changes
 * lets it start again where it was. No part of CodeGram. */
#ifndef GITHUB_STAND_IN_H
#define GITHUB_STAND_IN_H

#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
	LOGIN_SIZE = 40,
	REPOSITORY_NAME_SIZE = 101,
	FULL_NAME_SIZE = 144,
	SCOPES_SIZE = 128,
	TOKEN_SIZE = 48,
	LANGUAGES_MAX = 12,
	TOPICS_MAX = 8,
	EMAILS_MAX = 4,
	DAYS_MAX = 64,
	URL_SIZE = 512,
	LOG_MAX = 16384,
	FAULTS_MAX = 64,
	HEADERS_MAX = 32,
	PARTS_MAX = 4,
	BODY_MAX = 1024 * 1024,
};

struct language {
	char name[32];
	int64_t bytes;
};

/* Times are seconds since 1970. People and repositories are named by their place in the world's
 * lists, which only grow. */
struct repository {
	int64_t id;
	size_t owner, collaborator; /* collaborator: NOBODY for none */
	char name[REPOSITORY_NAME_SIZE], description[256], homepage[200];
	char topics[TOPICS_MAX][36];
	struct language languages[LANGUAGES_MAX];
	size_t language_count, topic_count;
	int64_t created, updated, pushed, stars, forks, issues, size;
	bool is_private, is_fork, is_archived, is_blocked, is_gone, is_empty;
};

struct email {
	char address[128];
	bool primary, verified;
};

struct budget {
	int64_t limit, used, reset;
};

struct day { /* contributions that a change set */
	int64_t date;
	int count;
};

struct person {
	int64_t id, followers, following, created, updated;
	char login[LOGIN_SIZE], name[128], company[100], blog[200], location[100], bio[256],
	    twitter[40];
	struct email emails[EMAILS_MAX];
	size_t email_count, repository_count;
	struct budget core, graphql;
	struct day days[DAYS_MAX];
	size_t day_count;
	int activity;         /* contributions a day, about */
	int64_t longest_days; /* more days at once are too much for GraphQL; 0: a year */
	bool is_suspended, is_gone;
};

#define NOBODY SIZE_MAX

struct token {
	char text[TOKEN_SIZE], scopes[SCOPES_SIZE];
	int64_t id, made;
	size_t person;
	bool is_revoked;
};

struct code { /* of the sign-in, until it is exchanged */
	char text[24], challenge[64], redirect[URL_SIZE], scopes[SCOPES_SIZE];
	int64_t made;
	size_t person;
	bool is_used;
};

struct old_name { /* of a repository that was renamed or transferred */
	char full_name[FULL_NAME_SIZE];
	size_t repository;
};

struct mishap {
	char path[200], method[8], kind[24];
	json_t *with; /* what the test sent */
	size_t person;
	int64_t times, after, used; /* times < 0: for ever; after: so many are spared */
};

struct entry { /* of the request log */
	char method[8], path[300], fault[24], agent[64], version[24], accept[64];
	int64_t number, started, ended; /* microseconds; ended 0: not yet */
	size_t person;
	int status;
	bool is_conditional, is_authorized;
};

struct settings_of_app {
	char client_id[64], client_secret[128], webhook_secret[128];
	char callback[URL_SIZE], webhook[URL_SIZE], public_url[URL_SIZE];
};

#define LIST(type)                                                                             \
	struct {                                                                               \
		type *at;                                                                      \
		size_t count, size;                                                            \
	}

struct world {
	pthread_mutex_t lock;
	pthread_cond_t woken; /* faults were dropped, or it all ends */
	struct settings_of_app app;
	const char *seed, *journal; /* paths, journal may be NULL */
	FILE *journal_file;
	int64_t next_id, now; /* now: time of a change that the journal repeats; 0: the clock */
	size_t sign_in_as;
	LIST(struct person) people;
	LIST(struct repository) repositories;
	LIST(struct token) tokens;
	LIST(struct code) codes;
	LIST(struct old_name) old_names;
	struct budget anonymous;
	struct mishap faults[FAULTS_MAX];
	size_t fault_count;
	struct entry *log; /* LOG_MAX, a ring */
	int64_t logged, log_from;
	unsigned wakes;
	bool ending;
};

struct header {
	char name[64];
	const char *value; /* in the request's arena */
};

/* One request and its answer. */
struct ask {
	struct world *world;
	struct MHD_Connection *connection;
	struct arena *arena;
	const char *method, *path; /* behind the base path */
	const char *parts[PARTS_MAX];
	char api[URL_SIZE]; /* what links begin with */
	bool is_enterprise;
	struct buf body; /* what came */
	const struct token *token;
	size_t person;
	struct budget *budget; /* NULL: costs nothing */
	int64_t number;        /* in the log */

	int status;
	struct buf out;
	const char *type;
	struct header headers[HEADERS_MAX];
	size_t header_count;
	int64_t modified; /* for Last-Modified; 0: none */
	double stall, slow;
	size_t cut; /* > 0: the connection ends behind so many bytes */
	bool reset;
};

/* world.c */
void *list_grow(void *at, size_t *size, size_t count, size_t item);
#define LIST_ADD(list)                                                                         \
	((list).at = list_grow((list).at, &(list).size, (list).count, sizeof(*(list).at)),     \
	    &(list).at[(list).count++])
void world_clear(struct world *w);
int64_t world_now(const struct world *w);
size_t person_by_login(const struct world *w, const char *login);
size_t person_by_id(const struct world *w, int64_t id);
size_t repository_by_name(const struct world *w, const char *owner, const char *name);
size_t repository_by_full_name(const struct world *w, const char *full_name);
size_t repository_by_id(const struct world *w, int64_t id);
/* One that had the name once, or NOBODY. */
size_t repository_renamed(const struct world *w, const char *owner, const char *name);
struct token *token_by_text(const struct world *w, const char *text);
struct token *token_make(struct world *w, size_t person, const char *scopes, const char *text);
void token_name(char *out, size_t size); /* a new one's text */
bool scope_in(const char *scopes, const char *scope);
void random_text(char *out, size_t size);
struct budget *budget_now(const struct world *w, struct budget *b);

/* seed.c: the world from a file of changes, and again from the journal. */
bool world_fill(struct world *w);
void journal_add(struct world *w, json_t *change);

/* change.c: NULL when done, else what is wrong with it. */
const char *change_apply(struct world *w, json_t *change);
const char *make_person(struct world *w, const json_t *c);
const char *make_repository(struct world *w, const json_t *c);
void set_text(char *out, size_t size, const json_t *object, const char *key);
void set_int(int64_t *out, const json_t *object, const char *key);
void set_bool(bool *out, const json_t *object, const char *key);
void set_emails(struct person *p, const json_t *list);
void set_languages(struct repository *r, const json_t *object);
void set_topics(struct repository *r, const json_t *list);
int64_t time_of(const char *text);

/* write.c: JSON by hand; a comma is put where one is due. */
void put_key(struct buf *b, const char *key);
void put_text(struct buf *b, const char *key, const char *text);
void put_text_or_null(struct buf *b, const char *key, const char *text);
void put_int(struct buf *b, const char *key, int64_t n);
void put_bool(struct buf *b, const char *key, bool is);
void put_null(struct buf *b, const char *key);
void put_time(struct buf *b, const char *key, int64_t seconds);
void put_raw(struct buf *b, const char *key, const char *json);
void put_json(struct buf *b, const char *key, const json_t *json);
void put_open(struct buf *b, const char *key, char bracket); /* key NULL: in a list */
const char *http_date(struct arena *a, int64_t seconds);

/* shape.c: things as GitHub shows them. */
void shape_simple_user(struct buf *b, const struct ask *a, size_t person);
void shape_user(struct buf *b, const struct ask *a, size_t person, bool own);
enum repository_shape { SHAPE_LISTED, SHAPE_FULL, SHAPE_MINIMAL, SHAPE_WEBHOOK, SHAPE_PUSHED };
void shape_repository(
    struct buf *b, const struct ask *a, size_t repository, enum repository_shape shape);
const char *main_language(const struct repository *r);
void full_name_of(const struct world *w, const struct repository *r, char *out);

/* answer.c */
void answer_header(struct ask *a, const char *name, const char *value);
const char *answer_get(const struct ask *a, const char *name);
void answer_unset(struct ask *a, const char *name);
void answer_error(struct ask *a, int status, const char *message);
void answer_documented(struct ask *a, int status, const char *message, const char *url);
void answer_finish(struct ask *a);                           /* limits, ETag, 304 */
const char *query_of(const struct ask *a, const char *name); /* NULL: absent */
int64_t query_int(const struct ask *a, const char *name, int64_t otherwise);
const char *header_in(const struct ask *a, const char *name);
/* Link for a list of `count` things; the first and the one behind the last of this page. */
void answer_page(struct ask *a, const char *path, size_t count, size_t *from, size_t *to);

/* serve.c: who asks, limits, faults, the route. */
void serve_ask(struct ask *a);
void serve_api(struct ask *a);

/* handlers: rest.c, oauth.c, application.c, graphql.c */
void rest_user(struct ask *a);
void rest_emails(struct ask *a);
void rest_own_repositories(struct ask *a);
void rest_person(struct ask *a);
void rest_their_repositories(struct ask *a);
void rest_repository(struct ask *a);
void rest_languages(struct ask *a);
void rest_rate_limit(struct ask *a);
void rest_avatar(struct ask *a);
void oauth_authorize(struct ask *a);
void oauth_access_token(struct ask *a);
void application_check(struct ask *a);
void application_drop_token(struct ask *a);
void application_drop_grant(struct ask *a);
void graphql_answer(struct ask *a);

/* contribution.c: the tree of contributionsCollection; NULL and a message when refused. */
json_t *contributions_tree(const struct ask *a, size_t person, int64_t from, int64_t to,
    const char **type, const char **message);

/* fault.c: false: no fault took the answer over. */
struct mishap *fault_match(struct ask *a);
bool fault_answer(struct ask *a, struct mishap *f);
void fault_spoil(struct ask *a, const struct mishap *f); /* of an answer that is there */
const char *fault_add(struct world *w, json_t *with);
void fault_clear(struct world *w);
/* What can't be read, in front of each text of the name `field`: a byte that is no UTF-8, or
 * the text `with`. */
void garble(struct buf *json, const json_t *how);

/* log.c */
struct entry *log_entry(struct world *w, int64_t number);
void log_begin(struct ask *a, const char *target);
void log_end(struct world *w, int64_t number, int status);
void log_show(struct ask *a);

/* control.c, webhook.c */
void control_serve(struct ask *a);
void webhook_send(struct ask *a, json_t *what);
bool webhook_payload(struct ask *a, json_t *what, struct buf *out, const char **error);

#endif
