/* synthetic: made-up people, snippets, likes and follows for benchmarks. All of it comes from
 * the rows' numbers by integer arithmetic alone, so every machine makes the same. Few things
 * have most of the likes, few people most of the snippets and followers. */
#include "ctl/seed.h"

enum {
	MOST = 8000000,          /* of people, of snippets */
	PEERS_MOST = 2000000000, /* of likes, of follows */
	CODE_MIN = 500,
	CODE_MORE = 2500,
	TITLE_WORDS_MIN = 3,
	TITLE_WORDS_MAX = 8,
	TAGS_MOST = 5,
};
#define STEP UINT64_C(2147483647) /* a prime above every count, so it meets each number once */

/* Numbers that look random: SplitMix64 (Steele, Lea, Flood 2014), a stream for each row. */
enum stream { PERSON = 1, SNIPPET, LIKERS, FOLLOWERS };

struct dice {
	uint64_t state;
};

static uint64_t
throw_dice(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct dice
dice_of(enum stream stream, int64_t number)
{
	struct dice d = { (uint64_t)stream << 56 ^ (uint64_t)number };

	d.state = throw_dice(&d);
	return d;
}

static size_t
below(struct dice *d, size_t n)
{
	return (size_t)(throw_dice(d) % n);
}

/* Below n, the low ones far more often: n times a fraction to the second or third power. */
static size_t
low_below(struct dice *d, size_t n, int power)
{
	uint64_t u = throw_dice(d) >> 32, f = u;

	for (int i = 1; i < power; i++)
		f = f * u >> 32;
	return (size_t)(f * n >> 32);
}

static const char *const nouns[] = { "array", "cache", "config", "parser", "request", "queue",
	"file", "token", "string", "server", "session", "user", "event", "list", "table",
	"index", "buffer", "client", "thread", "socket", "date", "number", "query", "tree",
	"graph", "log", "form", "image", "path", "color", "matrix", "timer", "signal",
	"process", "package", "header", "cursor", "stream", "worker", "schema", "record",
	"node", "page", "key", "lock", "pool", "router", "state", "batch", "report", "domain",
	"email", "price", "order", "cart", "score", "map", "set", "heap", "stack" };
static const char *const verbs[] = { "parse", "sort", "merge", "load", "format", "validate",
	"filter", "fetch", "split", "render", "retry", "encode", "decode", "count", "update",
	"find", "convert", "compress", "group", "walk" };
static const char *const adjectives[] = { "nested", "simple", "fast", "lazy", "typed", "cached",
	"large", "sorted", "async", "shared", "unique", "recursive", "stable", "minimal" };
static const char *const joints[] = { "with", "for", "from", "by", "without", "in" };
static const char *const tag_ends[] = { "", "-api", "-tools", "-test", "-cli" }; /* 300 tags */

#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define ANY(dice, list) ((list)[below(dice, COUNT(list))])

/* \1 a noun, \2 a verb, \3 a number, \4 an adjective. */
static const char *const in_python[] = {
	"def \2_\1(\1, limit=\3):\n    if not \1:\n        return None\n"
	"    return [\2(item) for item in \1[:limit]]\n\n",
	"class \4\1:\n    def __init__(self, \1, size=\3):\n        self.\1 = \1\n"
	"        self.size = size\n\n    def \2(self):\n"
	"        return self.\1.\2(self.size)\n\n",
	"for \1 in \2_\1s(path):\n    if \1.size > \3:\n"
	"        logger.info(\"\4 \1: %s\", \1)\n        continue\n"
	"    \1s.append(\1)\n\n",
	"with open(\1_path) as source:\n    \1 = \2(source.read())\n"
	"    assert len(\1) < \3\n\n",
	"try:\n    \1 = \2_\1(timeout=\3)\nexcept ValueError as error:\n"
	"    raise \4Error(\"no \1\") from error\n\n",
};
static const char *const in_script[] = {
	"export function \2(\1, limit = \3) {\n  if (!\1) return null;\n"
	"  return \1.slice(0, limit).map((item) => \2(item));\n}\n\n",
	"const \1 = await \2(`/\4/\1/${id}`, { timeout: \3 });\nif (!\1.ok) {\n"
	"  throw new Error(`\1 failed: ${\1.status}`);\n}\n\n",
	"class \4\1 {\n  constructor(\1) {\n    this.\1 = \1;\n    this.size = \3;\n"
	"  }\n\n  \2() {\n    return this.\1.\2(this.size);\n  }\n}\n\n",
	"\1s\n  .filter((\1) => \1.size > \3)\n"
	"  .forEach((\1) => console.log(\"\4 \1\", \1));\n\n",
};
static const char *const in_braces[] = {
	"int \2_\1(struct \1 *\1, int limit)\n{\n\tif (\1 == NULL || limit > \3)\n"
	"\t\treturn -1;\n\treturn \2(\1->items, limit);\n}\n\n",
	"for (int i = 0; i < \3; i++) {\n\tif (!\2(\1[i]))\n\t\tcontinue;\n"
	"\ttotal += \1[i].size;\n}\n\n",
	"struct \4_\1 {\n\tint size;\n\tchar name[\3];\n\tstruct \1 *next;\n};\n\n",
	"while (\1.next()) {\n\tauto value = \1.\2(\3);\n\tif (value.empty()) {\n"
	"\t\tbreak;\n\t}\n\tprint(\"\4 \1\", value);\n}\n\n",
};
static const char *const in_shell[] = {
	"\2_\1() {\n  local \1=\"$1\"\n  [ -n \"$\1\" ] || return 1\n"
	"  grep -c \"\4\" \"$\1\" | head -n \3\n}\n\n",
	"for \1 in ./\4/*.\1; do\n  [ -f \"$\1\" ] || continue\n"
	"  \2 \"$\1\" --size \3\ndone\n\n",
	"find /var/\1 -name '*.\4' -mtime +\3 -print0 |\n  xargs -0 -r \2\n\n",
};
static const char *const in_sql[] = {
	"select \1.id, count(*) as \1s\nfrom \4_\1s \1\n"
	"join \1_log log on log.\1_id = \1.id\nwhere \1.size > \3\ngroup by \1.id\n"
	"order by \1s desc\nlimit \3;\n\n",
	"create table \4_\1 (\n  id bigint primary key,\n"
	"  \1 text not null,\n  size int default \3,\n"
	"  created_at timestamptz default now()\n);\n\n",
	"update \1s set \1 = \2(\1)\nwhere id in (select id from \4_\1s limit \3);\n\n",
};
static const char *const in_data[] = {
	"\1:\n  name: \4-\1\n  size: \3\n  steps:\n    - \2 \1\n    - \2 \4\n\n",
	"\2_\1:\n  enabled: true\n  timeout: \3\n  labels: [\1, \4, \2]\n\n",
	"\4:\n  - \1: \3\n    action: \2\n  - \1: \3\n    action: \2\n\n",
};

static const struct speech {
	const char *language, *ending, *comment;
	unsigned weight;
	const char *const *blocks;
	size_t count;
} speeches[] = {
	{ "python", "py", "#", 22, in_python, COUNT(in_python) },
	{ "javascript", "js", "//", 20, in_script, COUNT(in_script) },
	{ "typescript", "ts", "//", 11, in_script, COUNT(in_script) },
	{ "java", "java", "//", 7, in_braces, COUNT(in_braces) },
	{ "shell", "sh", "#", 7, in_shell, COUNT(in_shell) },
	{ "cpp", "cpp", "//", 5, in_braces, COUNT(in_braces) },
	{ "c", "c", "//", 5, in_braces, COUNT(in_braces) },
	{ "go", "go", "//", 5, in_braces, COUNT(in_braces) },
	{ "sql", "sql", "--", 4, in_sql, COUNT(in_sql) },
	{ "rust", "rs", "//", 3, in_braces, COUNT(in_braces) },
	{ "php", "php", "//", 3, in_script, COUNT(in_script) },
	{ "csharp", "cs", "//", 2, in_braces, COUNT(in_braces) },
	{ "yaml", "yaml", "#", 2, in_data, COUNT(in_data) },
	{ "ruby", "rb", "#", 2, in_python, COUNT(in_python) },
	{ "kotlin", "kt", "//", 1, in_braces, COUNT(in_braces) },
	{ "lua", "lua", "--", 1, in_sql, COUNT(in_sql) },
};

static const struct speech *
choose_speech(struct dice *d)
{
	size_t sum = 0, at;

	for (size_t i = 0; i < COUNT(speeches); i++)
		sum += speeches[i].weight;
	at = below(d, sum);
	for (size_t i = 0;; i++) {
		if (at < speeches[i].weight)
			return &speeches[i];
		at -= speeches[i].weight;
	}
}

/* One word of each kind. Arguments and initializers are evaluated in any order, so dice are
 * thrown in statements of their own. */
struct words {
	const char *noun, *verb, *adjective;
};

static struct words
choose_words(struct dice *d)
{
	struct words w;

	w.noun = ANY(d, nouns);
	w.verb = ANY(d, verbs);
	w.adjective = ANY(d, adjectives);
	return w;
}

static void
fill_block(struct buf *out, struct dice *d, const char *block)
{
	struct words w = choose_words(d);

	while (*block) {
		size_t run = strcspn(block, "\1\2\3\4");
		buf_add(out, (struct span){ block, run });
		block += run;
		switch (*block) {
		case '\0': return;
		case '\1': buf_puts(out, w.noun); break;
		case '\2': buf_puts(out, w.verb); break;
		case '\3': buf_int(out, (int64_t)below(d, 1000)); break;
		case '\4': buf_puts(out, w.adjective); break;
		}
		block++;
	}
}

static void
write_code(struct buf *out, struct dice *d, const struct speech *s, const char *title)
{
	size_t size = CODE_MIN + low_below(d, CODE_MORE, 2);

	buf_reset(out);
	buf_puts(out, s->comment);
	buf_char(out, ' ');
	buf_puts(out, title);
	buf_puts(out, "\n\n");
	while (out->len < size && buf_ok(out))
		fill_block(out, d, s->blocks[below(d, s->count)]);
}

/* "Parse nested config with fast cache": a verb, then descriptions joined by small words. */
static void
write_title(struct buf *out, struct dice *d)
{
	size_t count = TITLE_WORDS_MIN + below(d, TITLE_WORDS_MAX - TITLE_WORDS_MIN + 1);

	buf_reset(out);
	buf_puts(out, ANY(d, verbs));
	for (size_t i = 1; i < count; i++) {
		buf_char(out, ' ');
		if (i + 1 == count || i % 3 == 2)
			buf_puts(out, ANY(d, nouns));
		else if (i % 3 == 1)
			buf_puts(out, ANY(d, adjectives));
		else
			buf_puts(out, ANY(d, joints));
	}
	out->ptr[0] = (char)(out->ptr[0] - 'a' + 'A');
}

static void
write_tags(struct buf *out, struct dice *d)
{
	size_t count = below(d, TAGS_MOST + 1), had[TAGS_MOST], n = 0;

	buf_reset(out);
	for (size_t i = 0; i < count; i++) {
		size_t tag = low_below(d, COUNT(nouns) * COUNT(tag_ends), 3), same = 0;
		while (same < n && had[same] != tag)
			same++;
		if (same < n)
			continue;
		had[n++] = tag;
		buf_puts(out, n > 1 ? "," : "");
		buf_puts(out, nouns[tag % COUNT(nouns)]);
		buf_puts(out, tag_ends[tag / COUNT(nouns)]);
	}
}

struct work {
	struct seed *seed;
	struct synthetic wish;
	struct progress progress;
	struct buf text;
};

static void
random_part(struct dice *d, unsigned char out[10])
{
	for (size_t i = 0; i < 10; i++)
		out[i] = (unsigned char)throw_dice(d);
}

/* The same whenever it is asked. */
static const char *
person_id(struct work *w, int64_t number)
{
	struct dice d = dice_of(PERSON, number);
	int64_t ms = seed_person_ms(throw_dice(&d));
	unsigned char random[10];

	random_part(&d, random);
	return seed_uuid(w->seed, ms, random);
}

static const char *
username(struct work *w, int64_t number)
{
	return arena_format(w->seed->scope.arena, "user%07lld", (long long)number + 1);
}

static const char *
copy(struct work *w)
{
	struct arena *arena = w->seed->scope.arena;

	return buf_ok(&w->text) ? arena_text(arena, buf_span(&w->text)) : NULL;
}

static const char *
digits(struct work *w, int64_t n)
{
	return arena_format(w->seed->scope.arena, "%lld", (long long)n);
}

static enum err
make_people(struct work *w)
{
	progress_begin(&w->progress, "users", w->wish.users);
	for (int64_t i = 0; i < w->wish.users; i++) {
		const char *cells[USER_CELLS];
		TRY(seed_room(w->seed));
		cells[USER_ID] = person_id(w, i);
		cells[USER_NAME] = username(w, i);
		cells[USER_FULL_NAME] =
		    arena_format(w->seed->scope.arena, "User %lld", (long long)i + 1);
		TRY(seed_add(w->seed, SEED_USERS, cells));
		progress_to(&w->progress, i + 1);
	}
	TRY(seed_flush(w->seed));
	progress_end(&w->progress);
	return OK;
}

static uint64_t
square_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	return root;
}

