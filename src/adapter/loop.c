/* loop: libev behind four kinds of watches. */
#include "adapter/loop.h"

#include <ev.h>
#include <stdlib.h>

enum kind { READ, EVERY, TURN, LATER };

struct loop_watch {
	struct loop_watch *next;
	struct loop *loop;
	enum kind kind;
	bool paused;
	loop_call *call;
	void *with;
	union {
		struct ev_io io;
		struct ev_timer timer;
		struct ev_prepare prepare;
	} ev;
};

struct loop {
	struct ev_loop *ev;
	struct loop_watch *watches;
};

struct loop *
loop_make(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV)) == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	struct loop_watch *next;

	if (l == NULL)
		return;
	for (struct loop_watch *w = l->watches; w != NULL; w = next) {
		next = w->next;
		if (!w->paused)
			loop_pause(w, true);
		free(w);
	}
	ev_loop_destroy(l->ev);
	free(l);
}

void *
loop_foreign(struct loop *l)
{
	return l->ev;
}

static void
on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct loop_watch *w = io->data;

	(void)ev, (void)events;
	w->call(w->with);
}

static void
on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop_watch *w = timer->data;

	(void)ev, (void)events;
	if (w->kind == LATER)
		w->paused = true;
	w->call(w->with);
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
	struct loop_watch *w = prepare->data;

	(void)ev, (void)events;
	w->call(w->with);
}

static struct loop_watch *
watch(struct loop *l, enum kind kind, loop_call *call, void *with)
{
	struct loop_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct loop_watch){ .next = l->watches, .loop = l, .kind = kind, .paused = true };
	w->call = call;
	w->with = with;
	l->watches = w;
	return w;
}

struct loop_watch *
loop_read(struct loop *l, int fd, loop_call *call, void *with)
{
	struct loop_watch *w = watch(l, READ, call, with);

	if (w == NULL)
		return NULL;
	ev_io_init(&w->ev.io, on_io, fd, EV_READ);
	w->ev.io.data = w;
	loop_pause(w, false);
	return w;
}

struct loop_watch *
loop_every(struct loop *l, int ms, loop_call *call, void *with)
{
	struct loop_watch *w = watch(l, EVERY, call, with);

	if (w == NULL)
		return NULL;
	ev_timer_init(&w->ev.timer, on_timer, ms / 1000.0, ms / 1000.0);
	w->ev.timer.data = w;
	loop_pause(w, false);
	return w;
}

struct loop_watch *
loop_turn(struct loop *l, loop_call *call, void *with)
{
	struct loop_watch *w = watch(l, TURN, call, with);

	if (w == NULL)
		return NULL;
	ev_prepare_init(&w->ev.prepare, on_prepare);
	w->ev.prepare.data = w;
	loop_pause(w, false);
	return w;
}

struct loop_watch *
loop_later(struct loop *l, loop_call *call, void *with)
{
	struct loop_watch *w = watch(l, LATER, call, with);

	if (w == NULL)
		return NULL;
	ev_timer_init(&w->ev.timer, on_timer, 0, 0);
	w->ev.timer.data = w;
	return w;
}

void
loop_later_in(struct loop_watch *w, int ms)
{
	ev_timer_stop(w->loop->ev, &w->ev.timer);
	ev_timer_set(&w->ev.timer, ms / 1000.0, 0);
	ev_timer_start(w->loop->ev, &w->ev.timer);
	w->paused = false;
}

void
loop_pause(struct loop_watch *w, bool paused)
{
	struct ev_loop *ev = w->loop->ev;

	if (w->paused == paused)
		return;
	w->paused = paused;
	switch (w->kind) {
	case READ: paused ? ev_io_stop(ev, &w->ev.io) : ev_io_start(ev, &w->ev.io); break;
	case TURN:
		paused ? ev_prepare_stop(ev, &w->ev.prepare)
		       : ev_prepare_start(ev, &w->ev.prepare);
		break;
	case EVERY:
	case LATER:
		paused ? ev_timer_stop(ev, &w->ev.timer) : ev_timer_start(ev, &w->ev.timer);
		break;
	}
}

void
loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void
loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}
