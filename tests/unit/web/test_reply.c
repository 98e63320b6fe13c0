/* reply, cors, authenticate: what goes out, to whom, and what a caller must show. */
#include "unit/web/fake.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"

#define ID "019ab2c3-0000-7000-8000-000000000001"
#define SECRET_TEXT "current-secret-0123456789-abcdefghij"

static const struct route get = { .method = "GET",
	.path = "/x",
	.name = "x_get",
	.who = VIEWER,
	.budget = BUDGET_READ,
	.form = &form_nothing };
static const struct route patch = { .method = "PATCH",
	.path = "/x",
	.name = "x_patch",
	.who = USER,
	.budget = BUDGET_WRITE,
	.form = &form_snippet_edit };
static const struct route bare = { .method = "GET",
	.path = "/health",
	.name = "health",
	.who = ANYONE,
	.budget = BUDGET_NONE,
	.form = &form_nothing };
static const struct route staff = { .method = "GET",
	.path = "/a",
	.name = "a_get",
	.who = ADMIN,
	.budget = BUDGET_READ,
	.form = &form_nothing };

TestSuite(reply, .init = open_fake, .fini = close_fake);

static void
begin(const struct route *route)
{
	fresh();
	r->route = route;
	r->method = span_of(route->method);
}

/* Sends one thing with that JSON; what was written, with the headers. */
static const char *
send_one(const char *json, int64_t version)
{
	struct rows rows = reply_rows(r);

	rows.version = version;
	buf_puts(&r->reply.data, json);
	reply_one(r, &rows);
	reply_send(r, OK);
	return buf_text(&fake.written);
}

static bool
sent(const char *text)
{
	return strstr(buf_text(&fake.written), text) != NULL;
}

static const char *
sent_body(void)
{
	const char *at = strstr(buf_text(&fake.written), "\r\n\r\n");

	cr_assert_not_null(at);
	return at + 4;
}

Test(reply, one_thing)
{
	begin(&get);
	send_one("{\"n\":1}", 7);
	cr_assert(sent("Status: 200 "), "%s", fake.written.ptr);
	cr_assert(sent("Content-Type: application/json; charset=utf-8\r\n"));
	cr_assert(sent("Content-Length: 31\r\n"), "%s", fake.written.ptr);
	cr_assert(sent("ETag: \"7-"));
	cr_assert(sent("Vary: Origin, Authorization, Prefer\r\n"));
	cr_assert_str_eq(sent_body(), "{\"success\":true,\"data\":{\"n\":1}}");
}

Test(reply, head_has_the_length_and_no_body)
{
	begin(&get);
	r->head = true;
	send_one("{\"n\":1}", 7);
	cr_assert(sent("Content-Length: 31\r\n"));
	cr_assert_str_eq(sent_body(), "");
}

/* nginx obeys the first of the two. */
Test(reply, what_all_see_is_kept_to_the_end_of_its_second)
{
	begin(&get);
	r->second = 1760000000;
	send_one("{}", 0);
	cr_assert(sent("X-Accel-Expires: @1760000000\r\nCache-Control: public, no-cache\r\n"),
	    "%s", buf_text(&fake.written));
	begin(&get);
	r->second = 1760000000;
	reply_send(r, ERR_NOT_FOUND);
	cr_assert(sent("X-Accel-Expires: @1760000000\r\nCache-Control: public, no-cache\r\n"),
	    "what is gone replaces what was kept: %s", buf_text(&fake.written));
	begin(&get);
	memcpy(r->viewer.id.text, ID, 37);
	send_one("{}", 0);
	cr_assert_not(sent("X-Accel-Expires"));
	begin(&get);
	reply_send(r, ERR_INVALID);
	cr_assert_not(sent("X-Accel-Expires"));
	begin(&bare);
	send_one("{}", 0);
	cr_assert_not(sent("X-Accel-Expires"));
}

Test(reply, what_a_person_sees_is_private)
{
	begin(&get);
	memcpy(r->viewer.id.text, ID, 37);
	send_one("{}", 0);
	cr_assert(sent("Cache-Control: private, no-cache\r\n"));
	begin(&bare);
	send_one("{}", 0);
	cr_assert(sent("Cache-Control: no-store\r\n"));
	cr_assert_not(sent("ETag"));
}

