/* err: the table of words, and the fault record. */
#include "base/err.h"

#include <criterion/criterion.h>

#include "base/log.h"

Test(err, each_word_has_a_whole_row)
{
	for (enum err e = OK; e < ERR_COUNT; e++) {
		const struct err_row *row = err_row(e);
		cr_assert_not_null(row->word);
		cr_assert_not_null(row->code, "%s", row->word);
		cr_assert_not_null(row->message, "%s", row->word);
		cr_assert(row->level >= LEVEL_DEBUG && row->level <= LEVEL_ERROR);
		if (e == OK)
			cr_assert_eq(row->status, 200);
		else
			cr_assert(row->status >= 400 && row->status < 600, "%s", row->word);
		cr_assert_eq(row->status == 500, row->level == LEVEL_ERROR,
		    "%s: a 500 is an error of ours, nothing else is", row->word);
	}
}

static enum err
give(enum err e)
{
	TRY(e);
	return ERR_INTERNAL;
}

Test(err, try_returns_any_word_but_ok)
{
	cr_assert_eq(give(OK), ERR_INTERNAL);
	for (enum err e = OK + 1; e < ERR_COUNT; e++)
		cr_assert_eq(give(e), e);
}

Test(err, the_first_story_stays)
{
	struct fault f = { .count = 0 };

	cr_assert_eq(fault(&f, ERR_AWAY, "first %d", 1), ERR_AWAY);
	cr_assert_eq(fault(&f, ERR_INTERNAL, "second"), ERR_INTERNAL);
	cr_assert_str_eq(f.story, "first 1");
	fault_reset(&f);
	cr_assert_str_eq(f.story, "");
	fault(&f, ERR_AWAY, "%2000d", 1);
	cr_assert_eq(strlen(f.story), FAULT_STORY_MAX - 1, "a long story is cut");
}

Test(err, fields_are_kept_up_to_a_limit)
{
	struct fault f = { .count = 0 };
	char name[200];

	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[199] = '\0';
	for (int i = 0; i < FAULT_FIELDS_MAX + 5; i++)
		cr_assert_eq(fault_field(&f, name, "CODE", "message", i), ERR_INVALID);
	cr_assert_eq(f.count, FAULT_FIELDS_MAX);
	cr_assert_eq(f.fields[FAULT_FIELDS_MAX - 1].limit, FAULT_FIELDS_MAX - 1);
	cr_assert_eq(strlen(f.fields[0].field), sizeof(f.fields[0].field) - 1, "cut");
	f.message = "x";
	f.retry_after = 3;
	fault_reset(&f);
	cr_assert_eq(f.count, 0);
	cr_assert_null(f.message);
	cr_assert_eq(f.retry_after, 0);
}
