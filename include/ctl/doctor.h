/* doctor: what its files share: a finding, and the checks. Each says what it found, and of what
 * is not well how to mend it; none ends the others. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "adapter/http_client.h"
#include "adapter/redis.h"
#include "ctl/command.h"

enum severity { FINE, WARNING, ERROR };

struct doctor {
	struct ctl *ctl;
	struct scope *scope;
	struct redis *redis; /* NULL: it does not answer us */
	struct http_client *http;
	bool database; /* it answers us */
	int errors, warnings, count;
};

/* `mend` is not shown of what is FINE. */
void doctor_say(struct doctor *d, enum severity severity, const char *what, const char *mend,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Starts with an empty fault. */
struct fault *doctor_fault(struct doctor *d);

/* doctor_config.c */
void doctor_file(struct doctor *d);
void doctor_credentials(struct doctor *d);
void doctor_secrets(struct doctor *d);
void doctor_origins(struct doctor *d);
void doctor_job_options(struct doctor *d);

/* doctor_servers.c */
void doctor_postgresql(struct doctor *d);
void doctor_redis(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_disks(struct doctor *d);

/* doctor_service.c */
void doctor_parts(struct doctor *d);
void doctor_queues(struct doctor *d);
void doctor_schedules(struct doctor *d);

/* doctor_sites.c */
void doctor_nginx(struct doctor *d);
void doctor_github(struct doctor *d);

#endif
