/* doctor_servers: PostgreSQL, Redis, the clocks, the disks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/doctor.h"
#include "service/health.h"
#include "store/meta.h"
#include "store/operator.h"
#include "store/statements.h"

enum { REDIS_MS = 1000, SECOND = 1000 * 1000, SKEW_WARNING = 2, SKEW_ERROR = 30 };

void
doctor_postgresql(struct doctor *d)
{
	static const char *const mend[HEALTHS] = {
		[HEALTH_AWAY] = "start it; DATABASE_URL must lead to it",
		[HEALTH_STARTING] = "wait for it; when it does not come up, its log says why",
		[HEALTH_DENIED] =
		    "run this as root or as the user codegram-ctl, whose role of that "
		    "name codegramctl setup makes; or name a user and password in DATABASE_URL",
		[HEALTH_READ_ONLY] = "DATABASE_URL must lead to the primary, and "
		                     "default_transaction_read_only be off",
		[HEALTH_FULL] = "make room on its disk",
		[HEALTH_BUSY] =
		    "look at pg_stat_activity; raise max_connections above the sum of all "
		    "programs' processes",
		[HEALTH_OUTDATED] = "run codegramctl migrate",
		[HEALTH_BROKEN] = "its log says more",
	};
	struct db *db = ctl_db(d->ctl, "codegram-ctl");
	struct fault *f = doctor_fault(d);
	enum health h = health_postgres(db, f);
	struct schema_state schema = { .number = 0 };

	d->database = h == HEALTH_OK || h == HEALTH_READ_ONLY || h == HEALTH_FULL;
	if (h != HEALTH_OK) {
		doctor_say(d, ERROR, "postgresql", mend[h], "%s: %s", health_word(h), f->story);
		return;
	}
	doctor_fault(d);
	q_schema_state(db, &schema);
	doctor_say(d, FINE, "postgresql", "",
	    "takes writes; schema %lld, this program wants %d", (long long)schema.number,
	    SCHEMA_NUMBER);
}

/* ---- Redis */

static void
redis_setting(struct doctor *d, const char *key, const char *wanted, const char *why)
{
	char value[64];

	if (redis_config(d->redis, key, value, sizeof(value), doctor_fault(d)) != OK)
		return;
	doctor_say(d,
	    *value == '\0'               ? WARNING
	    : strcmp(value, wanted) == 0 ? FINE
	                                 : ERROR,
	    "redis", why, "%s is %s", key, *value ? value : "not shown to us");
}

/* A line of INFO; "" when there is none. */
static void
redis_info(struct doctor *d, const char *section, const char *name, char *out, size_t size)
{
	struct redis_reply reply;
	const char *at;

	*out = '\0';
	doctor_fault(d);
	if (redis_call(d->redis, (const struct span[]){ SPAN("INFO"), span_of(section) }, 2,
	        &reply, d->scope) != OK)
		return;
	for (at = redis_text(&reply, 0); (at = strstr(at, name)) != NULL; at += strlen(name))
		if (at[strlen(name)] == ':') {
			at += strlen(name) + 1;
			snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
			return;
		}
}

static void
redis_memory(struct doctor *d)
{
	char used[32], most[32];
	int64_t is = 0, max = 0;

	redis_info(d, "memory", "used_memory", used, sizeof(used));
	redis_info(d, "memory", "maxmemory", most, sizeof(most));
	span_int(span_of(used), &is);
	span_int(span_of(most), &max);
	if (max > 0 && is > max / 10 * 8)
		doctor_say(d, WARNING, "redis",
		    "raise maxmemory, or see what fills it: jobs stats",
		    "%lld of %lld MiB are used", (long long)(is >> 20), (long long)(max >> 20));
}

static void
redis_writes_down(struct doctor *d)
{
	static const char *const names[] = { "rdb_last_bgsave_status",
		"aof_last_bgrewrite_status", "aof_last_write_status" };
	char value[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		redis_info(d, "persistence", names[i], value, sizeof(value));
		if (*value && strcmp(value, "ok") != 0)
			doctor_say(d, ERROR, "redis",
			    "make room on its disk; its log says more", "%s is %s", names[i],
			    value);
	}
}

