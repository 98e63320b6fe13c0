/* protocol: the messages of cg.v1: JSON objects, one a text frame. Reads them with Jansson and
 * writes them with struct buf; decides nothing about limits or sockets. */
#ifndef RELAY_PROTOCOL_H
#define RELAY_PROTOCOL_H

#include "relay/relay.h"

#define PROTOCOL_NAME "cg.v1"

/* One whole text frame of a client. May close the connection. */
void protocol_take(struct relay *r, struct connection *c, struct span text);

/* A token that came with the upgrade; any other word than OK is 401. */
enum err protocol_token(struct relay *r, struct connection *c, struct span token);

/* Into r->text; hub_say() sends it. */
void protocol_position(struct relay *r, struct stream_id id);
void protocol_expiring(struct relay *r, int64_t seconds);
void protocol_drain(struct relay *r);

/* {"type":"event",…} of a log entry; `data` is a JSON object. */
void protocol_event(struct relay *r, struct span room, struct stream_id id, struct span event,
    struct span data);

#endif
