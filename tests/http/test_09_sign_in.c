/* Signing in by GitHub, as a browser does it, with the stand-in as GitHub: the journey, what
 * binds it to the browser, who somebody is, and a readable reason whenever it fails. */
#include "http/journey.h"

#include <time.h>

#include "adapter/crypto.h"
#include "adapter/seal.h"
#include "base/base64.h"
#include "base/random.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

/* ---- the journey */

static void
expect_cookie(const struct answer *a, const char *name, const char *attributes)
{
	const char *at = a->headers;
	char start[64];

	snprintf(start, sizeof(start), "Set-Cookie: %s=", name);
	at = strcasestr(at, start);
	cr_assert_not_null(at, "%s: %s", name, a->headers);
	at += strcspn(at, ";\r\n");
	cr_expect_eq(strncmp(at, attributes, strlen(attributes)), 0, "%s: %.*s", name,
	    (int)strcspn(at, "\r\n"), at);
	cr_expect_eq(strcspn(at, "\r\n"), strlen(attributes), "%s", name);
}

static void
expect_parameter(const char *url, const char *pair)
{
	const char *at = strstr(url, pair);

	cr_expect(
	    at && (at[-1] == '?' || at[-1] == '&') && strchr("&", at[strlen(pair)]) != NULL,
	    "%s: %s", pair, url);
}

