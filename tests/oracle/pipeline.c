/* Written from the OpenFlow standard and ovs-actions(7), not from the code it judges. A packet is a key and a stack of tags; copying it is an
 * assignment. Every lookup walks all rules of the switch. Which bucket a select group takes is not said by the standard: it is told from
 * outside. A meter lets everything pass: packets are below its rate. Bits are compared with the packet in hand, so there is nothing to wildcard. */
#include "tests/oracle/pipeline.h"

#include <stdlib.h>

#include "tests/oracle/carried.h"

struct set {
    const struct action *single[ACTION_TYPE_COUNT];
    struct action fields[64];
    size_t n_fields;
};

struct run {
    const struct world *world;
    const struct mac_table *macs;
    const struct world_bridge *bridge;
    struct oracle_events *out;
    struct oracle_choices *choices;
    unsigned depth, base_depth, n_steps;
    bool has_ended; /* TTL, or a miss: nothing more happens to this packet */
    bool has_exited;
};

/* ---- what the rules say ---- */

static void do_action(struct run *run, struct packet *packet, const struct action *action, unsigned table);
static void do_table(struct run *run, struct packet *packet, unsigned table, struct set *set);
static void do_set(struct run *run, struct packet *packet, const struct set *set, unsigned table);

static bool rule_fits(const struct run *run, const struct rule *r, const struct flow_state *state, unsigned table)
{
    bool fits = r->bridge == run->bridge->id && r->table == table;
    const uint8_t *value = (const uint8_t *)&r->match.value, *mask = (const uint8_t *)&r->match.mask;
    for (size_t i = 0; i < sizeof *state && fits; i++) {
        fits = (((const uint8_t *)state)[i] & mask[i]) == value[i];
    }
    return fits;
}

/* Does the rule say conjunction(id, clause + 1 / n)? n 0: any conjunction. */
static bool has_clause(const struct rule *r, uint32_t id, unsigned clause, unsigned n)
{
    for (size_t i = 0; i < r->instructions.apply.count; i++) {
        const struct action *a = &r->instructions.apply.items[i];
        bool is_it = a->conjunction.id == id && a->conjunction.clause == clause && a->conjunction.n_clauses == n;
        if (a->type == ACTION_CONJUNCTION && (n == 0 || is_it)) {
            return true;
        }
    }
    return false;
}

static const struct world_rule *best_plain(const struct run *run, const struct flow_state *state, unsigned table)
{
    const struct world_rule *best = NULL, *rule;
    size_t cursor = 0;
    while ((rule = id_map_next(&run->world->rules, &cursor)) != NULL) {
        struct rule r = world_rule_model(rule);
        bool is_better = best == NULL || r.priority > best->node.priority || (r.priority == best->node.priority && r.id < best->node.id);
        if (is_better && !has_clause(&r, 0, 0, 0) && rule_fits(run, &r, state, table)) {
            best = rule;
        }
    }
    return best;
}

static bool is_met(const struct run *run, const struct flow_state *state, unsigned table, int priority, uint32_t id, unsigned n)
{
    unsigned n_met = 0;
    for (unsigned clause = 0; clause < n; clause++) {
        const struct world_rule *rule;
        size_t cursor = 0;
        while ((rule = id_map_next(&run->world->rules, &cursor)) != NULL) {
            struct rule r = world_rule_model(rule);
            if (r.priority == priority && has_clause(&r, id, clause, n) && rule_fits(run, &r, state, table)) {
                n_met++;
                break;
            }
        }
    }
    return n_met == n;
}

/* Conjunctions 1 and 2, of two or three clauses, at priorities up to 5 are all that random tables have. */
static const struct world_rule *best_rule(const struct run *run, const struct packet *packet, unsigned table)
{
    const struct world_rule *best = best_plain(run, &packet->state, table);
    for (int priority = 5; priority > (best != NULL ? best->node.priority : -1); priority--) {
        for (uint32_t id = 1; id <= 2; id++) {
            struct flow_state again = packet->state;
            again.conj_id = be32(id);
            bool is_complete = is_met(run, &packet->state, table, priority, id, 2) || is_met(run, &packet->state, table, priority, id, 3);
            const struct world_rule *found = is_complete ? best_plain(run, &again, table) : NULL;
            if (found != NULL) {
                return found;
            }
        }
    }
    return best;
}

