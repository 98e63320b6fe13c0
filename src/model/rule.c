/* rule: the checks behind the forms' rows. */
#include "model/rule.h"

#include "base/unicode.h"
#include "model/language.h"

enum { FILENAME_BYTES = 255 };

/* Isolates of another direction may stand in a line when they are closed; overrides and what is
 * left open would turn what is read behind it. */
static bool
line_ok(struct span text)
{
	uint32_t c;
	int open = 0;

	while (unicode_next(&text, &c)) {
		if (unicode_control(c) || unicode_line_end(c) || (c >= 0x202a && c <= 0x202e))
			return false;
		if (c >= 0x2066 && c <= 0x2068)
			open++;
		if (c == 0x2069 && open-- == 0)
			return false;
	}
	return open == 0;
}

static bool
text_ok(struct span text)
{
	uint32_t c;

	while (unicode_next(&text, &c))
		if (unicode_control(c) && c != '\t' && c != '\r' && c != '\n')
			return false;
	return true;
}

static bool
is_dots(struct span text)
{
	return span_is(text, ".") || span_is(text, "..");
}

/* As some file system would have to take it: a backslash is another one's slash, and what turns
 * the order of letters shows another ending than the file has. */
static bool
filename_ok(struct span text)
{
	struct span rest = text;
	uint32_t c;

	while (unicode_next(&rest, &c))
		if (unicode_control(c) || unicode_line_end(c) || unicode_bidi_control(c) ||
		    c == '/' || c == '\\')
			return false;
	return text.len <= FILENAME_BYTES && !is_dots(text);
}

/* It must be readable again by its path, where dots alone mean something else. */
static bool
job_id_ok(struct span text)
{
	return line_ok(text) && !is_dots(text);
}

/* A blank at either end is most often a plus that was not escaped. */
static bool
word_ok(struct span text)
{
	return text.len == 0 || (text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' ');
}

static bool
alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
tag_ok(struct span text)
{
	bool word = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool small = alphanumeric(c) && !(c >= 'A' && c <= 'Z');
		if (!small && (c == '\0' || strchr("+#.-", c) == NULL))
			return false;
		word = word || small;
	}
	return word;
}

static bool
language_ok(struct span text)
{
	return language_name(text) != NULL;
}

static bool
secret_ok(struct span text)
{
	return text.len >= 32;
}

static bool
redis_url_ok(struct span text)
{
	struct span host, port = text;
	int64_t number = 1;

	if (span_starts(text, SPAN("unix:///")))
		return true;
	if (!span_starts(text, SPAN("redis://")))
		return false;
	port = (struct span){ text.ptr + 8, text.len - 8 };
	port = span_cut(&port, '/');
	host = span_cut(&port, ':');
	return host.len > 0 && host.len < 256 &&
	       (port.ptr == NULL || (span_int(port, &number) && number > 0 && number < 65536));
}

bool
username_ok(struct span text)
{
	if (text.len == 0 || text.len > 39)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool inner_hyphen =
		    text.ptr[i] == '-' && i > 0 && i + 1 < text.len && text.ptr[i + 1] != '-';
		if (!alphanumeric(text.ptr[i]) && !inner_hyphen)
			return false;
	}
	return true;
}

/* Of a decoded byte in a path: what some browser or proxy might take for a slash, or decode
 * once more. */
static bool
slips(int c)
{
	return c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%';
}

/* One segment, "." and ".." refused in either spelling; false for a bad escape. */
static bool
segment_ok(struct span text, bool empty_ok)
{
	size_t dots = 0, len = 0;

	for (size_t i = 0; i < text.len; i++, len++) {
		int c = (unsigned char)text.ptr[i];
		if (c == '%') {
			int high = i + 2 < text.len ? span_hex(text.ptr[i + 1]) : -1;
			int low = i + 2 < text.len ? span_hex(text.ptr[i + 2]) : -1;
			if (high < 0 || low < 0 || slips(c = high << 4 | low))
				return false;
			i += 2;
		}
		dots += c == '.';
	}
	return len == 0 ? empty_ok : !(dots == len && len <= 2);
}

/* Of a query or a fragment: no bad escape, no escaped control character. */
static bool
escapes_ok(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? span_hex(text.ptr[i + 1]) : -1;
		int low = i + 2 < text.len ? span_hex(text.ptr[i + 2]) : -1;
		if (text.ptr[i] == '%' && (high < 2 || low < 0 || (high == 7 && low == 15)))
			return false;
	}
	return true;
}

