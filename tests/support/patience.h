/* patience: how much longer than on a quick machine with nothing beside it a test waits before
 * it says that something hangs. A bound of time is there to end a hang, and to tell it from what
 * is only slow; how quick something is, tools/bench says. */
#ifndef SUPPORT_PATIENCE_H
#define SUPPORT_PATIENCE_H

enum { PATIENCE = 6 };

#endif