Test(reply, etag_is_of_the_data)
{
	char first[48];

	begin(&get);
	send_one("{\"n\":1}", 0);
	memcpy(first, r->reply.etag, sizeof(first));
	begin(&get);
	send_one("{\"n\":1}", 0);
	cr_assert_str_eq(r->reply.etag, first);
	begin(&get);
	send_one("{\"n\":2}", 0);
	cr_assert_str_neq(r->reply.etag, first);
}

/* The list and what a reader needs to go on. */
static const char *
etag_of_page(enum reply_kind kind, int64_t total, const char *next)
{
	static char etag[48];

	begin(&get);
	buf_puts(&r->reply.data, "[1,2]");
	r->reply.kind = kind;
	r->reply.status = 200;
	r->reply.page = 1;
	r->reply.limit = 2;
	r->reply.total = total;
	r->reply.next_cursor = next;
	reply_send(r, OK);
	memcpy(etag, r->reply.etag, sizeof(etag));
	return etag;
}

Test(reply, etag_of_a_list_covers_its_pagination)
{
	char first[48];

	memcpy(first, etag_of_page(REPLY_STREAM, -1, NULL), sizeof(first));
	cr_assert_str_eq(etag_of_page(REPLY_STREAM, -1, NULL), first);
	cr_assert_str_neq(etag_of_page(REPLY_STREAM, -1, "42~x~y"), first);
	memcpy(first, etag_of_page(REPLY_STREAM, -1, "42~x~y"), sizeof(first));
	cr_assert_str_neq(etag_of_page(REPLY_STREAM, -1, "43~x~y"), first);
	memcpy(first, etag_of_page(REPLY_PAGE, 2, NULL), sizeof(first));
	cr_assert_str_neq(etag_of_page(REPLY_PAGE, 3, NULL), first);
	cr_assert_str_neq(etag_of_page(REPLY_PAGE, 2, "42~x~y"), first);
	cr_assert_str_neq(etag_of_page(REPLY_PAGE, -2, NULL), first);
}

static int
status_with(const char *if_none_match)
{
	begin(&get);
	fake_param("HTTP_IF_NONE_MATCH", span_of(if_none_match));
	send_one("{\"n\":1}", 7);
	return r->reply.status;
}

Test(reply, not_modified)
{
	char tag[48], list[200];

	begin(&get);
	send_one("{\"n\":1}", 7);
	memcpy(tag, r->reply.etag, sizeof(tag));
	cr_assert_eq(status_with(tag), 304);
	cr_assert_str_eq(sent_body(), "");
	cr_assert_not(sent("Content-Length"));
	cr_assert(sent("ETag"));
	snprintf(list, sizeof(list), "\"x\", W/%s , \"y\"", tag);
	cr_assert_eq(status_with(list), 304, "in a list, and made weak by gzip");
	cr_assert_eq(status_with("*"), 304);
	cr_assert_eq(status_with("\"7\""), 200);
	cr_assert_eq(status_with("\"x\""), 200);
	cr_assert_eq(status_with("W/"), 200);
	cr_assert_eq(status_with(","), 200);
	cr_assert_eq(status_with("\""), 200);
}

static const struct {
	const char *header;
	enum err word;
} matches[] = {
	{ "", OK },
	{ "*", OK },
	{ "\"7-0123456789abcdef\"", OK },
	{ "W/\"7-0123456789abcdef\"", OK },
	{ "\"7\"", OK },
	{ "\"6-x\", \"7-x\"", OK },
	{ "\"6-x\"", ERR_CHANGED },
	{ "\"77-x\"", ERR_CHANGED },
	{ "\"-7\"", ERR_CHANGED },
	{ "\"\"", ERR_CHANGED },
	{ "\"", ERR_CHANGED },
	{ "x", ERR_CHANGED },
	{ ",", ERR_CHANGED },
};

/* HTTP allows to split a list into lines. */
Test(reply, conditions_in_several_lines)
{
	char tag[48];

	begin(&get);
	send_one("{\"n\":1}", 7);
	memcpy(tag, r->reply.etag, sizeof(tag));
	begin(&get);
	fake_param("HTTP_IF_NONE_MATCH", SPAN("\"x\""));
	fake_param("HTTP_IF_NONE_MATCH", span_of(tag));
	send_one("{\"n\":1}", 7);
	cr_assert_eq(r->reply.status, 304);
	begin(&patch);
	fake_param("HTTP_IF_MATCH", SPAN("\"6-x\""));
	fake_param("HTTP_IF_MATCH", SPAN("\"7-x\""));
	cr_assert_eq(if_match(r, 7), OK);
}

