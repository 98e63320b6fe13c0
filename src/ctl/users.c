/* users: a person as operators see one. */
#include <stdio.h>

#include "base/buf.h"
#include "ctl/words.h"
#include "store/operator.h"

/* A member whose name ends like that is a time in seconds. */
static bool
is_time(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, "_at") == 0;
}

static void
put_member(const struct field *f, const void *at, struct buf *out)
{
	int64_t n = f->type == FIELD_INT ? *(const int64_t *)at : 0;

	if (f->type == FIELD_UUID)
		buf_json_string(out, span_of(((const struct uuid *)at)->text));
	else if (f->type == FIELD_TEXT)
		buf_json_string(out, span_of(*(const char *const *)at));
	else if (!is_time(f->name))
		buf_int(out, n);
	else if (n == 0)
		buf_puts(out, "null");
	else {
		buf_char(out, '"');
		buf_time(out, n * 1000000);
		buf_char(out, '"');
	}
}

/* The same values; a text without its quotes and without what a terminal would obey. */
static void
print_member(const struct field *f, const void *at)
{
	struct buf b;

	printf("%-16s ", f->name);
	buf_init(&b, 16 * KIB);
	if (f->type == FIELD_TEXT)
		buf_puts(&b, *(const char *const *)at);
	else if (f->type == FIELD_UUID)
		buf_puts(&b, ((const struct uuid *)at)->text);
	else if (is_time(f->name) && *(const int64_t *)at > 0)
		buf_time(&b, *(const int64_t *)at * 1000000);
	else if (is_time(f->name))
		buf_puts(&b, "never");
	else
		buf_int(&b, *(const int64_t *)at);
	ctl_put(b.len ? buf_text(&b) : "-", 0);
	putchar('\n');
	buf_free(&b);
}

static void
print_user(const struct ctl *ctl, const struct user_shown *user)
{
	const struct form *form = &form_user_shown;
	struct buf b;

	buf_init(&b, 64 * KIB);
	for (size_t i = 0; i < form->count; i++) {
		const void *at = (const char *)user + form->fields[i].offset;
		if (!ctl->json) {
			print_member(&form->fields[i], at);
			continue;
		}
		buf_format(&b, "%s\"%s\":", i ? "," : "{", form->fields[i].name);
		put_member(&form->fields[i], at, &b);
	}
	if (ctl->json)
		printf("%s}\n", buf_text(&b));
	buf_free(&b);
}

int
command_users(struct ctl *ctl, int argc, char **argv)
{
	struct user_shown user;
	enum err e;

	if (argc != 3)
		return ctl_usage(ctl, "show wants one username");
	e = q_user_shown(ctl_db(ctl, "codegram-ctl"), argv[2], &user);
	if (e == ERR_NOT_FOUND)
		fault(&ctl->scope.fault, e, "there is no user %s", argv[2]);
	if (e != OK)
		return ctl_failed(ctl, e, "nobody is shown");
	print_user(ctl, &user);
	return CTL_OK;
}