void
doctor_redis(struct doctor *d)
{
	static const char *const mend[HEALTHS] = {
		[HEALTH_AWAY] = "start it; REDIS_URL must lead to it",
		[HEALTH_STARTING] = "wait: it reads its files",
		[HEALTH_DENIED] =
		    "REDIS_PASSWORD must be that of its user codegram-ctl, whose SHA-256 "
		    "stands in redis-users.conf: codegramctl setup writes it, then restart "
		    "codegram-redis; as a credential it is read by root",
		[HEALTH_READ_ONLY] =
		    "REDIS_URL must lead to the primary; REPLICAOF NO ONE makes it one",
		[HEALTH_FULL] = "raise maxmemory, or make room on its disk",
		[HEALTH_BUSY] = "a script runs too long: SCRIPT KILL",
		[HEALTH_BROKEN] = "its log says more",
	};
	static const char socket[] = "run this as root or as the user codegram-ctl: its socket "
	                             "is open to its own group alone";
	static struct redis_options options;
	const struct settings *s = d->ctl->settings;
	struct redis *redis;
	enum health h = HEALTH_AWAY;

	options =
	    (struct redis_options){ s->REDIS_URL, "codegram-ctl", s->REDIS_PASSWORD, REDIS_MS };
	if ((redis = redis_make(&options)) != NULL)
		h = health_redis(redis, d->scope);
	if (h != HEALTH_OK)
		doctor_say(d, ERROR, "redis",
		    h == HEALTH_DENIED && d->scope->fault.code[0] == '\0' ? socket
		    : mend[h]                                             ? mend[h]
		                                                          : "",
		    "%s: %s", health_word(h), d->scope->fault.story);
	if (h != HEALTH_OK && h != HEALTH_FULL && h != HEALTH_READ_ONLY) {
		redis_free(redis);
		return;
	}
	d->redis = redis;
	redis_setting(
	    d, "appendonly", "yes", "set appendonly yes: without it a crash loses jobs");
	redis_setting(d, "maxmemory-policy", "noeviction",
	    "set maxmemory-policy noeviction: a queue must not be evicted");
	redis_memory(d);
	redis_writes_down(d);
}

/* ---- clocks */

static void
judge_clock(struct doctor *d, const char *whose, int64_t theirs, int64_t before, int64_t after)
{
	int64_t ahead = theirs - (before + after) / 2, off = llabs(ahead);

	/* what the question took is not known better */
	off = off > (after - before) / 2 ? off - (after - before) / 2 : 0;
	doctor_say(d,
	    off > SKEW_ERROR * SECOND     ? ERROR
	    : off > SKEW_WARNING * SECOND ? WARNING
	                                  : FINE,
	    "clock",
	    "let chrony or systemd-timesyncd keep both: tokens, limits and schedules go by "
	    "them",
	    "%s's is %.3f s %s ours", whose, (double)llabs(ahead) / SECOND,
	    ahead < 0 ? "behind" : "before");
}

void
doctor_clock(struct doctor *d)
{
	struct redis_reply reply;
	struct server_time time;
	int64_t before;

	/* the second one is connected and prepared */
	if (d->database && q_server_time(ctl_db(d->ctl, "codegram-ctl"), &time) == OK) {
		before = clock_now();
		if (q_server_time(d->ctl->db, &time) == OK)
			judge_clock(d, "PostgreSQL", time.micros, before, clock_now());
	}
	before = clock_now();
	if (d->redis != NULL && redis_call(d->redis, (const struct span[]){ SPAN("TIME") }, 1,
	                            &reply, d->scope) == OK)
		judge_clock(d, "Redis",
		    redis_number(&reply, 0) * SECOND + redis_number(&reply, 1), before,
		    clock_now());
}

/* ---- disks */

static void
judge_disk(struct doctor *d, const char *what, const char *path)
{
	struct statvfs fs;
	double all, left, files;

	if (path == NULL || *path == '\0' || statvfs(path, &fs) != 0 || fs.f_blocks == 0)
		return;
	all = (double)fs.f_blocks * (double)fs.f_frsize;
	left = (double)fs.f_bavail * (double)fs.f_frsize;
	files = fs.f_files > 0 ? (double)fs.f_favail / (double)fs.f_files : 1;
	doctor_say(d,
	    left < all * 0.03 || files < 0.01   ? ERROR
	    : left < all * 0.10 || files < 0.05 ? WARNING
	                                        : FINE,
	    "disk", "make room there, or more of it", "%s (%s): %.0f of %.0f MiB are free%s",
	    path, what, left / (1 << 20), all / (1 << 20),
	    files < 0.05 ? ", and hardly an inode" : "");
}

/* Those of this machine that we know of. */
void
doctor_disks(struct doctor *d)
{
	const struct settings *s = d->ctl->settings;
	char dir[512] = "";

	if (faccessat(AT_FDCWD, s->RUN_DIR, R_OK | X_OK, AT_EACCESS) != 0)
		doctor_say(d, ERROR, "run", "systemd-tmpfiles --create makes /run/codegram",
		    "RUN_DIR %s can't be entered", s->RUN_DIR);
	judge_disk(d, "RUN_DIR", s->RUN_DIR);
	judge_disk(d, "LOG_DIR", s->LOG_DIR);
	if (d->redis != NULL &&
	    redis_config(d->redis, "dir", dir, sizeof(dir), doctor_fault(d)) == OK)
		judge_disk(d, "Redis", dir);
	judge_disk(d, "PostgreSQL", "/var/lib/postgresql");
}
