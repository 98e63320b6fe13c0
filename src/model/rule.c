/* rule: the checks behind the forms' rows. */
#include "model/rule.h"

#include "model/language.h"

static bool
no_controls(struct span text, const char *but)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c < 0x20 || c == 0x7f) && (c == 0 || strchr(but, c) == NULL))
			return false;
	}
	return true;
}

static bool
line_ok(struct span text)
{
	return no_controls(text, "");
}

static bool
text_ok(struct span text)
{
	return no_controls(text, "\t\r\n");
}

static bool
filename_ok(struct span text)
{
	return no_controls(text, "") && memchr(text.ptr, '/', text.len) == NULL;
}

static bool
alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
tag_ok(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool small = alphanumeric(c) && !(c >= 'A' && c <= 'Z');
		if (!small && (c == '\0' || strchr("+#.-", c) == NULL))
			return false;
	}
	return true;
}

/* Only what is shown as a link: the scheme, a host, no white space and no quotes. */
static bool
url_ok(struct span text)
{
	struct span rest = text;

	if (span_starts(text, SPAN("https://")))
		rest = (struct span){ text.ptr + 8, text.len - 8 };
	else if (span_starts(text, SPAN("http://")))
		rest = (struct span){ text.ptr + 7, text.len - 7 };
	else
		return false;
	if (rest.len == 0 || !(alphanumeric(rest.ptr[0]) || rest.ptr[0] == '['))
		return false;
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.ptr[i] <= 0x20 ||
		    strchr("<>\"\\^`{|}\x7f", rest.ptr[i]))
			return false;
	return true;
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

const struct rule rule_line = { "BAD_CHARACTER", "must be one line without control characters",
	line_ok, NULL };
const struct rule rule_text = { "BAD_CHARACTER", "must not hold control characters", text_ok,
	NULL };
const struct rule rule_url = { "BAD_URL", "must be an http or https address", url_ok, NULL };
const struct rule rule_tag = { "BAD_TAG", "may hold only a-z 0-9 + # . -", tag_ok, NULL };
const struct rule rule_filename = { "BAD_FILENAME", "must be a file name without a slash",
	filename_ok, NULL };
const struct rule rule_language = { "UNKNOWN_LANGUAGE", "is not a language of GET /languages",
	language_ok, NULL };
const struct rule rule_secret = { "TOO_SHORT", "must have at least 32 bytes", secret_ok, NULL };

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
const struct rule rule_level = { "NOT_A_CHOICE", "must be debug, info, warn or error", NULL,
	levels };

static const char *const snippet_sorts[] = { "newest", "oldest", "most_liked", "most_commented",
	"trending", NULL };
const struct rule rule_snippet_sort = { "NOT_A_CHOICE",
	"must be newest, oldest, most_liked, most_commented or trending", NULL, snippet_sorts };

static const char *const user_sorts[] = { "followers", "newest", NULL };
const struct rule rule_user_sort = { "NOT_A_CHOICE", "must be followers or newest", NULL,
	user_sorts };
