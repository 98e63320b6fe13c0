/* setup: the steps that make a machine ready, and the files they write. Each looks first, says what
 * it found, and changes nothing with --dry-run. Never shows a secret, never writes over one. */
#include "ctl/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETUP_FILE_MAX = 256 * KIB };

bool
setup_say(struct setup *s, enum setup_found found, const char *what)
{
	static const char *const words[][2] = { { "there", "there" }, { "made", "would make" },
		{ "changed", "would change" } };
	struct buf line;

	s->there += found == SETUP_THERE;
	s->made += found != SETUP_THERE;
	buf_init(&line, 16 * KIB);
	if (s->ctl->json) {
		buf_format(&line, "%s{\"what\":", s->made + s->there > 1 ? "," : "");
		buf_json_string(&line, span_of(what));
		buf_format(&line, ",\"found\":\"%s\"}", words[found][0]);
	} else
		buf_format(&line, "%-12s %s\n", words[found][s->dry], what);
	fputs(buf_text(&line), stdout);
	buf_free(&line);
	return found != SETUP_THERE && !s->dry;
}

const char *
setup_path(struct setup *s, const char *path)
{
	return arena_format(s->ctl->scope.arena, "%s%s", s->root, path);
}

enum err
setup_read(struct setup *s, const char *path, struct span *out, bool *there)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = arena_alloc(s->ctl->scope.arena, SETUP_FILE_MAX);
	ssize_t n;

	*there = fd >= 0;
	if (fd < 0 && errno != ENOENT)
		return fault(
		    &s->ctl->scope.fault, ERR_INVALID, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return OK;
	n = bytes ? read(fd, bytes, SETUP_FILE_MAX) : -1;
	close(fd);
	if (n < 0 || n == SETUP_FILE_MAX)
		return fault(&s->ctl->scope.fault, ERR_INVALID, "%s: can't be read", path);
	*out = (struct span){ bytes, (size_t)n };
	return OK;
}

/* Written whole and to the disk, with its owner and mode, before it gets its name. */
static bool
write_whole(const char *path, struct span text, unsigned mode, const char *group)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const struct group *g = group && geteuid() == 0 ? getgrnam(group) : NULL;
	bool good = fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len &&
	            fchmod(fd, mode) == 0 && (g == NULL || fchown(fd, 0, g->gr_gid) == 0) &&
	            fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

enum err
setup_put(struct setup *s, const char *path, struct span text, unsigned mode, const char *group,
    enum setup_write how)
{
	const char *part = arena_format(s->ctl->scope.arena, "%s.part-%d", path, (int)getpid());
	bool good;
	int why;

	if (part == NULL)
		return ERR_NO_MEMORY;
	unlink(part); /* of a run that was cut off, and had the same number */
	good = write_whole(part, text, mode, group) &&
	       (how == SETUP_OVER ? rename(part, path) : link(part, path)) == 0;
	why = errno;
	unlink(part);
	if (good)
		return OK;
	return fault(&s->ctl->scope.fault, why == EEXIST ? ERR_CONFLICT : ERR_INVALID, "%s: %s",
	    path, strerror(why));
}

static bool
read_setup(struct setup *s, int argc, char **argv)
{
	static const struct option options[] = { { "dry-run", 0, NULL, 'n' },
		{ "root", 1, NULL, 'r' }, { "database", 1, NULL, 'd' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "nr:d:", options, NULL)) != -1) {
		if (c == '?')
			return false;
		if (c == 'n')
			s->dry = true;
		else
			*(c == 'r' ? &s->root : &s->database) = optarg;
	}
	return optind == argc;
}

static void
say_what_is_next(const struct setup *s)
{
	if (s->ctl->json)
		return;
	printf(s->dry ? "%d would be made or changed, %d there\n"
	              : "%d made or changed, %d there\n",
	    s->made, s->there);
	if (s->redis_changed && !s->dry)
		puts("Redis's users changed: systemctl restart codegram-redis, and whoever has "
		     "a "
		     "new password");
	if (s->nginx_changed && !s->dry)
		puts("nginx's origins changed: nginx -t && systemctl reload nginx");
}

int
command_setup(struct ctl *ctl, int argc, char **argv)
{
	static enum err (*const steps[])(struct setup *) = { setup_users, setup_secrets,
		setup_redis, setup_origins, setup_modes, setup_database };
	struct setup s = { .ctl = ctl, .root = "" };
	enum err e = OK;

	if (!read_setup(&s, argc, argv))
		return ctl_usage(ctl, "takes --dry-run, --root DIR and --database URL");
	if (geteuid() != 0 && *s.root == '\0')
		return ctl_usage(ctl, "wants root: it makes users, and files of root's");
	if (ctl->json)
		putchar('[');
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && e == OK; i++)
		e = steps[i](&s);
	if (ctl->json)
		puts("]");
	if (e != OK)
		return ctl_failed(ctl, e, "not all is made");
	say_what_is_next(&s);
	return CTL_OK;
}
