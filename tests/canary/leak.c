/* leak: canary. Criterion calls this test passed; LeakSanitizer reports after the verdict. */
#include <criterion/criterion.h>
#include <stdlib.h>

static char *volatile kept;

Test(canary, leak)
{
	kept = malloc(64);
	kept = NULL;
}
