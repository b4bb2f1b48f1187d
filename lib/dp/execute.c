/* The executor of datapath actions.
 *
 * An output in the middle of a list sends a copy; the last action that does anything gets the packet itself, so one output, the
 * usual case, copies nothing, and what stands behind the last such action is not done at all, because nobody would see it.
 *
 *     set_field, output:1, clone(dec_ttl, output:2), set_field, output:3, set_field
 *                copy ^    copy ^                    the packet ^           ^ not done
 *
 * Cost: a switch an action; rewrite.c has the work. Packet path, worker thread: no allocation, no state.
 * Invariants: exactly one of output, drop or consumed takes the packet's frame, and each copy's (I4, I5); recursion is bounded by
 * DP_CLONE_DEPTH, which dp_actions_check() has seen to.
 */
#include "lib/dp/execute.h"

#include "lib/dp/rewrite.h"

struct run {
    const struct dp_sink *sink;
    void *context;
};

static void run_list(const struct run *run, const struct dp_action *actions, size_t n_actions, struct dp_packet *packet);

static bool is_effective(const struct dp_action *action)
{
    return action->type == DP_ACTION_OUTPUT || action->type == DP_ACTION_CONTROLLER || action->type == DP_ACTION_DROP ||
           (action->type == DP_ACTION_CLONE && action->clone.n_actions > 0);
}

/* The number behind the last action of this level that sends, copies or drops; 0 when there is none. */
static size_t end_of_effects(const struct dp_action *actions, size_t n_actions)
{
    size_t end = 0;
    for (size_t i = 0; i < n_actions; i++) {
        if (is_effective(&actions[i])) {
            end = i + 1;
        }
        if (actions[i].type == DP_ACTION_CLONE) {
            i += actions[i].clone.n_actions;
        }
    }
    return end;
}

/* The last effective action: takes the packet. */
static void finish(const struct run *run, const struct dp_action *action, struct dp_packet *packet)
{
    if (action->type == DP_ACTION_OUTPUT) {
        run->sink->output(run->context, action->port, packet);
    } else if (action->type == DP_ACTION_CLONE) {
        run_list(run, action + 1, action->clone.n_actions, packet);
    } else if (action->type == DP_ACTION_CONTROLLER) {
        run->sink->controller(run->context, &action->controller, packet);
        run->sink->consumed(run->context, packet);
    } else {
        run->sink->drop(run->context, (enum drop_reason)action->reason, packet);
    }
}

/* Any action before the last effective one. Returns REWRITE_DONE or the reason to drop the packet. */
static int step(const struct run *run, const struct dp_action *action, struct dp_packet *packet)
{
    struct dp_packet copy;
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
        if (run->sink->copy(run->context, packet, &copy)) {
            run->sink->output(run->context, action->port, &copy);
        }
        return REWRITE_DONE;
    case DP_ACTION_SET_FIELD:
        return rewrite_set_field(packet, action);
    case DP_ACTION_PUSH_VLAN:
        return rewrite_push_vlan(packet, action->push_vlan.tpid, action->push_vlan.tci);
    case DP_ACTION_POP_VLAN:
        return rewrite_pop_vlan(packet);
    case DP_ACTION_DEC_TTL:
        return rewrite_dec_ttl(packet);
    case DP_ACTION_CONTROLLER:
        run->sink->controller(run->context, &action->controller, packet);
        return REWRITE_DONE;
    case DP_ACTION_CLONE:
        if (action->clone.n_actions > 0 && run->sink->copy(run->context, packet, &copy)) {
            run_list(run, action + 1, action->clone.n_actions, &copy);
        }
        return REWRITE_DONE;
    case DP_ACTION_DROP:
        return action->reason;
    case DP_ACTION_COUNT:
        break;
    }
    return DROP_RULE;
}

static void run_list(const struct run *run, const struct dp_action *actions, size_t n_actions, struct dp_packet *packet)
{
    size_t end = end_of_effects(actions, n_actions);
    if (end == 0) {
        run->sink->drop(run->context, DROP_RULE, packet);
        return;
    }
    for (size_t i = 0; i + 1 < end; i++) {
        int reason = step(run, &actions[i], packet);
        if (reason != REWRITE_DONE) {
            run->sink->drop(run->context, (enum drop_reason)reason, packet);
            return;
        }
        if (actions[i].type == DP_ACTION_CLONE) {
            i += actions[i].clone.n_actions;
        }
    }
    finish(run, &actions[end - 1], packet);
}

void dp_execute(const struct dp_action *actions, size_t n_actions, struct dp_packet *packet, const struct dp_sink *sink, void *context)
{
    struct run run = {.sink = sink, .context = context};
    run_list(&run, actions, n_actions, packet);
}
