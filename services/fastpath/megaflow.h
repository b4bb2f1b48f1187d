/* The megaflow table of one ingress port: tuple space, a hash table for each mask in use.
 *
 * At most MEGAFLOW_MASKS masks, so a lookup has a bounded cost whatever arrives (I9); a flow with one more mask is entered exactly, key
 * by key, in one subtable whose mask is all ones. Lookup is on the packet path: no allocation. Flows of one version that cover the
 * same packet do the same to it (I1), so the first hit will do and subtables are tried in the order of their hits.
 */
#ifndef BUSBAR_FASTPATH_MEGAFLOW_H
#define BUSBAR_FASTPATH_MEGAFLOW_H

#include "services/fastpath/flow.h"

enum {
    MEGAFLOW_MASKS = 64,
    MEGAFLOW_SPREAD_MAX = 4096 /* exact entries of one flow: as many connections as one port scan shows in a second */
};

struct megaflow_table {
    struct subtable *subtables[MEGAFLOW_MASKS + 1]; /* by hits; one place more for the exact one */
    uint32_t n_subtables;
    uint32_t n_masks; /* without the exact one */
    uint64_t n_lookups, n_probes;
};

void megaflow_init(struct megaflow_table *table);
/* Frees the subtables; every flow must be out. */
void megaflow_fini(struct megaflow_table *table);
/* NULL: a miss. */
struct flow *megaflow_lookup(struct megaflow_table *table, const struct flow_key *key);
/* Enters the flow under its mask, or for `packet_key` alone when there are too many masks. False when its spread entries are used up. */
bool megaflow_insert(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key);
/* Takes out all entries of the flow. */
void megaflow_remove(struct megaflow_table *table, struct flow *flow);
/* Orders the subtables by the hits since the last call; control side, now and then. */
void megaflow_rank(struct megaflow_table *table);

#endif
