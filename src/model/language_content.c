/* language_content: the lines of a piece of code against the signs of the .def files. A wrong name
 * is worse than none, so it answers only when one language has proof and no other has half as
 * much. */
#include "model/language.h"

enum { HEAD_MAX = 4096, LINES_MAX = 400, PROOF = 3 };

static const struct sign {
	const char *language;
	int weight;
	const char *line;
} signs[] = {
#define SIGN(language, weight, line) { language, weight, line },
#include "model/sign.def"
#include "model/sign_other.def"
#undef SIGN
};

enum { SIGNS = sizeof(signs) / sizeof(*signs) };

/* What a language has from another one is no sign against it. */
static const struct {
	const char *name, *from;
} grown[] = {
	{ "cpp", "c" },
	{ "objective-c", "c" },
	{ "typescript", "javascript" },
	{ "scss", "css" },
	{ "php", "html" },
	{ "raku", "perl" },
	{ "vue", "html" },
	{ "svg", "xml" },
};

enum { GROWN = sizeof(grown) / sizeof(*grown) };

/* Scores by language; the rows of one stand together, so that there are fewer than signs. */
struct tally {
	const char *name[SIGNS];
	int score[SIGNS];
	size_t count;
};

static int *
score_of(struct tally *t, const char *name)
{
	size_t i = 0;

	while (i < t->count && strcmp(t->name[i], name) != 0)
		i++;
	if (i == t->count) {
		t->name[i] = name;
		t->score[i] = 0;
		t->count++;
	}
	return &t->score[i];
}

/* `*` stands for any run of characters. */
static bool
is_like(struct span line, const char *pattern)
{
	struct span rest = span_of(pattern), part = span_cut(&rest, '*');

	if (!span_starts(line, part))
		return false;
	line = (struct span){ line.ptr + part.len, line.len - part.len };
	if (rest.ptr == NULL)
		return line.len == 0;
	for (part = span_cut(&rest, '*'); rest.ptr != NULL; part = span_cut(&rest, '*')) {
		const char *at = memmem(line.ptr, line.len, part.ptr, part.len);
		if (at == NULL)
			return false;
		at += part.len;
		line = (struct span){ at, (size_t)(line.ptr + line.len - at) };
	}
	return line.len >= part.len &&
	       memcmp(line.ptr + line.len - part.len, part.ptr, part.len) == 0;
}

static void
count_line(struct tally *t, struct span line, bool *seen)
{
	for (size_t i = 0; i < SIGNS; i++) {
		if (seen[i] || !is_like(line, signs[i].line))
			continue;
		seen[i] = true;
		*score_of(t, signs[i].language) += signs[i].weight;
	}
}

/* Hints without proof leave open which of both it is. */
static void
count_grown(struct tally *t)
{
	for (size_t i = 0; i < GROWN; i++) {
		int *own = score_of(t, grown[i].name), *from = score_of(t, grown[i].from);
		if (*own > 0 && *own < PROOF && *from >= PROOF)
			*from = PROOF - 1;
		if (*own < PROOF)
			continue;
		*own += *from;
		*from = 0;
	}
}

static const char *
surest(const struct tally *t)
{
	const char *name = NULL;
	int best = PROOF - 1, second = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (t->score[i] > best) {
			second = name ? best : second;
			best = t->score[i];
			name = t->name[i];
		} else if (t->score[i] > second)
			second = t->score[i];
	}
	return name != NULL && 2 * second <= best && strcmp(name, "other") != 0 ? name : NULL;
}

static struct span
without_blanks(struct span text)
{
	while (text.len > 0 && strchr(" \t\r\n", *text.ptr) != NULL && *text.ptr != '\0')
		text = (struct span){ text.ptr + 1, text.len - 1 };
	while (text.len > 0 && text.ptr[text.len - 1] != '\0' &&
	       strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
		text.len--;
	return text;
}

/* An object, or a list that begins with one, with a name in quotes. Of what is longer than the
 * head the end is not known. */
static bool
is_json(struct span code)
{
	struct span text = without_blanks(code);
	bool whole = code.len < HEAD_MAX;

	if (text.len > HEAD_MAX)
		text.len = HEAD_MAX;
	if (text.len < 2 || memmem(text.ptr, text.len, "\":", 2) == NULL)
		return false;
	if (text.ptr[0] == '[') {
		if (whole && text.ptr[text.len - 1] != ']')
			return false;
		text = without_blanks((struct span){ text.ptr + 1, text.len - 1 - whole });
	}
	if (text.len < 2 || text.ptr[0] != '{' || (whole && text.ptr[text.len - 1] != '}'))
		return false;
	text = without_blanks((struct span){ text.ptr + 1, text.len - 1 });
	return text.len > 0 && text.ptr[0] == '"';
}

const char *
language_of_content(struct span code)
{
	struct tally tally = { .count = 0 };
	bool seen[SIGNS] = { false };
	struct span rest = code;

	if (is_json(code))
		return "json";
	if (rest.len > HEAD_MAX)
		rest.len = HEAD_MAX;
	for (int i = 0; i < LINES_MAX && rest.ptr != NULL; i++) {
		struct span line = without_blanks(span_cut(&rest, '\n'));
		if (line.len > 0)
			count_line(&tally, line, seen);
	}
	count_grown(&tally);
	return surest(&tally);
}
