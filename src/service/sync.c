/* sync: the connection, and the steps that all kinds of sync share. */
#include "service/sync.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/github.h"

enum { PAGE_FIRST = 256 * KIB, PAGE_CEILING = 64 * KIB * KIB, PAUSE_MS = 1000 };

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
	if (e == ERR_BAD_TOKEN)
		return fault(&s->scope->fault, ERR_INTERNAL,
		    "the GitHub token of %s does not open: SEAL_KEY is another one, or the "
		    "row was touched",
		    s->person.text);
	*token = plain.ptr;
	return e;
}

static enum err
nobody(struct sync *s, const char *words)
{
	s->result = (struct sync_result){ SYNC_STOPPED, 0, words };
	return OK;
}

/* The client for the person's token, as the connection's row has it. */
static enum err
prepare(struct sync *s, const struct github_connection *c)
{
	TRY(open_token(s, c->token, &s->token));
	s->page.arena = arena_make(PAGE_FIRST, PAGE_CEILING);
	if (s->page.arena == NULL)
		return ERR_NO_MEMORY;
	s->github_id = c->github_id;
	github_init(&s->github, s->http, s->settings, &s->page, s->token);
	s->github.budget =
	    (struct github_budget){ c->budget_limit, c->budget_remaining, c->budget_reset };
	s->github.not_before_ms = c->not_before_ms;
	return OK;
}

enum err
sync_open(struct sync *s, const char *kind, bool *open)
{
	struct github_connection c;
	enum err e = q_github_connection(s->db, s->person, &c);

	*open = false;
	s->kind = kind;
	if (e == ERR_NOT_FOUND)
		return nobody(s, "no GitHub connection");
	TRY(e);
	TRY(db_commit(s->db));
	if (c.token == NULL || strcmp(c.state, "connected") != 0) {
		TRY(q_sync_fail(s->db, s->person, kind, "GitHub is disconnected"));
		return nobody(s, "GitHub is disconnected");
	}
	TRY(prepare(s, &c));
	*open = true;
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

	TRY(q_sync_begin(s->db, s->person, s->kind, s->job_id, uuid_make(), &at));
	TRY(db_commit(s->db));
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

static enum err
keep_budget(struct sync *s)
{
	const struct github_budget *b = &s->github.budget;

	return q_github_budget(
	    s->db, s->person, b->limit, b->remaining, b->reset, s->github.not_before_ms);
}

enum err
sync_step(struct sync *s, const char *place, int64_t percent, const struct sync_counts *counts)
{
	static const struct sync_counts none = { 0 };
	const struct github *g = &s->github;

	if (counts == NULL)
		counts = &none;
	TRY(q_sync_step(s->db, s->person, s->kind, place, percent, g->requests - s->requests,
	    g->not_modified - s->not_modified, counts->created, counts->updated,
	    counts->unchanged, counts->failed));
	TRY(keep_budget(s));
	TRY(db_commit(s->db));
	s->requests = g->requests;
	s->not_modified = g->not_modified;
	if (s->tell != NULL)
		s->tell(s->with, percent, s->kind);
	return OK;
}

static enum err
wait_until(struct sync *s, int64_t until_ms, const char *why)
{
	s->result = (struct sync_result){ SYNC_LATER, until_ms,
		arena_text(s->scope->arena, span_of(why)) };
	TRY(q_sync_wait(s->db, s->person, s->kind, until_ms, why));
	TRY(keep_budget(s));
	return db_commit(s->db);
}

static enum err
stop(struct sync *s, const char *why)
{
	s->result =
	    (struct sync_result){ SYNC_STOPPED, 0, arena_text(s->scope->arena, span_of(why)) };
	TRY(q_github_stop(s->db, s->person, why));
	TRY(q_sync_fail(s->db, s->person, s->kind, why));
	return db_commit(s->db);
}

static enum err
fail(struct sync *s, const char *why)
{
	s->result =
	    (struct sync_result){ SYNC_FAILED, 0, arena_text(s->scope->arena, span_of(why)) };
	TRY(q_sync_fail(s->db, s->person, s->kind, why));
	TRY(keep_budget(s));
	return db_commit(s->db);
}

bool
sync_ends(struct sync *s, const struct github_page *page, enum err *e)
{
	const char *why = page->reason ? page->reason : github_outcome_name(page->outcome);

	switch (page->outcome) {
	case GITHUB_OK:
	case GITHUB_MOVED:
	case GITHUB_UNCHANGED:
	case GITHUB_EMPTY: return false;
	case GITHUB_LATER:
	case GITHUB_AWAY: *e = wait_until(s, page->not_before_ms, why); break;
	case GITHUB_DISCONNECTED: *e = stop(s, why); break;
	default: *e = fail(s, why); break;
	}
	LOG(LEVEL_INFO, "github.sync_ends", L_TEXT("kind", s->kind),
	    L_TEXT("user", s->person.text),
	    L_TEXT("outcome", github_outcome_name(page->outcome)), L_TEXT("reason", why));
	return true;
}

enum err
sync_pause(struct sync *s)
{
	return wait_until(s, clock_now() / 1000 + PAUSE_MS, "it goes on in a moment");
}

enum err
sync_finish(struct sync *s, int64_t deleted, const char *words)
{
	TRY(q_sync_end(s->db, s->person, s->kind, deleted));
	TRY(keep_budget(s));
	TRY(db_commit(s->db));
	s->result = (struct sync_result){ SYNC_DONE, 0, words };
	if (s->tell != NULL)
		s->tell(s->with, 100, s->kind);
	return OK;
}

/* Signed in anew meanwhile: then the grant is wanted again. */
static bool
is_wanted(const struct github_connection *c)
{
	return c->token == NULL || strcmp(c->state, "connected") == 0;
}

enum err
sync_disconnect(struct sync *s)
{
	struct github_connection c;
	struct github_page page;
	enum err e = q_github_connection(s->db, s->person, &c);

	s->kind = "disconnect";
	if (e == ERR_NOT_FOUND)
		return nobody(s, "no GitHub connection");
	TRY(e);
	TRY(db_commit(s->db));
	if (is_wanted(&c))
		return nobody(s, "nothing to take back");
	TRY(prepare(s, &c));
	e = github_revoke_grant(&s->github, s->token, &page);
	if (e == OK && (page.outcome == GITHUB_LATER || page.outcome == GITHUB_AWAY))
		s->result = (struct sync_result){ SYNC_LATER, page.not_before_ms,
			arena_text(s->scope->arena,
			    span_of(page.reason ? page.reason : "GitHub is away")) };
	else if (e == OK)
		s->result = (struct sync_result){ SYNC_DONE, 0, "the grant was taken back" };
	sync_close(s);
	if (e == OK && s->result.end == SYNC_DONE) {
		TRY(q_github_forget(s->db, s->person));
		e = db_commit(s->db);
	}
	return e;
}
