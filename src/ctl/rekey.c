/* rekey: seals the tokens of GitHub anew with the current key, some at a time, each batch a
 * transaction. What is left says where to go on, so a run that was cut off is simply run again,
 * beside programs that work. May open tokens; shows none. */
#include <getopt.h>
#include <stdio.h>

#include "adapter/seal.h"
#include "base/buf.h"
#include "base/clock.h"
#include "ctl/command.h"
#include "store/rekey.h"

enum { BATCH = 500, NAMED_MAX = 20, ARENA_FIRST = 1024 * KIB, ARENA_MAX = 64 * 1024 * KIB };

struct rekey {
	struct ctl *ctl;
	struct db *db;
	struct scope scope; /* of a batch */
	struct seal_ring ring;
	struct uuid behind;
	struct rekey_count before;
	int64_t sealed, changed, unreadable;
	struct uuid named[NAMED_MAX]; /* the first of those that no key opens */
};

static enum err
from_hex(struct span hex, struct span *out, struct arena *arena)
{
	char *bytes = arena_alloc(arena, hex.len / 2 + 1);

	if (bytes == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i + 1 < hex.len; i += 2)
		bytes[i / 2] = (char)(span_hex(hex.ptr[i]) << 4 | span_hex(hex.ptr[i + 1]));
	*out = (struct span){ bytes, hex.len / 2 };
	return OK;
}

static const char *
to_hex(struct span bytes, struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = arena_alloc(arena, 2 * bytes.len + 1);

	for (size_t i = 0; hex != NULL && i < bytes.len; i++) {
		hex[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
		hex[2 * i + 1] = digits[(unsigned char)bytes.ptr[i] & 15];
	}
	return hex;
}

/* NULL in *after: no key of the ring opens it. */
static enum err
seal_anew(struct rekey *r, const struct rekey_row *row, const char **after)
{
	struct span record, plain;
	const char *bound = arena_format(r->scope.arena, "%s|github|token", row->user_id.text);
	enum err e;

	*after = NULL;
	if (bound == NULL)
		return ERR_NO_MEMORY;
	TRY(from_hex(span_of(row->token), &record, r->scope.arena));
	if ((e = unseal(&r->ring, record, span_of(bound), &plain, &r->scope)) != OK)
		return e == ERR_BAD_TOKEN ? OK : e;
	TRY(seal(&r->ring, plain, span_of(bound), &record, &r->scope));
	*after = to_hex(record, r->scope.arena);
	return *after ? OK : ERR_NO_MEMORY;
}

static enum err
put(struct rekey *r, const struct rekey_row *rows, size_t count)
{
	struct texts users, before, after, *lists[] = { &users, &before, &after };
	struct rekey_put done;
	size_t n = 0;

	for (size_t i = 0; i < 3; i++) {
		lists[i]->items =
		    arena_alloc(r->scope.arena, (count + 1) * sizeof(*users.items));
		if (lists[i]->items == NULL)
			return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		TRY(seal_anew(r, &rows[i], &after.items[n]));
		if (after.items[n] == NULL) {
			if (r->unreadable < NAMED_MAX)
				r->named[r->unreadable] = rows[i].user_id;
			r->unreadable++;
			continue;
		}
		users.items[n] = rows[i].user_id.text;
		before.items[n++] = rows[i].token;
	}
	users.count = before.count = after.count = n;
	TRY(q_rekey_put(r->db, &users, &before, &after, &done));
	TRY(db_commit(r->db));
	r->sealed += done.changed;
	r->changed += (int64_t)n - done.changed;
	return OK;
}

/* One batch; *more is false when nothing is left behind r->behind. */
static enum err
batch(struct rekey *r, bool *more)
{
	struct rekey_row *rows;
	size_t count;

	arena_reset(r->scope.arena);
	db_open_scope(r->db, &r->scope, true);
	TRY(q_rekey_old(r->db, r->ring.key[0].kid, r->behind, BATCH, &rows, &count));
	*more = count == BATCH;
	if (count == 0)
		return OK;
	r->behind = rows[count - 1].user_id;
	return put(r, rows, count);
}

static enum err
run(struct rekey *r, bool check)
{
	struct progress p;
	bool more = !check;

	db_open_scope(r->db, &r->scope, false);
	TRY(q_rekey_count(r->db, r->ring.key[0].kid, &r->before));
	progress_begin(&p, "tokens", r->before.old);
	while (more) {
		TRY(batch(r, &more));
		progress_to(&p, r->sealed + r->changed + r->unreadable);
	}
	if (!check && r->before.old > 0)
		progress_end(&p);
	return OK;
}

static void
report(const struct rekey *r, bool check, int64_t ms)
{
	int64_t named = r->unreadable < NAMED_MAX ? r->unreadable : NAMED_MAX;
	int64_t left = check ? r->before.old : r->unreadable;

	if (r->ctl->json)
		printf("{\"tokens\":%lld,\"sealed\":%lld,\"changed\":%lld,\"left\":%lld,"
		       "\"milliseconds\":%lld,\"unreadable\":[",
		    (long long)r->before.tokens, (long long)r->sealed, (long long)r->changed,
		    (long long)left, (long long)ms);
	else if (check)
		printf("%lld of %lld tokens are sealed by an old key\n", (long long)left,
		    (long long)r->before.tokens);
	else
		printf(
		    "%lld tokens sealed anew, %lld changed meanwhile, %lld that no key opens\n",
		    (long long)r->sealed, (long long)r->changed, (long long)left);
	for (int64_t i = 0; i < named; i++) {
		if (r->ctl->json)
			printf("%s\"%s\"", i ? "," : "", r->named[i].text);
		else
			printf("no key opens the token of user %s\n", r->named[i].text);
	}
	if (r->ctl->json)
		puts("]}");
}

static enum err
prepare(struct rekey *r)
{
	const struct settings *s = r->ctl->settings;

	if (seal_ring_fill(&r->ring, s->SEAL_KEY, s->SEAL_KEY_NEXT, s->SEAL_KEY_PREVIOUS) != OK)
		return fault(&r->ctl->scope.fault, ERR_INVALID,
		    "SEAL_KEY is not set, or a key is set twice");
	r->db = ctl_db(r->ctl, "codegram-ctl");
	r->scope.arena = arena_make(ARENA_FIRST, ARENA_MAX);
	return r->scope.arena ? OK : ERR_NO_MEMORY;
}

int
command_rekey(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "check", 0, NULL, 'c' },
		{ NULL, 0, NULL, 0 } };
	static struct rekey r;
	int64_t began = clock_mono();
	bool check = false;
	enum err e;
	int c;

	r.ctl = ctl;
	while ((c = getopt_long(argc, argv, "c", options, NULL)) != -1) {
		if (c == '?')
			return ctl_usage(ctl, "takes only --check");
		check = true;
	}
	if (optind != argc)
		return ctl_usage(ctl, "takes only --check");
	if ((e = prepare(&r)) == OK && (e = run(&r, check)) != OK)
		fault(&ctl->scope.fault, e, "%s", r.scope.fault.story);
	if (e == OK)
		report(&r, check, (clock_mono() - began) / 1000);
	if (r.db != NULL)
		db_close_scope(r.db);
	arena_free(r.scope.arena);
	if (e != OK)
		return ctl_failed(ctl, e, "not all tokens were sealed anew");
	return r.unreadable > 0 || (check && r.before.old > 0) ? CTL_FAILED : CTL_OK;
}
