/* seed_file: what a snippet says of the file it was made from: title, tags and author by its
 * path, a description by its first comment. Pure but for the batch that it adds to. */
#include <assert.h>

#include "adapter/crypto.h"
#include "ctl/seed.h"

enum {
	TITLE_MAX = 200,
	TAG_MAX = 32,
	FOLDER_TAGS = 5,
	USERNAME_MAX = 39,
	LINES_READ = 60, /* in search of a description */
	DESCRIPTION_MIN = 12,
	DESCRIPTION_MAX = 300,
};

/* Lower case; runs of anything but a-z, 0-9 and `also` become one hyphen, none at the ends. */
static char *
plain_word(struct arena *arena, struct span name, const char *also, size_t max)
{
	char *word = arena_alloc(arena, name.len + 1);
	size_t len = 0;

	for (size_t i = 0; word != NULL && i < name.len && len < max; i++) {
		char c = name.ptr[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(also, c) != NULL)
			word[len++] = c;
		else if (len > 0 && word[len - 1] != '-')
			word[len++] = '-';
	}
	while (len > 0 && word[len - 1] == '-')
		len--;
	if (word != NULL)
		word[len] = '\0';
	return word;
}

const char *
seed_username(struct arena *arena, struct span folder)
{
	const char *name = plain_word(arena, folder, "", USERNAME_MAX);

	if (name != NULL && *name == '\0')
		name = "files";
	assert(name == NULL || username_ok(span_of(name)));
	return name;
}

struct span
seed_author_folder(const struct seed_file *f)
{
	struct span rest = span_of(f->path), first = span_cut(&rest, '/');

	return rest.ptr != NULL ? first : span_of(f->folder);
}

static bool
tag_add(struct buf *tags, const char **had, size_t *count, const char *tag)
{
	if (tag == NULL)
		return false;
	for (size_t i = 0; i < *count; i++)
		if (strcmp(had[i], tag) == 0)
			return true;
	if (*tag == '\0')
		return true;
	if (*count > 0)
		buf_char(tags, ',');
	buf_puts(tags, tag);
	had[(*count)++] = tag;
	return true;
}

/* The language, then the folders from the outermost. */
static const char *
tags_of(struct arena *arena, const struct seed_file *f)
{
	struct span rest = span_of(f->path), name = span_of(f->folder);
	const char *had[FOLDER_TAGS + 1], *text = NULL;
	size_t count = 0;
	struct buf tags;
	bool ok;

	buf_init(&tags, 4 * KIB);
	ok = tag_add(&tags, had, &count, f->language);
	while (ok && rest.ptr != NULL && count <= FOLDER_TAGS) {
		ok = tag_add(&tags, had, &count, plain_word(arena, name, "+#.", TAG_MAX));
		name = span_cut(&rest, '/');
	}
	if (ok && buf_ok(&tags))
		text = arena_text(arena, buf_span(&tags));
	buf_free(&tags);
	return text;
}

/* Whole characters, at most `points` of them. */
static struct span
cut_points(struct span text, size_t points)
{
	size_t len = 0;

	for (; len < text.len; len++)
		if (((unsigned char)text.ptr[len] & 0xC0) != 0x80 && points-- == 0)
			break;
	return (struct span){ text.ptr, len };
}

static const char *
title_of(struct arena *arena, const char *path)
{
	const char *slash;

	while (field_points(span_of(path)) > TITLE_MAX && (slash = strchr(path, '/')) != NULL)
		path = slash + 1;
	return arena_text(arena, cut_points(span_of(path), TITLE_MAX));
}

/* Longer marks first; `end` NULL: the comment ends with its line. */
static const struct {
	const char *mark, *end;
} comments[] = {
	{ "<!--", "-->" },
	{ "\"\"\"", "\"\"\"" },
	{ "r\"\"\"", "\"\"\"" },
	{ "'''", "'''" },
	{ "/*", "*/" },
	{ "=head1 NAME", "=cut" },
	{ "//!", NULL },
	{ "///", NULL },
	{ "//", NULL },
	{ "--", NULL },
	{ ";;;", NULL },
	{ ";;", NULL },
	{ ";", NULL },
	{ "##", NULL },
	{ "#", NULL },
	{ "%", NULL },
};

/* What the line says as a comment; ptr NULL when it is none. *end: of the comment that it
 * stands in or opens. */
