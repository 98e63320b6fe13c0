/* github_sign_in against a scripted server: the code for a token, and who somebody is. */
#include "base/clock.h"
#include "github_client/scripted_github.h"

TestSuite(sign_in, .init = open_github, .fini = close_github);

Test(sign_in, where_the_browser_goes)
{
	settings.GITHUB_URL = "https://github.com/";
	cr_expect_str_eq(github_authorize_url(&settings, "st-_ate", "ch-_allenge", &scope),
	    "https://github.com/login/oauth/authorize?client_id=Iv1.abc&redirect_uri="
	    "https%3A%2F%2Fcodegram.example%2Fapi%2Fv1%2Fauth%2Fgithub%2Fcallback"
	    "&scope=read%3Auser%20user%3Aemail&state=st-_ate&code_challenge=ch-_allenge"
	    "&code_challenge_method=S256");
}

static const struct {
	int status;
	const char *body, *token, *failure; /* failure NULL: granted */
	size_t scopes;
} exchanges[] = {
	{ 200,
	    "{\"access_token\":\"gho_x\",\"scope\":\"read:user,user:email\",\"token_type\":"
	    "\"bearer\"}",
	    "gho_x", NULL, 2 },
	{ 200, "{\"access_token\":\"gho_x\",\"scope\":\"\",\"token_type\":\"bearer\"}", "gho_x",
	    NULL, 0 },
	{ 200, "{\"access_token\":\"gho_x\",\"scope\":\"a b,, c \",\"token_type\":\"Bearer\"}",
	    "gho_x", NULL, 3 },
	{ 200,
	    "{\"error\":\"bad_verification_code\",\"error_description\":\"The code passed is "
	    "incorrect or expired.\"}",
	    NULL, "bad_verification_code", 0 },
	{ 200, "{\"error\":\"incorrect_client_credentials\"}", NULL,
	    "incorrect_client_credentials", 0 },
	{ 200, "{\"error\":\"redirect_uri_mismatch\"}", NULL, "redirect_uri_mismatch", 0 },
	{ 200, "{\"error\":\"unverified_user_email\"}", NULL, "unverified_user_email", 0 },
	{ 200, "{\"error\":\"a\\nb\"}", NULL, "refused", 0 },
	{ 200, "{\"error\":\"x\",\"access_token\":\"gho_x\",\"token_type\":\"bearer\"}", NULL,
	    "x", 0 },
	{ 400, "{\"error\":\"invalid_grant\"}", NULL, "invalid_grant", 0 },
	{ 404, "{\"error\":\"Not Found\"}", NULL, "incorrect_client_credentials", 0 },
	{ 200, "{\"access_token\":\"\",\"token_type\":\"bearer\"}", NULL, "nonsense", 0 },
	{ 200, "{\"access_token\":\"a b\",\"token_type\":\"bearer\"}", NULL, "nonsense", 0 },
	{ 200, "{\"access_token\":\"gho_x\",\"token_type\":\"mac\"}", NULL, "nonsense", 0 },
	{ 200, "{\"access_token\":\"gho_x\"}", NULL, "nonsense", 0 },
	{ 200, "access_token=gho_x&token_type=bearer", NULL, "nonsense", 0 },
	{ 200, "[]", NULL, "nonsense", 0 },
	{ 200, "", NULL, "nonsense", 0 },
	{ 302, "{}", NULL, "nonsense", 0 },
	{ 500, "{\"error\":\"oops\"}", NULL, "trouble", 0 },
	{ 503, "<html>", NULL, "trouble", 0 },
	{ 429, "<html>", NULL, "limited", 0 },
	{ 403, "{\"message\":\"You have exceeded a secondary rate limit\"}", NULL, "limited",
	    0 },
};

Test(sign_in, code_for_token)
{
	for (size_t i = 0; i < sizeof(exchanges) / sizeof(*exchanges); i++) {
		struct github_grant grant;
		say("POST /login/oauth/access_token ", exchanges[i].status, NULL,
		    exchanges[i].body);
		cr_assert_eq(github_exchange(&g, "co de", "verifier", &grant), OK);
		cr_expect_str_eq(grant.failure ? grant.failure : "",
		    exchanges[i].failure ? exchanges[i].failure : "", "%s", exchanges[i].body);
		cr_expect_str_eq(grant.token ? grant.token : "",
		    exchanges[i].token ? exchanges[i].token : "", "%s", exchanges[i].body);
		cr_expect_eq(grant.scopes.count, exchanges[i].scopes, "%s", exchanges[i].body);
		script_ended(exchanges[i].body);
	}
	say("POST /login/oauth/access_token ", 200, NULL, "{}");
	cr_assert_eq(
	    github_exchange(&g, "co de", "veri~fier", &(struct github_grant){ 0 }), OK);
	cr_expect_not_null(strstr(script.asked[0],
	    "\r\n\r\nclient_id=Iv1.abc&client_secret=shhh&code=co%20de&redirect_uri="
	    "https%3A%2F%2Fcodegram.example%2Fapi%2Fv1%2Fauth%2Fgithub%2Fcallback"
	    "&code_verifier=veri~fier"));
	cr_expect_str_empty(asked_header(0, "Authorization:"));
	cr_expect_eq(
	    script.connections, sizeof(exchanges) / sizeof(*exchanges) + 1, "each on its own");
}

