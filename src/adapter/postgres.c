/* postgres: everything is sent in pipeline mode, so that BEGIN, Parse and Execute share one
 * round trip, and nothing waits past its deadline (a frozen server would hold PQexec for ever).
 * After a time-out or a lost connection the next second is answered ERR_AWAY at once. */
#include "adapter/postgres.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres_run.h"
#include "base/clock.h"
#include "base/log.h"

/* OPERATOR_MS: to connect, for who has no time limit at all */
enum {
	CONNECT_MS = 500,
	OPERATOR_MS = 10000,
	GRACE_MS = 200,
	AWAY_MS = 1000,
	COMMIT_LEAST_MS = 1000
};

struct db {
	struct db_options options;
	char session[256]; /* settings of the session */
	bool has_user;     /* the url names one */
	PGconn *conn;
	uint64_t serial;           /* of the connection; prepared statements belong to one */
	int64_t away_until;        /* clock_mono() */
	char why[FAULT_STORY_MAX]; /* it was away then */
	struct scope *scope;
	bool transaction, begun, failed;
	int run;               /* statements answered in this scope */
	int total_ms, lock_ms; /* db_patience() */
	int64_t waited;        /* microseconds of it */
};

struct scope *
db_scope(struct db *db)
{
	return db->scope;
}

/* A little less than a statement may take, so that a lock is what the answer names; and more than
 * PostgreSQL's deadlock_timeout (1 s), or all who wait in a circle would lose, and not one. */
static int
lock_limit(int timeout_ms)
{
	return timeout_ms / 10 * 9;
}

/* The next value of struct db.serial, over all connections of the process. */
static uint64_t serials;

struct db *
db_make(const struct db_options *options)
{
	struct db *db = calloc(1, sizeof(*db));
	PQconninfoOption *parsed;

	if (db == NULL)
		return NULL;
	db->options = *options;
	if (options->timeout_ms > 0)
		snprintf(db->session, sizeof(db->session),
		    "-c statement_timeout=%d -c lock_timeout=%d -c TimeZone=UTC -c jit=off "
		    "-c plan_cache_mode=force_generic_plan "
		    "-c idle_in_transaction_session_timeout=20000",
		    options->timeout_ms, lock_limit(options->timeout_ms));
	else
		snprintf(db->session, sizeof(db->session), "-c TimeZone=UTC");
	parsed = PQconninfoParse(options->url, NULL);
	for (PQconninfoOption *o = parsed; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, "user") == 0 && o->val != NULL)
			db->has_user = true;
	PQconninfoFree(parsed);
	return db;
}

/* The value of a word of the address, or the fallback; NULL: it is no address. */
static const char *
part_of(const char *url, const char *word, const char *fallback, struct arena *arena)
{
	PQconninfoOption *parsed = PQconninfoParse(url, NULL);
	const char *value = parsed ? fallback : NULL;

	for (PQconninfoOption *o = parsed; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, word) == 0 && o->val != NULL)
			value = o->val;
	if (value != NULL)
		value = arena_text(arena, span_of(value));
	PQconninfoFree(parsed);
	return value;
}

const char *
db_name(const char *url, struct arena *arena)
{
	return part_of(url, "dbname", "codegram", arena);
}

const char *
db_server(const char *url, struct arena *arena)
{
	const char *host = part_of(url, "host", "/run/postgresql", arena);
	const char *port = part_of(url, "port", "5432", arena);

	if (host == NULL || port == NULL || strpbrk(host, "'\\") || strpbrk(port, "'\\"))
		return NULL;
	return arena_format(arena, "host='%s' port='%s' dbname='postgres'", host, port);
}

static void
disconnect(struct db *db)
{
	if (db->conn != NULL)
		PQfinish(db->conn);
	db->conn = NULL;
	db->begun = false;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	free(db);
}

void
db_slow(struct db *db, int slow_ms)
{
	db->options.slow_ms = slow_ms;
}

void
db_patience(struct db *db, int total_ms, int lock_ms)
{
	db->total_ms = total_ms;
	db->lock_ms = lock_ms;
	db->waited = 0;
}

/* Milliseconds that a statement may take now; 0 when patience is at its end. */
static int
time_left(const struct db *db)
{
	int64_t left = db->total_ms - db->waited / 1000;

	if (db->total_ms == 0 || left > db->options.timeout_ms)
		return db->options.timeout_ms;
	return left > 0 ? (int)left : 0;
}

