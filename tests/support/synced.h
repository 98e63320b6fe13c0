/* synced: people who signed in with GitHub, and their syncs: asked for, and waited for. */
#ifndef SUPPORT_SYNCED_H
#define SUPPORT_SYNCED_H

#include <stdbool.h>

/* Signs in through the browser's way (curl, with a jar for its cookies); true when it came to
 * the frontend. */
bool sign_in(const char *login);

/* A column of github_syncs, as text in static memory, eight at a time; "" when there is none. */
const char *sync_text(const char *login, const char *kind, const char *column);
long sync_number(const char *login, const char *kind, const char *column);

/* True when the sync is in that state within `seconds`. */
bool sync_comes_to(const char *login, const char *kind, const char *state, double seconds);

/* Adds the job by hand; and waits until a later pass has ended, in that state, or well. */
bool sync_add(const char *login, const char *kind);
bool sync_ends_as(const char *login, const char *kind, const char *state);
bool sync_again(const char *login, const char *kind);

#endif
