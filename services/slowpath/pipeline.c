/* The walk through the tables: lookup, the rule's instructions in their order, goto [OF1.3.5 §5.1, §5.9].
 *
 * goto only leads to a higher table, so one run visits each table once at most; resubmits nest runs, within the limits of translate.h. A
 * table without a fitting rule ends the packet: what earlier tables applied stays done, their action set is not executed [OF1.3.5 §5.4]. Controllers of
 * OpenFlow 1.0 are sent such a packet, if one is there that wants it [OF1.0 §3.4]; then the walk counts no rule, as when it is dropped.
 * Cost: one classifier lookup and two counter ids a table. Thread: the one that translates.
 */
#include <stdlib.h>

#include "lib/msg/counter_id.h"
#include "services/slowpath/walk.h"

static const struct world_rule *table_lookup(struct walk *walk, uint8_t table, uint32_t in_port)
{
    struct flow_state looked = {0};
    struct be32 true_in_port = walk->state.key.in_port;
    if (in_port != PORT_IN_PORT) {
        walk->state.key.in_port = be32(in_port);
        walk->out->rewritten_words |= 1;
    }
    const struct classifier_rule *node = NULL;
    walk->visited[table / 64] |= 1ull << (table % 64);
    walk_count(walk, counter_id(COUNTER_TABLE, walk->bridge->id << 8 | table));
    walk->out->work += 3; /* a visit without its lookup, which takes a few words of each set of tuples */
    if (walk->bridge->tables[table] != NULL) {
        node = classifier_lookup_within(walk->bridge->tables[table], &walk->state, &looked, TRANSLATE_WORK_MAX, &walk->out->work);
        walk_look(walk, &looked);
    }
    walk->state.key.in_port = true_in_port;
    if (walk->out->work > TRANSLATE_WORK_MAX && !walk_is_void(walk)) {
        walk_trace(walk, "looking through table %u has cost more than the %d ms that a packet may take", table, TRANSLATE_WORK_MAX / 100000);
        walk_refuse(walk, DROP_PIPELINE_WORK);
    }
    return node == NULL ? NULL : (const struct world_rule *)((const char *)node - offsetof(struct world_rule, node));
}

/* What the rule does besides its list of actions, where it stands in their order. */
static void trace_writes(const struct walk *walk, const struct instructions *in)
{
    if (walk->input->trace == NULL) {
        return;
    }
    if (in->has_clear) {
        walk_trace_text(walk, "clear_actions");
    }
    if (in->has_write) {
        char *actions = action_list_format(&in->write, NULL);
        walk_trace_text(walk, "write_actions(%s)", actions);
        free(actions);
    }
    if (in->has_write_metadata) {
        walk_trace_text(walk, "write_metadata:0x%llx/0x%llx", (unsigned long long)in->metadata, (unsigned long long)in->metadata_mask);
    }
    if (in->has_goto) {
        walk_trace_text(walk, "goto_table:%u", in->goto_table);
    }
}

static void no_rule(struct walk *walk, uint8_t table, bool tells_miss)
{
    if (table == 0 && walk->bridge->fail_open == FAIL_OPEN_MISSES && !walk->is_packet_out) {
        walk_trace(walk, "no controller: learning switch");
        normal_perform(walk);
    } else if (tells_miss && walk->bridge->tells_misses && walk->copied_in.is_due) {
        walk_refuse(walk, DROP_HEADER_UNSEEN);
    } else if (tells_miss && walk->bridge->tells_misses) {
        output_to_controller(walk, UINT16_MAX, PACKET_IN_NO_RULE);
    } else {
        walk->reason = DROP_NO_RULE;
    }
    walk->is_over = walk->depth == walk->base_depth;
}

/* Is it one that the bridge's tables never see? */
static bool is_dropped_fragment(struct walk *walk)
{
    struct flow_state mask = {.key.ip_frag = KEY_FRAG_ANY};
    if (!walk->bridge->drops_fragments) {
        return false;
    }
    walk_look(walk, &mask);
    if (walk->is_over || (walk->state.key.ip_frag & KEY_FRAG_ANY) == 0) {
        return false;
    }
    walk_trace(walk, "a fragment: dropped, as SET_CONFIG says");
    walk->reason = DROP_FRAGMENT;
    walk->is_over = walk->depth == walk->base_depth;
    return true;
}

static void write_metadata(struct walk *walk, const struct instructions *in)
{
    if (in->has_write_metadata) {
        struct field_value mask = field_value_u64(in->metadata_mask);
        field_set_masked(FIELD_METADATA, &walk->state, field_value_u64(in->metadata), mask);
    }
}

bool pipeline_carry_out(struct walk *walk, const struct instructions *in, uint8_t table)
{
    if (in->meter_id != 0) {
        perform_meter(walk, in->meter_id);
    }
    if (in->has_apply) {
        perform_list(walk, &in->apply);
    }
    if (pause_is_on(walk)) {
        pause_keep_rest(walk, in);
    }
    if (walk->has_exited) {
        return false;
    }
    trace_writes(walk, in);
    if (in->has_clear) {
        action_set_clear(&walk->set);
    }
    if (in->has_write) {
        action_set_write(walk, &walk->set, &in->write);
    }
    bool has_output = walk->set.has[ACTION_OUTPUT] && !walk->set.has[ACTION_GROUP];
    walk->state.actset_output = be32(has_output ? walk->set.one[ACTION_OUTPUT].output.port : OFPORT_UNSET);
    write_metadata(walk, in);
    if (!in->has_goto || in->goto_table <= table || in->goto_table > TABLE_MAX) {
        return false;
    }
    if (walk->n_resubmits++ >= TRANSLATE_RESUBMITS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
    }
    return true;
}

const struct world_rule *pipeline_run(struct walk *walk, uint8_t table, uint32_t in_port, bool tells_miss)
{
    uint8_t outer_table = walk->table;
    enum packet_in_reason outer_told = walk->told;
    const struct world_rule *outer_rule = walk->rule, *first = NULL;
    bool goes_on = !is_dropped_fragment(walk);
    walk->told = PACKET_IN_ACTION;
    while (goes_on && !walk->is_over && !walk->has_exited) {
        const struct world_rule *rule = table_lookup(walk, table, in_port);
        in_port = PORT_IN_PORT;
        if (walk->is_over) {
            break; /* the lookup asked for what cannot be seen, or for too much */
        }
        walk->table = table;
        walk->rule = rule;
        first = first == NULL ? rule : first;
        walk_trace_table(walk, table, rule);
        if (rule == NULL) {
            no_rule(walk, table, tells_miss);
            break;
        }
        walk_count(walk, counter_id(COUNTER_RULE, rule->node.id));
        goes_on = pipeline_carry_out(walk, &rule->instructions, table);
        table = rule->instructions.goto_table;
        tells_miss = true;
    }
    walk->table = outer_table;
    walk->rule = outer_rule;
    walk->told = outer_told;
    return first;
}
