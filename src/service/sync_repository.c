/* sync_repository: one repository: from GitHub's JSON to our row, its languages, and the small
 * sync that a webhook brings. */
#include <stdio.h>

#include "adapter/json_list.h"
#include "base/buf.h"
#include "model/clean.h"
#include "model/rule.h"
#include "service/sync.h"
#include "store/github.h"
#include "store/repository.h"

enum {
	DESCRIPTION_MAX = 1000,
	URL_MAX = 500,
	TOPICS_MAX = 100,
	TOPIC_MAX = 50,
	LANGUAGES_MAX = 32 * KIB,
	LANGUAGES_COUNT = 200,
	NAME_MAX = 100,
	TROUBLES_MAX = 3, /* in a row: then it is not the repository's own */
};

/* ---- as take_repositories() reads it */

static void
add_text(struct buf *b, const char *key, const char *text)
{
	if (text == NULL)
		return;
	buf_format(b, ",\"%s\":", key);
	buf_json_string(b, span_of(text));
}

/* Names, which the table judges, and which are nothing when cut. */
static void
add_name(struct buf *b, const struct json_t *r, const char *key)
{
	const char *text;

	if (json_get_text(r, key, &text) && strlen(text) <= 2 * NAME_MAX + 1)
		add_text(b, key, text);
}

static enum err
add_line(
    struct buf *b, const struct json_t *r, const char *key, int64_t most, struct scope *scope)
{
	const char *text;

	if (!json_get_text(r, key, &text))
		return OK;
	TRY(clean_line(text, most, scope->arena, &text));
	add_text(b, key, text);
	return OK;
}

