/* frame: RFC 6455, section 5.2: flags, length, 0, 2 or 8 bytes more of length, mask, payload. */
#include "relay/frame.h"

#include <stdbool.h>

enum { REQUEST, FLAGS, LENGTH, LONG_LENGTH, CONTENT };
enum {
	MASKED = 0x80,
	OPCODE = 0x0f,
	CLOSE = 0x08,
	CONTROL = 0x08,
	HIGHEST_BIT = 0x80,
	MASK_BYTES = 4,
	SHORT_MAX = 125
};

static void
take_request(struct frame_walk *w, unsigned char byte)
{
	static const char end[] = "\r\n\r\n";

	if (byte == (unsigned char)end[w->matched])
		w->matched++;
	else
		w->matched = byte == '\r';
	if (w->matched == sizeof(end) - 1)
		*w = (struct frame_walk){ .at = FLAGS };
}

/* False: the frame is bad. */
static bool
take_length(struct frame_walk *w, unsigned char byte)
{
	unsigned length = byte & 0x7f;

	if (!(byte & MASKED) || (length > SHORT_MAX && (w->flags & CONTROL)) ||
	    (length == 1 && (w->flags & OPCODE) == CLOSE))
		return false;
	w->matched = length == 126 ? 2 : length == 127 ? 8 : 0;
	w->left = w->matched ? 0 : length + MASK_BYTES;
	w->at = w->matched ? LONG_LENGTH : CONTENT;
	return true;
}

static bool
take_long_length(struct frame_walk *w, unsigned char byte)
{
	if (w->matched == 8 && (byte & HIGHEST_BIT))
		return false;
	w->left = w->left << 8 | byte;
	if (--w->matched == 0) {
		w->left += MASK_BYTES;
		w->at = CONTENT;
	}
	return true;
}

size_t
frame_walk(struct frame_walk *w, const unsigned char *bytes, size_t len)
{
	size_t begin = 0, step;
	bool good = true;

	for (size_t i = 0; i < len && good; i += step) {
		step = 1;
		switch (w->at) {
		case REQUEST: take_request(w, bytes[i]); break;
		case FLAGS:
			begin = i;
			w->begun++;
			w->flags = bytes[i];
			w->at = LENGTH;
			break;
		case LENGTH: good = take_length(w, bytes[i]); break;
		case LONG_LENGTH: good = take_long_length(w, bytes[i]); break;
		default:
			step = w->left < len - i ? (size_t)w->left : len - i;
			w->left -= step;
			if (w->left == 0)
				w->at = FLAGS;
		}
	}
	return good ? len : begin;
}
