/* counter: numbers that outlive their program. Each unit maps one file under the run
 * directory's stats/; the file describes itself (family, labels, type), so /metrics reads
 * those of all programs, also of dead or older ones, and prints one scrape.
 * Format of the text: Prometheus exposition format 0.0.4. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"

/* What /metrics shows as a gauge differs in what is left when nobody who has counted it runs.
 * GAUGE: the last value. PRESENT: what a running program has (children, connections): nothing, and
 * several add up. MEASURE: what one looks at and others change (a queue's jobs): it is not told at
 * all, since nobody knows. BEAT: see counter_pulse(). */
enum counter_type { COUNTER, GAUGE, HISTOGRAM, PRESENT, BEAT, MEASURE };

struct counter_file;
typedef _Atomic uint64_t counter;

/* Maps `path` for writing, room for `max` series. Series keep their values when the file is
 * there already and of this version. NULL: errno tells; counting then goes nowhere. */
struct counter_file *counter_open(const char *path, size_t max);
void counter_close(struct counter_file *f);

/* The first of `dir`/NAME.stats, NAME-2.stats … that no living process has claimed, so any
 * number of one program may run here, and a file goes on where a dead one left it. */
struct counter_file *counter_claim(const char *dir, const char *name, size_t max);

/* The series of `family` and `labels` (`pool="all"` or ""), made when it is new. Before fork
 * only. Never NULL: without a file or room it returns a number that nobody reads. */
counter *counter_get(
    struct counter_file *f, const char *family, enum counter_type type, const char *labels);

static inline void
counter_add(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* Durations in microseconds, printed as seconds; made and added before and after fork. */
enum { HISTOGRAM_STEPS = 12 };
struct histogram {
	counter *bucket[HISTOGRAM_STEPS + 1], *sum;
};
void histogram_get(
    struct counter_file *f, struct histogram *h, const char *family, const char *labels);
void histogram_add(struct histogram *h, int64_t micros);

/* The heartbeat of a part of the service (`api-all`, `worker` …): clock_mono() of the last turn
 * of its own loop, so that one that stands still shows; /metrics has its age. The first beat is
 * its making; counter_beat_end() says that the part ends as it was asked to. */
counter *counter_pulse(struct counter_file *f, const char *part);

static inline void
counter_beat(counter *pulse)
{
	atomic_store_explicit(pulse, (uint64_t)clock_mono(), memory_order_relaxed);
}

void counter_beat_end(counter *pulse);

/* The pulses of all files of `dir`, one for each process that has or had one; at most `max`. */
enum { PULSE_NAME_MAX = 40, COUNTER_FILES_MAX = 256 };
struct pulse {
	char part[PULSE_NAME_MAX];
	int64_t age; /* microseconds since the last beat */
	bool ended;  /* as it was asked to */
	bool lives;  /* a process holds the file */
};
size_t counter_pulses(const char *dir, struct pulse *out, size_t max);

/* All files of `dir`, families together, with the help text that `help(family)` gives. What
 * several files have is one series: the sum, or of a gauge the greatest of the living. */
void counter_print(const char *dir, const char *(*help)(const char *family), struct buf *out);

#endif
