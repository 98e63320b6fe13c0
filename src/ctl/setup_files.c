/* setup: what it makes of files: secrets, Redis's users, nginx's origins, and the system users and
 * modes by what systemd has for that. */
#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/crypto.h"
#include "base/random.h"
#include "ctl/operator.h"
#include "ctl/setup.h"
#include "model/rule.h"

enum { SECRET_BYTES = 32, HEX = 2 };

/* Secrets that may as well stand in codegram.conf: then they are the operator's. */
static const char *const secrets[] = { "JWT_SECRET", "JWT_REFRESH_SECRET", "JWT_LIVE_SECRET",
	"SEAL_KEY", "GITHUB_WEBHOOK_SECRET" };

/* Each program has a password for its own Redis user; REDIS_PASSWORD in codegram.conf is for all. */
static const char *const redis_users[] = { "api", "login", "worker", "scheduler", "relay",
	"ctl" };

static void
hex_of(const unsigned char *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + HEX * i, HEX + 1, "%02x", bytes[i]);
}

static bool
in_the_file(struct setup *s, const char *key)
{
	int i = field_find(s->ctl->conf->form, span_of(key));

	return i >= 0 && (s->ctl->conf->origin[i] == CONF_FILE ||
	                     s->ctl->conf->origin[i] == CONF_ENVIRONMENT);
}

static enum err
secret(struct setup *s, const char *name)
{
	const char *path =
	    arena_format(s->ctl->scope.arena, "%s" CREDENTIALS_DIR "/%s", s->root, name);
	unsigned char bytes[SECRET_BYTES];
	char text[HEX * SECRET_BYTES + 2];
	enum err e;

	if (path == NULL)
		return ERR_NO_MEMORY;
	if (access(path, F_OK) == 0) {
		setup_say(s, SETUP_THERE, path);
		return OK;
	}
	if (!setup_say(s, SETUP_MISSING, path))
		return OK;
	random_bytes(bytes, sizeof(bytes));
	hex_of(bytes, sizeof(bytes), text);
	text[HEX * SECRET_BYTES] = '\n';
	e = setup_put(s, path, (struct span){ text, HEX * SECRET_BYTES + 1 }, 0600, NULL,
	    SETUP_NEVER_OVER);
	/* Made by another run meanwhile: that one counts. */
	return e == ERR_CONFLICT ? OK : e;
}

enum err
setup_secrets(struct setup *s)
{
	const char *dir = setup_path(s, CREDENTIALS_DIR);

	if (dir == NULL)
		return ERR_NO_MEMORY;
	if (!s->dry && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fault(&s->ctl->scope.fault, ERR_INVALID, "%s: %s", dir, strerror(errno));
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		if (in_the_file(s, secrets[i]))
			setup_say(s, SETUP_THERE,
			    arena_format(s->ctl->scope.arena, "%s in %s", secrets[i],
			        s->ctl->conf_path));
		else
			TRY(secret(s, secrets[i]));
	}
	if (in_the_file(s, "REDIS_PASSWORD"))
		return OK;
	for (size_t i = 0; i < sizeof(redis_users) / sizeof(*redis_users); i++)
		TRY(secret(
		    s, arena_format(s->ctl->scope.arena, "REDIS_PASSWORD.%s", redis_users[i])));
	return OK;
}

/* ---- files that are made of an installed one */

static enum err
template_of(struct setup *s, const char *name, struct span *out)
{
	const char *path = arena_format(s->ctl->scope.arena, "%s/%s", s->ctl->share, name);
	bool there = false;

	if (path == NULL)
		return ERR_NO_MEMORY;
	TRY(setup_read(s, path, out, &there));
	return there ? OK
	             : fault(&s->ctl->scope.fault, ERR_NOT_FOUND,
	                   "%s is not there: make install puts it", path);
}

/* *changed: it was another one. */
static enum err
bring(struct setup *s, const char *to, struct buf *text, unsigned mode, const char *group,
    bool *changed)
{
	const char *path = setup_path(s, to);
	struct span old;
	bool there = false;

	if (path == NULL || !buf_ok(text))
		return ERR_NO_MEMORY;
	TRY(setup_read(s, path, &old, &there));
	*changed = !there || !span_equal(old, buf_span(text));
	if (setup_say(s, !*changed ? SETUP_THERE : there ? SETUP_OTHER : SETUP_MISSING, path))
		return setup_put(s, path, buf_span(text), mode, group, SETUP_OVER);
	return OK;
}

/* The SHA-256 of the password of this user of Redis's, as its file wants it; zeros, which are
 * nobody's password, when it has none (yet, in a dry run). */
static enum err
password_hash(struct setup *s, struct span user, char hex[HEX * SHA256_BYTES + 1])
{
	const char *path = arena_format(s->ctl->scope.arena,
	    "%s" CREDENTIALS_DIR "/REDIS_PASSWORD.%.*s", s->root, (int)user.len, user.ptr);
	struct span text = { NULL, 0 };
	unsigned char hash[SHA256_BYTES] = { 0 };
	bool there = false;

	if (path == NULL)
		return ERR_NO_MEMORY;
	TRY(setup_read(s, path, &text, &there));
	while (text.len > 0 && memchr("\r\n", text.ptr[text.len - 1], 2) != NULL)
		text.len--; /* as base/conf.c reads it */
	if (!there && s->ctl->settings->REDIS_PASSWORD != NULL)
		text = span_of(s->ctl->settings->REDIS_PASSWORD);
	if (text.len > 0)
		crypto_sha256(text, hash);
	hex_of(hash, sizeof(hash), hex);
	return OK;
}

