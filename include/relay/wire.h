/* wire: what a stranger sends, before libwebsockets sees it. Decides only whether it may. */
#ifndef RELAY_WIRE_H
#define RELAY_WIRE_H

#include <sys/types.h>

#include "relay/relay.h"

/* For descriptors below `files`. False: no memory. */
bool wire_start(struct relay *r, size_t files);
void wire_stop(struct relay *r);

/* What was just accepted, until its end; NULL: a descriptor that is too high. */
struct wire;
struct wire *wire_open(int fd);
void wire_close(struct wire *w);

/* Who it is, as soon as that is known. NULL, for a wire that is NULL, too: not yet. */
void wire_know(struct wire *w, struct connection *c);
struct connection *wire_connection(const struct wire *w);

/* The upgrade is through: closes it when the rule was broken already. */
void wire_upgraded(struct wire *w);

/* What recv() has read, and what it shall return. */
ssize_t wire_read(int fd, const void *bytes, ssize_t n);

#endif
