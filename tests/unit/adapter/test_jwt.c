/* jwt: each row is a token somebody might send, and the word it gets. libjwt alone would take
 * many of them (design: it takes any token when the key is empty, the algorithm from the token
 * itself, and looks at no claim). */
#include "adapter/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/crypto.h"
#include "base/buf.h"
#include "unit/scope.h"

#define CURRENT "current-secret-0123456789-abcdefghij"
#define NEXT "next-secret-0123456789-abcdefghijklm"
#define PREVIOUS "previous-secret-0123456789-abcdefgh"
#define OLDER "older-secret-0123456789-abcdefghijkl"
#define NOW INT64_C(1763935199)

#define U1 "019ab2c3-0000-7000-8000-000000000001"
#define U2 "019ab2c3-0000-7000-8000-000000000002"
#define U3 "019ab2c3-0000-7000-8000-000000000003"

/* @ stands for the kid of the signing key. */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}"
#define WHO                                                                                    \
	"\"iss\":\"codegram\",\"aud\":\"codegram-api\",\"sub\":\"" U1 "\",\"sid\":\"" U2       \
	"\",\"jti\":\"" U3 "\""
#define WHEN "\"iat\":1763935100,\"exp\":1763936000"
#define NAME "\"username\":\"ada\",\"role\":\"admin\""
#define CLAIMS "{" WHO "," WHEN "," NAME "}"

enum how { SIGNED, SHA512, UNSIGNED, GARBAGE, EMPTY_KEY, ONE_BYTE_KEY };

static struct jwt_ring ring;
static struct buf token;
static char kid[9];

static void
open_ring(void)
{
	open_scope();
	buf_init(&token, 1 << 24);
	cr_assert_eq(
	    jwt_ring_fill(&ring, "codegram", "codegram-api", CURRENT, NEXT, PREVIOUS), OK);
	memcpy(kid, ring.key[0].kid, sizeof(kid));
}

static void
close_ring(void)
{
	buf_free(&token);
	close_scope();
}

TestSuite(jwt, .init = open_ring, .fini = close_ring);

/* A part with @ replaced. */
static void
add_part(struct span text)
{
	struct buf plain;

	buf_init(&plain, 1 << 24);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '@')
			buf_puts(&plain, kid);
		else
			buf_char(&plain, text.ptr[i]);
	buf_base64url(&token, plain.ptr, plain.len);
	buf_free(&plain);
}

static void
add_signature(enum how how, const char *secret)
{
	unsigned char mac[64];
	unsigned len = 32;

	if (how == EMPTY_KEY)
		secret = "";
	if (how == ONE_BYTE_KEY)
		secret = "c";
	HMAC(how == SHA512 ? EVP_sha512() : EVP_sha256(), secret, (int)strlen(secret),
	    (const unsigned char *)token.ptr, token.len, mac, &len);
	buf_char(&token, '.');
	if (how == GARBAGE)
		memset(mac, 0x5A, sizeof(mac));
	if (how != UNSIGNED)
		buf_base64url(&token, mac, len);
}

static struct span
make(struct span header, struct span claims, enum how how, const char *secret)
{
	buf_reset(&token);
	add_part(header);
	buf_char(&token, '.');
	add_part(claims);
	add_signature(how, secret);
	cr_assert(buf_ok(&token));
	return buf_span(&token);
}

static enum err
check(struct span text)
{
	struct jwt_claims claims;

	next_row();
	return jwt_check(&ring, text, NOW, &claims, &scope);
}

#define TEXT(literal)                                                                          \
	{                                                                                      \
		literal, sizeof(literal) - 1                                                   \
	}
#define CLAIMS_WITH(pair) TEXT("{" WHO "," WHEN "," pair "}")

