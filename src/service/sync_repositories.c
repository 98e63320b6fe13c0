/* sync_repositories: the list page by page, most of it by free 304s; then the languages of what
 * moved; then what was in no page. The place in a pass is the URL of the next page, or "languages". */
#include <stdio.h>

#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "service/sync.h"
#include "store/github.h"
#include "store/repository.h"

#define FIRST_PAGE "/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100"
#define LANGUAGES "languages"

enum {
	LIST_MAX = 8 * KIB * KIB,
	LANGUAGES_MAX = 32 * KIB,
	BATCH = 50,
	PAGES_MAX = 1000, /* of one run: a list that never ends is a fault */
	LISTED = 40,      /* percent */
	WHOLE = 100,
};

static void
add_text(struct buf *b, const struct json_t *r, const char *key)
{
	const char *text;

	if (!json_get_text(r, key, &text))
		return;
	buf_format(b, ",\"%s\":", key);
	buf_json_string(b, span_of(text));
}

static void
add_int(struct buf *b, const struct json_t *r, const char *key, const char *as)
{
	int64_t n;

	if (json_get_int(r, key, &n) && n >= 0)
		buf_format(b, ",\"%s\":%lld", as, (long long)n);
}

static void
add_bool(struct buf *b, const struct json_t *r, const char *key, const char *as)
{
	bool is;

	if (json_get_bool(r, key, &is))
		buf_format(b, ",\"%s\":%s", as, is ? "true" : "false");
}

static void
add_topics(struct buf *b, const struct json_t *r)
{
	const struct json_t *topics = json_get_list(r, "topics");
	bool first = true;

	buf_puts(b, ",\"topics\":[");
	for (size_t i = 0; i < json_count(topics); i++) {
		const char *topic = json_text_at(topics, i);
		if (topic == NULL)
			continue;
		if (!first)
			buf_char(b, ',');
		buf_json_string(b, span_of(topic));
		first = false;
	}
	buf_char(b, ']');
}

