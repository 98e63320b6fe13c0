/* migrate: files of sql/migrate in order, each once; then the grants. One at a time, by an
 * advisory lock. A file that was changed after it was applied is refused. */
#include "ctl/command.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/crypto.h"
#include "store/migration.h"

enum { FILES_MAX = 1000, FILE_MAX = 1024 * KIB };

struct run {
	struct ctl *ctl;
	struct db *db;
	struct migration *applied;
	size_t applied_count, done;
};

static enum err
read_text(struct ctl *ctl, const char *path, struct span *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size < FILE_MAX)
		text = arena_alloc(ctl->scope.arena, (size_t)st.st_size + 1);
	if (text != NULL)
		n = read(fd, text, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return fault(
		    &ctl->scope.fault, ERR_NOT_FOUND, "%s can't be read (SQL_DIR)", path);
	*out = (struct span){ text, (size_t)n };
	return OK;
}

static const char *
hash_text(struct ctl *ctl, struct span text)
{
	unsigned char hash[SHA256_BYTES];
	char *hex = arena_alloc(ctl->scope.arena, 2 * SHA256_BYTES + 1);

	crypto_sha256(text, hash);
	for (int i = 0; hex != NULL && i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	return hex;
}

static enum err
apply(struct run *run, const char *name)
{
	struct ctl *ctl = run->ctl;
	const char *path = arena_format(
	               ctl->scope.arena, "%s/migrate/%s", ctl->settings->SQL_DIR, name),
	           *hash;
	int64_t number = 0;
	struct span text;

	span_int((struct span){ name, 4 }, &number);
	TRY(read_text(ctl, path, &text));
	if ((hash = hash_text(ctl, text)) == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < run->applied_count; i++) {
		if (run->applied[i].number != number)
			continue;
		if (strcmp(run->applied[i].sha256, hash) == 0)
			return OK;
		return fault(&ctl->scope.fault, ERR_CONFLICT,
		    "%s was changed after it was applied; add a new file instead", name);
	}
	TRY(db_script(run->db, "begin"));
	TRY(db_script(run->db, text.ptr));
	TRY(q_migration_add(run->db, number, name, hash));
	TRY(db_script(run->db, "commit"));
	run->done++;
	if (!ctl->json)
		printf("applied %s\n", name);
	return OK;
}

static bool
is_migration(const char *name)
{
	size_t len = strlen(name);

	return len > 9 && strspn(name, "0123456789") == 4 &&
	       strcmp(name + len - 4, ".sql") == 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the migrations in order; at most FILES_MAX. */
static enum err
list_files(struct ctl *ctl, const char *dir, const char **names, size_t *count)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	*count = 0;
	while (d != NULL && *count < FILES_MAX && (entry = readdir(d)) != NULL)
		if (is_migration(entry->d_name))
			names[(*count)++] =
			    arena_text(ctl->scope.arena, span_of(entry->d_name));
	if (d != NULL)
		closedir(d);
	if (*count == 0)
		return fault(
		    &ctl->scope.fault, ERR_NOT_FOUND, "no migrations in %s (SQL_DIR)", dir);
	qsort(names, *count, sizeof(*names), by_name);
	return OK;
}

static enum err
apply_all(struct run *run)
{
	const char *dir =
	    arena_format(run->ctl->scope.arena, "%s/migrate", run->ctl->settings->SQL_DIR);
	static const char *names[FILES_MAX];
	size_t count;

	TRY(list_files(run->ctl, dir, names, &count));
	for (size_t i = 0; i < count; i++)
		TRY(apply(run, names[i]));
	return OK;
}

static enum err
migrate(struct run *run)
{
	struct span grants;

	TRY(db_script(run->db,
	    "select pg_advisory_lock(hashtext('codegram migrate'));"
	    "set lock_timeout = '10s';"
	    "create table if not exists schema_migrations (number bigint primary key,"
	    " name text not null, sha256 text not null, applied_at timestamptz not null "
	    "default now())"));
	TRY(q_migration_list(run->db, &run->applied, &run->applied_count));
	TRY(apply_all(run));
	TRY(read_text(run->ctl,
	    arena_format(run->ctl->scope.arena, "%s/grant.sql", run->ctl->settings->SQL_DIR),
	    &grants));
	TRY(db_script(run->db, "begin"));
	TRY(db_script(run->db, grants.ptr));
	return db_script(run->db, "commit; select pg_advisory_unlock_all()");
}

int
command_migrate(struct ctl *ctl, int argc, char **argv)
{
	struct run run = { .ctl = ctl };
	enum err e;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	run.db = ctl_db(ctl, "codegram-owner");
	if ((e = migrate(&run)) != OK)
		return ctl_failed(ctl, e, "the schema was not brought up to date");
	if (ctl->json)
		printf("{\"applied\":%zu}\n", run.done);
	else if (run.done == 0)
		puts("nothing to apply");
	return CTL_OK;
}