/* How many of `total` the first `rank` of `places` have: it grows as the square root over the
 * first half of them; the other half has none. */
static int64_t
share(int64_t total, int64_t rank, int64_t places)
{
	int64_t half = (places + 1) / 2;

	if (rank >= half)
		return total;
	return (
	    int64_t)((uint64_t)total * square_root(((uint64_t)rank << 40) / (uint64_t)half) >>
	             20);
}

/* What is due to `rank` when `given` went to those before it, at most `most`. What is cut off
 * goes to the next ones. */
static int64_t
due(int64_t total, int64_t rank, int64_t places, int64_t given, int64_t most)
{
	int64_t n = share(total, rank + 1, places) - given;

	return n < most ? n : most;
}

static int64_t
peers_most(int64_t others)
{
	return others < SEED_PEERS_MAX ? others : SEED_PEERS_MAX;
}

/* Any of the people can like it, each once. */
static enum err
make_likes(struct work *w, int64_t number, int64_t count, const char *snippet, int64_t ms)
{
	struct dice d = dice_of(LIKERS, number);
	uint64_t people = (uint64_t)w->wish.users, first = throw_dice(&d) % people;
	const char *cells[LIKE_CELLS] = { [LIKE_SNIPPET] = snippet };

	for (int64_t i = 0; i < count; i++) {
		uint64_t liker = (first + (uint64_t)i * STEP) % people;
		uint64_t later = throw_dice(&d) % (uint64_t)(SEED_END_MS - ms);
		cells[LIKE_USER] = person_id(w, (int64_t)liker);
		cells[LIKE_MICROS] = digits(w, (ms + (int64_t)later) * 1000);
		TRY(seed_add(w->seed, SEED_LIKES, cells));
	}
	return OK;
}

