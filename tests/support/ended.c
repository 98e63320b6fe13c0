/* ended: what Criterion 2.4.1 leaves to chance, for every test program. Its --timeout holds
 * only where a time-out stands already, and a test whose process leaves by exit(0) counts as
 * passed; so each test gets a time-out, and says by its name in $TEST_ENDED that it came to
 * its end. tools/test compares that file with the verdicts. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEFAULT_SECONDS = 30, LINE_MAX_BYTES = 256 };

/* The linker's bounds of the section that Criterion's Test() fills. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];

static void
ended(void)
{
	const char *path = getenv("TEST_ENDED");
	char line[LINE_MAX_BYTES];
	int fd, len;

	if (path == NULL)
		return;
	len = snprintf(line, sizeof(line), "%s::%s\n", criterion_current_test->category,
	    criterion_current_test->name);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		abort();
	close(fd);
}

__attribute__((constructor)) static void
arm(void)
{
	for (struct criterion_test **at = __start_cr_tst; at < __stop_cr_tst; at++) {
		if (*at == NULL)
			continue;
		if ((*at)->data->timeout <= 0)
			(*at)->data->timeout = DEFAULT_SECONDS;
		if ((*at)->data->fini != NULL)
			abort(); /* this place is taken: use the suite's */
		(*at)->data->fini = ended;
	}
}
