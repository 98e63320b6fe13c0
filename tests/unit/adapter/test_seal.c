/* seal: a record opens in its own row, untouched, with a key of the ring; nowhere else. */
#include "adapter/seal.h"

#include <sodium.h>
#include <stdio.h>

#include "base/random.h"
#include "unit/scope.h"

#define A "secret-a-0123456789-0123456789-abcd"
#define B "secret-b-0123456789-0123456789-abcd"
#define C "secret-c-0123456789-0123456789-abcd"
#define ROW "019ab2c3-0000-7000-8000-000000000001|github|token"
#define OTHER_ROW "019ab2c3-0000-7000-8000-000000000002|github|token"

static struct seal_ring ring;
static struct span record, plain;

static void
open_ring(void)
{
	open_scope();
	cr_assert_eq(seal_ring_fill(&ring, A, NULL, NULL), OK);
}

TestSuite(seal, .init = open_ring, .fini = close_scope);

static enum err
opened(struct span r, struct span row)
{
	plain = (struct span){ NULL, 0 };
	return unseal(&ring, r, row, &plain, &scope);
}

Test(seal, opens_again)
{
	static char big[SEAL_MAX + 1];
	const struct span texts[] = { SPAN(""), SPAN("x"),
		SPAN("gho_16C7e42F292c6912E7710c83834"), SPAN("a\0b"), { big, SEAL_MAX } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cr_assert_eq(seal(&ring, texts[i], SPAN(ROW), &record, &scope), OK);
		cr_expect_eq(record.len, texts[i].len + SEAL_OVERHEAD);
		cr_assert_eq(opened(record, SPAN(ROW)), OK);
		cr_expect(span_equal(plain, texts[i]), "row %zu", i);
		cr_expect_eq(plain.ptr[plain.len], '\0');
		if (texts[i].len > 8)
			cr_expect_null(memmem(record.ptr, record.len, texts[i].ptr, 8));
	}
	cr_expect_eq(
	    seal(&ring, (struct span){ big, SEAL_MAX + 1 }, SPAN(ROW), &record, &scope),
	    ERR_INVALID);
}

/* The published layout, opened by libsodium alone. */
Test(seal, is_the_record_that_is_described)
{
	unsigned char out[16];
	unsigned long long len;

	cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &record, &scope), OK);
	cr_expect_eq(memcmp(record.ptr, "v1", 2), 0);
	cr_expect_eq(memcmp(record.ptr + 2, ring.key[0].kid, 8), 0);
	cr_assert_eq(crypto_aead_xchacha20poly1305_ietf_decrypt(out, &len, NULL,
	                 (const unsigned char *)record.ptr + 34, record.len - 34,
	                 (const unsigned char *)ROW, strlen(ROW),
	                 (const unsigned char *)record.ptr + 10, ring.key[0].bytes),
	    0);
	cr_expect_eq(len, 5);
	cr_expect_eq(memcmp(out, "token", 5), 0);
}

Test(seal, no_two_records_are_equal)
{
	struct span again;

	cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &record, &scope), OK);
	cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &again, &scope), OK);
	cr_expect_neq(memcmp(record.ptr + 10, again.ptr + 10, 24), 0, "nonce");
	cr_expect_not(span_equal(record, again));
}

Test(seal, swapped_rows)
{
	struct span other;

	cr_assert_eq(seal(&ring, SPAN("ada's token"), SPAN(ROW), &record, &scope), OK);
	cr_assert_eq(seal(&ring, SPAN("bob's token"), SPAN(OTHER_ROW), &other, &scope), OK);
	cr_expect_eq(opened(record, SPAN(OTHER_ROW)), ERR_BAD_TOKEN);
	cr_expect_eq(opened(other, SPAN(ROW)), ERR_BAD_TOKEN);
	cr_expect_eq(opened(record, SPAN("")), ERR_BAD_TOKEN);
	cr_expect_eq(opened(record, SPAN(ROW " ")), ERR_BAD_TOKEN);
	cr_expect_eq(opened(other, SPAN(OTHER_ROW)), OK);
}

/* Every bit of 1,000 records, one at a time. */
Test(seal, each_bit_flipped)
{
	char touched[256], token[64];
	size_t tried = 0;

	for (int i = 0; i < 1000; i++) {
		unsigned char bytes[16];
		next_row();
		random_bytes(bytes, sizeof(bytes));
		snprintf(token, sizeof(token), "gho_%02x%02x%02x%02x%0*d", bytes[0], bytes[1],
		    bytes[2], bytes[3], i % 32, i);
		cr_assert_eq(seal(&ring, span_of(token), SPAN(ROW), &record, &scope), OK);
		cr_assert_leq(record.len, sizeof(touched));
		memcpy(touched, record.ptr, record.len);
		for (size_t bit = 0; bit < record.len * 8; bit++) {
			touched[bit / 8] = (char)(touched[bit / 8] ^ (1 << bit % 8));
			if (opened((struct span){ touched, record.len }, SPAN(ROW)) !=
			    ERR_BAD_TOKEN)
				cr_assert_fail("record %d, bit %zu", i, bit);
			touched[bit / 8] = (char)(touched[bit / 8] ^ (1 << bit % 8));
			tried++;
			if (tried % 1000 == 0) {
				arena_reset(scope.arena);
				cr_assert_eq(
				    seal(&ring, span_of(token), SPAN(ROW), &record, &scope),
				    OK);
				memcpy(touched, record.ptr, record.len);
			}
		}
		cr_assert_eq(opened((struct span){ touched, record.len }, SPAN(ROW)), OK);
	}
	cr_expect_gt(tried, 500000);
}

