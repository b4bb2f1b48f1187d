/* The megaflow table of one ingress port: tuple space, a hash table for each mask in use.
 *
 * At most max_masks masks, so a lookup has a bounded cost whatever arrives (I9); a flow with one more mask is entered key by key: the
 * hash of each packet key seen leads to it, in a table of a fixed size whose older entries give way. Lookup is on the packet path: no
 * allocation. Flows of one version that cover the same packet do the same to it (I1), so the first hit will do and subtables are tried
 * in the order of their hits.
 */
#ifndef BUSBAR_FASTPATH_MEGAFLOW_H
#define BUSBAR_FASTPATH_MEGAFLOW_H

#include "services/fastpath/exact.h"

enum {
    MEGAFLOW_MASKS_DEFAULT = 64,
    MEGAFLOW_MASKS_MAX = 256,
    MEGAFLOW_KEYS = 65536 /* of flows beyond the masks, a port: what a port scan shows in a second; 1 MiB */
};

struct megaflow_table {
    struct subtable *subtables[MEGAFLOW_MASKS_MAX]; /* by hits */
    uint32_t n_subtables, max_masks;
    uint32_t port;
    struct flow *flows;         /* flow_table_base() */
    struct flow_key looked_at;  /* bits that some flow looks at, or did lately */
    struct exact_bits bits;     /* the same, as the exact cache wants them */
    uint32_t n_narrower;        /* calls of megaflow_rank() since fewer bits would do */
    struct exact_cache *keys;   /* of flows entered key by key; NULL while there are none */
    struct exact_bits key_bits; /* all of them */
    struct flow_key keys_looked_at;
    uint32_t n_by_key;
    uint64_t n_lookups, n_probes;
};

void megaflow_init(struct megaflow_table *table, uint32_t port);
/* Frees the subtables; every flow must be out. */
void megaflow_fini(struct megaflow_table *table);
/* Forgets every flow at once, however many: nothing leads to them any more. They still believe to be entered: the table is about to end. */
void megaflow_clear(struct megaflow_table *table);
/* For each of n (at most EXACT_BURST) packets the flow that covers it, or NULL. */
void megaflow_lookup(struct megaflow_table *table, struct dp_packet *const packets[], unsigned n, struct flow **out_flows);
/* Enters the flow under its mask, or for `packet_key` alone when there are too many masks. */
void megaflow_insert(struct megaflow_table *table, struct flow *flow, const struct flow_key *packet_key);
/* Takes the flow out. */
void megaflow_remove(struct megaflow_table *table, struct flow *flow);
/* Orders the subtables by the hits since the last call, and narrows `bits` when they have been too wide for MEGAFLOW_PATIENCE calls;
 * control side, ten times a second. */
void megaflow_rank(struct megaflow_table *table);

enum { MEGAFLOW_PATIENCE = 50 };

#endif
