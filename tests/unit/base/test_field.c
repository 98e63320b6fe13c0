/* field: every type with what it takes and what it refuses, by a form of its own. */
#include "base/field.h"

#include <stdio.h>

#include "unit/scope.h"

struct sample {
	struct presence presence;
	const char *text;
	struct texts texts;
	int64_t number, free_number;
	bool flag;
	struct uuid id;
	int choice;
	const char *needed;
};

static bool
lower_ok(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
			return false;
	return true;
}

static const char *const colours[] = { "red", "green", "blue", NULL };
static const struct rule lower = { "NOT_LOWER", "must be lower case", lower_ok, NULL, false };
static const struct rule colour = { "NOT_A_CHOICE", "must be a colour", NULL, colours, false };

static const struct field fields[] = {
	{ "text", FIELD_TEXT, 0, offsetof(struct sample, text), 2, 5, 0, NULL, &lower, "" },
	{ "texts", FIELD_TEXTS, 0, offsetof(struct sample, texts), 1, 3, 4, NULL, &lower, "" },
	{ "number", FIELD_INT, 0, offsetof(struct sample, number), 1, 100, 0, "20", NULL, "" },
	{ "free_number", FIELD_INT, 0, offsetof(struct sample, free_number), 0, 0, 0, NULL,
	    NULL, "" },
	{ "flag", FIELD_BOOL, 0, offsetof(struct sample, flag), 0, 0, 0, "on", NULL, "" },
	{ "id", FIELD_UUID, 0, offsetof(struct sample, id), 0, 0, 0, NULL, NULL, "" },
	{ "choice", FIELD_CHOICE, 0, offsetof(struct sample, choice), 0, 0, 0, "blue", &colour,
	    "" },
	{ "needed", FIELD_TEXT, REQUIRED, offsetof(struct sample, needed), 0, 0, 0, NULL, NULL,
	    "" },
};
static const struct form form = { "sample", fields, 8, sizeof(struct sample), 0 };

static struct sample out;

TestSuite(field, .init = open_scope, .fini = close_scope);

static enum err
set(const char *name, struct span text)
{
	int i = field_find(&form, span_of(name));

	next_row();
	out = (struct sample){ .number = 0 };
	cr_assert_geq(i, 0);
	return field_set(&form, (size_t)i, &out, text, name, &scope);
}

static const struct {
	const char *name, *text, *code; /* code NULL: is taken */
	int64_t limit;
} rows[] = {
	{ "text", "ab", NULL, 0 },
	{ "text", "abcde", NULL, 0 },
	{ "text", "a", "TOO_SHORT", 2 },
	{ "text", "", "EMPTY", 2 },
	{ "text", "abcdef", "TOO_LONG", 5 },
	{ "text", "aBc", "NOT_LOWER", 0 },
	{ "text", "\xC3\xA4\xC3\xA4\xC3\xA4", "NOT_LOWER",
	    0 }, /* 3 code points, not too long */
	{ "texts", "a,b,c", NULL, 0 },
	{ "texts", "", "TOO_FEW", 1 },
	{ "texts", ",,", "TOO_FEW", 1 },
	{ "texts", "a,b,c,d", "TOO_MANY", 3 },
	{ "texts", "abcde,b", "TOO_LONG", 4 },
	{ "texts", "a,B", "NOT_LOWER", 0 },
	{ "texts", "a,b,a", "REPEATED", 0 },
	{ "number", "1", NULL, 0 },
	{ "number", "100", NULL, 0 },
	{ "number", "0", "TOO_SMALL", 1 },
	{ "number", "101", "TOO_BIG", 100 },
	{ "number", "", "NOT_AN_INTEGER", 0 },
	{ "number", "1.5", "NOT_AN_INTEGER", 0 },
	{ "number", "99999999999999999999", "NOT_AN_INTEGER", 0 },
	{ "free_number", "-9223372036854775808", NULL, 0 },
	{ "flag", "true", NULL, 0 },
	{ "flag", "off", NULL, 0 },
	{ "flag", "TRUE", "NOT_A_BOOLEAN", 0 },
	{ "flag", "", "NOT_A_BOOLEAN", 0 },
	{ "flag", "yes", "NOT_A_BOOLEAN", 0 },
	{ "id", "01234567-89ab-cdef-0123-456789abcdef", NULL, 0 },
	{ "id", "01234567-89ab-cdef-0123-456789abcde", "NOT_A_UUID", 0 },
	{ "id", "", "NOT_A_UUID", 0 },
	{ "choice", "red", NULL, 0 },
	{ "choice", "Red", "NOT_A_CHOICE", 0 },
	{ "choice", "", "NOT_A_CHOICE", 0 },
	{ "choice", "re", "NOT_A_CHOICE", 0 },
};

Test(field, each_type_takes_and_refuses)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum err e = set(rows[i].name, span_of(rows[i].text));
		size_t at = (size_t)field_find(&form, span_of(rows[i].name));
		cr_assert_eq(out.presence.given, UINT64_C(1) << at, "given, even when faulty");
		cr_assert_eq(e, rows[i].code ? ERR_INVALID : OK, "%s \"%s\"", rows[i].name,
		    rows[i].text);
		cr_assert_str_eq(fault_code(0), rows[i].code ? rows[i].code : "", "%s \"%s\"",
		    rows[i].name, rows[i].text);
		if (rows[i].code == NULL)
			continue;
		cr_assert_eq(scope.fault.count, 1);
		cr_assert_str_eq(fault_where(0), rows[i].name);
		cr_assert_eq(scope.fault.fields[0].limit, rows[i].limit, "%s \"%s\"",
		    rows[i].name, rows[i].text);
	}
}

