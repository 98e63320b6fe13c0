/* hub: who is connected, in which rooms, and what goes to them. Decides who is too many, too
 * slow, too quiet or too old; protocol.c says it, socket.c does it. */
#ifndef RELAY_HUB_H
#define RELAY_HUB_H

#include "relay/relay.h"

/* Limits of an address before anything is made; counts a handshake. */
enum handshake hub_admit(struct relay *r, struct span address);

/* A connection before its upgrade is through; NULL: no memory. hub_leave() frees it. */
struct connection *hub_make(struct relay *r, struct span address);
void hub_enter(struct relay *r, struct connection *c);
void hub_leave(struct relay *r, struct connection *c);

/* After a good hello: takes its place on the wheel and closes the user's oldest if too many.
 * Also after a refreshed token. */
void hub_know(struct relay *r, struct connection *c, const struct jwt_claims *claims);

/* NULL: no memory or too many rooms. A room joined twice is joined once. */
struct member *hub_join(struct relay *r, struct connection *c, struct span room);
void hub_part(struct relay *r, struct connection *c, struct span room);

/* Everything behind the offset comes from the ring first. False: the ring does not know. */
bool hub_resume(struct relay *r, struct connection *c, struct stream_id offset);

/* Where the log is, as far as this process knows. */
struct stream_id hub_position(const struct relay *r);

/* Takes a reference of its own. */
void hub_queue(struct relay *r, struct connection *c, struct message *m);

/* What stands in r->text goes to one connection. */
void hub_say(struct relay *r, struct connection *c);

/* To all in the room; `place` in the ring or 0. */
void hub_deliver(
    struct relay *r, struct room *room, struct stream_id id, uint64_t place, struct message *m);

/* The next message for the socket, with its reference; NULL: nothing. Fills up from the ring. */
struct message *hub_next(struct relay *r, struct connection *c);

/* Leaves all rooms, drops all that waits. */
void hub_empty(struct relay *r, struct connection *c);

/* At the end of a turn: each connection that has something writes it, once. */
void hub_flush(struct relay *r);

/* Drops what waits, sends the close frame when it can, cuts when it can't. */
void hub_close(struct relay *r, struct connection *c, enum close_code code, const char *reason);

/* The same for what libwebsockets closes by itself: sends nothing more, and cuts it in time. */
void hub_end(struct relay *r, struct connection *c);

/* The flood limit of a client's messages, and of frames, which need not be messages: pings, and
 * parts of a message that never ends. */
bool hub_may_send(struct connection *c, size_t frames);
bool hub_may_speak(struct connection *c);

/* The id of a session that ended, or of a person who may not be here: their connections are
 * closed, and for as long as a token lives none of theirs is good. hub_allow() takes it back. */
bool hub_is_revoked(struct relay *r, const struct jwt_claims *claims);
void hub_revoke(struct relay *r, struct span id);
void hub_allow(struct relay *r, struct span id);
void hub_log_lost(struct relay *r);

/* Each TICK_MS. */
void hub_tick(struct relay *r);

/* Tells everybody that this process ends; then closes some of them at a time. */
void hub_drain(struct relay *r);
void hub_drain_some(struct relay *r, size_t count);

/* How many connections there are, those that close included. */
size_t hub_all(const struct relay *r);

/* After the last connection: rooms, addresses, the ring. */
void hub_free(struct relay *r);

void list_add(struct list *l, struct connection *c);
void list_take(struct connection *c);

#endif
