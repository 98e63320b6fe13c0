/* socket: WebSocket by libwebsockets, whose header only socket.c includes: accepting, the
 * upgrade, frames, closing. */
#ifndef RELAY_SOCKET_H
#define RELAY_SOCKET_H

#include "relay/relay.h"

/* For the counter. */
const char *socket_handshake_label(enum handshake h);

/* False: logged. */
bool socket_open(struct relay *r);
void socket_close_all(struct relay *r);

/* Stops or goes on accepting; what comes meanwhile waits in the kernel. */
void socket_accept(struct relay *r, bool wanted);
void socket_leave_port(struct relay *r);

/* Writes what waits as far as the kernel takes it; the rest when it is writable. */
void socket_flush(struct relay *r, struct connection *c);
void socket_ping(struct relay *r, struct connection *c);

/* Asks for the moment to write the close frame; resets the connection. */
void socket_want_close(struct connection *c);
void socket_cut(struct connection *c);

#endif
