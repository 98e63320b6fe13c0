/* base64: RFC 4648's vectors, and one spelling for each text. */
#include "base/base64.h"

#include <criterion/criterion.h>

static const struct {
	const char *plain, *standard, *url;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+", "-__-" },
	{ "Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "QWxhZGRpbjpvcGVuIHNlc2FtZQ" },
};

Test(base64, vectors)
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		char out[64];
		size_t len;
		buf_reset(&b);
		buf_base64(&b, vectors[i].plain, strlen(vectors[i].plain));
		cr_expect_str_eq(buf_text(&b), vectors[i].standard);
		cr_expect(base64url_decode(span_of(vectors[i].url), out, &len));
		cr_expect(span_is((struct span){ out, len }, vectors[i].plain), "row %zu", i);
	}
	buf_free(&b);
}

Test(base64, every_byte_and_back)
{
	unsigned char bytes[256], out[256];
	struct buf b;
	size_t len;

	for (size_t i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	buf_init(&b, 1000);
	for (size_t n = 0; n <= 256; n++) {
		buf_reset(&b);
		buf_base64url(&b, bytes + 256 - n, n);
		cr_assert(base64url_decode(buf_span(&b), out, &len));
		cr_assert_eq(len, n);
		cr_assert_eq(memcmp(out, bytes + 256 - n, n), 0);
	}
	buf_free(&b);
}

Test(base64, refused)
{
	static const char *const rows[] = { "Z", "Zm9vY", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v",
		"Zm v", "Zm\nv", "Zm9v=", "\xc3\xa4zm" };
	char out[64];
	size_t len;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_not(base64url_decode(span_of(rows[i]), out, &len), "%s", rows[i]);
}