static struct span
comment_text(struct span line, bool c_like, const char **end)
{
	const char *stop;

	for (size_t i = 0; *end == NULL; i++) {
		struct span mark;
		if (i == sizeof(comments) / sizeof(*comments))
			return (struct span){ NULL, 0 };
		mark = span_of(comments[i].mark);
		if (!span_starts(line, mark) || (c_like && *mark.ptr == '#'))
			continue;
		line = (struct span){ line.ptr + mark.len, line.len - mark.len };
		if ((*end = comments[i].end) == NULL)
			return span_trim(line);
	}
	if ((stop = memmem(line.ptr, line.len, *end, strlen(*end))) != NULL) {
		line.len = (size_t)(stop - line.ptr);
		*end = NULL;
	}
	while (line.len > 0 && *line.ptr == '*')
		line = (struct span){ line.ptr + 1, line.len - 1 };
	return span_trim(line);
}

/* Words of licences and of notes to programs. */
static bool
is_noise(struct span text)
{
	static const char *const words[] = { "opyright", "OPYRIGHT", "icense", "ICENSE",
		"ermission", "SPDX", "eserved", "©", "This file is part of", "WARNING",
		"DO NOT", "machine-generated", "Author", "clang-format", "eslint",
		"coding:", "coding=", "vim:", "-*-", "use strict", "@", "\\" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (memmem(text.ptr, text.len, words[i], strlen(words[i])) != NULL)
			return true;
	return false;
}

static bool
says_something(struct span text)
{
	size_t letters = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80)
			letters++;
	}
	return text.len >= DESCRIPTION_MIN && letters * 2 > text.len;
}

/* Of the comments that the file begins with; else the path. After one line of noise the rest
 * of its comment, or of its paragraph, is noise, too. */
static const char *
description_of(struct arena *arena, const struct seed_file *f)
{
	bool c_like = strcmp(f->language, "c") == 0 || strcmp(f->language, "cpp") == 0;
	struct span rest = f->code;
	const char *end = NULL;
	bool noise = false;

	for (int i = 0; i < LINES_READ && rest.ptr != NULL; i++) {
		struct span line = span_cut(&rest, '\n'), text;
		const char *was_in = end;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		line = span_trim(line);
		if (line.len == 0)
			noise = noise && end != NULL;
		if (line.len == 0 || (i == 0 && span_starts(line, SPAN("#!"))))
			continue;
		text = comment_text(line, c_like, &end);
		if (text.ptr == NULL)
			break;
		noise = noise || is_noise(text);
		if (!noise && says_something(text))
			return arena_text(arena, cut_points(text, DESCRIPTION_MAX));
		noise = noise && (end != NULL || (was_in == NULL && text.len > 0));
	}
	return arena_text(arena, cut_points(span_of(f->path), DESCRIPTION_MAX));
}

/* By path and content, so that two trees with the same names don't hide each other's files. */
static const char *
id_of(struct seed *s, const struct seed_file *f)
{
	unsigned char hash[SHA256_BYTES];
	uint64_t bits = 0;
	struct buf key;

	crypto_sha256(f->code, hash);
	buf_init(&key, 16 * KIB);
	buf_add(&key, (struct span){ (const char *)hash, sizeof(hash) });
	buf_puts(&key, f->folder);
	buf_char(&key, '/');
	buf_puts(&key, f->path);
	crypto_sha256(buf_span(&key), hash);
	buf_free(&key);
	for (int i = 0; i < 8; i++)
		bits = bits << 8 | hash[i];
	return seed_uuid(s, seed_thing_ms(bits), hash + 8);
}

enum err
seed_file_add(struct seed *s, const struct seed_file *f, const char *author)
{
	struct arena *arena = s->scope.arena;
	const char *slash = strrchr(f->path, '/');
	const char *cells[SNIPPET_CELLS] = {
		[SNIPPET_ID] = id_of(s, f),
		[SNIPPET_AUTHOR] = author,
		[SNIPPET_TITLE] = title_of(arena, f->path),
		[SNIPPET_DESCRIPTION] = description_of(arena, f),
		[SNIPPET_CODE] = f->code.ptr,
		[SNIPPET_LANGUAGE] = f->language,
		[SNIPPET_FILENAME] = arena_text(arena, span_of(slash ? slash + 1 : f->path)),
		[SNIPPET_TAGS] = tags_of(arena, f),
		[SNIPPET_LIKES] = "0",
	};

	return seed_add(s, SEED_SNIPPETS, cells);
}
