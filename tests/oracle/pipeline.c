/* Written from the OpenFlow standard and ovs-actions(7), not from the code it judges. A packet is a key and a stack of tags; copying it is an
 * assignment. Every lookup walks all rules of the switch. Which bucket a select group takes is not said by the standard: it is told from
 * outside. A meter lets everything pass: packets are below its rate. Bits are compared with the packet in hand, so there is nothing to wildcard. */
#include "tests/oracle/pipeline.h"

#include <stdlib.h>

struct packet {
    struct flow_state state; /* without tags: these are in `tags` */
    uint16_t tags[ORACLE_TAGS_MAX];
    uint16_t tpids[ORACLE_TAGS_MAX];
    size_t n_tags;
};

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
    unsigned depth, n_steps;
    bool has_ended; /* TTL, or a miss: nothing more happens to this packet */
};

/* The members of the key that mirror the two outermost tags. */
static void show_tags(struct packet *packet)
{
    struct flow_key *key = &packet->state.key;
    key->vlan_tci = be16(packet->n_tags > 0 ? packet->tags[0] | KEY_VLAN_PRESENT : 0);
    key->vlan_tpid = be16(packet->n_tags > 0 ? packet->tpids[0] : 0);
    key->vlan2_tci = be16(packet->n_tags > 1 ? packet->tags[1] | KEY_VLAN_PRESENT : 0);
    key->vlan2_tpid = be16(packet->n_tags > 1 ? packet->tpids[1] : 0);
}

static void read_tags(struct packet *packet)
{
    const struct flow_key *key = &packet->state.key;
    const struct be16 tcis[2] = {key->vlan_tci, key->vlan2_tci}, tpids[2] = {key->vlan_tpid, key->vlan2_tpid};
    packet->n_tags = 0;
    for (size_t i = 0; i < 2 && (host16(tcis[i]) & KEY_VLAN_PRESENT) != 0; i++) {
        packet->tags[i] = host16(tcis[i]) & (uint16_t)~KEY_VLAN_PRESENT;
        packet->tpids[i] = host16(tpids[i]);
        packet->n_tags++;
    }
}

static void push_tag(struct packet *packet, uint16_t tpid, uint16_t tci)
{
    if (packet->n_tags == ORACLE_TAGS_MAX) {
        return; /* the translation gives up long before */
    }
    memmove(packet->tags + 1, packet->tags, packet->n_tags * sizeof packet->tags[0]);
    memmove(packet->tpids + 1, packet->tpids, packet->n_tags * sizeof packet->tpids[0]);
    packet->tags[0] = tci & (uint16_t)~KEY_VLAN_PRESENT;
    packet->tpids[0] = tpid;
    packet->n_tags++;
    show_tags(packet);
}

static void pop_tag(struct packet *packet)
{
    if (packet->n_tags > 0) {
        packet->n_tags--;
        memmove(packet->tags, packet->tags + 1, packet->n_tags * sizeof packet->tags[0]);
        memmove(packet->tpids, packet->tpids + 1, packet->n_tags * sizeof packet->tpids[0]);
        show_tags(packet);
    }
}

static void send_to(struct oracle_events *out, const struct packet *packet, uint32_t port)
{
    if (out->n < ORACLE_EVENTS_MAX) {
        struct oracle_event *event = &out->events[out->n++];
        memset(event, 0, sizeof *event);
        event->port = port;
        event->key = packet->state.key;
        event->key.in_port = be32(0);
        memcpy(event->tags, packet->tags, packet->n_tags * sizeof packet->tags[0]);
        event->n_tags = packet->n_tags;
    }
}

/* ---- what the rules say ---- */

static void do_action(struct run *run, struct packet *packet, const struct action *action, unsigned table);
static void do_table(struct run *run, struct packet *packet, unsigned table, struct set *set);
static void do_set(struct run *run, struct packet *packet, const struct set *set, unsigned table);

static const struct world_rule *best_rule(const struct run *run, const struct packet *packet, unsigned table)
{
    const struct world_rule *best = NULL;
    for (const struct world_rule *rule = run->world->rules; rule != NULL; rule = rule->hh.next) {
        const struct rule *r = &rule->rule;
        bool fits = r->bridge == run->bridge->id && r->table == table;
        const uint8_t *value = (const uint8_t *)&r->match.value, *mask = (const uint8_t *)&r->match.mask;
        for (size_t i = 0; i < sizeof packet->state && fits; i++) {
            fits = (((const uint8_t *)&packet->state)[i] & mask[i]) == value[i];
        }
        if (fits && (best == NULL || r->priority > best->rule.priority ||
                     (r->priority == best->rule.priority && r->id < best->rule.id))) {
            best = rule;
        }
    }
    return best;
}

