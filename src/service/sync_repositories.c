/* sync_repositories: the list page by page, most of it by free 304s; what was in no page, asked
 * for by its number; then the languages of what moved. The place in a pass is the URL of the next
 * page, or one of the words below. */
#include <stdio.h>

#include "adapter/json_list.h"
#include "base/buf.h"
#include "base/clock.h"
#include "service/sync.h"
#include "store/github.h"
#include "store/repository.h"

#define FIRST_PAGE "/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100"
#define MISSING "missing"
#define LANGUAGES "languages"

enum {
	PER_PAGE = 100,
	PAGES_MAX = 1000, /* of a pass: a list that never ends is a fault */
	MISSING_MAX = 100,
	BATCH = 50,
	STEP = 10,
	LISTED = 40, /* percent */
	WHOLE = 100,
};

static bool
is_at(const struct sync *s, const char *place)
{
	return s->place != NULL && strcmp(s->place, place) == 0;
}

static bool
is_late(const struct sync *s)
{
	return clock_mono() > s->until;
}

/* ---- the list */

static enum err
take_list(
    struct sync *s, const char *url, const struct json_t *json, struct sync_counts *counts)
{
	struct buf list;
	enum err e = OK;

	buf_init(&list, SYNC_LIST_MAX);
	buf_char(&list, '[');
	for (size_t i = 0; i < json_count(json) && e == OK; i++) {
		const struct json_t *r = json_at(json, i);
		if (sync_is_theirs(s, r))
			e = sync_put_repository(s, &list, r);
	}
	buf_char(&list, ']');
	if (e == OK)
		e = sync_take(s, url, &list, counts);
	buf_free(&list);
	return e;
}

/* A page that is full and the last is asked for as it is next time: behind it there may be
 * another one then, and the page itself the same. */
static enum err
take_page(
    struct sync *s, const char *url, const struct github_page *page, struct sync_counts *counts)
{
	struct repository_seen seen;
	bool full = page->json != NULL && json_count(page->json) >= PER_PAGE;
	bool keep = page->kept.next != NULL || !full;

	if (page->outcome == GITHUB_UNCHANGED) {
		TRY(q_repository_see(s->db, s->person, url, &seen));
		counts->unchanged += seen.count;
		return OK;
	}
	if (page->json != NULL)
		TRY(take_list(s, url, page->json, counts));
	return q_github_keep(s->db, s->person, url, keep ? page->kept.etag : NULL,
	    keep ? page->kept.last_modified : NULL, page->kept.next);
}

/* What can't be a page of the list must not pass for one: what it lacks would be deleted. */
static const char *
nonsense(const struct sync *s, const struct github_page *page)
{
	if (github_answered(page->outcome) && !json_is_list(page->json))
		return "GitHub's answer is no list";
	if (page->json != NULL && json_count(page->json) > PER_PAGE)
		return "GitHub's page is longer than was asked for";
	if (page->kept.next != NULL && s->pages >= PAGES_MAX)
		return "GitHub's list has no end";
	return NULL;
}

/* One page; s->place is the next then. */
static enum err
list_one(struct sync *s)
{
	const char *url = s->place ? s->place : FIRST_PAGE, *why;
	struct sync_counts counts = { .pages = 1 };
	struct github_kept kept;
	struct github_page page;

	sync_turn(s);
	TRY(sync_kept(s, url, &kept));
	TRY(sync_get(s, url, &kept, &page));
	TRY(sync_judge(s, &page));
	if (s->over)
		return OK;
	s->pages++;
	if ((why = nonsense(s, &page)) != NULL)
		return sync_fail(s, why);
	TRY(take_page(s, url, &page, &counts));
	s->place = page.kept.next && page.outcome != GITHUB_EMPTY
	               ? arena_text(s->scope->arena, span_of(page.kept.next))
	               : MISSING;
	if (s->place == NULL)
		return ERR_NO_MEMORY;
	return sync_step(s, s->place, s->pages < LISTED ? s->pages : LISTED, &counts);
}

static enum err
list(struct sync *s)
{
	while (!s->over && !is_at(s, MISSING) && !is_at(s, LANGUAGES)) {
		if (is_late(s))
			return sync_pause(s);
		TRY(list_one(s));
	}
	return OK;
}

/* ---- what was in no page: pushed to while the pages were read, so that it moved to one behind
 * us; or another's now, private, deleted. Of many at once the rest waits for the next pass. */

static enum err
look_for_missing(struct sync *s)
{
	struct repository_moved *missing;
	size_t count;

	TRY(q_repository_missing(s->db, s->person, MISSING_MAX, &missing, &count));
	TRY(db_commit(s->db));
	for (size_t i = 0; i < count; i++) {
		struct sync_counts counts = { 0 };
		if (is_late(s))
			return sync_pause(s);
		TRY(sync_one(s, missing[i].github_id, &missing[i].id, &counts));
		if (s->over)
			return OK;
		TRY(sync_step(s, MISSING, LISTED, &counts));
		if (s->over)
			return OK;
	}
	s->place = LANGUAGES;
	return sync_step(s, s->place, LISTED, NULL);
}

/* ---- languages */

static enum err
measure_some(struct sync *s, const struct repository_moved *moved, size_t count, int64_t done,
    int64_t all)
{
	struct sync_counts counts = { 0 };

	for (size_t i = 0; i < count; i++) {
		int64_t n = done + (int64_t)i + 1;
		if (is_late(s))
			return sync_pause(s);
		TRY(sync_languages(s, &moved[i], &counts));
		if (s->over)
			return OK;
		TRY(db_commit(s->db));
		if (n % STEP != 0 && i + 1 < count)
			continue;
		TRY(sync_step(s, LANGUAGES,
		    LISTED + (WHOLE - LISTED - 1) * n / (all > n ? all : n), &counts));
		if (s->over)
			return OK;
		counts = (struct sync_counts){ 0 };
	}
	return OK;
}

/* All that moved, each once. */
static enum err
measure(struct sync *s)
{
	struct repository_moved *moved;
	struct repository_seen all;
	size_t count = 1;

	TRY(q_repository_moved_count(s->db, s->person, &all));
	for (int64_t done = 0; !s->over && count > 0; done += (int64_t)count) {
		TRY(q_repository_moved(s->db, s->person, BATCH, &moved, &count));
		TRY(db_commit(s->db));
		TRY(measure_some(s, moved, count, done, all.count));
	}
	return OK;
}

/* ---- the pass */

static enum err
settle(struct sync *s)
{
	struct sync_counts counts = { 0 };
	struct repository_seen went;

	TRY(q_repository_end(s->db, s->person, &went));
	counts.deleted = went.count;
	TRY(sync_step(s, LANGUAGES, WHOLE - 1, &counts));
	if (s->over)
		return OK;
	return sync_finish(
	    s, arena_format(s->scope->arena, "%lld requests, %lld unchanged answers",
	           (long long)s->github.requests, (long long)s->github.not_modified));
}

static enum err
repositories(struct sync *s)
{
	TRY(sync_begin(s));
	TRY(list(s));
	if (!s->over && is_at(s, MISSING))
		TRY(look_for_missing(s));
	if (!s->over)
		TRY(measure(s));
	return s->over ? OK : settle(s);
}

enum err
sync_repositories(struct sync *s)
{
	enum err e;

	TRY(sync_open(s, "repositories"));
	if (s->over)
		return OK;
	e = repositories(s);
	sync_close(s);
	return e;
}
