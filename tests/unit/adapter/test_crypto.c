/* crypto, hash, unicode: the published vectors, and every edge of UTF-8. */
#include "adapter/crypto.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "adapter/hash.h"
#include "base/unicode.h"

static const char *
hex(const unsigned char bytes[SHA256_BYTES])
{
	static char text[65];

	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* FIPS 180-4's examples. */
Test(crypto, sha256)
{
	unsigned char out[SHA256_BYTES];

	crypto_sha256(SPAN(""), out);
	cr_assert_str_eq(
	    hex(out), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	crypto_sha256(SPAN("abc"), out);
	cr_assert_str_eq(
	    hex(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_sha256(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
	cr_assert_str_eq(
	    hex(out), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, section 4. */
Test(crypto, hmac_of_rfc_4231)
{
	static char aa[131], dd[50], cd[50], b[20];
	static const char count[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
	                            "\x0f\x10\x11\x12\x13\x14\x15"
	                            "\x16\x17\x18\x19";
	const struct {
		struct span key, data;
		const char *want;
	} rows[] = {
		{ { b, 20 }, SPAN("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ SPAN("Jefe"), SPAN("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ { aa, 20 }, { dd, 50 },
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ SPAN(count), { cd, 50 },
		    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
		{ { aa, 131 }, SPAN("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ { aa, 131 },
		    SPAN("This is a test using a larger than block-size key and a larger than "
		         "block-size data. The key needs to be hashed before being used by the "
		         "HMAC algorithm."),
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	};
	unsigned char out[SHA256_BYTES];

	memset(aa, 0xaa, sizeof(aa));
	memset(dd, 0xdd, sizeof(dd));
	memset(cd, 0xcd, sizeof(cd));
	memset(b, 0x0b, sizeof(b));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		crypto_hmac(rows[i].key, rows[i].data, out);
		cr_assert_str_eq(hex(out), rows[i].want, "row %zu", i);
	}
}

Test(crypto, equal_looks_at_every_byte)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	cr_assert(crypto_equal(a, b, 32));
	for (size_t i = 0; i < 32; i++) {
		b[i] = 1;
		cr_assert_not(crypto_equal(a, b, 32), "byte %zu", i);
		b[i] = 0;
	}
	b[31] = 1;
	cr_assert(crypto_equal(a, b, 31));
	cr_assert(crypto_equal(a, b, 0));
}

/* XXH3_64bits without a seed, from xxHash's own test vectors and command. */
Test(hash, is_xxh3)
{
	cr_assert_eq(hash_of(SPAN("")), UINT64_C(0x2D06800538D394C2));
	cr_assert_eq(hash_of((struct span){ NULL, 0 }), hash_of(SPAN("")));
	cr_assert_eq(hash_of(SPAN("abc")), UINT64_C(0x78AF5F94892F3950));
	cr_assert_neq(hash_of(SPAN("abc\0")), hash_of(SPAN("abc")));
}

/* The reference: Unicode 15, table 3-7. */
static bool
well_formed(const unsigned char *t, size_t len)
{
	unsigned long point;
	size_t need;

	if (len == 0)
		return true;
	if (t[0] < 0x80)
		return well_formed(t + 1, len - 1);
	need = t[0] >= 0xF0 ? 3 : t[0] >= 0xE0 ? 2 : 1;
	if (t[0] < 0xC0 || t[0] >= 0xF8 || len <= need)
		return false;
	point = t[0] & (0x3F >> need);
	for (size_t i = 1; i <= need; i++) {
		if ((t[i] & 0xC0) != 0x80)
			return false;
		point = point << 6 | (t[i] & 0x3F);
	}
	if (point < (need == 1      ? 0x80u
	                : need == 2 ? 0x800u
	                            : 0x10000u) ||
	    point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
		return false;
	return well_formed(t + need + 1, len - need - 1);
}

Test(unicode, every_three_bytes)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			for (unsigned c = 0x7f; c < 0xC2; c++) {
				unsigned char t[3] = { (unsigned char)a, (unsigned char)b,
					(unsigned char)c };
				bool ok = unicode_ok((struct span){ (char *)t, 3 });
				if (ok != well_formed(t, 3))
					cr_assert_fail("%02x %02x %02x", a, b, c);
			}
}

Test(unicode, four_bytes_at_their_edges)
{
	static const unsigned char edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xA0, 0xBF,
		0xC0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xF8, 0xFF };

	for (size_t i = 0; i < 16 * 16 * 16 * 16; i++) {
		unsigned char t[4] = { edges[i >> 12], edges[i >> 8 & 15], edges[i >> 4 & 15],
			edges[i & 15] };
		bool ok = unicode_ok((struct span){ (char *)t, 4 });
		if (ok != well_formed(t, 4))
			cr_assert_fail("%02x %02x %02x %02x", t[0], t[1], t[2], t[3]);
	}
}

Test(unicode, nothing_is_fine)
{
	cr_assert(unicode_ok(SPAN("")));
	cr_assert(unicode_ok((struct span){ NULL, 0 }));
	cr_assert_not(unicode_ok(SPAN("\xE2\x82")), "cut");
}
