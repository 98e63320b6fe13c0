/* clean: other systems' texts, as GitHub lets people write them. */
#include "model/clean.h"

#include <criterion/criterion.h>

#include "base/unicode.h"
#include "model/rule.h"
#include "unit/scope.h"

TestSuite(clean, .init = open_scope, .fini = close_scope);

static const struct {
	const char *text, *line;
} lines[] = {
	{ "Ada Lovela", "Ada Lovela" },
	{ "  Ada \t\r\n Lovelace ", "Ada Lovela" },
	{ "a\xC2\x85z", "a z" },
	{ "a\u2028z\u2029", "a z" },
	{ "a\u00a0\u3000z", "a z" },
	{ "\u202eevil\u202c", "evil" },
	{ "\u2067\u05d0", "\u05d0" },
	{ "\u200f\u05d0", "\u200f\u05d0" },
	{ "0123456789abc", "0123456789" },
	{ "012345678 abc", "012345678" },
	{ "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc",
	    "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc" },
	{ "a\xff\xc3z", "az" },
	{ "\xff", NULL },
	{ "   ", NULL },
	{ "\u200b \u3164\u2800", NULL },
	{ "\x01", NULL },
	{ "", NULL },
	{ NULL, NULL },
};

Test(clean, lines)
{
	const char *out;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		cr_assert_eq(clean_line(lines[i].text, 10, scope.arena, &out), OK);
		cr_expect_str_eq(out ? out : "(none)", lines[i].line ? lines[i].line : "(none)",
		    "row %zu", i);
		cr_expect(out == NULL || rule_line.ok(span_of(out)), "row %zu", i);
	}
}

/* As strangers write: what comes out always passes, whatever went in. */
Test(clean, what_comes_out_passes)
{
	static const char *const parts[] = { "a", " ", "\t", "\xC2\x85", "\u2066", "\u2069",
		"\u202e", "\u200b", "\u00fc", "\U0001f600", "\xff", "\u2028" };
	enum { PARTS = sizeof(parts) / sizeof(*parts) };
	const char *out;

	for (size_t n = 0; n < PARTS * PARTS * PARTS * PARTS; n++) {
		const char *text = arena_format(scope.arena, "%s%s%s%s", parts[n % PARTS],
		    parts[n / PARTS % PARTS], parts[n / PARTS / PARTS % PARTS],
		    parts[n / PARTS / PARTS / PARTS]);
		cr_assert_eq(clean_line(text, 3, scope.arena, &out), OK);
		if (out == NULL)
			continue;
		cr_assert(rule_line.ok(span_of(out)) && unicode_ok(span_of(out)), "%s", text);
		cr_assert_leq(field_points(span_of(out)), 3, "%s", text);
		cr_assert_neq(out[strlen(out) - 1], ' ', "%s", text);
	}
}

static const struct {
	const char *text, *url;
} urls[] = {
	{ "https://example.org", "https://example.org" },
	{ " https://example.org\t", "https://example.org" },
	{ "HTTP://example.org/a", "HTTP://example.org/a" },
	{ "example.org", "https://example.org" },
	{ "example.org/~ada?x#y", "https://example.org/~ada?x#y" },
	{ "b\u00fccher.example", "https://b\u00fccher.example" },
	{ "example.org:8080/", "https://example.org:8080/" },
	{ "nothing", NULL },
	{ "see my site", NULL },
	{ "mailto:ada@example.org", NULL },
	{ "ada@example.org", NULL },
	{ "javascript:alert(1.0)", NULL },
	{ "https:///evil", NULL },
	{ "//example.org", NULL },
	{ "https://example.org/<script>", NULL },
	{ "https://github.com@evil.example/", NULL },
	{ "ftp://example.org", NULL },
	{ "https://example.org/a23456789/b23456789/c23456789/d", NULL },
	{ "", NULL },
	{ NULL, NULL },
};

Test(clean, urls)
{
	const char *out;

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		cr_assert_eq(clean_url(urls[i].text, 40, scope.arena, &out), OK);
		cr_expect_str_eq(
		    out ? out : "(none)", urls[i].url ? urls[i].url : "(none)", "row %zu", i);
	}
}
