/* control: how tests steer the stand-in: /_stand-in/..., which is no part of GitHub's API. */
#include <stdio.h>
#include <string.h>

#include "github/stand_in.h"

static void
say_wrong(struct ask *a, const char *why)
{
	buf_reset(&a->out);
	a->status = 400;
	buf_char(&a->out, '{');
	put_text(&a->out, "wrong", why);
	buf_char(&a->out, '}');
}

static void
add_fault(struct ask *a, json_t *body)
{
	const char *wrong = fault_add(a->world, body);

	if (wrong != NULL)
		say_wrong(a, wrong);
	else
		buf_puts(&a->out, "{}");
}

/* Says the change again, with the id or the token that it made. */
static void
make_change(struct ask *a, json_t *body)
{
	const char *wrong = change_apply(a->world, body);

	if (wrong != NULL) {
		say_wrong(a, wrong);
		return;
	}
	journal_add(a->world, body);
	put_json(&a->out, NULL, body);
}

static void
reset(struct ask *a, json_t *body)
{
	const char *only = json_string_value(json_object_get(body, "only"));
	struct world *w = a->world;

	only = only != NULL && strcmp(only, "all") == 0 ? NULL : only;
	if (only == NULL || strcmp(only, "faults") == 0)
		fault_clear(w);
	if (only == NULL || strcmp(only, "requests") == 0)
		w->log_from = w->logged;
	if (only == NULL || strcmp(only, "world") == 0) {
		if (w->journal_file != NULL)
			fclose(w->journal_file);
		w->journal_file = NULL;
		if (w->journal != NULL)
			remove(w->journal);
		if (!world_fill(w))
			say_wrong(a, "the seed is broken");
	}
	if (a->out.len == 0)
		buf_puts(&a->out, "{}");
}

static void
list_people(struct ask *a, json_t *body)
{
	const struct world *w = a->world;

	(void)body;
	buf_char(&a->out, '[');
	for (size_t i = 0; i < w->people.count; i++) {
		int64_t repositories = 0;
		for (size_t k = 0; k < w->repositories.count; k++)
			repositories +=
			    w->repositories.at[k].owner == i && !w->repositories.at[k].is_gone;
		put_open(&a->out, NULL, '{');
		put_text(&a->out, "login", w->people.at[i].login);
		put_int(&a->out, "id", w->people.at[i].id);
		put_int(&a->out, "repositories", repositories);
		put_bool(&a->out, "gone", w->people.at[i].is_gone);
		buf_char(&a->out, '}');
	}
	buf_char(&a->out, ']');
}

static void
list_requests(struct ask *a, json_t *body)
{
	(void)body;
	log_show(a);
}

static const struct {
	const char *method, *path;
	void (*serve)(struct ask *a, json_t *body);
} controls[] = {
	{ "POST", "fault", add_fault },
	{ "POST", "change", make_change },
	{ "POST", "reset", reset },
	{ "POST", "webhook", webhook_send },
	{ "GET", "requests", list_requests },
	{ "GET", "people", list_people },
};

void
control_serve(struct ask *a)
{
	const char *name = a->path + strlen("/_stand-in/");
	json_t *body = json_loadb(a->body.ptr, a->body.len, 0, NULL);
	size_t i;

	a->status = 200;
	a->number = -1;
	for (i = 0; i < sizeof(controls) / sizeof(*controls); i++)
		if (strcmp(controls[i].path, name) == 0 &&
		    strcmp(controls[i].method, a->method) == 0)
			break;
	if (i == sizeof(controls) / sizeof(*controls))
		say_wrong(a, "no such control");
	else if (a->body.len > 0 && !json_is_object(body))
		say_wrong(a, "the body is no object");
	else
		controls[i].serve(a, body);
	json_decref(body);
}