static void do_items(struct run *run, struct packet *packet, const struct action *items, size_t n, unsigned table)
{
    for (size_t i = 0; i < n && !run->has_ended && !run->has_exited && !run->out->is_too_deep; i++) {
        do_action(run, packet, &items[i], table);
        i += action_extent(&items[i]);
    }
}

static void do_list(struct run *run, struct packet *packet, const struct action_list *list, unsigned table)
{
    do_items(run, packet, list->items, list->count, table);
}

static void write_set(struct set *set, const struct action_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct action *action = &list->items[i];
        set->single[action->type] = action;
        if (action->type == ACTION_SET_FIELD) {
            set->fields[set->n_fields++] = *action; /* a later one of the same field overwrites by coming later */
        }
    }
}

static void do_set(struct run *run, struct packet *packet, const struct set *set, unsigned table)
{
    if (set->single[ACTION_OUTPUT] == NULL && set->single[ACTION_GROUP] == NULL) {
        return; /* "the packet gets dropped" */
    }
    for (unsigned type = 0; type <= ACTION_OUTPUT && !run->has_ended; type++) {
        if (set->single[type] == NULL || (type == ACTION_OUTPUT && set->single[ACTION_GROUP] != NULL)) {
            continue;
        }
        if (type == ACTION_SET_FIELD) {
            for (size_t i = 0; i < set->n_fields; i++) {
                do_action(run, packet, &set->fields[i], table);
            }
        } else {
            do_action(run, packet, set->single[type], table);
        }
    }
}

static void do_table(struct run *run, struct packet *packet, unsigned table, struct set *set)
{
    const struct world_rule *rule = best_rule(run, packet, table);
    if (++run->n_steps > ORACLE_STEPS_MAX) {
        run->out->is_too_deep = true;
    }
    if (rule == NULL) {
        run->has_ended = run->depth == run->base_depth;
        return;
    }
    const struct instructions *in = &rule->instructions;
    do_list(run, packet, &in->apply, table);
    if (run->has_ended || run->has_exited || run->out->is_too_deep) {
        return;
    }
    if (in->has_clear) {
        memset(set, 0, sizeof *set);
    }
    write_set(set, &in->write);
    if (in->has_write_metadata) {
        uint64_t old = host64(packet->state.metadata);
        packet->state.metadata = be64((old & ~in->metadata_mask) | (in->metadata & in->metadata_mask));
    }
    if (in->has_goto) {
        do_table(run, packet, in->goto_table, set);
    }
}

static const struct world_port *peer_of(const struct run *run, const struct world_port *port)
{
    for (const struct world_port *p = run->world->ports; p != NULL; p = p->hh.next) {
        if (p->peer != NULL && strcmp(p->peer, port->name) == 0 && strcmp(p->name, port->peer) == 0) {
            return p;
        }
    }
    return NULL;
}

/* The packet comes into the bridge at the other end; what it does there changes nothing here. */
static void cross(struct run *run, const struct packet *packet, const struct world_port *port)
{
    const struct world_port *peer = peer_of(run, port);
    const struct run before = *run;
    struct packet copy = *packet;
    struct set set = {0};
    if (peer == NULL || packet->max_len != 0) {
        return;
    }
    memset(&copy.state, 0, sizeof copy.state);
    copy.state.key = packet->state.key;
    copy.state.key.in_port = copy.state.in_phy_port = be32(peer->ofport);
    copy.n_stack = 0;
    run->bridge = world_bridge(run->world, peer->bridge);
    run->base_depth = ++run->depth;
    run->has_exited = false;
    if (run->depth > TRANSLATE_DEPTH_MAX) {
        run->out->is_too_deep = true;
    }
    if (!run->out->is_too_deep) {
        do_table(run, &copy, 0, &set);
    }
    if (!run->has_ended && !run->out->is_too_deep) {
        do_set(run, &copy, &set, 0);
    }
    unsigned n_steps = run->n_steps;
    *run = before;
    run->n_steps = n_steps;
}

static void send_port(struct run *run, const struct packet *packet, const struct world_port *port)
{
    if (port->peer != NULL) {
        cross(run, packet, port);
    } else {
        send_to(run->out, packet, port->id);
    }
}

