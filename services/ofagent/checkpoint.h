/* The counters of rules, groups and buckets as configdb keeps them: written about once a second, read once at the start. One thread. */
#ifndef BUSBAR_OFAGENT_CHECKPOINT_H
#define BUSBAR_OFAGENT_CHECKPOINT_H

#include "services/ofagent/agent.h"

enum { CHECKPOINT_ROWS = 10000 /* rows of one transaction: about 500 KB; what is left follows in the next */ };
#define CHECKPOINT_INTERVAL_NS (1 * NS_PER_S)
#define CHECKPOINT_LATE_NS (1500 * NS_PER_MS) /* after the end of a shard: by then the owner has written what he knows of it */
#define CHECKPOINT_FRESH_NS (1 * NS_PER_S)    /* rows read so recently are not read again */

struct checkpoint;
struct checkpoint *checkpoint_new(struct ofagent *agent);
void checkpoint_destroy(struct checkpoint **checkpoint);
/* Takes the rows of the mirror, once, when it is complete. */
void checkpoint_load(struct checkpoint *checkpoint);
/* Can the mirror's rows of counters lack nothing that matters? What living shards have counted they tell us themselves; what the last owner heard
 * of one that has died is in rows that he wrote later than we read them. */
bool checkpoint_is_current(const struct checkpoint *checkpoint);
/* The bridge was another's until now: what he has written of its counters, and what we know. Its tables are loaded. */
void checkpoint_take_over(struct checkpoint *checkpoint, const struct bridge *bridge);
void checkpoint_step(struct checkpoint *checkpoint);

#endif
