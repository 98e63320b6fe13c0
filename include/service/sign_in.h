/* sign_in: from GitHub's code to a session. The only rule of ours that waits for GitHub while a
 * person waits for us, so it has a time of its own. No transaction is open meanwhile. */
#ifndef SERVICE_SIGN_IN_H
#define SERVICE_SIGN_IN_H

#include "adapter/http_client.h"
#include "adapter/postgres.h"
#include "adapter/seal.h"
#include "model/form.h"

enum { SIGN_IN_GITHUB_MS = 8000 };

struct sign_in {
	struct db *db; /* its scope is left open, without a transaction */
	struct http_client *http;
	const struct settings *settings;
	const struct seal_ring *ring;
	struct scope *scope;
	/* of this sign-in */
	const char *code, *verifier;
	struct span key; /* what can come back only once: a state or a verifier */
	const char *device, *network;
	/* done */
	struct uuid session, refresh;
	struct auth_signed_in person;
};

/* Every failure has a message that a person can read. ERR_FORBIDDEN: used before, not allowed,
 * a code that GitHub doesn't take, a deleted account; ERR_SUSPENDED; ERR_UPSTREAM: GitHub
 * answers badly; ERR_TIMEOUT: or not at all. Never ERR_RETRY, since a code can be spent once. */
enum err sign_in(struct sign_in *s);

#endif
