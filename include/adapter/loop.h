/* loop: one libev loop of a process, for programs that wait for many things at once. Watches
 * and timers live as long as the loop and are freed with it. */
#ifndef ADAPTER_LOOP_H
#define ADAPTER_LOOP_H

#include <stdbool.h>

struct loop;
struct loop_watch;
typedef void loop_call(void *with);

/* NULL: no memory. */
struct loop *loop_make(void);
void loop_free(struct loop *l);

/* The struct ev_loop that libwebsockets and hiredis share with us. */
void *loop_foreign(struct loop *l);

/* Calls while `fd` is readable. NULL: no memory. */
struct loop_watch *loop_read(struct loop *l, int fd, loop_call *call, void *with);
struct loop_watch *loop_every(struct loop *l, int ms, loop_call *call, void *with);
/* Each time before the loop waits: what one turn has gathered goes out at once. */
struct loop_watch *loop_turn(struct loop *l, loop_call *call, void *with);
/* Runs once, `ms` from now; a second call sets it anew. */
struct loop_watch *loop_later(struct loop *l, loop_call *call, void *with);
void loop_later_in(struct loop_watch *w, int ms);

void loop_pause(struct loop_watch *w, bool paused);

void loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