static void do_output(struct run *run, struct packet *packet, uint32_t port, uint32_t in_port)
{
    for (size_t i = 0; i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        bool is_all = port == PORT_ALL || port == PORT_FLOOD;
        bool is_named = port == p->ofport && p->ofport != in_port;
        bool is_back = port == PORT_IN_PORT && p->ofport == in_port;
        if (is_named || is_back || (is_all && p->ofport != in_port)) {
            send_port(run, packet, p);
        }
    }
    if (port == PORT_CONTROLLER) {
        send_to(run->out, packet, 0);
    }
}

static bool carries(const struct world_port *port, unsigned vlan)
{
    bool is_fixed = port->vlan_mode == VLAN_MODE_ACCESS || port->vlan_mode == VLAN_MODE_TUNNEL;
    bool is_native = port->vlan_mode == VLAN_MODE_NATIVE_TAGGED || port->vlan_mode == VLAN_MODE_NATIVE_UNTAGGED;
    if (is_fixed || (is_native && vlan == port->tag)) {
        return vlan == port->tag;
    }
    if (is_native && vlan == 0) {
        return false; /* a packet of no VLAN would come out in the native one */
    }
    return !port->has_trunks || (port->trunks[vlan / 64] >> vlan % 64 & 1) != 0;
}

static bool takes_customer(const struct world_port *port, unsigned vlan)
{
    return port->vlan_mode != VLAN_MODE_TUNNEL || !port->has_cvlans || (port->cvlans[vlan / 64] >> vlan % 64 & 1) != 0;
}

/* The VLAN of a packet that comes in, or -1. */
static int vlan_in(const struct world_port *in, unsigned vid)
{
    bool has_native = in->vlan_mode == VLAN_MODE_NATIVE_TAGGED || in->vlan_mode == VLAN_MODE_NATIVE_UNTAGGED;
    if (in->vlan_mode == VLAN_MODE_ACCESS) {
        return vid == 0 ? in->tag : -1;
    }
    if (in->vlan_mode == VLAN_MODE_TUNNEL) {
        return takes_customer(in, vid) ? in->tag : -1;
    }
    if (has_native && vid == 0) {
        return in->tag;
    }
    return carries(in, vid) ? (int)vid : -1;
}

/* The packet within its VLAN, with the tags it has there, leaves by a port. */
static void normal_send(struct run *run, const struct packet *packet, const struct world_port *in, const struct world_port *p, unsigned vlan, bool is_learned)
{
    struct packet copy = *packet;
    bool is_tunnel_in = in->vlan_mode == VLAN_MODE_TUNNEL;
    bool is_trunk = p->vlan_mode != VLAN_MODE_ACCESS && p->vlan_mode != VLAN_MODE_TUNNEL;
    bool tagged = is_trunk && vlan != 0 && !(p->vlan_mode == VLAN_MODE_NATIVE_UNTAGGED && vlan == p->tag);
    unsigned inner = is_tunnel_in || packet->n_tags == 0 ? (packet->n_tags > 0 ? packet->tags[0] & 0xfff : 0)
                                                         : (packet->n_tags > 1 ? packet->tags[1] & 0xfff : 0);
    if (!is_learned && (!takes_customer(p, inner) || (p->vlan_mode == VLAN_MODE_ACCESS && inner != 0))) {
        return; /* of a flood */
    }
    if (is_tunnel_in && tagged) {
        push_tag(&copy, 0x88a8, (uint16_t)vlan);
    } else if (!is_tunnel_in && !tagged) {
        pop_tag(&copy);
    } else if (!is_tunnel_in && copy.n_tags == 0) {
        push_tag(&copy, 0x8100, (uint16_t)vlan);
    } else if (!is_tunnel_in) {
        copy.tags[0] = (uint16_t)((copy.tags[0] & ~0xfff) | vlan); /* a priority tag gets the VLAN */
        show_tags(&copy);
    }
    send_port(run, &copy, p);
}