/* The connection is of no use any more. */
static enum err
lost(struct db *db, const char *doing)
{
	const char *why = db->conn ? PQerrorMessage(db->conn) : "no connection";

	snprintf(db->why, sizeof(db->why), "%s: %.*s", doing, (int)strcspn(why, "\n"), why);
	fault(&db->scope->fault, ERR_AWAY, "PostgreSQL: %s", db->why);
	disconnect(db);
	return ERR_AWAY;
}

/* The server does not answer: nor will it to whoever asks within the next second. */
static enum err
away(struct db *db, const char *doing)
{
	db->away_until = clock_mono() + AWAY_MS * 1000;
	return lost(db, doing);
}

static enum err
lost_or_late(struct db *db, const char *doing, int64_t deadline)
{
	return deadline && clock_mono() >= deadline ? away(db, doing) : lost(db, doing);
}

/* False when the deadline (0: none) passed or the socket failed. */
static bool
wait_for(PGconn *conn, short events, int64_t deadline)
{
	struct pollfd p = { PQsocket(conn), events, 0 };
	int64_t left = deadline ? (deadline - clock_mono()) / 1000 : -1;
	int n;

	if (deadline && left < 0)
		return false;
	n = poll(&p, 1, (int)left);
	return n > 0 || (n < 0 && deadline == 0);
}

/* libpq would print them to stderr, which holds JSON lines alone. */
static void
no_notice(void *unused, const char *text)
{
	(void)unused;
	(void)text;
}

static enum err
connect_now(struct db *db)
{
	const char *keys[] = { db->has_user ? "application_name" : "user", "dbname", "options",
		"application_name", "client_encoding", NULL };
	const char *values[] = { db->has_user ? "" : db->options.role, db->options.url,
		db->session, db->options.application, "UTF8", NULL };
	int64_t deadline =
	    clock_mono() + (db->options.timeout_ms ? CONNECT_MS : OPERATOR_MS) * 1000;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (clock_mono() < db->away_until)
		return fault(&db->scope->fault, ERR_AWAY,
		    "PostgreSQL: was away a moment ago: %s", db->why);
	db->conn = PQconnectStartParams(keys, values, 1);
	if (db->conn == NULL)
		return ERR_NO_MEMORY;
	while (PQstatus(db->conn) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
		short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (!wait_for(db->conn, events, deadline))
			return away(db, "no answer to connecting in time");
		if ((state = PQconnectPoll(db->conn)) == PGRES_POLLING_FAILED)
			break;
	}
	if (PQstatus(db->conn) != CONNECTION_OK)
		return away(db, "connecting");
	PQsetnonblocking(db->conn, 1);
	PQsetNoticeProcessor(db->conn, no_notice, NULL);
	db->serial = ++serials;
	db->away_until = 0;
	return OK;
}

static enum err
connected(struct db *db, bool pipeline)
{
	if (db->conn != NULL && PQstatus(db->conn) == CONNECTION_BAD)
		disconnect(db);
	if (db->conn == NULL)
		TRY(connect_now(db));
	if (pipeline && PQpipelineStatus(db->conn) == PQ_PIPELINE_OFF)
		PQenterPipelineMode(db->conn);
	if (!pipeline && PQpipelineStatus(db->conn) != PQ_PIPELINE_OFF)
		PQexitPipelineMode(db->conn);
	return OK;
}

static bool
flushed(struct db *db, int64_t deadline)
{
	int left;

	while ((left = PQflush(db->conn)) > 0) {
		if (!wait_for(db->conn, POLLIN | POLLOUT, deadline) ||
		    !PQconsumeInput(db->conn))
			return false;
	}
	return left == 0;
}

/* *result is NULL between two commands. False: the connection is lost or late. */
static bool
next_result(struct db *db, int64_t deadline, PGresult **result)
{
	while (PQisBusy(db->conn))
		if (!wait_for(db->conn, POLLIN, deadline) || !PQconsumeInput(db->conn))
			return false;
	*result = PQgetResult(db->conn);
	return true;
}

static enum err
constraint_word(struct db *db, const PGresult *result, enum err otherwise)
{
	const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const struct db_constraint *c = db->options.constraints;

	for (; name != NULL && c != NULL && c->name != NULL; c++)
		if (strcmp(c->name, name) == 0) {
			fault_field(&db->scope->fault, c->field, c->code, c->message, c->limit);
			return c->word;
		}
	return otherwise;
}

