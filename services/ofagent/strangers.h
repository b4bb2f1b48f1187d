/* Counters that shards name and of whose rules nothing is known here. See strangers.c. */
#ifndef BUSBAR_OFAGENT_STRANGERS_H
#define BUSBAR_OFAGENT_STRANGERS_H

#include "services/ofagent/agent.h"

enum { STRANGERS_MAX = 1 << 20 /* that wait to be asked for: a full bridge; what is beyond stays until this process ends */ };
#define STRANGERS_WAIT_NS (10 * NS_PER_S) /* a rule that is being deleted has been told by then */

struct strangers;
struct strangers *strangers_new(struct ofagent *agent);
void strangers_destroy(struct strangers **strangers);
/* A rule's counter that has just been named for the first time. */
void strangers_note(struct strangers *strangers, uint64_t counter);
/* Asks configdb, one question at a time. */
void strangers_step(struct strangers *strangers);
/* One whose rule is not there any more; false: none is known. */
bool strangers_take(struct strangers *strangers, uint64_t *out_counter);

#endif