static void do_normal(struct run *run, const struct packet *packet, uint32_t in_port)
{
    const struct world_port *in = world_port_by_ofport(run->bridge, in_port);
    int vlan = vlan_in(in, packet->n_tags > 0 ? packet->tags[0] & 0xfff : 0);
    const uint8_t *dst = packet->state.key.eth_dst;
    const struct world_port *only = NULL;
    if (vlan < 0) {
        return;
    }
    struct mac_name name = {.bridge = run->bridge->id, .vlan = (uint16_t)vlan};
    memcpy(name.mac, dst, 6);
    const struct mac_entry *entry = (dst[0] & 1) != 0 ? NULL : mac_table_find(run->macs, &name);
    for (size_t i = 0; entry != NULL && i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        only = p->id == entry->port && carries(p, (unsigned)vlan) ? p : only;
    }
    for (size_t i = 0; i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        if (p != in && carries(p, (unsigned)vlan) && (only == NULL || only == p)) {
            normal_send(run, packet, in, p, (unsigned)vlan, only != NULL);
        }
    }
}

static bool is_port_live(const struct run *run, uint32_t ofport)
{
    for (size_t i = 0; i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        if (p->ofport == ofport) {
            return p->is_up && (p->config & PORT_CONFIG_DOWN) == 0;
        }
    }
    return false;
}

static bool is_bucket_live(const struct run *run, const struct bucket *bucket, unsigned depth)
{
    const struct world_group *watched = NULL;
    bool is_live = bucket->watch_port == PORT_ANY && bucket->watch_group == GROUP_ANY;
    if (bucket->watch_port != PORT_ANY) {
        is_live = is_port_live(run, bucket->watch_port);
    }
    if (bucket->watch_group != GROUP_ANY && depth < 4) {
        watched = world_group(run->world, run->bridge->id, bucket->watch_group);
    }
    for (size_t i = 0; watched != NULL && i < watched->group.n_buckets; i++) {
        is_live = is_live || is_bucket_live(run, &watched->group.buckets[i], depth + 1);
    }
    return is_live;
}

/* Buckets of the group that the packet goes through, as a bit mask. */
static uint64_t buckets_of(struct run *run, const struct group *group)
{
    uint64_t living = 0, all = (1ull << group->n_buckets) - 1;
    unsigned n_living = 0, taken = 0;
    for (size_t i = 0; i < group->n_buckets; i++) {
        bool may_be = group->type != GROUP_TYPE_SELECT || group->buckets[i].weight > 0;
        if (may_be && is_bucket_live(run, &group->buckets[i], 0)) {
            living |= 1ull << i;
            n_living++;
        }
    }
    if (group->type == GROUP_TYPE_ALL || group->type == GROUP_TYPE_INDIRECT) {
        return all;
    }
    if (group->type == GROUP_TYPE_SELECT && n_living > 0) {
        if (run->choices->n == ORACLE_CHOICES_MAX) {
            run->out->is_too_deep = true;
            return 0;
        }
        taken = run->choices->taken[run->choices->n];
        run->choices->n_of[run->choices->n++] = n_living;
    }
    for (; taken > 0; taken--) {
        living &= living - 1;
    }
    return living & -living;
}

static void do_group(struct run *run, const struct packet *packet, uint32_t number, unsigned table)
{
    const struct world_group *group = world_group(run->world, run->bridge->id, number);
    uint64_t through = group != NULL ? buckets_of(run, &group->group) : 0;
    if (++run->depth > TRANSLATE_DEPTH_MAX) {
        run->out->is_too_deep = true;
    }
    for (size_t i = 0; group != NULL && i < group->group.n_buckets && !run->out->is_too_deep; i++) {
        if ((through >> i & 1) == 0) {
            continue;
        }
        struct packet copy = *packet;
        struct set set = {0};
        bool has_ended = run->has_ended, has_exited = run->has_exited;
        write_set(&set, &group->group.buckets[i].actions);
        do_set(run, &copy, &set, table);
        run->has_ended = has_ended;
        run->has_exited = has_exited;
    }
    run->depth--;
}

static void do_set_field(struct packet *packet, enum field_id field, struct field_value value, struct field_value mask)
{
    if (field == FIELD_VLAN_VID || field == FIELD_VLAN_PCP || field == FIELD_VLAN_TCI) {
        struct flow_state after = packet->state;
        field_set_masked(field, &after, value, mask);
        if (packet->n_tags > 0) {
            packet->tags[0] = host16(after.key.vlan_tci) & (uint16_t)~KEY_VLAN_PRESENT;
            show_tags(packet);
        } else if (field == FIELD_VLAN_VID) {
            push_tag(packet, 0x8100, host16(after.key.vlan_tci));
        }
    } else if (field_present(field, &packet->state)) {
        field_set_masked(field, &packet->state, value, mask);
        packet->labels[0] = packet->n_labels > 0 ? host32(packet->state.key.mpls[0]) : 0;
    }
}