/* As take_repositories() reads it. Private ones never leave GitHub. */
static bool
add_repository(struct buf *b, const struct json_t *r)
{
	static const char *const texts[] = { "name", "full_name", "description", "html_url",
		"homepage", "language", "pushed_at" };
	bool is_private = false;
	int64_t id;

	if (r == NULL || !json_get_int(r, "id", &id))
		return false;
	if (json_get_bool(r, "private", &is_private) && is_private)
		return false;
	buf_format(b, "%s{\"id\":%lld", b->len > 1 ? "," : "", (long long)id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_text(b, r, texts[i]);
	add_int(b, r, "stargazers_count", "stars");
	add_int(b, r, "forks_count", "forks");
	add_bool(b, r, "fork", "is_fork");
	add_bool(b, r, "archived", "is_archived");
	add_topics(b, r);
	buf_char(b, '}');
	return true;
}

static enum err
take(struct sync *s, const char *url, struct buf *list, struct sync_counts *counts)
{
	struct repository_counts took;

	if (!buf_ok(list))
		return ERR_NO_MEMORY;
	TRY(q_repository_take(s->db, s->person, url, buf_text(list), &took));
	counts->created += took.created;
	counts->updated += took.updated;
	counts->unchanged += took.unchanged;
	return OK;
}

/* ---- the list */

static enum err
take_page(
    struct sync *s, const char *url, const struct github_page *page, struct sync_counts *counts)
{
	struct repository_seen seen;
	struct buf list;
	enum err e;

	if (page->outcome == GITHUB_UNCHANGED) {
		TRY(q_repository_see(s->db, s->person, url, &seen));
		counts->unchanged += seen.count;
		return OK;
	}
	buf_init(&list, LIST_MAX);
	buf_char(&list, '[');
	for (size_t i = 0; page->json != NULL && i < json_count(page->json); i++)
		add_repository(&list, json_at(page->json, i));
	buf_char(&list, ']');
	e = take(s, url, &list, counts);
	buf_free(&list);
	TRY(e);
	return q_github_keep(
	    s->db, s->person, url, page->kept.etag, page->kept.last_modified, page->kept.next);
}

/* One page; s->place is the next then. */
static enum err
list_one(struct sync *s, int64_t number, bool *go_on)
{
	const char *url = s->place ? s->place : FIRST_PAGE;
	struct sync_counts counts = { 0 };
	struct github_kept kept;
	struct github_page page;
	int64_t percent = number < LISTED ? number : LISTED;
	enum err e;

	sync_turn(s);
	TRY(sync_kept(s, url, &kept));
	TRY(github_get(&s->github, url, &kept, &page));
	*go_on = false;
	if (sync_ends(s, &page, &e))
		return e;
	TRY(take_page(s, url, &page, &counts));
	s->place = page.kept.next && page.outcome != GITHUB_EMPTY
	               ? arena_text(s->scope->arena, span_of(page.kept.next))
	               : LANGUAGES;
	if (s->place == NULL)
		return ERR_NO_MEMORY;
	*go_on = true;
	return sync_step(s, s->place, percent, &counts);
}

/* ---- languages */

static enum err
languages_text(const struct json_t *json, struct scope *scope, const char **out)
{
	struct json_number *numbers;
	struct buf b;
	size_t count;

	TRY(json_numbers(json, &numbers, &count, scope));
	buf_init(&b, LANGUAGES_MAX);
	buf_char(&b, '{');
	for (size_t i = 0; i < count && i < 200; i++) {
		if (i > 0)
			buf_char(&b, ',');
		buf_json_string(&b, span_of(numbers[i].key));
		buf_format(&b, ":%lld", (long long)numbers[i].value);
	}
	buf_char(&b, '}');
	*out = buf_ok(&b) ? arena_text(scope->arena, buf_span(&b)) : NULL;
	buf_free(&b);
	return *out ? OK : ERR_NO_MEMORY;
}

/* One repository's trouble is its own: it is marked, and the sync goes on. */
static enum err
mark(struct sync *s, const struct repository_moved *r, const struct github_page *page,
    struct sync_counts *counts)
{
	const char *state = page->outcome == GITHUB_BLOCKED ? "blocked"
	                    : page->outcome == GITHUB_GONE  ? "gone"
	                                                    : "forbidden";
	const char *note = page->code ? page->code : page->reason;

	counts->failed++;
	if (page->outcome == GITHUB_GONE)
		TRY(q_repository_gone(s->db, s->person, r->github_id, false));
	return q_repository_outcome(s->db, r->id, NULL, state, note);
}

static bool
is_its_own(enum github_outcome outcome)
{
	return outcome == GITHUB_BLOCKED || outcome == GITHUB_FORBIDDEN ||
	       outcome == GITHUB_GONE || outcome == GITHUB_REFUSED;
}

static enum err
languages_of(
    struct sync *s, const struct repository_moved *r, struct sync_counts *counts, bool *go_on)
{
	struct github_page page;
	const char *languages = "{}", *path;
	enum err e;

	sync_turn(s);
	if ((path = arena_format(s->page.arena, "/repos/%s/languages", r->full_name)) == NULL)
		return ERR_NO_MEMORY;
	TRY(github_get(&s->github, path, NULL, &page));
	if (is_its_own(page.outcome))
		return mark(s, r, &page, counts);
	if (sync_ends(s, &page, &e)) {
		*go_on = false;
		return e;
	}
	if (github_answered(page.outcome))
		TRY(languages_text(page.json, &s->page, &languages));
	return q_repository_outcome(s->db, r->id, languages, NULL, NULL);
}

/* All that moved, a few to a step. */
static enum err
measure(struct sync *s, bool *go_on)
{
	struct repository_moved *moved;
	struct repository_seen all;
	size_t count;
	int64_t done = 0;

	TRY(q_repository_moved_count(s->db, s->person, &all));
	for (;;) {
		struct sync_counts counts = { 0 };
		TRY(q_repository_moved(s->db, s->person, BATCH, &moved, &count));
		TRY(db_commit(s->db));
		if (count == 0 || done > all.count + BATCH)
			return OK;
		for (size_t i = 0; i < count; i++) {
			TRY(languages_of(s, &moved[i], &counts, go_on));
			if (!*go_on)
				return OK;
			TRY(db_commit(s->db));
		}
		done += (int64_t)count;
		TRY(sync_step(s, LANGUAGES,
		    LISTED +
		        (WHOLE - LISTED - 1) * done / (all.count > done ? all.count : done),
		    &counts));
		if (clock_mono() > s->until) {
			*go_on = false;
			return sync_pause(s);
		}
	}
}

static enum err
repositories(struct sync *s)
{
	struct repository_seen deleted;
	bool go_on = true;

	TRY(sync_begin(s));
	for (int64_t n = 1; s->place == NULL || strcmp(s->place, LANGUAGES) != 0; n++) {
		if (n > PAGES_MAX || clock_mono() > s->until)
			return sync_pause(s);
		TRY(list_one(s, n, &go_on));
		if (!go_on)
			return OK;
	}
	TRY(measure(s, &go_on));
	if (!go_on)
		return OK;
	TRY(q_repository_end(s->db, s->person, &deleted));
	return sync_finish(s, deleted.count,
	    arena_format(s->scope->arena, "%lld requests, %lld unchanged answers",
	        (long long)s->github.requests, (long long)s->github.not_modified));
}

enum err
sync_repositories(struct sync *s)
{
	bool open;
	enum err e;

	TRY(sync_open(s, "repositories", &open));
	if (!open)
		return OK;
	e = repositories(s);
	sync_close(s);
	return e;
}

/* ---- one */

static enum err
take_one(struct sync *s, const struct github_page *page, struct sync_counts *counts)
{
	struct buf list;
	enum err e = OK;

	buf_init(&list, LIST_MAX);
	buf_char(&list, '[');
	if (add_repository(&list, page->json)) {
		buf_char(&list, ']');
		e = take(s, NULL, &list, counts);
	}
	buf_free(&list);
	return e;
}

static enum err
one(struct sync *s, int64_t github_id)
{
	struct sync_counts counts = { 0 };
	struct repository_moved *known;
	struct github_page page;
	size_t count;
	bool go_on = true;
	enum err e;

	TRY(github_get(&s->github,
	    arena_format(s->page.arena, "/repositories/%lld", (long long)github_id), NULL,
	    &page));
	if (page.outcome == GITHUB_GONE) {
		TRY(q_repository_gone(s->db, s->person, github_id, false));
		s->result = (struct sync_result){ SYNC_DONE, 0, "gone" };
		return db_commit(s->db);
	}
	if (sync_ends(s, &page, &e))
		return e;
	TRY(take_one(s, &page, &counts));
	TRY(q_repository_known(s->db, s->person, github_id, &known, &count));
	TRY(db_commit(s->db));
	if (count == 1)
		TRY(languages_of(s, known, &counts, &go_on));
	if (!go_on)
		return OK;
	s->result = (struct sync_result){ SYNC_DONE, 0, "synced" };
	return db_commit(s->db);
}

enum err
sync_repository(struct sync *s, int64_t github_id, bool deleted)
{
	bool open;
	enum err e;

	if (deleted) {
		TRY(q_repository_gone(s->db, s->person, github_id, true));
		s->result = (struct sync_result){ SYNC_DONE, 0, "deleted" };
		return db_commit(s->db);
	}
	TRY(sync_open(s, "repository", &open));
	if (!open)
		return OK;
	e = one(s, github_id);
	sync_close(s);
	return e;
}
