/* failpoint: a file arms a point; removing it is the shot. */
#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char *points;

void
failpoint_open(const char *dir)
{
	points = dir;
}

void
failpoint(const char *name)
{
	char path[4096];

	if (points == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s", points, name);
	if (unlink(path) == 0)
		kill(getpid(), SIGKILL);
}
