/* browser: redirects, failures that lead to the frontend, cookies and who may use them. */
#include <stdio.h>

#include "unit/web/fake.h"

static const struct route come = { .method = "GET",
	.path = "/x",
	.name = "come",
	.who = BROWSER,
	.budget = BUDGET_LOGIN },
                          post = { .method = "POST",
	                          .path = "/x",
	                          .name = "post",
	                          .who = ANYONE,
	                          .budget = BUDGET_LOGIN };

static void
begin(const struct route *route)
{
	fresh();
	r->route = route;
	r->method = span_of(route->method);
	settings.FRONTEND_URL = "https://front.example , https://other.example";
}

static void
close_browser(void)
{
	settings.FRONTEND_URL = NULL;
	close_fake();
}

TestSuite(browser, .init = open_fake, .fini = close_browser);

static bool
sent(const char *text)
{
	return strstr(buf_text(&fake.written), text) != NULL;
}

/* RFC 9700, section 4.12: no browser may send the body of a POST on. */
Test(browser, a_redirect_after_a_post_is_303)
{
	begin(&come);
	cr_assert_eq(reply_redirect(r, "https://front.example/"), OK);
	reply_send(r, OK);
	cr_assert(sent("Status: 302 Found\r\n"));
	cr_assert(sent("Location: https://front.example/\r\n"));
	cr_assert(sent("Cache-Control: no-store\r\n"));
	cr_assert_not(sent("ETag"));
	begin(&post);
	cr_assert_eq(reply_redirect(r, "https://front.example/"), OK);
	reply_send(r, OK);
	cr_assert(sent("Status: 303 See Other\r\n"));
	begin(&post);
	cr_assert_eq(reply_redirect(r, NULL), ERR_NO_MEMORY);
}

Test(browser, every_word_leads_to_the_frontend)
{
	for (int e = 1; e < ERR_COUNT; e++) {
		char start[256];
		begin(&come);
		buf_puts(&r->reply.data, "half an answer");
		reply_send(r, (enum err)e);
		snprintf(start, sizeof(start),
		    "Location: https://front.example/?error=%s&reason=",
		    err_row((enum err)e)->code);
		cr_expect(sent("Status: 302 "), "%s", err_row((enum err)e)->word);
		cr_expect(
		    sent(start), "%s: %s", err_row((enum err)e)->word, buf_text(&fake.written));
		cr_expect_not(sent("half an answer"));
	}
}

/* What a client reads in the envelope. */
Test(browser, nothing_of_a_failure_is_lost)
{
	begin(&come);
	r->id = SPAN("abc123");
	r->scope.fault.retry_after = 7;
	fault_field(&r->scope.fault, "?return_to", "BAD_PATH", "must be a path", 0);
	fault_field(&r->scope.fault, "?x", "TOO_LONG", "has too many characters", 9);
	reply_send(r, ERR_INVALID);
	cr_assert(sent("?error=VALIDATION_ERROR&reason=The%20request%20has%20faulty%20fields"
	               "&request_id=abc123&retry_after=7&details=%5B%7B%22field%22%3A%22"
	               "%3Freturn_to%22%2C%22code%22%3A%22BAD_PATH%22%2C%22message%22%3A%22"
	               "must%20be%20a%20path%22%7D%2C%7B%22field%22%3A%22%3Fx%22%2C%22code%22"
	               "%3A%22TOO_LONG%22%2C%22message%22%3A%22has%20too%20many%20characters"
	               "%22%2C%22limit%22%3A9%7D%5D\r\n"),
	    "%s", buf_text(&fake.written));
	begin(&come);
	for (int i = 0; i < FAULT_FIELDS_MAX; i++)
		fault_field(&r->scope.fault, "?return_to", "BAD_PATH", "must be a path", 0);
	reply_send(r, ERR_INVALID);
	cr_assert(sent("Status: 302 "));
	cr_assert_not(sent("details="), "rather none than half of them");
}

Test(browser, a_reason_is_only_text)
{
	begin(&come);
	r->scope.fault.message = "a&b=c#d\r\nX: \"<script>";
	reply_send(r, ERR_FORBIDDEN);
	cr_assert(sent("?error=FORBIDDEN&reason=a%26b%3Dc%23d%0D%0AX%3A%20%22%3Cscript%3E\r\n"),
	    "%s", buf_text(&fake.written));
	begin(&come);
	settings.FRONTEND_URL = NULL;
	reply_send(r, ERR_FORBIDDEN);
	cr_assert(sent("Status: 403 "), "without a frontend it is said here");
	begin(&post);
	reply_send(r, ERR_FORBIDDEN);
	cr_assert(sent("Status: 403 "), "a client is no browser");
}

