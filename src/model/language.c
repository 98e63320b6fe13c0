/* language: looks through the rows of language.def, which are few. */
#include "model/language.h"

static const struct language {
	const char *name, *aliases, *files, *interpreters;
} languages[] = {
#define LANGUAGE(name, aliases, files, interpreters) { name, aliases, files, interpreters },
#include "model/language.def"
#undef LANGUAGE
};

enum { LANGUAGES = sizeof(languages) / sizeof(*languages), HEAD_MAX = 4096 };

static bool
list_has(const char *list, struct span word, bool any_case)
{
	struct span rest = span_of(list);

	while (rest.ptr != NULL) {
		struct span item = span_cut(&rest, ' ');
		if (item.len > 0 &&
		    (any_case ? span_equal_nocase(item, word) : span_equal(item, word)))
			return true;
	}
	return false;
}

const char *
language_name(struct span word)
{
	for (size_t i = 0; i < LANGUAGES; i++)
		if (span_equal_nocase(word, span_of(languages[i].name)) ||
		    list_has(languages[i].aliases, word, true))
			return languages[i].name;
	return NULL;
}

const char *
language_of_file(const char *filename)
{
	const char *base = strrchr(filename, '/'), *dot;
	struct span whole, end = { NULL, 0 };

	base = base ? base + 1 : filename;
	whole = span_of(base);
	if ((dot = strrchr(base, '.')) != NULL)
		end = span_of(dot);
	for (size_t i = 0; i < LANGUAGES; i++)
		if (list_has(languages[i].files, whole, false))
			return languages[i].name;
	for (size_t i = 0; i < LANGUAGES; i++)
		if (end.len > 1 && list_has(languages[i].files, end, false))
			return languages[i].name;
	return NULL;
}

static const char *
of_first_line(struct span code)
{
	struct span line = span_cut(&code, '\n'), path, word;
	const char *slash;

	if (!span_starts(line, SPAN("#!")))
		return NULL;
	line = span_trim((struct span){ line.ptr + 2, line.len - 2 });
	while (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	path = span_cut(&line, ' ');
	slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
	word = slash ? (struct span){ slash + 1, (size_t)(path.ptr + path.len - slash - 1) }
	             : path;
	while (word.len == 0 || span_is(word, "env") || span_starts(word, SPAN("-"))) {
		if (line.ptr == NULL)
			return NULL;
		word = span_cut(&line, ' ');
	}
	for (size_t i = 0; i < LANGUAGES; i++)
		if (list_has(languages[i].interpreters, word, false))
			return languages[i].name;
	return NULL;
}

/* Signs that seldom stand in any other language; the first found decides. */
static const struct sign {
	const char *text, *name;
} signs[] = {
	{ "<!DOCTYPE html", "html" },
	{ "<html", "html" },
	{ "<?php", "php" },
	{ "<?xml", "xml" },
	{ "#include <iostream>", "cpp" },
	{ "std::", "cpp" },
	{ "#include <", "c" },
	{ "#include \"", "c" },
	{ "package main", "go" },
	{ "func main()", "go" },
	{ "fn main()", "rust" },
	{ "let mut ", "rust" },
	{ "public static void", "java" },
	{ "public class ", "java" },
	{ "using System;", "csharp" },
	{ "use strict;", "perl" },
	{ "interface ", "typescript" },
	{ ": string", "typescript" },
	{ "console.log(", "javascript" },
	{ "=> {", "javascript" },
	{ "function(", "javascript" },
	{ "module.exports", "javascript" },
	{ "require('", "javascript" },
	{ "def __init__", "python" },
	{ "import numpy", "python" },
	{ "if __name__", "python" },
	{ "print(f", "python" },
	{ "elif ", "python" },
	{ "CREATE TABLE", "sql" },
	{ "create table", "sql" },
	{ "SELECT ", "sql" },
	{ "select ", "sql" },
	{ "INSERT INTO", "sql" },
	{ "#!/", "shell" },
	{ "esac", "shell" },
	{ "\nfi\n", "shell" },
	{ "attr_accessor", "ruby" },
	{ "puts ", "ruby" },
	{ "defmodule ", "elixir" },
	{ "local function", "lua" },
	{ "diff --git", "diff" },
	{ "\\documentclass", "latex" },
	{ "def ", "python" },
	{ "const ", "javascript" },
	{ "function ", "javascript" },
};

const char *
language_guess(const char *filename, struct span code)
{
	const char *name = filename ? language_of_file(filename) : NULL;

	if (code.len == 0)
		return name ? name : "plaintext";
	if (name == NULL)
		name = of_first_line(code);
	if (name != NULL)
		return name;
	if (code.len > HEAD_MAX)
		code.len = HEAD_MAX;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (memmem(code.ptr, code.len, signs[i].text, strlen(signs[i].text)) != NULL)
			return signs[i].name;
	return "plaintext";
}
