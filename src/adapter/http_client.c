/* http_client: libcurl, held on a short leash. A stranger's URL is judged by the address that
 * is about to be dialled, so that no name can change its meaning in between. */
#include "adapter/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { CONNECT_MS = 3000, KEEP_MAX = 256 * 1024, SLOW_BYTES = 64, SLOW_SECONDS = 12 };

/* A connection to an address of ours must never serve a stranger's URL: it would not pass the
 * hook again. So each kind has a handle, and with it a store of connections, of its own. */
struct http_client {
	CURL *own, *strangers;
	char agent[128], error[CURL_ERROR_SIZE];
	struct buf head, body;
	size_t body_max;
	bool refused, too_large; /* of the call that runs */
};

struct http_client *
http_client_make(const char *user_agent)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(client);
		return NULL;
	}
	snprintf(client->agent, sizeof(client->agent), "%s", user_agent);
	buf_init(&client->head, HTTP_HEAD_MAX);
	client->own = curl_easy_init();
	client->strangers = curl_easy_init();
	if (client->own != NULL && client->strangers != NULL)
		return client;
	http_client_free(client);
	return NULL;
}

void
http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->own);
	curl_easy_cleanup(client->strangers);
	buf_free(&client->head);
	buf_free(&client->body);
	free(client);
	curl_global_cleanup();
}

/* ---- URLs */

static bool
same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = NULL, *y = NULL;
	bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            span_equal_nocase(span_of(x), span_of(y));

	curl_free(x);
	curl_free(y);
	return same;
}

static CURLU *
url_of(const char *text, CURLUcode *why)
{
	CURLU *url = curl_url();

	if (url == NULL)
		return NULL;
	*why = strlen(text) <= HTTP_URL_MAX
	           ? curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER)
	           : CURLUE_MALFORMED_INPUT;
	return url;
}

static bool
same_place(CURLU *url, const char *origin)
{
	CURLUcode why;
	CURLU *other = url_of(origin, &why);
	bool same =
	    other != NULL && why == CURLUE_OK && same_part(url, other, CURLUPART_SCHEME) &&
	    same_part(url, other, CURLUPART_HOST) && same_part(url, other, CURLUPART_PORT);

	curl_url_cleanup(other);
	return same;
}

static bool
is_part(CURLU *url, CURLUPart part, const char *wanted)
{
	char *text = NULL;
	bool same = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            strcmp(text, wanted) == 0;

	curl_free(text);
	return same;
}

static enum err
check_url(const struct http_request *request, CURLU *url, CURLUcode why, struct scope *scope)
{
	if (why == CURLUE_OUT_OF_MEMORY)
		return ERR_NO_MEMORY;
	if (why != CURLUE_OK)
		return fault(&scope->fault, ERR_INVALID, "HTTP: %s", curl_url_strerror(why));
	if (request->public_only
	        ? is_part(url, CURLUPART_SCHEME, "https") && is_part(url, CURLUPART_PORT, "443")
	        : same_place(url, request->origin))
		return OK;
	return fault(&scope->fault, ERR_FORBIDDEN, "HTTP: scheme, host or port is refused");
}

bool
http_same_origin(const char *a, const char *b)
{
	CURLUcode why;
	CURLU *url = url_of(a, &why);
	bool same = url != NULL && why == CURLUE_OK && same_place(url, b);

	curl_url_cleanup(url);
	return same;
}

enum err
http_url_join(const char *base, const char *relative, const char **out, struct scope *scope)
{
	CURLUcode why;
	CURLU *url = url_of(base, &why);
	char *text = NULL;
	enum err e = ERR_INVALID;

	if (url != NULL && why == CURLUE_OK && strlen(relative) <= HTTP_URL_MAX)
		why = curl_url_set(url, CURLUPART_URL, relative, CURLU_DISALLOW_USER);
	else
		why = url ? CURLUE_MALFORMED_INPUT : CURLUE_OUT_OF_MEMORY;
	if (why == CURLUE_OK)
		why = curl_url_get(url, CURLUPART_URL, &text, 0);
	if (why == CURLUE_OK) {
		*out = arena_text(scope->arena, span_of(text));
		e = *out ? OK : ERR_NO_MEMORY;
	} else if (why == CURLUE_OUT_OF_MEMORY)
		e = ERR_NO_MEMORY;
	curl_free(text);
	curl_url_cleanup(url);
	return e;
}

