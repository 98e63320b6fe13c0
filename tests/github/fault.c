/* fault: what GitHub does on bad days, on demand. Some kinds answer instead of the API, others
 * spoil the answer that it gave. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "github/stand_in.h"

enum { HOUR = 3600, LONG_AGO_SECONDS = 3600, HUGE_MAX = 64 * 1024 * 1024 };

static const char *
text_of(const struct mishap *f, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(f->with, key));

	return text ? text : otherwise;
}

static int64_t
int_of(const struct mishap *f, const char *key, int64_t otherwise)
{
	set_int(&otherwise, f->with, key);
	return otherwise;
}

static double
seconds_of(const struct mishap *f, double otherwise)
{
	const json_t *value = json_object_get(f->with, "seconds");

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

static const char *
digits(struct ask *a, int64_t n)
{
	return arena_format(a->arena, "%lld", (long long)n);
}

/* ---- instead of the API */

static void
with_status(struct ask *a, struct mishap *f)
{
	int status = (int)int_of(f, "status", 502);

	answer_error(
	    a, status, text_of(f, "message", status < 500 ? "Problem" : "Server Error"));
}

static void
with_body(struct ask *a, struct mishap *f)
{
	int64_t huge = int_of(f, "huge", 0);

	a->status = (int)int_of(f, "status", 200);
	a->type = text_of(f, "type", a->type);
	buf_puts(&a->out, text_of(f, "body", ""));
	if (json_object_get(f->with, "json") != NULL)
		put_json(&a->out, NULL, json_object_get(f->with, "json"));
	for (huge = huge > HUGE_MAX ? HUGE_MAX : huge; huge > 0; huge -= 16)
		buf_puts(&a->out, "0123456789abcdef");
}

/* The primary limit: nothing left until the reset, or (so it was seen) something after all; with
 * no headers at all, when it is bare; by a clock that is so many seconds ahead. */