Test(sign_in, the_whole_journey)
{
	struct answer a = CALL("GET", START "?return_to=/snippets%3Fsort%3Dnewest");
	struct journey j;
	char expected[512], name[32];
	const char *state;

	cr_assert_eq(a.status, 302, "%s", a.body);
	cr_assert_not_null(login_cookie_of(&a));
	snprintf(j.cookie, sizeof(j.cookie), "%s", login_cookie_of(&a));
	snprintf(name, sizeof(name), "%.24s", login_cookie_of(&a) + strlen("Cookie: "));
	expect_cookie(&a, name, "; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	keep_location(&a, &j);
	forget(&a);
	cr_expect_eq(strncmp(j.next, github_url(), strlen(github_url())), 0, "%s", j.next);
	expect_parameter(j.next, "scope=read%3Auser%20user%3Aemail");
	expect_parameter(j.next, "code_challenge_method=S256");
	state = strstr(j.next, "&state=");
	cr_assert_not_null(state);
	cr_expect_eq(strcspn(state + 7, "&"), 43u, "256 bits");
	cr_expect_null(strstr(j.cookie, "sort"), "what the cookie holds is sealed");
	at_github(&j, "login=ada");
	a = come_back(&j);
	cr_assert_eq(a.status, 302, "%s", a.body);
	snprintf(expected, sizeof(expected), "%s/snippets?sort=newest", our_origin());
	cr_expect_str_eq(header_of(&a, "Location"), expected);
	cr_expect_str_eq(header_of(&a, "Cache-Control"), "no-store");
	cr_expect_str_eq(cookie_of(&a, name), "", "it is used up");
	expect_cookie(&a, "__Host-cg_refresh",
	    "; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Strict");
	forget(&a);
}

Test(sign_in, who_somebody_is)
{
	struct answer a;
	const char *access = access_by(signed_in("grace"));
	char out[256];

	a = CALL("GET", "/api/v1/auth/me", .token = access);
	cr_expect_str_eq(text_at(&a, "data.username"), "grace", "%s", a.body);
	cr_expect_str_eq(text_at(&a, "data.github_username"), "grace");
	cr_expect(json_is_true(at(&a, "data.github_connected")));
	cr_expect_not_null(strchr(text_at(&a, "data.email"), '@'));
	forget(&a);
	a = CALL("GET", "/api/v1/auth/sessions", .token = access);
	cr_expect_str_eq(text_at(&a, "data.0.device"), "Firefox on Linux");
	cr_expect_str_eq(text_at(&a, "data.0.ip_prefix"), "127.0.0.0/24");
	forget(&a);
	stack_sql("select scopes::text || state from github_connections where login = 'grace'",
	    out, sizeof(out));
	cr_expect_str_eq(out, "{read:user,user:email}connected");
	cr_expect_eq(stack_count("select count(*) from github_connections where position('gh' "
	                         "in encode(token, 'escape')) > 0 or token is null"),
	    0, "sealed from the first one on");
	cr_expect_eq(
	    stack_count("select count(*) from outbox o join users u on o.data->>'user_id' "
	                "= u.id::text where u.username = 'grace' and o.name in "
	                "('sync-profile', 'sync-repositories')"),
	    2, "and what they have at GitHub is fetched");
}

Test(sign_in, an_address_that_is_not_verified_is_none)
{
	const char *access = access_by(signed_in("margaret"));
	struct answer a = CALL("GET", "/api/v1/auth/me", .token = access);

	cr_expect(json_is_null(at(&a, "data.email")), "%s", a.body);
	forget(&a);
}

/* What GitHub no longer vouches for must not get anybody's mail. What we may not ask stays. */
Test(sign_in, an_address_that_is_no_longer_verified_goes)
{
	static const char sql[] =
	    "select coalesce(email, 'none') from users where github_id = 7051";
	char out[64];
	struct journey j;
	struct answer a;

	github_change("{'change': 'add_person', 'login': 'moves', 'id': 7051, 'emails': "
	              "[{'email': 'first@example.com'}]}");
	signed_in("moves");
	stack_sql(sql, out, sizeof(out));
	cr_expect_str_eq(out, "first@example.com");
	j = begin("");
	at_github(&j, "login=moves&granted=read:user");
	a = come_back(&j);
	cr_assert_eq(a.status, 302, "%s", a.body);
	forget(&a);
	stack_sql(sql, out, sizeof(out));
	cr_expect_str_eq(out, "first@example.com", "nobody said anything of it");
	github_change("{'change': 'edit_person', 'login': 'moves', 'emails': [{'email': "
	              "'first@example.com', 'primary': false}, {'email': 'second@example.com', "
	              "'primary': true, 'verified': false}]}");
	signed_in("moves");
	stack_sql(sql, out, sizeof(out));
	cr_expect_str_eq(out, "none");
}

Test(sign_in, identity_is_the_number)
{
	char first[64], then[64];

	github_change("{'change': 'add_person', 'login': 'rosa', 'id': 7001}");
	signed_in("rosa");
	stack_sql("select id from users where github_id = 7001", first, sizeof(first));
	cr_assert_eq(strlen(first), 36u, "%s", first);
	github_change("{'change': 'rename_person', 'login': 'rosa', 'to': 'rosalind'}");
	signed_in("rosalind");
	stack_sql("select id from users where github_id = 7001", then, sizeof(then));
	cr_expect_str_eq(first, then, "the same account by another name");
	stack_sql("select username || ' ' || github_username from users where github_id = 7001",
	    then, sizeof(then));
	cr_expect_str_eq(then, "rosa rosalind", "the name here stays");
	github_change("{'change': 'add_person', 'login': 'rosa', 'id': 7002}");
	signed_in("rosa");
	stack_sql("select username from users where github_id = 7002", then, sizeof(then));
	cr_expect_str_eq(
	    then, "rosa-2", "a stranger by the old name gets an account of their own");
}

Test(sign_in, taken_names_and_odd_ones)
{
	static const struct {
		const char *login, *id, *username;
	} rows[] = { { "taken", "7101", "taken-2" }, { "Taken", "7102", "Taken-3" },
		{ "me", "7103", "me-2" }, { "trailing-", "7104", "trailing" },
		{ "two--hyphens", "7105", "two-hyphens" }, { "octo_corp", "7106", "octo-corp" },
		{ "a123456789-123456789-123456789-12345678", "7107",
		    "a123456789-123456789-123456789-12345678" },
		{ "A123456789-123456789-123456789-12345678", "7108",
		    "A123456789-123456789-123456789-123456-2" } };
	char sql[128], out[64];

	stack_token("taken"); /* of somebody who has never seen GitHub */
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		github_change("{'change': 'add_person', 'login': 'x%s', 'id': %s}", rows[i].id,
		    rows[i].id);
		github_change("{'change': 'rename_person', 'login': 'x%s', 'to': '%s'}",
		    rows[i].id, rows[i].login);
		signed_in(rows[i].login);
		snprintf(sql, sizeof(sql), "select username from users where github_id = %s",
		    rows[i].id);
		stack_sql(sql, out, sizeof(out));
		cr_expect_str_eq(out, rows[i].username, "%s: %s", rows[i].login, out);
		github_change("{'change': 'delete_person', 'login': '%s'}", rows[i].login);
	}
}

