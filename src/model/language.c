/* language: looks through the rows of language.def, which are few. */
#include "model/language.h"

#include <strings.h>

static const struct language {
	const char *name, *aliases, *files, *interpreters;
} languages[] = {
#define LANGUAGE(name, aliases, files, interpreters) { name, aliases, files, interpreters },
#include "model/language.def"
#undef LANGUAGE
};

enum { LANGUAGES = sizeof(languages) / sizeof(*languages), EXEC_LINES = 6 };

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

/* Whole names in their case, ends in any: as GitHub's Linguist has it. */
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
		if (end.len > 1 && list_has(languages[i].files, end, true))
			return languages[i].name;
	return NULL;
}

/* ---- the first line */

static const char *
of_interpreter(struct span word)
{
	for (size_t i = 0; i < LANGUAGES; i++)
		if (list_has(languages[i].interpreters, word, false))
			return languages[i].name;
	return NULL;
}

/* "python3.11" and "lua-5.4" are what they are without their version. */
static struct span
without_version(struct span word)
{
	size_t len = word.len;

	while (len > 0 && ((word.ptr[len - 1] >= '0' && word.ptr[len - 1] <= '9') ||
	                      word.ptr[len - 1] == '.'))
		len--;
	if (len < word.len && len > 0 && word.ptr[len - 1] == '-')
		len--;
	return (struct span){ word.ptr, len };
}

static struct span
next_word(struct span *line)
{
	struct span word = { NULL, 0 };

	while (line->ptr != NULL && word.len == 0) {
		*line = span_trim(*line);
		word = span_cut(line, ' ');
	}
	return word;
}

static struct span
behind_slash(struct span path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;

	return slash ? (struct span){ slash + 1, (size_t)(path.ptr + path.len - slash - 1) }
	             : path;
}

/* What env is to start: behind its options (-S may have the word in itself; -u and -C have one
 * more) and settings. */
static struct span
behind_env(struct span *line)
{
	struct span word = next_word(line);

	while (word.len > 0) {
		if (span_is(word, "-u") || span_is(word, "-C"))
			next_word(line);
		else if (span_starts(word, SPAN("-S")) && word.len > 2)
			return behind_slash((struct span){ word.ptr + 2, word.len - 2 });
		else if (span_starts(word, SPAN("--split-string=")))
			return behind_slash((struct span){ word.ptr + 15, word.len - 15 });
		else if (word.ptr[0] != '-' && memchr(word.ptr, '=', word.len) == NULL)
			return behind_slash(word);
		word = next_word(line);
	}
	return word;
}

/* Of a script that another interpreter takes over: exec tclsh "$0" "$@" (Linguist has it, too). */
static struct span
taken_over(struct span code)
{
	for (int i = 0; i < EXEC_LINES && code.ptr != NULL; i++) {
		struct span line = span_trim(span_cut(&code, '\n'));
		struct span word = next_word(&line);
		if (span_is(word, "exec") && line.len > 0 &&
		    memmem(line.ptr, line.len, "$0", 2) != NULL)
			return behind_slash(next_word(&line));
	}
	return (struct span){ NULL, 0 };
}

/* *named: it names an interpreter, so what stands in the code proves nothing. */
static const char *
of_first_line(struct span code, bool *named)
{
	struct span line = span_cut(&code, '\n'), word, other;
	const char *name;

	if (!span_starts(line, SPAN("#!")))
		return NULL;
	line = span_trim((struct span){ line.ptr + 2, line.len - 2 });
	while (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	word = behind_slash(next_word(&line));
	if (span_is(word, "env"))
		word = behind_env(&line);
	*named = word.len > 0;
	if ((name = of_interpreter(word)) == NULL)
		name = of_interpreter(without_version(word));
	other = name != NULL && strcmp(name, "shell") == 0 ? taken_over(code)
	                                                   : (struct span){ NULL, 0 };
	if (other.len > 0 && of_interpreter(without_version(other)) != NULL)
		return of_interpreter(without_version(other));
	return name;
}

/* ---- ends that several languages share: what the code surely is decides */

static const struct {
	const char *end, *others;
} doubtful[] = {
	{ ".h", "cpp objective-c" }, { ".m", "objective-c" }, /* or MATLAB's */
	{ ".pl", "prolog" }, { ".ts", "xml" },                /* Qt's translations */
};

static const char *
of_doubtful(const char *filename, struct span code)
{
	const char *dot = strrchr(filename, '.'), *name;

	for (size_t i = 0; dot != NULL && i < sizeof(doubtful) / sizeof(*doubtful); i++)
		if (strcasecmp(dot, doubtful[i].end) == 0 &&
		    (name = language_of_content(code)) != NULL &&
		    list_has(doubtful[i].others, span_of(name), false))
			return name;
	return NULL;
}

const char *
language_guess(const char *filename, struct span code)
{
	const char *name = filename ? of_doubtful(filename, code) : NULL;
	bool named = false;

	if (name == NULL && filename != NULL)
		name = language_of_file(filename);
	if (name == NULL)
		name = of_first_line(code, &named);
	if (name == NULL && !named)
		name = language_of_content(code);
	return name ? name : "plaintext";
}
