/* message: one text frame, written once and shared by all who get it; counted references.
 * In front of the text stays room for the frame's head, which is the same for everybody
 * (RFC 6455, section 5.1: what a server sends is not masked). */
#ifndef RELAY_MESSAGE_H
#define RELAY_MESSAGE_H

#include "base/pool.h"
#include "base/span.h"

enum { MESSAGE_PRE = 16, MESSAGE_MAX = 16 * 1024 };

enum message_class {
	MESSAGE_KEPT,     /* nobody may miss it: it also stays in the ring */
	MESSAGE_VOLATILE, /* dropped where anything waits */
	MESSAGE_LAST,     /* takes the place of a waiting one of the same topic */
};

struct message {
	uint32_t references, len;
	enum message_class class;
	uint64_t topic;
	char room_for_head[MESSAGE_PRE];
	char text[];
};

/* With one reference, the caller's. NULL: no memory. */
struct message *message_make(
    struct pool_memory *memory, struct span text, enum message_class class, uint64_t topic);
struct message *message_hold(struct message *m);
void message_drop(struct pool_memory *memory, struct message *m);
size_t message_bytes(const struct message *m); /* in memory */

#endif