/* "user codegram-api on #@REDIS_HASH@ …": the hash is that of REDIS_PASSWORD.api. */
static enum err
redis_line(struct setup *s, struct span line, struct buf *out)
{
	const struct span user = SPAN("user codegram-"), hash = SPAN("@REDIS_HASH@"),
	                  people = SPAN("@REDIS_DEFAULT@");
	char hex[HEX * SHA256_BYTES + 1];
	struct span rest = line, name;

	if (span_starts(line, user)) {
		rest = (struct span){ line.ptr + user.len, line.len - user.len };
		name = span_cut(&rest, ' ');
		TRY(password_hash(s, name, hex));
		rest = line;
	}
	while (rest.len > 0) {
		if (span_starts(rest, hash) || span_starts(rest, people)) {
			size_t len = span_starts(rest, hash) ? hash.len : people.len;
			buf_puts(out, len == hash.len ? hex : "off");
			rest = (struct span){ rest.ptr + len, rest.len - len };
			continue;
		}
		buf_char(out, *rest.ptr);
		rest = (struct span){ rest.ptr + 1, rest.len - 1 };
	}
	buf_char(out, '\n');
	return OK;
}

enum err
setup_redis(struct setup *s)
{
	struct span text = { NULL, 0 };
	struct buf out;
	enum err e = OK;

	TRY(template_of(s, "redis-users.conf", &text));
	buf_init(&out, 256 * KIB);
	while (text.len > 0 && e == OK)
		e = redis_line(s, span_cut(&text, '\n'), &out);
	if (e == OK)
		e = bring(s, "/etc/codegram/redis-users.conf", &out, 0640, "codegram-redis",
		    &s->redis_changed);
	buf_free(&out);
	return e;
}

/* As a regular expression in quotes: no other character of an origin means anything in one. */
static void
origin_line(struct span origin, struct buf *out)
{
	buf_puts(out, "\t\"~^");
	for (size_t i = 0; i < origin.len; i++)
		if (origin.ptr[i] == '.')
			buf_puts(out, "[.]");
		else
			buf_char(out, origin.ptr[i]);
	buf_puts(out, "$\" $http_origin;\n");
}

enum err
setup_origins(struct setup *s)
{
	const char *list = s->ctl->settings->FRONTEND_URL;
	struct span rest = span_of(list ? list : ""), first = { "", 0 };
	struct buf out;
	enum err e;

	buf_init(&out, 256 * KIB);
	buf_puts(&out, "# Made by `codegramctl setup` of FRONTEND_URL: which web origins may "
	               "read the errors\n"
	               "# that nginx makes itself, and which is meant where none is named.\n\n"
	               "map $http_origin $codegram_origin {\n\tdefault \"\";\n");
	while (rest.ptr != NULL) {
		struct span origin = span_trim(span_cut(&rest, ','));
		if (origin.len > 0 && !web_origin_ok(origin)) {
			buf_free(&out);
			return fault(&s->ctl->scope.fault, ERR_INVALID,
			    "FRONTEND_URL holds what is no origin, like "
			    "https://codegram.example");
		}
		if (origin.len > 0)
			origin_line(origin, &out);
		if (first.len == 0)
			first = origin;
	}
	buf_puts(&out, "}\n\nmap $host $codegram_frontend {\n\tdefault \"");
	buf_add(&out, first);
	buf_puts(&out, "\";\n}\n");
	e = bring(s, "/etc/nginx/codegram/origins.conf", &out, 0644, NULL, &s->nginx_changed);
	buf_free(&out);
	return e;
}

/* ---- system users, folders, modes */

static enum err
run(struct setup *s, const char *program, const char *argument, const char *file)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)argument,
		(char *)(uintptr_t)(argument ? file : NULL), NULL };
	char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, program, NULL, NULL, argv, env) == 0 &&
	    waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return OK;
	return fault(&s->ctl->scope.fault, ERR_INVALID, "%s did not do its work", program);
}

enum err
setup_users(struct setup *s)
{
	static const char *const users[] = { "codegram-owner", "codegram-api", "codegram-login",
		"codegram-worker", "codegram-scheduler", "codegram-relay", "codegram-ctl",
		"codegram-redis" };
	bool missing = false;

	for (size_t i = 0; *s->root == '\0' && i < sizeof(users) / sizeof(*users); i++) {
		bool there = getpwnam(users[i]) != NULL;
		setup_say(s, there ? SETUP_THERE : SETUP_MISSING,
		    arena_format(s->ctl->scope.arena, "system user %s", users[i]));
		missing = missing || !there;
	}
	return missing && !s->dry ? run(s, "systemd-sysusers", NULL, NULL) : OK;
}

/* /run/codegram, and who may read what. Nothing is said: it is so after each boot, too. */
enum err
setup_modes(struct setup *s)
{
	if (*s->root != '\0' || s->dry)
		return OK;
	return run(s, "systemd-tmpfiles", "--create", "codegram.conf");
}
