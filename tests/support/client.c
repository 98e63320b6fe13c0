/* client: libcurl, and a plain socket for what no well-meaning client would send. */
#include "support/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/stack.h"

struct sink {
	char *bytes;
	size_t len;
};

static size_t
sink_add(char *from, size_t size, size_t count, void *to)
{
	struct sink *sink = to;
	char *grown = realloc(sink->bytes, sink->len + size * count + 1);

	if (grown == NULL)
		return 0;
	sink->bytes = grown;
	memcpy(grown + sink->len, from, size * count);
	sink->len += size * count;
	grown[sink->len] = '\0';
	return size * count;
}

static struct curl_slist *
headers_of(const struct call *call)
{
	struct curl_slist *list = NULL;
	char line[2048];

	if (call->token) {
		snprintf(line, sizeof(line), "Authorization: Bearer %s", call->token);
		list = curl_slist_append(list, line);
	}
	if (call->body) {
		snprintf(line, sizeof(line), "Content-Type: %s",
		    call->type ? call->type : "application/json");
		list = curl_slist_append(list, line);
	}
	for (int i = 0; i < CALL_HEADERS_MAX && call->headers[i]; i++)
		list = curl_slist_append(list, call->headers[i]);
	return list;
}

struct answer
ask(const struct call *call)
{
	struct answer a = { .status = 0 };
	struct sink body = { NULL, 0 }, head = { NULL, 0 };
	struct curl_slist *list = headers_of(call);
	CURL *curl = curl_easy_init();
	char url[16384];

	/* A whole URL is somebody else's: where a redirect led to. */
	snprintf(url, sizeof(url), "%s%s",
	    strncmp(call->path, "http", 4) == 0 ? "" : stack_url(), call->path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
	curl_easy_setopt(curl, CURLOPT_NOBODY, (long)(strcmp(call->method, "HEAD") == 0));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (call->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sink_add);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, sink_add);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a.status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &a.seconds);
	curl_easy_cleanup(curl);
	curl_slist_free_all(list);
	a.body = body.bytes;
	a.len = body.len;
	a.headers = head.bytes;
	if (body.len > 0)
		a.json = json_loadb(body.bytes, body.len, JSON_REJECT_DUPLICATES, NULL);
	return a;
}

void
forget(struct answer *a)
{
	json_decref(a->json);
	free(a->body);
	free(a->headers);
	*a = (struct answer){ .status = 0 };
}

const char *
header_of(const struct answer *a, const char *name)
{
	static char value[8192];
	size_t len = strlen(name);

	for (const char *line = a->headers; line && *line; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 1, "\r\n"),
		    line + len + 1);
		return value + strspn(value, " ");
	}
	return NULL;
}

int
header_count(const struct answer *a, const char *name)
{
	size_t len = strlen(name);
	int n = 0;

	for (const char *line = a->headers; line && *line; line = strchr(line, '\n') + 1)
		n += strncasecmp(line, name, len) == 0 && line[len] == ':';
	return n;
}

json_t *
at(const struct answer *a, const char *path)
{
	json_t *here = a->json;
	char key[128];

	while (here != NULL && *path) {
		size_t len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		here = json_is_array(here) ? json_array_get(here, strtoul(key, NULL, 10))
		                           : json_object_get(here, key);
		path += len + (path[len] == '.');
	}
	return here;
}

const char *
text_at(const struct answer *a, const char *path)
{
	const char *text = json_string_value(at(a, path));
	return text ? text : "(nothing)";
}

long long
int_at(const struct answer *a, const char *path)
{
	json_t *value = at(a, path);
	return json_is_integer(value) ? json_integer_value(value) : -999999;
}

size_t
raw_exchange(const char *bytes, size_t len, char *out, size_t size)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)stack_port()) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p = { fd, POLLIN, 0 };
	size_t got = 0;
	ssize_t n;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	for (size_t sent = 0; sent < len; sent += (size_t)n)
		if ((n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL)) <= 0)
			break; /* refused early: read why */
	while (got + 1 < size && poll(&p, 1, 1000) > 0 &&
	       (n = read(fd, out + got, size - got - 1)) > 0)
		got += (size_t)n;
	out[got] = '\0';
	close(fd);
	return got;
}

const char *
new_snippet(const char *token, const char *json)
{
	static char ids[8][40];
	static int next;
	char *id = ids[next++ % 8];
	struct answer a = CALL("POST", "/api/v1/snippets", .token = token, .body = json);

	cr_assert_eq(a.status, 201, "no snippet: %ld %s", a.status, a.body);
	snprintf(id, sizeof(ids[0]), "%s", text_at(&a, "data.id"));
	forget(&a);
	return id;
}
