/* request: what a handler sees of a request, and what it may say in reply. Everything here
 * lives in the request's arena or in the worker; a handler frees nothing. */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include "adapter/postgres.h"
#include "model/form.h"
#include "model/names.h"

struct request;
struct app;

enum transaction { NONE, TX };

/* A row of api/routes.def. */
struct route {
	const char *method, *path, *name;
	enum group group;
	enum who who;
	enum budget budget;
	enum transaction transaction;
	const struct form *form; /* of the body for POST, PUT, PATCH; else of the query */
	enum err (*handle)(struct request *r);
};

enum { ROUTE_PARAMS_MAX = 4, SEGMENTS_MAX = 12, PAGE_DEPTH_MAX = 10000 };

enum reply_kind {
	REPLY_ONE,    /* {"success":true,"data":…} */
	REPLY_PAGE,   /* … with page, limit, total */
	REPLY_STREAM, /* … with limit, nextCursor */
	REPLY_EMPTY,  /* no body */
	REPLY_RAW,    /* the data as it is, of content_type */
};

struct reply {
	int status;
	enum reply_kind kind;
	bool done;          /* a step before the handler has answered */
	bool secret;        /* it carries a token: nobody may keep it */
	struct buf data;    /* JSON of the thing or the list; kept over requests */
	struct buf headers; /* whole lines, for what only some answers carry */
	const char *content_type;
	const char *challenge; /* of a 401; NULL: the bearer token's */
	int64_t page, limit, total;
	bool more;
	const char *next_cursor;
	int64_t version; /* of the one thing; 0: none */
	char etag[48];
};

/* State of the caller's budget, for the RateLimit headers. */
struct allowance {
	int64_t limit, seconds, remaining, reset_seconds;
	bool known;
};

struct request {
	struct scope scope;
	struct app *app;
	struct db *db;
	const struct route *route;
	bool head, strict, cors_allowed; /* cors_allowed: the origin is one of ours */
	struct span method, path, query, origin, address, id;
	struct span segment[SEGMENTS_MAX]; /* decoded */
	size_t segments;
	struct span param[ROUTE_PARAMS_MAX];
	struct viewer viewer;
	struct allowance allowance;
	const void *form;
	struct span body; /* of routes whose form is raw_body, after raw_body() */
	struct reply reply;
	const struct session_ended *ended; /* sessions that it ended */
	size_t ended_count;
	bool commits; /* although it is an error */
	bool
	    wakes; /* it left something in the outbox: the scheduler is woken when it is done */
	const char *step; /* the one it is in, or ended in */
	int64_t began;    /* clock_mono() */
	int64_t second;   /* since 1970, in which it began */
};

/* The path parameter of that name as a UUID; ERR_NOT_FOUND when it is none, since nothing can
 * be there. */
enum err param_uuid(const struct request *r, const char *name, struct uuid *out);
const char *param_text(struct request *r, const char *name);

/* As a username, or ERR_NOT_FOUND: nobody can be called otherwise. The same of a job's id. */
enum err param_username(struct request *r, const char *name, const char **out);
enum err param_job_id(struct request *r, const char *name, const char **out);

/* Empty for an anonymous caller. */
static inline struct uuid
viewer_id(const struct request *r)
{
	return r->viewer.id;
}

/* A header of the request, as CGI names it: "HTTP_IF_MATCH". The first line of several. */
struct span request_header(const struct request *r, const char *name);

/* A header that is a list: all its lines as one, with commas (RFC 9110, section 5.3; cookies
 * with semicolons). */
struct span request_list(const struct request *r, const char *name);

/* Reads the body of a route whose form is raw_body into r->body: for a handler that has looked
 * at the headers and wants it. ERR_TOO_LARGE, ERR_WRONG_TYPE. */
enum err raw_body(struct request *r);

/* `prefix` and one more segment or value, percent-encoded; NULL: no memory. For Location. */
const char *url_of(struct request *r, const char *prefix, const char *last);

/* ERR_CHANGED unless If-Match is absent, * or of this version. */
enum err if_match(struct request *r, int64_t version);

/* Names of the fields that the body brought. NULL: no memory. */
const struct texts *given_fields(struct request *r);

/* What a :json statement writes into: the reply's data. */
struct rows reply_rows(struct request *r);

/* Ends a handler that replies with one thing: takes over its version. */
enum err reply_one(struct request *r, const struct rows *rows);
enum err reply_created(struct request *r, const char *location, const struct rows *rows);
enum err reply_none(struct request *r);
enum err reply_raw(struct request *r, const char *content_type, struct span body);
void reply_header(struct request *r, const char *name, const char *value);

/* 302 after a GET, else 303, so that no browser sends a body on. */
enum err reply_redirect(struct request *r, const char *url);

/* Ends a handler whose transaction is to be committed although the answer is an error. */
enum err reply_error_commit(struct request *r, enum err e);

/* Cookies as CodeGram sets them: __Host-, Secure, HttpOnly, Path=/. `of` tells those of a kind
 * apart ("": there is one). `seconds` 0 takes it away. */
enum { COOKIE_REFRESH, COOKIE_LOGIN };
struct span request_cookie(const struct request *r, int cookie, const char *of);
void reply_cookie(
    struct request *r, int cookie, const char *of, const char *value, int64_t seconds);

/* Takes away those of a kind that the browser has but for the `most` youngest, some at a time. */
void reply_cookies_bound(struct request *r, int cookie, size_t most);

/* A page of ours speaks, not a stranger's in the same browser: to be asked before a cookie
 * counts. ERR_BAD_ORIGIN, ERR_FORBIDDEN. */
enum err from_our_page(struct request *r);

/* Where in a list to begin, from page, limit and cursor of its form. */
struct page {
	int64_t limit, offset, number;
	bool stream;
	const char *after_key; /* NULL on the first page */
	struct uuid after_id;
};
/* `order` names the list's order, to which a cursor is bound. */
enum err page_open(struct request *r, int64_t number, int64_t limit, const char *cursor,
    const char *order, struct page *out);
enum err reply_page(
    struct request *r, const struct page *page, const char *order, const struct rows *rows);

#endif
