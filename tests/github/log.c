/* log: what was asked, so that tests can count. Holds no token and no code. */
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "github/stand_in.h"

struct entry *
log_entry(struct world *w, int64_t number)
{
	struct entry *e = &w->log[number % LOG_MAX];

	return number >= 0 && e->number == number ? e : NULL;
}

static void
copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

static enum MHD_Result
add_parameter(void *with, enum MHD_ValueKind kind, const char *key, const char *value)
{
	static const char *const secret[] = { "code", "state", "code_challenge", NULL };
	struct entry *e = with;
	size_t len = strlen(e->path);

	(void)kind;
	for (const char *const *s = secret; *s != NULL; s++)
		if (strcmp(*s, key) == 0)
			return MHD_YES;
	snprintf(e->path + len, sizeof(e->path) - len, "%c%s=%s",
	    strchr(e->path, '?') ? '&' : '?', key, value ? value : "");
	return MHD_YES;
}

void
log_begin(struct ask *a, const char *target)
{
	struct world *w = a->world;
	struct entry *e = &w->log[w->logged % LOG_MAX];

	*e = (struct entry){ .number = w->logged++, .started = clock_now() };
	a->number = e->number;
	copy(e->method, sizeof(e->method), a->method);
	copy(e->path, sizeof(e->path), target);
	MHD_get_connection_values(a->connection, MHD_GET_ARGUMENT_KIND, add_parameter, e);
	copy(e->agent, sizeof(e->agent), header_in(a, "User-Agent"));
	copy(e->version, sizeof(e->version), header_in(a, "X-GitHub-Api-Version"));
	copy(e->accept, sizeof(e->accept), header_in(a, "Accept"));
	e->person = a->person;
	e->is_authorized = header_in(a, "Authorization") != NULL;
	e->is_conditional =
	    header_in(a, "If-None-Match") != NULL || header_in(a, "If-Modified-Since") != NULL;
}

void
log_end(struct world *w, int64_t number, int status)
{
	struct entry *e = log_entry(w, number);

	if (e == NULL)
		return;
	if (status != 0)
		e->status = status;
	if (e->ended == 0)
		e->ended = clock_now();
}

struct filter {
	const char *path, *method, *fault;
	size_t person;
	bool any_person;
	int64_t status;
};

static struct filter
filter_of(const struct ask *a)
{
	struct filter f = { .path = query_of(a, "path"),
		.method = query_of(a, "method"),
		.fault = query_of(a, "fault"),
		.status = query_int(a, "status", 0) };

	f.any_person = query_of(a, "login") == NULL;
	f.person = person_by_login(a->world, query_of(a, "login"));
	return f;
}

static bool
wanted(const struct filter *f, const struct entry *e)
{
	const char *own = strncmp(e->path, "/api/v3/", 8) == 0 ? e->path + 7 : e->path;

	return (f->path == NULL || strncmp(own, f->path, strlen(f->path)) == 0) &&
	       (f->method == NULL || strcmp(e->method, f->method) == 0) &&
	       (f->status == 0 || e->status == f->status) &&
	       (f->fault == NULL || strcmp(e->fault, f->fault) == 0) &&
	       (f->any_person || e->person == f->person);
}

static void
show(struct ask *a, const struct entry *e)
{
	put_open(&a->out, NULL, '{');
	put_int(&a->out, "number", e->number);
	put_text(&a->out, "method", e->method);
	put_text(&a->out, "path", e->path);
	put_int(&a->out, "status", e->status);
	put_text_or_null(&a->out, "login",
	    e->person == NOBODY ? NULL : a->world->people.at[e->person].login);
	put_bool(&a->out, "authorized", e->is_authorized);
	put_bool(&a->out, "conditional", e->is_conditional);
	put_text_or_null(&a->out, "fault", e->fault);
	put_text_or_null(&a->out, "user_agent", e->agent);
	put_text_or_null(&a->out, "api_version", e->version);
	put_text_or_null(&a->out, "accept", e->accept);
	put_int(&a->out, "started", e->started);
	put_int(&a->out, "ended", e->ended);
	buf_char(&a->out, '}');
}

struct figures {
	int64_t count, not_modified, open, most, most_of_one;
};

/* How many ran when this one began, of all wanted and of its own person. Requests end within
 * the last few hundred, so looking back is bounded. */
static void
count_overlap(
    const struct ask *a, const struct filter *filter, const struct entry *e, struct figures *f)
{
	int64_t all = 1, own = 1;

	for (int64_t n = e->number - 1; n >= a->world->log_from && n > e->number - 512; n--) {
		const struct entry *other = log_entry(a->world, n);
		if (other == NULL || (other->ended != 0 && other->ended <= e->started) ||
		    !wanted(filter, other))
			continue;
		all++;
		own += other->person == e->person && e->person != NOBODY;
	}
	f->most = all > f->most ? all : f->most;
	f->most_of_one = own > f->most_of_one ? own : f->most_of_one;
}

void
log_show(struct ask *a)
{
	struct world *w = a->world;
	bool brief = query_of(a, "brief") != NULL;
	struct filter filter = filter_of(a);
	struct figures f = { 0 };
	const struct entry *e;

	buf_puts(&a->out, "{\"requests\":[");
	for (int64_t n = w->log_from; n < w->logged; n++) {
		if ((e = log_entry(w, n)) == NULL || !wanted(&filter, e))
			continue;
		f.count++;
		f.not_modified += e->status == 304;
		f.open += e->ended == 0;
		count_overlap(a, &filter, e, &f);
		if (!brief)
			show(a, e);
	}
	buf_char(&a->out, ']');
	put_int(&a->out, "count", f.count);
	put_int(&a->out, "not_modified", f.not_modified);
	put_int(&a->out, "open", f.open);
	put_int(&a->out, "most_at_once", f.most);
	put_int(&a->out, "most_at_once_of_one", f.most_of_one);
	buf_char(&a->out, '}');
}
