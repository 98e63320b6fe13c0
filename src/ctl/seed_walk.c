/* seed_walk: finds the source files below folders, always in the same order, and turns away
 * what is no source text. Follows no links below the folders. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/crypto.h"
#include "base/unicode.h"
#include "ctl/seed.h"
#include "model/language.h"

enum { FILE_BYTES = 256 * KIB, LINE_BYTES = 4096, PATH_BYTES = 4096 };

struct author {
	const struct author *before;
	struct span folder;
	const char *name;
};

struct root {
	const char *path, *folder;
};

struct walk {
	struct seed *seed;
	struct seed_report *report;
	struct progress progress;
	int64_t limit;
	const struct author *authors; /* the latest first */
	const char *languages[256];   /* seen ones; the table's own texts */
};

/* The folder's own name; with its parent's when there is no letter in it (perl/5.36). */
static const char *
folder_name(struct arena *arena, const char *path)
{
	const char *base = strrchr(path, '/') + 1, *at = base - 1;

	for (const char *c = base; *c; c++)
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
			return base;
	while (at > path && at[-1] != '/')
		at--;
	return *base && at > path ? arena_text(arena, span_of(at)) : "root";
}

static bool
plain_name(const char *path)
{
	return rule_line.ok(span_of(path)) && unicode_ok(span_of(path));
}

static enum err
open_root(struct seed *s, const char *given, struct root *out)
{
	struct arena *arena = s->ctl->scope.arena;
	char *path = arena_alloc(arena, PATH_BYTES);
	struct stat st;

	if (path == NULL)
		return ERR_NO_MEMORY;
	if (realpath(given, path) == NULL || stat(path, &st) != 0)
		return fault(&s->scope.fault, ERR_NOT_FOUND, "%s: %s", given, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fault(&s->scope.fault, ERR_NOT_FOUND, "%s is no folder", given);
	if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) != 0)
		return fault(&s->scope.fault, ERR_NOT_FOUND, "%s: %s", given, strerror(errno));
	if (!plain_name(path))
		return fault(&s->scope.fault, ERR_INVALID, "%s is not UTF-8", given);
	*out = (struct root){ path, folder_name(arena, path) };
	return out->folder ? OK : ERR_NO_MEMORY;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *
open_tree(const struct root *root)
{
	char *paths[] = { (char *)(uintptr_t)root->path, NULL };

	return fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
}

static const char *
below(const struct root *root, const FTSENT *entry)
{
	const char *path = entry->fts_path + strlen(root->path);

	return path + strspn(path, "/");
}

/* By what is known without opening it. */
static enum seed_skip
judge_entry(const struct root *root, const FTSENT *entry)
{
	if (entry->fts_name[0] == '.')
		return SKIP_HIDDEN;
	switch (entry->fts_info) {
	case FTS_F: break;
	case FTS_SL:
	case FTS_SLNONE: return SKIP_LINK;
	case FTS_DNR:
	case FTS_NS:
	case FTS_ERR: return SKIP_UNREADABLE;
	default: return SKIP_SPECIAL;
	}
	if (!plain_name(below(root, entry)))
		return SKIP_NAME;
	if (language_of_file(entry->fts_name) == NULL)
		return SKIP_LANGUAGE;
	if (entry->fts_statp->st_size == 0)
		return SKIP_EMPTY;
	return entry->fts_statp->st_size > FILE_BYTES ? SKIP_LARGE : SKIP_NOT;
}

/* A long line was written by a program, for a program. */
static enum seed_skip
judge_code(struct span code)
{
	struct span rest = code;

	if (code.len == 0)
		return SKIP_EMPTY;
	if (memchr(code.ptr, '\0', code.len) != NULL || !unicode_ok(code))
		return SKIP_BINARY;
	while (rest.ptr != NULL)
		if (span_cut(&rest, '\n').len > LINE_BYTES)
			return SKIP_LINES;
	return SKIP_NOT;
}

static ssize_t
read_all(int fd, char *to, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, to + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* The file may have become another since it was listed. */
static enum seed_skip
read_code(struct arena *arena, const char *path, struct span *out)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	enum seed_skip skip = SKIP_UNREADABLE;
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0)
		return skip;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES &&
	    (text = arena_alloc(arena, (size_t)st.st_size + 1)) != NULL &&
	    (n = read_all(fd, text, (size_t)st.st_size)) >= 0) {
		*out = (struct span){ text, (size_t)n };
		skip = judge_code(*out);
	}
	close(fd);
	return skip;
}

static void
count_language(struct walk *w, const char *language)
{
	for (size_t i = 0; i < sizeof(w->languages) / sizeof(*w->languages); i++) {
		if (w->languages[i] == language)
			return;
		if (w->languages[i] == NULL) {
			w->languages[i] = language;
			w->report->languages++;
			return;
		}
	}
}

