/* buf: growing text, and every way of escaping that CodeGram's output needs. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_free(struct buf *b)
{
	free(b->ptr);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

struct span
buf_span(const struct buf *b)
{
	return (struct span){ b->ptr, b->failed ? 0 : b->len };
}

/* Room behind the text; the ceiling is the caller's to ask. */
static char *
grow(struct buf *b, size_t len)
{
	size_t size = b->size ? b->size : 256;
	char *grown;

	if (b->ptr != NULL && len <= b->size - b->len)
		return b->ptr + b->len;
	while (size - b->len < len)
		size *= 2;
	if ((grown = realloc(b->ptr, size)) == NULL) {
		b->failed = true;
		return NULL;
	}
	b->ptr = grown;
	b->size = size;
	return b->ptr + b->len;
}

const char *
buf_text(struct buf *b)
{
	if (b->failed || grow(b, 1) == NULL)
		return "";
	b->ptr[b->len] = '\0';
	return b->ptr;
}

char *
buf_room(struct buf *b, size_t len)
{
	if (b->failed || len > b->max || b->len > b->max - len) {
		b->failed = true;
		return NULL;
	}
	return grow(b, len);
}

void
buf_add(struct buf *b, struct span text)
{
	char *to = buf_room(b, text.len);

	if (to == NULL || text.len == 0)
		return;
	memcpy(to, text.ptr, text.len);
	b->len += text.len;
}

void
buf_puts(struct buf *b, const char *text)
{
	buf_add(b, span_of(text));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, (struct span){ &c, 1 });
}

void
buf_int(struct buf *b, int64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (n < 0)
		digits[--at] = '-';
	buf_add(b, (struct span){ digits + at, sizeof(digits) - at });
}

void
buf_format(struct buf *b, const char *format, ...)
{
	va_list args;
	char *to;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || buf_room(b, (size_t)len) == NULL ||
	    (to = grow(b, (size_t)len + 1)) == NULL) {
		b->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(to, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

/* The two-character escapes of RFC 8259; 'u' asks for \u00XX. */
static const char json_escape[256] = {
	[0] = 'u',
	[1] = 'u',
	[2] = 'u',
	[3] = 'u',
	[4] = 'u',
	[5] = 'u',
	[6] = 'u',
	[7] = 'u',
	[8] = 'b',
	[9] = 't',
	[10] = 'n',
	[11] = 'u',
	[12] = 'f',
	[13] = 'r',
	[14] = 'u',
	[15] = 'u',
	[16] = 'u',
	[17] = 'u',
	[18] = 'u',
	[19] = 'u',
	[20] = 'u',
	[21] = 'u',
	[22] = 'u',
	[23] = 'u',
	[24] = 'u',
	[25] = 'u',
	[26] = 'u',
	[27] = 'u',
	[28] = 'u',
	[29] = 'u',
	[30] = 'u',
	[31] = 'u',
	['"'] = '"',
	['\\'] = '\\',
	[127] = 'u',
};

static void
json_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char text[6] = { '\\', json_escape[c], '0', '0', hex[c >> 4], hex[c & 15] };

	buf_add(b, (struct span){ text, json_escape[c] == 'u' ? 6 : 2 });
}

void
buf_json(struct buf *b, struct span text)
{
	const char *from = text.ptr, *end = text.ptr + text.len, *run = from;

	for (; from < end; from++) {
		unsigned char c = (unsigned char)*from;
		if (json_escape[c] == 0)
			continue;
		buf_add(b, (struct span){ run, (size_t)(from - run) });
		run = from + 1;
		json_escaped(b, c);
	}
	buf_add(b, (struct span){ run, (size_t)(end - run) });
}

/* Length of the well-formed UTF-8 sequence at `at` (Unicode, table 3-7), or 0. */
static size_t
utf8_sequence(const unsigned char *at, size_t left)
{
	unsigned char c = at[0], low = 0x80, high = 0xBF;
	size_t len = c < 0x80   ? 1
	             : c < 0xC2 ? 0
	             : c < 0xE0 ? 2
	             : c < 0xF0 ? 3
	             : c < 0xF5 ? 4
	                        : 0;

	if (len == 0 || len > left)
		return 0;
	low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : low;
	high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : high;
	for (size_t i = 1; i < len; i++, low = 0x80, high = 0xBF)
		if (at[i] < low || at[i] > high)
			return 0;
	return len;
}

void
buf_utf8(struct buf *b, struct span text)
{
	for (size_t i = 0; i < text.len && buf_ok(b);) {
		size_t len = utf8_sequence((const unsigned char *)text.ptr + i, text.len - i);
		if (len == 0)
			buf_add(b, SPAN("\xEF\xBF\xBD"));
		else
			buf_add(b, (struct span){ text.ptr + i, len });
		i += len ? len : 1;
	}
}

void
buf_json_any(struct buf *b, struct span text)
{
	for (size_t i = 0; i < text.len && buf_ok(b);) {
		size_t len = utf8_sequence((const unsigned char *)text.ptr + i, text.len - i);
		if (len == 0)
			buf_add(b, SPAN("\xEF\xBF\xBD"));
		else
			buf_json(b, (struct span){ text.ptr + i, len });
		i += len ? len : 1;
	}
}

void
buf_json_string(struct buf *b, struct span text)
{
	buf_char(b, '"');
	buf_json(b, text);
	buf_char(b, '"');
}

void
buf_url(struct buf *b, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || (c != 0 && strchr("-._~", c) != NULL);
		if (plain)
			buf_char(b, (char)c);
		else
			buf_format(b, "%%%02X", c);
	}
}

void
buf_base64url(struct buf *b, const void *bytes, size_t len)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *in = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned w = (unsigned)in[i] << 16 | (n > 1 ? (unsigned)in[i + 1] << 8 : 0) |
		             (n > 2 ? in[i + 2] : 0);
		for (size_t k = 0; k <= n; k++)
			buf_char(b, alphabet[w >> (18 - 6 * k) & 63]);
	}
}

void
buf_time(struct buf *b, int64_t micros)
{
	time_t seconds = (time_t)(micros / 1000000);
	struct tm tm;

	assert(micros >= 0);
	gmtime_r(&seconds, &tm);
	buf_format(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(micros / 1000 % 1000));
}
