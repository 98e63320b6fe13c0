/* url: whether a text is an http or https address that may be shown as a link: in the parts of
 * RFC 3986, its host as the URL standard of the WHATWG or RFC 5892 has it. Nothing that shows one
 * host and leads to another: no user's name, no look-alikes of delimiters, no numbers in other
 * bases, nothing invisible. */
#include "model/rule.h"

#include <arpa/inet.h>

#include "base/unicode.h"

enum { LABEL_MAX = 63, HOST_MAX = 253, PORT_MAX = 65535 };

static bool
skip_nocase(struct span *text, struct span word)
{
	if (text->len < word.len ||
	    !span_equal_nocase((struct span){ text->ptr, word.len }, word))
		return false;
	*text = (struct span){ text->ptr + word.len, text->len - word.len };
	return true;
}

/* Joiners and variation selectors stand inside of words and emoji, so paths have them. */
static bool
joins(uint32_t c)
{
	return c == 0x200c || c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f);
}

static bool
characters_ok(struct span text)
{
	uint32_t c;

	while (unicode_next(&text, &c))
		if ((unicode_blank(c) && !joins(c)) || c == 0xfffd ||
		    (c < 0x80 && strchr("<>\"\\^`{|}", (int)c) != NULL))
			return false;
	return true;
}

static bool
is_address(int family, struct span text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, bytes) == 1;
}

/* What RFC 5892 allows inside of names beyond letters and digits (appendix A.3 and on). */
static bool
fits_in_context(uint32_t c, uint32_t before, struct span rest)
{
	if (c == 0xb7)
		return (before == 'l' || before == 'L') && rest.len > 0 &&
		       (*rest.ptr == 'l' || *rest.ptr == 'L');
	return c == 0x30fb || c == 0x5f3 || c == 0x5f4;
}

/* A label of both directions would show its letters in another order than it has them
 * (RFC 5893). */
static bool
label_ok(struct span text)
{
	bool encoded = skip_nocase(&text, SPAN("xn--")), left = encoded, right = false;
	uint32_t c, before = encoded ? '-' : 0;

	if (text.len == 0 || field_points(text) > LABEL_MAX || *text.ptr == '-' ||
	    text.ptr[text.len - 1] == '-')
		return false;
	for (; unicode_next(&text, &c); before = c) {
		if (before == 0 && unicode_mark(c))
			return false;
		if (c != '-' && c != '_' && !unicode_word(c) && !unicode_emoji(c) &&
		    !fits_in_context(c, before, text))
			return false;
		if (encoded && c >= 0x80)
			return false;
		left = left || unicode_direction(c) > 0;
		right = right || unicode_direction(c) < 0;
	}
	return !(left && right);
}

/* Browsers take a host whose last label is a number for an IPv4 address. */
static bool
is_number(struct span label)
{
	bool hex = label.len >= 2 && label.ptr[0] == '0' && (label.ptr[1] | 0x20) == 'x';
	uint32_t c;

	if (hex)
		label = (struct span){ label.ptr + 2, label.len - 2 };
	while (unicode_next(&label, &c))
		if (!unicode_digit(c) && !(hex && c < 0x80 && span_hex((char)c) >= 0))
			return false;
	return true;
}

static bool
name_ok(struct span host)
{
	struct span rest, last = host;

	if (host.len > 1 && host.ptr[host.len - 1] == '.')
		host.len--;
	if (host.len > HOST_MAX)
		return false;
	for (rest = host; rest.ptr != NULL;) {
		last = span_cut(&rest, '.');
		if (!label_ok(last))
			return false;
	}
	return !is_number(last) || is_address(AF_INET, host);
}

static bool
port_ok(struct span text)
{
	int64_t port;

	return text.len <= 5 && span_int(text, &port) && port > 0 && port <= PORT_MAX;
}

static bool
authority_ok(struct span text)
{
	struct span host;

	if (text.len == 0 || memchr(text.ptr, '@', text.len) != NULL)
		return false;
	if (*text.ptr != '[') {
		host = span_cut(&text, ':');
		return name_ok(host) && (text.ptr == NULL || port_ok(text));
	}
	host = span_cut(&text, ']');
	if (text.ptr == NULL ||
	    !is_address(AF_INET6, (struct span){ host.ptr + 1, host.len - 1 }))
		return false;
	return text.len == 0 ||
	       (*text.ptr == ':' && port_ok((struct span){ text.ptr + 1, text.len - 1 }));
}

bool
url_ok(struct span text)
{
	struct span rest = text;
	size_t end = 0;

	if (!characters_ok(text) ||
	    (!skip_nocase(&rest, SPAN("https://")) && !skip_nocase(&rest, SPAN("http://"))))
		return false;
	while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL)
		end++;
	return authority_ok((struct span){ rest.ptr, end });
}

/* In small letters, and of ASCII alone: another spelling is never the one that a browser sends. */
bool
web_origin_ok(struct span text)
{
	size_t host = span_starts(text, SPAN("https://"))  ? 8
	              : span_starts(text, SPAN("http://")) ? 7
	                                                   : 0;

	for (size_t i = host; i < text.len; i++)
		if (memchr("abcdefghijklmnopqrstuvwxyz0123456789-._:", text.ptr[i], 40) == NULL)
			return false;
	return host > 0 && url_ok(text);
}
