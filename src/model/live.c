/* live: the rules of rooms' and events' names. */
#include "model/live.h"

#include "base/field.h"

bool
live_room_ok(struct span room)
{
	static const char *const kinds[] = { "user:", "snippet:", "doc:" };
	struct uuid id;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct span kind = span_of(kinds[i]);
		struct span rest = { room.ptr + kind.len, room.len - kind.len };
		if (span_starts(room, kind))
			return uuid_parse(rest, &id) && span_is(rest, id.text);
	}
	return span_is(room, "admin");
}

bool
live_event_ok(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' &&
		    c != '-' && c != '.' && c != ':')
			return false;
	}
	return name.len > 0 && name.len <= 64;
}
