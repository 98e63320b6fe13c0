/* health: what the refusals of PostgreSQL and Redis mean. */
#include "service/health.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct {
	enum err e;
	const char *code, *story, *word;
} of_postgres[] = {
	{ OK, "", "", "ok" },
	{ ERR_AWAY, "", "PostgreSQL: connecting: could not connect: Connection refused",
	    "away" },
	{ ERR_AWAY, "", "connecting: FATAL:  password authentication failed for user \"x\"",
	    "denied" },
	{ ERR_AWAY, "", "connecting: FATAL:  Peer authentication failed for user \"x\"",
	    "denied" },
	{ ERR_AWAY, "", "connecting: FATAL:  role \"codegram-ctl\" does not exist", "denied" },
	{ ERR_AWAY, "", "connecting: FATAL:  no pg_hba.conf entry for host \"1\"", "denied" },
	{ ERR_AWAY, "", "connecting: FATAL:  the database system is starting up", "starting" },
	{ ERR_AWAY, "", "connecting: FATAL:  sorry, too many clients already", "busy" },
	{ ERR_AWAY, "", "connecting: connection to server on socket failed: Permission denied",
	    "denied" },
	{ ERR_AWAY, "25006", "cannot execute UPDATE in a read-only transaction", "read_only" },
	{ ERR_AWAY, "53100", "could not extend file", "full" },
	{ ERR_AWAY, "57P01", "terminating connection", "starting" },
	{ ERR_INTERNAL, "28P01", "password authentication failed", "denied" },
	{ ERR_INTERNAL, "42501", "permission denied for function", "denied" },
	{ ERR_INTERNAL, "42883", "function does not exist", "outdated" },
	{ ERR_INTERNAL, "58030", "could not read block", "broken" },
	{ ERR_RETRY, "55P03", "canceling statement due to lock timeout", "busy" },
	{ ERR_TIMEOUT, "57014", "canceling statement", "busy" },
};

Test(health, of_postgres)
{
	for (size_t i = 0; i < sizeof(of_postgres) / sizeof(*of_postgres); i++) {
		struct fault f = { .count = 0 };
		snprintf(f.story, sizeof(f.story), "%s", of_postgres[i].story);
		fault_word(&f, span_of(of_postgres[i].code));
		cr_expect_str_eq(health_word(health_of_postgres(of_postgres[i].e, &f)),
		    of_postgres[i].word, "%zu: %s", i,
		    health_word(health_of_postgres(of_postgres[i].e, &f)));
	}
}

static const struct {
	enum err e;
	const char *code, *word;
} of_redis[] = {
	{ OK, "", "ok" },
	{ ERR_AWAY, "", "away" },
	{ ERR_AWAY, "WRONGPASS", "denied" },
	{ ERR_INTERNAL, "NOAUTH", "denied" },
	{ ERR_INTERNAL, "NOPERM", "denied" },
	{ ERR_INTERNAL, "OOM", "full" },
	{ ERR_INTERNAL, "MISCONF", "full" },
	{ ERR_INTERNAL, "READONLY", "read_only" },
	{ ERR_INTERNAL, "LOADING", "starting" },
	{ ERR_INTERNAL, "BUSY", "busy" },
	{ ERR_INTERNAL, "WRONGTYPE", "broken" },
};

Test(health, of_redis)
{
	for (size_t i = 0; i < sizeof(of_redis) / sizeof(*of_redis); i++) {
		struct fault f = { .count = 0 };
		fault_word(&f, span_of(of_redis[i].code));
		fault_word(&f, SPAN("SECOND"));
		cr_expect_str_eq(health_word(health_of_redis(of_redis[i].e, &f)),
		    of_redis[i].word, "%s", of_redis[i].code);
	}
}

/* No word of Redis's: its socket is not for us. */
Test(health, of_redis_behind_a_socket)
{
	struct fault f = { .story = "Redis: connecting: Permission denied" };

	cr_expect_eq(health_of_redis(ERR_AWAY, &f), HEALTH_DENIED);
}
