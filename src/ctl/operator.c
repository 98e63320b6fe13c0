/* operator: root's call of a command becomes that of the system user who may do just this. */
#include "ctl/operator.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each PostgreSQL role logs in from the system user of its own name. */
static const char *
user_of(const char *command)
{
	return strcmp(command, "migrate") == 0 ? "codegram-owner" : "codegram-ctl";
}

bool
operator_wanted(const char *command, const char *config)
{
	return config == NULL && geteuid() == 0 && strcmp(command, "setup") != 0 &&
	       getpwnam(user_of(command)) != NULL;
}

void
operator_credentials(void)
{
	static const char password[] = CREDENTIALS_DIR "/REDIS_PASSWORD.ctl";

	if (access(CREDENTIALS_DIR, R_OK) == 0)
		setenv("CREDENTIALS_DIRECTORY", CREDENTIALS_DIR, 0);
	if (access(password, R_OK) == 0)
		setenv("REDIS_PASSWORD_FILE", password, 0);
}

bool
operator_step_down(const char *command)
{
	const struct passwd *user = getpwnam(user_of(command));

	if (user != NULL && initgroups(user->pw_name, user->pw_gid) == 0 &&
	    setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0) {
		unsetenv("CREDENTIALS_DIRECTORY");
		unsetenv("REDIS_PASSWORD_FILE");
		return true;
	}
	fprintf(stderr, "codegramctl %s: can't go on as %s: %s\n", command, user_of(command),
	    strerror(errno));
	return false;
}
