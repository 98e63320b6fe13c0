/* unicode: libunistring's answers. */
#include "base/unicode.h"

#include <unictype.h>
#include <unistr.h>

bool
unicode_ok(struct span text)
{
	return text.len == 0 || u8_check((const uint8_t *)text.ptr, text.len) == NULL;
}

bool
unicode_next(struct span *rest, uint32_t *c)
{
	int len;

	if (rest->len == 0)
		return false;
	len = u8_mbtouc(c, (const uint8_t *)rest->ptr, rest->len);
	rest->ptr += len;
	rest->len -= (size_t)len;
	return true;
}

bool
unicode_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c & 0xfffe) == 0xfffe ||
	       (c >= 0xfdd0 && c <= 0xfdef);
}

bool
unicode_line_end(uint32_t c)
{
	return c == 0x2028 || c == 0x2029;
}

bool
unicode_bidi_control(uint32_t c)
{
	return uc_is_property_bidi_control(c);
}

bool
unicode_word(uint32_t c)
{
	return uc_is_general_category_withtable(
	           c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd) &&
	       !unicode_blank(c);
}

int
unicode_direction(uint32_t c)
{
	switch (uc_bidi_class(c)) {
	case UC_BIDI_L: return 1;
	case UC_BIDI_R:
	case UC_BIDI_AL:
	case UC_BIDI_AN: return -1;
	default: return 0;
	}
}

bool
unicode_mark(uint32_t c)
{
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M);
}

bool
unicode_emoji(uint32_t c)
{
	return uc_is_property_emoji_presentation(c);
}

bool
unicode_digit(uint32_t c)
{
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd);
}

bool
unicode_blank(uint32_t c)
{
	/* Two that no property names: the empty Braille cell and a note without a head. */
	return unicode_control(c) || c == 0x2800 || c == 0x1d159 ||
	       uc_is_property_white_space(c) || uc_is_property_default_ignorable_code_point(c);
}

bool
unicode_visible(struct span text)
{
	uint32_t c;

	while (unicode_next(&text, &c))
		if (!unicode_blank(c))
			return true;
	return false;
}
