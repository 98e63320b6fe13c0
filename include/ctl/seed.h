/* seed: what the two sources of content (folders, made-up rows) share: a batch of rows that
 * goes to the database in one transaction. Rows that are there already are left alone, so a
 * run that was broken off is mended by running it again. */
#ifndef CTL_SEED_H
#define CTL_SEED_H

#include "ctl/command.h"

enum seed_table { SEED_USERS, SEED_SNIPPETS, SEED_LIKES, SEED_FOLLOWS, SEED_TABLES };

/* Cells of a row, in the order of the statements of sql/query/seed.sql. */
enum { USER_ID, USER_NAME, USER_FULL_NAME, USER_CELLS };
enum {
	SNIPPET_ID,
	SNIPPET_AUTHOR,
	SNIPPET_TITLE,
	SNIPPET_DESCRIPTION,
	SNIPPET_CODE,
	SNIPPET_LANGUAGE,
	SNIPPET_FILENAME,
	SNIPPET_TAGS /* with commas */,
	SNIPPET_LIKES,
	SNIPPET_CELLS
};
enum { LIKE_SNIPPET, LIKE_USER, LIKE_MICROS, LIKE_CELLS };
enum { FOLLOW_FOLLOWER, FOLLOW_FOLLOWED, FOLLOW_MICROS, FOLLOW_CELLS };

struct seed_rows {
	const char **cells[SNIPPET_CELLS]; /* a list for each column */
	size_t count, room;
	int64_t came;  /* of this batch: those that were not there yet */
	int64_t added; /* of all committed ones */
};

struct seed {
	struct ctl *ctl;
	struct db *db;
	struct scope scope; /* its arena holds one batch */
	bool share_names;   /* with people who are there already; else that is an error */
	struct buf unused;  /* where statements render to; they give only counts */
	struct seed_rows rows[SEED_TABLES];
};

/* Followers or likers that one thing can have: so many rows of one kind fit beside others. */
enum { SEED_PEERS_MAX = 20000 };

/* To be called before each thing: sends the batch and empties the arena when the next thing,
 * with its SEED_PEERS_MAX likes or follows, may not fit. */
enum err seed_room(struct seed *s);
enum err seed_flush(struct seed *s);

/* Cells must live in s->scope.arena or longer; a NULL one is ERR_NO_MEMORY. */
enum err seed_add(struct seed *s, enum seed_table table, const char *const *cells);

/* The same rows in every run want a fixed end of time: 2026-11-01T00:00:00Z, in milliseconds.
 * Things are from the two years before it, people from the year before those. */
#define SEED_END_MS INT64_C(1793491200000)
#define SEED_YEAR_MS (INT64_C(365) * 86400 * 1000)

/* When a thing or a person was made, from any 64 bits. */
int64_t seed_thing_ms(uint64_t bits);
int64_t seed_person_ms(uint64_t bits);

/* A UUIDv7 (RFC 9562, section 5.7) whose random part is given; in the batch's arena. */
const char *seed_uuid(struct seed *s, int64_t ms, const unsigned char random[10]);

/* Why a file did not become a snippet. */
#define SEED_SKIPS(ROW)                                                                        \
	ROW(HIDDEN, "hidden")                                                                  \
	ROW(LINK, "link")                                                                      \
	ROW(SPECIAL, "special")                                                                \
	ROW(UNREADABLE, "unreadable")                                                          \
	ROW(NAME, "bad_name")                                                                  \
	ROW(LANGUAGE, "unknown_language")                                                      \
	ROW(EMPTY, "empty")                                                                    \
	ROW(LARGE, "too_large")                                                                \
	ROW(BINARY, "binary")                                                                  \
	ROW(LINES, "long_lines")
enum seed_skip {
#define ROW(word, name) SKIP_##word,
	SEED_SKIPS(ROW)
#undef ROW
	    SKIP_COUNT,
	SKIP_NOT = SKIP_COUNT
};

struct seed_report {
	int64_t files, snippets, users, languages, skipped[SKIP_COUNT];
};

/* A file that is worth a snippet; all valid UTF-8 without control characters in the names. */
struct seed_file {
	const char *folder; /* the name of the given folder */
	const char *path;   /* below it */
	const char *language;
	struct span code;
};

/* The username that fits a folder's name; NULL: no memory. */
const char *seed_username(struct arena *arena, struct span folder);

/* The first folder of the path, or the given folder: its name is the author's. */
struct span seed_author_folder(const struct seed_file *f);

enum err seed_file_add(struct seed *s, const struct seed_file *f, const char *author);

/* Every source file below the folders, in the order of their names. */
enum err seed_walk(struct seed *s, const char *const *folders, size_t count, int64_t limit,
    struct seed_report *out);

struct synthetic {
	int64_t users, snippets, likes, follows;
};

/* From "users=N,snippets=N[,likes=N,follows=N]"; false: says what is wrong in *why. */
bool synthetic_parse(struct span text, struct synthetic *out, const char **why);
enum err synthetic_make(struct seed *s, const struct synthetic *wish);

#endif
