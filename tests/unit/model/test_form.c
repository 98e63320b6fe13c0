/* form: every row of the .def files, walked. */
#include "model/form.h"

#include "unit/scope.h"

static const struct form *const forms[] = { &form_nothing, &form_snippet_list,
	&form_snippet_create, &form_snippet_edit, &form_user_list, &form_user_snippets,
	&form_user_edit, &form_tag_list, &form_snippet_head, &form_snippet_raw, &form_user_head,
	&form_settings };

enum { FORMS = sizeof(forms) / sizeof(*forms) };

TestSuite(form, .init = open_scope, .fini = close_scope);

static size_t
size_of(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
	case FIELD_OBJECT: return sizeof(const char *);
	case FIELD_TEXTS: return sizeof(struct texts);
	case FIELD_INT: return sizeof(int64_t);
	case FIELD_BOOL: return sizeof(bool);
	case FIELD_UUID: return sizeof(struct uuid);
	case FIELD_CHOICE: return sizeof(int);
	}
	return 0;
}

static void
check_field(const struct form *form, size_t i)
{
	const struct field *f = &form->fields[i];
	size_t end = f->offset + size_of(f->type);

	cr_assert_geq(f->offset, sizeof(struct presence), "%s.%s", form->name, f->name);
	cr_assert_leq(end, form->size, "%s.%s", form->name, f->name);
	cr_assert(i + 1 == form->count || end <= form->fields[i + 1].offset, "%s.%s overlaps",
	    form->name, f->name);
	cr_assert_eq(field_find(form, span_of(f->name)), (int)i, "%s.%s stands twice",
	    form->name, f->name);
	cr_assert_eq(f->type == FIELD_CHOICE, f->rule != NULL && f->rule->choices != NULL,
	    "%s.%s: a choice has choices, nothing else has", form->name, f->name);
	cr_assert(f->min <= f->max || f->max == 0, "%s.%s", form->name, f->name);
	cr_assert(!(f->flags & REQUIRED) || f->fallback == NULL, "%s.%s", form->name, f->name);
	cr_assert_not_null(f->help);
}

Test(form, each_row_is_sound)
{
	for (size_t n = 0; n < FORMS; n++) {
		cr_assert_leq(forms[n]->count, 64, "%s: a bit for each field", forms[n]->name);
		for (size_t i = 0; i < forms[n]->count; i++)
			check_field(forms[n], i);
	}
}

Test(form, each_fallback_passes_its_own_checks)
{
	for (size_t n = 0; n < FORMS; n++) {
		void *out = arena_alloc(scope.arena, forms[n]->size);
		for (size_t i = 0; i < forms[n]->count; i++) {
			const struct field *f = &forms[n]->fields[i];
			if (f->fallback != NULL)
				cr_assert_eq(field_set(forms[n], i, out, span_of(f->fallback),
				                 f->name, &scope),
				    OK, "%s.%s", forms[n]->name, f->name);
		}
	}
}

/* Most bytes of a field when a client escapes every character of it: six for what UTF-8 writes
 * in up to three, twelve for what it writes in four. */
static size_t
escaped_size(const struct field *f)
{
	size_t most = (size_t)(f->max ? f->max : 64);

	if (f->type == FIELD_TEXT && strcmp(f->name, "code") == 0)
		return 6 * most; /* its limit is of bytes */
	if (f->type == FIELD_OBJECT)
		return 6 * most;
	if (f->type == FIELD_TEXTS)
		return most * (12 * (size_t)f->item_max + 4);
	return 12 * most;
}

static const struct form *const bodies[] = { &form_snippet_create, &form_snippet_edit,
	&form_user_edit, &form_auth_code, &form_session_refresh, &form_session_logout,
	&form_access_token_create, &form_admin_limits, &form_admin_job_add };

Test(form, bodies_have_a_limit_and_room_for_every_text_when_escaped)
{
	for (size_t n = 0; n < sizeof(bodies) / sizeof(*bodies); n++) {
		size_t room = 16;
		for (size_t i = 0; i < bodies[n]->count; i++) {
			const struct field *f = &bodies[n]->fields[i];
			bool number = f->type == FIELD_INT || f->type == FIELD_BOOL ||
			              f->type == FIELD_CHOICE;
			room += strlen(f->name) + 8 + (number ? 32 : escaped_size(f));
		}
		cr_expect_geq(bodies[n]->max_bytes, room, "%s", bodies[n]->name);
		cr_expect_leq(bodies[n]->max_bytes, 2 * KIB * KIB, "%s: nginx takes no more",
		    bodies[n]->name);
	}
	cr_assert_eq(form_snippet_list.max_bytes, 0);
	cr_assert_eq(form_nothing.count, 0);
}

/* Texts that no rule judges: code is anything, the rest is only compared or looked for. */
static bool
is_free(const char *name)
{
	static const char *const names[] = { "code", "state", "error", "code_verifier",
		"refreshToken", "queue", "cursor", "author", "q" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

Test(form, each_text_that_is_kept_has_a_rule)
{
	static const struct form *const queries[] = { &form_snippet_list, &form_user_list,
		&form_user_snippets, &form_notification_list, &form_auth_start,
		&form_auth_callback, &form_admin_job_list, &form_admin_job_where,
		&form_tag_list, &form_repository_list };
	enum {
		BODIES = sizeof(bodies) / sizeof(*bodies),
		ALL = BODIES + sizeof(queries) / sizeof(*queries)
	};

	for (size_t n = 0; n < ALL; n++) {
		const struct form *form = n < BODIES ? bodies[n] : queries[n - BODIES];
		for (size_t i = 0; i < form->count; i++) {
			const struct field *f = &form->fields[i];
			if (f->type != FIELD_TEXT && f->type != FIELD_TEXTS)
				continue;
			cr_expect(
			    f->rule != NULL || is_free(f->name), "%s.%s", form->name, f->name);
		}
	}
}

Test(form, has_tells_given_from_empty)
{
	struct snippet_edit in = { .title = NULL };

	cr_assert_not(form_has(&in, snippet_edit, title));
	cr_assert_eq(field_set(&form_snippet_edit, FORM_snippet_edit_description, &in, SPAN(""),
	                 "/description", &scope),
	    OK);
	cr_assert(form_has(&in, snippet_edit, description));
	cr_assert_not(form_has(&in, snippet_edit, title));
	cr_assert_str_eq(in.description, "");
}

/* Addresses of servers may carry a password; those that everybody sees don't. */
static bool
is_secret(const char *name)
{
	static const char *const open[] = { "FRONTEND_URL", "PUBLIC_URL", "GITHUB_URL",
		"GITHUB_API_URL" };

	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		if (strcmp(name, open[i]) == 0)
			return false;
	return strstr(name, "SECRET") || strstr(name, "PASSWORD") || strstr(name, "_URL") ||
	       strstr(name, "SEAL_KEY");
}

Test(form, secrets_are_marked)
{
	for (size_t i = 0; i < form_settings.count; i++) {
		const struct field *f = &form_settings.fields[i];
		bool secret = is_secret(f->name);
		cr_assert_eq(!!(f->flags & SECRET), secret, "%s", f->name);
		cr_assert(!secret || !(f->flags & RELOAD), "%s: secrets by restart", f->name);
	}
}
