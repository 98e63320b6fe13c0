/* caller: which addresses a limit counts as one. */
#include "base/caller.h"

#include <criterion/criterion.h>

static const struct {
	const char *address, *network;
} rows[] = {
	{ "192.0.2.7", "192.0.2.7" },
	{ "::ffff:192.0.2.7", "192.0.2.7" },
	{ "::FFFF:192.0.2.8", "192.0.2.8" },
	{ "2001:db8:1:2::1", "20010db800010002" },
	{ "2001:db8:1:2:ffff::", "20010db800010002" },
	{ "2001:DB8:1:3::1", "20010db800010003" },
	{ "unix:", "unix:" },
	{ "", "" },
	{ "a word that is longer than every address that there may be",
	    "a word that is longer than every address that t" },
};

Test(caller, one_caller)
{
	char out[CALLER_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		caller_of(span_of(rows[i].address), out);
		cr_expect_str_eq(out, rows[i].network, "%s: %s", rows[i].address, out);
	}
	caller_of((struct span){ NULL, 0 }, out);
	cr_expect_str_empty(out);
}
