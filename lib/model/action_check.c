/* Walks a list of actions with what is known of the packet's headers: the match, changed by each action that adds or removes one.
 *
 * So "push_vlan, set_field:4101->vlan_vid" is right without a VLAN in the match, and a TTL cannot be set behind push_mpls. The
 * answers are those of Open vSwitch 3.1 (the table of errors in the tests). Cost: one flow_state copy and a few compares an action.
 * Control code, any thread, no state. What may never happen: a rule passes whose action would write outside a packet's headers.
 */
#include "lib/model/action_check.h"

#include "lib/model/field_names.h"

struct walk {
    struct match known; /* of the packet at this action */
    bool is_blind;      /* nothing is known, and everything believed */
    bool is_set;
    bool is_inner; /* of a clone */
    bool has_conjunction, has_other;
    struct error_detail *detail;
};

static enum action_fault fault(struct walk *walk, enum action_fault what, const char *format, const char *name)
{
    (void)error_set(walk->detail, -ERROR_REFUSED, format, name);
    return what;
}

static bool known_present(const struct walk *walk, enum field_id id)
{
    return walk->is_blind || field_prerequisite_met(id, &walk->known.value, &walk->known.mask);
}

static bool has_vlan(const struct walk *walk)
{
    return known_present(walk, FIELD_VLAN_PCP);
}

static enum action_fault check_port(struct walk *walk, uint32_t port)
{
    bool is_reserved = port >= PORT_IN_PORT && port != PORT_ANY;
    if ((port > PORT_MAX && !is_reserved) || port == 0) { /* ports are numbered from 1 [OF1.3.5 §7.2.1]: this one can never be there */
        return fault(walk, ACTION_FAULT_OUT_PORT, "%s: no such port", "output");
    }
    return ACTION_FAULT_NONE;
}

/* A header that is not there has no field to set; a VLAN id needs a tag, though any packet may be matched for it. */
static enum action_fault check_target(struct walk *walk, enum field_id id)
{
    if (field_table[id].set_rule == FIELD_SET_RO) {
        return fault(walk, ACTION_FAULT_SET_ARGUMENT, "%s: cannot be set", field_table[id].name);
    }
    if (!known_present(walk, id) || (id == FIELD_VLAN_VID && !has_vlan(walk))) {
        return fault(walk, ACTION_FAULT_INCONSISTENT, "%s: set without its protocol in the match", field_table[id].name);
    }
    return ACTION_FAULT_NONE;
}

static enum action_fault check_set_field(struct walk *walk, const struct action *action)
{
    enum field_id id = action->set_field.field;
    struct field_value value = action->set_field.value;
    struct field_value ones = field_all_ones(id);
    bool is_whole = memcmp(&action->set_field.mask, &ones, sizeof ones) == 0;

    if (!field_value_fits(id, value) || !field_value_fits(id, action->set_field.mask)) {
        return fault(walk, ACTION_FAULT_SET_ARGUMENT, "%s: value is too large", field_table[id].name);
    }
    if (id == FIELD_VLAN_VID && is_whole && (field_value_to_u64(value) & KEY_VLAN_PRESENT) == 0) {
        return fault(walk, ACTION_FAULT_SET_ARGUMENT, "%s: needs 0x1000 (a tag is present) in its value", field_table[id].name);
    }
    if (id == FIELD_VLAN_VID && !is_whole && (field_value_to_u64(action->set_field.mask) & KEY_VLAN_PRESENT) != 0) {
        return fault(walk, ACTION_FAULT_SET_ARGUMENT, "%s: 0x1000 is set with the whole field only", field_table[id].name);
    }
    enum action_fault target = check_target(walk, id);
    if (target != ACTION_FAULT_NONE) {
        return target;
    }
    field_set_masked(id, &walk->known.value, value, action->set_field.mask);
    field_set_masked(id, &walk->known.mask, ones, action->set_field.mask);
    return ACTION_FAULT_NONE;
}

static enum action_fault check_move(struct walk *walk, const struct action *action)
{
    enum field_id source = action->move.source, target = action->move.target;
    unsigned bits = action->move.n_bits;

