/* seed: the command, its batches and its report. The rows are made in seed_walk.c and
 * synthetic.c. Statistics are left to autovacuum: ANALYZE belongs to the tables' owner. */
#include "ctl/seed.h"

#include <getopt.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/seed.h"

enum {
	BATCH_ROWS = 2000,
	BATCH_PEERS = 2 * SEED_PEERS_MAX,
	BATCH_BYTES = 4 * 1024 * KIB,    /* then it is sent */
	BATCH_CEILING = 48 * 1024 * KIB, /* with the statements' parameters */
};

static const struct {
	size_t cells, room;
} tables[SEED_TABLES] = {
	[SEED_USERS] = { USER_CELLS, BATCH_ROWS },
	[SEED_SNIPPETS] = { SNIPPET_CELLS, BATCH_ROWS },
	[SEED_LIKES] = { LIKE_CELLS, BATCH_PEERS },
	[SEED_FOLLOWS] = { FOLLOW_CELLS, BATCH_PEERS },
};

static bool
open_seed(struct seed *s, struct ctl *ctl)
{
	*s = (struct seed){ .ctl = ctl, .db = ctl_db(ctl, "codegram-ctl") };
	buf_init(&s->unused, 64 * KIB);
	for (size_t t = 0; t < SEED_TABLES; t++) {
		struct seed_rows *rows = &s->rows[t];
		rows->room = tables[t].room;
		for (size_t i = 0; i < tables[t].cells; i++) {
			rows->cells[i] =
			    arena_alloc(ctl->scope.arena, rows->room * sizeof(char *));
			if (rows->cells[i] == NULL)
				return false;
		}
	}
	s->scope.arena = arena_make(64 * KIB, BATCH_CEILING);
	return s->scope.arena != NULL;
}

static void
close_seed(struct seed *s)
{
	db_close_scope(s->db);
	buf_free(&s->unused);
	arena_free(s->scope.arena);
}

enum err
seed_add(struct seed *s, enum seed_table table, const char *const *cells)
{
	struct seed_rows *rows = &s->rows[table];

	if (rows->count == rows->room)
		return fault(&s->scope.fault, ERR_INTERNAL, "a batch is over-full");
	for (size_t i = 0; i < tables[table].cells; i++) {
		if (cells[i] == NULL)
			return ERR_NO_MEMORY;
		rows->cells[i][rows->count] = cells[i];
	}
	rows->count++;
	return OK;
}

static enum err
send_rows(struct seed *s, enum seed_table table)
{
	struct rows answer = { .text = &s->unused };
	struct texts c[SNIPPET_CELLS];
	size_t count = s->rows[table].count;
	enum err e = OK;

	if (count == 0)
		return OK;
	for (size_t i = 0; i < tables[table].cells; i++)
		c[i] = (struct texts){ s->rows[table].cells[i], count };
	buf_reset(&s->unused);
	switch (table) {
	case SEED_USERS:
		e = q_seed_users(s->db, c, c + 1, c + 2, s->share_names, &answer);
		break;
	case SEED_SNIPPETS:
		e = q_seed_snippets(
		    s->db, c, c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7, c + 8, &answer);
		break;
	case SEED_LIKES: e = q_seed_likes(s->db, c, c + 1, c + 2, &answer); break;
	case SEED_FOLLOWS: e = q_seed_follows(s->db, c, c + 1, c + 2, &answer); break;
	case SEED_TABLES: break;
	}
	s->rows[table].came = answer.total;
	return e;
}

enum err
seed_flush(struct seed *s)
{
	db_open_scope(s->db, &s->scope, true);
	for (int t = 0; t < SEED_TABLES; t++)
		TRY(send_rows(s, (enum seed_table)t));
	TRY(db_commit(s->db));
	for (size_t t = 0; t < SEED_TABLES; t++) {
		s->rows[t].added += s->rows[t].came;
		s->rows[t].count = 0;
		s->rows[t].came = 0;
	}
	arena_reset(s->scope.arena);
	return OK;
}

enum err
seed_room(struct seed *s)
{
	bool full = arena_used(s->scope.arena) > BATCH_BYTES;

	for (size_t t = 0; t < SEED_TABLES; t++) {
		size_t wanted = t == SEED_LIKES || t == SEED_FOLLOWS ? SEED_PEERS_MAX : 1;
		full = full || s->rows[t].room - s->rows[t].count < wanted;
	}
	return full ? seed_flush(s) : OK;
}

int64_t
seed_thing_ms(uint64_t bits)
{
	return SEED_END_MS - 1 - (int64_t)(bits % (uint64_t)(2 * SEED_YEAR_MS));
}

int64_t
seed_person_ms(uint64_t bits)
{
	return SEED_END_MS - 2 * SEED_YEAR_MS - 1 - (int64_t)(bits % (uint64_t)SEED_YEAR_MS);
}

const char *
seed_uuid(struct seed *s, int64_t ms, const unsigned char random[10])
{
	const unsigned char *r = random;

	return arena_format(s->scope.arena,
	    "%08x-%04x-7%x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)(ms >> 16),
	    (unsigned)(ms & 0xffff), r[0] & 0x0fu, r[1], 0x80u | (r[2] & 0x3fu), r[3], r[4],
	    r[5], r[6], r[7], r[8], r[9]);
}

