/* field: from checked text to a member of a struct, and the faults on the way. */
#include "base/field.h"

#include <assert.h>
#include <stdio.h>

#include "base/unicode.h"

size_t
field_points(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
	return n;
}

void *
field_at(const struct form *form, size_t i, void *out)
{
	assert(i < form->count && form->count <= 64);
	return (char *)out + form->fields[i].offset;
}

int
field_find(const struct form *form, struct span name)
{
	for (size_t i = 0; i < form->count; i++)
		if (span_is(name, form->fields[i].name))
			return (int)i;
	return -1;
}

bool
uuid_parse(struct span text, struct uuid *out)
{
	if (text.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = text.ptr[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		out->text[i] = c;
	}
	out->text[36] = '\0';
	return true;
}

enum err
field_check_text(struct span text, int64_t min, int64_t max, const struct rule *rule,
    const char *where, struct fault *fault)
{
	int64_t points = (int64_t)field_points(text);

	if (max > 0 && points > max)
		return fault_field(fault, where, "TOO_LONG", "has too many characters", max);
	if (points < min && points == 0)
		return fault_field(fault, where, "EMPTY", "must not be empty", min);
	if (points < min)
		return fault_field(fault, where, "TOO_SHORT", "has too few characters", min);
	if (memchr(text.ptr ? text.ptr : "", '\0', text.len) != NULL)
		return fault_field(fault, where, "BAD_CHARACTER", "holds a NUL", 0);
	if (rule != NULL && rule->visible && text.len > 0 && !unicode_visible(text))
		return fault_field(
		    fault, where, "BLANK", "must hold something that can be seen", 0);
	if (rule != NULL && rule->ok != NULL && text.len > 0 && !rule->ok(text))
		return fault_field(fault, where, rule->code, rule->message, 0);
	return OK;
}

enum err
field_check_int(const struct field *f, int64_t n, const char *where, struct fault *fault)
{
	if (f->min == 0 && f->max == 0)
		return OK;
	if (n < f->min)
		return fault_field(
		    fault, where, "TOO_SMALL", "is below the least value", f->min);
	if (n > f->max)
		return fault_field(
		    fault, where, "TOO_BIG", "is above the greatest value", f->max);
	return OK;
}

bool
texts_have(const struct texts *list, struct span text)
{
	for (size_t i = 0; i < list->count; i++)
		if (span_is(text, list->items[i]))
			return true;
	return false;
}

static enum err
set_texts(const struct field *f, struct texts *out, struct span text, const char *where,
    struct scope *scope)
{
	struct span rest = text;
	size_t commas = 0;
	enum err worst = OK;

	for (size_t i = 0; i < text.len; i++)
		commas += text.ptr[i] == ',';
	out->items = arena_alloc(scope->arena, (commas + 1) * sizeof(*out->items));
	if (out->items == NULL)
		return ERR_NO_MEMORY;
	out->count = 0;
	while (rest.ptr != NULL) {
		bool first = rest.ptr == text.ptr;
		struct span item = span_cut(&rest, ',');
		/* "a, b"; any other blank is a plus that was not escaped, for the rule to see */
		if (!first && item.len > 0 && *item.ptr == ' ')
			item = (struct span){ item.ptr + 1, item.len - 1 };
		if (item.len == 0)
			continue;
		if (f->max > 0 && (int64_t)out->count == f->max)
			return fault_field(
			    &scope->fault, where, "TOO_MANY", "has too many items", f->max);
		if (field_check_text(item, 1, f->item_max, f->rule, where, &scope->fault) != OK)
			worst = ERR_INVALID;
		else if (texts_have(out, item))
			worst = fault_field(
			    &scope->fault, where, "REPEATED", "holds something twice", 0);
		if ((out->items[out->count++] = arena_text(scope->arena, item)) == NULL)
			return ERR_NO_MEMORY;
	}
	if ((int64_t)out->count < f->min)
		return fault_field(
		    &scope->fault, where, "TOO_FEW", "has too few items", f->min);
	return worst;
}

static enum err
set_choice(
    const struct field *f, int *out, struct span text, const char *where, struct fault *fault)
{
	for (int i = 0; f->rule->choices[i] != NULL; i++)
		if (span_is(text, f->rule->choices[i])) {
			*out = i;
			return OK;
		}
	return fault_field(fault, where, "NOT_A_CHOICE", f->rule->message, 0);
}

static enum err
set_bool(bool *out, struct span text, const char *where, struct fault *fault)
{
	static const char *const yes[] = { "true", "on", "1", "t" };
	static const char *const no[] = { "false", "off", "0", "f" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (span_is(text, yes[i]) || span_is(text, no[i])) {
			*out = span_is(text, yes[i]);
			return OK;
		}
	return fault_field(fault, where, "NOT_A_BOOLEAN", "must be true or false", 0);
}

static enum err
set_text(const struct field *f, const char **out, struct span text, const char *where,
    struct scope *scope)
{
	TRY(field_check_text(text, f->min, f->max, f->rule, where, &scope->fault));
	*out = arena_text(scope->arena, text);
	return *out ? OK : ERR_NO_MEMORY;
}

void
field_unset(size_t i, void *out)
{
	struct presence *presence = out;

	presence->given &= ~(UINT64_C(1) << i);
}

enum err
field_set(const struct form *form, size_t i, void *out, struct span text, const char *where,
    struct scope *scope)
{
	const struct field *f = &form->fields[i];
	struct presence *presence = out;
	void *at = field_at(form, i, out);

	presence->given |= UINT64_C(1) << i;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_OBJECT: /* a fallback */ return set_text(f, at, text, where, scope);
	case FIELD_TEXTS: return set_texts(f, at, text, where, scope);
	case FIELD_BOOL: return set_bool(at, text, where, &scope->fault);
	case FIELD_CHOICE: return set_choice(f, at, text, where, &scope->fault);
	case FIELD_INT:
		if (!span_int(text, at))
			return fault_field(&scope->fault, where, "NOT_AN_INTEGER",
			    "must be a whole number", 0);
		return field_check_int(f, *(int64_t *)at, where, &scope->fault);
	case FIELD_UUID:
		if (!uuid_parse(text, at))
			return fault_field(
			    &scope->fault, where, "NOT_A_UUID", "must be a UUID", 0);
		return OK;
	}
	return ERR_INTERNAL;
}

enum err
field_finish(const struct form *form, void *out, const char *prefix, struct scope *scope)
{
	struct presence *presence = out;
	enum err worst = OK;

	for (size_t i = 0; i < form->count; i++) {
		const struct field *f = &form->fields[i];
		uint64_t given = presence->given;
		char where[96];
		if (given >> i & 1)
			continue;
		snprintf(where, sizeof(where), "%s%s", prefix, f->name);
		if (f->flags & REQUIRED)
			worst = fault_field(&scope->fault, where, "MISSING", "is required", 0);
		else if (f->fallback != NULL)
			TRY(field_set(form, i, out, span_of(f->fallback), where, scope));
		presence->given = given; /* a fallback was not given */
	}
	return worst;
}
