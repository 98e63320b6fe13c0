/* route: from the raw request target to a row and its path parameters. The target is decoded
 * once, segment by segment; what has two spellings is refused (400), as nginx does, so that
 * both always see the same route group. */
#include "web/app.h"

#include "base/unicode.h"
#include "base/log.h"

static bool
unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c > 0 && strchr("-._~", c) != NULL);
}

/* nginx says the same (paths.conf). */
static const char EMPTY_SEGMENT[] = "The path has an empty segment: two slashes",
                  DOT_SEGMENT[] = "The path has a segment . or ..",
                  BAD_CHARACTER[] = "The path has a character that must be percent-encoded",
                  BAD_ESCAPE[] = "The path has a % without two hexadecimal digits",
                  CONTROL[] = "The path has a control character",
                  SECOND_SPELLING[] = "The path has a percent-encoded character that must "
                                      "stand as itself",
                  NOT_UTF8[] = "The path is not UTF-8";

/* NULL, or what is wrong: a bad escape, an escaped unreserved or control character, or a raw
 * byte that has no place in a path (RFC 3986, sections 2.1 and 6.2.2.2). */
static const char *
decode_segment(struct span raw, char *to, struct span *out)
{
	*out = (struct span){ to, 0 };
	for (size_t i = 0; i < raw.len; i++) {
		int c = (unsigned char)raw.ptr[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
			return BAD_CHARACTER;
		if (c == '%') {
			int high = i + 2 < raw.len ? span_hex(raw.ptr[i + 1]) : -1;
			int low = i + 2 < raw.len ? span_hex(raw.ptr[i + 2]) : -1;
			if (high < 0 || low < 0)
				return BAD_ESCAPE;
			c = high << 4 | low;
			if (unreserved(c))
				return SECOND_SPELLING;
			if (c < 0x20 || c == 0x7f)
				return CONTROL;
			i += 2;
		}
		to[out->len++] = (char)c;
	}
	return unicode_ok(*out) ? NULL : NOT_UTF8;
}

static enum err
take_segment(struct request *r, struct span raw, bool last, char *to)
{
	struct span *segment = &r->segment[r->segments++];
	const char **wrong = &r->scope.fault.message;

	if (raw.len == 0 && !last)
		*wrong = EMPTY_SEGMENT;
	else if (span_is(raw, ".") || span_is(raw, ".."))
		*wrong = DOT_SEGMENT;
	else
		*wrong = decode_segment(raw, to, segment);
	return *wrong ? ERR_BAD_PATH : OK;
}

static enum err
split_path(struct request *r)
{
	struct span rest = r->path, raw;
	char *to = arena_alloc(r->scope.arena, r->path.len + 1);

	if (to == NULL)
		return ERR_NO_MEMORY;
	if (rest.len == 0 || rest.ptr[0] != '/')
		return ERR_BAD_PATH;
	span_cut(&rest, '/');
	if (rest.ptr == NULL || rest.len == 0) /* "/" itself has no segment */
		return OK;
	while (rest.ptr != NULL) {
		raw = span_cut(&rest, '/');
		if (r->segments == SEGMENTS_MAX)
			return ERR_NOT_FOUND;
		TRY(take_segment(r, raw, rest.ptr == NULL, to));
		to += r->segment[r->segments - 1].len;
	}
	return OK;
}

static bool
path_matches(struct request *r, const char *path)
{
	struct span rest = span_of(path + 1);
	size_t params = 0;

	for (size_t i = 0; i < r->segments; i++) {
		struct span want;
		if (rest.ptr == NULL)
			return false;
		want = span_cut(&rest, '/');
		if (want.len > 0 && want.ptr[0] == ':')
			r->param[params++] = r->segment[i];
		else if (!span_equal(want, r->segment[i]))
			return false;
	}
	return rest.ptr == NULL && r->segments > 0;
}

const char *
route_methods(struct request *r)
{
	struct buf list;
	const char *text;

	buf_init(&list, 256);
	for (size_t i = 0; i < r->app->route_count; i++) {
		const struct route *row = &r->app->routes[i];
		if (!path_matches(r, row->path))
			continue;
		buf_format(&list, "%s%s%s", list.len ? ", " : "", row->method,
		    strcmp(row->method, "GET") == 0 ? ", HEAD" : "");
	}
	if (list.len > 0)
		buf_puts(&list, ", OPTIONS");
	text = arena_text(r->scope.arena, buf_span(&list));
	buf_free(&list);
	return text ? text : "";
}

/* OPTIONS without a preflight, or a method that the path does not know. */
static enum err
other_method(struct request *r)
{
	const char *methods = route_methods(r);

	if (*methods == '\0')
		return ERR_NOT_FOUND;
	reply_header(r, "Allow", methods);
	if (!span_is(r->method, "OPTIONS"))
		return ERR_WRONG_METHOD;
	r->reply.done = true;
	return reply_none(r);
}

enum err
route(struct request *r)
{
	struct span method = r->head ? SPAN("GET") : r->method;

	TRY(split_path(r));
	for (size_t i = 0; i < r->app->route_count && r->route == NULL; i++) {
		const struct route *row = &r->app->routes[i];
		if (span_is(method, row->method) && path_matches(r, row->path))
			r->route = row;
	}
	if (r->route == NULL)
		return other_method(r);
	if (!(r->app->groups >> r->route->group & 1)) {
		/* nginx's map and this pool disagree: an operator's mistake. */
		LOG(LEVEL_ERROR, "route.foreign_group", L_TEXT("pool", r->app->pool),
		    L_TEXT("group", group_name(r->route->group)));
		return fault(&r->scope.fault, ERR_INTERNAL, "group %s is not served by pool %s",
		    group_name(r->route->group), r->app->pool);
	}
	return OK;
}

static struct span
param_of(const struct request *r, const char *name)
{
	struct span rest = span_of(r->route->path);
	size_t at = 0;

	while (rest.ptr != NULL) {
		struct span part = span_cut(&rest, '/');
		if (part.len == 0 || part.ptr[0] != ':')
			continue;
		if (span_is((struct span){ part.ptr + 1, part.len - 1 }, name))
			return r->param[at];
		at++;
	}
	return (struct span){ NULL, 0 };
}

enum err
param_uuid(const struct request *r, const char *name, struct uuid *out)
{
	return uuid_parse(param_of(r, name), out) ? OK : ERR_NOT_FOUND;
}

const char *
param_text(struct request *r, const char *name)
{
	return arena_text(r->scope.arena, param_of(r, name));
}

static enum err
param_checked(
    struct request *r, const char *name, bool (*ok)(struct span text), const char **out)
{
	struct span text = param_of(r, name);

	if (text.len == 0 || !ok(text))
		return ERR_NOT_FOUND;
	*out = arena_text(r->scope.arena, text);
	return *out ? OK : ERR_NO_MEMORY;
}

enum err
param_username(struct request *r, const char *name, const char **out)
{
	return param_checked(r, name, username_ok, out);
}

enum err
param_job_id(struct request *r, const char *name, const char **out)
{
	return param_checked(r, name, rule_job_id.ok, out);
}