static enum err
word_of(struct db *db, const char *statement, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum err word = constraint_word(db, result, postgres_word(state));

	fault(&db->scope->fault, word, "PostgreSQL: %s: %s %s", statement, state ? state : "",
	    text ? text : PQresStatus(PQresultStatus(result)));
	fault_word(&db->scope->fault, span_of(state));
	if (word == ERR_AWAY)
		db->failed = true;
	if (state != NULL && (strcmp(state, "26000") == 0 || strcmp(state, "0A000") == 0))
		db->failed = true;
	return word;
}

/* Reads the answers of `commands` commands up to the sync; the last one's result is *out. The
 * first failure decides the word; *done commands succeeded before it. */
static enum err
answers(
    struct db *db, const char *name, int commands, int64_t deadline, PGresult **out, int *done)
{
	enum err word = OK;

	*done = 0;
	for (int i = 0; i <= commands;) {
		PGresult *r;
		ExecStatusType status;
		if (!next_result(db, deadline, &r)) {
			word = lost_or_late(db, name, deadline);
			break;
		}
		if (r == NULL) {
			if (PQstatus(db->conn) == CONNECTION_BAD) {
				word = word ? word : lost(db, name);
				break;
			}
			i++;
			continue;
		}
		status = PQresultStatus(r);
		if (status == PGRES_FATAL_ERROR && word == OK)
			word = word_of(db, name, r);
		if (word == OK && status != PGRES_PIPELINE_SYNC)
			*done = i + 1;
		if (i == commands - 1 &&
		    (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)) {
			PQclear(*out);
			*out = r;
			continue;
		}
		PQclear(r);
		if (status == PGRES_PIPELINE_SYNC)
			break;
		if (db->conn == NULL || PQstatus(db->conn) == CONNECTION_BAD) {
			word = word ? word : ERR_AWAY;
			break;
		}
	}
	if (word != OK) {
		PQclear(*out);
		*out = NULL;
	}
	return word;
}

static void
statement_key(const struct statement *st, char *key, size_t size)
{
	snprintf(key, size, "s%lx", (unsigned long)(uintptr_t)st);
}

/* The session's limits hold until less time is left; then for what follows in the transaction,
 * which without BEGIN is what is sent before the sync. */
static bool
send_limits(struct db *db, int *commands)
{
	int timeout = time_left(db), lock = lock_limit(timeout);
	char texts[2][16];
	const char *values[] = { texts[0], texts[1] };

	if (db->lock_ms > 0 && db->lock_ms < lock)
		lock = db->lock_ms;
	if (lock == lock_limit(db->options.timeout_ms))
		return true;
	snprintf(texts[0], sizeof(texts[0]), "%d", timeout);
	snprintf(texts[1], sizeof(texts[1]), "%d", lock > 0 ? lock : 1);
	++*commands;
	return PQsendQueryParams(db->conn,
	           "select set_config('statement_timeout', $1, true), "
	           "set_config('lock_timeout', $2, true)",
	           2, NULL, values, NULL, NULL, 0) != 0;
}

/* One round trip: BEGIN, limits and Parse when they are due, then the statement. */
static enum err
round_trip(struct db *db, struct statement *st, const struct value *v, PGresult **out)
{
	int64_t deadline = clock_mono() + (int64_t)(time_left(db) + GRACE_MS) * 1000;
	const char *texts[STATEMENT_PARAMS_MAX];
	int commands = 1, done;
	bool sent = true, begins = db->transaction && !db->begun;
	bool prepares = st->prepared_on != db->serial;
	char key[24];
	enum err word;

	if (db->options.timeout_ms == 0)
		deadline = 0;
	statement_key(st, key, sizeof(key));
	for (int i = 0; i < st->params; i++)
		texts[i] = v[i].text;
	if (begins) {
		sent = PQsendQueryParams(db->conn, "begin", 0, NULL, NULL, NULL, NULL, 0);
		commands++;
	}
	sent = sent && send_limits(db, &commands);
	if (prepares) {
		sent = sent && PQsendPrepare(db->conn, key, st->sql, st->params, st->types);
		commands++;
	}
	sent = sent && PQsendQueryPrepared(db->conn, key, st->params, texts, NULL, NULL, 0) &&
	       PQpipelineSync(db->conn) && flushed(db, deadline);
	if (!sent)
		return lost_or_late(db, st->name, deadline);
	db->begun = db->begun || begins;
	word = answers(db, st->name, commands, deadline, out, &done);
	/* It is prepared also when it was then refused, say by a constraint. */
	if (prepares && done >= commands - 1)
		st->prepared_on = db->serial;
	return word;
}

