/* stack: a real CodeGram (nginx, pools, PostgreSQL, Redis) in a throw-away folder, made by
 * tools/stack for one test program: its main() is here. */
#ifndef SUPPORT_STACK_H
#define SUPPORT_STACK_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>

#include "support/patience.h"

/* Extra options for tools/stack start, from the test program; NULL at the end. */
extern const char *const stack_options[];

/* Called once by main() when all runs, before the first test; for rows that all tests share. */
void stack_ready(void) __attribute__((weak));

/* The folder, the URL without a slash at the end, the port. */
const char *stack_dir(void);
const char *stack_url(void);
int stack_port(void);

/* Runs a program to its end, its output (cut to `size`) into `out`; its exit code. */
int run_command(const char *const *argv, char *out, size_t size);

/* codegramctl on the stack, as its user, with nothing in its environment; arguments up to NULL. */
int stack_ctl(char *out, size_t size, const char *first, ...);

/* Whether the stack's programs pass the modes of files, as tools/stack lets them do for a checkout
 * below a folder like /root: then nothing can be denied to them. */
bool stack_passes_modes(void);

/* What statements give, as its superuser: a line for each row, | between columns; "" when the
 * database is away. */
void stack_sql(const char *sql, char *out, size_t size);
long stack_count(const char *sql);

/* A key of the stack's codegram.conf; "" when it has none. Static. */
const char *stack_setting(const char *key);

/* stop-part, start-part, restart-part. */
void stack_part(const char *verb, const char *part);

/* A token of a person, who is made when new; in static memory, eight at a time. */
const char *stack_token(const char *username);

/* The process of a part (of a pool: what holds its socket), the service inside (a pool's
 * master), and the children of a process (at most `max`). */
pid_t stack_pid(const char *part);
pid_t stack_main(const char *part);
size_t children_of(pid_t pid, pid_t *out, size_t max);

/* Since some moment of the past. */
double seconds_now(void);

/* Asks until it holds, every 10 ms at first and then more seldom, for at most
 * PATIENCE times `seconds`. */
bool wait_until(bool (*holds)(void *), void *with, double seconds);

#endif