static enum err
add_user(struct walk *w, struct span folder, const char *name)
{
	struct seed *s = w->seed;
	struct arena *arena = s->scope.arena;
	const char *cells[USER_CELLS];
	unsigned char hash[SHA256_BYTES];
	uint64_t bits = 0;

	crypto_sha256(span_of(name), hash);
	for (int i = 0; i < 8; i++)
		bits = bits << 8 | hash[i];
	cells[USER_ID] = seed_uuid(s, seed_person_ms(bits), hash + 8);
	cells[USER_NAME] = arena_text(arena, span_of(name));
	cells[USER_FULL_NAME] = folder.len <= 100 ? arena_text(arena, folder) : "";
	w->report->users++;
	return seed_add(s, SEED_USERS, cells);
}

/* Folders of different names may share a user (File, file). */
static enum err
find_author(struct walk *w, struct span folder, const char **name)
{
	struct arena *arena = w->seed->ctl->scope.arena;
	struct author *new;
	bool known = false;

	for (const struct author *a = w->authors; a != NULL; a = a->before)
		if (span_equal(a->folder, folder)) {
			*name = a->name;
			return OK;
		}
	new = arena_alloc(arena, sizeof(*new));
	*name = seed_username(arena, folder);
	if (new == NULL || *name == NULL)
		return ERR_NO_MEMORY;
	for (const struct author *a = w->authors; a != NULL; a = a->before)
		known = known || strcmp(a->name, *name) == 0;
	*new = (struct author){ w->authors, { arena_text(arena, folder), folder.len }, *name };
	if (new->folder.ptr == NULL)
		return ERR_NO_MEMORY;
	w->authors = new;
	return known ? OK : add_user(w, folder, *name);
}

static enum err
take_file(struct walk *w, const struct root *root, const FTSENT *entry)
{
	enum seed_skip skip = judge_entry(root, entry);
	struct seed_file f = { .folder = root->folder, .path = below(root, entry) };
	const char *author;

	w->report->files += entry->fts_info == FTS_F;
	if (skip == SKIP_NOT) {
		progress_to(&w->progress, w->progress.done + 1);
		TRY(seed_room(w->seed));
		skip = read_code(w->seed->scope.arena, entry->fts_path, &f.code);
	}
	if (skip != SKIP_NOT) {
		w->report->skipped[skip]++;
		return OK;
	}
	f.language = language_of_file(entry->fts_name);
	TRY(find_author(w, seed_author_folder(&f), &author));
	TRY(seed_file_add(w->seed, &f, author));
	count_language(w, f.language);
	w->report->snippets++;
	return OK;
}

static bool
is_folder(FTS *tree, FTSENT *entry, struct seed_report *report)
{
	if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP && entry->fts_info != FTS_DC)
		return false;
	if (entry->fts_info == FTS_D && entry->fts_level > 0 && entry->fts_name[0] == '.') {
		fts_set(tree, entry, FTS_SKIP);
		report->skipped[SKIP_HIDDEN]++;
	}
	return true;
}

static enum err
walk_root(struct walk *w, const struct root *root)
{
	FTS *tree = open_tree(root);
	FTSENT *entry;
	enum err e = OK;

	if (tree == NULL)
		return ERR_NO_MEMORY;
	while (e == OK && w->report->snippets < w->limit && (entry = fts_read(tree)) != NULL)
		if (!is_folder(tree, entry, w->report))
			e = take_file(w, root, entry);
	fts_close(tree);
	return e;
}

/* For the progress bar alone: files that will be opened. */
static int64_t
count_files(const struct root *root)
{
	struct seed_report unused = { .files = 0 };
	FTS *tree = open_tree(root);
	FTSENT *entry;
	int64_t n = 0;

	while (tree != NULL && (entry = fts_read(tree)) != NULL)
		n += !is_folder(tree, entry, &unused) && judge_entry(root, entry) == SKIP_NOT;
	if (tree != NULL)
		fts_close(tree);
	return n;
}

enum err
seed_walk(struct seed *s, const char *const *folders, size_t count, int64_t limit,
    struct seed_report *out)
{
	struct walk *w = arena_alloc(s->ctl->scope.arena, sizeof(*w));
	struct root *roots = arena_alloc(s->ctl->scope.arena, count * sizeof(*roots));
	int64_t total = 0;
	enum err e = OK;

	if (w == NULL || roots == NULL)
		return ERR_NO_MEMORY;
	*w = (struct walk){ .seed = s, .report = out, .limit = limit };
	s->share_names = true;
	for (size_t i = 0; i < count; i++) {
		TRY(open_root(s, folders[i], &roots[i]));
		total += count_files(&roots[i]);
	}
	progress_begin(&w->progress, "files", total < limit ? total : limit);
	for (size_t i = 0; i < count && e == OK; i++)
		e = walk_root(w, &roots[i]);
	if (e == OK)
		e = seed_flush(s);
	progress_end(&w->progress);
	return e;
}