static enum err
add_url(struct buf *b, const struct json_t *r, const char *key, struct scope *scope)
{
	const char *text;

	if (!json_get_text(r, key, &text))
		return OK;
	TRY(clean_url(text, URL_MAX, scope->arena, &text));
	add_text(b, key, text);
	return OK;
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

static enum err
add_topics(struct buf *b, const struct json_t *r, struct scope *scope)
{
	const struct json_t *topics = json_get_list(r, "topics");
	bool first = true;

	buf_puts(b, ",\"topics\":[");
	for (size_t i = 0; i < json_count(topics) && i < TOPICS_MAX; i++) {
		const char *topic = json_text_at(topics, i);
		TRY(clean_line(topic, TOPIC_MAX, scope->arena, &topic));
		if (topic == NULL)
			continue;
		if (!first)
			buf_char(b, ',');
		buf_json_string(b, span_of(topic));
		first = false;
	}
	buf_char(b, ']');
	return OK;
}

bool
sync_is_theirs(const struct sync *s, const struct json_t *r)
{
	const struct json_t *owner = r ? json_get_object(r, "owner") : NULL;
	bool is_private = false;
	int64_t id;

	if (r == NULL || (json_get_bool(r, "private", &is_private) && is_private))
		return false;
	return owner != NULL && json_get_int(owner, "id", &id) && id == s->github_id;
}

enum err
sync_put_repository(struct sync *s, struct buf *b, const struct json_t *r)
{
	int64_t id;

	if (!json_get_int(r, "id", &id))
		return OK;
	buf_format(b, "%s{\"id\":%lld", b->len > 1 ? "," : "", (long long)id);
	add_name(b, r, "name");
	add_name(b, r, "full_name");
	add_name(b, r, "pushed_at");
	TRY(add_line(b, r, "description", DESCRIPTION_MAX, &s->page));
	TRY(add_line(b, r, "language", NAME_MAX, &s->page));
	TRY(add_url(b, r, "html_url", &s->page));
	TRY(add_url(b, r, "homepage", &s->page));
	add_int(b, r, "stargazers_count", "stars");
	add_int(b, r, "forks_count", "forks");
	add_bool(b, r, "fork", "is_fork");
	add_bool(b, r, "archived", "is_archived");
	TRY(add_topics(b, r, &s->page));
	buf_char(b, '}');
	return OK;
}

enum err
sync_take(struct sync *s, const char *page_url, struct buf *list, struct sync_counts *counts)
{
	struct repository_counts took;

	if (!buf_ok(list))
		return ERR_NO_MEMORY;
	TRY(q_repository_take(s->db, s->person, page_url, buf_text(list), &took));
	counts->created += took.created;
	counts->updated += took.updated;
	counts->renamed += took.renamed;
	counts->unchanged += took.unchanged;
	return OK;
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
	for (size_t i = 0; i < count && i < LANGUAGES_COUNT; i++) {
		const struct span name = span_of(numbers[i].key);
		if (numbers[i].value < 0 || name.len > NAME_MAX || !rule_line.ok(name))
			continue;
		if (b.len > 1)
			buf_char(&b, ',');
		buf_json_string(&b, name);
		buf_format(&b, ":%lld", (long long)numbers[i].value);
	}
	buf_char(&b, '}');
	*out = buf_ok(&b) ? arena_text(scope->arena, buf_span(&b)) : NULL;
	buf_free(&b);
	return *out ? OK : ERR_NO_MEMORY;
}

static bool
is_its_own(enum github_outcome outcome)
{
	return outcome == GITHUB_BLOCKED || outcome == GITHUB_FORBIDDEN ||
	       outcome == GITHUB_GONE || outcome == GITHUB_REFUSED;
}

/* One repository's trouble is its own. *marked is false when it is everybody's. */
static enum err
mark(struct sync *s, const struct uuid *id, const struct github_page *page, bool *marked)
{
	bool troubled = sync_troubled(page) && ++s->troubles < TROUBLES_MAX;
	enum sync_outcome outcome = page->outcome == GITHUB_BLOCKED ? SYNC_BLOCKED
	                            : page->outcome == GITHUB_GONE  ? SYNC_GONE
	                                                            : SYNC_FORBIDDEN;
	const char *state = troubled                  ? NULL
	                    : outcome == SYNC_BLOCKED ? "blocked"
	                    : outcome == SYNC_GONE    ? "gone"
	                                              : "forbidden";

	*marked = troubled || is_its_own(page->outcome);
	if (!*marked)
		return OK;
	if (!troubled)
		sync_count(s, outcome, 1);
	return q_repository_marked(s->db, *id, state, page->code ? page->code : page->reason);
}

enum err
sync_languages(struct sync *s, const struct repository_moved *r, struct sync_counts *counts)
{
	struct github_page page;
	const char *languages = "{}";
	bool marked;

	sync_turn(s);
	TRY(sync_get(
	    s, arena_format(s->page.arena, "/repos/%s/languages", r->full_name), NULL, &page));
	TRY(mark(s, &r->id, &page, &marked));
	if (marked) {
		counts->failed++;
		return OK;
	}
	TRY(sync_judge(s, &page));
	if (s->over)
		return OK;
	s->troubles = 0;
	if (github_answered(page.outcome))
		TRY(languages_text(page.json, &s->page, &languages));
	return q_repository_measured(s->db, r->id, languages);
}

/* ---- by its number */

static enum err
gone(struct sync *s, int64_t github_id, bool certain, struct sync_counts *counts)
{
	struct repository_seen went;

	TRY(q_repository_gone(s->db, s->person, github_id, certain, &went));
	sync_count(s, SYNC_GONE, 1 - went.count);
	counts->deleted += went.count;
	counts->failed += 1 - went.count;
	return OK;
}

static enum err
take_one(struct sync *s, const struct json_t *json, struct sync_counts *counts)
{
	struct buf list;
	enum err e;

	buf_init(&list, SYNC_LIST_MAX);
	buf_char(&list, '[');
	e = sync_put_repository(s, &list, json);
	buf_char(&list, ']');
	if (e == OK)
		e = sync_take(s, NULL, &list, counts);
	buf_free(&list);
	return e;
}

enum err
sync_one(
    struct sync *s, int64_t github_id, const struct uuid *known, struct sync_counts *counts)
{
	struct github_page page;
	bool marked = false;
	int64_t id;

	sync_turn(s);
	TRY(sync_get(s, arena_format(s->page.arena, "/repositories/%lld", (long long)github_id),
	    NULL, &page));
	if (page.outcome == GITHUB_GONE)
		return gone(s, github_id, false, counts);
	if (known != NULL)
		TRY(mark(s, known, &page, &marked));
	if (marked || is_its_own(page.outcome)) {
		counts->failed++;
		return OK;
	}
	TRY(sync_judge(s, &page));
	if (s->over)
		return OK;
	if (!json_get_int(page.json, "id", &id) || id != github_id)
		return sync_fail(s, "GitHub's answer makes no sense");
	/* another's now, or private */
	if (!sync_is_theirs(s, page.json))
		return gone(s, github_id, true, counts);
	return take_one(s, page.json, counts);
}

static enum err
one(struct sync *s, int64_t github_id)
{
	struct sync_counts counts = { 0 };
	struct repository_moved *known;
	size_t count;

	TRY(sync_begin(s));
	TRY(q_repository_known(s->db, s->person, github_id, &known, &count));
	TRY(db_commit(s->db));
	TRY(sync_one(s, github_id, count == 1 ? &known->id : NULL, &counts));
	if (s->over)
		return OK;
	TRY(sync_step(s, NULL, 0, &counts));
	if (s->over || counts.deleted > 0 || counts.failed > 0)
		return s->over ? OK : sync_finish(s, counts.failed ? "marked" : "deleted");
	TRY(q_repository_known(s->db, s->person, github_id, &known, &count));
	TRY(db_commit(s->db));
	counts = (struct sync_counts){ 0 };
	if (count == 1)
		TRY(sync_languages(s, known, &counts));
	if (s->over)
		return OK;
	TRY(sync_step(s, NULL, 0, &counts));
	return s->over ? OK : sync_finish(s, "synced");
}

static enum err
deleted_there(struct sync *s, int64_t github_id)
{
	struct repository_seen went;

	TRY(q_repository_gone(s->db, s->person, github_id, true, &went));
	sync_count(s, SYNC_DELETED, went.count);
	return sync_finish(s, "deleted");
}

enum err
sync_repository(struct sync *s, int64_t github_id, bool deleted)
{
	enum err e;

	if (deleted)
		return deleted_there(s, github_id);
	TRY(sync_open(s, NULL));
	if (s->over)
		return OK;
	e = one(s, github_id);
	sync_close(s);
	return e;
}
