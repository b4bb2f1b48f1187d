/* Corrections (I2, I3): the flows in the shards are made to agree with the tables again before anybody is told that a version is reached.
 *
 *     event                      marks                                            judged by
 *     rule added, changed, gone  flows that visited its table and overlap it      translation
 *     group, link                flows that went through a group                  translation
 *     port, fail mode, bridge    all flows of the bridge                          translation
 *     MAC learned, moved, gone   flows that asked for it                          translation without learning
 *
 * Marking is a superset, translation the exact answer. A flow covers all packets that agree with its key under its mask, so a new decision
 * that needs a bit outside the mask is right for some of them only: then the flow goes, and each of its packets misses by itself. A flow
 * whose source address is no longer behind its port goes too: its next packet is a miss, and is learned.
 *
 * Cost: a walk over all flows a commit (flow_index.c), a translation a marked flow. Thread: the one that translates.
 */
#include "services/slowpath/correct.h"

#include "services/slowpath/session.h"

void correct_mark_macs(struct core *core)
{
    size_t n_names;
    const struct mac_name *names = mac_table_changes(core->macs, &n_names);
    for (size_t s = 0; s < core->n_sessions; s++) {
        for (size_t i = 0; i < n_names; i++) {
            flow_index_mark_mac(session_flows(core->sessions[s]), &names[i]);
        }
    }
    mac_table_clear_changes(core->macs);
}

void correct_mark(struct core *core, uint64_t n)
{
    struct world *world = &core->world;
    for (size_t i = 0; i < world->n_changes; i++) {
        if (world->changes[i].kind == CHANGE_PORT_GONE) {
            uint32_t port = world->changes[i].port;
            if (world_port(world, port) == NULL) {
                mac_table_forget_port(core->macs, port);
            } else {
                mac_table_flush_port(core->macs, port);
            }
        }
    }
    for (size_t s = 0; s < core->n_sessions; s++) {
        flow_index_mark_changes(session_flows(core->sessions[s]), world->changes, world->n_changes, n);
    }
    world_clear_changes(world);
    correct_mark_macs(core);
}

enum verdict correct_judge(struct core *core, const struct flow *flow, struct translation *translation)
{
    if (flow->is_removal) {
        return VERDICT_REMOVE;
    }
    struct translate_input input = {.world = &core->world, .macs = core->macs, .now_ns = core->now_ns};
    translate_key(&input, &flow->key, translation);
    core_worked(core, translation);
    if (translation->is_single || translation->is_refused || !key_mask_covers(&flow->mask, &translation->mask)) {
        return VERDICT_REMOVE;
    }
    bool is_same = !flow->is_unsure &&
                   dp_actions_equal(flow->actions, flow->n_actions, translation->actions, translation->n_actions) &&
                   flow->n_counters == translation->n_counters &&
                   memcmp(flow->counters, translation->counters, flow->n_counters * sizeof *flow->counters) == 0;
    return is_same ? VERDICT_KEEP : VERDICT_CHANGE;
}
