/* setup: PostgreSQL's roles and the database. The local server believes the system user postgres,
 * so that is who asks, in a process of its own; another server is asked by the address of a
 * superuser. Adds what is missing; drops and alters nothing. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/setup.h"
#include "store/setup.h"
#include "store/statements.h"

static const char *const roles[] = { "codegram-owner", "codegram-api", "codegram-login",
	"codegram-worker", "codegram-scheduler", "codegram-ctl" };

/* What was looked for, how that ended, and how it is made. */
static enum err
bring(struct setup *s, struct db *db, enum err found, const char *what, const char *make)
{
	if (found != OK && found != ERR_NOT_FOUND)
		return found;
	if (what == NULL || make == NULL)
		return ERR_NO_MEMORY;
	fault_reset(&s->ctl->scope.fault);
	if (setup_say(s, found == OK ? SETUP_THERE : SETUP_MISSING, what))
		return db_script(db, make);
	return OK;
}

static enum err
role(struct setup *s, struct db *db, const char *name)
{
	struct arena *arena = s->ctl->scope.arena;
	struct setup_role is;
	enum err e = q_setup_role(db, name, &is);

	if (e == OK && !is.login)
		return fault(&s->ctl->scope.fault, ERR_CONFLICT,
		    "the role %s may not log in: alter role \"%s\" login", name, name);
	return bring(s, db, e, arena_format(arena, "PostgreSQL role %s", name),
	    arena_format(arena, "create role \"%s\" login", name));
}

/* UTF-8 whatever the server's own locale is: a minimal Debian has none. */
static enum err
database(struct setup *s, struct db *db, const char *name)
{
	struct arena *arena = s->ctl->scope.arena;
	struct setup_database is;
	enum err e = q_setup_database(db, name, &is);

	if (e == OK &&
	    (strcmp(is.owner, "codegram-owner") != 0 || strcmp(is.encoding, "UTF8") != 0))
		return fault(&s->ctl->scope.fault, ERR_CONFLICT,
		    "the database %s belongs to %s and is in %s; it must be codegram-owner's, "
		    "in "
		    "UTF8",
		    name, is.owner, is.encoding);
	return bring(s, db, e, arena_format(arena, "PostgreSQL database %s", name),
	    arena_format(arena,
	        "create database \"%s\" owner \"codegram-owner\" template template0 encoding "
	        "'UTF8' locale 'C.UTF-8'",
	        name));
}

static enum err
all(struct setup *s, struct db *db)
{
	const char *name = db_name(s->ctl->settings->DATABASE_URL, s->ctl->scope.arena);

	if (name == NULL || strpbrk(name, "\"\\") != NULL)
		return fault(&s->ctl->scope.fault, ERR_INVALID,
		    "DATABASE_URL must name a database, without quotes in its name");
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		TRY(role(s, db, roles[i]));
	return database(s, db, name);
}

static enum err
ask(struct setup *s)
{
	struct db_options options = { s->database ? s->database
		                                  : db_server(s->ctl->settings->DATABASE_URL,
		                                        s->ctl->scope.arena),
		"postgres", "codegramctl", 0, 0, store_constraints };
	struct db *db;
	enum err e;

	if (options.url == NULL)
		return fault(
		    &s->ctl->scope.fault, ERR_INVALID, "DATABASE_URL is not understood");
	if ((db = db_make(&options)) == NULL)
		return ERR_NO_MEMORY;
	db_open_scope(db, &s->ctl->scope, false);
	e = all(s, db);
	db_free(db);
	return e;
}

static bool
become(const char *name)
{
	const struct passwd *user = getpwnam(name);

	return user != NULL && initgroups(name, user->pw_gid) == 0 &&
	       setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0;
}

/* What the child said and counted; it says itself what went wrong. */
static _Noreturn void
ask_as_postgres(struct setup *s, int counts)
{
	enum err e = OK;
	int both[2];

	if (!become("postgres"))
		e = fault(&s->ctl->scope.fault, ERR_NOT_FOUND,
		    "no system user postgres: install postgresql-15, or give --database URL");
	if (e == OK)
		e = ask(s);
	both[0] = s->made;
	both[1] = s->there;
	if (e != OK)
		ctl_failed(s->ctl, e, "no roles and no database");
	fflush(stdout);
	_exit(write(counts, both, sizeof(both)) != sizeof(both) || e != OK);
}

enum err
setup_database(struct setup *s)
{
	int fd[2], both[2], status = 1;
	pid_t pid;

	if (s->database != NULL)
		return ask(s);
	if (*s->root != '\0')
		return OK;
	fflush(stdout);
	if (pipe(fd) < 0)
		return ERR_INTERNAL;
	if ((pid = fork()) == 0)
		ask_as_postgres(s, fd[1]);
	close(fd[1]);
	if (pid > 0 && read(fd[0], both, sizeof(both)) == sizeof(both)) {
		s->made = both[0];
		s->there = both[1];
	}
	close(fd[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return fault(
		    &s->ctl->scope.fault, ERR_INVALID, "PostgreSQL was not made ready");
	return OK;
}
