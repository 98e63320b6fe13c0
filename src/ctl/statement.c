/* statement: the SQL behind a name in the log, for EXPLAIN and for benchmarks. */
#include "ctl/command.h"

#include <stdio.h>

#include "store/statements.h"

int
command_statement(struct ctl *ctl, int argc, char **argv)
{
	bool found = false;

	if (argc > 2)
		return ctl_usage(ctl, "takes one name at most");
	for (const struct statement_list *list = statement_lists; list->resource; list++) {
		for (size_t i = 0; i < *list->count; i++) {
			const struct statement *st = &list->statements[i];
			if (argc == 1)
				printf("%s\n", st->name);
			else if (strcmp(st->name, argv[1]) == 0)
				printf("%s\n", st->sql);
			found = found || argc == 1 || strcmp(st->name, argv[1]) == 0;
		}
	}
	return found ? CTL_OK : ctl_usage(ctl, "there is no statement of that name");
}
