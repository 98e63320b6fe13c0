/* rule: what texts from people may look like, byte by byte. */
#include "model/rule.h"

#include <criterion/criterion.h>

/* Which single bytes, between two letters, the rule takes. */
static void
expect_bytes(const struct rule *rule, bool (*wanted)(int c))
{
	for (int c = 0; c < 256; c++) {
		char text[3] = { 'a', (char)c, 'z' };
		cr_assert_eq(rule->ok((struct span){ text, 3 }), wanted(c), "%s, byte %d",
		    rule->code, c);
	}
}

static bool
no_control(int c)
{
	return c >= 0x20 && c != 0x7f;
}

static bool
no_control_but_white(int c)
{
	return no_control(c) || c == '\t' || c == '\r' || c == '\n';
}

static bool
no_control_no_slash(int c)
{
	return no_control(c) && c != '/' && c != '\\';
}

static bool
tag_byte(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '#' ||
	       c == '.' || c == '-';
}

Test(rule, every_byte_of_texts)
{
	expect_bytes(&rule_line, no_control);
	expect_bytes(&rule_text, no_control_but_white);
	expect_bytes(&rule_filename, no_control_no_slash);
	expect_bytes(&rule_tag, tag_byte);
}

struct judged {
	const char *text;
	bool ok;
};

static void
judge(const struct rule *rule, const struct judged *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(rule->ok(span_of(rows[i].text)), rows[i].ok, "%s, row %zu: %s",
		    rule->code, i, rows[i].text);
}

#define JUDGE(rule, rows) judge(rule, rows, sizeof(rows) / sizeof(*(rows)))

static const struct judged lines[] = {
	{ "a b", true },
	{ "\u00fc \u4e2d \U0001f600", true },
	{ "a\u200db", true },                 /* joins letters and emoji */
	{ "\u200f\u05d0\u05d1", true },       /* a mark of direction */
	{ "a \u2067\u05d0 b\u2069 c", true }, /* an isolate that is closed */
	{ "a \u2066b\u2067c\u2069\u2069", true },
	{ "a\xC2\x80z", false },
	{ "a\xC2\x85z", false }, /* U+0085, the next line */
	{ "a\xC2\x9Fz", false },
	{ "a\xC2\xA0z", true },
	{ "a\u2028z", false },
	{ "a\u2029z", false },
	{ "a\u202az", false },
	{ "a\u202ez", false },
	{ "a\u202dz", false },
	{ "\u0645\u06cc\u200c\u062e", true },
	{ "\xEF\xBF\xBE", false }, /* U+FFFE: no feed could carry it */
	{ "\xEF\xBF\xBF", false },
	{ "\xF4\x8F\xBF\xBF", false },
	{ "\xEF\xB7\x90", false },
	{ "a\u202c", false },
	{ "a \u2067b", false }, /* left open */
	{ "a\u2069 b", false }, /* closes somebody else's */
	{ "\u2069\u2067", false },
};

Test(rule, lines)
{
	JUDGE(&rule_line, lines);
	cr_assert(rule_line.visible);
}

static const struct judged texts[] = {
	{ "a\n\tb\r\n\u2028c\u202ed", true },
	{ "a\xC2\x80z", false },
	{ "a\xC2\x85z", false },
	{ "a\x1bz", false },
};

Test(rule, texts)
{
	JUDGE(&rule_text, texts);
}

/* 128 times a letter of two bytes. */
#define EIGHT "\u0451\u0451\u0451\u0451\u0451\u0451\u0451\u0451"
#define SIXTEEN EIGHT EIGHT
#define NAME_256 SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static const struct judged filenames[] = {
	{ "main.c", true },
	{ "...", true },
	{ ".a", true },
	{ "a b\u00fc.txt", true },
	{ &NAME_256[2], true }, /* 254 bytes */
	{ NAME_256, false },
	{ ".", false },
	{ "..", false },
	{ "a/b", false },
	{ "..\\a", false },
	{ "a\xC2\x85.c", false },
	{ "a\u2028.c", false },
	{ "photo\u202egnp.exe", false },
	{ "photo\u2066gnp\u2069.exe", false },
	{ "a\u200f.c", false },
	{ "a\u061c.c", false },
};

Test(rule, filenames)
{
	JUDGE(&rule_filename, filenames);
	cr_assert(rule_filename.visible);
}

static const struct judged tags[] = {
	{ "c++", true },
	{ "c#", true },
	{ ".net", true },
	{ "0", true },
	{ ".", false },
	{ "..", false }, /* could not stand in a path */
	{ "+", false },
	{ "c ", false },
	{ " c", false },
};

Test(rule, tags)
{
	JUDGE(&rule_tag, tags);
}

static const struct judged words[] = {
	{ "common lisp", true },
	{ "c++", true },
	{ "c  ", false },
	{ " c", false },
};

Test(rule, words)
{
	JUDGE(&rule_word, words);
}

static const struct judged job_ids[] = {
	{ "a/b c%", true },
	{ "...", true },
	{ "\u00fc", true },
	{ ".", false },
	{ "..", false },
	{ "a\nb", false },
	{ "a\xC2\x85", false },
	{ "a\u202e", false },
};

