/* prefer: what a client would rather have (RFC 7240, section 2): "name", "name=value" or
 * "name="quoted value"", each perhaps with parameters, separated by commas, in any number of
 * lines. Of a preference that is there twice the first counts. */
#include "web/app.h"

#include <strings.h>

static void
skip(struct span *rest, const char *what)
{
	while (rest->len > 0 && strchr(what, *rest->ptr) != NULL)
		rest->ptr++, rest->len--;
}

static struct span
token(struct span *rest)
{
	struct span t = { rest->ptr, 0 };

	for (; rest->len > 0 && strchr(" \t,;=\"", *rest->ptr) == NULL; t.len++)
		rest->ptr++, rest->len--;
	return t;
}

/* A quoted string off the front, compared without its quotes and backslashes (RFC 9110, section
 * 5.6.4); one that does not end holds all the rest. */
static bool
quoted_is(struct span *rest, const char *want)
{
	size_t at = 0, len = strlen(want);
	bool same = true;

	rest->ptr++, rest->len--;
	for (; rest->len > 0 && *rest->ptr != '"'; rest->ptr++, rest->len--, at++) {
		if (*rest->ptr == '\\' && rest->len > 1)
			rest->ptr++, rest->len--;
		same = same && at < len && strncasecmp(rest->ptr, want + at, 1) == 0;
	}
	if (rest->len > 0)
		rest->ptr++, rest->len--;
	return same && at == len;
}

/* The value behind a name: none is the empty one. */
static bool
value_is(struct span *rest, const char *want)
{
	skip(rest, " \t");
	if (rest->len == 0 || *rest->ptr != '=')
		return *want == '\0';
	skip(rest, "=");
	skip(rest, " \t");
	if (rest->len > 0 && *rest->ptr == '"')
		return quoted_is(rest, want);
	return span_equal_nocase(token(rest), span_of(want));
}

/* To the next preference, over parameters and whatever else stands there. */
static void
skip_parameters(struct span *rest)
{
	while (rest->len > 0 && *rest->ptr != ',') {
		if (*rest->ptr == '"')
			quoted_is(rest, "");
		else
			rest->ptr++, rest->len--;
	}
}

bool
prefers(const struct request *r, const char *name, const char *value)
{
	struct span rest = request_list(r, "HTTP_PREFER");

	while (rest.len > 0) {
		bool named, same;
		skip(&rest, " \t,");
		named = span_equal_nocase(token(&rest), span_of(name));
		same = value_is(&rest, value);
		if (named)
			return same;
		skip_parameters(&rest);
	}
	return false;
}