Test(sign_in, fewer_scopes_are_kept)
{
	struct journey j = begin("");
	struct answer a;
	char out[128];

	at_github(&j, "login=linus&granted=read:user");
	a = come_back(&j);
	cr_assert_eq(a.status, 302, "%s", a.body);
	forget(&a);
	stack_sql(
	    "select scopes from github_connections where login = 'linus'", out, sizeof(out));
	cr_expect_str_eq(out, "{read:user}");
}

/* ---- bound to the browser, once, for ten minutes */

/* A cookie as the login pool seals it, of another time. */
static void
seal_cookie(struct journey *j, long age, const char *state)
{
	struct scope scope = { .arena = arena_make(4096, 1 << 20) };
	struct seal_ring ring;
	struct span record;
	struct buf text;
	const char *plain;

	cr_assert_eq(seal_ring_fill(&ring, stack_setting("SEAL_KEY"), NULL, NULL), OK);
	plain = arena_format(scope.arena, "%ld\n%s\n%s\n/", (long)time(NULL) - age, state,
	    "verifier-verifier-verifier-verifier-verifier");
	cr_assert_eq(seal(&ring, span_of(plain), SPAN("oauth-state"), &record, &scope), OK);
	buf_init(&text, 4096);
	buf_base64url(&text, record.ptr, record.len);
	snprintf(j->cookie, sizeof(j->cookie), "Cookie: __Host-cg_login_%.8s=%s", state,
	    buf_text(&text));
	buf_free(&text);
	arena_free(scope.arena);
}

Test(sign_in, a_state_is_of_one_browser)
{
	struct journey mine = begin(""), other = begin("");
	char changed[2048];
	struct answer a;
	long before;

	at_github(&mine, "login=ada");
	before = github_count("path=/login/oauth/access_token");
	a = CALL("GET", mine.next);
	expect_failure(&a, "FORBIDDEN", "another%20browser", "no cookie");
	a = CALL("GET", mine.next, .headers = { other.cookie });
	expect_failure(&a, "FORBIDDEN", "another%20browser", "another browser's cookie");
	for (size_t i = strlen("Cookie: __Host-cg_login_12345678="); mine.cookie[i]; i += 7) {
		snprintf(changed, sizeof(changed), "%s", mine.cookie);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		if (strcmp(changed, mine.cookie) == 0)
			continue;
		a = CALL("GET", mine.next, .headers = { changed });
		expect_failure(&a, "FORBIDDEN", "another%20browser", "a touched cookie");
	}
	a = CALL("GET", CALLBACK, .headers = { mine.cookie });
	expect_failure(&a, "FORBIDDEN", "start%20again", "nothing at all");
	cr_expect_eq(github_count("path=/login/oauth/access_token"), before,
	    "GitHub was not asked once");
	a = come_back(&mine);
	cr_expect_not_null(cookie_of(&a, "__Host-cg_refresh"), "and the right one goes on");
	forget(&a);
	before = github_count("path=/login/oauth/access_token");
	a = come_back(&mine);
	expect_failure(&a, "FORBIDDEN", "used%20already", "a second time");
	cr_expect_eq(github_count("path=/login/oauth/access_token"), before);
}

/* A browser has one jar for all its tabs. */
Test(sign_in, two_tabs_at_once)
{
	struct journey first = begin(""), second, one, two;
	struct answer a;
	char both[6200];

	a = CALL("GET", START, .headers = { first.cookie });
	cr_assert_eq(a.status, 302);
	cr_expect_eq(header_count(&a, "Set-Cookie"), 1, "the first one's stays: %s", a.headers);
	snprintf(second.cookie, sizeof(second.cookie), "%s", login_cookie_of(&a));
	keep_location(&a, &second);
	forget(&a);
	snprintf(
	    both, sizeof(both), "%s; %s", first.cookie, second.cookie + strlen("Cookie: "));
	one = first;
	two = second;
	at_github(&two, "login=ada");
	at_github(&one, "login=ada");
	a = CALL("GET", one.next, .headers = { both });
	cr_expect_not_null(cookie_of(&a, "__Host-cg_refresh"), "the first: %s", a.headers);
	cr_expect_null(strstr(a.headers, second.cookie + strlen("Cookie: ") + 16),
	    "the other one's cookie is left alone");
	forget(&a);
	a = CALL("GET", two.next, .headers = { both });
	cr_expect_not_null(cookie_of(&a, "__Host-cg_refresh"), "the second: %s", a.headers);
	forget(&a);
}