static enum err
make_snippet(struct work *w, int64_t number, int64_t likes)
{
	struct dice d = dice_of(SNIPPET, number);
	int64_t ms = seed_thing_ms(throw_dice(&d));
	const struct speech *s = choose_speech(&d);
	struct arena *arena = w->seed->scope.arena;
	struct words words = choose_words(&d);
	const char *cells[SNIPPET_CELLS] = { [SNIPPET_DESCRIPTION] = "" };
	unsigned char random[10];

	random_part(&d, random);
	cells[SNIPPET_ID] = seed_uuid(w->seed, ms, random);
	cells[SNIPPET_AUTHOR] = username(w, (int64_t)low_below(&d, (size_t)w->wish.users, 2));
	write_title(&w->text, &d);
	cells[SNIPPET_TITLE] = copy(w);
	if (cells[SNIPPET_TITLE] == NULL)
		return ERR_NO_MEMORY;
	if (below(&d, 10) < 6)
		cells[SNIPPET_DESCRIPTION] = arena_format(arena, "How to %s one %s %s in %s.",
		    words.verb, words.adjective, words.noun, s->language);
	write_code(&w->text, &d, s, cells[SNIPPET_TITLE]);
	cells[SNIPPET_CODE] = copy(w);
	cells[SNIPPET_LANGUAGE] = s->language;
	cells[SNIPPET_FILENAME] =
	    arena_format(arena, "%s_%s.%s", words.verb, words.noun, s->ending);
	write_tags(&w->text, &d);
	cells[SNIPPET_TAGS] = copy(w);
	cells[SNIPPET_LIKES] = digits(w, likes);
	TRY(seed_add(w->seed, SEED_SNIPPETS, cells));
	return make_likes(w, number, likes, cells[SNIPPET_ID], ms);
}

