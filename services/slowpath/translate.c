/* The beginning and the end of a translation, and the account of what was looked at.
 *
 * The account (I2). Three states of the same shape: `state` is the packet as it is now, `looked` the bits of the packet *as it came* that
 * decided something, `written` the bits of the packet as it is now that are the same for every packet with the same looked-at bits, because
 * a constant or a looked-at value was put there. A decision on bits M adds M & ~written to `looked`. So a rule that matches a field an
 * earlier table has written costs no mask bit, and moving a field into a register costs that field's bits once.
 * The TTL is the exception: after a decrement it follows from the packet's, which was not looked at, and so may a label's; walk_look() sees to it.
 *
 * The datapath hash. A group that chooses by it needs a number that only the shard computes. The first translation that comes to such a group is
 * then void: all it says is "hash the packet and look it up again", for the packets that come so far. What comes back is the packet as it came (nothing
 * was done to it yet) with its hash and the recirc_id that says so, and it goes through the tables from the beginning, looking at as many bits of the
 * hash as the group needs. So there is nothing to remember between the two, any replica can take the second, and one recirc_id is enough.
 * Every flow says which of the two kinds of packets it is for: recirc_id is always whole in the mask.
 *
 * The end. Rewrites that no output follows are taken off, a copy that is the last thing (of a copy too) needs no copy, and a list that sends
 * nothing becomes one drop with its reason. So does a list that dp_actions_check() would refuse.
 * Cost: some microseconds a packet that missed. Thread: the one that translates.
 */
#include "services/slowpath/translate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/dp/hash.h"
#include "lib/flow/parse.h"
#include "lib/msg/counter_id.h"
#include "services/slowpath/walk.h"

void translation_fini(struct translation *translation)
{
    free(translation->actions);
    free(translation->counters);
    free(translation->macs);
    memset(translation, 0, sizeof *translation);
}

static void translation_clear(struct translation *translation)
{
    if (translation->actions_room > TRANSLATE_KEPT_MAX || translation->counters_room > TRANSLATE_KEPT_MAX) {
        translation_fini(translation);
        return;
    }
    struct dp_action *actions = translation->actions;
    uint64_t *counters = translation->counters;
    struct mac_need *macs = translation->macs;
    size_t actions_room = translation->actions_room, counters_room = translation->counters_room, macs_room = translation->macs_room;
    memset(translation, 0, offsetof(struct translation, more));
    translation->actions = actions;
    translation->actions_room = actions_room;
    translation->counters = counters;
    translation->counters_room = counters_room;
    translation->macs = macs;
    translation->macs_room = macs_room;
}

static uint32_t recirc_id(bool has_hash, struct uncover inner)
{
    return (has_hash ? RECIRC_HASHED : 0) | (uint32_t)inner.n_labels << RECIRC_LABELS_SHIFT | (uint32_t)inner.type << RECIRC_TYPE_SHIFT;
}

/* ---- what was looked at ---- */

void walk_look(struct walk *walk, const struct flow_state *mask)
{
    uint64_t unseen = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        uint64_t bits = state_word(mask, i);
        if (bits != 0) { /* of one or two words nearly always */
            state_set_word(&walk->looked, i, state_word(&walk->looked, i) | (bits & ~state_word(&walk->written, i)));
            unseen |= bits & state_word(&walk->unseen, i);
        }
    }
    bool is_label_ttl = (host32(mask->key.mpls[0]) & 0xff) != 0 || (host32(mask->key.mpls[1]) & 0xff) != 0;
    if ((mask->key.ip_ttl != 0 && walk->n_ttl_decrements > 0 && !walk->is_ttl_set) || (is_label_ttl && walk->is_label_ttl_copied)) {
        walk->looked.key.ip_ttl = 0xff;
    }
    if (unseen != 0) {
        walk_look_unseen(walk);
    }
}

void walk_look_unseen(struct walk *walk)
{
    if (walk_is_void(walk)) {
        return;
    }
    if (walk->missing.n_labels == 0 || walk->inner.n_labels != 0) {
        walk_refuse(walk, DROP_HEADER_UNSEEN);
        return;
    }
    walk_trace(walk, "looks behind %u labels: from the beginning, with what is there", walk->missing.n_labels);
    walk->out->needs_more = true;
    walk->out->again = (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = recirc_id(walk->has_hash, walk->missing),
        .n_labels = walk->missing.n_labels, .uncovers_type = walk->missing.type};
    walk->is_over = true;
}

