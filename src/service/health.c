/* health: one write each, and what the servers' refusals mean. */
#include "service/health.h"

#include "store/meta.h"
#include "store/statements.h"

const char *
health_word(enum health h)
{
	static const char *const words[HEALTHS] = { "ok", "away", "starting", "denied",
		"read_only", "full", "busy", "outdated", "broken" };

	return words[h];
}

struct meaning {
	const char *code; /* or how it begins */
	enum health health;
};

/* A SQLSTATE, or its class. */
static const struct meaning states[] = { { "25006", HEALTH_READ_ONLY },
	{ "53100", HEALTH_FULL }, { "53200", HEALTH_FULL }, { "53300", HEALTH_BUSY },
	{ "57P01", HEALTH_STARTING }, { "57P02", HEALTH_STARTING },
	{ "57P03", HEALTH_STARTING }, { "57014", HEALTH_BUSY }, { "55P03", HEALTH_BUSY },
	{ "28", HEALTH_DENIED }, { "42501", HEALTH_DENIED }, { "42883", HEALTH_OUTDATED },
	{ "42P01", HEALTH_OUTDATED } };

/* EACCES, of a socket that is not for us. */
#define DENIED "Permission denied"

/* libpq tells no SQLSTATE of a connection that was refused. */
static const struct meaning refusals[] = { { "authentication failed", HEALTH_DENIED },
	{ "no pg_hba.conf entry", HEALTH_DENIED }, { "\" does not exist", HEALTH_DENIED },
	{ "no password supplied", HEALTH_DENIED }, { "not permitted to log in", HEALTH_DENIED },
	{ "permission denied", HEALTH_DENIED }, { DENIED, HEALTH_DENIED },
	{ "starting up", HEALTH_STARTING }, { "shutting down", HEALTH_STARTING },
	{ "recovery mode", HEALTH_STARTING }, { "not yet accepting", HEALTH_STARTING },
	{ "too many c", HEALTH_BUSY }, { "remaining connection slots", HEALTH_BUSY } };

/* The first word of Redis's error. */
static const struct meaning words[] = { { "OOM", HEALTH_FULL }, { "MISCONF", HEALTH_FULL },
	{ "READONLY", HEALTH_READ_ONLY }, { "NOREPLICAS", HEALTH_READ_ONLY },
	{ "NOAUTH", HEALTH_DENIED }, { "WRONGPASS", HEALTH_DENIED },
	{ "NOPERM", HEALTH_DENIED }, { "DENIED", HEALTH_DENIED },
	{ "LOADING", HEALTH_STARTING }, { "MASTERDOWN", HEALTH_STARTING },
	{ "BUSY", HEALTH_BUSY } };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static enum health
meant_by(const char *code, const struct meaning *meaning, size_t count, enum health otherwise)
{
	for (size_t i = 0; *code && i < count; i++)
		if (strncmp(code, meaning[i].code, strlen(meaning[i].code)) == 0)
			return meaning[i].health;
	return otherwise;
}

enum health
health_of_postgres(enum err e, const struct fault *f)
{
	enum health otherwise = e == ERR_AWAY      ? HEALTH_AWAY
	                        : e == ERR_TIMEOUT ? HEALTH_BUSY
	                        : e == ERR_BUSY    ? HEALTH_BUSY
	                        : e == ERR_RETRY   ? HEALTH_BUSY
	                                           : HEALTH_BROKEN;

	if (e == OK)
		return HEALTH_OK;
	for (size_t i = 0; f->code[0] == '\0' && i < COUNT(refusals); i++)
		if (strstr(f->story, refusals[i].code) != NULL)
			return refusals[i].health;
	return meant_by(f->code, states, COUNT(states), otherwise);
}

enum health
health_of_redis(enum err e, const struct fault *f)
{
	if (e == OK)
		return HEALTH_OK;
	if (f->code[0] == '\0' && strstr(f->story, DENIED) != NULL)
		return HEALTH_DENIED;
	return meant_by(
	    f->code, words, COUNT(words), e == ERR_AWAY ? HEALTH_AWAY : HEALTH_BROKEN);
}

enum health
health_postgres_reads(struct db *db, struct fault *f)
{
	struct schema_state schema = { .number = 0 };
	enum err e = q_schema_state(db, &schema);

	if (e != OK || schema.number >= SCHEMA_NUMBER)
		return health_of_postgres(e, f);
	fault(f, e, "PostgreSQL: schema %lld, this program wants %d", (long long)schema.number,
	    SCHEMA_NUMBER);
	return HEALTH_OUTDATED;
}

enum health
health_postgres(struct db *db, struct fault *f)
{
	enum health h = health_postgres_reads(db, f);

	return h == HEALTH_OK ? health_of_postgres(q_probe_write(db), f) : h;
}

/* A key that every program's Redis user may set. */
enum health
health_redis(struct redis *redis, struct scope *scope)
{
	static const struct span set[] = { { "SET", 3 }, { "cg:rate:probe", 13 }, { "1", 1 },
		{ "PX", 2 }, { "60000", 5 } };
	struct redis_reply reply;

	return health_of_redis(
	    redis_call(redis, set, COUNT(set), &reply, scope), &scope->fault);
}