Test(reply, if_match_compares_versions)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
		begin(&patch);
		fake_param("HTTP_IF_MATCH", span_of(matches[i].header));
		cr_assert_eq(if_match(r, 7), matches[i].word, "%s", matches[i].header);
	}
}

Test(reply, each_word_makes_a_whole_answer)
{
	for (enum err e = OK + 1; e < ERR_COUNT; e++) {
		char status[40];
		json_t *json, *error;
		begin(&get);
		buf_puts(&r->reply.data, "half an answer");
		reply_send(r, e);
		snprintf(status, sizeof(status), "Status: %d ", err_row(e)->status);
		cr_assert(sent(status));
		/* A 404 may be kept, so that it replaces what is gone. */
		cr_assert(sent(e == ERR_NOT_FOUND ? "Cache-Control: public, no-cache\r\n"
		                                  : "Cache-Control: no-store\r\n"));
		cr_assert_eq(sent("WWW-Authenticate: "), err_row(e)->status == 401, "%s",
		    err_row(e)->word);
		cr_assert_eq(
		    sent("Retry-After: "), err_row(e)->status == 503, "%s", err_row(e)->word);
		json = json_loads(sent_body(), JSON_REJECT_DUPLICATES, NULL);
		cr_assert_not_null(json, "%s", sent_body());
		cr_assert(json_is_false(json_object_get(json, "success")));
		error = json_object_get(json, "error");
		cr_assert_str_eq(
		    json_string_value(json_object_get(error, "code")), err_row(e)->code);
		cr_assert_str_eq(
		    json_string_value(json_object_get(error, "message")), err_row(e)->message);
		cr_assert_null(json_object_get(error, "details"));
		json_decref(json);
	}
}

