/* validate: queries and bodies, as strangers write them, into a form. */
#include "unit/web/fake.h"

#include <stdio.h>
#include <stdlib.h>

static const struct route get = { .method = "GET", .form = &form_snippet_list };
static const struct route post = { .method = "POST", .form = &form_snippet_create };
static const struct route bare_post = { .method = "POST", .form = &form_nothing };

TestSuite(validate, .init = open_fake, .fini = close_fake);

static enum err
query(struct span text)
{
	fresh();
	r->route = &get;
	r->query = text;
	return validate(r);
}

static const struct snippet_list *
list_of(const char *text)
{
	enum err e = query(span_of(text));

	cr_assert_eq(e, OK, "%s: %s %s", text, err_row(e)->word, r->scope.fault.fields[0].code);
	return r->form;
}

Test(validate, queries_decode)
{
	const struct snippet_list *in;

	cr_assert_eq(list_of("")->limit, 20);
	cr_assert_eq(list_of("page=3&limit=7")->page, 3);
	cr_assert_eq(((const struct snippet_list *)r->form)->limit, 7);
	cr_assert_str_eq(list_of("author=a%2Bb+c%26d%3De")->author, "a+b c&d=e");
	cr_assert_str_eq(list_of("%61uthor=x")->author, "x", "a name may be escaped, too");
	cr_assert_str_eq(list_of("author=a=b")->author, "a=b");
	cr_assert_str_eq(list_of("author=%C3%A4")->author, "\xC3\xA4");
	cr_assert_str_eq(list_of("&&author=x&")->author, "x");
	cr_assert_eq(list_of("sort=trending")->sort, SORT_TRENDING);
	in = list_of("tags=a,b%2Cc,,d");
	cr_assert_eq(in->tags.count, 4);
	cr_assert_str_eq(in->tags.items[3], "d");
	cr_assert_str_eq(list_of("tags=c%2B%2B")->tags.items[0], "c++");
	cr_assert_eq(list_of("tags=")->tags.count, 0);
	cr_assert_str_eq(list_of("tags=a,%20b")->tags.items[1], "b");
	cr_assert_str_eq(list_of("cursor=")->cursor, "", "empty is not absent");
	cr_assert_null(list_of("")->cursor);
	cr_assert_eq(query((struct span){ NULL, 0 }), OK);
}

static const struct {
	struct span text;
	const char *where, *code;
} faulty[] = {
	{ { "page=0", 6 }, "?page", "TOO_SMALL" },
	{ { "limit=101", 9 }, "?limit", "TOO_BIG" },
	{ { "limit=", 6 }, "?limit", "NOT_AN_INTEGER" },
	{ { "limit", 5 }, "?limit", "NOT_AN_INTEGER" },
	{ { "limit=+1", 8 }, "?limit", "NOT_AN_INTEGER" },
	{ { "sort=best", 9 }, "?sort", "NOT_A_CHOICE" },
	{ { "author=", 7 }, "?author", "EMPTY" },
	{ { "page=1&page=1", 13 }, "?page", "REPEATED" },
	{ { "page=1&%70age=2", 15 }, "?page", "REPEATED" },
	{ { "author=%", 8 }, "?author", "BAD_TEXT" },
	{ { "author=%4", 9 }, "?author", "BAD_TEXT" },
	{ { "author=%zz", 10 }, "?author", "BAD_TEXT" },
	{ { "author=a%00b", 12 }, "?author", "BAD_TEXT" },
	{ { "author=a\0b", 10 }, "?author", "BAD_TEXT" },
	{ { "author=%FF", 10 }, "?author", "BAD_TEXT" },
	{ { "author=\xC3\x28", 9 }, "?author", "BAD_TEXT" },
	{ { "author=%ED%A0%80", 16 }, "?author", "BAD_TEXT" },
	{ { "%FF=1", 5 }, "?", "BAD_TEXT" },
	{ { "tags=UP", 7 }, "?tags", "BAD_TAG" },
	{ { "tags=c++", 8 }, "?tags", "BAD_TAG" }, /* that is c and two blanks */
	{ { "tags=+c", 7 }, "?tags", "BAD_TAG" },
	{ { "tags=a,++b", 10 }, "?tags", "BAD_TAG" },
	{ { "tags=a+,b", 9 }, "?tags", "BAD_TAG" },
	{ { "tags=c%20", 9 }, "?tags", "BAD_TAG" },
	{ { "tags=a,a", 8 }, "?tags", "REPEATED" },
	{ { "tags=a,b%2Ca", 12 }, "?tags", "REPEATED" },
	{ { "language=c++", 12 }, "?language", "BAD_CHARACTER" },
	{ { "tags=1,2,3,4,5,6,7,8,9,10,11", 28 }, "?tags", "TOO_MANY" },
};

