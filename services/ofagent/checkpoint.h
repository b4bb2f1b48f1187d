/* The counters of rules, groups and buckets as configdb keeps them: written about once a second, read once at the start. One thread. */
#ifndef BUSBAR_OFAGENT_CHECKPOINT_H
#define BUSBAR_OFAGENT_CHECKPOINT_H

#include "services/ofagent/agent.h"

enum {
    CHECKPOINT_ROWS = 10000, /* written at a time: about 500 KB in one transaction for each bridge; what is left follows when these are answered */
    CHECKPOINT_LOOKS = 100000 /* look-ups in tables of bridges in one step, for ids that may be nobody's here: some 10 ms */
};
#define CHECKPOINT_INTERVAL_NS (1 * NS_PER_S)
#define CHECKPOINT_LATE_NS (1500 * NS_PER_MS) /* after the end of a shard: by then the owner has written what he knows of it */
#define CHECKPOINT_FRESH_NS (1 * NS_PER_S)    /* rows read so recently are not read again */

struct checkpoint;
struct checkpoint *checkpoint_new(struct ofagent *agent);
void checkpoint_destroy(struct checkpoint **checkpoint);
/* Begins to take the rows of the mirror, which is complete; steps do that. */
void checkpoint_load(struct checkpoint *checkpoint);
bool checkpoint_is_loading(const struct checkpoint *checkpoint);
/* Can the mirror's rows of counters lack nothing that matters? What living shards have counted they tell us themselves; what the last owner heard
 * of one that has died is in rows that he wrote later than we read them. */
bool checkpoint_is_current(const struct checkpoint *checkpoint);
/* The bridge was another's until now: what he has written of a rule's counter, and what we know; of all its groups, which are loaded. */
void checkpoint_take_over_rule(struct checkpoint *checkpoint, uint64_t id);
void checkpoint_take_over_groups(struct checkpoint *checkpoint, const struct bridge *bridge);
void checkpoint_step(struct checkpoint *checkpoint);

#endif
