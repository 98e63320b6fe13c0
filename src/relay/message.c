/* message: shared frames. */
#include "relay/message.h"

size_t
message_bytes(const struct message *m)
{
	return sizeof(*m) + m->len;
}

struct message *
message_make(
    struct pool_memory *memory, struct span text, enum message_class class, uint64_t topic)
{
	struct message *m = pool_take(memory, sizeof(*m) + text.len);

	if (m == NULL)
		return NULL;
	m->references = 1;
	m->len = (uint32_t)text.len;
	m->class = class;
	m->topic = topic;
	memcpy(m->text, text.ptr, text.len);
	return m;
}

struct message *
message_hold(struct message *m)
{
	m->references++;
	return m;
}

void
message_drop(struct pool_memory *memory, struct message *m)
{
	if (m != NULL && --m->references == 0)
		pool_give(memory, m, message_bytes(m));
}
