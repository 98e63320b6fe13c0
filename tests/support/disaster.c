/* disaster: signals, and files in RUN_DIR/fail. */
#include "support/disaster.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/stack.h"

static unsigned dice_state;

void
dice_seed(unsigned seed)
{
	dice_state = seed;
}

unsigned
dice(unsigned sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

void
kill_some_child(pid_t of)
{
	pid_t children[64];
	size_t n = children_of(of, children, 64);

	if (n > 0)
		kill(children[dice((unsigned)n)], SIGKILL);
}

void
kill_main(const char *part)
{
	pid_t pid = stack_main(part);

	if (pid > 1)
		kill(pid, dice(4) ? SIGKILL : SIGTERM);
}

void
freeze(pid_t pid, unsigned ms)
{
	if (pid <= 1)
		return;
	kill(pid, SIGSTOP);
	usleep(dice(ms * 1000));
	kill(pid, SIGCONT);
}

void
redis_killed(unsigned away_ms)
{
	kill(stack_pid("redis"), SIGKILL);
	usleep(away_ms * 1000);
	stack_part("start-part", "redis");
}

void
arm(const char *point)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/run/fail", stack_dir());
	mkdir(path, 0777);
	chmod(path, 0777);
	snprintf(path, sizeof(path), "%s/run/fail/%s", stack_dir(), point);
	if ((f = fopen(path, "w")) != NULL)
		fclose(f);
}

void
disarm(const char *point)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/run/fail/%s", stack_dir(), point);
	unlink(path);
}
