/* setup: what the steps of codegramctl setup share: where files are, and what is said of each. */
#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include "ctl/command.h"

struct setup {
	struct ctl *ctl;
	bool dry;
	const char *root;     /* before every path; "" */
	const char *database; /* NULL: the local one */
	int made, there;
	bool redis_changed, nginx_changed;
};

enum setup_found { SETUP_THERE, SETUP_MISSING, SETUP_OTHER };

/* A line about a thing, and a count; true when it is to be made or changed now. */
bool setup_say(struct setup *s, enum setup_found found, const char *what);

/* A path below the root; NULL: no memory. */
const char *setup_path(struct setup *s, const char *path);

/* The whole file; *there false when there is none. */
enum err setup_read(struct setup *s, const char *path, struct span *out, bool *there);

enum setup_write { SETUP_NEVER_OVER, SETUP_OVER };

/* All or nothing. ERR_CONFLICT: it is there, and must not be written over. `group` NULL: root's;
 * only root gives files away. */
enum err setup_put(struct setup *s, const char *path, struct span text, unsigned mode,
    const char *group, enum setup_write how);

/* The steps, in their order. */
enum err setup_users(struct setup *s);
enum err setup_secrets(struct setup *s);
enum err setup_redis(struct setup *s);
enum err setup_origins(struct setup *s);
enum err setup_modes(struct setup *s);
enum err setup_database(struct setup *s);

#endif
