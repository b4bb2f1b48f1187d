/* Actions, one by one, and the action set.
 *
 * A rewrite changes the state that later lookups see and emits the datapath action that does the same to the packet, at once and in
 * order: no comparison with the packet as it came, which would have to be looked at. Registers and metadata exist in the state only.
 * A field whose protocol the packet does not have is left alone, as Open vSwitch does; telling so is a look at the protocol.
 *
 * TTL: a decrement needs proof that the packet's TTL is high enough, and the highest bit that is set is proof for nearly all packets:
 * bit 6 says 64 to 127 or more. Only packets with less than the proof needs have the whole TTL looked at.
 * Cost: constant an action but for groups and resubmits. Thread: the one that translates.
 */
#include "services/slowpath/walk.h"

static void end_of_ttl(struct walk *walk)
{
    walk->reason = DROP_TTL_EXPIRED;
    walk->is_over = true;
    walk_trace(walk, "TTL expires");
}

void perform_ttl_expired(struct walk *walk)
{
    output_to_controller(walk, 0xffff, PACKET_IN_INVALID_TTL);
    end_of_ttl(walk);
}

/* Each of the controllers that the action names is told. */
static void tell_of_ttl(struct walk *walk, const struct action *action)
{
    uint16_t ids[ACTION_TTL_IDS_MAX];
    size_t n = action_ttl_ids(action, ids);

    for (size_t i = 0; i < n; i++) {
        struct action told = {.type = ACTION_CONTROLLER, .controller = {.max_len = UINT16_MAX, .controller_id = ids[i], .reason = PACKET_IN_INVALID_TTL}};
        output_controller_perform(walk, &told);
    }
    end_of_ttl(walk);
}

static void look_ttl(struct walk *walk, uint8_t bits)
{
    walk->looked.key.ip_ttl |= bits;
}

/* Looks at what tells whether the TTL survives one more decrement. */
static void prove_ttl(struct walk *walk)
{
    if (walk->is_ttl_set) {
        return;
    }
    unsigned least = walk->n_ttl_decrements + 2; /* of the packet as it came */
    unsigned came = walk->state.key.ip_ttl + walk->n_ttl_decrements;
    if (came < least) {
        look_ttl(walk, least == 2 ? 0xfe : 0xff);
        return;
    }
    unsigned highest = 0x80;
    while ((came & highest) == 0) {
        highest >>= 1;
    }
    look_ttl(walk, highest >= least ? (uint8_t)highest : 0xff);
}

static void dec_ttl(struct walk *walk, const struct action *asked)
{
    if (!walk_has_field(walk, FIELD_IP_TTL)) {
        return;
    }
    if (walk->unseen.key.ip_ttl != 0) {
        walk_look_unseen(walk);
        return;
    }
    prove_ttl(walk);
    if (walk->state.key.ip_ttl <= 1) {
        tell_of_ttl(walk, asked);
        return;
    }
    walk->state.key.ip_ttl--;
    walk->n_ttl_decrements += !walk->is_ttl_set;
    walk_written(walk, FIELD_IP_TTL, field_all_ones(FIELD_IP_TTL));
    struct dp_action action = {.type = DP_ACTION_DEC_TTL};
    walk_emit(walk, &action);
}

/* ---- VLAN tags ---- */

static bool has_tag(const struct walk *walk)
{
    return (host16(walk->state.key.vlan_tci) & KEY_VLAN_PRESENT) != 0;
}

/* Is there a tag, and one behind it? What is not there is all zeroes, known without a look. */
static void look_tag(struct walk *walk, bool is_second)
{
    struct flow_state mask = {0};
    *(is_second ? &mask.key.vlan2_tci : &mask.key.vlan_tci) = be16(KEY_VLAN_PRESENT);
    walk_look(walk, &mask);
}

static bool has_second_tag(const struct walk *walk)
{
    return (host16(walk->state.key.vlan2_tci) & KEY_VLAN_PRESENT) != 0;
}

static void look_whole_tag(struct walk *walk, bool is_second)
{
    struct flow_state mask = {0};
    *(is_second ? &mask.key.vlan2_tci : &mask.key.vlan_tci) = be16(0xffff);
    *(is_second ? &mask.key.vlan2_tpid : &mask.key.vlan_tpid) = be16(0xffff);
    walk_look(walk, &mask);
}

/* Tags move between the members of the key: those that stay were looked at whole, so that all their bits are known now. */
static void know_tags(struct walk *walk)
{
    struct flow_key *written = &walk->written.key;
    written->vlan_tci = written->vlan_tpid = written->vlan2_tci = written->vlan2_tpid = be16(0xffff);
    for (size_t i = offsetof(struct flow_key, vlan_tci) / 8; i <= offsetof(struct flow_key, vlan2_tpid) / 8; i++) {
        walk->out->rewritten_words |= 1u << i;
    }
}