static const struct {
	const char *header, *value;
} cookies[] = {
	{ "__Host-cg_refresh=abc", "abc" },
	{ "a=b; __Host-cg_refresh=abc; c=d", "abc" },
	{ "__Host-cg_refresh=first; __Host-cg_refresh=second", "first" },
	{ "__Host-cg_refresh=a=b", "a=b" },
	{ "__Host-cg_refresh=", "" },
	{ "x__Host-cg_refresh=abc", "" },
	{ "__host-cg_refresh=abc", "" },
	{ "cg_refresh=abc", "" },
	{ "__Host-cg_login=abc", "" },
	{ "a=__Host-cg_refresh=abc", "" },
	{ ";;;=;", "" },
	{ "", "" },
};

Test(browser, a_cookie_is_found_by_its_whole_name)
{
	for (size_t i = 0; i < sizeof(cookies) / sizeof(*cookies); i++) {
		struct span value;
		begin(&post);
		fake_param("HTTP_COOKIE", span_of(cookies[i].header));
		value = request_cookie(r, COOKIE_REFRESH, "");
		cr_expect(
		    value.len == strlen(cookies[i].value) && span_is(value, cookies[i].value),
		    "%s", cookies[i].header);
	}
	begin(&post);
	cr_expect_eq(request_cookie(r, COOKIE_REFRESH, "").len, 0u);
	fake_param("HTTP_COOKIE", SPAN("a=b"));
	fake_param("HTTP_COOKIE", SPAN("__Host-cg_refresh=abc"));
	cr_expect(
	    span_is(request_cookie(r, COOKIE_REFRESH, ""), "abc"), "on a line of its own");
}

#define LOGIN "__Host-cg_login_"

Test(browser, each_sign_in_has_a_cookie)
{
	begin(&come);
	fake_param("HTTP_COOKIE",
	    SPAN(LOGIN "one=1; x=y; " LOGIN "two=2; " LOGIN "=0; " LOGIN "two=3"));
	cr_assert(span_is(request_cookie(r, COOKIE_LOGIN, "one"), "1"));
	cr_assert(span_is(request_cookie(r, COOKIE_LOGIN, "two"), "2"));
	cr_assert(span_is(request_cookie(r, COOKIE_LOGIN, ""), "0"));
	cr_assert_null(request_cookie(r, COOKIE_LOGIN, "on").ptr);
	cr_assert_null(request_cookie(r, COOKIE_LOGIN, "three").ptr);
	reply_cookie(r, COOKIE_LOGIN, "three", "3", 600);
	cr_assert_str_eq(headers(), "Set-Cookie: " LOGIN "three=3; Path=/; Max-Age=600; "
	                            "Secure; HttpOnly; SameSite=Lax\r\n");
}

Test(browser, the_oldest_sign_ins_make_room)
{
	struct buf many;

	begin(&come);
	fake_param("HTTP_COOKIE", SPAN(LOGIN "a=1; x=y; " LOGIN "b=2; " LOGIN "c=3"));
	reply_cookies_bound(r, COOKIE_LOGIN, 3);
	cr_assert_str_eq(headers(), "");
	reply_cookies_bound(r, COOKIE_LOGIN, 1);
	cr_assert_not_null(strstr(headers(), LOGIN "a=; Path=/; Max-Age=0;"));
	cr_assert_not_null(strstr(headers(), LOGIN "b=; Path=/; Max-Age=0;"));
	cr_assert_null(strstr(headers(), LOGIN "c="));
	/* However many somebody makes up, the answer stays small. */
	begin(&come);
	buf_init(&many, 1 << 16);
	for (int i = 0; i < 500; i++)
		buf_format(&many, LOGIN "%d=x; ", i);
	buf_puts(&many, LOGIN "a-name-that-we-never-make=x");
	fake_param("HTTP_COOKIE", buf_span(&many));
	reply_cookies_bound(r, COOKIE_LOGIN, 3);
	cr_assert(buf_ok(&r->reply.headers));
	cr_assert_lt(r->reply.headers.len, 1024u);
	buf_free(&many);
}

static const struct {
	const char *origin, *mark, *site;
	enum err word;
} pages[] = {
	{ "https://front.example", "1", NULL, OK },
	{ "https://front.example", "1", "same-origin", OK },
	{ "https://front.example", "1", "same-site", OK },
	{ "https://front.example", "1", "cross-site", ERR_FORBIDDEN },
	{ "https://front.example", "1", "none", ERR_FORBIDDEN },
	{ "https://front.example", NULL, "same-origin", ERR_FORBIDDEN },
	{ "https://front.example", "", NULL, ERR_FORBIDDEN },
	{ "https://front.example", "2", NULL, ERR_FORBIDDEN },
	{ NULL, "1", "same-origin", ERR_BAD_ORIGIN },
};

Test(browser, only_our_pages_use_cookies)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		begin(&post);
		r->origin = span_of(pages[i].origin);
		if (pages[i].mark)
			fake_param("HTTP_X_CODEGRAM", span_of(pages[i].mark));
		if (pages[i].site)
			fake_param("HTTP_SEC_FETCH_SITE", span_of(pages[i].site));
		cr_expect_eq(from_our_page(r), pages[i].word, "row %zu", i);
	}
}
