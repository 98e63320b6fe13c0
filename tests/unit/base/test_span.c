/* span: comparing, cutting, numbers. */
#include "base/span.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(span, equal_compares_bytes_not_texts)
{
	cr_assert(span_equal(SPAN("a\0b"), SPAN("a\0b")));
	cr_assert_not(span_equal(SPAN("a\0b"), SPAN("a\0c")));
	cr_assert_not(span_equal(SPAN("a"), SPAN("ab")));
	cr_assert(span_equal((struct span){ NULL, 0 }, SPAN("")));
	cr_assert(span_is(SPAN("GET"), "GET"));
	cr_assert_not(span_is(SPAN("GETS"), "GET"));
	cr_assert_not(span_is(SPAN("GE"), "GET"));
}

Test(span, nocase_is_ascii_alone)
{
	cr_assert(span_equal_nocase(SPAN("BeArEr"), SPAN("bearer")));
	cr_assert_not(span_equal_nocase(SPAN("@"), SPAN("`")));
	cr_assert_not(span_equal_nocase(SPAN("\xC3\x84"), SPAN("\xC3\xA4")));
	cr_assert_not(span_equal_nocase(SPAN("abc"), SPAN("ab")));
	cr_assert_not(span_equal_nocase(SPAN("a\0b"), SPAN("a\0c")));
	cr_assert(span_equal_nocase(SPAN("a\0B"), SPAN("A\0b")));
}

Test(span, starts)
{
	cr_assert(span_starts(SPAN("https://x"), SPAN("https://")));
	cr_assert(span_starts(SPAN("x"), SPAN("")));
	cr_assert(span_starts((struct span){ NULL, 0 }, SPAN("")));
	cr_assert_not(span_starts(SPAN("http"), SPAN("https")));
	cr_assert_not(span_starts(SPAN("xhttp"), SPAN("http")));
}

Test(span, cut_walks_a_list_and_tells_empty_from_gone)
{
	struct span rest = SPAN("a,,b,");

	cr_assert(span_is(span_cut(&rest, ','), "a"));
	cr_assert(span_is(span_cut(&rest, ','), ""));
	cr_assert(span_is(span_cut(&rest, ','), "b"));
	cr_assert_not_null(rest.ptr, "behind the last comma stands one more, empty item");
	cr_assert_eq(span_cut(&rest, ',').len, 0);
	cr_assert_null(rest.ptr);
	cr_assert_null(span_cut(&rest, ',').ptr);
}

Test(span, cut_sees_nul_as_any_byte)
{
	struct span rest = SPAN("a\0b,c");

	cr_assert_eq(span_cut(&rest, ',').len, 3);
	cr_assert(span_is(rest, "c"));
}

Test(span, trim)
{
	cr_assert(span_is(span_trim(SPAN(" \t a b \t")), "a b"));
	cr_assert_eq(span_trim(SPAN(" \t ")).len, 0);
	cr_assert(span_is(span_trim(SPAN("\na\n")), "\na\n"));
	cr_assert_eq(span_trim((struct span){ NULL, 0 }).len, 0);
}

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} numbers[] = {
	{ "0", true, 0 }, { "-0", true, 0 }, { "42", true, 42 }, { "-42", true, -42 },
	{ "007", true, 7 }, { "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 },
	{ "-9223372036854775809", false, 0 }, { "92233720368547758070", false, 0 },
	{ "99999999999999999999999999", false, 0 }, { "", false, 0 }, { "-", false, 0 },
	{ "--1", false, 0 }, { "+1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 },
	{ "1a", false, 0 }, { "0x1", false, 0 }, { "1.0", false, 0 }, { "1e3", false, 0 },
	{ "1-", false, 0 }, { "\xD9\xA1", false, 0 }, /* ARABIC-INDIC DIGIT ONE */
};

Test(span, int_takes_decimal_inside_64_bits)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		int64_t n = 4711;
		bool ok = span_int(span_of(numbers[i].text), &n);
		cr_assert_eq(ok, numbers[i].ok, "\"%s\"", numbers[i].text);
		cr_assert_eq(
		    n, ok ? numbers[i].value : 4711, "\"%s\": left alone", numbers[i].text);
	}
	cr_assert_not(span_int(SPAN("1\0"), &(int64_t){ 0 }));
	cr_assert_not(span_int((struct span){ NULL, 0 }, &(int64_t){ 0 }));
}

Test(span, list_has_whole_words)
{
	struct span list = SPAN("https://a.example, https://b.example ,c");

	cr_assert(span_list_has(list, SPAN("https://a.example")));
	cr_assert(span_list_has(list, SPAN("https://b.example")));
	cr_assert(span_list_has(list, SPAN("c")));
	cr_assert_not(span_list_has(list, SPAN("https://a.example.evil")));
	cr_assert_not(span_list_has(list, SPAN("https://a.exampl")));
	cr_assert_not(span_list_has(list, SPAN("")));
	cr_assert_not(span_list_has(list, SPAN("HTTPS://A.EXAMPLE")));
	cr_assert_not(span_list_has((struct span){ NULL, 0 }, SPAN("")));
}

Test(span, hex_of_every_byte)
{
	for (int c = 0; c < 256; c++) {
		char text[2] = { (char)c, 0 };
		unsigned value;
		int want =
		    c && strchr("0123456789abcdefABCDEF", c) && sscanf(text, "%x", &value) == 1
		        ? (int)value
		        : -1;
		cr_assert_eq(span_hex((char)c), want, "byte %d", c);
	}
}
