/* validate: the query or the body into the row's form, all faulty fields at once. */
#include "web/app.h"

#include <stdio.h>

#include "adapter/json.h"
#include "base/unicode.h"

bool
query_decode(struct span raw, struct arena *arena, struct span *out)
{
	char *to = arena_alloc(arena, raw.len + 1);

	*out = (struct span){ to, 0 };
	if (to == NULL)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c == '+')
			c = ' ';
		if (c == '%') {
			int high = i + 2 < raw.len ? span_hex(raw.ptr[i + 1]) : -1;
			int low = i + 2 < raw.len ? span_hex(raw.ptr[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return false;
		to[out->len++] = c;
	}
	return unicode_ok(*out);
}

static enum err
take_parameter(struct request *r, struct span pair, void *out)
{
	const struct form *form = r->route->form;
	struct span value = pair, raw_name = span_cut(&value, '='), name, text;
	struct fault *f = &r->scope.fault;
	char where[96];
	int i;

	if (!query_decode(raw_name, r->scope.arena, &name))
		return fault_field(f, "?", "BAD_TEXT", "has a name that is not UTF-8 text", 0);
	snprintf(where, sizeof(where), "?%.*s", (int)(name.len > 64 ? 64 : name.len), name.ptr);
	if ((i = field_find(form, name)) < 0)
		return r->strict ? fault_field(
		                       f, where, "UNKNOWN_FIELD", "is not a parameter here", 0)
		                 : OK;
	if (((struct presence *)out)->given >> i & 1)
		return fault_field(f, where, "REPEATED", "is there twice", 0);
	if (!query_decode(value, r->scope.arena, &text))
		return fault_field(
		    f, where, "BAD_TEXT", "is not UTF-8 text, percent-encoded", 0);
	return field_set(form, (size_t)i, out, text, where, &r->scope);
}

static enum err
validate_query(struct request *r, void *out)
{
	struct span rest = r->query;
	enum err worst = OK, e;

	while (rest.ptr != NULL) {
		struct span pair = span_cut(&rest, '&');
		if (pair.len == 0)
			continue;
		if ((e = take_parameter(r, pair, out)) == ERR_NO_MEMORY)
			return e;
		worst = e ? e : worst;
	}
	e = field_finish(r->route->form, out, "?", &r->scope);
	return worst ? worst : e;
}

/* application/json, in UTF-8 when a charset is named at all. */
static bool
is_json(struct span type)
{
	struct span kind = span_trim(span_cut(&type, ';'));

	if (!span_equal_nocase(kind, SPAN("application/json")))
		return false;
	while (type.ptr != NULL) {
		struct span value = span_trim(span_cut(&type, ';')),
		            name = span_cut(&value, '=');
		if (span_equal_nocase(name, SPAN("charset")) &&
		    !span_equal_nocase(value, SPAN("utf-8")) &&
		    !span_equal_nocase(value, SPAN("\"utf-8\"")))
			return false;
	}
	return true;
}

static int64_t
body_length(const struct request *r)
{
	int64_t length = 0;

	span_int(fastcgi_param(r->app->fastcgi, "CONTENT_LENGTH"), &length);
	return length;
}

/* What is compressed, or says that it is, can't be read here (RFC 9110, sections 8.4 and
 * 12.5.3). */
static enum err
is_plain(struct request *r)
{
	struct span rest = request_list(r, "HTTP_CONTENT_ENCODING");

	while (rest.ptr != NULL) {
		struct span coding = span_trim(span_cut(&rest, ','));
		if (coding.len == 0 || span_equal_nocase(coding, SPAN("identity")))
			continue;
		reply_header(r, "Accept-Encoding", "identity");
		r->scope.fault.message = "Send the body without a Content-Encoding";
		return ERR_WRONG_TYPE;
	}
	return OK;
}

static enum err
read_body(struct request *r, struct span *out)
{
	const struct form *form = r->route->form;
	int64_t length = body_length(r);
	size_t max = form->max_bytes ? form->max_bytes : KIB;
	char *body;

	if (length > (int64_t)max) {
		r->scope.fault.message = arena_format(
		    r->scope.arena, "The body is too large: at most %zu bytes here", max);
		return ERR_TOO_LARGE;
	}
	if (length < 0)
		return ERR_BAD_JSON;
	TRY(is_plain(r));
	if ((body = arena_alloc(r->scope.arena, (size_t)length + 1)) == NULL)
		return ERR_NO_MEMORY;
	*out = (struct span){ body, fastcgi_read(r->app->fastcgi, body, (size_t)length) };
	return OK;
}

enum err
raw_body(struct request *r)
{
	return read_body(r, &r->body);
}

/* RFC 9110, section 15.5.16; RFC 5789, section 2.2: what would have been right. */
static enum err
wrong_type(struct request *r)
{
	bool patch = strcmp(r->route->method, "PATCH") == 0;

	reply_header(r, patch ? "Accept-Patch" : "Accept", "application/json");
	return ERR_WRONG_TYPE;
}

static enum err
validate_body(struct request *r, void *out)
{
	struct json_t *json;
	struct span body;

	if (!is_json(fastcgi_param(r->app->fastcgi, "CONTENT_TYPE")))
		return wrong_type(r);
	TRY(read_body(r, &body));
	TRY(json_object_of(body, &json, &r->scope));
	return json_fill(json, r->route->form, out, &r->scope);
}

/* A POST that needs to say nothing may come without a body. */
static bool
all_optional(const struct route *route)
{
	for (size_t i = 0; i < route->form->count; i++)
		if (route->form->fields[i].flags & REQUIRED)
			return false;
	return strcmp(route->method, "POST") == 0;
}

enum err
validate(struct request *r)
{
	const struct form *form = r->route->form;
	bool sends = r->route->method[0] == 'P';
	bool body = sends && (form->max_bytes > 0 || body_length(r) > 0);
	bool none = body && body_length(r) == 0 && all_optional(r->route);
	void *out = arena_alloc(r->scope.arena, form->size);

	if (out == NULL)
		return ERR_NO_MEMORY;
	r->form = out;
	if (prefers(r, "handling", "strict")) {
		r->strict = true;
		reply_header(r, "Preference-Applied", "handling=strict");
	}
	if (form == &form_raw_body) /* the handler reads it, if it wants it */
		return OK;
	if (none)
		return field_finish(form, out, "/", &r->scope);
	return body ? validate_body(r, out) : validate_query(r, out);
}
