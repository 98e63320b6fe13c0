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
	return no_control(c) && c != '/';
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

static const struct {
	const char *text;
	bool ok;
} urls[] = {
	{ "https://example.org", true },
	{ "http://example.org/a?b=c#d", true },
	{ "https://[::1]/", true },
	{ "https://1.2.3.4:8080/x", true },
	{ "https://b\xC3\xBC.example/", true },
	{ "https://", false },
	{ "http:/example.org", false },
	{ "HTTPS://example.org", false },
	{ "ftp://example.org", false },
	{ "javascript:alert(1)", false },
	{ "data:text/html,x", false },
	{ "//example.org", false },
	{ "https:///path", false },
	{ "https://?x", false },
	{ "https://-x", false },
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
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
		cr_assert_eq(
		    rule_url.ok(span_of(urls[i].text)), urls[i].ok, "%s", urls[i].text);
	cr_assert_not(rule_url.ok(SPAN("https://a\0b")));
}

static const struct {
	const char *text;
	bool ok;
} usernames[] = {
	{ "a", true },
	{ "A1", true },
	{ "octo-cat", true },
	{ "a-b-c", true },
	{ "abcdefghijklmnopqrstuvwxyz0123456789abc", true },   /* 39 */
	{ "abcdefghijklmnopqrstuvwxyz0123456789abcd", false }, /* 40 */
	{ "", false },
	{ "-a", false },
	{ "a-", false },
	{ "a--b", false },
	{ "-", false },
	{ "a_b", false },
	{ "a b", false },
	{ "a/b", false },
	{ "\xC3\xA4", false },
};

Test(rule, usernames)
{
	for (size_t i = 0; i < sizeof(usernames) / sizeof(*usernames); i++)
		cr_assert_eq(username_ok(span_of(usernames[i].text)), usernames[i].ok, "%s",
		    usernames[i].text);
	cr_assert_not(username_ok(SPAN("a\0b")));
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
