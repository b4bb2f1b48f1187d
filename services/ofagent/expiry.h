/* Idle and hard timeouts of rules [OF1.3.5 §5.5].
 *
 * Rules without timeouts cost nothing: flow_table lists those that have one. They are walked when the earliest of them could be due or
 * when timeouts have come or changed, and at most every EXPIRY_INTERVAL_NS. One thread.
 */
#ifndef BUSBAR_OFAGENT_EXPIRY_H
#define BUSBAR_OFAGENT_EXPIRY_H

#include "lib/base/clock.h"
#include "services/ofagent/flow_table.h"

#define EXPIRY_INTERVAL_NS (250 * NS_PER_MS)

struct expiry {
    int64_t next_due_ns;
    uint64_t seen_changes;
    uint64_t walked_ns;
};

void expiry_init(struct expiry *expiry);
/* When the rule expires as things stand, on the clock of now_ns; INT64_MAX: never. out_reason: enum of_removed_reason. */
int64_t expiry_due_ns(const struct flow_entry *entry, uint8_t *out_reason);
/* Calls `expire`, which takes the entry out of the table, for each rule that is due. */
void expiry_step(struct expiry *expiry, struct flow_table *table, uint64_t now_ns,
                 void (*expire)(void *context, struct flow_entry *entry, uint8_t reason), void *context);

#endif