static enum err
make_snippets(struct work *w)
{
	int64_t total = w->wish.snippets, given = 0, most = peers_most(w->wish.users);

	progress_begin(&w->progress, "snippets", total);
	for (int64_t i = 0; i < total; i++) {
		int64_t likes = due(w->wish.likes, i, total, given, most);
		TRY(seed_room(w->seed));
		TRY(make_snippet(w, i, likes));
		given += likes;
		progress_to(&w->progress, i + 1);
	}
	TRY(seed_flush(w->seed));
	progress_end(&w->progress);
	return OK;
}

/* Anybody but oneself, each once. */
static enum err
make_followers(struct work *w, int64_t number, int64_t count)
{
	struct dice d = dice_of(FOLLOWERS, number);
	uint64_t others = (uint64_t)w->wish.users - 1, first = throw_dice(&d);
	const char *cells[FOLLOW_CELLS] = { [FOLLOW_FOLLOWED] = person_id(w, number) };

	for (int64_t i = 0; i < count; i++) {
		uint64_t step = (first % others + (uint64_t)i * STEP) % others + 1;
		uint64_t follower = ((uint64_t)number + step) % (others + 1);
		cells[FOLLOW_FOLLOWER] = person_id(w, (int64_t)follower);
		cells[FOLLOW_MICROS] = digits(w, seed_thing_ms(throw_dice(&d)) * 1000);
		TRY(seed_add(w->seed, SEED_FOLLOWS, cells));
	}
	return OK;
}

