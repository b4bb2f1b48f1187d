/* The executor of datapath actions.
 *
 * An output in the middle of a list sends a copy; the last action that does anything gets the packet itself, so one output, the
 * usual case, copies nothing, and what stands behind the last such action is not done at all, because nobody would see it.
 *
 *     set_field, output:1, clone(dec_ttl, output:2), set_field, output:3, set_field
 *                copy ^    copy ^                    the packet ^           ^ not done
 *
 * A meter does something, too: it counts. Behind the last output it counts a packet that is then done with.
 * Cost: a switch an action; rewrite.c has the work. Packet path, worker thread: no allocation, no state.
 * Invariants: exactly one of output, drop, consumed or recirculate takes the packet's frame, and each copy's (I4, I5); recursion is
 * bounded by DP_CLONE_DEPTH, which dp_actions_check() has seen to, and DP_RECIRCULATIONS_MAX.
 */
#include "lib/dp/execute.h"

#include "lib/dp/hash.h"
#include "lib/dp/rewrite.h"

struct run {
    const struct dp_sink *sink;
    void *context;
};

static void run_list(const struct run *run, const struct dp_action *actions, size_t end, struct dp_packet *packet);

static void run_clone(const struct run *run, const struct dp_action *clone, struct dp_packet *packet)
{
    run_list(run, clone + 1, dp_actions_effective(clone + 1, clone->clone.n_actions), packet);
}

/* Takes the packet. Packets from ports have recirc_id 0, so a count begins here. */
static void recirculate(const struct run *run, const struct dp_action *action, struct dp_packet *packet)
{
    uint32_t n = packet->key.recirc_id.raw == 0 ? 0 : packet->n_recirculations;
    if (n >= DP_RECIRCULATIONS_MAX) {
        run->sink->drop(run->context, DROP_RECIRCULATION_LIMIT, packet);
        return;
    }
    packet->n_recirculations = n + 1;
    packet->key.recirc_id = be32(action->recirc_id);
    if (action->n_labels != 0) {
        parse_uncover(packet->data, packet->size, &packet->offsets, action->n_labels, action->uncovers_type, &packet->key);
    }
    run->sink->recirculate(run->context, packet);
}

static int run_meter(const struct run *run, uint64_t meter, struct dp_packet *packet)
{
    int verdict = run->sink->meter(run->context, meter, packet);
    if (verdict == DP_METER_DROP) {
        return DROP_METER;
    }
    return verdict == DP_METER_PASS ? REWRITE_DONE : rewrite_remark_dscp(packet, verdict);
}

/* A meter is the last action of a list that began at `first`. Takes the packet. */
static void finish_metered(const struct run *run, const struct dp_action *first, const struct dp_action *meter, struct dp_packet *packet)
{
    bool was_seen = false;
    int reason = run_meter(run, meter->meter, packet);
    for (const struct dp_action *action = first; action < meter; action++) {
        was_seen = was_seen || (action->type != DP_ACTION_METER && dp_actions_effective(action, 1) > 0);
    }
    if (reason == REWRITE_DONE && was_seen) {
        run->sink->consumed(run->context, packet);
    } else {
        run->sink->drop(run->context, reason == REWRITE_DONE ? DROP_RULE : (enum drop_reason)reason, packet);
    }
}

/* actions[end - 1] is the last effective action: takes the packet. */
static void finish(const struct run *run, const struct dp_action *actions, size_t end, struct dp_packet *packet)
{
    const struct dp_action *action = &actions[end - 1];
    if (action->type == DP_ACTION_OUTPUT) {
        run->sink->output(run->context, action->port, packet);
    } else if (action->type == DP_ACTION_CLONE) {
        run_clone(run, action, packet);
    } else if (action->type == DP_ACTION_CONTROLLER) {
        run->sink->controller(run->context, &action->controller, packet);
        run->sink->consumed(run->context, packet);
    } else if (action->type == DP_ACTION_RECIRC) {
        recirculate(run, action, packet);
    } else if (action->type == DP_ACTION_METER) {
        finish_metered(run, actions, action, packet);
    } else {
        run->sink->drop(run->context, (enum drop_reason)action->reason, packet);
    }
}

