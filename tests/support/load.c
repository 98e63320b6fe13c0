/* load: the callers and their ledger. */
#include "support/load.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "support/client.h"
#include "support/stack.h"

static void
slowest(_Atomic long *at, long micros)
{
	long before = atomic_load(at);

	while (micros > before && !atomic_compare_exchange_weak(at, &before, micros))
		;
}

static void
judge(struct ledger *l, const struct answer *a, long micros)
{
	slowest(&l->slowest_us, micros);
	if (a->status == 503) {
		slowest(&l->slowest_refusal_us, micros);
		/* what may have been stored is not to be sent again unseen */
		l->without_retry_after += header_of(a, "Retry-After") == NULL &&
		                          strstr(a->body, "may have been stored") == NULL;
	}
	if (a->status < 200 || a->status > 299)
		l->last_failure = a->status;
}

static void
read_one(struct ledger *l, const char *path)
{
	long began = (long)clock_mono();
	struct answer a = CALL("GET", path);

	judge(l, &a, (long)clock_mono() - began);
	if (a.status == 200)
		l->reads++;
	else
		l->reads_failed++;
	l->reads_refused += a.status == 503;
	forget(&a);
}

static void
write_one(struct ledger *l, const char *token, int client, long n)
{
	long began = (long)clock_mono(), place;
	char body[128];
	struct answer a;

	snprintf(body, sizeof(body), "{\"title\":\"load %d %d %ld\",\"code\":\"x = %ld\\n\"}",
	    getpid(), client, n, n);
	a = CALL("POST", "/api/v1/snippets", .token = token, .body = body);
	judge(l, &a, (long)clock_mono() - began);
	if (a.status == 201) {
		l->writes++;
		place = l->acknowledged++;
		if (place < LEDGER_MAX)
			snprintf(l->id[place], sizeof(l->id[0]), "%s", text_at(&a, "data.id"));
	} else {
		l->writes_failed++;
		l->writes_refused += a.status == 503;
	}
	forget(&a);
}

static void
client_run(struct ledger *l, int client, const char *const *paths, const char *token)
{
	int at = 0;

	for (long n = 0; !l->stop; n++) {
		if (token != NULL && n % 5 == 4) {
			write_one(l, token, client, n);
			continue;
		}
		read_one(l, paths[at]);
		at = paths[at + 1] ? at + 1 : 0;
	}
}

void
load_start(struct load *load, int clients, const char *const *paths, const char *token)
{
	*load = (struct load){ .clients = clients };
	load->ledger = mmap(NULL, sizeof(*load->ledger), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < clients; i++) {
		if ((load->pid[i] = fork()) != 0)
			continue;
		client_run(load->ledger, i, paths, token);
		_exit(0);
	}
}

void
load_stop(struct load *load)
{
	load->ledger->stop = true;
	for (int i = 0; i < load->clients; i++)
		waitpid(load->pid[i], NULL, 0);
}

void
load_free(struct load *load)
{
	munmap(load->ledger, sizeof(*load->ledger));
}

long
load_lost(const struct load *load)
{
	long count = load->ledger->acknowledged, found = 0;
	struct buf sql;

	buf_init(&sql, 128 * 1024);
	for (long from = 0; from < count; from += 1000) {
		buf_reset(&sql);
		buf_puts(&sql, "select count(*) from snippets where id in (");
		for (long i = from; i < count && i < from + 1000; i++)
			buf_format(&sql, "%s'%s'", i == from ? "" : ",", load->ledger->id[i]);
		buf_char(&sql, ')');
		found += stack_count(buf_text(&sql));
	}
	buf_free(&sql);
	return count - found;
}

long
load_doubled(void)
{
	return stack_count(
	    "select count(*) from (select title from snippets where title like 'load %' "
	    "group by title having count(*) > 1) twice");
}