static const char *const skip_names[] = {
#define ROW(word, name) name,
	SEED_SKIPS(ROW)
#undef ROW
};

static void
print_walk(const struct seed *s, const struct seed_report *r)
{
	const char *before = "";

	if (s->ctl->json) {
		printf("{\"files\":%lld,\"snippets\":%lld,\"users\":%lld,\"languages\":%lld,"
		       "\"added\":{\"snippets\":%lld,\"users\":%lld},\"skipped\":{",
		    (long long)r->files, (long long)r->snippets, (long long)r->users,
		    (long long)r->languages, (long long)s->rows[SEED_SNIPPETS].added,
		    (long long)s->rows[SEED_USERS].added);
		for (int i = 0; i < SKIP_COUNT; i++)
			printf("%s\"%s\":%lld", i ? "," : "", skip_names[i],
			    (long long)r->skipped[i]);
		puts("}}");
		return;
	}
	printf("%lld files gave %lld snippets in %lld languages by %lld users\n",
	    (long long)r->files, (long long)r->snippets, (long long)r->languages,
	    (long long)r->users);
	printf("added: %lld snippets, %lld users\n", (long long)s->rows[SEED_SNIPPETS].added,
	    (long long)s->rows[SEED_USERS].added);
	for (int i = 0; i < SKIP_COUNT; i++)
		if (r->skipped[i] > 0) {
			printf("%s%s %lld", *before ? before : "skipped: ", skip_names[i],
			    (long long)r->skipped[i]);
			before = ", ";
		}
	fputs(*before ? "\n" : "", stdout);
}

static void
print_synthetic(const struct seed *s)
{
	const struct seed_rows *r = s->rows;

	printf(s->ctl->json ? "{\"added\":{\"users\":%lld,\"snippets\":%lld,\"likes\":%lld,"
	                      "\"follows\":%lld}}\n"
	                    : "added: %lld users, %lld snippets, %lld likes, %lld follows\n",
	    (long long)r[SEED_USERS].added, (long long)r[SEED_SNIPPETS].added,
	    (long long)r[SEED_LIKES].added, (long long)r[SEED_FOLLOWS].added);
}

struct wish {
	const char **folders;
	size_t count;
	int64_t limit;
	struct span synthetic; /* ptr NULL: not wanted */
};

/* What is wrong with it, or NULL. */
static const char *
read_wish(struct ctl *ctl, int argc, char **argv, struct wish *w)
{
	static const struct option options[] = { { "from", 1, NULL, 'f' },
		{ "limit", 1, NULL, 'l' }, { "synthetic", 1, NULL, 's' },
		{ NULL, 0, NULL, 0 } };
	int c;

	*w = (struct wish){ .folders =
		                arena_alloc(ctl->scope.arena, (size_t)argc * sizeof(char *)),
		.limit = INT64_MAX };
	if (w->folders == NULL)
		return "no memory";
	while ((c = getopt_long(argc, argv, "f:l:s:", options, NULL)) != -1) {
		if (c == 'f')
			w->folders[w->count++] = optarg;
		if (c == 's')
			w->synthetic = span_of(optarg);
		if (c == 'l' && (!span_int(span_of(optarg), &w->limit) || w->limit < 1))
			return "--limit wants a number above 0";
		if (c == '?')
			return "--from DIR… or --synthetic users=N,snippets=N";
	}
	if (w->count == 0 && optind < argc)
		return "folders stand behind --from";
	while (optind < argc)
		w->folders[w->count++] = argv[optind++];
	if ((w->count > 0) == (w->synthetic.ptr != NULL))
		return "wants either --from DIR… or --synthetic users=N,snippets=N";
	if (w->synthetic.ptr != NULL && w->limit != INT64_MAX)
		return "--limit goes with --from";
	return NULL;
}

/* The batches before the failed one stay. */
static int
failed(struct seed *s, enum err e)
{
	const char *doing = "nothing was added";

	s->ctl->scope.fault = s->scope.fault;
	for (int t = 0; t < SEED_TABLES; t++)
		if (s->rows[t].added > 0)
			doing = "only a part was added; running it again adds the rest";
	if (e == ERR_UNKNOWN_COMMIT)
		doing = "the connection was lost while committing; run it again";
	return ctl_failed(s->ctl, e, doing);
}

int
command_seed(struct ctl *ctl, int argc, char **argv)
{
	struct seed_report report = { .files = 0 };
	struct synthetic synthetic;
	struct wish wish;
	struct seed s;
	const char *why = read_wish(ctl, argc, argv, &wish);
	enum err e;
	int code;

	if (why == NULL && wish.synthetic.ptr != NULL)
		synthetic_parse(wish.synthetic, &synthetic, &why);
	if (why != NULL)
		return ctl_usage(ctl, why);
	if (!open_seed(&s, ctl))
		e = ERR_NO_MEMORY;
	else if (wish.synthetic.ptr != NULL)
		e = synthetic_make(&s, &synthetic);
	else
		e = seed_walk(&s, wish.folders, wish.count, wish.limit, &report);
	code = e == OK ? CTL_OK : failed(&s, e);
	if (e == OK && wish.synthetic.ptr != NULL)
		print_synthetic(&s);
	else if (e == OK)
		print_walk(&s, &report);
	close_seed(&s);
	return code;
}
