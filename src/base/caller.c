/* caller: by inet_pton, so that every spelling of an address is the same one. */
#include "base/caller.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

void
caller_of(struct span address, char out[CALLER_TEXT])
{
	static const char mapped[] = "::ffff:";
	char text[CALLER_TEXT];
	unsigned char six[16];

	snprintf(text, sizeof(text), "%.*s",
	    (int)(address.len < sizeof(text) ? address.len : sizeof(text) - 1),
	    address.ptr ? address.ptr : "");
	/* An IPv4 caller may come mapped into IPv6: not all of them are one caller. */
	if (strncasecmp(text, mapped, sizeof(mapped) - 1) == 0 && strchr(text, '.'))
		snprintf(out, CALLER_TEXT, "%s", text + sizeof(mapped) - 1);
	else if (inet_pton(AF_INET6, text, six) == 1)
		snprintf(out, CALLER_TEXT, "%02x%02x%02x%02x%02x%02x%02x%02x", six[0], six[1],
		    six[2], six[3], six[4], six[5], six[6], six[7]);
	else
		snprintf(out, CALLER_TEXT, "%s", text);
}
