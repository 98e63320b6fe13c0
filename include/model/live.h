/* live: what an event for live connections must be, for whoever writes one and whoever reads it. */
#ifndef MODEL_LIVE_H
#define MODEL_LIVE_H

#include "base/span.h"

enum { LIVE_EVENT_BYTES = 8 * 1024 }; /* of its JSON */

/* user:ID, snippet:ID, doc:ID (a UUID in small letters), or admin. */
bool live_room_ok(struct span room);

/* 1 to 64 of a-z, 0-9 and _ - . : */
bool live_event_ok(struct span name);

#endif