Test(reply, faulty_fields_stand_in_the_answer_whatever_they_hold)
{
	json_t *json, *details;

	begin(&patch);
	r->scope.fault.message = "a \"quoted\"\n one";
	fault_field(&r->scope.fault, "/\"a\n\xFF", "CODE", "is wrong", 7);
	fault_field(&r->scope.fault, "/b", "CODE", "is wrong", 0);
	fault(&r->scope.fault, ERR_INVALID, "an inner story");
	reply_send(r, ERR_INVALID);
	json = json_loads(sent_body(), JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(json, "%s", sent_body());
	details = json_object_get(json_object_get(json, "error"), "details");
	cr_assert_eq(json_array_size(details), 2);
	cr_assert_str_eq(
	    json_string_value(json_object_get(json_array_get(details, 0), "field")),
	    "/\"a\n\xEF\xBF\xBD");
	cr_assert_eq(
	    json_integer_value(json_object_get(json_array_get(details, 0), "limit")), 7);
	cr_assert_null(json_object_get(json_array_get(details, 1), "limit"));
	cr_assert_not(sent("inner story"));
	json_decref(json);
}

Test(reply, too_large_an_answer_is_an_error_of_ours)
{
	static char block[1024 * 1024];

	begin(&get);
	memset(block, '1', sizeof(block));
	for (int i = 0; i < 65; i++)
		buf_add(&r->reply.data, (struct span){ block, sizeof(block) });
	reply_send(r, OK);
	cr_assert(sent("Status: 500 "));
	cr_assert(sent("INTERNAL_SERVER_ERROR"));
}

Test(reply, too_large_a_head_is_an_error_with_a_head)
{
	static char block[4000];
	enum err ends[] = { OK, ERR_NOT_FOUND };

	memset(block, 'x', sizeof(block) - 1);
	for (size_t i = 0; i < 2; i++) {
		begin(&get);
		r->allowance = (struct allowance){ 10, 60, 9, 6, true };
		for (int k = 0; k < 6; k++)
			reply_header(r, "X-Long", block);
		buf_puts(&r->reply.data, "{}");
		r->reply.status = 200;
		reply_send(r, ends[i]);
		cr_assert(sent("Status: 500 "), "%s", buf_text(&fake.written));
		cr_assert(sent("Content-Type: application/json; charset=utf-8\r\n"));
		cr_assert(sent("INTERNAL_SERVER_ERROR"));
		cr_assert(sent("RateLimit: "));
		cr_assert_not(sent("X-Long"));
	}
	/* The frame's own lines always fit behind the handler's. */
	begin(&get);
	r->allowance = (struct allowance){ 10, 60, 9, 6, true };
	while (r->reply.headers.len + 512 < r->reply.headers.max)
		buf_puts(&r->reply.headers, "X-Long: xxxxxxxx\r\n");
	send_one("{}", 7);
	cr_assert(sent("Status: 200 "), "%s", buf_text(&fake.written));
	cr_assert(sent("Cache-Control: "));
}

Test(reply, no_header_value_makes_a_second_header)
{
	begin(&get);
	reply_header(r, "X-A", "a\r\nX-B: b");
	reply_header(r, "X-A", "a\nX-B: b");
	reply_header(r, "X-A", NULL);
	cr_assert_str_eq(headers(), "");
	reply_header(r, "X-A", "a");
	cr_assert_str_eq(headers(), "X-A: a\r\n");
}

Test(reply, created_and_none)
{
	struct rows rows;

	begin(&patch);
	rows = reply_rows(r);
	buf_puts(&r->reply.data, "{}");
	reply_created(r, "/api/v1/x/1", &rows);
	reply_send(r, OK);
	cr_assert(sent("Status: 201 "));
	cr_assert(sent("Location: /api/v1/x/1\r\n"));
	begin(&patch);
	reply_none(r);
	reply_send(r, OK);
	cr_assert(sent("Status: 204 "));
	cr_assert_not(sent("Content-"));
	cr_assert_str_eq(sent_body(), "");
}

Test(reply, given_fields_are_those_of_the_body)
{
	struct snippet_edit in = { .presence = { 1u << FORM_snippet_edit_title |
		                                     1u << FORM_snippet_edit_is_public,
		                       1u << FORM_snippet_edit_title } };

	begin(&patch);
	r->form = &in;
	cr_assert_eq(given_fields(r)->count, 2);
	cr_assert_str_eq(given_fields(r)->items[0], "title");
	cr_assert_str_eq(given_fields(r)->items[1], "is_public");
}

static enum err
cors_from(const char *origin, const char *method, bool preflight)
{
	begin(&get);
	settings.FRONTEND_URL = "https://a.example,http://localhost:3000";
	r->method = span_of(method);
	fake_param("HTTP_ORIGIN", span_of(origin));
	if (preflight)
		fake_param("HTTP_ACCESS_CONTROL_REQUEST_METHOD", SPAN("POST"));
	return cors(r);
}

Test(reply, cors_by_exact_origin)
{
	static const char *const foreign[] = { "https://a.example.evil", "https://a.exampl",
		"http://a.example", "https://A.example", "https://a.example:443", "null", "*",
		"https://a.example,http://localhost:3000", "https://a.example\r\nX: y" };

	cr_assert_eq(cors_from("", "GET", false), OK);
	cr_assert_str_eq(headers(), "");
	cr_assert_eq(cors_from("https://a.example", "GET", false), OK);
	cr_assert_not_null(
	    strstr(headers(), "Access-Control-Allow-Origin: https://a.example\r\n"));
	cr_assert_not_null(strstr(headers(), "Access-Control-Allow-Credentials: true\r\n"));
	cr_assert_not(r->reply.done);
	cr_assert_eq(cors_from("http://localhost:3000", "OPTIONS", true), OK);
	cr_assert(r->reply.done);
	cr_assert_eq(r->reply.status, 204);
	cr_assert_not_null(strstr(headers(), "Access-Control-Allow-Methods: "));
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		cr_assert_eq(
		    cors_from(foreign[i], "GET", false), ERR_BAD_ORIGIN, "%s", foreign[i]);
		cr_assert_null(strstr(headers(), "Allow-Origin"));
	}
	settings.FRONTEND_URL = NULL;
	fake_param("HTTP_ORIGIN", SPAN("https://a.example"));
	cr_assert_eq(cors(r), ERR_BAD_ORIGIN);
}