/* ---- what libcurl calls back */

static curl_socket_t
open_socket(void *with, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct http_client *client = with;

	(void)purpose;
	if (http_address_public(&to->addr))
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	client->refused = true;
	return CURL_SOCKET_BAD;
}

static size_t
take_head(char *text, size_t size, size_t count, void *with)
{
	struct http_client *client = with;
	struct span line = { text, size * count };

	if (span_starts(line, SPAN("HTTP/"))) /* an earlier 1xx was not the answer */
		buf_reset(&client->head);
	buf_add(&client->head, line);
	client->too_large = client->too_large || !buf_ok(&client->head);
	return client->too_large ? 0 : line.len;
}

static size_t
take_body(char *text, size_t size, size_t count, void *with)
{
	struct http_client *client = with;
	struct span piece = { text, size * count };

	client->too_large = piece.len > client->body_max - client->body.len;
	if (client->too_large)
		return 0;
	buf_add(&client->body, piece);
	return buf_ok(&client->body) ? piece.len : 0;
}

/* ---- a call */

static bool
header_ok(const struct http_header *header)
{
	for (const char *c = header->name; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 127 || *c == ':' || *c == ';')
			return false;
	for (size_t i = 0; i < header->value.len; i++)
		if (strchr("\r\n", header->value.ptr[i]) != NULL) /* finds NUL, too */
			return false;
	return header->name[0] != '\0';
}

/* libcurl's own list of headers; "Name;" is its word for an empty value. */
static enum err
list_headers(const struct http_request *request, struct curl_slist **list, struct scope *scope)
{
	struct curl_slist *longer;

	if (request->header_count > HTTP_HEADERS_MAX)
		return ERR_INVALID;
	if ((*list = curl_slist_append(NULL, "Expect:")) == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *h = &request->headers[i];
		const char *text;
		if (!header_ok(h))
			return fault(&scope->fault, ERR_INVALID, "HTTP: header %zu", i);
		text = h->value.len ? arena_format(scope->arena, "%s: %.*s", h->name,
		                          (int)h->value.len, h->value.ptr)
		                    : arena_format(scope->arena, "%s;", h->name);
		if (text == NULL || (longer = curl_slist_append(*list, text)) == NULL)
			return ERR_NO_MEMORY;
		*list = longer;
	}
	return OK;
}

#define SET(option, value) (good = good && curl_easy_setopt(h, option, value) == CURLE_OK)

static bool
set_limits(CURL *h, struct http_client *client, const struct http_request *request)
{
	int64_t connect = request->timeout_ms < CONNECT_MS ? request->timeout_ms : CONNECT_MS;
	bool good = true;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* a deaf name server must not outlast the time-out */
	SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->body_max);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, request->public_only ? "https" : "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_MAXCONNECTS, 4L);
	SET(CURLOPT_FRESH_CONNECT, (long)request->once);
	if (request->public_only) {
		SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
		SET(CURLOPT_OPENSOCKETDATA, (void *)client);
	}
	return good;
}

static bool
set_call(CURL *h, struct http_client *client, const struct http_request *request, CURLU *url,
    struct curl_slist *list)
{
	bool good = true;

	SET(CURLOPT_CURLU, url);
	SET(CURLOPT_USERAGENT, client->agent);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip");
	SET(CURLOPT_ERRORBUFFER, client->error);
	SET(CURLOPT_HTTPHEADER, list);
	SET(CURLOPT_HEADERFUNCTION, take_head);
	SET(CURLOPT_HEADERDATA, (void *)client);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, (void *)client);
	if (strcmp(request->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (request->body.ptr != NULL) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_POSTFIELDS, request->body.ptr);
	}
	SET(CURLOPT_CUSTOMREQUEST, request->method);
	SET(CURLOPT_CERTINFO, (long)request->certificate);
	return good;
}

