/* buf: growth and its ceiling, and each way of escaping for every byte there is. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf b;

static void
open_buf(void)
{
	buf_init(&b, 1 << 20);
}

static void
close_buf(void)
{
	buf_free(&b);
}

TestSuite(buf, .init = open_buf, .fini = close_buf);

Test(buf, takes_any_byte)
{
	for (int c = 0; c < 256; c++)
		buf_char(&b, (char)c);
	cr_assert_eq(b.len, 256);
	for (int c = 0; c < 256; c++)
		cr_assert_eq((unsigned char)b.ptr[c], c);
	cr_assert_eq(buf_span(&b).len, 256);
	cr_assert_eq(buf_text(&b)[256], '\0');
	cr_assert_eq(b.len, 256, "the NUL is not part of it");
}

Test(buf, empty_one)
{
	cr_assert(buf_ok(&b));
	cr_assert_eq(buf_span(&b).len, 0);
	cr_assert_str_eq(buf_text(&b), "");
	buf_puts(&b, "");
	buf_puts(&b, NULL);
	cr_assert_eq(b.len, 0);
}

Test(buf, grows_to_the_ceiling_and_then_failure_sticks)
{
	struct buf small;

	buf_init(&small, 1000);
	for (int i = 0; i < 1000; i++)
		buf_char(&small, 'x');
	cr_assert(buf_ok(&small));
	cr_assert_eq(small.len, 1000);
	cr_assert_gt(small.size, 1000, "there is room behind it: growth doubles");
	buf_add(&small, (struct span){ "", 0 });
	cr_assert(buf_ok(&small));
	cr_assert_eq(strlen(buf_text(&small)), 1000u, "the NUL is not counted");
	cr_assert_null(buf_room(&small, 1), "the ceiling is where it was said to be");
	cr_assert_not(buf_ok(&small));
	buf_reset(&small);
	cr_assert(buf_ok(&small));
	buf_add(&small, (struct span){ b.ptr, SIZE_MAX });
	cr_assert_not(buf_ok(&small), "a huge length");
	buf_char(&small, 'y');
	buf_int(&small, 1);
	buf_format(&small, "%d", 1);
	buf_json(&small, SPAN("a\"b"));
	buf_url(&small, SPAN("a b"));
	buf_base64url(&small, "abc", 3);
	buf_time(&small, 0);
	cr_assert_not(buf_ok(&small), "a failure sticks");
	cr_assert_eq(buf_span(&small).len, 0);
	cr_assert_str_eq(buf_text(&small), "");
	buf_reset(&small);
	buf_puts(&small, "again");
	cr_assert_str_eq(buf_text(&small), "again");
	buf_free(&small);
	cr_assert_eq(small.max, 1000, "and can be used anew");
	buf_puts(&small, "new");
	cr_assert_str_eq(buf_text(&small), "new");
	buf_free(&small);
}

Test(buf, no_failure_writes_past_the_ceiling)
{
	for (size_t max = 0; max < 600; max += 7) {
		struct buf small;
		buf_init(&small, max);
		for (int i = 0; i < 700 && buf_ok(&small); i++)
			buf_json(&small, SPAN("\""));
		cr_assert_not(buf_ok(&small));
		cr_assert_leq(small.len, max);
		buf_free(&small);
	}
}

static void
write_by(int verb, struct buf *to)
{
	switch (verb) {
	case 0: buf_puts(to, "some text"); break;
	case 1: buf_int(to, INT64_MIN); break;
	case 2: buf_format(to, "%s %d", "some", 7); break;
	case 3: buf_json_string(to, SPAN("a\"b\n\x01")); break;
	case 4: buf_json_any(to, SPAN("a\xFF")); break;
	case 5: buf_url(to, SPAN("a b/c")); break;
	case 6: buf_base64url(to, "abcdefgh", 8); break;
	default: buf_time(to, 0); break;
	}
}

Test(buf, every_verb_may_fill_it_to_the_last_byte)
{
	for (int verb = 0; verb < 8; verb++) {
		struct buf full, cut;
		buf_reset(&b);
		write_by(verb, &b);
		buf_init(&full, b.len);
		write_by(verb, &full);
		cr_expect(buf_ok(&full), "verb %d", verb);
		cr_expect_str_eq(buf_text(&full), buf_text(&b), "verb %d", verb);
		buf_init(&cut, b.len - 1);
		write_by(verb, &cut);
		cr_expect_not(buf_ok(&cut), "verb %d", verb);
		cr_expect_lt(cut.len, b.len, "verb %d", verb);
		buf_free(&full);
		buf_free(&cut);
	}
}

Test(buf, int_of_the_ends)
{
	static const int64_t ends[] = { 0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		char want[32];
		snprintf(want, sizeof(want), "%lld", (long long)ends[i]);
		buf_reset(&b);
		buf_int(&b, ends[i]);
		cr_assert_str_eq(buf_text(&b), want);
	}
}

Test(buf, format_longer_than_its_memory)
{
	buf_format(&b, "%s:%3000d", "x", 1);
	cr_assert_eq(b.len, 3002);
	buf_format(&b, "%s", "");
	cr_assert_eq(b.len, 3002);
}

/* What Jansson reads back, or NULL. */
static json_t *
read_back(void)
{
	return json_loadb(b.ptr, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

Test(buf, json_of_every_ascii_byte_reads_back)
{
	for (int c = 0; c < 128; c++) {
		char text[3] = { 'a', (char)c, 'z' };
		json_t *back;
		buf_reset(&b);
		buf_json_string(&b, (struct span){ text, 3 });
		for (size_t i = 0; i < b.len; i++)
			cr_assert((unsigned char)b.ptr[i] >= 0x20 && b.ptr[i] != 0x7f,
			    "byte %d came out raw", c);
		back = read_back();
		cr_assert_not_null(back, "byte %d", c);
		cr_assert_eq(json_string_length(back), 3);
		cr_assert_eq(memcmp(json_string_value(back), text, 3), 0, "byte %d", c);
		json_decref(back);
	}
}

Test(buf, json_leaves_utf8_alone)
{
	buf_json(&b, SPAN("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80/"));
	cr_assert_str_eq(buf_text(&b), "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80/");
}

Test(buf, json_short_escapes_of_rfc_8259)
{
	buf_json(&b, SPAN("\"\\\b\f\n\r\t\x01\x1f\x7f"));
	cr_assert_str_eq(buf_text(&b), "\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f");
}

Test(buf, json_any_of_every_pair_of_bytes_is_valid)
{
	for (int high = 0; high < 256; high++)
		for (int low = 0; low < 256; low += 3) {
			char text[2] = { (char)high, (char)low };
			json_t *back;
			buf_reset(&b);
			buf_char(&b, '"');
			buf_json_any(&b, (struct span){ text, 2 });
			buf_char(&b, '"');
			back = read_back();
			cr_assert_not_null(back, "bytes %02x %02x", high, low);
			json_decref(back);
		}
}

static const struct {
	struct span text;
	const char *want;
} broken[] = {
	{ { "\xFF", 1 }, "\xEF\xBF\xBD" },
	{ { "a\x80z", 3 }, "a\xEF\xBF\xBDz" },
	{ { "\xC0\x80", 2 }, "\xEF\xBF\xBD\xEF\xBF\xBD" }, /* NUL in two bytes */
	{ { "\xC3", 1 }, "\xEF\xBF\xBD" },                 /* cut */
	{ { "\xE2\x82", 2 }, "\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ { "\xED\xA0\x80", 3 }, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" }, /* surrogate */
	{ { "\xE0\x80\xAF", 3 }, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" }, /* overlong */
	{ { "\xF4\x90\x80\x80", 4 },
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" }, /* past U+10FFFF */
	{ { "\xF4\x8F\xBF\xBF", 4 }, "\xF4\x8F\xBF\xBF" },
	{ { "\xED\x9F\xBF", 3 }, "\xED\x9F\xBF" },
	{ { "\xE0\xA0\x80", 3 }, "\xE0\xA0\x80" },
	{ { "\xF0\x90\x80\x80", 4 }, "\xF0\x90\x80\x80" },
	{ { "a\nb\"", 4 }, "a\\nb\\\"" },
	{ { "\0", 1 }, "\\u0000" },
};

Test(buf, json_any_replaces_what_is_not_utf8)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		buf_reset(&b);
		buf_json_any(&b, broken[i].text);
		cr_assert_str_eq(buf_text(&b), broken[i].want, "row %zu", i);
	}
}

Test(buf, url_of_every_byte)
{
	static const char unreserved[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (int c = 0; c < 256; c++) {
		char text = (char)c, want[8];
		bool plain = c != 0 && strchr(unreserved, c) != NULL;
		snprintf(want, sizeof(want), plain ? "%c" : "%%%02X", c);
		buf_reset(&b);
		buf_url(&b, (struct span){ &text, 1 });
		cr_assert_str_eq(buf_text(&b), want, "byte %d", c);
	}
}

Test(buf, base64url_of_rfc_4648)
{
	static const char *const rows[][2] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" }, { "\xFB\xFF\xFE", "-__-" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_reset(&b);
		buf_base64url(&b, rows[i][0], strlen(rows[i][0]));
		cr_assert_str_eq(buf_text(&b), rows[i][1]);
	}
	buf_reset(&b);
	buf_base64url(&b, "\0\0\0\0", 4);
	cr_assert_str_eq(buf_text(&b), "AAAAAA");
}

Test(buf, time_of_rfc_3339)
{
	static const struct {
		int64_t micros;
		const char *want;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 999, "1970-01-01T00:00:00.000Z" },
		{ 999999, "1970-01-01T00:00:00.999Z" },
		{ INT64_C(951782400000000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1763935199007000), "2025-11-23T21:59:59.007Z" },
		{ INT64_C(4102444799999999), "2099-12-31T23:59:59.999Z" },
		{ INT64_C(253402300799999999), "9999-12-31T23:59:59.999Z" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_reset(&b);
		buf_time(&b, rows[i].micros);
		cr_assert_str_eq(buf_text(&b), rows[i].want);
	}
}
