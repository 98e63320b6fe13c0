/* webhook: a delivery as GitHub makes it: signed over the bytes that go out, ten seconds to
 * answer, never tried again by itself. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "adapter/crypto.h"
#include "base/random.h"
#include "github/stand_in.h"

enum { ANSWER_SECONDS = 10, ANSWER_MAX = 65536 };

struct delivery {
	const char *url, *event, *id;
	char signature[128];
	struct buf body, answer;
	long status;
	double seconds;
};

static size_t
keep(char *from, size_t size, size_t count, void *to)
{
	buf_add(to, (struct span){ from, size * count });
	return size * count;
}

static struct curl_slist *
header(struct curl_slist *list, const char *name, const char *value)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s: %s", name, value);
	return curl_slist_append(list, line);
}

static struct curl_slist *
headers_of(const struct delivery *d)
{
	struct curl_slist *list = header(NULL, "Content-Type", "application/json");

	list = header(list, "User-Agent", "GitHub-Hookshot/044aadd");
	list = header(list, "X-GitHub-Delivery", d->id);
	list = header(list, "X-GitHub-Event", d->event);
	list = header(list, "X-GitHub-Hook-ID", "4711");
	list = header(list, "X-GitHub-Hook-Installation-Target-Type", "repository");
	list = header(list, "Expect", "");
	if (d->signature[0] != '\0')
		list = header(list, "X-Hub-Signature-256", d->signature);
	return list;
}

static void
post(struct delivery *d)
{
	struct curl_slist *list = headers_of(d);
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_URL, d->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)d->body.len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, d->body.ptr ? d->body.ptr : "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &d->answer);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &d->status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &d->seconds);
	curl_easy_cleanup(curl);
	curl_slist_free_all(list);
}

/* {"signature": "none"} sends without, "bad" with one of other bytes. */
static void
sign(struct delivery *d, const struct world *w, const json_t *what)
{
	const char *how = json_string_value(json_object_get(what, "signature"));
	unsigned char hash[SHA256_BYTES];
	size_t len;

	if (how != NULL && strcmp(how, "none") == 0)
		return;
	crypto_hmac(span_of(w->app.webhook_secret), buf_span(&d->body), hash);
	if (how != NULL)
		hash[0] ^= 1;
	len = (size_t)snprintf(d->signature, sizeof(d->signature), "sha256=");
	for (size_t i = 0; i < sizeof(hash); i++)
		len += (size_t)snprintf(
		    d->signature + len, sizeof(d->signature) - len, "%02x", hash[i]);
}

/* The body is the event's, or the text "body" as it is. */
static bool
fill(struct ask *a, struct delivery *d, json_t *what)
{
	const char *raw = json_string_value(json_object_get(what, "body")), *error;

	if (raw != NULL) {
		buf_add(&d->body, span_of(raw));
		return true;
	}
	if (webhook_payload(a, what, &d->body, &error)) {
		if (json_object_get(what, "garbled") != NULL)
			garble(&d->body, json_object_get(what, "garbled"));
		return true;
	}
	a->status = 400;
	buf_char(&a->out, '{');
	put_text(&a->out, "wrong", error);
	buf_char(&a->out, '}');
	return false;
}

static const char *
word_of(struct ask *a, const json_t *what, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(what, key));

	return arena_text(a->arena, span_of(text ? text : otherwise));
}

void
webhook_send(struct ask *a, json_t *what)
{
	struct uuid fresh = uuid_make();
	struct delivery d = { .event = word_of(a, what, "event", "ping"),
		.url = word_of(a, what, "url", a->world->app.webhook),
		.id = word_of(a, what, "delivery", fresh.text) };

	buf_init(&d.body, 32 * BODY_MAX);
	buf_init(&d.answer, ANSWER_MAX);
	if (fill(a, &d, what)) {
		sign(&d, a->world, what);
		pthread_mutex_unlock(&a->world->lock);
		if (json_is_true(json_object_get(what, "dry")))
			buf_add(&d.answer, buf_span(&d.body));
		else
			post(&d);
		pthread_mutex_lock(&a->world->lock);
		buf_char(&a->out, '{');
		put_text(&a->out, "delivery", d.id);
		put_text(&a->out, "signature", d.signature);
		put_int(&a->out, "status", d.status);
		put_key(&a->out, "seconds");
		buf_format(&a->out, "%.6f", d.seconds);
		put_key(&a->out, "answer");
		buf_char(&a->out, '"');
		buf_json_any(&a->out, buf_span(&d.answer));
		buf_puts(&a->out, "\"}");
	}
	buf_free(&d.body);
	buf_free(&d.answer);
}
