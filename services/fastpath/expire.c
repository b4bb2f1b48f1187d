/* The end of unused flows.
 *
 * A cursor goes round the flow slots, a slice a millisecond, so a million flows are looked at without a stall and each at least every
 * few seconds, which is exact enough for an idle time of ten. When the table is full, the least recently used of the next 32 slots
 * goes: nearly LRU, without a list that every packet would have to move its flow in.
 * While no slowpath is there nothing expires: what an established connection pauses for must not end it.
 * Cost: some 10 ns a slot. Worker thread, between bursts. Invariant: the table never holds more than flow_limit flows (I9).
 */
#include "services/fastpath/expire.h"

#include "lib/base/clock.h"
#include "services/fastpath/install.h"
#include "services/fastpath/port_flows.h"
#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"

enum { SLICE = 512, EVICT_LOOK_AT = 32, TUNE_MS = 100, SETTLE_SLICE = 2048 /* a million flows in half a second */, SETTLE_CREDITS = 65536 };

/* What the traffic of late says about the caches. */
static void tune_caches(struct shard *shard, uint64_t now_ns)
{
    if (now_ns - shard->tuned_ns < TUNE_MS * NS_PER_MS) {
        return;
    }
    shard->tuned_ns = now_ns;
    exact_grow_if_crowded(&shard->worker.exact, EXACT_MAX);
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        megaflow_rank(&shard->ports.ports[i]->megaflows);
    }
}

void expire_step(struct shard *shard, uint64_t now_ns)
{
    uint64_t idle_ns = shard->max_idle_ms * NS_PER_MS;
    bool may_expire = session_count_open(shard) > 0; /* without a slowpath a flow that goes cannot be made again */
    size_t left = SLICE;
    tune_caches(shard, now_ns);
    port_flows_step(shard);
    while (left > 0) {
        struct flow *flow = flow_table_next_within(shard->flows, &shard->expire_cursor, &left);
        if (flow == NULL) {
            shard->expire_cursor = left > 0 ? 0 : shard->expire_cursor;
            return;
        }
        if (may_expire && now_ns > flow->used_ns && now_ns - flow->used_ns > idle_ns) {
            tier_collect(shard, flow);
            if (now_ns <= flow->used_ns || now_ns - flow->used_ns <= idle_ns) {
                continue; /* the kernel used it */
            }
            shard->counts.expired++;
            install_remove_flow(shard, flow, true);
        }
    }
}

bool expire_make_room(struct shard *shard)
{
    while (flow_table_count(shard->flows) >= shard->flow_limit) {
        struct flow *oldest = NULL;
        for (unsigned i = 0; i < EVICT_LOOK_AT; i++) {
            struct flow *flow = flow_table_next(shard->flows, &shard->evict_cursor);
            if (flow == NULL) {
                shard->evict_cursor = 0;
                flow = flow_table_next(shard->flows, &shard->evict_cursor);
            }
            if (flow != NULL && (oldest == NULL || flow->used_ns < oldest->used_ns)) {
                oldest = flow;
            }
        }
        if (oldest == NULL) {
            return false;
        }
        shard->counts.evicted++;
        install_remove_flow(shard, oldest, true);
    }
    return true;
}

bool expire_settle_some(struct shard *shard)
{
    size_t left = SETTLE_SLICE, n_credited = 0;
    for (struct flow *flow; n_credited < SETTLE_CREDITS && (flow = flow_table_next_within(shard->flows, &shard->settle_cursor, &left)) != NULL;) {
        n_credited += flow->packets != flow->settled_packets ? flow->program->n_counters : 0;
        counter_set_settle(&shard->counters, flow);
    }
    if (left == 0 || n_credited >= SETTLE_CREDITS) {
        return false;
    }
    shard->settle_cursor = 0;
    return true;
}
