/* github_profile: what of GitHub's user object our tables are told. */
#include <stdio.h>

#include "adapter/json_list.h"
#include "base/buf.h"
#include "service/github.h"
#include "unit/scope.h"

TestSuite(github_profile, .init = open_scope, .fini = close_scope);

static const struct json_t *
told(const char *members)
{
	const char *text = arena_format(scope.arena, "{\"id\":7,\"login\":\"ada\"%s}", members),
	           *out;
	struct github_identity who;
	struct json_t *json;

	cr_assert_eq(json_any_of(span_of(text), &json, &scope), OK, "%s", text);
	cr_assert(github_read_user(json, &who), "%s", text);
	cr_assert_eq(github_profile(&who, &scope, &out), OK, "%s", text);
	cr_assert_eq(json_any_of(span_of(out), &json, &scope), OK, "%s", out);
	return json;
}

static const char *
text_of(const struct json_t *json, const char *key)
{
	const char *text;

	return json_get_text(json, key, &text) ? text : "(none)";
}

static const struct {
	const char *members, *key, *text;
} rows[] = {
	{ ",\"name\":\"Ada\"", "name", "Ada" },
	{ ",\"name\":\" Ada\\u0085\\nL. \"", "name", "Ada L." },
	{ ",\"name\":\" \\u200b \"", "name", "(none)" },
	{ ",\"name\":null", "name", "(none)" },
	{ ",\"name\":7", "name", "(none)" },
	{ ",\"bio\":\"a\\r\\n\\r\\nb\"", "bio", "a b" },
	{ ",\"company\":\"\\u202eevil\"", "company", "evil" },
	{ ",\"location\":\"Z\\u00fcrich\"", "location", "Z\u00fcrich" },
	{ ",\"blog\":\"ada.example\"", "website", "https://ada.example" },
	{ ",\"blog\":\"HTTPS://ada.example/\"", "website", "HTTPS://ada.example/" },
	{ ",\"blog\":\"https:///evil\"", "website", "(none)" },
	{ ",\"blog\":\"https://x/<script>\"", "website", "(none)" },
	{ ",\"blog\":\"https://github.com@evil.example/\"", "website", "(none)" },
	{ ",\"blog\":\"\"", "website", "(none)" },
	{ ",\"avatar_url\":\"https://avatars.example/u/7?v=4\"", "avatar_url",
	    "https://avatars.example/u/7?v=4" },
	{ ",\"avatar_url\":\"https://x/\\\"onerror=\\\"\"", "avatar_url", "(none)" },
	{ ",\"avatar_url\":\"https://x/\\u0085\"", "avatar_url", "(none)" },
};

Test(github_profile, each_text_by_the_rule_of_its_field)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_str_eq(text_of(told(rows[i].members), rows[i].key), rows[i].text,
		    "%s", rows[i].members);
}

/* GitHub's own limits are not ours, and may change. */
Test(github_profile, long_texts_are_cut_and_long_addresses_left_out)
{
	static const struct {
		const char *key, *as;
		size_t points;
	} fields[] = { { "name", "name", 100 }, { "bio", "bio", 500 },
		{ "company", "company", 100 }, { "location", "location", 100 },
		{ "blog", "website", 0 }, { "avatar_url", "avatar_url", 0 } };
	const struct json_t *json;
	char *members = arena_alloc(scope.arena, 80 * 1024);

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		int len = snprintf(members, 100, ",\"%s\":\"https://a.example/", fields[i].key);
		memset(members + len, 'x', 70000);
		memcpy(members + len + 70000, "\"", 2);
		json = told(members);
		if (fields[i].points == 0)
			cr_expect_str_eq(text_of(json, fields[i].as), "(none)");
		else
			cr_expect_eq(strlen(text_of(json, fields[i].as)), fields[i].points,
			    "%s", fields[i].key);
	}
}

Test(github_profile, numbers_that_are_not_told_stay)
{
	int64_t n = 0;

	cr_expect_not(json_has(told(",\"followers\":-1"), "followers"));
	cr_expect_not(json_has(told(",\"followers\":\"3\""), "followers"));
	cr_expect_not(json_has(told(""), "public_repos"));
	cr_expect(json_get_int(told(",\"followers\":3"), "followers", &n));
	cr_expect_eq(n, 3);
	cr_expect_not(json_has(told(""), "email"), "an address is told by a sign-in alone");
}

Test(github_profile, who_is_nobody)
{
	static const char *const texts[] = { "{}", "[]", "{\"id\":0,\"login\":\"a\"}",
		"{\"id\":1}", "{\"id\":1,\"login\":\"\"}", "{\"id\":1,\"login\":\"a b\"}",
		"{\"id\":\"1\",\"login\":\"a\"}", "{\"id\":1,\"login\":\"\\u212aate\"}" };
	struct github_identity who;
	struct json_t *json;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cr_assert_eq(json_any_of(span_of(texts[i]), &json, &scope), OK);
		cr_expect_not(github_read_user(json, &who), "%s", texts[i]);
	}
}