    if (bits == 0 || action->move.source_offset + bits > subfield_width(source) ||
        action->move.target_offset + bits > subfield_width(target)) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: bits outside the field", field_table[source].name);
    }
    if (!known_present(walk, source)) {
        return fault(walk, ACTION_FAULT_INCONSISTENT, "%s: moved without its protocol in the match", field_table[source].name);
    }
    enum action_fault result = check_target(walk, target);
    if (result == ACTION_FAULT_NONE) {
        struct subfield part = {.field = target, .offset = action->move.target_offset, .n_bits = action->move.n_bits};
        struct field_value unknown = {{0}};
        field_set_masked(target, &walk->known.mask, unknown, subfield_mask(part));
        field_set_masked(target, &walk->known.value, unknown, subfield_mask(part));
    }
    return result;
}

static enum action_fault check_push_vlan(struct walk *walk, uint16_t ethertype)
{
    struct match *known = &walk->known;

    if (ethertype != 0x8100 && ethertype != 0x88a8) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: type must be 0x8100 or 0x88a8", "push_vlan");
    }
    if ((host16(known->value.key.vlan2_tci) & KEY_VLAN_PRESENT) != 0) {
        return fault(walk, ACTION_FAULT_TAG, "%s: more than two tags", "push_vlan");
    }
    known->value.key.vlan2_tci = known->value.key.vlan_tci;
    known->mask.key.vlan2_tci = known->mask.key.vlan_tci;
    known->value.key.vlan_tci = be16(KEY_VLAN_PRESENT);
    known->mask.key.vlan_tci = be16(0xffff);
    return ACTION_FAULT_NONE;
}

static enum action_fault check_pop_vlan(struct walk *walk)
{
    struct match *known = &walk->known;

    if (!has_vlan(walk)) {
        return fault(walk, ACTION_FAULT_INCONSISTENT, "%s: without a VLAN in the match", "pop_vlan");
    }
    known->value.key.vlan_tci = known->value.key.vlan2_tci;
    known->mask.key.vlan_tci = known->mask.key.vlan2_tci;
    known->value.key.vlan2_tci = be16(0);
    known->mask.key.vlan2_tci = be16(0);
    return ACTION_FAULT_NONE;
}

static void know_eth_type(struct walk *walk, uint16_t ethertype)
{
    walk->known.value.key.eth_type = be16(ethertype);
    walk->known.mask.key.eth_type = be16(0xffff);
}

static enum action_fault check_push_mpls(struct walk *walk, uint16_t ethertype)
{
    if (ethertype != 0x8847 && ethertype != 0x8848) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: type must be 0x8847 or 0x8848", "push_mpls");
    }
    know_eth_type(walk, ethertype);
    walk->known.mask.key.ip_proto = 0; /* what is behind the labels cannot be seen, even when they are popped again */
    walk->known.value.key.ip_proto = 0;
    return ACTION_FAULT_NONE;
}

static enum action_fault check_needs(struct walk *walk, enum field_id id, const char *name)
{
    if (!known_present(walk, id)) {
        return fault(walk, ACTION_FAULT_INCONSISTENT, "%s: without its protocol in the match", name);
    }
    return ACTION_FAULT_NONE;
}

static enum action_fault check_pop_mpls(struct walk *walk, uint16_t ethertype)
{
    enum action_fault result = check_needs(walk, FIELD_MPLS_LABEL, "pop_mpls");
    if (result == ACTION_FAULT_NONE) {
        know_eth_type(walk, ethertype);
    }
    return result;
}

/* Only what Open vSwitch truncates for: real ports. 0 is none, as for check_port(). */
static enum action_fault check_output_trunc(struct walk *walk, const struct action *action)
{
    uint32_t port = action->output_trunc.port;
    if (port == 0 || (port > PORT_MAX && port != PORT_IN_PORT && port != PORT_LOCAL)) {
        return fault(walk, ACTION_FAULT_OUT_PORT, "%s: not to this reserved port", "output(max_len)");
    }
    if (action->output_trunc.max_len < ACTION_TRUNCATE_MIN) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: a packet keeps 14 bytes", "output(max_len)");
    }
    return ACTION_FAULT_NONE;
}

static enum action_fault check_part(struct walk *walk, enum field_id field, unsigned offset, unsigned n_bits, bool is_target)
{
    if (n_bits == 0 || offset + n_bits > subfield_width(field)) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: bits outside the field", field_table[field].name);
    }
    if (!known_present(walk, field)) {
        return fault(walk, ACTION_FAULT_INCONSISTENT, "%s: used without its protocol in the match", field_table[field].name);
    }
    return is_target ? check_target(walk, field) : ACTION_FAULT_NONE;
}

