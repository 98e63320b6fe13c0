/* clean: by the rules that people's own texts are judged by. */
#include "model/clean.h"

#include "base/unicode.h"
#include "model/rule.h"

/* Marks of direction stay, since words of such scripts need them; what opens or closes goes. */
static bool
turns(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool
parts(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0x3000 || unicode_control(c) ||
	       unicode_line_end(c);
}

enum err
clean_line(const char *text, int64_t most, struct arena *arena, const char **out)
{
	struct span rest = span_of(text), was = rest;
	char *to = arena_alloc(arena, rest.len + 1);
	size_t len = 0;
	bool gap = false;
	uint32_t c;

	*out = NULL;
	if (to == NULL)
		return ERR_NO_MEMORY;
	for (; most > 0 && unicode_next(&rest, &c); was = rest) {
		size_t bytes = was.len - rest.len;
		gap = gap || parts(c);
		if (parts(c) || turns(c) || (c == 0xfffd && bytes < 3)) /* not UTF-8 */
			continue;
		if (gap && len > 0 && --most > 0)
			to[len++] = ' ';
		gap = false;
		if (most-- <= 0)
			break;
		memcpy(to + len, was.ptr, bytes);
		len += bytes;
	}
	while (len > 0 && to[len - 1] == ' ')
		len--;
	to[len] = '\0';
	if (unicode_visible((struct span){ to, len }))
		*out = to;
	return OK;
}

enum err
clean_url(const char *text, int64_t most, struct arena *arena, const char **out)
{
	struct span trimmed = span_trim(span_of(text)), host = trimmed;
	bool bare = text != NULL && strstr(text, "://") == NULL;
	const char *url = arena_format(arena, "%s%.*s", bare ? "https://" : "",
	    (int)(trimmed.len > INT32_MAX / 2 ? 0 : trimmed.len),
	    trimmed.ptr ? trimmed.ptr : "");

	*out = NULL;
	if (url == NULL)
		return ERR_NO_MEMORY;
	host = span_cut(&host, '/');
	if (bare && memchr(host.ptr ? host.ptr : "", '.', host.len) == NULL)
		return OK;
	if (url_ok(span_of(url)) && (int64_t)field_points(span_of(url)) <= most)
		*out = url;
	return OK;
}
