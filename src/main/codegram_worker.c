/* codegram-worker: a keeper and the children that run CodeGram's jobs.
 * May touch: Redis (the keeper), PostgreSQL and what a job needs of the network (its children),
 * RUN_DIR/stats. Started by systemd (codegram-worker.service) or by hand; any number may run. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/json.h"
#include "base/log.h"
#include "job/jobs.h"
#include "main/program.h"
#include "queue/keeper.h"

static const char help[] =
    "usage: codegram-worker [options]\n"
    "Runs CodeGram's jobs: takes them from Redis, each in a process of its own.\n\n"
    "  -c, --config FILE    configuration (default /etc/codegram/codegram.conf)\n"
    "  -n, --children N     jobs at once (default WORKER_CHILDREN)\n"
    "  -s, --stats NAME     name of the counters' file (default worker, worker-2 …: the\n"
    "                       first that no other process has)\n"
    "  -h, --help           this text          -V, --version\n\n"
    "Signals: TERM takes no more jobs, gives the running ones WORKER_DRAIN_MS and ends; HUP\n"
    "reloads the configuration, and children follow when they are free; USR1 reopens the "
    "files\n"
    "of LOG_DIR.\n"
    "Exit status: 0 ended as asked, 1 could not start, 2 wrong usage.\n";

struct arguments {
	const char *config, *children, *stats;
};

static struct arguments args = { .stats = "worker" };
static struct counter_file *stats; /* for the process's life */
static struct program program;

static void
read_arguments(int argc, char **argv)
{
	static const struct option options[] = { { "config", 1, NULL, 'c' },
		{ "children", 1, NULL, 'n' }, { "stats", 1, NULL, 's' },
		{ "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:n:s:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c': args.config = optarg; break;
		case 'n': args.children = optarg; break;
		case 's': args.stats = optarg; break;
		default: program_word(c, help);
		}
	}
	if (optind < argc || strchr(args.stats, '/') != NULL)
		program_usage("codegram-worker takes no arguments, only options");
}

static void
open_job(const struct job_row *row, struct job_counters *c)
{
	static const char *const how[] = { "started", "completed", "failed", "crashed",
		"retried", "lost", "cancelled" };
	counter **of[] = { &c->started, &c->completed, &c->failed, &c->crashed, &c->retried,
		&c->lost, &c->cancelled };
	char labels[128];

	for (size_t i = 0; i < sizeof(how) / sizeof(*how); i++) {
		snprintf(labels, sizeof(labels), "job=\"%s\",queue=\"%s\",how=\"%s\"",
		    row->name, queues[row->queue].name, how[i]);
		*of[i] = counter_get(stats, "codegram_jobs_total", COUNTER, labels);
	}
	snprintf(labels, sizeof(labels), "job=\"%s\"", row->name);
	histogram_get(stats, &c->duration, "codegram_job_seconds", labels);
}

static bool
open_counters(struct worker *w)
{
	stats = program_counters(&program, args.stats, w->job_count * 24 + 64);
	w->counters = arena_alloc(w->arena, w->job_count * sizeof(*w->counters));
	if (w->counters == NULL)
		return false;
	for (size_t i = 0; i < w->job_count; i++)
		open_job(&w->jobs[i], &w->counters[i]);
	github_counters(stats);
	w->replaced = counter_get(stats, "codegram_worker_replaced_total", COUNTER, "");
	w->alive = counter_get(stats, "codegram_worker_children", PRESENT, "");
	atomic_store(counter_get(stats, "codegram_worker_children_wanted", PRESENT, ""),
	    (uint64_t)w->children);
	w->pulse = counter_pulse(stats, "worker");
	return true;
}

/* SIGHUP. A setting that is refused leaves all as it was. */
static bool
reload(struct worker *w)
{
	struct program before = program;

	if (!program_load(&program, args.config) ||
	    !jobs_tune(program.settings->JOB_OPTIONS, w->jobs)) {
		program = before;
		return false;
	}
	w->settings = program.settings;
	log_open(
	    "codegram-worker", (enum log_level)w->settings->LOG_LEVEL, w->settings->LOG_DIR);
	return true;
}

int
main(int argc, char **argv)
{
	struct worker worker = { .job_count = job_count, .reload = reload };
	int64_t children;

	read_arguments(argc, argv);
	log_open("codegram-worker", LEVEL_INFO, NULL);
	json_seed();
	if (!program_load(&program, args.config))
		return 1;
	worker.arena = program.arena;
	worker.jobs = arena_alloc(program.arena, job_count * sizeof(*worker.jobs));
	if (worker.jobs == NULL || !jobs_tune(program.settings->JOB_OPTIONS, worker.jobs))
		return 1;
	worker.settings = program.settings;
	children = program.settings->WORKER_CHILDREN;
	if (args.children &&
	    (!span_int(span_of(args.children), &children) || children < 1 || children > 256))
		program_usage("--children must be from 1 to 256");
	worker.children = (int)children;
	log_open("codegram-worker", (enum log_level)program.settings->LOG_LEVEL,
	    program.settings->LOG_DIR);
	return open_counters(&worker) ? keeper_run(&worker) : 1;
}
