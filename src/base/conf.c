/* conf: KEY=value lines, the environment, credential files; each key is a field of a form. */
#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONF_FILE_MAX = 64 * 1024, SECRET_MAX = 4096 };

const char *
conf_origin_name(enum conf_origin o)
{
	static const char *const names[] = { "default", "file", "environment", "credential" };
	return names[o];
}

/* The whole file into the arena; *found tells a missing one from an empty one, errno why there is
 * none. */
static enum err
read_file(const char *path, size_t max, struct span *out, bool *found, struct scope *scope)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;
	ssize_t n;
	int why;

	*found = fd >= 0;
	if (fd < 0) {
		if (errno == ENOENT)
			return OK;
		return fault(&scope->fault, ERR_INVALID, "%s: %s", path, strerror(errno));
	}
	errno = EFBIG;
	n = fstat(fd, &st) == 0 && st.st_size < (off_t)max ? st.st_size + 1 : -1;
	bytes = n > 0 ? arena_alloc(scope->arena, (size_t)n) : NULL;
	n = bytes ? read(fd, bytes, (size_t)n) : -1;
	why = errno;
	close(fd);
	errno = why;
	if (n < 0)
		return fault(&scope->fault, ERR_INVALID, "%s: %s", path, strerror(why));
	*out = (struct span){ bytes, (size_t)n };
	if (span_starts(*out, SPAN("\xEF\xBB\xBF"))) /* some editors' mark of UTF-8 */
		*out = (struct span){ bytes + 3, (size_t)n - 3 };
	return OK;
}

/* A fault ends the load, unless somebody gathers them. */
static enum err
found(struct conf *c, enum err e, struct scope *scope)
{
	struct conf_findings *f = c->findings;

	if (e == OK || f == NULL)
		return e;
	if (f->count < CONF_FINDINGS_MAX)
		f->text[f->count++] = arena_text(scope->arena, span_of(scope->fault.story));
	fault_reset(&scope->fault);
	return OK;
}

/* `line` 0: not from the file. */
static enum err
set_key(struct conf *c, size_t i, struct span value, enum conf_origin origin, int line,
    struct scope *scope)
{
	const struct field *f = &c->form->fields[i];
	const struct fault_field *first = &scope->fault.fields[0];
	char bounds[64] = "", at[32] = "";

	c->origin[i] = (unsigned char)origin;
	if (field_set(c->form, i, c->settings, value, f->name, scope) == OK)
		return OK;
	field_unset(i, c->settings);
	c->origin[i] = CONF_DEFAULT;
	if (line > 0)
		snprintf(at, sizeof(at), ", line %d", line);
	if (scope->fault.count && f->max != 0 && strncmp(first->code, "TOO_", 4) == 0)
		snprintf(bounds, sizeof(bounds), " (%lld to %lld)", (long long)f->min,
		    (long long)f->max);
	return fault(&scope->fault, ERR_INVALID, "%s (from the %s%s): %s%s", f->name,
	    conf_origin_name(origin), at, scope->fault.count ? first->message : "no memory",
	    bounds);
}

static enum err
load_line(struct conf *c, const char *path, int number, struct span value, struct scope *scope)
{
	struct span name;
	int i;

	if (value.len > 0 && value.ptr[value.len - 1] == '\r')
		value.len--;
	value = span_trim(value);
	if (value.len == 0 || value.ptr[0] == '#')
		return OK;
	if (memchr(value.ptr, '=', value.len) == NULL)
		return fault(&scope->fault, ERR_INVALID, "%s:%d: not KEY=value", path, number);
	name = span_trim(span_cut(&value, '='));
	value = span_trim(value);
	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = (struct span){ value.ptr + 1, value.len - 2 };
	if ((i = field_find(c->form, name)) < 0)
		return fault(&scope->fault, ERR_INVALID, "%s:%d: unknown key %.*s", path,
		    number, (int)(name.len > 64 ? 64 : name.len), name.ptr);
	return set_key(c, (size_t)i, value, CONF_FILE, number, scope);
}

static enum err
load_lines(struct conf *c, const char *path, struct span text, struct scope *scope)
{
	for (int number = 1; text.ptr != NULL; number++) {
		struct span line = span_cut(&text, '\n');
		TRY(found(c, load_line(c, path, number, line, scope), scope));
	}
	return OK;
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* $CREDENTIALS_DIRECTORY/<KEY>, or the file that <KEY>_FILE names. */
static enum err
load_credential(struct conf *c, size_t i, struct scope *scope)
{
	const char *key = c->form->fields[i].name, *dir = getenv("CREDENTIALS_DIRECTORY");
	const char *name = arena_format(scope->arena, "%s_FILE", key);
	const char *path = name ? getenv(name) : NULL;
	struct span text = { NULL, 0 };
	bool found = false, named = path != NULL;

	if (path == NULL && dir != NULL)
		path = arena_format(scope->arena, "%s/%s", dir, key);
	if (path == NULL)
		return OK;
	TRY(read_file(path, SECRET_MAX, &text, &found, scope));
	if (!found && named)
		return fault(&scope->fault, ERR_INVALID, "%s: %s: no such file", name, path);
	if (!found)
		return OK;
	while (text.len > 0 && is_line_end(text.ptr[text.len - 1]))
		text.len--;
	/* So a unit may name one that most installations have not. */
	if (text.len == 0)
		return OK;
	if (memchr(text.ptr, '\n', text.len) || memchr(text.ptr, '\r', text.len))
		return fault(&scope->fault, ERR_INVALID,
		    "%s (from the credential): has more than one line", key);
	if (span_trim(text).len != text.len)
		return fault(&scope->fault, ERR_INVALID,
		    "%s (from the credential): begins or ends with a blank", key);
	return set_key(c, i, text, CONF_CREDENTIAL, 0, scope);
}

/* *unread: it is not there, or can't be read, and that was found. */
static enum err
load_file(struct conf *c, const char *path, bool must_exist, bool *unread, struct scope *scope)
{
	struct span text = { NULL, 0 };
	bool there;
	enum err e = read_file(path, CONF_FILE_MAX, &text, &there, scope);
	int why = errno;

	if (e == OK && (there || !must_exist))
		return load_lines(c, path, text, scope);
	if (e == OK)
		e = fault(&scope->fault, ERR_INVALID, "%s: no such file", path);
	*unread = true;
	if (c->findings != NULL)
		c->findings->unread = why;
	return found(c, e, scope);
}

enum err
conf_load(struct conf *c, const char *path, bool must_exist, struct scope *scope)
{
	bool unread = false;

	memset(c->origin, CONF_DEFAULT, sizeof(c->origin));
	TRY(load_file(c, path, must_exist, &unread, scope));
	for (size_t i = 0; i < c->form->count && !unread; i++) {
		const char *value = getenv(c->form->fields[i].name);
		if (c->form->fields[i].flags & SECRET)
			TRY(found(c, load_credential(c, i, scope), scope));
		if (value != NULL)
			TRY(found(c, set_key(c, i, span_of(value), CONF_ENVIRONMENT, 0, scope),
			    scope));
	}
	if (field_finish(c->form, c->settings, "", scope) != OK && !unread)
		return found(c,
		    fault(&scope->fault, ERR_INVALID, "%s is required",
		        scope->fault.count ? scope->fault.fields[0].field : "a key"),
		    scope);
	return OK;
}
