/* load: many callers at once, in processes of their own, with a ledger of what the API
 * acknowledged. No asserts in the callers: they only count. */
#ifndef SUPPORT_LOAD_H
#define SUPPORT_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum { LOAD_CLIENTS_MAX = 64, LEDGER_MAX = 200000 };

struct ledger {
	_Atomic long reads, reads_failed, reads_refused; /* 2xx; not 2xx; of these 503 */
	_Atomic long writes, writes_failed, writes_refused;
	_Atomic long slowest_us; /* of any answer, also refusals */
	_Atomic long slowest_refusal_us;
	_Atomic long without_retry_after; /* 503 that name no time */
	_Atomic long last_failure;        /* its status */
	_Atomic bool stop;
	_Atomic long acknowledged; /* how many ids follow */
	char id[LEDGER_MAX][37];
};

struct load {
	struct ledger *ledger;
	pid_t pid[LOAD_CLIENTS_MAX];
	int clients;
};

/* Every client reads in turn `paths` (NULL at the end) and, with a token, publishes a snippet
 * each fifth time. */
void load_start(struct load *load, int clients, const char *const *paths, const char *token);

/* Waits for the clients; the ledger stays until load_free(). */
void load_stop(struct load *load);
void load_free(struct load *load);

/* How many acknowledged snippets are not in the database, and how many titles are there
 * twice. */
long load_lost(const struct load *load);
long load_doubled(void);

#endif