static void do_move(struct packet *packet, const struct action *action)
{
    if (!field_present(action->move.source, &packet->state)) {
        return;
    }
    struct field_value from = field_get(action->move.source, &packet->state), value = {{0}}, mask = {{0}};
    for (unsigned i = 0; i < action->move.n_bits; i++) {
        unsigned s = action->move.source_offset + i, t = action->move.target_offset + i;
        unsigned bit = from.bytes[15 - s / 8] >> (s % 8) & 1;
        value.bytes[15 - t / 8] |= (uint8_t)(bit << (t % 8));
        mask.bytes[15 - t / 8] |= (uint8_t)(1u << (t % 8));
    }
    do_set_field(packet, action->move.target, value, mask);
}

static void do_dec_ttl(struct run *run, struct packet *packet)
{
    if (!field_present(FIELD_IP_TTL, &packet->state)) {
        return;
    }
    if (packet->state.key.ip_ttl <= 1) {
        send_to(run->out, packet, 0);
        run->has_ended = true;
        return;
    }
    packet->state.key.ip_ttl--;
}

static void do_dec_mpls_ttl(struct run *run, struct packet *packet)
{
    uint32_t ttl = host32(packet->state.key.mpls[0]) & 0xff;
    if (is_mpls(packet) && ttl <= 1) {
        send_to(run->out, packet, 0);
        run->has_ended = true;
    } else if (is_mpls(packet)) {
        set_label_ttl(packet, 0, ttl - 1);
    }
}

static void do_resubmit(struct run *run, struct packet *packet, unsigned table)
{
    struct set unused = {0};
    if (++run->depth > TRANSLATE_DEPTH_MAX) {
        run->out->is_too_deep = true;
    } else {
        do_table(run, packet, table, &unused);
    }
    run->depth--;
}

static unsigned bit_of(const struct field_value *value, unsigned bit)
{
    return value->bytes[15 - bit / 8] >> bit % 8 & 1;
}

static struct field_value bits_of(const struct packet *packet, enum field_id field, unsigned offset, unsigned n_bits)
{
    struct field_value all = field_get(field, &packet->state), out = {{0}};
    for (unsigned i = 0; i < n_bits && field_present(field, &packet->state); i++) {
        out.bytes[15 - i / 8] |= (uint8_t)(bit_of(&all, offset + i) << i % 8);
    }
    return out;
}

static void do_stack(struct run *run, struct packet *packet, const struct action *action)
{
    struct field_value value = {{0}}, mask = {{0}};
    if (action->type == ACTION_STACK_PUSH && packet->n_stack == WALK_STACK_MAX) {
        run->out->is_too_deep = true;
    } else if (action->type == ACTION_STACK_PUSH) {
        packet->stack[packet->n_stack++] = bits_of(packet, action->part.field, action->part.offset, action->part.n_bits);
    } else if (packet->n_stack > 0) {
        packet->n_stack--;
        for (unsigned i = 0; i < action->part.n_bits; i++) {
            unsigned t = action->part.offset + i;
            value.bytes[15 - t / 8] |= (uint8_t)(bit_of(&packet->stack[packet->n_stack], i) << t % 8);
            mask.bytes[15 - t / 8] |= (uint8_t)(1u << t % 8);
        }
        do_set_field(packet, action->part.field, value, mask);
    }
}

static void do_clone(struct run *run, const struct packet *packet, const struct action *action, unsigned table)
{
    struct packet copy = *packet;
    bool has_ended = run->has_ended;
    do_items(run, &copy, action + 1, action->n_inner, table);
    run->has_ended = has_ended;
    run->has_exited = false;
}

static void do_output_reg(struct run *run, struct packet *packet, const struct action *action, uint32_t in_port)
{
    struct field_value value = bits_of(packet, action->output_reg.field, action->output_reg.offset, action->output_reg.n_bits);
    do_output(run, packet, (uint32_t)field_value_to_u64(value), in_port);
}