static void
log_time(const struct db *db, const struct statement *st, int64_t began)
{
	int64_t micros = clock_mono() - began;

	if (db->options.slow_ms > 0 && micros > (int64_t)db->options.slow_ms * 1000)
		LOG(LEVEL_WARN, "statement.slow", L_TEXT("statement", st->name),
		    L_INT("duration_us", micros));
	else
		LOG(LEVEL_DEBUG, "statement.done", L_TEXT("statement", st->name),
		    L_INT("duration_us", micros));
}

/* A dead connection shows only when it is used: then once more on a new one, as long as
 * nothing was done that could be done twice. A transaction never goes on on another
 * connection than its own: ERR_RETRY has the whole of it run again. */
static enum err
run_once_or_twice(struct db *db, struct statement *st, const struct value *v, PGresult **out)
{
	enum err word = OK;

	for (int attempt = 0; attempt < 2; attempt++) {
		bool was_connected = db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK;
		bool repeatable = was_connected && (db->transaction ? db->run == 0 : true);
		*out = NULL;
		if (db->transaction && db->run > 0 && !(db->begun && was_connected))
			return fault(&db->scope->fault, ERR_RETRY,
			    "PostgreSQL: lost in mid-transaction");
		TRY(connected(db, true));
		word = round_trip(db, st, v, out);
		if (db->failed) {
			disconnect(db);
			db->failed = false;
		}
		if ((word != ERR_AWAY && word != ERR_RETRY) || db->conn != NULL)
			break;
		if (clock_mono() < db->away_until)
			break;
		if (!repeatable) {
			word = db->transaction ? ERR_RETRY : word;
			break;
		}
		fault_reset(&db->scope->fault);
	}
	db->run++;
	return word;
}

enum err
db_run(struct db *db, struct statement *st, const struct value *v, PGresult **out)
{
	int64_t began = clock_mono();
	enum err word;

	*out = NULL;
	if (db->total_ms > 0 && time_left(db) == 0)
		return fault(&db->scope->fault, ERR_BUSY,
		    "PostgreSQL: %s: earlier statements took all the time", st->name);
	word = run_once_or_twice(db, st, v, out);
	db->waited += clock_mono() - began;
	log_time(db, st, began);
	return word;
}

void
db_open_scope(struct db *db, struct scope *scope, bool transaction)
{
	db->scope = scope;
	db->transaction = transaction;
	db->begun = false;
	db->run = 0;
}

/* COMMIT or ROLLBACK, by itself. */
static enum err
end_transaction(struct db *db, const char *how)
{
	int left = time_left(db) < COMMIT_LEAST_MS ? COMMIT_LEAST_MS : time_left(db);
	int64_t deadline = clock_mono() + (int64_t)(left + GRACE_MS) * 1000;
	PGresult *r = NULL;
	enum err word;
	int done;

	if (db->options.timeout_ms == 0)
		deadline = 0;
	db->begun = false;
	if (!PQsendQueryParams(db->conn, how, 0, NULL, NULL, NULL, NULL, 0) ||
	    !PQpipelineSync(db->conn) || !flushed(db, deadline))
		return lost_or_late(db, how, deadline);
	word = answers(db, how, 1, deadline, &r, &done);
	PQclear(r);
	return word;
}

enum err
db_commit(struct db *db)
{
	enum err word;

	if (db->transaction && db->run > 0 && !db->begun)
		return fault(
		    &db->scope->fault, ERR_RETRY, "PostgreSQL: lost before the commit");
	if (!db->begun)
		return OK;
	word = end_transaction(db, "commit");
	if (word == ERR_AWAY) {
		disconnect(db);
		return ERR_UNKNOWN_COMMIT;
	}
	if (word == OK)
		db->run = 0; /* what follows is a transaction of its own */
	return word;
}

void
db_close_scope(struct db *db)
{
	if (db->begun && db->conn != NULL && end_transaction(db, "rollback") != OK)
		disconnect(db);
	db->begun = false;
	db->transaction = false;
	db->scope = NULL;
}

enum err
db_script(struct db *db, const char *sql)
{
	enum err word = OK;
	PGresult *r = NULL;

	TRY(connected(db, false));
	if (!PQsendQuery(db->conn, sql) || !flushed(db, 0))
		return lost(db, "script");
	while (next_result(db, 0, &r) && r != NULL) {
		ExecStatusType status = PQresultStatus(r);
		if (status == PGRES_FATAL_ERROR && word == OK)
			word = word_of(db, "script", r);
		PQclear(r);
		if (PQstatus(db->conn) == CONNECTION_BAD)
			break;
	}
	return word;
}
