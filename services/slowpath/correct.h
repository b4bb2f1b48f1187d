/* Keeping installed flows right: marking those that an event concerns, and judging a marked one. */
#ifndef BUSBAR_SLOWPATH_CORRECT_H
#define BUSBAR_SLOWPATH_CORRECT_H

#include "services/slowpath/core.h"
#include "services/slowpath/flow_index.h"

/* Marks the flows of all sessions that the world's and the MAC table's changes concern, and clears these. `n`: the first version not
 * applied before the changes. */
void correct_mark(struct core *core, uint64_t n);
/* The MAC table's changes alone: after each translation that learns. */
void correct_mark_macs(struct core *core);

enum verdict {
    VERDICT_KEEP,   /* the shard's flow is right */
    VERDICT_CHANGE, /* it is to do what `translation` says */
    VERDICT_REMOVE  /* no actions are right for all packets it covers */
};
/* Translates the flow's key by the world as it is now, without learning. */
enum verdict correct_judge(struct core *core, const struct flow *flow, struct translation *translation);

#endif