void perform_push_vlan(struct walk *walk, uint16_t tpid, uint16_t tci)
{
    struct flow_key *key = &walk->state.key;
    look_tag(walk, false);
    if (has_tag(walk)) {
        look_whole_tag(walk, false);
        look_whole_tag(walk, true);
    } else {
        key->vlan_tci = key->vlan_tpid = key->vlan2_tci = key->vlan2_tpid = be16(0);
    }
    know_tags(walk);
    if (walk->n_hidden_tags == WALK_HIDDEN_TAGS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    walk->hidden_tags[walk->n_hidden_tags].tci = key->vlan2_tci;
    walk->hidden_tags[walk->n_hidden_tags].tpid = key->vlan2_tpid;
    walk->n_hidden_tags++;
    key->vlan2_tci = key->vlan_tci;
    key->vlan2_tpid = key->vlan_tpid;
    key->vlan_tci = be16(tci | KEY_VLAN_PRESENT);
    key->vlan_tpid = be16(tpid);
    struct dp_action action = {.type = DP_ACTION_PUSH_VLAN};
    action.push_vlan.tpid = tpid;
    action.push_vlan.tci = tci & (uint16_t)~KEY_VLAN_PRESENT;
    walk_emit(walk, &action);
}

void perform_pop_vlan(struct walk *walk)
{
    struct flow_key *key = &walk->state.key;
    look_tag(walk, false);
    if (walk->is_over || !has_tag(walk)) {
        return;
    }
    look_tag(walk, true);
    if (has_second_tag(walk)) {
        look_whole_tag(walk, true);
    } else {
        key->vlan2_tci = key->vlan2_tpid = be16(0);
    }
    know_tags(walk);
    key->vlan_tci = key->vlan2_tci;
    key->vlan_tpid = key->vlan2_tpid;
    key->vlan2_tci = key->vlan2_tpid = be16(0);
    if (walk->n_hidden_tags > 0) {
        walk->n_hidden_tags--;
        key->vlan2_tci = walk->hidden_tags[walk->n_hidden_tags].tci;
        key->vlan2_tpid = walk->hidden_tags[walk->n_hidden_tags].tpid;
    }
    struct dp_action action = {.type = DP_ACTION_POP_VLAN};
    walk_emit(walk, &action);
}

/* [OF1.3.5 §5.12]: a new tag has the VLAN id and priority of the outer one there was. */
static void push_vlan_like_outer(struct walk *walk, uint16_t tpid)
{
    look_tag(walk, false);
    if (has_tag(walk)) {
        look_whole_tag(walk, false);
    }
    perform_push_vlan(walk, tpid, has_tag(walk) ? host16(walk->state.key.vlan_tci) : 0);
}

static void emit_set_field(struct walk *walk, enum field_id field, struct field_value value, struct field_value mask)
{
    struct dp_action action = {.type = DP_ACTION_SET_FIELD};
    action.set_field.field = (uint16_t)field;
    action.set_field.value = value;
    action.set_field.mask = mask;
    walk_emit(walk, &action);
}

/* Of a field that is written in part the whole is, so what stays is looked at. */
static void look_at_rest(struct walk *walk, enum field_id field, struct field_value mask)
{
    struct flow_state all = {0}, part = {0};
    field_set(field, &all, field_all_ones(field));
    field_set(field, &part, mask);
    all.key.vlan_tci = be16(host16(all.key.vlan_tci) & (uint16_t)~host16(part.key.vlan_tci));
    walk_look(walk, &all);
}

/* A VLAN id given to a packet without a tag is a tag for it; the TCI without the present bit is none. */
static void set_vlan(struct walk *walk, enum field_id field, struct field_value value, struct field_value mask)
{
    struct flow_state after = walk->state;
    look_tag(walk, false);
    field_set_masked(field, &after, value, mask);
    uint16_t tci = host16(after.key.vlan_tci);
    if (field == FIELD_VLAN_TCI && (tci & KEY_VLAN_PRESENT) == 0) {
        perform_pop_vlan(walk);
    } else if (!has_tag(walk)) {
        if (field != FIELD_VLAN_PCP) {
            perform_push_vlan(walk, 0x8100, tci);
        }
    } else {
        look_at_rest(walk, field, mask);
        walk->state.key.vlan_tci = be16(tci | KEY_VLAN_PRESENT);
        walk_written(walk, field, field_all_ones(field));
        field = field == FIELD_VLAN_TCI ? FIELD_VLAN_VID : field;
        emit_set_field(walk, field, field_get(field, &walk->state), field_all_ones(field));
        if (mask.bytes[14] >> 5 != 0) {
            emit_set_field(walk, FIELD_VLAN_PCP, field_get(FIELD_VLAN_PCP, &walk->state), field_all_ones(FIELD_VLAN_PCP));
        }
    }
}

/* The shard knows the meter by its row, and its rates from there. */
void perform_meter(struct walk *walk, uint32_t meter_id)
{
    uint64_t row = world_meter(walk->input->world, walk->bridge->id, meter_id);
    walk->out->uses_meters = true;
    walk_trace(walk, "meter %u%s", meter_id, row == 0 ? ": there is none" : "");
    if (row != 0) {
        struct dp_action action = {.type = DP_ACTION_METER, .meter = row};
        walk_emit(walk, &action);
    }
}

/* ---- fields ---- */

void perform_set_field(struct walk *walk, enum field_id field, struct field_value value, struct field_value mask)
{
    if (field == FIELD_VLAN_VID || field == FIELD_VLAN_PCP || field == FIELD_VLAN_TCI) {
        set_vlan(walk, field, value, mask);
        return;
    }
    if (!walk_has_field(walk, field)) {
        walk_trace(walk, "set_field %s: the packet does not have it", field_table[field].name);
        return;
    }
    if (field == FIELD_IP_TTL) {
        struct field_value all = field_all_ones(field);
        if (memcmp(&mask, &all, sizeof all) != 0) {
            walk_look_field(walk, field);
        }
        walk->is_ttl_set = true;
    }
    field_set_masked(field, &walk->state, value, mask);
    walk_written(walk, field, mask);
    if (field_table[field].offset < sizeof(struct flow_key)) {
        emit_set_field(walk, field, value, mask);
    }
}

static bool value_bit(const struct field_value *value, unsigned bit)
{
    return (value->bytes[15 - bit / 8] >> (bit % 8) & 1) != 0;
}

static void perform_move(struct walk *walk, const struct action *action)
{
    enum field_id source = action->move.source;
    if (!walk_has_field(walk, source)) {
        return;
    }
    struct field_value from = field_get(source, &walk->state), value = {{0}}, mask = {{0}}, read = {{0}};
    for (unsigned i = 0; i < action->move.n_bits; i++) {
        unsigned s = action->move.source_offset + i, t = action->move.target_offset + i;
        if (s >= 128 || t >= 128) {
            break;
        }
        read.bytes[15 - s / 8] |= (uint8_t)(1u << (s % 8));
        mask.bytes[15 - t / 8] |= (uint8_t)(1u << (t % 8));
        value.bytes[15 - t / 8] |= (uint8_t)((unsigned)value_bit(&from, s) << (t % 8));
    }
    struct flow_state looked = {0};
    field_set(source, &looked, read);
    walk_look(walk, &looked);
    perform_set_field(walk, action->move.target, value, mask);
}

static void perform_resubmit(struct walk *walk, const struct action *action)
{
    if (walk->depth >= TRANSLATE_DEPTH_MAX || walk->n_resubmits >= TRANSLATE_RESUBMITS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    uint8_t table = action->resubmit.table == TABLE_ALL ? walk->table : action->resubmit.table;
    if (table > TABLE_MAX) {
        return;
    }
    walk->n_resubmits++;
    walk->depth++;
    (void)pipeline_run(walk, table, action->resubmit.in_port, false);
    walk->depth--;
}

static void perform_action(struct walk *walk, const struct action *action)
{
    walk_trace_action(walk, action);
    switch (action->type) {
    case ACTION_COPY_TTL_IN:
        mpls_copy_ttl_in(walk);
        break;
    case ACTION_COPY_TTL_OUT:
        mpls_copy_ttl_out(walk);
        break;
    case ACTION_POP_MPLS:
        mpls_pop(walk, action->ethertype);
        break;
    case ACTION_PUSH_MPLS:
        mpls_push(walk, action->ethertype);
        break;
    case ACTION_DEC_MPLS_TTL:
        mpls_dec_ttl(walk);
        break;
    case ACTION_SET_MPLS_TTL:
        perform_set_field(walk, FIELD_MPLS_TTL, field_value_u64(action->ttl), field_all_ones(FIELD_MPLS_TTL));
        break;
    case ACTION_POP_VLAN:
        perform_pop_vlan(walk);
        break;
    case ACTION_PUSH_VLAN:
        push_vlan_like_outer(walk, action->ethertype);
        break;
    case ACTION_DEC_NW_TTL:
        dec_ttl(walk, action);
        break;
    case ACTION_SET_NW_TTL:
        perform_set_field(walk, FIELD_IP_TTL, field_value_u64(action->ttl), field_all_ones(FIELD_IP_TTL));
        break;
    case ACTION_SET_FIELD:
        perform_set_field(walk, action->set_field.field, action->set_field.value, action->set_field.mask);
        break;
    case ACTION_SET_QUEUE:
    case ACTION_POP_QUEUE:
        break; /* no port has queues */
    case ACTION_GROUP:
        group_perform(walk, action->group_id);
        break;
    case ACTION_OUTPUT:
        output_perform(walk, action->output.port, action->output.max_len);
        break;
    case ACTION_CONTROLLER:
        output_controller_perform(walk, action);
        break;
    case ACTION_MOVE:
        perform_move(walk, action);
        break;
    case ACTION_RESUBMIT:
        perform_resubmit(walk, action);
        break;
    case ACTION_EXIT:
    case ACTION_CLONE:
    case ACTION_OUTPUT_REG:
    case ACTION_OUTPUT_TRUNC:
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
    case ACTION_NOTE:
    case ACTION_CONJUNCTION:
    case ACTION_DATA:
        extension_perform(walk, action);
        break;
    case ACTION_TYPE_COUNT:
        break;
    }
}

void perform_items(struct walk *walk, const struct action *items, size_t n)
{
    for (size_t i = 0; i < n && !walk->is_over && !walk->has_exited; i++) {
        perform_action(walk, &items[i]);
        i += action_extent(&items[i]);
        if (pause_is_on(walk)) {
            pause_keep_items(walk, items + i + 1, n - i - 1);
        }
    }
}

void perform_list(struct walk *walk, const struct action_list *list)
{
    perform_items(walk, list->items, list->count);
}

/* ---- the action set ---- */

static void action_set_field(struct walk *walk, struct action_set *set, const struct action *action)
{
    size_t i = 0;
    while (i < set->n_fields && set->fields[i].set_field.field != action->set_field.field) {
        i++;
    }
    if (i == WALK_SET_FIELDS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (i == set->n_fields) {
        set->fields[set->n_fields++] = *action;
        return;
    }
    struct action *into = &set->fields[i];
    for (size_t b = 0; b < sizeof into->set_field.mask.bytes; b++) {
        uint8_t mask = action->set_field.mask.bytes[b];
        into->set_field.value.bytes[b] =
            (uint8_t)((into->set_field.value.bytes[b] & ~mask) | (action->set_field.value.bytes[b] & mask));
        into->set_field.mask.bytes[b] |= mask;
    }
}

void action_set_clear(struct action_set *set)
{
    memset(set->has, 0, sizeof set->has);
    set->resubmits = false;
    set->n_fields = 0;
}

void action_set_copy(struct action_set *to, const struct action_set *from)
{
    memcpy(to->has, from->has, sizeof to->has);
    to->n_fields = from->n_fields;
    to->resubmits = from->resubmits;
    if (from->resubmits) {
        to->resubmit = from->resubmit;
    }
    for (size_t type = 0; type <= ACTION_OUTPUT; type++) {
        if (from->has[type]) {
            to->one[type] = from->one[type];
        }
    }
    memcpy(to->fields, from->fields, from->n_fields * sizeof to->fields[0]);
}

void action_set_write(struct walk *walk, struct action_set *set, const struct action_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct action *action = &list->items[i];
        if (action->type == ACTION_SET_FIELD) {
            set->has[ACTION_SET_FIELD] = true;
            action_set_field(walk, set, action);
        } else if (action->type <= ACTION_OUTPUT) {
            set->has[action->type] = true;
            set->one[action->type] = *action;
        } else if (action->type == ACTION_RESUBMIT) {
            set->resubmits = true;
            set->resubmit = *action;
        }
    }
}

void action_set_perform(struct walk *walk, const struct action_set *set, enum packet_in_reason told)
{
    enum packet_in_reason outer_told = walk->told;
    bool outputs = set->has[ACTION_OUTPUT] || set->has[ACTION_GROUP];
    if (!outputs && !set->resubmits) {
        return; /* the packet is dropped, whatever else is in it [OF1.3.5 §5.10]: nothing to look at */
    }
    walk->told = told;
    for (size_t type = 0; type <= ACTION_OUTPUT && !walk->is_over; type++) {
        if (!set->has[type] || (type == ACTION_OUTPUT && set->has[ACTION_GROUP])) {
            continue;
        }
        if (type != ACTION_SET_FIELD) {
            perform_action(walk, &set->one[type]);
            continue;
        }
        for (size_t i = 0; i < set->n_fields; i++) {
            perform_action(walk, &set->fields[i]);
        }
    }
    if (!outputs && !walk->is_over) { /* as in Open vSwitch: the last of the three */
        perform_action(walk, &set->resubmit);
    }
    walk->told = outer_told;
}