Test(seal, cut_and_lengthened)
{
	char longer[128] = "";

	cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &record, &scope), OK);
	for (size_t len = 0; len < record.len; len++)
		cr_expect_eq(opened((struct span){ record.ptr, len }, SPAN(ROW)), ERR_BAD_TOKEN,
		    "%zu bytes", len);
	memcpy(longer, record.ptr, record.len);
	cr_expect_eq(opened((struct span){ longer, record.len + 1 }, SPAN(ROW)), ERR_BAD_TOKEN);
	cr_expect_eq(opened((struct span){ NULL, 0 }, SPAN(ROW)), ERR_BAD_TOKEN);
}

/* Next is accepted before it seals, previous after it has sealed; what is older is refused. */
Test(seal, rotation)
{
	static const struct {
		const char *current, *next, *previous;
		enum err of_a, of_b, of_c;
		bool a_is_current;
	} rows[] = {
		{ A, NULL, NULL, OK, ERR_BAD_TOKEN, ERR_BAD_TOKEN, true },
		{ A, B, NULL, OK, OK, ERR_BAD_TOKEN, true },
		{ B, NULL, A, OK, OK, ERR_BAD_TOKEN, false },
		{ B, C, A, OK, OK, OK, false },
		{ C, NULL, B, ERR_BAD_TOKEN, OK, OK, false },
		{ B, "", "", ERR_BAD_TOKEN, OK, ERR_BAD_TOKEN, false },
	};
	static const char *const secrets[] = { A, B, C };
	struct span of[3];

	for (size_t k = 0; k < 3; k++) {
		cr_assert_eq(seal_ring_fill(&ring, secrets[k], NULL, NULL), OK);
		cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &of[k], &scope), OK);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_assert_eq(
		    seal_ring_fill(&ring, rows[i].current, rows[i].next, rows[i].previous), OK);
		cr_expect_eq(opened(of[0], SPAN(ROW)), rows[i].of_a, "row %zu", i);
		cr_expect_eq(opened(of[1], SPAN(ROW)), rows[i].of_b, "row %zu", i);
		cr_expect_eq(opened(of[2], SPAN(ROW)), rows[i].of_c, "row %zu", i);
		cr_expect_eq(seal_is_current(&ring, of[0]), rows[i].a_is_current, "row %zu", i);
	}
	cr_expect_not(seal_is_current(&ring, SPAN("nonsense")));
	cr_expect_not(seal_is_current(&ring, (struct span){ NULL, 0 }));
}

/* A record whose kid was exchanged for another key's, and one of another ring. */
Test(seal, another_ring)
{
	char touched[64];
	struct seal_ring both;

	cr_assert_eq(seal(&ring, SPAN("token"), SPAN(ROW), &record, &scope), OK);
	cr_assert_eq(seal_ring_fill(&both, B, A, NULL), OK);
	memcpy(touched, record.ptr, record.len);
	memcpy(touched + 2, both.key[0].kid, 8);
	ring = both;
	cr_expect_eq(opened((struct span){ touched, record.len }, SPAN(ROW)), ERR_BAD_TOKEN);
	cr_expect_eq(opened(record, SPAN(ROW)), OK);
	cr_assert_eq(seal_ring_fill(&ring, B, C, NULL), OK);
	cr_expect_eq(opened(record, SPAN(ROW)), ERR_BAD_TOKEN);
}

Test(seal, rings_that_are_none)
{
	static const char short_one[] = "0123456789012345678901234567890";

	cr_expect_eq(seal_ring_fill(&ring, NULL, A, NULL), ERR_INVALID);
	cr_expect_eq(seal_ring_fill(&ring, "", NULL, NULL), ERR_INVALID);
	cr_expect_eq(seal_ring_fill(&ring, short_one, NULL, NULL), ERR_INVALID);
	cr_expect_eq(seal_ring_fill(&ring, A, short_one, NULL), ERR_INVALID);
	cr_expect_eq(seal_ring_fill(&ring, A, A, NULL), ERR_INVALID);
	cr_expect_eq(seal_ring_fill(&ring, A, B, B), ERR_INVALID);
	ring.count = 0;
	cr_expect_eq(seal(&ring, SPAN("x"), SPAN(ROW), &record, &scope), ERR_INVALID);
}