static const struct row {
	const char *what;
	struct span header, claims;
	enum how how;
	enum err word;
} rows[] = {
	{ "a good one", TEXT(HEADER), TEXT(CLAIMS), SIGNED, OK },
	{ "another order", TEXT("{\"kid\":\"@\",\"typ\":\"JWT\",\"alg\":\"HS256\"}"),
	    TEXT(CLAIMS), SIGNED, OK },
	{ "an unknown claim", TEXT(HEADER), CLAIMS_WITH("\"x\":[1,{}]"), SIGNED, OK },
	/* signatures */
	{ "no signature", TEXT(HEADER), TEXT(CLAIMS), UNSIGNED, ERR_BAD_TOKEN },
	{ "a made-up signature", TEXT(HEADER), TEXT(CLAIMS), GARBAGE, ERR_BAD_TOKEN },
	{ "signed with an empty key", TEXT(HEADER), TEXT(CLAIMS), EMPTY_KEY, ERR_BAD_TOKEN },
	{ "signed with one byte", TEXT(HEADER), TEXT(CLAIMS), ONE_BYTE_KEY, ERR_BAD_TOKEN },
	/* alg */
	{ "none", TEXT("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    UNSIGNED, ERR_BAD_TOKEN },
	{ "none, garbage", TEXT("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), GARBAGE, ERR_BAD_TOKEN },
	{ "none, signed", TEXT("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "None", TEXT("{\"alg\":\"None\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    UNSIGNED, ERR_BAD_TOKEN },
	{ "NONE", TEXT("{\"alg\":\"NONE\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "nOnE", TEXT("{\"alg\":\"nOnE\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "hs256", TEXT("{\"alg\":\"hs256\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "Hs256", TEXT("{\"alg\":\"Hs256\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "HS512", TEXT("{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SHA512, ERR_BAD_TOKEN },
	{ "HS256 named, HS512 done", TEXT(HEADER), TEXT(CLAIMS), SHA512, ERR_BAD_TOKEN },
	{ "ES256", TEXT("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "alg missing", TEXT("{\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS), SIGNED,
	    ERR_BAD_TOKEN },
	{ "alg a number", TEXT("{\"alg\":256,\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "alg null", TEXT("{\"alg\":null,\"typ\":\"JWT\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "alg with a blank", TEXT("{\"alg\":\"HS256 \",\"typ\":\"JWT\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "alg with NUL", TEXT("{\"alg\":\"HS256\\u0000\",\"typ\":\"JWT\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "alg twice",
	    TEXT("{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	/* typ */
	{ "typ at+jwt", TEXT("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"@\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "typ jwt", TEXT("{\"alg\":\"HS256\",\"typ\":\"jwt\",\"kid\":\"@\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "typ missing", TEXT("{\"alg\":\"HS256\",\"kid\":\"@\"}"), TEXT(CLAIMS), SIGNED,
	    ERR_BAD_TOKEN },
	/* kid */
	{ "kid missing", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), TEXT(CLAIMS), SIGNED,
	    ERR_BAD_TOKEN },
	{ "kid empty", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"\"}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "kid unknown", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"00000000\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "kid too long", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@0\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "kid a path", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../dev/null\"}"),
	    TEXT(CLAIMS), EMPTY_KEY, ERR_BAD_TOKEN },
	{ "kid a query", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"' or 1=1\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "kid a number", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":0}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	{ "kid a list", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":[\"@\"]}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	/* headers that name a key or ask for more */
	{ "jku",
	    TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"jku\":\"https://x\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "x5u",
	    TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"x5u\":\"https://x\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "jwk", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"jwk\":{}}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "crit", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"crit\":[\"b64\"]}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "zip", TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"zip\":\"DEF\"}"),
	    TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "header a list", TEXT("[\"HS256\"]"), TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "header no JSON", TEXT("HS256"), TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "header with a tail", TEXT(HEADER "x"), TEXT(CLAIMS), SIGNED, ERR_BAD_TOKEN },
	{ "header not UTF-8",
	    TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"@\",\"\xFF\":1}"), TEXT(CLAIMS),
	    SIGNED, ERR_BAD_TOKEN },
	/* claims */
	{ "claims a list", TEXT(HEADER), TEXT("[]"), SIGNED, ERR_BAD_TOKEN },
	{ "claims null", TEXT(HEADER), TEXT("null"), SIGNED, ERR_BAD_TOKEN },
	{ "claims empty", TEXT(HEADER), TEXT("{}"), SIGNED, ERR_BAD_TOKEN },
	{ "claims with a NUL byte", TEXT(HEADER), TEXT("{" WHO "," WHEN "}\0"), SIGNED,
	    ERR_BAD_TOKEN },
	{ "claims not UTF-8", TEXT(HEADER), CLAIMS_WITH("\"x\":\"\xC3\x28\""), SIGNED,
	    ERR_BAD_TOKEN },
	{ "NUL in a claim", TEXT(HEADER), CLAIMS_WITH("\"username\":\"a\\u0000b\""), SIGNED,
	    ERR_BAD_TOKEN },
	{ "exp twice", TEXT(HEADER), CLAIMS_WITH("\"exp\":9999999999"), SIGNED, ERR_BAD_TOKEN },
	{ "sub twice", TEXT(HEADER), CLAIMS_WITH("\"sub\":\"" U2 "\""), SIGNED, ERR_BAD_TOKEN },
	{ "no names", TEXT(HEADER), TEXT("{" WHO "," WHEN "}"), SIGNED, OK },
	{ "nbf past", TEXT(HEADER), CLAIMS_WITH("\"nbf\":1763935199"), SIGNED, OK },
	{ "nbf to come", TEXT(HEADER), CLAIMS_WITH("\"nbf\":1763935200"), SIGNED,
	    ERR_BAD_TOKEN },
};

Test(jwt, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span text = make(rows[i].header, rows[i].claims, rows[i].how, CURRENT);
		enum err e = check(text);
		cr_assert_eq(e, rows[i].word, "%s: %s", rows[i].what, err_row(e)->word);
	}
}

/* exp and iat, where the rest is good. */
static const struct {
	const char *times;
	enum err word;
} times[] = {
	{ "\"iat\":1763935199,\"exp\":1763935200", OK },
	{ "\"iat\":1763935100,\"exp\":1763935199", ERR_OLD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":1763935198", ERR_OLD_TOKEN },
	{ "\"iat\":0,\"exp\":1", ERR_OLD_TOKEN },
	{ "\"iat\":1763935259,\"exp\":1763936000", OK }, /* clocks differ by a minute at most */
	{ "\"iat\":1763935260,\"exp\":1763936000", ERR_BAD_TOKEN },
	{ "\"iat\":9999999999,\"exp\":99999999999", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100", ERR_BAD_TOKEN },
	{ "\"exp\":1763936000", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":1763936000.0", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":1.7e9", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":\"1763936000\"", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":null", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":true", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":[1763936000]", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":99999999999999999999", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100,\"exp\":-1", ERR_BAD_TOKEN },
	{ "\"iat\":1763935100.5,\"exp\":1763936000", ERR_BAD_TOKEN },
	{ "\"iat\":\"1763935100\",\"exp\":1763936000", ERR_BAD_TOKEN },
	{ "\"iat\":1763936000,\"exp\":1763935100", ERR_BAD_TOKEN },
};

Test(jwt, times)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		char claims[512];
		enum err e;
		snprintf(claims, sizeof(claims), "{" WHO ",%s}", times[i].times);
		e = check(make(SPAN(HEADER), span_of(claims), SIGNED, CURRENT));
		cr_assert_eq(e, times[i].word, "%s: %s", times[i].times, err_row(e)->word);
	}
}

/* Each claim in turn left out or of another value. */
static const struct {
	const char *key, *values[8];
} claims_of[] = {
	{ "iss", { NULL, "\"Codegram\"", "\"codegram \"", "\"\"", "null", "[\"codegram\"]" } },
	{ "aud", { NULL, "\"codegram-live\"", "\"codegram-ap\"", "\"codegram-api2\"",
	             "[\"codegram-api\"]", "\"\"" } },
	{ "sub", { NULL, "\"\"", "\"1\"", "\"019AB2C3-0000-7000-8000-00000000000A\"", "1",
	             "null", "\"019ab2c3-0000-7000-8000-0000000000011\"" } },
	{ "sid", { NULL, "\"\"", "\"x\"", "1" } },
	{ "jti", { NULL, "\"\"", "\"x\"", "1" } },
};

static void
check_claim(const char *key, const char *value)
{
	static const char *const good[][2] = { { "iss", "\"codegram\"" },
		{ "aud", "\"codegram-api\"" }, { "sub", "\"" U1 "\"" }, { "sid", "\"" U2 "\"" },
		{ "jti", "\"" U3 "\"" } };
	struct buf text;
	enum err e;

	buf_init(&text, 4096);
	buf_puts(&text, "{" WHEN);
	for (size_t i = 0; i < 5; i++) {
		bool this_one = strcmp(good[i][0], key) == 0;
		if (!this_one || value != NULL)
			buf_format(
			    &text, ",\"%s\":%s", good[i][0], this_one ? value : good[i][1]);
	}
	buf_char(&text, '}');
	e = check(make(SPAN(HEADER), buf_span(&text), SIGNED, CURRENT));
	buf_free(&text);
	cr_assert_eq(
	    e, ERR_BAD_TOKEN, "%s %s: %s", key, value ? value : "missing", err_row(e)->word);
}

Test(jwt, claims_missing_or_wrong)
{
	for (size_t i = 0; i < sizeof(claims_of) / sizeof(*claims_of); i++) {
		check_claim(claims_of[i].key, NULL);
		for (size_t k = 1; k < 8 && claims_of[i].values[k] != NULL; k++)
			check_claim(claims_of[i].key, claims_of[i].values[k]);
	}
}

Test(jwt, shapes)
{
	static const struct span shapes[] = { TEXT(""), TEXT("."), TEXT(".."), TEXT("..."),
		TEXT("a"), TEXT("a.b"), TEXT("a.b.c"), TEXT("a.b.c.d"), TEXT("a..c"),
		TEXT(".b.c"), TEXT("a.b."), TEXT("e30.e30.e30"), TEXT("====.====.===="),
		TEXT("\0\0\0\0"), TEXT("\xFF\xFF.\xFF\xFF.\xFF\xFF"),
		TEXT("Bearer e30.e30.e30"), TEXT("e30.e30.e30\n") };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		cr_assert_eq(check(shapes[i]), ERR_BAD_TOKEN, "shape %zu", i);
	cr_assert_eq(check((struct span){ NULL, 0 }), ERR_BAD_TOKEN);
}

Test(jwt, every_cut_and_every_added_byte_is_refused)
{
	struct span good = make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, CURRENT);
	char *copy = malloc(good.len + 2);

	cr_assert_eq(check(good), OK);
	for (size_t len = 0; len < good.len; len++) {
		char *cut = malloc(len ? len : 1); /* so that ASan sees a byte read past it */
		memcpy(cut, good.ptr, len);
		cr_assert_eq(
		    check((struct span){ cut, len }), ERR_BAD_TOKEN, "cut at %zu", len);
		free(cut);
	}
	for (int c = 0; c < 256; c++) {
		memcpy(copy, good.ptr, good.len);
		copy[good.len] = (char)c;
		cr_assert_eq(check((struct span){ copy, good.len + 1 }), ERR_BAD_TOKEN,
		    "byte %d behind", c);
	}
	free(copy);
}

/* A token has one spelling: also the bits that base64 leaves over decide. */
Test(jwt, every_flipped_bit_is_refused)
{
	struct span good = make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, CURRENT);
	char *copy = malloc(good.len);

	for (size_t bit = 0; bit < good.len * 8; bit++) {
		memcpy(copy, good.ptr, good.len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		cr_assert_eq(
		    check((struct span){ copy, good.len }), ERR_BAD_TOKEN, "bit %zu", bit);
	}
	free(copy);
}

Test(jwt, length_is_bounded_before_anything_else)
{
	static const size_t lengths[] = { JWT_MAX + 1, 1 << 16, 9 << 20 };
	struct buf claims;
	struct span text;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char *huge = malloc(lengths[i]);
		memset(huge, 'A', lengths[i]);
		memcpy(huge + lengths[i] - 4, ".A.A", 4);
		cr_assert_eq(check((struct span){ huge, lengths[i] }), ERR_BAD_TOKEN);
		free(huge);
	}
	/* As long as may be, and one part longer. */
	buf_init(&claims, 1 << 16);
	for (size_t pad = 1000;; pad++) {
		enum err e;
		buf_reset(&claims);
		buf_format(&claims, "{" WHO "," WHEN ",\"x\":\"%0*d\"}", (int)pad, 0);
		text = make(SPAN(HEADER), buf_span(&claims), SIGNED, CURRENT);
		e = check(text);
		cr_assert_eq(
		    e, text.len <= JWT_MAX ? OK : ERR_BAD_TOKEN, "%zu bytes", text.len);
		if (e != OK)
			break;
	}
	buf_free(&claims);
}

Test(jwt, deep_nesting_inside_the_limit)
{
	char deep[1400];

	memset(deep, '[', sizeof(deep));
	cr_assert_eq(
	    check(make(SPAN(HEADER), (struct span){ deep, sizeof(deep) }, SIGNED, CURRENT)),
	    ERR_BAD_TOKEN);
}

Test(jwt, each_key_of_the_ring_and_no_other)
{
	static const char *const secrets[] = { CURRENT, NEXT, PREVIOUS };

	for (int i = 0; i < JWT_KEYS; i++) {
		memcpy(kid, ring.key[i].kid, sizeof(kid));
		for (int k = 0; k < JWT_KEYS; k++)
			cr_assert_eq(
			    check(make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, secrets[k])),
			    i == k ? OK : ERR_BAD_TOKEN, "kid %d, key %d", i, k);
		cr_assert_eq(
		    check(make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, OLDER)), ERR_BAD_TOKEN);
	}
}

Test(jwt, rotation_keeps_tokens_for_one_turn)
{
	struct span text = make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, CURRENT);

	cr_assert_eq(jwt_ring_fill(&ring, "codegram", "codegram-api", NEXT, NULL, CURRENT), OK);
	cr_assert_eq(ring.count, 2);
	cr_assert_eq(check(text), OK);
	cr_assert_eq(jwt_ring_fill(&ring, "codegram", "codegram-api", OLDER, NULL, NEXT), OK);
	cr_assert_eq(check(text), ERR_BAD_TOKEN);
}

Test(jwt, ring_refuses_short_missing_and_equal_secrets)
{
	static const char *const rows_of[][3] = { { NULL, NULL, NULL }, { "", NULL, NULL },
		{ "", NEXT, PREVIOUS }, { NULL, NEXT, PREVIOUS },
		{ "0123456789abcdef0123456789abcde", NULL, NULL }, { CURRENT, "short", NULL },
		{ CURRENT, NULL, "short" }, { CURRENT, CURRENT, NULL },
		{ CURRENT, NULL, CURRENT }, { CURRENT, NEXT, NEXT } };

	for (size_t i = 0; i < sizeof(rows_of) / sizeof(*rows_of); i++)
		cr_assert_eq(
		    jwt_ring_fill(&ring, "i", "a", rows_of[i][0], rows_of[i][1], rows_of[i][2]),
		    ERR_INVALID, "row %zu", i);
	cr_assert_eq(
	    jwt_ring_fill(&ring, "i", "a", "0123456789abcdef0123456789abcdef", NULL, NULL), OK);
	cr_assert_eq(ring.count, 1);
}

Test(jwt, kid_tells_nothing_of_the_secret_but_its_hash)
{
	unsigned char hash[SHA256_BYTES];
	char want[9];

	crypto_sha256(SPAN(CURRENT), hash);
	snprintf(want, sizeof(want), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
	cr_assert_str_eq(ring.key[0].kid, want);
}

static struct jwt_claims
sample(void)
{
	return (struct jwt_claims){ .subject = { U1 },
		.session = { U2 },
		.id = { U3 },
		.username = "ada",
		.role = "admin",
		.issued = NOW,
		.expires = NOW + 900 };
}

Test(jwt, minted_tokens_come_back)
{
	struct jwt_claims in = sample(), out;
	const char *text;

	cr_assert_eq(jwt_mint(&ring, &in, &text, &scope), OK);
	cr_assert_eq(jwt_check(&ring, span_of(text), NOW, &out, &scope), OK);
	cr_assert_str_eq(out.subject.text, U1);
	cr_assert_str_eq(out.session.text, U2);
	cr_assert_str_eq(out.id.text, U3);
	cr_assert_str_eq(out.username, "ada");
	cr_assert_str_eq(out.role, "admin");
	cr_assert_eq(out.issued, NOW);
	cr_assert_eq(out.expires, NOW + 900);
	cr_assert_eq(jwt_check(&ring, span_of(text), NOW + 899, &out, &scope), OK);
	cr_assert_eq(jwt_check(&ring, span_of(text), NOW + 900, &out, &scope), ERR_OLD_TOKEN);
}

Test(jwt, the_same_claims_make_the_same_token)
{
	struct jwt_claims in = sample();
	const char *a, *b;

	cr_assert_eq(jwt_mint(&ring, &in, &a, &scope), OK);
	cr_assert_eq(jwt_mint(&ring, &in, &b, &scope), OK);
	cr_assert_str_eq(a, b);
}

Test(jwt, a_token_is_for_one_audience_and_one_issuer)
{
	struct jwt_claims in = sample(), out;
	struct jwt_ring live, foreign;
	const char *text;

	cr_assert_eq(
	    jwt_ring_fill(&live, "codegram", "codegram-live", CURRENT, NULL, NULL), OK);
	cr_assert_eq(jwt_ring_fill(&foreign, "other", "codegram-api", CURRENT, NULL, NULL), OK);
	cr_assert_eq(jwt_mint(&ring, &in, &text, &scope), OK);
	cr_assert_eq(jwt_check(&live, span_of(text), NOW, &out, &scope), ERR_BAD_TOKEN);
	cr_assert_eq(jwt_check(&foreign, span_of(text), NOW, &out, &scope), ERR_BAD_TOKEN);
}

Test(jwt, an_empty_ring_takes_nothing)
{
	struct jwt_ring none = { .issuer = "codegram", .audience = "codegram-api" };
	struct jwt_claims out;

	memset(kid, 0, sizeof(kid));
	cr_assert_eq(jwt_check(&none, make(SPAN(HEADER), SPAN(CLAIMS), EMPTY_KEY, ""), NOW,
	                 &out, &scope),
	    ERR_BAD_TOKEN);
}

Test(jwt, a_refusal_tells_the_caller_nothing)
{
	check(make(SPAN("HS256"), SPAN(CLAIMS), SIGNED, CURRENT));
	cr_assert_null(scope.fault.message);
	cr_assert_eq(scope.fault.count, 0);
}

Test(jwt, no_memory_is_its_own_word)
{
	struct scope small = { .arena = arena_make(16, 64) };
	struct jwt_claims out;

	cr_assert_eq(jwt_check(&ring, make(SPAN(HEADER), SPAN(CLAIMS), SIGNED, CURRENT), NOW,
	                 &out, &small),
	    ERR_NO_MEMORY);
	arena_free(small.arena);
}
