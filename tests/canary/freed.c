/* freed: canary. Reads memory that was freed. */
#include <criterion/criterion.h>
#include <stdlib.h>

static char *volatile kept;

Test(canary, freed)
{
	kept = calloc(1, 8);
	free(kept);
	cr_assert_eq(*kept, *kept);
}