static void do_list(struct run *run, struct packet *packet, const struct action_list *list, unsigned table)
{
    for (size_t i = 0; i < list->count && !run->has_ended && !run->out->is_too_deep; i++) {
        do_action(run, packet, &list->items[i], table);
    }
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
        run->has_ended = run->depth == 0;
        return;
    }
    const struct instructions *in = &rule->rule.instructions;
    do_list(run, packet, &in->apply, table);
    if (run->has_ended || run->out->is_too_deep) {
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

static void do_output(struct run *run, struct packet *packet, uint32_t port, uint32_t in_port)
{
    for (size_t i = 0; i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        bool is_all = port == PORT_ALL || port == PORT_FLOOD;
        bool is_named = port == p->ofport && p->ofport != in_port;
        bool is_back = port == PORT_IN_PORT && p->ofport == in_port;
        if (is_named || is_back || (is_all && p->ofport != in_port)) {
            send_to(run->out, packet, p->id);
        }
    }
    if (port == PORT_CONTROLLER) {
        send_to(run->out, packet, 0);
    }
}

/* Ports are trunks or, with a tag, access ports. */
static void do_normal(struct run *run, const struct packet *packet, uint32_t in_port)
{
    const struct world_port *in = world_port_by_ofport(run->bridge, in_port);
    uint16_t vid = packet->n_tags > 0 ? packet->tags[0] & 0xfff : 0;
    uint16_t vlan = in->tag != VLAN_NONE ? in->tag : vid;
    const uint8_t *dst = packet->state.key.eth_dst;
    if (in->tag != VLAN_NONE && vid != 0) {
        return;
    }
    struct mac_name name = {.bridge = run->bridge->id, .vlan = vlan};
    memcpy(name.mac, dst, 6);
    const struct mac_entry *entry = (dst[0] & 1) != 0 ? NULL : mac_table_find(run->macs, &name);
    for (size_t i = 0; i < run->bridge->n_ports; i++) {
        const struct world_port *p = run->bridge->ports[i];
        bool is_member = p->tag == VLAN_NONE || p->tag == vlan;
        if (p == in || !is_member || (entry != NULL && entry->port != p->id)) {
            continue;
        }
        struct packet copy = *packet;
        bool tagged = p->tag == VLAN_NONE && vlan != 0;
        if (!tagged) {
            pop_tag(&copy);
        } else if (copy.n_tags == 0) {
            push_tag(&copy, 0x8100, vlan);
        } else {
            copy.tags[0] = (uint16_t)((copy.tags[0] & ~0xfff) | vlan); /* a priority tag gets the VLAN */
            show_tags(&copy);
        }
        send_to(run->out, &copy, p->id);
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
        bool has_ended = run->has_ended;
        write_set(&set, &group->group.buckets[i].actions);
        do_set(run, &copy, &set, table);
        run->has_ended = has_ended;
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
    case ACTION_SET_QUEUE:
    case ACTION_COPY_TTL_IN:
    case ACTION_COPY_TTL_OUT:
    case ACTION_POP_MPLS:
    case ACTION_PUSH_MPLS:
    case ACTION_DEC_MPLS_TTL:
    case ACTION_SET_MPLS_TTL:
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
    packet.state.key.in_port = packet.state.in_phy_port = be32(port->ofport);
    do_table(&run, &packet, 0, &set);
    if (!run.has_ended && !out->is_too_deep) {
        do_set(&run, &packet, &set, 0);
    }
}

/* ---- what datapath actions do ---- */

static void execute(const struct dp_action *actions, size_t n_actions, struct packet packet, struct oracle_events *out)
{
    for (size_t i = 0; i < n_actions; i++) {
        const struct dp_action *action = &actions[i];
        switch ((enum dp_action_type)action->type) {
        case DP_ACTION_OUTPUT:
            send_to(out, &packet, action->port);
            break;
        case DP_ACTION_CONTROLLER:
            send_to(out, &packet, 0);
            break;
        case DP_ACTION_SET_FIELD:
            field_set_masked((enum field_id)action->set_field.field, &packet.state, action->set_field.value,
                             action->set_field.mask);
            if (packet.n_tags > 0) {
                packet.tags[0] = host16(packet.state.key.vlan_tci) & (uint16_t)~KEY_VLAN_PRESENT;
            }
            show_tags(&packet);
            break;
        case DP_ACTION_PUSH_VLAN:
            push_tag(&packet, action->push_vlan.tpid, action->push_vlan.tci);
            break;
        case DP_ACTION_POP_VLAN:
            pop_tag(&packet);
            break;
        case DP_ACTION_DEC_TTL:
            packet.state.key.ip_ttl--;
            break;
        case DP_ACTION_CLONE:
            execute(action + 1, action->clone.n_actions, packet, out);
            i += action->clone.n_actions;
            break;
        case DP_ACTION_PUSH_MPLS:
        case DP_ACTION_POP_MPLS:
        case DP_ACTION_DEC_MPLS_TTL:
        case DP_ACTION_TRUNCATE:
        case DP_ACTION_HASH:
        case DP_ACTION_RECIRC: /* whoever asks translates the packet again, with its hash, before it comes here */
            abort(); /* no translation has them yet; one that does must say here what they do to a key */
        case DP_ACTION_METER: /* the packet is below its rate */
        case DP_ACTION_DROP:
        case DP_ACTION_COUNT:
            break;
        }
    }
}

void oracle_execute(const struct dp_action *actions, size_t n_actions, const struct flow_key *key, struct oracle_events *out)
{
    struct packet packet = {.state.key = *key};
    out->n = 0;
    out->is_too_deep = false;
    read_tags(&packet);
    execute(actions, n_actions, packet, out);
}