static enum err
failed(const struct http_client *client, const struct http_request *request, CURLU *url,
    CURLcode code, struct fault *f)
{
	char *host = NULL, *path = NULL;
	const char *what = client->error[0] ? client->error : curl_easy_strerror(code);
	enum err e = ERR_AWAY;

	if (code == CURLE_OUT_OF_MEMORY)
		e = ERR_NO_MEMORY;
	else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		e = ERR_INVALID;
	else if (client->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		e = ERR_TOO_LARGE;
		what = "the answer is too large";
	} else if (client->refused) {
		e = ERR_FORBIDDEN;
		what = "the address is refused";
	}
	curl_url_get(url, CURLUPART_HOST, &host, 0);
	curl_url_get(url, CURLUPART_PATH, &path, 0);
	/* the path of a stranger's URL may be its secret */
	fault(f, e, "HTTP: %s %s%s: %s", request->method, host ? host : "?",
	    path && !request->public_only ? path : "", what);
	curl_free(host);
	curl_free(path);
	return e;
}

static enum err
take_lines(struct span head, struct http_response *response, struct arena *arena)
{
	struct span rest = head;

	for (size_t i = 0; i < head.len; i++)
		response->line_count += head.ptr[i] == '\n';
	response->lines =
	    arena_alloc(arena, (response->line_count + 1) * sizeof(*response->lines));
	if (response->lines == NULL)
		return ERR_NO_MEMORY;
	response->line_count = 0;
	while (rest.ptr != NULL) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ':');
		struct http_line *l = &response->lines[response->line_count];
		if (line.ptr == NULL) /* the status, or the empty line */
			continue;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		l->name = arena_text(arena, name);
		l->value = arena_text(arena, span_trim(line));
		if (l->name == NULL || l->value == NULL)
			return ERR_NO_MEMORY;
		response->line_count++;
	}
	return OK;
}

/* The first certificate of the chain is the site's. */
static int64_t
certificate_end(CURL *h)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(h, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
	    info->num_of_certs < 1)
		return 0;
	for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
		if (strncmp(line->data, "Expire date:", 12) == 0) {
			int64_t ends = curl_getdate(line->data + 12, NULL);
			return ends > 0 ? ends : 0;
		}
	return 0;
}

static enum err
take_answer(
    struct http_client *client, CURL *h, struct http_response *response, struct arena *arena)
{
	long status = 0;
	char *text;

	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	response->status = (int)status;
	response->certificate_ends = certificate_end(h);
	if ((text = arena_text(arena, buf_span(&client->body))) == NULL)
		return ERR_NO_MEMORY;
	response->body = (struct span){ text, client->body.len };
	return take_lines(buf_span(&client->head), response, arena);
}

static enum err
perform(struct http_client *client, const struct http_request *request, CURLU *url,
    struct http_response *response, struct scope *scope)
{
	CURL *h = request->public_only ? client->strangers : client->own;
	struct curl_slist *list = NULL;
	int64_t began = clock_mono();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	enum err e = list_headers(request, &list, scope);

	if (e == OK && set_limits(h, client, request) &&
	    set_call(h, client, request, url, list))
		code = curl_easy_perform(h);
	response->micros = clock_mono() - began;
	if (e == OK)
		e = code == CURLE_OK ? take_answer(client, h, response, scope->arena)
		                     : failed(client, request, url, code, &scope->fault);
	curl_easy_reset(h);
	curl_slist_free_all(list);
	return e;
}

enum err
http_call(struct http_client *client, const struct http_request *request,
    struct http_response *response, struct scope *scope)
{
	CURLUcode why;
	CURLU *url;
	enum err e;

	*response = (struct http_response){ .status = 0 };
	if ((request->origin == NULL) != request->public_only || request->timeout_ms <= 0)
		return fault(&scope->fault, ERR_INVALID, "HTTP: a call without bounds");
	buf_reset(&client->head);
	buf_reset(&client->body);
	client->body.max = request->body_max;
	client->body_max = request->body_max;
	client->refused = client->too_large = false;
	client->error[0] = '\0';
	if ((url = url_of(request->url, &why)) == NULL)
		return ERR_NO_MEMORY;
	e = check_url(request, url, why, scope);
	if (e == OK)
		e = perform(client, request, url, response, scope);
	curl_url_cleanup(url);
	if (client->body.size > KEEP_MAX)
		buf_free(&client->body);
	return e;
}

const char *
http_header(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->line_count; i++)
		if (span_equal_nocase(span_of(response->lines[i].name), span_of(name)))
			return response->lines[i].value;
	return NULL;
}

int64_t
http_date_read(const char *text)
{
	return text != NULL ? (int64_t)curl_getdate(text, NULL) : -1;
}
