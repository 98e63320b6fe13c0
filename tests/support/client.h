/* client: a caller of the API over real HTTP (libcurl), and what it got. */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include <jansson.h>
#include <stddef.h>

enum { CALL_HEADERS_MAX = 8, ANSWER_HEADERS_MAX = 64 };

struct call {
	const char *method, *path, *token, *body, *type; /* type: application/json by default */
	const char *headers[CALL_HEADERS_MAX];           /* "Name: value" */
};

struct answer {
	long status; /* 0: no answer at all */
	char *body;
	size_t len;
	char *headers; /* all lines */
	json_t *json;  /* NULL when the body is none */
	double seconds;
};

/* CALL("GET", "/health") or with .token, .body … behind; forget() when done. */
#define CALL(m, ...) ask(&(struct call){ .method = m, .path = __VA_ARGS__ })
struct answer ask(const struct call *call);
void forget(struct answer *a);

/* Value of a header in static memory, NULL when absent; how often it is there. */
const char *header_of(const struct answer *a, const char *name);
int header_count(const struct answer *a, const char *name);

/* A member by path: "data.author.username", "data.0.id"; NULL when absent. */
json_t *at(const struct answer *a, const char *path);
const char *text_at(const struct answer *a, const char *path);
long long int_at(const struct answer *a, const char *path);

/* Bytes as they are to nginx, and all that comes back within a second of silence. */
size_t raw_exchange(const char *bytes, size_t len, char *out, size_t size);

/* A snippet of `token`; its id in static memory, eight at a time. */
const char *new_snippet(const char *token, const char *json);

#endif