Test(validate, faulty_queries)
{
	for (size_t i = 0; i < sizeof(faulty) / sizeof(*faulty); i++) {
		cr_assert_eq(query(faulty[i].text), ERR_INVALID, "%s", faulty[i].text.ptr);
		cr_assert_eq(r->scope.fault.count, 1, "%s", faulty[i].text.ptr);
		cr_assert_str_eq(r->scope.fault.fields[0].field, faulty[i].where);
		cr_assert_str_eq(
		    r->scope.fault.fields[0].code, faulty[i].code, "%s", faulty[i].text.ptr);
	}
}

Test(validate, all_faulty_parameters_at_once)
{
	cr_assert_eq(query(SPAN("page=x&limit=0&sort=y&author=ok")), ERR_INVALID);
	cr_assert_eq(r->scope.fault.count, 3);
}

Test(validate, unknown_parameters_are_told_when_asked_for)
{
	cr_assert_eq(query(SPAN("nothing=1&page=2")), OK);
	fresh();
	fake_param("HTTP_PREFER", SPAN("handling=strict"));
	r->route = &get;
	r->query = SPAN("nothing=1");
	cr_assert_eq(validate(r), ERR_INVALID);
	cr_assert_str_eq(r->scope.fault.fields[0].code, "UNKNOWN_FIELD");
	cr_assert_not_null(strstr(headers(), "Preference-Applied: handling=strict\r\n"));
}

static const struct {
	const char *first, *second;
	bool strict;
} preferences[] = {
	{ "handling=strict", NULL, true },
	{ "Handling=strict", NULL, true },
	{ "HANDLING = \"strict\"", NULL, true },
	{ "handling=\"str\\ict\"", NULL, true },
	{ "handling=strict; x=1", NULL, true },
	{ "handling=strict;x", NULL, true },
	{ "respond-async, handling=strict", NULL, true },
	{ "respond-async,,handling=strict", NULL, true },
	{ ",handling=strict", NULL, true },
	{ "respond-async", "handling=strict", true },
	{ "", "handling=strict", true },
	{ "wait=10; foo=\"a, b\"; c, handling=strict", NULL, true },
	{ "foo=\"\\\"\", handling=strict", NULL, true },
	{ "\"odd\", handling=strict", NULL, true },
	{ "=, handling=strict", NULL, true },
	{ "handling=lenient, handling=strict", NULL, false },
	{ "handling=lenient", "handling=strict", false },
	{ "handling=strict, handling=lenient", NULL, true },
	{ "handling", NULL, false },
	{ "handling=", NULL, false },
	{ "handling=\"\"", NULL, false },
	{ "handling=stricter", NULL, false },
	{ "handling=stric", NULL, false },
	{ "handling=\"strict", NULL, true },
	{ "handling=\"strict \"", NULL, false },
	{ "xhandling=strict", NULL, false },
	{ "foo=\"handling=strict\"", NULL, false },
	{ "foo=\", handling=strict\"", NULL, false },
	{ "foo; handling=strict", NULL, false },
	{ "foo;handling=strict, bar", NULL, false },
	{ "\\, =;\"", NULL, false },
	{ "", NULL, false },
};