void walk_look_field(struct walk *walk, enum field_id field)
{
    struct flow_state mask = {0};
    field_set(field, &mask, field_all_ones(field));
    walk_look(walk, &mask);
}

void walk_written(struct walk *walk, enum field_id field, struct field_value value_mask)
{
    struct flow_state mask = {0};
    field_set(field, &mask, value_mask);
    state_mask_add(&walk->written, &mask);
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(&walk->unseen, i, state_word(&walk->unseen, i) & ~state_word(&mask, i));
    }
    for (size_t i = 0; i < KEY_WORDS; i++) {
        if (state_word(&mask, i) != 0) {
            walk->out->rewritten_words |= 1u << i;
        }
    }
}

bool walk_hash_bits(struct walk *walk, unsigned shift, unsigned n_bits, uint32_t *out_bits)
{
    uint32_t mask = ((1u << n_bits) - 1) << shift;
    if (!walk->has_hash) {
        walk_trace(walk, "needs the datapath's hash: from the beginning, with it");
        walk->out->needs_more = true;
        walk->out->again = (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = recirc_id(true, walk->inner)};
        walk->is_over = true;
        return false;
    }
    walk->looked.key.dp_hash = be32(host32(walk->looked.key.dp_hash) | mask);
    *out_bits = (walk->hash & mask) >> shift;
    return true;
}

void walk_look_vlans(struct walk *walk)
{
    struct flow_state mask = {0};
    mask.key.vlan_tci = mask.key.vlan_tpid = mask.key.vlan2_tci = mask.key.vlan2_tpid = be16(0xffff);
    walk_look(walk, &mask);
}

bool walk_has_field(struct walk *walk, enum field_id field)
{
    struct flow_state mask = {0};
    switch (field_table[field].needs) {
    case FIELD_NEEDS_NOTHING:
        return true;
    case FIELD_NEEDS_VLAN:
        mask.key.vlan_tci = be16(KEY_VLAN_PRESENT);
        break;
    case FIELD_NEEDS_IP:
    case FIELD_NEEDS_IPV4:
    case FIELD_NEEDS_IPV6:
    case FIELD_NEEDS_ARP:
    case FIELD_NEEDS_MPLS:
        mask.key.eth_type = be16(0xffff);
        break;
    case FIELD_NEEDS_TCP:
    case FIELD_NEEDS_UDP:
    case FIELD_NEEDS_SCTP:
    case FIELD_NEEDS_ICMPV4:
    case FIELD_NEEDS_ICMPV6:
        mask.key.eth_type = be16(0xffff);
        mask.key.ip_proto = 0xff;
        mask.key.ip_frag = 0xff;
        break;
    case FIELD_NEEDS_ND:
    case FIELD_NEEDS_ND_SOLICIT:
    case FIELD_NEEDS_ND_ADVERT:
        mask.key.eth_type = be16(0xffff);
        mask.key.ip_proto = 0xff;
        mask.key.ip_frag = 0xff;
        mask.key.l4_src = mask.key.l4_dst = be16(0xffff);
        break;
    }
    walk_look(walk, &mask);
    return field_present(field, &walk->state);
}

/* ---- what comes out ---- */

