/* base64: three bytes are four characters. */
#include "base/base64.h"

void
buf_base64(struct buf *b, const void *bytes, size_t len)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;

	for (size_t i = 0; i < len; i += 3) {
		unsigned held = (unsigned)in[i] << 16;
		held |= i + 1 < len ? (unsigned)in[i + 1] << 8 : 0;
		held |= i + 2 < len ? in[i + 2] : 0;
		buf_char(b, alphabet[held >> 18]);
		buf_char(b, alphabet[held >> 12 & 63]);
		buf_char(b, (char)(i + 1 < len ? alphabet[held >> 6 & 63] : '='));
		buf_char(b, (char)(i + 2 < len ? alphabet[held & 63] : '='));
	}
}

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool
base64url_decode(struct span text, void *out, size_t *len)
{
	unsigned char *bytes = out;
	unsigned held = 0;
	int bits = 0;

	*len = 0;
	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = sextet(text.ptr[i]);
		if (value < 0)
			return false;
		held = held << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[(*len)++] = (unsigned char)(held >> bits & 0xff);
			held &= (1u << bits) - 1;
		}
	}
	return held == 0;
}
