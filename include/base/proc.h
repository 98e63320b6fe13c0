/* proc: what the pre-forking programs share: signals taken by descriptor, children that die
 * with their parent. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <sys/types.h>

/* Blocks TERM, INT, HUP, USR1, CHLD (and PIPE) for good and returns a non-blocking,
 * close-on-exec signalfd for the first five, or -1. Inherited masks stay over fork; each
 * process makes a signalfd of its own. */
int proc_signals(void);

/* Of the three standard streams those that were closed are taken: the next connection would become
 * one of them, and be written to. Reading there finds the end, writing fails as it did before. */
void proc_keep_standard(void);

/* The next pending signal of `signal_fd`, or 0. */
int proc_next_signal(int signal_fd);

/* fork() whose child is killed when the parent dies, even in the window before it asked. */
pid_t proc_fork(void);

/* Feeds the three standard streams' open file limit: as many descriptors as the hard one. */
void proc_raise_files(void);

#endif
