/* log: reads the stream cg:{rt}:log and hands every entry on; knows when the log was lost. */
#ifndef RELAY_LOG_H
#define RELAY_LOG_H

#include "relay/relay.h"

#define LOG_KEY "cg:{rt}:log"
#define LOG_EPOCH_KEY "cg:{rt}:epoch"

bool log_start(struct relay *r);
void log_stop(struct relay *r);

/* Now and then: gives a deaf connection up. */
void log_tick(struct relay *r);

#endif