/* A code can be spent once: nobody asks again. */
Test(sign_in, the_exchange_is_never_repeated)
{
	static const enum how hows[] = { RESET, SILENCE };

	for (size_t i = 0; i < 2; i++) {
		struct github_grant grant;
		next(
		    (struct step){ .want = "POST /login/oauth/access_token ", .how = hows[i] });
		g.deadline = clock_mono() + 400000;
		cr_assert_eq(github_exchange(&g, "code", "verifier", &grant), OK);
		cr_expect_str_eq(grant.failure, "away");
		script_ended("exchange");
	}
}

#define ADA                                                                                    \
	"{\"login\":\"ada\",\"id\":1815,\"name\":\"Ada L.\",\"bio\":null,\"avatar_url\":"      \
	"\"https://a/1\",\"company\":null,\"location\":\"London\",\"blog\":\"\",\"email\":"    \
	"\"public@x\",\"followers\":3,\"following\":2,\"public_repos\":1}"

Test(sign_in, identity)
{
	struct github_identity who;

	say("GET /user ", 200, NULL, ADA);
	say("GET /user/emails?per_page=100 ", 200, NULL,
	    "[{\"email\":\"a@x\",\"primary\":false,\"verified\":true},"
	    "{\"email\":\"b@x\",\"primary\":true,\"verified\":true}]");
	cr_assert_eq(github_identity(&g, &who, &page), OK);
	cr_expect_eq(page.outcome, GITHUB_OK);
	cr_expect_eq(who.id, 1815);
	cr_expect_str_eq(who.login, "ada");
	cr_expect_str_eq(who.name, "Ada L.");
	cr_expect_null(who.bio);
	cr_expect_null(who.company);
	cr_expect_str_eq(who.location, "London");
	cr_expect_str_eq(who.email, "b@x");
	cr_expect_eq(who.followers, 3);
	cr_expect_eq(who.public_repos, 1);
	script_ended("identity");
}

static const struct {
	int status;
	const char *headers, *body, *email;
	enum github_outcome outcome;
} addresses[] = {
	{ 200, NULL, "[]", NULL, GITHUB_OK },
	{ 200, NULL, "[{\"email\":\"a@x\",\"primary\":true,\"verified\":false}]", NULL,
	    GITHUB_OK },
	{ 200, NULL, "[{\"email\":\"a@x\",\"primary\":false,\"verified\":true}]", NULL,
	    GITHUB_OK },
	{ 200, NULL, "[{\"email\":null,\"primary\":true,\"verified\":true}]", NULL, GITHUB_OK },
	{ 200, NULL, "[{\"email\":\"a@x\",\"primary\":\"true\",\"verified\":1}]", NULL,
	    GITHUB_OK },
	{ 200, NULL, "[\"a@x\",{\"email\":\"b@x\",\"primary\":true,\"verified\":true}]", "b@x",
	    GITHUB_OK },
	{ 404, NULL, "{}", NULL, GITHUB_OK },
	{ 403, NULL, "{}", NULL, GITHUB_OK },
	{ 403, "X-OAuth-Scopes: read:user\r\nX-Accepted-OAuth-Scopes: user:email\r\n", "{}",
	    NULL, GITHUB_OK },
	{ 403, NULL, "{\"message\":\"Your account was suspended\"}", NULL,
	    GITHUB_DISCONNECTED },
	{ 429, "retry-after: 5\r\n", "{}", NULL, GITHUB_LATER },
};

Test(sign_in, an_address_only_when_primary_and_verified)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		struct github_identity who;
		g.not_before_ms = 0;
		say("GET /user ", 200, NULL, ADA);
		say("GET /user/emails?per_page=100 ", addresses[i].status, addresses[i].headers,
		    addresses[i].body);
		cr_assert_eq(github_identity(&g, &who, &page), OK);
		cr_expect_eq(page.outcome, addresses[i].outcome, "row %zu", i);
		cr_expect_str_eq(who.email ? who.email : "",
		    addresses[i].email ? addresses[i].email : "", "row %zu", i);
		script_ended("addresses");
	}
}

Test(sign_in, nobody)
{
	static const char *const bodies[] = { "[]", "{}", "{\"id\":0,\"login\":\"a\"}",
		"{\"id\":\"7\",\"login\":\"a\"}", "{\"id\":7,\"login\":\"\"}",
		"{\"id\":7,\"login\":\"a b\"}", "{\"id\":7}", "{\"id\":-7,\"login\":\"a\"}" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct github_identity who;
		say("GET /user ", 200, NULL, bodies[i]);
		cr_assert_eq(github_identity(&g, &who, &page), OK);
		cr_expect_eq(page.outcome, GITHUB_AWAY, "%s", bodies[i]);
		script_ended(bodies[i]);
	}
}