void walk_emit(struct walk *walk, const struct dp_action *action)
{
    struct translation *out = walk->out;
    if (out->n_actions >= DP_ACTIONS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (out->n_actions == out->actions_room) {
        out->actions_room = out->actions_room == 0 ? 16 : out->actions_room * 2;
        out->actions = memory_resize(out->actions, out->actions_room * sizeof *out->actions);
    }
    out->actions[out->n_actions++] = *action;
}

void walk_count(struct walk *walk, uint64_t counter)
{
    struct translation *out = walk->out;
    if (out->n_counters == TRANSLATE_COUNTERS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (out->n_counters == out->counters_room) {
        out->counters_room = out->counters_room == 0 ? 16 : out->counters_room * 2;
        out->counters = memory_resize(out->counters, out->counters_room * sizeof *out->counters);
    }
    out->counters[out->n_counters++] = counter;
}

void walk_need_mac(struct walk *walk, const struct mac_name *name, uint32_t port)
{
    struct translation *out = walk->out;
    if (out->n_macs == out->macs_room) {
        out->macs_room = out->macs_room == 0 ? 4 : out->macs_room * 2;
        out->macs = memory_resize(out->macs, out->macs_room * sizeof *out->macs);
    }
    out->macs[out->n_macs++] = (struct mac_need){.name = *name, .port = port};
}

static bool has_effect(const struct dp_action *action)
{
    switch ((enum dp_action_type)action->type) {
    case DP_ACTION_OUTPUT:
    case DP_ACTION_CONTROLLER:
    case DP_ACTION_DROP:
    case DP_ACTION_RECIRC:
    case DP_ACTION_METER:
        return true;
    case DP_ACTION_SET_FIELD:
    case DP_ACTION_PUSH_VLAN:
    case DP_ACTION_POP_VLAN:
    case DP_ACTION_DEC_TTL:
    case DP_ACTION_PUSH_MPLS:
    case DP_ACTION_POP_MPLS:
    case DP_ACTION_DEC_MPLS_TTL:
    case DP_ACTION_TRUNCATE:
    case DP_ACTION_HASH:
    case DP_ACTION_USERDATA:
    case DP_ACTION_CLONE: /* walk_end_copy() leaves none that has no effect inside */
    case DP_ACTION_COUNT:
        break;
    }
    return false;
}

/* Where the last element with an effect of actions[first ..) begins, stepping over copies whole; SIZE_MAX: nowhere. */
static size_t last_effect(const struct dp_action *actions, size_t first, size_t n)
{
    size_t last = SIZE_MAX;
    for (size_t i = first; i < n; i++) {
        if (actions[i].type == DP_ACTION_CLONE) {
            last = i;
            i += actions[i].clone.n_actions;
        } else if (has_effect(&actions[i])) {
            last = i;
        }
    }
    return last;
}

/* Cuts what no output follows. */
static void trim(struct translation *out, size_t first)
{
    size_t last = last_effect(out->actions, first, out->n_actions);
    if (last == SIZE_MAX) {
        out->n_actions = first;
    } else {
        bool is_copy = out->actions[last].type == DP_ACTION_CLONE;
        out->n_actions = last + 1 + (is_copy ? out->actions[last].clone.n_actions : 0);
    }
}

/* Of actions[first ..): the last copy needs no copy; what then is last may be one too. */
static void open_last_copy(struct translation *out, size_t first)
{
    for (;;) {
        size_t last = last_effect(out->actions, first, out->n_actions);
        if (last == SIZE_MAX || out->actions[last].type != DP_ACTION_CLONE) {
            return;
        }
        memmove(&out->actions[last], &out->actions[last + 1], (out->n_actions - last - 1) * sizeof *out->actions);
        out->n_actions--;
        trim(out, first);
    }
}

static void walk_copy(struct walk *to, const struct walk *from)
{
    memcpy(to, from, offsetof(struct walk, set));
    action_set_copy(&to->set, &from->set);
    memcpy(to->stack, from->stack, from->n_stack * sizeof to->stack[0]);
}

void walk_begin_copy(struct walk *walk, struct walk_copy *copy)
{
    struct dp_action clone = {.type = DP_ACTION_CLONE};
    walk_emit(walk, &clone);
    copy->begun = walk->out->n_actions;
    walk_copy(&copy->before, walk);
}

void walk_end_copy(struct walk *walk, const struct walk_copy *copy)
{
    struct translation *out = walk->out;
    if (walk_is_void(walk)) {
        return;
    }
    struct flow_state looked = walk->looked;
    unsigned n_resubmits = walk->n_resubmits, n_watched = walk->n_watched;
    enum drop_reason reason = walk->reason;
    walk_copy(walk, &copy->before);
    walk->looked = looked;
    walk->n_resubmits = n_resubmits;
    walk->n_watched = n_watched;
    walk->reason = reason;
    trim(out, copy->begun);
    open_last_copy(out, copy->begun);
    if (out->n_actions == copy->begun) {
        out->n_actions = copy->begun - 1;
    } else {
        out->actions[copy->begun - 1].clone.n_actions = (uint16_t)(out->n_actions - copy->begun);
    }
}

void walk_refuse(struct walk *walk, enum drop_reason reason)
{
    if (!walk->out->is_refused) {
        walk_trace(walk, "refused: %s", drop_text(reason));
        walk->out->reason = reason; /* what follows finds its own */
    }
    walk->out->is_refused = true;
    walk->reason = reason;
    walk->is_over = true;
}

static void trace_step(const struct walk *walk, struct translate_step step)
{
    step.depth = walk->depth;
    step.bridge = walk->bridge;
    walk->input->trace->step(walk->input->trace->context, &step);
}

static void trace_text(const struct walk *walk, enum translate_step_kind kind, const char *format, va_list arguments)
{
    char text[1024];
    (void)vsnprintf(text, sizeof text, format, arguments);
    trace_step(walk, (struct translate_step){.kind = kind, .text = text});
}

void walk_trace(const struct walk *walk, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (walk->input->trace != NULL) {
        trace_text(walk, STEP_NOTE, format, arguments);
    }
    va_end(arguments);
}

void walk_trace_text(const struct walk *walk, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (walk->input->trace != NULL) {
        trace_text(walk, STEP_ACTION, format, arguments);
    }
    va_end(arguments);
}

void walk_trace_table(const struct walk *walk, uint8_t table, const struct world_rule *rule)
{
    if (walk->input->trace != NULL) {
        trace_step(walk, (struct translate_step){.kind = STEP_TABLE, .table = table, .rule = rule});
    }
}

void walk_trace_action(const struct walk *walk, const struct action *action)
{
    if (walk->input->trace == NULL) {
        return;
    }
    size_t n = 1 + action_extent(action);
    struct action_list list = {.items = memory_copy(action, n * sizeof *action), .count = n};
    char *text = action_list_format(&list, NULL);
    trace_step(walk, (struct translate_step){.kind = STEP_ACTION, .text = text});
    free(text);
    free(list.items);
}

/* ---- beginning and end ---- */

static void walk_begin(struct walk *walk, const struct translate_input *input, struct translation *out,
                       const struct flow_key *key)
{
    memset(walk, 0, offsetof(struct walk, set));
    action_set_clear(&walk->set);
    walk->input = input;
    walk->out = out;
    walk->visited = out->visited;
    walk->cookie = UINT64_MAX;
    walk->reason = DROP_RULE;
    walk->told = PACKET_IN_ACTION;
    walk->came = walk->state.key = *key;
    walk->state.actset_output = be32(OFPORT_UNSET);
    memset((uint8_t *)&walk->written + sizeof(struct flow_key), 0xff, sizeof walk->written - sizeof(struct flow_key));
    walk->written.key.in_port = be32(UINT32_MAX);
    uint32_t id = host32(key->recirc_id);
    walk->has_hash = (id & RECIRC_HASHED) != 0;
    walk->inner = (struct uncover){.n_labels = id >> RECIRC_LABELS_SHIFT & 7, .type = (uint16_t)(id >> RECIRC_TYPE_SHIFT)};
    walk->hash = host32(key->dp_hash);
    walk->state.key.recirc_id = walk->state.key.dp_hash = be32(0); /* rules see the packet as it came in */
    walk->written.key.recirc_id = walk->written.key.dp_hash = be32(UINT32_MAX);
    if (walk->inner.n_labels != 0) {
        mpls_cover(walk);
    }
}

/* Is it one that a translation has made? */
static bool is_recirc_id(uint32_t id)
{
    struct uncover inner = {.n_labels = id >> RECIRC_LABELS_SHIFT & 7, .type = (uint16_t)(id >> RECIRC_TYPE_SHIFT)};
    bool is_inner = inner.n_labels == 0 ? inner.type == 0 : inner.type >= 0x0600;
    return recirc_id((id & RECIRC_HASHED) != 0, inner) == id && is_inner;
}

static const struct dp_hash hash_of_groups = {.algorithm = DP_HASH_SYMMETRIC_L4};

/* The packets come back, hashed or uncovered; what this walk did and counted is for the next to do and count. */
static void begin_again(struct walk *walk)
{
    struct dp_action hash = {.type = DP_ACTION_HASH, .hash = hash_of_groups};
    bool is_for_hash = walk->out->again.n_labels == 0;
    walk->out->n_actions = walk->out->n_counters = 0;
    if (is_for_hash) {
        walk_emit(walk, &hash);
    }
    walk_emit(walk, &walk->out->again);
}

struct flow_key translate_again(const struct translation *translation, const struct flow_key *key, const uint8_t *frame, size_t size)
{
    struct flow_key again = *key, ignored;
    struct parse_result at;
    const struct dp_action *recirc = &translation->actions[translation->n_actions - 1];
    if (translation->actions[0].type == DP_ACTION_HASH) {
        again.dp_hash = be32(hash_packet(key, &translation->actions[0].hash));
    }
    if (recirc->n_labels != 0 && frame != NULL && parse_frame(frame, size, 1, &ignored, &at) == 0) {
        parse_uncover(frame, size, &at, recirc->n_labels, recirc->uncovers_type, &again);
    }
    again.recirc_id = be32(recirc->recirc_id);
    return again;
}

static void walk_finish(struct walk *walk)
{
    struct translation *out = walk->out;
    pause_end(walk);
    out->mask = walk->looked.key;
    out->mask.in_port = out->mask.recirc_id = be32(UINT32_MAX);
    out->needs_more = out->needs_more && !out->is_refused;
    if (out->needs_more) {
        begin_again(walk);
        return;
    }
    if (!out->is_refused) {
        trim(out, 0);
        open_last_copy(out, 0);
        if (dp_actions_check(out->actions, out->n_actions, NULL) != 0) {
            walk_refuse(walk, DROP_PIPELINE_LIMIT); /* copies nest deeper than DP_CLONE_DEPTH: no shard would take it */
        }
    }
    if (out->is_refused) {
        out->n_actions = 0;
        walk->reason = out->reason;
    }
    out->reason = walk->reason;
    if (out->n_actions == 0) {
        struct dp_action drop = {.type = DP_ACTION_DROP, .reason = (uint16_t)walk->reason};
        out->is_refused = false;
        if (walk->reason != DROP_RULE) { /* the empty list drops for that reason */
            walk_emit(walk, &drop);
        }
    }
    if (walk->input->trace != NULL) {
        trace_step(walk, (struct translate_step){.kind = STEP_END, .state = &walk->state});
    }
}

void walk_enter(struct walk *walk)
{
    if ((walk->in_port->config & (PORT_CONFIG_NO_RECV | PORT_CONFIG_DOWN)) != 0) {
        walk->reason = DROP_PORT_CONFIG;
        return;
    }
    if (walk->bridge->fail_open == FAIL_OPEN_ALL) {
        walk_trace(walk, "no controller answers: learning switch");
        normal_perform(walk);
        return;
    }
    walk->rule = pipeline_run(walk, 0, PORT_IN_PORT, true); /* the action set is told as that rule's, as by Open vSwitch */
    if (!walk->is_over && !pause_is_on(walk)) {
        action_set_perform(walk, &walk->set, PACKET_IN_ACTION_SET);
    }
}

void translate_key(const struct translate_input *input, const struct flow_key *key, struct translation *out)
{
    struct walk walk;
    translation_clear(out);
    walk_begin(&walk, input, out, key);
    const struct world_port *port = world_port(input->world, host32(key->in_port));
    if (port == NULL || !is_recirc_id(host32(key->recirc_id))) {
        out->is_refused = out->is_single = true;
        out->reason = DROP_MISS_REFUSED;
        return;
    }
    walk.in_port = port;
    walk.bridge = world_bridge(input->world, port->bridge);
    walk.state.key.in_port = walk.state.in_phy_port = be32(port->ofport);
    out->bridge = walk.bridge->id;
    out->in_ofport = port->ofport;
    walk_enter(&walk);
    walk_finish(&walk);
}

void translate_packet_out(const struct translate_input *input, uint64_t bridge, uint32_t in_ofport,
                          const struct action_list *actions, const struct continuation *left, const struct flow_key *key, struct translation *out)
{
    struct walk walk;
    translation_clear(out);
    walk_begin(&walk, input, out, key);
    out->is_single = true;
    walk.is_packet_out = walk.has_hash = true;
    walk.hash = hash_packet(key, &hash_of_groups);
    walk.bridge = world_bridge(input->world, bridge);
    if (walk.bridge == NULL) {
        out->is_refused = true;
        out->reason = DROP_MISS_REFUSED;
        return;
    }
    out->bridge = bridge;
    walk.in_port = world_port_by_ofport(walk.bridge, in_ofport);
    walk.state.key.in_port = walk.state.in_phy_port = be32(in_ofport);
    perform_list(&walk, actions);
    if (left != NULL && !walk.is_over) {
        pause_resume(&walk, left);
    }
    if (!walk.is_over && !pause_is_on(&walk)) {
        action_set_perform(&walk, &walk.set, PACKET_IN_ACTION_SET);
    }
    walk_finish(&walk);
}
