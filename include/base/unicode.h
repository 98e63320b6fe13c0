/* unicode: whether bytes are UTF-8, and of what kind each character is (libunistring's tables).
 * It stands on the lowest floor, since the rules for texts do. */
#ifndef BASE_UNICODE_H
#define BASE_UNICODE_H

#include "base/span.h"

bool unicode_ok(struct span text);

/* Takes the first character off the front; false at the end. A byte that is not UTF-8 counts as
 * U+FFFD. */
bool unicode_next(struct span *rest, uint32_t *c);

/* C0, DEL and C1, U+0085 among them; and what is no character (U+FFFE), which XML has no place
 * for either. */
bool unicode_control(uint32_t c);

bool unicode_line_end(uint32_t c);     /* U+2028, U+2029 */
bool unicode_bidi_control(uint32_t c); /* turns the order in which a line is read */
bool unicode_word(uint32_t c);         /* a letter, a mark or a digit that can be seen */
bool unicode_mark(uint32_t c);         /* joins the letter before it */
bool unicode_digit(uint32_t c);        /* of any script */
bool unicode_emoji(uint32_t c);        /* one that is a picture by itself */

/* Of letters: 1 from left to right, -1 from right to left; 0: as its neighbours. */
int unicode_direction(uint32_t c);

/* White space, or nothing at all. */
bool unicode_blank(uint32_t c);

/* Whether there is anything to be seen in it. */
bool unicode_visible(struct span text);

#endif