static enum action_fault check_pop(struct walk *walk, const struct action *action)
{
    enum action_fault result = check_part(walk, action->part.field, action->part.offset, action->part.n_bits, true);
    if (result == ACTION_FAULT_NONE) {
        struct subfield part = {.field = action->part.field, .offset = action->part.offset, .n_bits = action->part.n_bits};
        struct field_value unknown = {{0}};
        field_set_masked(part.field, &walk->known.mask, unknown, subfield_mask(part));
        field_set_masked(part.field, &walk->known.value, unknown, subfield_mask(part));
    }
    return result;
}

/* A rule with conjunctions is a clause of them and does nothing else. */
static enum action_fault check_conjunction(struct walk *walk, const struct action *action)
{
    if (action->conjunction.n_clauses < 2 || action->conjunction.n_clauses > CONJUNCTION_CLAUSES_MAX ||
        action->conjunction.clause >= action->conjunction.n_clauses) {
        return fault(walk, ACTION_FAULT_CONJUNCTION, "%s: a clause of 2 to 64", "conjunction");
    }
    if (walk->is_inner || walk->has_other) {
        return fault(walk, ACTION_FAULT_CONJUNCTION, "%s: may stand along with notes only", "conjunction");
    }
    walk->has_conjunction = true;
    return ACTION_FAULT_NONE;
}

static enum action_fault check_items(struct walk *walk, const struct action *items, size_t n);

/* The copy's headers are its own. */
static enum action_fault check_clone(struct walk *walk, const struct action *action)
{
    struct walk inner = *walk;
    inner.is_inner = true;
    return check_items(&inner, action + 1, action->n_inner);
}

static enum action_fault refuse_in_set(struct walk *walk, const char *name)
{
    return walk->is_set ? fault(walk, ACTION_FAULT_TYPE, "%s: not allowed in write_actions", name) : ACTION_FAULT_NONE;
}

static enum action_fault check_extension(struct walk *walk, const struct action *action)
{
    switch ((unsigned)action->type) {
    case ACTION_CLONE:
        return check_clone(walk, action);
    case ACTION_OUTPUT_REG:
        return check_part(walk, action->output_reg.field, action->output_reg.offset, action->output_reg.n_bits, false);
    case ACTION_OUTPUT_TRUNC:
        return check_output_trunc(walk, action);
    case ACTION_STACK_PUSH:
        return check_part(walk, action->part.field, action->part.offset, action->part.n_bits, false);
    case ACTION_STACK_POP:
        return check_pop(walk, action);
    case ACTION_CONJUNCTION:
        return check_conjunction(walk, action);
    default:
        return ACTION_FAULT_NONE;
    }
}

static enum action_fault check_action(struct walk *walk, const struct action *action)
{
    enum action_fault result = ACTION_FAULT_NONE;

    switch (action->type) {
    case ACTION_OUTPUT:
        return check_port(walk, action->output.port);
    case ACTION_SET_FIELD:
        return check_set_field(walk, action);
    case ACTION_MOVE:
        result = refuse_in_set(walk, "move");
        return result != ACTION_FAULT_NONE ? result : check_move(walk, action);
    case ACTION_RESUBMIT:
        return refuse_in_set(walk, "resubmit");
    case ACTION_CONTROLLER:
        return refuse_in_set(walk, "controller");
    case ACTION_PUSH_VLAN:
        return check_push_vlan(walk, action->ethertype);
    case ACTION_POP_VLAN:
        return check_pop_vlan(walk);
    case ACTION_PUSH_MPLS:
        return check_push_mpls(walk, action->ethertype);
    case ACTION_POP_MPLS:
        return check_pop_mpls(walk, action->ethertype);
    case ACTION_COPY_TTL_IN:
    case ACTION_COPY_TTL_OUT:
        return check_needs(walk, FIELD_MPLS_TTL, "copy_ttl");
    case ACTION_DEC_MPLS_TTL:
        return check_needs(walk, FIELD_MPLS_TTL, "dec_mpls_ttl");
    case ACTION_SET_MPLS_TTL:
        return check_needs(walk, FIELD_MPLS_TTL, "set_mpls_ttl");
    case ACTION_DEC_NW_TTL:
        return check_needs(walk, FIELD_IP_TTL, "dec_ttl");
    case ACTION_SET_NW_TTL:
        return check_needs(walk, FIELD_IP_TTL, "mod_nw_ttl");
    case ACTION_GROUP:
        return action->group_id > 0xffffff00u ? fault(walk, ACTION_FAULT_OUT_GROUP, "%s: no such group", "group") : result;
    case ACTION_EXIT:
    case ACTION_CLONE:
    case ACTION_OUTPUT_REG:
    case ACTION_OUTPUT_TRUNC:
    case ACTION_NOTE:
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
    case ACTION_CONJUNCTION:
    case ACTION_POP_QUEUE:
        result = refuse_in_set(walk, "an extension");
        return result != ACTION_FAULT_NONE ? result : check_extension(walk, action);
    case ACTION_DATA:
    case ACTION_SET_QUEUE:
    case ACTION_TYPE_COUNT:
        break;
    }
    return result;
}

