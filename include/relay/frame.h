/* frame: what libwebsockets 4.1.6 does not ask of a client's frames (RFC 6455): that each is
 * masked (5.1), that a close frame has none or two bytes at least (5.5.1); or does not answer:
 * that a control frame is short (5.5), that a length has no more than 63 bits (5.2). Walks over
 * the bytes of one connection as they come, and keeps nothing. */
#ifndef RELAY_FRAME_H
#define RELAY_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* All zero at the beginning of a connection, which begins with the request for the upgrade. */
struct frame_walk {
	uint64_t left;   /* to go: mask and payload, or what a long length has said so far */
	uint32_t begun;  /* frames so far; the caller may set it back */
	uint8_t at;      /* a state of frame.c */
	uint8_t flags;   /* of the frame */
	uint8_t matched; /* of what ends the request, or bytes of a long length to come */
};

/* How many of the bytes belong to good frames. Fewer than `len`: there a bad one begins (or
 * goes on, when its first bytes came before these), and the walk is over. */
size_t frame_walk(struct frame_walk *w, const unsigned char *bytes, size_t len);

#endif
