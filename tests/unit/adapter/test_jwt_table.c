/* jwt, the table: whole tokens made by somebody else's code, at the three doors that take
 * tokens. What libjwt alone would let through stands among them. */
#include "adapter/jwt.h"
#include "unit/scope.h"

#define NOW INT64_C(1800000000)

enum door { ACCESS, REFRESH, LIVE };

static struct jwt_ring rings[3];

static void
open_rings(void)
{
	open_scope();
	cr_assert_eq(
	    jwt_ring_fill(&rings[ACCESS], "codegram", "codegram-api",
	        "access-secret-0123456789-0123456789", "access-next-0123456789-0123456789xx",
	        "access-previous-0123456789-01234567"),
	    OK);
	cr_assert_eq(jwt_ring_fill(&rings[REFRESH], "codegram", "codegram-refresh",
	                 "refresh-secret-0123456789-0123456789", NULL, NULL),
	    OK);
	cr_assert_eq(jwt_ring_fill(&rings[LIVE], "codegram", "codegram-live",
	                 "live-secret-0123456789-0123456789abc", NULL, NULL),
	    OK);
}

TestSuite(jwt_table, .init = open_rings, .fini = close_scope);

static const struct {
	enum door door;
	enum err word;
	const char *what, *token;
} rows[] = {
#define TOKEN(door, word, what, token) { door, word, what, token },
#include "unit/adapter/jwt_tokens.def"
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

Test(jwt_table, each_gets_its_word)
{
	cr_assert_geq(ROWS, 60);
	for (size_t i = 0; i < ROWS; i++) {
		struct jwt_claims out;
		enum err e;
		next_row();
		e = jwt_check(&rings[rows[i].door], span_of(rows[i].token), NOW, &out, &scope);
		cr_expect_eq(e, rows[i].word, "%s: %s", rows[i].what, err_row(e)->word);
		cr_expect_null(
		    scope.fault.message, "%s: a caller learns nothing", rows[i].what);
	}
}

/* Rows that only differ in their text would prove nothing. */
Test(jwt_table, no_token_stands_twice_at_a_door)
{
	for (size_t i = 0; i < ROWS; i++)
		for (size_t k = 0; k < i; k++)
			cr_expect(rows[i].door != rows[k].door ||
			              strcmp(rows[i].token, rows[k].token) != 0,
			    "%s is %s", rows[i].what, rows[k].what);
}

/* At no door is one of the good tokens of another door good: keys and audiences are apart. */
Test(jwt_table, a_good_token_opens_one_door)
{
	for (size_t i = 0; i < ROWS; i++) {
		int doors = 0;
		for (int d = ACCESS; d <= LIVE && rows[i].word == OK; d++) {
			struct jwt_claims out;
			next_row();
			doors += jwt_check(&rings[d], span_of(rows[i].token), NOW, &out,
			             &scope) == OK;
		}
		cr_expect(
		    rows[i].word != OK || doors == 1, "%s: %d doors", rows[i].what, doors);
	}
}