/* Somebody who begins again and again does not outgrow the header. */
Test(sign_in, a_fifth_tab_takes_the_oldest_ones_place)
{
	struct answer a = CALL("GET", START,
	    .headers = { "Cookie: __Host-cg_login_aaaaaaaa=1; __Host-cg_login_bbbbbbbb=2; "
	                 "x=y; __Host-cg_login_cccccccc=3; __Host-cg_login_dddddddd=4" });

	cr_assert_eq(a.status, 302);
	cr_expect_eq(header_count(&a, "Set-Cookie"), 2, "%s", a.headers);
	cr_expect_str_eq(cookie_of(&a, "__Host-cg_login_aaaaaaaa"), "");
	forget(&a);
}

Test(sign_in, ten_minutes)
{
	struct journey j;
	struct answer a;
	long before = github_count("path=/login/oauth/access_token");

	snprintf(j.next, sizeof(j.next), CALLBACK "?code=x&state=abc");
	seal_cookie(&j, 601, "abc");
	a = come_back(&j);
	expect_failure(&a, "FORBIDDEN", "too%20long%20ago", "after ten minutes");
	seal_cookie(&j, -5, "abc");
	a = come_back(&j);
	expect_failure(&a, "FORBIDDEN", "too%20long%20ago", "from the future");
	cr_expect_eq(github_count("path=/login/oauth/access_token"), before);
	seal_cookie(&j, 590, "abc");
	a = come_back(&j);
	expect_failure(&a, "FORBIDDEN", "GitHub", "in time: GitHub does not know the code");
	cr_expect_eq(github_count("path=/login/oauth/access_token"), before + 1);
}

/* ---- where to go afterwards */

Test(sign_in, return_to_is_a_path_and_nothing_else)
{
	static const char *const hostile[] = { "//evil.example", "///evil.example",
		"/%5Cevil.example", "%5Cevil.example", "%5C%5Cevil.example",
		"/%5C/evil.example", "https:evil.example", "https://evil.example",
		"https:/evil.example", "HTTPS://evil.example", "javascript:alert(1)",
		"data:text/html,x", "evil.example", "@evil.example", ".evil.example", ":80",
		"%09//evil.example", "/%09/evil.example", "/%0D%0ALocation:x", "/%0Aevil",
		"%0D%0A%0D%0Ax", "/%2F%2Fevil.example", "/%252Fevil.example",
		"%252F%252Fevil.example", "%2F%2Fevil.example", "/.%2F/evil.example",
		"/..//evil.example", "/../evil", "/%2e%2e/evil", "/a/./b", "/a//b", "/%00",
		"/a%20b", "/a%23b%23c", "%23//evil.example", "/a%23%250A", "/a%23b%3Cc",
		"/%E2%80%AE", "/a?x=%0D%0AX", "/a%3Fx%3D%250D%250AX", "?x=1", "",
		"/%3Cscript%3E", "/%EF%BC%8Fevil" };
	static const char *const good[][2] = { { "/", "/" }, { "/me", "/me" },
		{ "/snippets%3Fsort%3Dnewest%26tags%3Da,b", "/snippets?sort=newest&tags=a,b" },
		{ "/@ada", "/@ada" }, { "/a/b/", "/a/b/" }, { "/a%253Ab", "/a%3Ab" },
		{ "/%23/snippets/1%3Fx%3D1", "/#/snippets/1?x=1" }, { "/a%23", "/a#" } };
	char path[512], start[512];
	struct answer a;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		snprintf(path, sizeof(path), START "?return_to=%s", hostile[i]);
		a = CALL("GET", path);
		cr_expect_null(login_cookie_of(&a), "%s", hostile[i]);
		cr_expect_not_null(strstr(header_of(&a, "Location"),
		                       "&details=%5B%7B%22field%22%3A%22%3Freturn_to%22"),
		    "%s", hostile[i]);
		expect_failure(&a, "VALIDATION_ERROR", "fault", hostile[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct journey j;
		snprintf(path, sizeof(path), "?return_to=%s", good[i][0]);
		j = begin(path);
		at_github(&j, "login=ada");
		a = come_back(&j);
		snprintf(start, sizeof(start), "%s%s", our_origin(), good[i][1]);
		cr_expect_str_eq(header_of(&a, "Location"), start);
		forget(&a);
	}
}