Test(validate, preferences_as_rfc_7240_has_them)
{
	for (size_t i = 0; i < sizeof(preferences) / sizeof(*preferences); i++) {
		fresh();
		r->route = &get;
		fake_param("HTTP_PREFER", span_of(preferences[i].first));
		if (preferences[i].second != NULL)
			fake_param("HTTP_PREFER", span_of(preferences[i].second));
		cr_expect_eq(prefers(r, "handling", "strict"), preferences[i].strict, "%s",
		    preferences[i].first);
	}
	fresh();
	cr_expect_not(prefers(r, "handling", "strict"));
	fake_param("HTTP_PREFER", SPAN("respond-async;x=1"));
	cr_expect(prefers(r, "respond-async", ""), "a preference without a value");
}

/* Exactly as long as it says: ASan sees a byte read past the end. */
Test(validate, cut_escapes_are_not_read_on)
{
	static const char *const cuts[] = { "author=%", "author=%4", "author=%41", "%", "%6",
		"=%" };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		size_t len = strlen(cuts[i]);
		char *copy = malloc(len);
		memcpy(copy, cuts[i], len);
		query((struct span){ copy, len });
		free(copy);
	}
}

Test(validate, hostile_queries_end_well)
{
	size_t len = 1 << 20;
	char *text = malloc(len);

	for (int turn = 0; turn < 4; turn++) {
		memset(text, "&=%,"[turn], len);
		query((struct span){ text, len });
		cr_assert_leq(r->scope.fault.count, FAULT_FIELDS_MAX);
	}
	for (size_t i = 0; i + 2 < len; i += 3)
		memcpy(text + i, "x=&", 3);
	query((struct span){ text, len });
	free(text);
}

static enum err
body(const struct route *route, const char *type, struct span text, const char *length)
{
	static char digits[24]; /* some bodies are read only afterwards */

	snprintf(digits, sizeof(digits), "%zu", text.len);
	fresh();
	r->route = route;
	fake.body = text;
	if (type != NULL)
		fake_param("CONTENT_TYPE", span_of(type));
	fake_param("CONTENT_LENGTH", span_of(length ? length : digits));
	return validate(r);
}

#define GOOD "{\"title\":\"t\",\"code\":\"c\"}"

static const struct {
	const char *type;
	bool ok;
} types[] = {
	{ "application/json", true },
	{ "Application/JSON", true },
	{ "application/json; charset=utf-8", true },
	{ "application/json ; charset=\"UTF-8\"", true },
	{ "application/json;charset=utf-8;x=y", true },
	{ "application/json; charset=utf-16", false },
	{ "application/json; charset=iso-8859-1", false },
	{ "application/jsonx", false },
	{ "application/x-www-form-urlencoded", false },
	{ "multipart/form-data; boundary=application/json", false },
	{ "text/plain", false },
	{ "", false },
	{ NULL, false },
};

Test(validate, content_types)
{
	static const struct route patch = { .method = "PATCH", .form = &form_snippet_edit };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		cr_assert_eq(body(&post, types[i].type, SPAN(GOOD), NULL),
		    types[i].ok ? OK : ERR_WRONG_TYPE, "%s", types[i].type);
		cr_assert_str_eq(headers(), types[i].ok ? "" : "Accept: application/json\r\n");
	}
	cr_assert_eq(
	    body(&patch, "application/merge-patch+json", SPAN(GOOD), NULL), ERR_WRONG_TYPE);
	cr_assert_str_eq(headers(), "Accept-Patch: application/json\r\n");
}

static const struct {
	const char *first, *second;
	bool ok;
} codings[] = {
	{ "gzip", NULL, false },
	{ "GZIP", NULL, false },
	{ "br", NULL, false },
	{ "deflate, identity", NULL, false },
	{ "identity, gzip", NULL, false },
	{ "identity", "gzip", false },
	{ "nonsense", NULL, false },
	{ "identity", NULL, true },
	{ "Identity", NULL, true },
	{ "", NULL, true },
	{ " , ", NULL, true },
};

