/* span: comparing and cutting bytes that somebody else owns. */
#include "base/span.h"

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* strncasecmp() would end at a NUL, and asks the locale. */
bool
span_equal_nocase(struct span a, struct span b)
{
	size_t i = 0;

	while (i < a.len && i < b.len && lower(a.ptr[i]) == lower(b.ptr[i]))
		i++;
	return a.len == b.len && i == a.len;
}

bool
span_starts(struct span text, struct span prefix)
{
	return text.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

bool
span_is(struct span a, const char *text)
{
	return span_equal(a, span_of(text));
}

struct span
span_cut(struct span *rest, char mark)
{
	const char *at = rest->len ? memchr(rest->ptr, mark, rest->len) : NULL;
	struct span head = *rest;

	if (at == NULL) {
		*rest = (struct span){ NULL, 0 };
		return head;
	}
	head.len = (size_t)(at - rest->ptr);
	*rest = (struct span){ at + 1, rest->len - head.len - 1 };
	return head;
}

struct span
span_trim(struct span text)
{
	while (text.len && (*text.ptr == ' ' || *text.ptr == '\t'))
		text.ptr++, text.len--;
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool
span_int(struct span text, int64_t *out)
{
	bool minus = text.len > 0 && text.ptr[0] == '-';
	int64_t n = 0;

	if (text.len == (minus ? 1u : 0u))
		return false;
	for (size_t i = minus; i < text.len; i++) {
		int digit = text.ptr[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, digit, &n))
			return false;
	}
	if (!minus && __builtin_sub_overflow(0, n, &n))
		return false;
	*out = n;
	return true;
}

bool
span_list_has(struct span list, struct span word)
{
	while (list.ptr != NULL)
		if (span_equal(span_trim(span_cut(&list, ',')), word))
			return true;
	return false;
}

int
span_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