static enum err
make_follows(struct work *w)
{
	int64_t users = w->wish.users, given = 0, most = peers_most(users - 1);

	progress_begin(&w->progress, "follows", w->wish.follows);
	for (int64_t i = 0; i < users && given < w->wish.follows; i++) {
		int64_t count = due(w->wish.follows, i, users, given, most);
		TRY(seed_room(w->seed));
		TRY(make_followers(w, i, count));
		given += count;
		progress_to(&w->progress, given);
	}
	TRY(seed_flush(w->seed));
	progress_end(&w->progress);
	return OK;
}

enum err
synthetic_make(struct seed *s, const struct synthetic *wish)
{
	struct work w = { .seed = s, .wish = *wish };
	enum err e;

	buf_init(&w.text, 64 * KIB);
	e = make_people(&w);
	if (e == OK)
		e = make_snippets(&w);
	if (e == OK && wish->follows > 0)
		e = make_follows(&w);
	buf_free(&w.text);
	return e;
}

static bool
too_many(const struct synthetic *wish)
{
	return wish->likes > wish->snippets * peers_most(wish->users) ||
	       wish->follows > wish->users * peers_most(wish->users - 1);
}

bool
synthetic_parse(struct span text, struct synthetic *out, const char **why)
{
	static const struct {
		const char *name;
		size_t offset;
		int64_t most;
	} keys[] = { { "users", offsetof(struct synthetic, users), MOST },
		{ "snippets", offsetof(struct synthetic, snippets), MOST },
		{ "likes", offsetof(struct synthetic, likes), PEERS_MOST },
		{ "follows", offsetof(struct synthetic, follows), PEERS_MOST } };

	*out = (struct synthetic){ .users = 0 };
	*why = "--synthetic wants users=N,snippets=N[,likes=N,follows=N]";
	while (text.ptr != NULL) {
		struct span value = span_cut(&text, ','), name = span_cut(&value, '=');
		int64_t n;
		size_t i = 0;
		while (i < COUNT(keys) && !span_is(name, keys[i].name))
			i++;
		if (i == COUNT(keys) || !span_int(value, &n) || n < 0 || n > keys[i].most)
			return false;
		*(int64_t *)(void *)((char *)out + keys[i].offset) = n;
	}
	if (out->users < 1 || out->snippets < 1)
		return false;
	*why = "more likes or follows than each person can give (at most 20000 to one)";
	if (too_many(out))
		return false;
	*why = NULL;
	return true;
}
