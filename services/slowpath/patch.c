/* Patch ports: what is sent out of one comes in by its peer, in the same translation.
 *
 * The other bridge sees a packet that has just come in: no registers, no metadata, its own tables, action set and MAC table. All it does
 * is done to a copy, and afterwards the first bridge goes on where it was. Nesting counts as that of resubmits does, so bridges that send
 * in a circle end as rules that do: refused. The tables looked into are noted by bridge, for corrections; the two ports count by ids of
 * their own, as no device does it for them.
 * A truncated packet cannot be sent on: Open vSwitch refuses that too. Thread: the one that translates.
 */
#include "lib/msg/counter_id.h"
#include "services/slowpath/walk.h"

/* Where the tables of this bridge are noted; NULL: too many bridges. */
static uint64_t *visited_of(struct translation *out, uint64_t bridge)
{
    size_t i = 0;
    if (bridge == out->bridge) {
        return out->visited;
    }
    while (i < out->n_more && out->more[i].bridge != bridge) {
        i++;
    }
    if (i == TRANSLATE_BRIDGES_MAX) {
        return NULL;
    }
    if (i == out->n_more) {
        out->more[out->n_more++] = (struct translation_visit){.bridge = bridge};
    }
    return out->more[i].tables;
}

/* The packet as the peer's bridge gets it. */
static void come_in(struct walk *walk, const struct world_port *peer)
{
    struct flow_key key = walk->state.key;
    key.in_port = be32(peer->ofport);
    memset(&walk->state, 0, sizeof walk->state);
    walk->state.key = key;
    walk->state.in_phy_port = be32(peer->ofport);
    walk->state.actset_output = be32(OFPORT_UNSET);
    action_set_clear(&walk->set);
    walk->out->rewritten_words |= 1;
    walk->bridge = world_bridge(walk->input->world, peer->bridge);
    walk->in_port = peer;
    walk->has_crossed = true;
    walk->is_packet_out = false;
    walk->told = PACKET_IN_ACTION;
    walk->has_exited = false;
    walk->rule = NULL;
    walk->cookie = UINT64_MAX;
    walk->table = 0;
    walk->n_stack = 0;
}

void patch_output(struct walk *walk, const struct world_port *port)
{
    struct walk_copy copy;
    const struct world_port *peer = world_port_peer(walk->input->world, port);
    if (peer == NULL || walk->truncate_to != 0) {
        walk->reason = DROP_OUTPUT_NO_PORT;
        walk_trace(walk, "output to %s: %s", port->name, peer == NULL ? "its peer does not exist" : "a patch port does not truncate");
        return;
    }
    uint64_t *visited = visited_of(walk->out, peer->bridge);
    if (visited == NULL || walk->depth >= TRANSLATE_DEPTH_MAX || walk->n_resubmits >= TRANSLATE_RESUBMITS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    walk->n_resubmits++;
    walk_count(walk, counter_id(COUNTER_PATCH_OUT, port->id));
    walk_count(walk, counter_id(COUNTER_PATCH_IN, peer->id));
    walk_trace(walk, "output to %s, which leads to %s", port->name, peer->name);
    walk_begin_copy(walk, &copy);
    come_in(walk, peer);
    walk->visited = visited;
    walk->base_depth = ++walk->depth;
    walk_enter(walk);
    pause_end(walk);
    walk_end_copy(walk, &copy);
}