Test(field, values_arrive)
{
	set("text", SPAN("abc"));
	cr_assert_str_eq(out.text, "abc");
	set("texts", SPAN("a,,b,c"));
	next_row();
	set("texts", SPAN(" a ,, b,  c"));
	cr_assert_eq(out.texts.count, 3);
	cr_assert_str_eq(out.texts.items[0], " a ", "as it stands: a rule may refuse blanks");
	cr_assert_str_eq(out.texts.items[1], "b", "but for one behind a comma");
	cr_assert_str_eq(out.texts.items[2], " c");
	set("free_number", SPAN("-7"));
	cr_assert_eq(out.free_number, -7);
	set("flag", SPAN("1"));
	cr_assert(out.flag);
	set("flag", SPAN("f"));
	cr_assert_not(out.flag);
	set("choice", SPAN("green"));
	cr_assert_eq(out.choice, 1);
	set("id", SPAN("01234567-89AB-CDEF-0123-456789ABCDEF"));
	cr_assert_str_eq(out.id.text, "01234567-89ab-cdef-0123-456789abcdef");
}

Test(field, all_faulty_items_of_a_list_are_told)
{
	cr_assert_eq(set("texts", SPAN("A,b,C")), ERR_INVALID);
	cr_assert_eq(scope.fault.count, 2);
}

Test(field, a_list_may_be_set_again)
{
	set("texts", SPAN("a,b,c"));
	cr_assert_eq(field_set(&form, 1, &out, SPAN("x"), "texts", &scope), OK);
	cr_assert_eq(out.texts.count, 1, "the file's value stands before the environment's");
	cr_assert_str_eq(out.texts.items[0], "x");
}

Test(field, lengths_are_code_points)
{
	cr_assert_eq(field_points(SPAN("")), 0);
	cr_assert_eq(field_points(SPAN("abc")), 3);
	cr_assert_eq(field_points(SPAN("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80")), 3);
	cr_assert_eq(field_check_text(SPAN("\xF0\x9F\x98\x80\xF0\x9F\x98\x80"), 0, 2, NULL, "x",
	                 &scope.fault),
	    OK);
	cr_assert_eq(field_check_text(SPAN("\xF0\x9F\x98\x80\xF0\x9F\x98\x80z"), 0, 2, NULL,
	                 "x", &scope.fault),
	    ERR_INVALID);
}

Test(field, finish_fills_in_and_asks_for_what_is_missing)
{
	out = (struct sample){ .number = 0 };
	cr_assert_eq(field_finish(&form, &out, "?", &scope), ERR_INVALID);
	cr_assert_eq(scope.fault.count, 1);
	cr_assert_str_eq(fault_where(0), "?needed");
	cr_assert_str_eq(fault_code(0), "MISSING");
	cr_assert_eq(out.number, 20);
	cr_assert(out.flag);
	cr_assert_eq(out.choice, 2);
	cr_assert_null(out.text);
	cr_assert_eq(out.texts.count, 0);
	cr_assert(uuid_empty(&out.id));
	cr_assert_eq(out.presence.given, 0, "a fallback was not given");
}

Test(field, finish_leaves_what_was_given)
{
	set("number", SPAN("3"));
	cr_assert_eq(field_set(&form, 7, &out, SPAN(""), "needed", &scope), OK);
	cr_assert_eq(field_finish(&form, &out, "/", &scope), OK);
	cr_assert_eq(out.number, 3);
	cr_assert_str_eq(out.needed, "");
	cr_assert_eq(out.presence.given, UINT64_C(1) << 2 | UINT64_C(1) << 7);
}

Test(field, find_wants_the_whole_name)
{
	cr_assert_eq(field_find(&form, SPAN("text")), 0);
	cr_assert_eq(field_find(&form, SPAN("texts")), 1);
	cr_assert_eq(field_find(&form, SPAN("tex")), -1);
	cr_assert_eq(field_find(&form, SPAN("Text")), -1);
	cr_assert_eq(field_find(&form, SPAN("")), -1);
	cr_assert_eq(field_find(&form, SPAN("text\0")), -1);
}

Test(field, uuid_one_bad_byte_at_every_place)
{
	static const char good[] = "01234567-89ab-cdef-0123-456789abcdef";
	struct uuid u;

	cr_assert(uuid_parse(SPAN(good), &u));
	for (size_t at = 0; at < 36; at++)
		for (int c = 0; c < 256; c++) {
			char text[37];
			bool dash = good[at] == '-';
			bool fits = dash ? c == '-' : span_hex((char)c) >= 0;
			memcpy(text, good, 37);
			text[at] = (char)c;
			cr_assert_eq(uuid_parse((struct span){ text, 36 }, &u), fits,
			    "byte %d at %zu", c, at);
		}
	cr_assert_not(uuid_parse((struct span){ good, 35 }, &u));
	cr_assert_not(uuid_parse(SPAN("01234567-89ab-cdef-0123-456789abcdef0"), &u));
	cr_assert_not(uuid_parse(SPAN("{1234567-89ab-cdef-0123-456789abcde}"), &u));
	cr_assert_not(uuid_parse((struct span){ NULL, 0 }, &u));
}

Test(field, no_memory_is_its_own_word)
{
	struct scope small = { .arena = arena_make(16, 16) };

	cr_assert_eq(
	    field_set(&form, 7, &out, SPAN("longer than sixteen bytes"), "needed", &small),
	    ERR_NO_MEMORY);
	cr_assert_eq(field_set(&form, 1, &out, SPAN("a,b,c"), "texts", &small), ERR_NO_MEMORY);
	cr_assert_eq(small.fault.count, 0);
	arena_free(small.arena);
}