static void do_action(struct run *run, struct packet *packet, const struct action *action, unsigned table)
{
    uint32_t in_port = host32(packet->state.key.in_port);
    struct field_value ttl;
    switch (action->type) {
    case ACTION_OUTPUT:
        if (action->output.port == PORT_NORMAL) {
            do_normal(run, packet, in_port);
        } else {
            do_output(run, packet, action->output.port, in_port);
        }
        break;
    case ACTION_CONTROLLER:
        send_to(run->out, packet, 0);
        break;
    case ACTION_SET_FIELD:
        do_set_field(packet, action->set_field.field, action->set_field.value, action->set_field.mask);
        break;
    case ACTION_SET_NW_TTL:
        ttl = field_value_u64(action->ttl);
        do_set_field(packet, FIELD_IP_TTL, ttl, field_all_ones(FIELD_IP_TTL));
        break;
    case ACTION_MOVE:
        do_move(packet, action);
        break;
    case ACTION_DEC_NW_TTL:
        do_dec_ttl(run, packet);
        break;
    case ACTION_PUSH_VLAN:
        push_tag(packet, action->ethertype, packet->n_tags > 0 ? packet->tags[0] : 0);
        break;
    case ACTION_POP_VLAN:
        pop_tag(packet);
        break;
    case ACTION_GROUP:
        do_group(run, packet, action->group_id, table);
        break;
    case ACTION_RESUBMIT:
        do_resubmit(run, packet, action->resubmit.table == TABLE_ALL ? table : action->resubmit.table);
        break;
    case ACTION_COPY_TTL_IN:
    case ACTION_COPY_TTL_OUT:
        copy_ttl(packet, action->type == ACTION_COPY_TTL_OUT);
        break;
    case ACTION_POP_MPLS:
        pop_label(packet, action->ethertype);
        break;
    case ACTION_PUSH_MPLS:
        push_label(packet, action->ethertype);
        break;
    case ACTION_DEC_MPLS_TTL:
        do_dec_mpls_ttl(run, packet);
        break;
    case ACTION_SET_MPLS_TTL:
        ttl = field_value_u64(action->ttl);
        do_set_field(packet, FIELD_MPLS_TTL, ttl, field_all_ones(FIELD_MPLS_TTL));
        break;
    case ACTION_EXIT:
        run->has_exited = true;
        break;
    case ACTION_CLONE:
        do_clone(run, packet, action, table);
        break;
    case ACTION_OUTPUT_REG:
        do_output_reg(run, packet, action, in_port);
        break;
    case ACTION_OUTPUT_TRUNC:
        packet->max_len = action->output_trunc.max_len;
        do_output(run, packet, action->output_trunc.port, in_port);
        packet->max_len = 0;
        break;
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
        do_stack(run, packet, action);
        break;
    case ACTION_NOTE:
    case ACTION_CONJUNCTION:
    case ACTION_DATA:
    case ACTION_SET_QUEUE:
    case ACTION_POP_QUEUE:
    case ACTION_TYPE_COUNT:
        break;
    }
}

bool oracle_choose_next(struct oracle_choices *choices)
{
    while (choices->n > 0) {
        if (++choices->taken[choices->n - 1] < choices->n_of[choices->n - 1]) {
            return true;
        }
        choices->taken[--choices->n] = 0;
    }
    return false;
}

void oracle_pipeline(const struct world *world, const struct mac_table *macs, const struct flow_key *key,
                     struct oracle_events *out)
{
    struct oracle_choices first = {.n = 0};
    oracle_pipeline_choosing(world, macs, key, &first, out);
}

void oracle_pipeline_choosing(const struct world *world, const struct mac_table *macs, const struct flow_key *key,
                              struct oracle_choices *choices, struct oracle_events *out)
{
    const struct world_port *port = world_port(world, host32(key->in_port));
    struct run run = {.world = world, .macs = macs, .bridge = world_bridge(world, port->bridge), .out = out, .choices = choices};
    choices->n = 0;
    struct packet packet = {.state.key = *key};
    struct set set = {0};
    out->n = 0;
    out->is_too_deep = false;
    read_tags(&packet);
    read_labels(&packet);
    packet.state.key.in_port = packet.state.in_phy_port = be32(port->ofport);
    do_table(&run, &packet, 0, &set);
    if (!run.has_ended && !out->is_too_deep) {
        do_set(&run, &packet, &set, 0);
    }
}