/* Goes behind the frontend's origin in a Location header: a path, a query and a fragment (many
 * frontends route by it) of RFC 3986's characters, nothing that any browser could take for a
 * host. */
static bool
return_to_ok(struct span text)
{
	struct span fragment = text, query = span_cut(&fragment, '#'),
	            path = span_cut(&query, '?');

	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f ||
		    strchr("\"<>\\^`{|}", text.ptr[i]) != NULL)
			return false;
	if (fragment.len > 0 && memchr(fragment.ptr, '#', fragment.len) != NULL)
		return false;
	if (!escapes_ok(query) || !escapes_ok(fragment))
		return false;
	if (path.len == 0 || path.ptr[0] != '/')
		return false;
	span_cut(&path, '/');
	while (path.ptr != NULL) {
		struct span segment = span_cut(&path, '/');
		if (!segment_ok(segment, path.ptr == NULL))
			return false;
	}
	return true;
}

const struct rule rule_line = { "BAD_CHARACTER",
	"must be one line without characters that control or turn it", line_ok, NULL, true };
const struct rule rule_text = { "BAD_CHARACTER", "must not hold control characters", text_ok,
	NULL, false };
const struct rule rule_url = { "BAD_URL",
	"must be an http or https address without a user's name", url_ok, NULL, false };
const struct rule rule_tag = { "BAD_TAG",
	"may hold only a-z 0-9 and + # . - (in a query a plus is written %2B)", tag_ok, NULL,
	false };
const struct rule rule_filename = { "BAD_FILENAME",
	"must be a file's name: at most 255 bytes, no slash, nothing that controls or turns "
	"the line",
	filename_ok, NULL, true };
const struct rule rule_word = { "BAD_CHARACTER",
	"must not begin or end with a blank (in a query a plus is written %2B)", word_ok, NULL,
	false };
const struct rule rule_job_id = { "BAD_ID",
	"must be one line without characters that control or turn it, and more than dots",
	job_id_ok, NULL, true };
const struct rule rule_language = { "UNKNOWN_LANGUAGE", "is not a language of GET /languages",
	language_ok, NULL, false };
const struct rule rule_secret = { "TOO_SHORT", "must have at least 32 bytes", secret_ok, NULL,
	false };
const struct rule rule_redis_url = { "BAD_URL", "is neither unix:///PATH nor redis://HOST:PORT",
	redis_url_ok, NULL, false };

const struct rule rule_return_to = { "BAD_PATH", "must be a path below the frontend, from /",
	return_to_ok, NULL, false };

static const char *const logout_scopes[] = { "this", "others", "all", NULL };
const struct rule rule_logout_scope = { "NOT_A_CHOICE", "must be this, others or all", NULL,
	logout_scopes, false };

static bool
token_scope_ok(struct span text)
{
	return span_is(text, "read") || span_is(text, "write") || span_is(text, "admin");
}

const struct rule rule_token_scope = { "UNKNOWN_SCOPE", "must be read, write or admin",
	token_scope_ok, NULL, false };

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
const struct rule rule_level = { "NOT_A_CHOICE", "must be debug, info, warn or error", NULL,
	levels, false };

static const char *const tellings[] = { "github_sync", "export_ready", "security", "system",
	NULL };
const struct rule rule_telling = { "NOT_A_CHOICE",
	"must be github_sync, export_ready, security or system", NULL, tellings, false };

static const char *const snippet_sorts[] = { "newest", "oldest", "most_liked", "most_commented",
	"trending", NULL };
const struct rule rule_snippet_sort = { "NOT_A_CHOICE",
	"must be newest, oldest, most_liked, most_commented or trending", NULL, snippet_sorts,
	false };

static const char *const user_sorts[] = { "followers", "newest", NULL };
const struct rule rule_user_sort = { "NOT_A_CHOICE", "must be followers or newest", NULL,
	user_sorts, false };

static const char *const repository_sorts[] = { "pushed", "stars", NULL };
const struct rule rule_repository_sort = { "NOT_A_CHOICE", "must be pushed or stars", NULL,
	repository_sorts, false };

static const char *const job_states[] = { "waiting", "active", "delayed", "blocked",
	"completed", "failed", "cancelled", "done", "dead", NULL };
const struct rule rule_job_state = { "NOT_A_CHOICE",
	"must be waiting, active, delayed, blocked, completed, failed or cancelled", NULL,
	job_states, false };