/* The output behind a truncate; a copy of what is sent is all that is made. */
static void output_truncated(const struct run *run, const struct dp_action *truncate, const struct dp_packet *packet)
{
    struct dp_packet part = *packet, copy;
    rewrite_truncate(&part, truncate->max_len);
    if (run->sink->copy(run->context, &part, &copy)) {
        run->sink->output(run->context, truncate[1].port, &copy);
    }
}

/* The three that work on a copy when they are not the last. */
static void step_copy(const struct run *run, const struct dp_action *action, const struct dp_packet *packet)
{
    struct dp_packet copy;
    if ((action->type == DP_ACTION_CLONE && action->clone.n_actions == 0) || !run->sink->copy(run->context, packet, &copy)) {
        return;
    }
    if (action->type == DP_ACTION_OUTPUT) {
        run->sink->output(run->context, action->port, &copy);
    } else if (action->type == DP_ACTION_CLONE) {
        run_clone(run, action, &copy);
    } else {
        recirculate(run, action, &copy);
    }
}

/* Any action before the last effective one. Returns REWRITE_DONE or the reason to drop the packet. */
static int step(const struct run *run, const struct dp_action *action, struct dp_packet *packet)
{
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
    case DP_ACTION_CLONE:
    case DP_ACTION_RECIRC:
        step_copy(run, action, packet);
        return REWRITE_DONE;
    case DP_ACTION_SET_FIELD:
        return rewrite_set_field(packet, action);
    case DP_ACTION_PUSH_VLAN:
        return rewrite_push_vlan(packet, action->push_vlan.tpid, action->push_vlan.tci);
    case DP_ACTION_POP_VLAN:
        return rewrite_pop_vlan(packet);
    case DP_ACTION_DEC_TTL:
        return rewrite_dec_ttl(packet);
    case DP_ACTION_PUSH_MPLS:
        return rewrite_push_mpls(packet, action->ethertype);
    case DP_ACTION_POP_MPLS:
        return rewrite_pop_mpls(packet, action->ethertype);
    case DP_ACTION_DEC_MPLS_TTL:
        return rewrite_dec_mpls_ttl(packet);
    case DP_ACTION_HASH:
        packet->key.dp_hash = be32(hash_packet(&packet->key, &action->hash));
        return REWRITE_DONE;
    case DP_ACTION_METER:
        return run_meter(run, action->meter, packet);
    case DP_ACTION_CONTROLLER:
        run->sink->controller(run->context, &action->controller, packet);
        return REWRITE_DONE;
    case DP_ACTION_DROP:
        return action->reason;
    case DP_ACTION_USERDATA: /* of the controller action behind it */
        return REWRITE_DONE;
    case DP_ACTION_TRUNCATE: /* run_list() has done it */
    case DP_ACTION_COUNT:
        break;
    }
    return DROP_RULE;
}

static void run_list(const struct run *run, const struct dp_action *actions, size_t end, struct dp_packet *packet)
{
    if (end == 0) {
        run->sink->drop(run->context, DROP_RULE, packet);
        return;
    }
    for (size_t i = 0; i + 1 < end; i++) {
        const struct dp_action *action = &actions[i];
        if (action->type == DP_ACTION_TRUNCATE) {
            if (i + 2 == end) {
                rewrite_truncate(packet, action->max_len);
            } else {
                output_truncated(run, action, packet);
                i++;
            }
            continue;
        }
        int reason = step(run, action, packet);
        if (reason != REWRITE_DONE) {
            run->sink->drop(run->context, (enum drop_reason)reason, packet);
            return;
        }
        if (action->type == DP_ACTION_CLONE) {
            i += action->clone.n_actions;
        }
    }
    finish(run, actions, end, packet);
}

void dp_execute_effective(const struct dp_action *actions, size_t n_effective, struct dp_packet *packet, const struct dp_sink *sink,
                          void *context)
{
    struct run run = {.sink = sink, .context = context};
    run_list(&run, actions, n_effective, packet);
}

void dp_execute(const struct dp_action *actions, size_t n_actions, struct dp_packet *packet, const struct dp_sink *sink, void *context)
{
    dp_execute_effective(actions, dp_actions_effective(actions, n_actions), packet, sink, context);
}