Test(validate, an_encoded_body_is_no_type_of_ours)
{
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
		fresh();
		r->route = &post;
		fake.body = SPAN(GOOD);
		fake_param("CONTENT_TYPE", SPAN("application/json"));
		fake_param("CONTENT_LENGTH", SPAN("24"));
		fake_param("HTTP_CONTENT_ENCODING", span_of(codings[i].first));
		if (codings[i].second != NULL)
			fake_param("HTTP_CONTENT_ENCODING", span_of(codings[i].second));
		cr_assert_eq(
		    validate(r), codings[i].ok ? OK : ERR_WRONG_TYPE, "%s", codings[i].first);
		cr_assert_eq(
		    strstr(headers(), "Accept-Encoding: identity\r\n") == NULL, codings[i].ok);
	}
}

Test(validate, bodies_fill_the_form)
{
	const struct snippet_create *in;

	cr_assert_eq(body(&post, "application/json", SPAN(GOOD), NULL), OK);
	in = r->form;
	cr_assert_str_eq(in->title, "t");
	cr_assert(in->is_public, "the fallback");
	cr_assert_eq(
	    body(&post, "application/json", SPAN("{\"title\":\"a\\nb\"}"), NULL), ERR_INVALID);
	cr_assert_eq(r->scope.fault.count, 2);
	cr_assert_eq(body(&post, "application/json", SPAN(""), NULL), ERR_BAD_JSON);
}

/* What the database would refuse is refused here, by name. */
Test(validate, a_list_has_a_least_number)
{
	static const struct route tokens = { .method = "POST",
		.form = &form_access_token_create };

	cr_assert_eq(
	    body(&tokens, "application/json", SPAN("{\"name\":\"x\",\"scopes\":[]}"), NULL),
	    ERR_INVALID);
	cr_assert_eq(r->scope.fault.count, 1u);
	cr_assert_str_eq(r->scope.fault.fields[0].field, "/scopes");
	cr_assert_str_eq(r->scope.fault.fields[0].code, "TOO_FEW");
	cr_assert_eq(r->scope.fault.fields[0].limit, 1);
	cr_assert_eq(body(&tokens, "application/json", SPAN("{\"name\":\"x\"}"), NULL), OK);
}

Test(validate, a_body_that_is_cut_is_no_body)
{
	cr_assert_eq(body(&post, "application/json", SPAN(GOOD), "10"), ERR_BAD_JSON);
	cr_assert_eq(body(&post, "application/json", SPAN(GOOD), "600"), OK,
	    "nginx has the whole of it; less comes only when it says so");
}

Test(validate, too_large_a_body_is_not_read)
{
	char digits[24];
	size_t max = form_snippet_create.max_bytes;

	snprintf(digits, sizeof(digits), "%zu", max + 1);
	cr_assert_eq(body(&post, "application/json", SPAN(GOOD), digits), ERR_TOO_LARGE);
	cr_assert_eq(fake.body.len, sizeof(GOOD) - 1);
	snprintf(digits, sizeof(digits), "%zu", max);
	cr_assert_eq(body(&post, "application/json", SPAN(GOOD), digits), OK);
	cr_assert_eq(
	    body(&post, "application/json", SPAN(GOOD), "9223372036854775807"), ERR_TOO_LARGE);
}

Test(validate, lengths_that_are_none)
{
	static const char *const lengths[] = { "", "x", "-1", "-9223372036854775808",
		"99999999999999999999" };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		cr_assert_neq(body(&post, "application/json", SPAN(GOOD), lengths[i]), OK, "%s",
		    lengths[i]);
}

Test(validate, no_body_is_wanted_where_the_form_has_none)
{
	cr_assert_eq(body(&bare_post, NULL, SPAN(""), NULL), OK);
}

Test(validate, a_raw_body_is_read_when_it_is_wanted)
{
	static const struct route raw = { .method = "POST", .form = &form_raw_body };

	cr_assert_eq(body(&raw, NULL, SPAN("x=1"), NULL), OK);
	cr_assert_eq(fake.body.len, 3u);
	cr_assert_eq(raw_body(r), OK);
	cr_assert(span_is(r->body, "x=1"));
	cr_assert_eq(fake.body.len, 0u);
	cr_assert_eq(body(&raw, NULL, SPAN("x"), "26214401"), OK);
	cr_assert_eq(raw_body(r), ERR_TOO_LARGE);
}