Test(rule, job_ids)
{
	JUDGE(&rule_job_id, job_ids);
	cr_assert(rule_job_id.visible);
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static const struct judged urls[] = {
	{ "https://example.org", true },
	{ "http://example.org/a?b=c#d", true },
	{ "HTTPS://Example.ORG/", true }, /* RFC 3986, section 3.1 */
	{ "hTTp://example.org", true },
	{ "https://[::1]/", true },
	{ "https://[2001:db8::1]:8443/x", true },
	{ "https://1.2.3.4:8080/x", true },
	{ "https://example.org:65535", true },
	{ "https://example.org.", true },
	{ "https://example.org?x", true },
	{ "https://example.org#x", true },
	{ "https://my_blog.example.org", true },
	{ "https://b\u00fccher.example/", true },
	{ "https://xn--bcher-kva.example/", true },
	{ "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", true },
	{ "https://\u4f8b\u3048.jp/\u30c6", true },
	{ "https://\u0909\u0926\u093e\u0939\u0930\u0923.\u092d\u093e\u0930\u0924", true },
	{ "https://col\u00b7legi.example", true },
	{ "http://davidhaberth\u00fcr.ch/", true },
	{ "http://www.\U0001f355\U0001f4a9.example/", true },
	{ "https://\U0001f355\u2100.example/", false },
	{ "htps:////acshi@osf.io", false },
	{ "http:////acshi@osf.io", false },
	{ "https://example.org/@name", true },
	{ "https://example.org/a:b@c", true },
	{ "https://example.org/?to=a@b", true },
	{ "https://fa.example/\u0645\u06cc\u200c\u062e", true },
	{ "https://" LABEL_63 ".example", true },
	{ "https://", false },
	{ "https:///evil", false },
	{ "http:/example.org", false },
	{ "https:example.org", false },
	{ "ftp://example.org", false },
	{ "javascript:alert(1)", false },
	{ "data:text/html,x", false },
	{ "//example.org", false },
	{ "https://?x", false },
	{ "https://#x", false },
	{ "https://-x", false },
	{ "https://x-.example", false },
	{ "https://.example.org", false },
	{ "https://example..org", false },
	{ "https://example.org..", false },
	{ "https://.", false },
	{ "https://[zzz", false },
	{ "https://[]", false },
	{ "https://[::1", false },
	{ "https://[::1]x", false },
	{ "https://[::1]:", false },
	{ "https://[1.2.3.4]", false },
	{ "https://[fe80::1%25eth0]/", false },
	{ "https://::1/", false },
	{ "https://a:b:c", false },
	{ "https://a:b", false },
	{ "https://a:", false },
	{ "https://a:0", false },
	{ "https://a:-1", false },
	{ "https://a:+1", false },
	{ "https://a:99999", false },
	{ "https://a:65536", false },
	{ "https://a:000080", false },
	{ "https://a@", false },
	{ "https://a@b", false },
	{ "https://github.com@evil.example/", false },
	{ "https://github.com:443@evil.example/", false },
	{ "https://github.com%2F@evil.example/", false },
	{ "https://github.com\\@evil.example/", false },
	{ "https://github.com%2Fevil.example/", false },
	{ "https://\u202egro.elpmaxe/", false },
	{ "https://example\u202e.org/", false },
	{ "https://example.org/\u202egnp.exe", false },
	{ "https://example.org/\u2066", false },
	{ "https://exa\u200bmple.org", false },
	{ "https://\u05d0b.example", false }, /* both directions in a label */
	{ "https://\u05d0\u05d1-1.example", true },
	{ "https://xn--b\u00fccher.example", false }, /* encoded, and not */
	{ "https://xn--", false },
	{ "https://\u0663a.example", false },
	{ "https://\u0301a.example", false }, /* a mark with no letter */
	{ "https://a\u0301.example", true },
	{ "https://exa\u00admple.org", false },
	{ "https://exa\u3164mple.org", false },
	{ "https://exa\u200cmple.org", false },
	{ "https://example.org\uff0fevil.example", false }, /* a full-width slash */
	{ "https://example.org\u2044evil.example", false },
	{ "https://example.org\u2215evil.example", false },
	{ "https://example.org\uff20evil.example", false },
	{ "https://example.org\uff1a80", false },
	{ "https://evil.c\u2100.example", false }, /* a/c, as one character */
	{ "https://example\u3002org", false },
	{ "https://example.org/\u00a0x", false },
	{ "https://example.org/\u3000x", false },
	{ "https://example.org/\u2028x", false },
	{ "https://example.org/\xC2\x85x", false },
	{ "https://example.org/\xFF", false },
	{ "https://1.2.3.4.5", false },
	{ "https://1.2.3.256", false },
	{ "https://1.2.3", false },
	{ "https://1", false },
	{ "https://2130706433/", false }, /* 127.0.0.1 to a browser */
	{ "https://0x7f.0.0.1", false },
	{ "https://0177.0.0.1", false },
	{ "https://0x7f000001", false },
	{ "https://1.2.3.4.", true },
	{ "https://\uff11.\uff12.\uff13.\uff14", false },
	{ "https://a" LABEL_63 ".example", false },
	{ " https://example.org", false },
	{ "https://example.org ", false },
	{ "https://exa mple.org", false },
	{ "https://example.org/\"onmouseover=", false },
	{ "https://example.org/<script>", false },
	{ "https://example.org/\\x", false },
	{ "https://example.org/`", false },
	{ "https://example.org/{x}", false },
	{ "https://example.org/|", false },
	{ "https://example.org/^", false },
	{ "https://example.org/\n", false },
	{ "https://example.org/\x7f", false },
	{ "", false },
};

Test(rule, urls)
{
	JUDGE(&rule_url, urls);
	cr_assert_not(rule_url.ok(SPAN("https://a\0b")));
	cr_assert_not(rule_url.ok(SPAN("https://[::1\0]/")));
}

static const struct judged origins[] = {
	{ "https://codegram.example", true },
	{ "http://localhost:3000", true },
	{ "http://127.0.0.1:8080", true },
	{ "https://xn--bcher-kva.example", true },
	{ "https://my_host", true },
	{ "https://codegram.example/", false },
	{ "https://codegram.example/x", false },
	{ "https://codegram.example?", false },
	{ "https://codegram.example#", false },
	{ "https://Codegram.example", false },
	{ "HTTPS://codegram.example", false },
	{ "https://b\u00fccher.example", false },
	{ "https://ann@codegram.example", false },
	{ "https://codegram.example:", false },
	{ "https://codegram.example:65536", false },
	{ "https://a.example\"; evil", false },
	{ "https://:80", false },
	{ "https://", false },
	{ "ftp://codegram.example", false },
	{ "codegram.example", false },
	{ "null", false },
	{ "*", false },
	{ "", false },
};

Test(rule, origins)
{
	for (size_t i = 0; i < sizeof(origins) / sizeof(*origins); i++)
		cr_expect_eq(web_origin_ok(span_of(origins[i].text)), origins[i].ok, "%s",
		    origins[i].text);
}

static const struct {
	const char *text;
	bool ok;
} usernames[] = {
	{ "a", true }, { "A1", true }, { "octo-cat", true }, { "a-b-c", true },
	{ "abcdefghijklmnopqrstuvwxyz0123456789abc", true },   /* 39 */
	{ "abcdefghijklmnopqrstuvwxyz0123456789abcd", false }, /* 40 */
	{ "", false }, { "-a", false }, { "a-", false }, { "a--b", false }, { "-", false },
	{ "a_b", false }, { "a b", false }, { "a/b", false }, { "\xC3\xA4", false },
	{ "\u212aate", false }, /* the Kelvin sign */
};

Test(rule, usernames)
{
	for (size_t i = 0; i < sizeof(usernames) / sizeof(*usernames); i++)
		cr_assert_eq(username_ok(span_of(usernames[i].text)), usernames[i].ok, "%s",
		    usernames[i].text);
	cr_assert_not(username_ok(SPAN("a\0b")));
}

/* What can be dialled, nothing else. */
Test(rule, redis_urls)
{
	cr_assert(rule_redis_url.ok(SPAN("unix:///run/redis.sock")));
	cr_assert(rule_redis_url.ok(SPAN("redis://localhost:6379/0")));
	cr_assert_not(rule_redis_url.ok(SPAN("http://x")));
	cr_assert_not(rule_redis_url.ok(SPAN("redis://:secret@host:6379")));
	cr_assert_not(rule_redis_url.ok(SPAN("/run/redis.sock")));
}

Test(rule, secrets_are_counted_in_bytes)
{
	cr_assert(rule_secret.ok(SPAN("0123456789abcdef0123456789abcdef")));
	cr_assert_not(rule_secret.ok(SPAN("0123456789abcdef0123456789abcde")));
}

Test(rule, languages_also_by_alias)
{
	cr_assert(rule_language.ok(SPAN("python")));
	cr_assert(rule_language.ok(SPAN("JS")));
	cr_assert_not(rule_language.ok(SPAN("klingon")));
	cr_assert_not(rule_language.ok(SPAN("")));
}

Test(rule, choices_stand_in_the_order_of_their_enum)
{
	cr_assert_str_eq(rule_snippet_sort.choices[SORT_NEWEST], "newest");
	cr_assert_str_eq(rule_snippet_sort.choices[SORT_OLDEST], "oldest");
	cr_assert_str_eq(rule_snippet_sort.choices[SORT_LIKED], "most_liked");
	cr_assert_str_eq(rule_snippet_sort.choices[SORT_COMMENTED], "most_commented");
	cr_assert_str_eq(rule_snippet_sort.choices[SORT_TRENDING], "trending");
	cr_assert_null(rule_snippet_sort.choices[SORT_TRENDING + 1]);
	cr_assert_str_eq(rule_user_sort.choices[USERS_FOLLOWERS], "followers");
	cr_assert_str_eq(rule_user_sort.choices[USERS_NEWEST], "newest");
	cr_assert_null(rule_user_sort.choices[USERS_NEWEST + 1]);
}
