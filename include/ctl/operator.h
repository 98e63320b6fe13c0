/* operator: as whom a command runs that root calls: with the secrets of /etc/codegram/credentials,
 * and then as the system user whose PostgreSQL role and Redis user it takes. Only for the
 * installed configuration: whoever names another one by --config stays who he is. */
#ifndef CTL_OPERATOR_H
#define CTL_OPERATOR_H

#include <stdbool.h>

#define CREDENTIALS_DIR "/etc/codegram/credentials"

/* Whether that is so for `command` here: root, the default configuration, and the user is there. */
bool operator_wanted(const char *command, const char *config);

/* Before the settings are read: where secrets are, unless the environment says. */
void operator_credentials(void);

/* After it, for good. False: it can't be, and stderr says why. */
bool operator_step_down(const char *command);

#endif
