/* Every kind of bad request: status, code and faulty field, in the envelope of api.md,
 * also when nginx answers and the worker never hears of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "support/client.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

#define S "/api/v1/snippets"
#define NOWHERE S "/01890000-0000-7000-8000-000000000000"

enum who { NOBODY, ANN };

struct row {
	const char *name, *method, *path;
	enum who who;
	const char *body, *header;
	long status;
	const char *code, *field, *why; /* of the first detail; NULL: none wanted */
};

static const struct row rows[] = {
	{ "no token", "POST", S, NOBODY, "{}", NULL, 401, "UNAUTHORIZED", NULL, NULL },
	{ "bad token", "GET", S, NOBODY, NULL, "Authorization: Bearer x.y.z", 401,
	    "UNAUTHORIZED", NULL, NULL },
	{ "not a bearer", "GET", S, NOBODY, NULL, "Authorization: Basic YTpi", 401,
	    "UNAUTHORIZED", NULL, NULL },
	{ "a token where none is looked at", "GET", "/api/v1/tags", NOBODY, NULL,
	    "Authorization: Bearer x", 200, NULL, NULL, NULL },
	{ "nothing given", "POST", S, ANN, "{}", NULL, 400, "VALIDATION_ERROR", "/title",
	    "MISSING" },
	{ "wrong type", "POST", S, ANN, "{\"title\":1,\"code\":\"x\"}", NULL, 400,
	    "VALIDATION_ERROR", "/title", "NOT_A_TEXT" },
	{ "wrong type of a list", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"tags\":\"a\"}", NULL, 400, "VALIDATION_ERROR",
	    "/tags", "NOT_A_LIST" },
	{ "wrong type of a boolean", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"is_public\":\"yes\"}", NULL, 400,
	    "VALIDATION_ERROR", "/is_public", "NOT_A_BOOLEAN" },
	{ "null where there must be something", "POST", S, ANN,
	    "{\"title\":null,\"code\":\"x\"}", NULL, 400, "VALIDATION_ERROR", "/title",
	    "NULL" },
	{ "unknown field", "POST", S, ANN, "{\"title\":\"x\",\"code\":\"x\",\"titel\":\"y\"}",
	    NULL, 400, "VALIDATION_ERROR", "/titel", "UNKNOWN_FIELD" },
	{ "unknown field with a slash", "POST", S, ANN,
	    "{\"a/b~c\":1,\"title\":\"x\",\"code\":\"x\"}", NULL, 400, "VALIDATION_ERROR",
	    "/a~1b~0c", "UNKNOWN_FIELD" },
	{ "empty", "POST", S, ANN, "{\"title\":\"\",\"code\":\"x\"}", NULL, 400,
	    "VALIDATION_ERROR", "/title", "EMPTY" },
	{ "a tag too long", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"tags\":[\"ok\","
	    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}",
	    NULL, 400, "VALIDATION_ERROR", "/tags/1", "TOO_LONG" },
	{ "a tag with a blank", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"tags\":[\"a b\"]}", NULL, 400,
	    "VALIDATION_ERROR", "/tags/0", "BAD_TAG" },
	{ "a tag twice", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"tags\":[\"a\",\"a\"]}", NULL, 400,
	    "VALIDATION_ERROR", "/tags/1", "REPEATED" },
	{ "a body where none is wanted", "POST", "/api/v1/live/token", ANN, "{\"x\":1}", NULL,
	    400, "VALIDATION_ERROR", "/x", "UNKNOWN_FIELD" },
	{ "strict among other preferences", "GET", S "?pgae=2", NOBODY, NULL,
	    "Prefer: respond-async, handling=strict", 400, "VALIDATION_ERROR", "?pgae",
	    "UNKNOWN_FIELD" },
	{ "strict in other letters and quotes", "GET", S "?pgae=2", NOBODY, NULL,
	    "Prefer: foo=\"a,b\"; c, Handling=\"strict\"", 400, "VALIDATION_ERROR", "?pgae",
	    "UNKNOWN_FIELD" },
	{ "the first preference counts", "GET", S "?pgae=2", NOBODY, NULL,
	    "Prefer: handling=lenient, handling=strict", 200, NULL, NULL, NULL },
	{ "too many tags", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
	    "\"g\",\"h\","
	    "\"i\",\"j\",\"k\"]}",
	    NULL, 400, "VALIDATION_ERROR", "/tags", "TOO_MANY" },
	{ "unknown language", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"language\":\"klingon\"}", NULL, 400,
	    "VALIDATION_ERROR", "/language", "UNKNOWN_LANGUAGE" },
	{ "a path as file name", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"filename\":\"a/b\"}", NULL, 400,
	    "VALIDATION_ERROR", "/filename", "BAD_FILENAME" },
	{ "a line break in a title", "POST", S, ANN, "{\"title\":\"a\\nb\",\"code\":\"x\"}",
	    NULL, 400, "VALIDATION_ERROR", "/title", "BAD_CHARACTER" },
	{ "the next line of C1 in a title", "POST", S, ANN,
	    "{\"title\":\"a\\u0085b\",\"code\":\"x\"}", NULL, 400, "VALIDATION_ERROR", "/title",
	    "BAD_CHARACTER" },
	{ "a line separator in a title", "POST", S, ANN,
	    "{\"title\":\"a\\u2028b\",\"code\":\"x\"}", NULL, 400, "VALIDATION_ERROR", "/title",
	    "BAD_CHARACTER" },
	{ "an override in a title", "POST", S, ANN, "{\"title\":\"a\\u202eb\",\"code\":\"x\"}",
	    NULL, 400, "VALIDATION_ERROR", "/title", "BAD_CHARACTER" },
	{ "C1 in a description", "POST", S, ANN,
	    "{\"title\":\"a\",\"code\":\"x\",\"description\":\"\\u009b1m\"}", NULL, 400,
	    "VALIDATION_ERROR", "/description", "BAD_CHARACTER" },
	{ "a title of blanks", "POST", S, ANN, "{\"title\":\"  \",\"code\":\"x\"}", NULL, 400,
	    "VALIDATION_ERROR", "/title", "BLANK" },
	{ "a title of what has no width", "POST", S, ANN,
	    "{\"title\":\"\\u200b\\u3164\",\"code\":\"x\"}", NULL, 400, "VALIDATION_ERROR",
	    "/title", "BLANK" },
	{ "a name of blanks", "PATCH", "/api/v1/users/me", ANN, "{\"full_name\":\"\\u2003\"}",
	    NULL, 400, "VALIDATION_ERROR", "/full_name", "BLANK" },
	{ "a parent as file name", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"filename\":\"..\"}", NULL, 400,
	    "VALIDATION_ERROR", "/filename", "BAD_FILENAME" },
	{ "a file name that is turned", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\",\"filename\":\"a\\u202egnp.exe\"}", NULL, 400,
	    "VALIDATION_ERROR", "/filename", "BAD_FILENAME" },
	{ "a plus that is a blank", "GET", S "?tags=c++", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?tags", "BAD_TAG" },
	{ "a tag twice in the query", "GET", S "?tags=a,a", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?tags", "REPEATED" },
	{ "NUL in JSON", "POST", S, ANN, "{\"title\":\"a\\u0000b\",\"code\":\"x\"}", NULL, 400,
	    "INVALID_JSON", NULL, NULL },
	{ "bad UTF-8", "POST", S, ANN, "{\"title\":\"a\xff\",\"code\":\"x\"}", NULL, 400,
	    "INVALID_JSON", NULL, NULL },
	{ "lone surrogate", "POST", S, ANN, "{\"title\":\"\\ud800\",\"code\":\"x\"}", NULL, 400,
	    "INVALID_JSON", NULL, NULL },
	{ "a key twice", "POST", S, ANN, "{\"title\":\"a\",\"title\":\"b\",\"code\":\"x\"}",
	    NULL, 400, "INVALID_JSON", NULL, NULL },
	{ "cut JSON", "POST", S, ANN, "{\"title\":\"a\"", NULL, 400, "INVALID_JSON", NULL,
	    NULL },
	{ "JSON that is a list", "POST", S, ANN, "[]", NULL, 400, "INVALID_JSON", NULL, NULL },
	{ "text behind the JSON", "POST", S, ANN, "{} x", NULL, 400, "INVALID_JSON", NULL,
	    NULL },
	{ "wrong content type", "POST", S, ANN, "a=b",
	    "Content-Type: application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE",
	    NULL, NULL },
	{ "a body that is compressed", "POST", S, ANN, "\x1f\x8b\x08", "Content-Encoding: gzip",
	    415, "UNSUPPORTED_MEDIA_TYPE", NULL, NULL },
	{ "a body that says it is compressed", "POST", S, ANN,
	    "{\"title\":\"x\",\"code\":\"x\"}", "Content-Encoding: gzip", 415,
	    "UNSUPPORTED_MEDIA_TYPE", NULL, NULL },
	{ "no coding at all", "POST", S, ANN, "{\"title\":\"\",\"code\":\"x\"}",
	    "Content-Encoding: identity", 400, "VALIDATION_ERROR", "/title", "EMPTY" },
	{ "a token of no scopes", "POST", "/api/v1/auth/tokens", ANN,
	    "{\"name\":\"x\",\"scopes\":[]}", NULL, 400, "VALIDATION_ERROR", "/scopes",
	    "TOO_FEW" },
	{ "an empty body", "PATCH", "/api/v1/users/me", ANN, "", NULL, 400, "INVALID_JSON",
	    NULL, NULL },
	{ "a byte order mark", "POST", S, ANN, "\xEF\xBB\xBF{}", NULL, 400, "INVALID_JSON",
	    NULL, NULL },
	{ "wrong charset", "POST", S, ANN, "{}",
	    "Content-Type: application/json; charset=latin1", 415, "UNSUPPORTED_MEDIA_TYPE",
	    NULL, NULL },
	{ "no such path", "GET", "/api/v1/nothing", NOBODY, NULL, NULL, 404, "NOT_FOUND", NULL,
	    NULL },
	{ "no path at all", "GET", "/api", NOBODY, NULL, NULL, 404, "NOT_FOUND", NULL, NULL },
	{ "no such version", "GET", "/api/v2/snippets", NOBODY, NULL, NULL, 404, "NOT_FOUND",
	    NULL, NULL },
	{ "slash at the end", "GET", S "/", NOBODY, NULL, NULL, 404, "NOT_FOUND", NULL, NULL },
	{ "no such snippet", "GET", NOWHERE, NOBODY, NULL, NULL, 404, "NOT_FOUND", NULL, NULL },
	{ "not an id", "GET", S "/123", NOBODY, NULL, NULL, 404, "NOT_FOUND", NULL, NULL },
	{ "no such user", "GET", "/api/v1/users/nobody-here", NOBODY, NULL, NULL, 404,
	    "NOT_FOUND", NULL, NULL },
	{ "a username with the Kelvin sign", "GET", "/api/v1/users/%E2%84%AAate", NOBODY, NULL,
	    NULL, 404, "NOT_FOUND", NULL, NULL },
	{ "their snippets", "GET", "/api/v1/users/%E2%84%AAate/snippets", NOBODY, NULL, NULL,
	    404, "NOT_FOUND", NULL, NULL },
	{ "following them", "PUT", "/api/v1/users/%E2%84%AAate/follow", ANN, NULL, NULL, 404,
	    "NOT_FOUND", NULL, NULL },
	{ "a website with a user's name", "PATCH", "/api/v1/users/me", ANN,
	    "{\"website\":\"https://github.com@evil.example/\"}", NULL, 400, "VALIDATION_ERROR",
	    "/website", "BAD_URL" },
	{ "wrong method", "PUT", NOWHERE, ANN, "{}", NULL, 405, "METHOD_NOT_ALLOWED", NULL,
	    NULL },
	{ "unknown method", "BREW", S, NOBODY, NULL, NULL, 405, "METHOD_NOT_ALLOWED", NULL,
	    NULL },
	{ "TRACE", "TRACE", S, NOBODY, NULL, NULL, 405, "METHOD_NOT_ALLOWED", NULL, NULL },
	{ "page 0", "GET", S "?page=0", NOBODY, NULL, NULL, 400, "VALIDATION_ERROR", "?page",
	    "TOO_SMALL" },
	{ "page of letters", "GET", S "?page=x", NOBODY, NULL, NULL, 400, "VALIDATION_ERROR",
	    "?page", "NOT_AN_INTEGER" },
	{ "page past 64 bits", "GET", S "?page=99999999999999999999", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?page", "NOT_AN_INTEGER" },
	{ "page with a sign", "GET", S "?page=%2B1", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?page", "NOT_AN_INTEGER" },
	{ "page in other digits", "GET", S "?page=%D9%A3", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?page", "NOT_AN_INTEGER" },
	{ "limit over 100", "GET", S "?limit=101", NOBODY, NULL, NULL, 400, "VALIDATION_ERROR",
	    "?limit", "TOO_BIG" },
	{ "limit of 2^31", "GET", S "?limit=2147483648", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?limit", "TOO_BIG" },
	{ "page too deep", "GET", S "?page=501", NOBODY, NULL, NULL, 400, "PAGE_TOO_DEEP", NULL,
	    NULL },
	{ "bad cursor", "GET", S "?cursor=abc", NOBODY, NULL, NULL, 400, "INVALID_CURSOR", NULL,
	    NULL },
	{ "unknown sort", "GET", S "?sort=best", NOBODY, NULL, NULL, 400, "VALIDATION_ERROR",
	    "?sort", "NOT_A_CHOICE" },
	{ "a parameter twice", "GET", S "?page=1&page=2", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?page", "REPEATED" },
	{ "unknown parameter", "GET", S "?pgae=2", NOBODY, NULL, NULL, 200, NULL, NULL, NULL },
	{ "unknown parameter, strictly", "GET", S "?pgae=2", NOBODY, NULL,
	    "Prefer: handling=strict", 400, "VALIDATION_ERROR", "?pgae", "UNKNOWN_FIELD" },
	{ "bad UTF-8 in the query", "GET", S "?author=%ff", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?author", "BAD_TEXT" },
	{ "NUL in the query", "GET", S "?author=a%00b", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?author", "BAD_TEXT" },
	{ "bad escape in the query", "GET", S "?author=%4", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", "?author", "BAD_TEXT" },
	{ "two slashes", "GET", "/api//v1/snippets", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "a dot segment", "GET", "/api/v1/./snippets", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "a parent segment", "GET", "/api/v1/users/../snippets", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "an encoded parent", "GET", "/api/v1/users/%2e%2e/snippets", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "an encoded letter", "GET", "/api/v1/%73nippets", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "an encoded slash is data", "GET", "/api/v1/users/a%2Fb", NOBODY, NULL, NULL, 404,
	    "NOT_FOUND", NULL, NULL },
	{ "an encoded slash joins nothing", "GET", "/api/v1%2Fsnippets", NOBODY, NULL, NULL,
	    404, "NOT_FOUND", NULL, NULL },
	{ "NUL in the path", "GET", "/api/v1/users/a%00b", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "a line end in the path", "GET", "/api/v1/users/a%0d%0ab", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "a bad escape in the path", "GET", "/api/v1/users/a%zz", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "bad UTF-8 in the path", "GET", "/api/v1/users/%ff", NOBODY, NULL, NULL, 400,
	    "VALIDATION_ERROR", NULL, NULL },
	{ "a website that is none", "PATCH", "/api/v1/users/me", ANN,
	    "{\"website\":\"javascript:alert(1)\"}", NULL, 400, "VALIDATION_ERROR", "/website",
	    "BAD_URL" },
	{ "a field that is not one's own to set", "PATCH", "/api/v1/users/me", ANN,
	    "{\"role\":\"admin\"}", NULL, 400, "VALIDATION_ERROR", "/role", "UNKNOWN_FIELD" },
	{ "a foreign origin", "GET", S, NOBODY, NULL, "Origin: https://evil.example", 403,
	    "ORIGIN_NOT_ALLOWED", NULL, NULL },
	{ "no origin at all", "GET", S, NOBODY, NULL, "Origin: null", 403, "ORIGIN_NOT_ALLOWED",
	    NULL, NULL },
};

static void
check_error(const struct row *row, const struct answer *a)
{
	cr_expect_eq(a->status, row->status, "%s: %ld %s", row->name, a->status, a->body);
	cr_expect_not_null(header_of(a, "X-Request-Id"), "%s: no request id", row->name);
	cr_expect_str_eq(header_of(a, "X-Content-Type-Options"), "nosniff");
	if (row->code == NULL)
		return;
	cr_expect(json_is_false(at(a, "success")), "%s", row->name);
	cr_expect_str_eq(text_at(a, "error.code"), row->code, "%s: %s", row->name, a->body);
	cr_expect(json_is_string(at(a, "error.message")), "%s", row->name);
	if (row->field == NULL)
		return;
	cr_expect_str_eq(
	    text_at(a, "error.details.0.field"), row->field, "%s: %s", row->name, a->body);
	cr_expect_str_eq(
	    text_at(a, "error.details.0.code"), row->why, "%s: %s", row->name, a->body);
}

Test(bad_requests, table)
{
	const char *ann = stack_token("ann");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		bool typed = row->header && strncmp(row->header, "Content-Type: ", 14) == 0;
		struct answer a =
		    CALL(row->method, row->path, .token = row->who == ANN ? ann : NULL,
		        .body = row->body, .type = typed ? row->header + 14 : NULL,
		        .headers = { typed ? NULL : row->header });
		check_error(row, &a);
		forget(&a);
	}
}

/* Names are ASCII, so nothing else is another case of theirs. */
Test(bad_requests, only_ascii_has_a_case_in_names)
{
	static const struct {
		const char *path;
		size_t found;
	} finds[] = {
		{ S "?author=KATE", 1 },
		{ S "?author=%E2%84%AAate", 0 },
		{ "/api/v1/users?q=Kat", 1 },
		{ "/api/v1/users?q=%E2%84%AAat", 0 },
		{ "/api/v1/tags?q=Kel", 1 },
		{ "/api/v1/tags?q=%E2%84%AAel", 0 },
	};

	new_snippet(
	    stack_token("kate"), "{\"title\":\"x\",\"code\":\"x\",\"tags\":[\"kelvin\"]}");
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		struct answer a = CALL("GET", finds[i].path);
		cr_expect_eq(json_array_size(at(&a, "data")), finds[i].found, "%s: %s",
		    finds[i].path, a.body);
		forget(&a);
	}
}

static const struct {
	const char *path, *said;
} bad_paths[] = {
	{ "/api//v1", "empty segment" },
	{ "/api/v1/../x", "segment . or .." },
	{ "/api/v1/%61", "must stand as itself" },
	{ "/api/v1/a%zz", "two hexadecimal digits" },
	{ "/api/v1/a%00", "control character" },
	{ "/api/v1/a|b", "must be percent-encoded" },
	{ "/api/v1/users/%ff", "not UTF-8" },
};

/* nginx or the worker, whoever meets it. */
Test(bad_requests, it_says_what_is_wrong_with_a_path)
{
	for (size_t i = 0; i < sizeof(bad_paths) / sizeof(*bad_paths); i++) {
		struct answer a = CALL("GET", bad_paths[i].path);
		cr_expect_eq(a.status, 400, "%s", bad_paths[i].path);
		cr_expect_not_null(strstr(text_at(&a, "error.message"), bad_paths[i].said),
		    "%s: %s", bad_paths[i].path, a.body);
		forget(&a);
	}
}

Test(bad_requests, every_faulty_field_at_once)
{
	struct answer a = CALL("POST", S, .token = stack_token("ann"),
	    .body = "{\"title\":\"\",\"tags\":[\"A\",\"b\",\"c d\"],\"x\":1,\"is_public\":2}");

	cr_expect_eq(a.status, 400);
	cr_expect_eq(json_array_size(at(&a, "error.details")), 6, "%s", a.body);
	forget(&a);
}

static void
repeat(struct buf *b, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_puts(b, text);
}

/* A title or a code of so many characters; the status, and the answer's first detail. */
static long
publish_long(
    const char *token, const char *field, const char *character, size_t times, long long *limit)
{
	struct answer a;
	struct buf body;
	long status;

	buf_init(&body, 4 * 1024 * 1024);
	buf_format(&body, "{\"%s\":\"x\",\"%s\":\"", *field == 't' ? "code" : "title", field);
	repeat(&body, character, times);
	buf_puts(&body, "\"}");
	a = CALL("POST", S, .token = token, .body = buf_text(&body));
	status = a.status;
	*limit = int_at(&a, "error.details.0.limit");
	forget(&a);
	buf_free(&body);
	return status;
}

/* Lengths are in code points, sizes in bytes: at the limit, and one above. */
Test(bad_requests, limits)
{
	const char *ann = stack_token("ann");
	long long limit;

	cr_expect_eq(publish_long(ann, "title", "\u00fc", 200, &limit), 201);
	cr_expect_eq(publish_long(ann, "title", "\\ud83d\\ude00", 200, &limit), 201);
	cr_expect_eq(publish_long(ann, "title", "\u00fc", 201, &limit), 400);
	cr_expect_eq(limit, 200);
	cr_expect_eq(publish_long(ann, "code", "a", 262144, &limit), 201);
	/* as some clients write everything that is not ASCII, or not even that */
	cr_expect_eq(publish_long(ann, "code", "\\u0451", 131072, &limit), 201);
	cr_expect_eq(publish_long(ann, "code", "\\u0061", 262144, &limit), 201);
	cr_expect_eq(publish_long(ann, "code", "a", 262145, &limit), 400);
	cr_expect_eq(limit, 262144);
	/* Within the code points, above the bytes: the database's own check answers. */
	cr_expect_eq(publish_long(ann, "code", "\u00fc", 131073, &limit), 400);
	cr_expect_eq(limit, 262144);
}

Test(bad_requests, bodies_over_the_limit)
{
	const char *ann = stack_token("ann");
	size_t size = 2100 * 1024;
	char *body = malloc(size + 1);
	struct answer a;

	memset(body, ' ', size);
	body[size] = '\0';
	a = CALL("POST", S, .token = ann, .body = body);
	cr_expect_eq(a.status, 413, "nginx's limit");
	cr_expect_str_eq(text_at(&a, "error.code"), "PAYLOAD_TOO_LARGE");
	forget(&a);
	/* The worker answers while nginx still has most of it to hand over. */
	for (int kib = 1000; kib > 0; kib -= 300) {
		body[kib * 1024] = '\0';
		a = CALL("PATCH", "/api/v1/users/me", .token = ann, .body = body);
		cr_expect_eq(a.status, 413, "the form's limit: %d KiB: %ld", kib, a.status);
		cr_expect_str_eq(text_at(&a, "error.code"), "PAYLOAD_TOO_LARGE");
		forget(&a);
	}
	free(body);
}

struct raw_row {
	const char *name, *bytes;
	int status; /* 0: closed without an answer is allowed, too */
	bool enveloped;
};

#define HEAD "Host: x\r\nConnection: close\r\n"

static const struct raw_row raw_rows[] = {
	{ "bare LF", "GET /health HTTP/1.1\nHost: x\nConnection: close\n\n", 200, true },
	{ "two equal Content-Lengths",
	    "POST " S " HTTP/1.1\r\n" HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
	    400, true },
	{ "two Content-Lengths",
	    "POST " S " HTTP/1.1\r\n" HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	    400, true },
	{ "length and chunked",
	    "POST " S " HTTP/1.1\r\n" HEAD
	    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n",
	    400, true },
	{ "a length with a sign", "POST " S " HTTP/1.1\r\n" HEAD "Content-Length: +2\r\n\r\n{}",
	    400, true },
	{ "unknown transfer encoding",
	    "POST " S " HTTP/1.1\r\n" HEAD "Transfer-Encoding: xchunked\r\n\r\n", 501, true },
	{ "preferences in two lines",
	    "GET " S "?pgae=2 HTTP/1.1\r\n" HEAD
	    "Prefer: respond-async\r\nPrefer: handling=strict\r\n\r\n",
	    400, true },
	{ "an old client without a Host", "GET /health HTTP/1.0\r\n\r\n", 200, true },
	{ "a range of an answer", "GET /health HTTP/1.1\r\n" HEAD "Range: bytes=0-3\r\n\r\n",
	    200, true },
	{ "chunked without a token",
	    "POST " S " HTTP/1.1\r\n" HEAD "Content-Type: application/json\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	    401, true },
	{ "no Host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400, true },
	{ "two Hosts", "GET /health HTTP/1.1\r\n" HEAD "Host: y\r\n\r\n", 400, true },
	{ "a blank before the colon", "GET /health HTTP/1.1\r\n" HEAD "X : y\r\n\r\n", 400,
	    true },
	{ "an absolute target", "GET http://evil/health HTTP/1.1\r\n" HEAD "\r\n", 400, true },
	{ "a target with a fragment", "GET /health#x HTTP/1.1\r\n" HEAD "\r\n", 400, true },
};

Test(bad_requests, raw)
{
	char out[65536];

	for (size_t i = 0; i < sizeof(raw_rows) / sizeof(*raw_rows); i++) {
		const struct raw_row *row = &raw_rows[i];
		int status = 0;
		raw_exchange(row->bytes, strlen(row->bytes), out, sizeof(out));
		sscanf(out, "HTTP/1.1 %d", &status);
		cr_expect_eq(status, row->status, "%s: %.300s", row->name, out);
		cr_expect_not_null(strstr(out, "{\"success\":"), "%s: %.600s", row->name, out);
		cr_expect_not_null(strstr(out, "X-Request-Id: "), "%s: %.600s", row->name, out);
	}
}

static void
too_large(const char *before, const char *after, int wanted)
{
	struct buf bytes;
	char out[8192];
	int status = 0;

	buf_init(&bytes, 64 * 1024);
	buf_puts(&bytes, before);
	repeat(&bytes, "a", 40000);
	buf_puts(&bytes, after);
	raw_exchange(bytes.ptr, bytes.len, out, sizeof(out));
	buf_free(&bytes);
	sscanf(out, "HTTP/1.1 %d", &status);
	cr_expect_eq(status, wanted, "%.300s", out);
	cr_expect_not_null(strstr(out, "{\"success\":false"));
}

Test(bad_requests, header_and_target_too_large)
{
	too_large("GET /health HTTP/1.1\r\n" HEAD "X: ", "\r\n\r\n", 431);
	too_large("GET /", " HTTP/1.1\r\nHost: x\r\n\r\n", 414);
}

#define INSIDE "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n" /* 31 bytes */
#define SAYS "Host: x\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n" INSIDE
#define LAST "GET /health HTTP/1.1\r\n" HEAD "\r\n"

static const struct {
	const char *name, *bytes;
	int first, second;
} sequences[] = {
	{ "a body that nobody read", "POST " S " HTTP/1.1\r\n" SAYS LAST, 401, 200 },
	{ "a body of a GET", "GET " S " HTTP/1.1\r\n" SAYS LAST, 200, 200 },
	{ "a body of a DELETE", "DELETE " NOWHERE " HTTP/1.1\r\n" SAYS LAST, 401, 200 },
	{ "a body for no route", "POST /nowhere HTTP/1.1\r\n" SAYS LAST, 404, 200 },
	{ "a HEAD", "HEAD " S " HTTP/1.1\r\nHost: x\r\n\r\n" LAST, 200, 200 },
	{ "chunks with an extension and a trailer",
	    "POST " S " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n1f;a=b\r\n" INSIDE
	    "\r\n0\r\nX-Trailer: 1\r\n\r\n" LAST,
	    401, 200 },
};

/* What a request holds is never taken for the next one. */
Test(bad_requests, the_next_request_begins_behind_the_body)
{
	char out[65536];

	cr_assert_eq(strlen(INSIDE), 31u);
	for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
		int first = 0, second = 0;
		const char *next;
		raw_exchange(sequences[i].bytes, strlen(sequences[i].bytes), out, sizeof(out));
		sscanf(out, "HTTP/1.1 %d", &first);
		cr_expect_eq(first, sequences[i].first, "%s: %.300s", sequences[i].name, out);
		next = strstr(out + 1, "HTTP/1.1 ");
		cr_assert_not_null(next, "%s: %s", sequences[i].name, out);
		sscanf(next, "HTTP/1.1 %d", &second);
		cr_expect_eq(second, sequences[i].second, "%s: %s", sequences[i].name, out);
		cr_expect_null(strstr(next + 1, "HTTP/1.1 "), "%s: %s", sequences[i].name, out);
	}
}
