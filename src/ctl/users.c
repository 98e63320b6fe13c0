/* users: a person as operators see one, and who of them is an admin. */
#include <stdio.h>

#include "base/buf.h"
#include "ctl/words.h"
#include "store/operator.h"
#include "store/user.h"

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

static int
failed(struct ctl *ctl, enum err e, const char *username, const char *doing)
{
	if (e == ERR_NOT_FOUND)
		fault(&ctl->scope.fault, e, "there is no user %s", username);
	return ctl_failed(ctl, e, doing);
}

static int
show(struct ctl *ctl, int argc, char **argv)
{
	struct user_shown user;
	enum err e;

	if (argc != 1)
		return ctl_usage(ctl, "show wants one username");
	if ((e = q_user_shown(ctl_db(ctl, "codegram-ctl"), argv[0], &user)) != OK)
		return failed(ctl, e, argv[0], "nobody is shown");
	print_user(ctl, &user);
	return CTL_OK;
}

/* Who was one has tokens that say so: their sessions end with the role. The relay hears of it, and
 * Redis, by the scheduler. */
static int
admin(struct ctl *ctl, int argc, char **argv)
{
	bool on = argc == 2 && strcmp(argv[1], "on") == 0;
	struct session_ended *ended;
	struct user_head user;
	size_t count = 0;
	struct db *db;
	enum err e;

	if (!on && (argc != 2 || strcmp(argv[1], "off") != 0))
		return ctl_usage(ctl, "admin wants one username, and on or off");
	db = ctl_db(ctl, "codegram-ctl");
	e = q_user_by_name(db, argv[0], &user);
	if (e == OK)
		e = on ? q_user_set_role(db, user.id, "admin")
		       : q_user_admin_off(db, user.id, &ended, &count);
	if (e != OK)
		return failed(ctl, e, argv[0], "nothing was changed");
	if (ctl->json)
		printf("{\"username\":\"%s\",\"role\":\"%s\",\"sessions_ended\":%zu}\n",
		    user.username, on ? "admin" : "user", count);
	else if (on)
		printf("%s is an admin\n", user.username);
	else
		printf("%s is no admin; sessions ended: %zu\n", user.username, count);
	return CTL_OK;
}

int
command_users(struct ctl *ctl, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "admin") == 0)
		return admin(ctl, argc - 2, argv + 2);
	return show(ctl, argc - 2, argv + 2);
}
