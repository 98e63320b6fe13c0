/* seed: being written. */
#include "ctl/command.h"

int
command_seed(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return ctl_usage(ctl, "--from or --synthetic");
}
