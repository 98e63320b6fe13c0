/* http_client: one outgoing HTTP call at a time, with a bound on everything: time, header and
 * body bytes, and where it may go. Never follows a redirect, never uses a proxy or a cookie.
 * Owns its connections, which it keeps between calls; answers are in the scope's arena. */
#ifndef ADAPTER_HTTP_CLIENT_H
#define ADAPTER_HTTP_CLIENT_H

#include "base/scope.h"

struct http_client;

/* One for a process, made after fork. NULL: no memory. */
struct http_client *http_client_make(const char *user_agent);
void http_client_free(struct http_client *client);

enum { HTTP_HEADERS_MAX = 12, HTTP_HEAD_MAX = 32 * 1024, HTTP_URL_MAX = 8 * 1024 };

struct http_header {
	const char *name;
	struct span value;
};

/* Exactly one of `origin` and `public_only` says where it may go. */
struct http_request {
	const char *method, *url;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	struct span body;   /* ptr NULL: none; its Content-Type is among the headers */
	int64_t timeout_ms; /* of the whole call */
	size_t body_max;    /* of the answer, uncompressed */
	const char *origin; /* a URL of our configuration: same scheme, host and port alone */
	bool public_only;   /* a stranger's URL: https, port 443, and no address of ours */
	bool certificate;   /* when it ends is wanted */
	bool once;          /* never sent twice, not even when a kept connection was dead */
};

struct http_response {
	int status;
	struct span body; /* NUL-terminated */
	struct http_line {
		const char *name, *value;
	} * lines;
	size_t line_count;
	int64_t micros;
	int64_t certificate_ends; /* of the site's own, in seconds since 1970; 0: not known */
};

/* ERR_INVALID: a URL or header that can't be one; ERR_FORBIDDEN: the URL or the address that
 * was to be dialled is refused; ERR_AWAY: name, connection, TLS or time-out; ERR_TOO_LARGE: the
 * answer. The fault's story says what, without the URL's query. */
enum err http_call(struct http_client *client, const struct http_request *request,
    struct http_response *response, struct scope *scope);

/* The first header of that name, in any case of its letters; NULL: there is none. */
const char *http_header(const struct http_response *response, const char *name);

/* Seconds since 1970 of a date as headers have it (RFC 9110, section 5.6.7); -1: NULL, or none. */
int64_t http_date_read(const char *text);

/* `relative` as a document at `base` means it (RFC 3986, section 5), in the arena. ERR_INVALID. */
enum err http_url_join(
    const char *base, const char *relative, const char **out, struct scope *scope);

/* Same scheme, host and port. */
bool http_same_origin(const char *a, const char *b);

/* Whether a stranger's URL may lead there: a unicast address of the public Internet, also
 * behind the IPv6 forms that carry an IPv4 address. */
struct sockaddr;
bool http_address_public(const struct sockaddr *address);

#endif