static enum action_fault check_items(struct walk *walk, const struct action *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool is_other = items[i].type != ACTION_CONJUNCTION && items[i].type != ACTION_NOTE;
        enum action_fault result = check_action(walk, &items[i]);
        walk->has_other = walk->has_other || is_other;
        if (result == ACTION_FAULT_NONE && walk->has_conjunction && is_other) {
            result = fault(walk, ACTION_FAULT_CONJUNCTION, "%s: may stand along with notes only", "conjunction");
        }
        if (result != ACTION_FAULT_NONE) {
            return result;
        }
        i += action_extent(&items[i]);
    }
    return ACTION_FAULT_NONE;
}

/* A set has no order but its own [OF1.3.5 §5.10], which is that of the types: a tag that is pushed is there for a set_field written before. */
static enum action_fault check_set(struct walk *walk, const struct action_list *list)
{
    enum action_fault result = ACTION_FAULT_NONE;
    for (unsigned type = 0; type < ACTION_TYPE_COUNT; type++) {
        for (size_t i = 0; i < list->count && result == ACTION_FAULT_NONE; i += 1 + action_extent(&list->items[i])) {
            if (list->items[i].type == type) {
                result = check_items(walk, &list->items[i], 1);
            }
        }
    }
    return result;
}

static enum action_fault check_list(struct walk *walk, const struct action_list *list)
{
    if (!action_list_is_whole(list)) {
        return fault(walk, ACTION_FAULT_ARGUMENT, "%s: one lacks what belongs behind it, or clones nest too deeply", "actions");
    }
    return walk->is_set ? check_set(walk, list) : check_items(walk, list->items, list->count);
}

enum action_fault action_list_check(const struct action_list *list, const struct match *match, bool is_set,
                                    struct error_detail *detail)
{
    struct walk walk = {.is_blind = match == NULL, .is_set = is_set, .detail = detail};

    if (match != NULL) {
        walk.known = *match;
    } else {
        match_init(&walk.known);
    }
    return check_list(&walk, list);
}

enum action_fault instructions_check(const struct instructions *in, const struct match *match, uint8_t table, uint8_t n_tables,
                                     struct error_detail *detail)
{
    struct walk walk = {.known = *match, .detail = detail};

    enum action_fault result = check_list(&walk, &in->apply);
    if (result == ACTION_FAULT_NONE) {
        walk.is_set = true; /* of the packet as the applied actions left it */
        result = check_list(&walk, &in->write);
    }
    bool has_more = in->write.count > 0 || in->has_clear || in->has_write_metadata || in->has_goto || in->meter_id != 0;
    if (result == ACTION_FAULT_NONE && walk.has_conjunction && has_more) {
        result = fault(&walk, ACTION_FAULT_CONJUNCTION, "%s: may stand along with notes only", "conjunction");
    }
    if (result != ACTION_FAULT_NONE) {
        return result;
    }
    if (in->has_goto && ((table != 255 && in->goto_table <= table) || (n_tables != 0 && in->goto_table >= n_tables))) {
        (void)error_set(detail, -ERROR_RANGE, "goto_table: %u is not behind table %u, or there is no such table",
                        in->goto_table, table);
        return ACTION_FAULT_TABLE;
    }
    if (in->meter_id > 0xffff0000u) {
        (void)error_set(detail, -ERROR_RANGE, "meter: %u is no meter", in->meter_id);
        return ACTION_FAULT_METER;
    }
    return ACTION_FAULT_NONE;
}
