/* sync: the connection, and the steps that all kinds of sync share. */
#include "service/sync.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/github.h"

enum {
	PAGE_FIRST = 256 * KIB,
	PAGE_CEILING = 64 * KIB * KIB,
	PAUSE_MS = 1000,
	STUMBLE_MS = 30 * 1000, /* doubled by each in a row */
	STUMBLE_MAX_MS = 60 * 60 * 1000,
	STUMBLES_MAX = 30, /* about a day */
	ANYBODY = -1,      /* has the turn */
};

static enum err
bytes_of(const char *hex, struct scope *scope, struct span *out)
{
	size_t len = strlen(hex) / 2;
	char *bytes = arena_alloc(scope->arena, len + 1);

	if (bytes == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(span_hex(hex[2 * i]) << 4 | span_hex(hex[2 * i + 1]));
	*out = (struct span){ bytes, len };
	return OK;
}

/* *token is NULL when it does not open. */
static enum err
open_token(struct sync *s, const char *hex, const char **token)
{
	const char *bound = arena_format(s->scope->arena, "%s|github|token", s->person.text);
	struct span record, plain;
	enum err e;

	if (bound == NULL)
		return ERR_NO_MEMORY;
	TRY(bytes_of(hex, s->scope, &record));
	e = unseal(s->ring, record, span_of(bound), &plain, s->scope);
	*token = e == OK ? plain.ptr : NULL;
	if (e != ERR_BAD_TOKEN)
		return e;
	fault_reset(&s->scope->fault);
	LOG(LEVEL_ERROR, "github.token_is_sealed", L_TEXT("user", s->person.text),
	    L_TEXT("reason", "SEAL_KEY is another one, or the row was touched"));
	return OK;
}

/* ---- metrics */

void
sync_counters_get(struct counter_file *stats, struct sync_counters *out)
{
	static const char *const words[] = { "created", "synced", "unchanged", "renamed",
		"blocked", "gone", "forbidden", "deleted" };
	char labels[64];

	out->requests = counter_get(stats, "codegram_github_requests_total", COUNTER, "");
	out->not_modified =
	    counter_get(stats, "codegram_github_not_modified_total", COUNTER, "");
	github_breaker_get(stats, &out->breaker);
	for (int i = 0; i < SYNC_ANSWERS; i++) {
		snprintf(labels, sizeof(labels), "outcome=\"%s\"",
		    github_outcome_name((enum github_outcome)i));
		out->answer[i] =
		    counter_get(stats, "codegram_github_answers_total", COUNTER, labels);
	}
	for (int i = 0; i < SYNC_OUTCOMES; i++) {
		snprintf(labels, sizeof(labels), "outcome=\"%s\"", words[i]);
		out->repository[i] =
		    counter_get(stats, "codegram_github_repositories_total", COUNTER, labels);
	}
}

void
sync_count(const struct sync *s, enum sync_outcome outcome, int64_t n)
{
	if (s->counters != NULL && n > 0)
		counter_add(s->counters->repository[outcome], (uint64_t)n);
}

/* What a call came to; its fault is the run's. */
static enum err
called(struct sync *s, enum err e, int64_t requests, int64_t not_modified,
    const struct github_page *page)
{
	const struct sync_counters *c = s->counters;

	if (c != NULL) {
		counter_add(c->requests, (uint64_t)(s->github.requests - requests));
		counter_add(c->not_modified, (uint64_t)(s->github.not_modified - not_modified));
		counter_add(c->answer[page->outcome], 1);
	}
	return e ? fault(&s->scope->fault, e, "%s", s->page.fault.story) : OK;
}

enum err
sync_get(
    struct sync *s, const char *where, const struct github_kept *kept, struct github_page *page)
{
	int64_t requests = s->github.requests, not_modified = s->github.not_modified;

	if (where == NULL)
		return ERR_NO_MEMORY;
	return called(
	    s, github_get(&s->github, where, kept, page), requests, not_modified, page);
}

enum err
sync_graphql(struct sync *s, const char *query, struct span variables, struct github_page *page)
{
	int64_t requests = s->github.requests, not_modified = s->github.not_modified;

	return called(s, github_graphql(&s->github, query, variables, page), requests,
	    not_modified, page);
}

/* ---- how a run ends */

static enum err
ends(struct sync *s, enum sync_end end, int64_t not_before_ms, const char *words)
{
	s->over = true;
	s->result = (struct sync_result){ end, not_before_ms,
		arena_text(s->scope->arena, span_of(words)) };
	return s->result.words ? OK : ERR_NO_MEMORY;
}

static enum err
nobody(struct sync *s, const char *words)
{
	if (s->kind != NULL)
		TRY(q_sync_fail(s->db, s->person, s->kind, ANYBODY, words));
	TRY(db_commit(s->db));
	return ends(s, SYNC_STOPPED, 0, words);
}

static void
take_back(struct sync *s)
{
	db_close_scope(s->db);
	db_open_scope(s->db, s->scope, true);
}

/* Of another sign-in now: the same again, with the token of that one. */
static enum err
again(struct sync *s)
{
	int64_t at = clock_now() / 1000 + PAUSE_MS;

	TRY(q_sync_wait(
	    s->db, s->person, s->kind, s->turn, at, "signed in anew meanwhile", false));
	TRY(db_commit(s->db));
	return ends(s, SYNC_LATER, at, "signed in anew meanwhile");
}

/* What stands before the commit; s->over: nothing does any more. */
static enum err
write_step(
    struct sync *s, const char *place, int64_t percent, const struct sync_counts *c, bool moved)
{
	const struct github *g = &s->github;
	struct sync_word is;
	char counts[512], budget[256];

	snprintf(counts, sizeof(counts),
	    "{\"steps\":%d,\"requests\":%lld,\"not_modified\":%lld,\"created\":%lld,"
	    "\"updated\":%lld,\"unchanged\":%lld,\"deleted\":%lld,\"failed\":%lld,"
	    "\"pages\":%lld}",
	    moved, (long long)(g->requests - s->requests),
	    (long long)(g->not_modified - s->not_modified), (long long)c->created,
	    (long long)c->updated, (long long)c->unchanged, (long long)c->deleted,
	    (long long)c->failed, (long long)c->pages);
	snprintf(budget, sizeof(budget),
	    "{\"limit\":%lld,\"remaining\":%lld,\"reset\":%lld,\"not_before_ms\":%lld,"
	    "\"waits\":%lld}",
	    (long long)g->budget.limit, (long long)g->budget.remaining,
	    (long long)g->budget.reset, (long long)g->not_before_ms, (long long)g->waits);
	TRY(q_sync_step(s->db, s->person, s->kind, s->turn, s->signed_in, place, percent,
	    counts, budget, &is));
	if (strcmp(is.word, "on") == 0) {
		s->requests = g->requests;
		s->not_modified = g->not_modified;
		return OK;
	}
	take_back(s);
	if (strcmp(is.word, "again") == 0)
		return again(s);
	if (strcmp(is.word, "stopped") == 0)
		return nobody(s, "GitHub was disconnected meanwhile");
	return ends(s, SYNC_STOPPED, 0, "another run goes on with it");
}

static void
count_repositories(const struct sync *s, const struct sync_counts *c)
{
	sync_count(s, SYNC_CREATED, c->created);
	sync_count(s, SYNC_SYNCED, c->updated - c->renamed);
	sync_count(s, SYNC_RENAMED, c->renamed);
	sync_count(s, SYNC_UNCHANGED, c->unchanged);
	sync_count(s, SYNC_DELETED, c->deleted);
}

static const struct sync_counts none;

enum err
sync_step(struct sync *s, const char *place, int64_t percent, const struct sync_counts *counts)
{
	TRY(write_step(s, place, percent, counts ? counts : &none, true));
	if (s->over)
		return OK;
	TRY(db_commit(s->db));
	s->percent = percent;
	if (counts != NULL && (s->kind == NULL || strcmp(s->kind, "repositories") == 0))
		count_repositories(s, counts);
	if (s->tell != NULL && s->kind != NULL)
		s->tell(s->with, percent, s->kind);
	return OK;
}

static enum err
wait_until(struct sync *s, int64_t until_ms, const char *why, bool stumbled)
{
	TRY(write_step(s, s->place, s->percent, &none, false));
	if (s->over)
		return OK;
	if (s->kind != NULL)
		TRY(q_sync_wait(s->db, s->person, s->kind, s->turn, until_ms, why, stumbled));
	TRY(db_commit(s->db));
	return ends(s, SYNC_LATER, until_ms, why);
}

/* No limit, but no answer either: longer each time, and not for ever. */
static enum err
stumble(struct sync *s, int64_t until_ms, const char *why)
{
	struct repository_seen so_far = { .count = 0 };
	int64_t wait;

	if (s->kind != NULL)
		TRY(q_sync_stumbles(s->db, s->person, s->kind, &so_far));
	if (so_far.count >= STUMBLES_MAX)
		return sync_fail(
		    s, arena_format(s->scope->arena, "given up after a day: %s", why));
	wait = (int64_t)STUMBLE_MS << (so_far.count < 8 ? so_far.count : 8);
	if (so_far.count > 0 && wait > STUMBLE_MAX_MS)
		wait = STUMBLE_MAX_MS;
	if (so_far.count > 0 && until_ms < clock_now() / 1000 + wait)
		until_ms = clock_now() / 1000 + wait;
	return wait_until(s, until_ms, why, true);
}

static enum err
stop(struct sync *s, const char *why)
{
	struct github_stopped is;

	TRY(q_github_stop(s->db, s->person, s->signed_in, why, &is));
	return is.stopped ? nobody(s, why) : again(s);
}

enum err
sync_fail(struct sync *s, const char *why)
{
	TRY(write_step(s, NULL, s->percent, &none, false));
	if (s->over)
		return OK;
	if (s->kind != NULL)
		TRY(q_sync_fail(s->db, s->person, s->kind, s->turn, why));
	TRY(db_commit(s->db));
	return ends(s, SYNC_FAILED, 0, why);
}

bool
sync_troubled(const struct github_page *page)
{
	return page->outcome == GITHUB_AWAY ||
	       (page->outcome == GITHUB_LATER &&
	           (page->status == 202 || page->status == 401 || page->status >= 500));
}

enum err
sync_judge(struct sync *s, const struct github_page *page)
{
	const char *why = page->reason ? page->reason : github_outcome_name(page->outcome);

	if (github_answered(page->outcome) || page->outcome == GITHUB_UNCHANGED ||
	    page->outcome == GITHUB_EMPTY)
		return OK;
	LOG(LEVEL_INFO, "github.sync_ends", L_TEXT("kind", s->kind ? s->kind : "small"),
	    L_TEXT("user", s->person.text),
	    L_TEXT("outcome", github_outcome_name(page->outcome)), L_TEXT("reason", why));
	if (sync_troubled(page))
		return stumble(s, page->not_before_ms, why);
	if (page->outcome == GITHUB_LATER)
		return wait_until(s, page->not_before_ms, why, false);
	if (page->outcome == GITHUB_DISCONNECTED)
		return stop(s, why);
	return sync_fail(s, why);
}

enum err
sync_pause(struct sync *s)
{
	return wait_until(s, clock_now() / 1000 + PAUSE_MS, "it goes on in a moment", false);
}

enum err
sync_finish(struct sync *s, const char *words)
{
	if (words == NULL)
		return ERR_NO_MEMORY;
	if (s->kind != NULL)
		TRY(q_sync_end(s->db, s->person, s->kind, s->turn));
	TRY(db_commit(s->db));
	TRY(ends(s, SYNC_DONE, 0, words));
	if (s->tell != NULL && s->kind != NULL)
		s->tell(s->with, 100, s->kind);
	return OK;
}

enum err
sync_broke(struct sync *s, bool dead)
{
	static const char words[] = "something went wrong on our side";

	if (s->kind == NULL)
		return OK;
	take_back(s);
	if (dead)
		TRY(q_sync_fail(s->db, s->person, s->kind, ANYBODY, words));
	else
		TRY(q_sync_trip(s->db, s->person, s->kind, words));
	return db_commit(s->db);
}

/* ---- how it begins */

/* The client for the person's token, as the connection's row has it. */
static enum err
prepare(struct sync *s, const struct github_connection *c)
{
	TRY(open_token(s, c->token, &s->token));
	if (s->token == NULL)
		return OK;
	s->page.arena = arena_make(PAGE_FIRST, PAGE_CEILING);
	if (s->page.arena == NULL)
		return ERR_NO_MEMORY;
	s->github_id = c->github_id;
	s->signed_in = c->signed_in;
	github_init(&s->github, s->http, s->settings, &s->page, s->token);
	s->github.budget =
	    (struct github_budget){ c->budget_limit, c->budget_remaining, c->budget_reset };
	s->github.breaker = s->counters ? &s->counters->breaker : NULL;
	s->github.not_before_ms = c->not_before_ms;
	s->github.waits = c->waits;
	return OK;
}

enum err
sync_open(struct sync *s, const char *kind)
{
	struct github_connection c;
	enum err e = q_github_connection(s->db, s->person, &c);

	s->kind = kind;
	if (e == ERR_NOT_FOUND)
		return nobody(s, "GitHub is not connected");
	TRY(e);
	TRY(db_commit(s->db));
	if (!c.is_active)
		return nobody(s, "the account is suspended or deleted");
	if (c.token == NULL || strcmp(c.state, "connected") != 0)
		return nobody(s, "GitHub is disconnected");
	TRY(prepare(s, &c));
	if (s->token == NULL)
		return nobody(s, "the token can't be read any more: sign in with GitHub again");
	return OK;
}

void
sync_close(struct sync *s)
{
	if (s->page.arena == NULL)
		return;
	arena_free(s->page.arena);
	s->page.arena = NULL;
}

enum err
sync_begin(struct sync *s)
{
	struct sync_place at;

	s->run = uuid_make();
	if (s->kind == NULL)
		return OK;
	TRY(q_sync_begin(s->db, s->person, s->kind, s->job_id, s->run, &at));
	TRY(db_commit(s->db));
	s->run = at.run_id;
	s->turn = at.turn;
	s->pages = at.pages;
	s->place = at.next_url;
	return OK;
}

void
sync_turn(struct sync *s)
{
	arena_reset(s->page.arena);
	fault_reset(&s->page.fault);
}

enum err
sync_kept(struct sync *s, const char *url, struct github_kept *out)
{
	struct github_kept_row *row;
	size_t count;

	*out = (struct github_kept){ NULL, NULL, NULL };
	TRY(q_github_kept(s->db, s->person, url, &row, &count));
	TRY(db_commit(s->db));
	if (count == 1)
		*out = (struct github_kept){ row->etag, row->last_modified, row->next_url };
	return OK;
}

/* ---- the grant's end */

/* Signed in anew meanwhile: then the grant is wanted again. */
static bool
is_wanted(const struct github_connection *c)
{
	return c->token == NULL || (c->is_active && strcmp(c->state, "connected") == 0);
}

static enum err
revoked(struct sync *s, const struct github_page *page)
{
	const char *why = page->reason ? page->reason : github_outcome_name(page->outcome);

	if (page->outcome == GITHUB_LATER || page->outcome == GITHUB_AWAY)
		return ends(s, SYNC_LATER, page->not_before_ms, why);
	if (page->outcome != GITHUB_OK && page->outcome != GITHUB_GONE)
		return ends(s, SYNC_FAILED, 0, why);
	TRY(q_github_forget(s->db, s->person, s->signed_in));
	TRY(db_commit(s->db));
	return ends(s, SYNC_DONE, 0, "the grant was taken back");
}

enum err
sync_disconnect(struct sync *s)
{
	struct github_connection c;
	struct github_page page;
	enum err e = q_github_connection(s->db, s->person, &c);

	if (e == ERR_NOT_FOUND)
		return nobody(s, "no GitHub connection");
	TRY(e);
	TRY(db_commit(s->db));
	if (is_wanted(&c))
		return nobody(s, "nothing to take back");
	TRY(prepare(s, &c));
	if (s->token == NULL)
		return ends(
		    s, SYNC_FAILED, 0, "the token does not open: SEAL_KEY is another one");
	e = github_revoke_grant(&s->github, s->token, &page);
	if (e == OK)
		e = revoked(s, &page);
	sync_close(s);
	return e;
}
