/* caller: one request to a stand-in that the test program starts, for the tests of the stand-in. */
#ifndef GITHUB_CALLER_H
#define GITHUB_CALLER_H

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "support/github.h"

enum { ANSWER_MAX = 64 * 1024 * 1024 };

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	github_start(NULL);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	(void)stats;
	github_stop();
}

struct reply {
	CURLcode how;
	long status;
	struct buf head, body;
	const char *text; /* of the body */
	size_t len;
	json_t *json;
	double seconds;
};

static inline size_t
caller_keep(char *from, size_t size, size_t count, void *to)
{
	buf_add(to, (struct span){ from, size * count });
	return size * count;
}

struct asked {
	const char *method, *url, *token, *body, *header, *login;
	long timeout_ms;
};

#define ASK(...) ask(&(struct asked){ __VA_ARGS__ })

static inline struct reply
ask(const struct asked *q)
{
	struct reply r = { .status = 0 };
	struct curl_slist *list = NULL;
	CURL *curl = curl_easy_init();
	char line[256], url[2048];

	buf_init(&r.head, ANSWER_MAX);
	buf_init(&r.body, ANSWER_MAX);
	snprintf(url, sizeof(url), "%s%s", q->url[0] == '/' ? github_api_url() : "", q->url);
	if (q->token != NULL) {
		snprintf(line, sizeof(line), "Authorization: Bearer %s", q->token);
		list = curl_slist_append(list, line);
	}
	list = curl_slist_append(list, "Accept: application/json");
	if (q->header != NULL)
		list = curl_slist_append(list, q->header);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "tests");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, q->timeout_ms ? q->timeout_ms : 20000L);
	if (q->method != NULL)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	if (q->body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body);
	if (q->login != NULL)
		curl_easy_setopt(curl, CURLOPT_USERPWD, q->login);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, caller_keep);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &r.head);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, caller_keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &r.body);
	r.how = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r.status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &r.seconds);
	curl_easy_cleanup(curl);
	curl_slist_free_all(list);
	r.text = buf_text(&r.body);
	r.len = r.body.len;
	r.json = r.len ? json_loadb(r.text, r.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	return r;
}

static inline void
forget(struct reply *r)
{
	json_decref(r->json);
	buf_free(&r->head);
	buf_free(&r->body);
}

static inline const char *
header_of(struct reply *r, const char *name)
{
	static char values[4][4096];
	static int next;
	char *value = values[next++ % 4];
	size_t len = strlen(name);

	for (const char *line = buf_text(&r->head); line && *line;
	     line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(line + len + 2, "\r\n"),
		    line + len + 2);
		return value;
	}
	return "(none)";
}

static inline const char *
text_at(const struct reply *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->json, key));

	return text ? text : "(none)";
}

/* Status of one call; what it says is dropped. */
static inline long
status_of(const char *url, const char *token)
{
	struct reply r = ASK(.url = url, .token = token);
	long status = r.status;

	forget(&r);
	return status;
}

static const char *ada;

static inline void
fresh(void)
{
	github_reset("all");
	ada = github_token("ada", "read:user,user:email");
}

#endif