static const char *
token_of(const char *role)
{
	struct jwt_claims claims = { .subject = { ID },
		.session = { ID },
		.id = { ID },
		.username = "ada",
		.issued = clock_now() / 1000000,
		.expires = clock_now() / 1000000 + 60 };
	const char *token, *header;

	snprintf(claims.role, sizeof(claims.role), "%s", role);
	cr_assert_eq(
	    jwt_ring_fill(&app.access, "codegram", "codegram-api", SECRET_TEXT, NULL, NULL),
	    OK);
	cr_assert_eq(jwt_mint(&app.access, &claims, &token, &r->scope), OK);
	header = arena_format(scope.arena, "bEARER %s", token);
	cr_assert_not_null(header);
	return header;
}

/* `header` is "user" or "admin" for a token of that role. There is no database, so that an
 * admin's token alone decides. */
static enum err
authenticate_with(const struct route *route, const char *header)
{
	static const struct db_options nowhere = {
		"postgresql://nobody@/none?host=/nonexistent", "codegram-api", "test", 100, 0,
		NULL
	};
	enum err e;

	begin(route);
	r->db = db_make(&nowhere);
	cr_assert_not_null(r->db);
	if (header != NULL && (strcmp(header, "user") == 0 || strcmp(header, "admin") == 0))
		header = token_of(header);
	if (header != NULL)
		fake_param("HTTP_AUTHORIZATION", span_of(header));
	e = authenticate(r);
	db_free(r->db);
	return e;
}

static const struct {
	const struct route *route;
	const char *header;
	enum err word;
	bool known;
} calls[] = {
	{ &bare, NULL, OK, false },
	{ &bare, "Bearer nonsense", OK, false },
	{ &bare, "user", OK, false },
	{ &get, NULL, OK, false },
	{ &get, "", OK, false },
	{ &get, "user", OK, true },
	{ &get, "Bearer nonsense", ERR_BAD_TOKEN, false },
	{ &get, "Bearer ", ERR_BAD_TOKEN, false },
	{ &get, "Bearer", ERR_BAD_TOKEN, false },
	{ &get, "x", ERR_BAD_TOKEN, false },
	{ &get, "Basic dTpw", ERR_BAD_TOKEN, false },
	{ &patch, NULL, ERR_NO_TOKEN, false },
	{ &patch, "Bearer nonsense", ERR_BAD_TOKEN, false },
	{ &patch, "user", OK, true },
	{ &staff, NULL, ERR_NO_TOKEN, false },
	{ &staff, "user", ERR_FORBIDDEN, true },
	{ &staff, "admin", OK, true },
};

Test(reply, authenticate_by_the_rows_who)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		enum err e = authenticate_with(calls[i].route, calls[i].header);
		cr_assert_eq(e, calls[i].word, "row %zu: %s", i, err_row(e)->word);
		cr_assert_eq(!uuid_empty(&r->viewer.id), calls[i].known, "row %zu", i);
		if (calls[i].known)
			cr_assert_str_eq(r->viewer.username, "ada");
	}
}

static const struct {
	enum err word;
	const char *own, *sent;
} challenges[] = {
	{ ERR_NO_TOKEN, NULL, "WWW-Authenticate: Bearer realm=\"codegram\"\r\n" },
	{ ERR_BAD_TOKEN, NULL,
	    "WWW-Authenticate: Bearer realm=\"codegram\", error=\"invalid_token\"\r\n" },
	{ ERR_OLD_TOKEN, NULL,
	    "WWW-Authenticate: Bearer realm=\"codegram\", error=\"invalid_token\"\r\n" },
	{ ERR_BAD_TOKEN, "X-Hub-Signature-256 realm=\"codegram\"",
	    "WWW-Authenticate: X-Hub-Signature-256 realm=\"codegram\"\r\n" },
};

/* Whoever says the word: the frame, a handler, or PostgreSQL (SQLSTATE CG401). */
Test(reply, every_401_says_what_is_wanted)
{
	for (size_t i = 0; i < sizeof(challenges) / sizeof(*challenges); i++) {
		begin(&patch);
		r->reply.challenge = challenges[i].own;
		reply_send(r, challenges[i].word);
		cr_assert(sent("Status: 401 "));
		cr_assert(sent(challenges[i].sent), "%s", buf_text(&fake.written));
	}
}

Test(reply, a_last_segment_is_percent_encoded)
{
	begin(&get);
	cr_assert_str_eq(
	    url_of(r, "/a/", "b c/../d?e#f%\xC3\xA4"), "/a/b%20c%2F..%2Fd%3Fe%23f%25%C3%A4");
	cr_assert_str_eq(url_of(r, "/a/", ID), "/a/" ID);
}
