/* cron: when a five-field expression is due (POSIX crontab, with names, ranges, steps and
 * lists), in a time zone. Pure, but for TZ: a zone other than UTC is read by the C library, so
 * the process must be single-threaded.
 * When both days are restricted either may match, as cron has it. A wall time that a change of
 * the clock leaves out is due at the next minute that exists; a doubled one the first time
 * alone. */
#ifndef QUEUE_CRON_H
#define QUEUE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays; /* bit n: n; Sunday is 0 */
	bool either_day;
};

/* False: no such expression; `*why` (may be NULL) tells in a few words. */
bool cron_parse(const char *expression, struct cron *out, const char **why);

/* "UTC", or a name of the time zone database that is installed here. */
bool cron_zone_known(const char *zone);

/* The first slot after `after`, both seconds since 1970; -1: none within nine years (there is
 * no 30 February, and eight years may pass without a 29th). */
int64_t cron_next(const struct cron *cron, const char *zone, int64_t after);

/* The slots in (after, until], oldest first, the latest `max` of them; of a longer time than
 * can be walked (100,000 slots) only the last 32 days. */
size_t cron_between(const struct cron *cron, const char *zone, int64_t after, int64_t until,
    int64_t *out, size_t max);

#endif
