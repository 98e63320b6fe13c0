/* unicode: libunistring's check. */
#include "adapter/unicode.h"

#include <unistr.h>

bool
unicode_ok(struct span text)
{
	return text.len == 0 || u8_check((const uint8_t *)text.ptr, text.len) == NULL;
}