static void
with_rate(struct ask *a, struct mishap *f)
{
	int64_t now = world_now(a->world), in = (int64_t)seconds_of(f, HOUR);
	int64_t ahead = int_of(f, "ahead", 0), remaining = int_of(f, "remaining", 0);

	answer_documented(a, (int)int_of(f, "status", 403),
	    arena_format(a->arena, "API rate limit exceeded for user ID %lld.",
	        a->person == NOBODY ? 0LL : (long long)a->world->people.at[a->person].id),
	    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api");
	if (ahead != 0)
		answer_header(a, "Date", http_date(a->arena, now + ahead));
	if (json_is_true(json_object_get(f->with, "bare")))
		return;
	answer_header(a, "x-ratelimit-limit", "5000");
	answer_header(a, "x-ratelimit-remaining", digits(a, remaining));
	answer_header(a, "x-ratelimit-used", digits(a, 5000 - remaining));
	answer_header(a, "x-ratelimit-reset", digits(a, now + ahead + in));
	answer_header(a, "x-ratelimit-resource", "core");
}

/* The secondary one: with seconds there is a Retry-After, without there is none. */
static void
with_secondary(struct ask *a, struct mishap *f)
{
	double seconds = seconds_of(f, -1);

	answer_documented(a, (int)int_of(f, "status", 403),
	    "You have exceeded a secondary rate limit. Please wait a few minutes before you "
	    "try again. If you reach out to GitHub Support for help, please include the "
	    "request ID.",
	    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
	    "#about-secondary-rate-limits");
	if (seconds >= 0)
		answer_header(a, "Retry-After", digits(a, (int64_t)seconds));
	if (a->person != NOBODY)
		a->budget = budget_now(a->world, &a->world->people.at[a->person].core);
}

/* {"keep": true}: only said, the token goes on being good. */
static void
with_revoked(struct ask *a, struct mishap *f)
{
	struct token *t = (struct token *)(uintptr_t)a->token;

	if (t != NULL && !json_is_true(json_object_get(f->with, "keep")))
		t->is_revoked = true;
	answer_error(a, 401, "Bad credentials");
	a->token = NULL;
}

static void
with_suspended(struct ask *a, struct mishap *f)
{
	answer_error(a, 403, text_of(f, "message", "Sorry. Your account was suspended."));
}

static void
with_scope(struct ask *a, struct mishap *f)
{
	answer_error(a, (int)int_of(f, "status", 403),
	    text_of(f, "message", "Your token has not been granted the required scopes."));
	answer_header(a, "X-Accepted-OAuth-Scopes", text_of(f, "scope", "read:user"));
}

static void
with_renamed(struct ask *a, struct mishap *f)
{
	const char *to = text_of(f, "location", NULL);
	char owner[LOGIN_SIZE], name[REPOSITORY_NAME_SIZE], rest[64] = "";
	size_t found = NOBODY;

	if (to == NULL &&
	    sscanf(a->path, "/repos/%39[^/]/%100[^/]%63s", owner, name, rest) >= 2)
		found = repository_by_name(a->world, owner, name);
	if (found != NOBODY)
		to = arena_format(a->arena, "%s/repositories/%lld%s", a->api,
		    (long long)a->world->repositories.at[found].id, rest);
	answer_error(a, (int)int_of(f, "status", 301), "Moved Permanently");
	if (to != NULL)
		answer_header(a, "Location", to);
}

static void
with_gone(struct ask *a, struct mishap *f)
{
	(void)f;
	answer_error(a, 404, "Not Found");
}

static void
with_blocked(struct ask *a, struct mishap *f)
{
	a->status = 451;
	buf_char(&a->out, '{');
	put_text(&a->out, "message", "Repository access blocked");
	put_open(&a->out, "block", '{');
	put_text(&a->out, "reason", text_of(f, "reason", "dmca"));
	put_text(&a->out, "created_at", "2024-03-12T10:28:01Z");
	put_text(&a->out, "html_url", "https://github.com/github/dmca/blob/master/example.md");
	buf_puts(&a->out, "}}");
}

static void
with_forbidden(struct ask *a, struct mishap *f)
{
	answer_error(a, 403, text_of(f, "message", "Resource not accessible by integration"));
}

static void
with_empty(struct ask *a, struct mishap *f)
{
	(void)f;
	a->status = 204;
}

static void
with_later(struct ask *a, struct mishap *f)
{
	double seconds = seconds_of(f, -1);

	a->status = 202;
	buf_puts(&a->out, "{}");
	if (seconds >= 0)
		answer_header(a, "Retry-After", digits(a, (int64_t)seconds));
}

static void
with_graphql_error(struct ask *a, struct mishap *f)
{
	const char *type = text_of(f, "type", "RESOURCE_LIMITS_EXCEEDED");

	a->status = 200;
	buf_puts(&a->out, "{\"data\":null,\"errors\":[{");
	if (*type != '\0')
		put_text(&a->out, "type", type);
	if (json_object_get(f->with, "code") != NULL)
		put_text(&a->out, "code", text_of(f, "code", ""));
	put_raw(&a->out, "path", "[\"viewer\"]");
	put_raw(&a->out, "locations", "[{\"line\":1,\"column\":3}]");
	put_text(&a->out, "message", text_of(f, "message", "Resource limits exceeded."));
	buf_puts(&a->out, "}]}");
	if (a->person == NOBODY)
		return;
	a->budget = budget_now(a->world, &a->world->people.at[a->person].graphql);
	answer_header(a, "x-ratelimit-resource", "graphql");
	if (strncmp(type, "RATE_LIMIT", 10) == 0)
		a->budget->used = a->budget->limit;
}

/* ---- of an answer that is there */

static void
spoil_reset(struct ask *a, const struct mishap *f)
{
	(void)f;
	a->reset = true;
}

static void
spoil_stall(struct ask *a, const struct mishap *f)
{
	a->stall = seconds_of(f, LONG_AGO_SECONDS);
}

static void
spoil_slow(struct ask *a, const struct mishap *f)
{
	a->slow = seconds_of(f, 5);
}

static void
spoil_cut(struct ask *a, const struct mishap *f)
{
	a->cut = (size_t)int_of(f, "bytes", 1);
}

/* {"headers": {name: text, or null to leave it out}, "huge": bytes of one more} */
static void
spoil_headers(struct ask *a, const struct mishap *f)
{
	int64_t huge = int_of(f, "huge", 0);
	const char *name;
	json_t *value;
	char *text;

	json_object_foreach(json_object_get(f->with, "headers"), name, value)
	{
		if (json_is_string(value))
			answer_header(a, name, json_string_value(value));
		else
			answer_unset(a, name);
	}
	if (huge <= 0 || huge > BODY_MAX ||
	    (text = arena_alloc(a->arena, (size_t)huge + 1)) == NULL)
		return;
	memset(text, 'x', (size_t)huge);
	answer_header(a, "X-Huge", text);
}

/* One field of the object, or of each in the list, becomes another value, or goes. */
static void
spoil_field(struct ask *a, const struct mishap *f)
{
	json_t *body = json_loadb(a->out.ptr, a->out.len, 0, NULL), *one;
	const char *field = text_of(f, "field", "id");
	json_t *value = json_object_get(f->with, "value");
	size_t i;

	for (i = 0; i < (json_is_array(body) ? json_array_size(body) : 1); i++) {
		one = json_is_array(body) ? json_array_get(body, i) : body;
		if (value != NULL)
			json_object_set(one, field, value);
		else
			json_object_del(one, field);
	}
	buf_reset(&a->out);
	if (body != NULL)
		put_json(&a->out, NULL, body);
	json_decref(body);
}

void
garble(struct buf *json, const json_t *how)
{
	const char *field = json_string_value(json_object_get(how, "field")),
	           *with = json_string_value(json_object_get(how, "with")), *at, *from;
	char name[100];
	struct buf out;

	snprintf(name, sizeof(name), "\"%s\":", field ? field : "name");
	buf_init(&out, json->max);
	from = buf_text(json);
	while ((at = strstr(from, name)) != NULL) {
		at += strlen(name);
		buf_add(&out, (struct span){ from, (size_t)(at - from) });
		from = at;
		if (*at == '"') {
			buf_char(&out, '"');
			buf_puts(&out, with ? with : "\xff");
			from++;
		}
	}
	buf_puts(&out, from);
	buf_reset(json);
	buf_add(json, buf_span(&out));
	buf_free(&out);
}

static void
spoil_garbled(struct ask *a, const struct mishap *f)
{
	garble(&a->out, f->with);
}

/* A row has one of both. */
static const struct kind {
	const char *name;
	void (*answer)(struct ask *a, struct mishap *f);
	void (*spoil)(struct ask *a, const struct mishap *f);
} kinds[] = {
	{ "status", with_status, NULL },
	{ "body", with_body, NULL },
	{ "rate", with_rate, NULL },
	{ "secondary", with_secondary, NULL },
	{ "revoked", with_revoked, NULL },
	{ "suspended", with_suspended, NULL },
	{ "scope", with_scope, NULL },
	{ "renamed", with_renamed, NULL },
	{ "gone", with_gone, NULL },
	{ "blocked", with_blocked, NULL },
	{ "forbidden", with_forbidden, NULL },
	{ "empty", with_empty, NULL },
	{ "later", with_later, NULL },
	{ "graphql_error", with_graphql_error, NULL },
	{ "reset", NULL, spoil_reset },
	{ "stall", NULL, spoil_stall },
	{ "slow", NULL, spoil_slow },
	{ "cut", NULL, spoil_cut },
	{ "headers", NULL, spoil_headers },
	{ "field", NULL, spoil_field },
	{ "garbled", NULL, spoil_garbled },
};

static const struct kind *
kind_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- the list */

static bool
fits(const struct ask *a, const struct mishap *f)
{
	return f->times != 0 && strncmp(a->path, f->path, strlen(f->path)) == 0 &&
	       (f->method[0] == '\0' || strcmp(a->method, f->method) == 0) &&
	       (f->person == NOBODY || f->person == a->person);
}

struct mishap *
fault_match(struct ask *a)
{
	struct world *w = a->world;
	struct entry *e = log_entry(w, a->number);

	for (size_t i = 0; i < w->fault_count; i++) {
		struct mishap *f = &w->faults[i];
		if (!fits(a, f))
			continue;
		if (f->after > 0) {
			f->after--;
			continue;
		}
		if (f->times > 0)
			f->times--;
		f->used++;
		snprintf(e->fault, sizeof(e->fault), "%s", f->kind);
		return f;
	}
	return NULL;
}

bool
fault_answer(struct ask *a, struct mishap *f)
{
	const struct kind *kind = kind_of(f->kind);

	if (kind == NULL || kind->answer == NULL)
		return false;
	kind->answer(a, f);
	return true;
}

void
fault_spoil(struct ask *a, const struct mishap *f)
{
	const struct kind *kind = kind_of(f->kind);

	if (kind != NULL && kind->spoil != NULL)
		kind->spoil(a, f);
	/* Any kind may bring headers of its own. */
	if (kind != NULL && kind->spoil != spoil_headers &&
	    json_object_get(f->with, "headers") != NULL)
		spoil_headers(a, f);
}

static void
drop_used(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->fault_count; i++) {
		if (w->faults[i].times == 0)
			json_decref(w->faults[i].with);
		else
			w->faults[kept++] = w->faults[i];
	}
	w->fault_count = kept;
}

const char *
fault_add(struct world *w, json_t *with)
{
	const char *login = json_string_value(json_object_get(with, "login"));
	struct mishap f = { .times = 1, .person = person_by_login(w, login) };

	set_text(f.path, sizeof(f.path), with, "path");
	set_text(f.method, sizeof(f.method), with, "method");
	set_text(f.kind, sizeof(f.kind), with, "kind");
	set_int(&f.times, with, "times");
	set_int(&f.after, with, "after");
	if (kind_of(f.kind) == NULL)
		return "no such kind";
	if (f.path[0] != '/')
		return "path is missing";
	if (login != NULL && f.person == NOBODY)
		return "no such login";
	drop_used(w);
	if (w->fault_count == FAULTS_MAX)
		return "too many faults";
	f.with = json_incref(with);
	w->faults[w->fault_count++] = f;
	return NULL;
}

/* Those who wait in a stall are let go. */
void
fault_clear(struct world *w)
{
	for (size_t i = 0; i < w->fault_count; i++)
		json_decref(w->faults[i].with);
	w->fault_count = 0;
	w->wakes++;
	pthread_cond_broadcast(&w->woken);
}
