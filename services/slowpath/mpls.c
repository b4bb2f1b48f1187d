/* MPLS labels: push, pop, their TTL.
 *
 *     before   eth_type=0x0800   ip_src, ip_dst, tcp_dst ...      a label that is pushed covers what is behind it: the parser stops there,
 *     push     eth_type=0x8847   mpls[0]                          and so does the key
 *     pop      eth_type=0x0800   ?                                a label that is popped uncovers what this key never showed
 *
 * What a pop uncovers is `unseen`: actions may write it, output needs none of it, but a lookup that asks for it cannot be answered from this
 * key. Then the packet begins again with a key that shows it (translate.h says how its recirc_id tells that); until the same pop comes, the
 * inner headers stay out of sight. One place behind labels can be shown; a packet whose rules want two is dropped for DROP_HEADER_UNSEEN, and
 * one with tags behind its labels, too. A label that was pushed here gives back what it covered. Labels move between the members of the key as
 * tags do: those that stay visible are looked at first and then known, but for those behind the third, which are unseen.
 *
 * The new label of a packet without one has the TTL of its IP header [OF1.3.5 §5.12]; that TTL is looked at when somebody asks for the label's.
 * Open vSwitch gives such a label also the DSCP as traffic class, and 64 to packets without a TTL; the datapath here follows the standard.
 * Cost: constant. Thread: the one that translates.
 */
#include "services/slowpath/walk.h"

enum { LABELS = 3, LABEL_BOTTOM = 0x100, LABEL_TTL = 0xff };

static bool is_mpls_type(uint16_t type)
{
    return type == 0x8847 || type == 0x8848;
}

static uint32_t label_at(const struct walk *walk, size_t i)
{
    return host32(walk->state.key.mpls[i]);
}

/* Nothing stands behind it: what the key has there is zero. */
static bool is_bottom(const struct walk *walk, size_t i)
{
    return walk->unseen.key.mpls[i].raw == 0 && (label_at(walk, i) & LABEL_BOTTOM) != 0;
}

static void look_label(struct walk *walk, size_t i, uint32_t bits)
{
    struct flow_state mask = {0};
    mask.key.mpls[i] = be32(bits & ~host32(walk->unseen.key.mpls[i]));
    walk_look(walk, &mask);
}

static void note_rewritten(struct walk *walk)
{
    for (size_t i = offsetof(struct flow_key, eth_type) / 8; i < KEY_WORDS; i++) {
        walk->out->rewritten_words |= 1u << i;
    }
}

static void write_type(struct walk *walk, uint16_t type)
{
    walk->state.key.eth_type = be16(type);
    walk->written.key.eth_type = be16(0xffff);
}

/* What stands behind the Ethernet type, without tags and labels, is all zeroes now: `unseen` or known to be not there. */
static void blank_inner(struct walk *walk, bool is_unseen)
{
    const size_t first = offsetof(struct flow_key, tcp_flags), size = sizeof(struct flow_key) - first;
    struct flow_key key = walk->state.key, written = walk->written.key, unseen = walk->unseen.key;
    memset((uint8_t *)&walk->state.key + first, 0, size);
    memset((uint8_t *)&walk->written.key + first, 0xff, size);
    memset((uint8_t *)&walk->unseen.key + first, is_unseen ? 0xff : 0, size);
    memcpy(walk->state.key.mpls, key.mpls, sizeof key.mpls);
    memcpy(walk->written.key.mpls, written.mpls, sizeof key.mpls);
    memcpy(walk->unseen.key.mpls, unseen.mpls, sizeof key.mpls);
    walk->state.key.dp_hash = key.dp_hash; /* of the datapath, not of a header */
    walk->written.key.dp_hash = written.dp_hash;
    walk->unseen.key.dp_hash = be32(0);
}

void mpls_cover(struct walk *walk)
{
    blank_inner(walk, false);
}

static void set_label(struct walk *walk, size_t i, uint32_t label, bool is_unseen)
{
    walk->state.key.mpls[i] = be32(is_unseen ? 0 : label);
    walk->written.key.mpls[i] = be32(UINT32_MAX);
    walk->unseen.key.mpls[i] = be32(is_unseen ? UINT32_MAX : 0);
}

/* A label is put behind two tags at most, so tags that pushes have hidden would end up behind it. */
static bool hides_tags(const struct walk *walk)
{
    for (size_t i = 0; i < walk->n_hidden_tags; i++) {
        if (walk->hidden_tags[i].tci.raw != 0) {
            return true;
        }
    }
    return false;
}

static uint32_t first_label(struct walk *walk)
{
    uint8_t ttl = 0;
    walk->covered.is_ip = walk_has_field(walk, FIELD_IP_TTL);
    if (walk->covered.is_ip) {
        if (walk->unseen.key.ip_ttl != 0) {
            walk_look_field(walk, FIELD_IP_TTL);
        }
        ttl = walk->state.key.ip_ttl;
        walk->is_label_ttl_copied = !walk->is_ttl_set;
    }
    walk->covered.ttl = ttl;
    walk->beneath.key = walk->state.key;
    walk->beneath.written = walk->written.key;
    walk->beneath.unseen = walk->unseen.key;
    walk->beneath.is_set = true;
    walk->n_labels_on = 0;
    blank_inner(walk, false);
    return LABEL_BOTTOM | ttl;
}

void mpls_push(struct walk *walk, uint16_t ethertype)
{
    uint32_t label;
    walk_look_field(walk, FIELD_ETH_TYPE);
    if (hides_tags(walk)) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (is_mpls_type(host16(walk->state.key.eth_type))) {
        look_label(walk, 0, UINT32_MAX);
        look_label(walk, 1, is_bottom(walk, 0) ? 0 : UINT32_MAX);
        label = label_at(walk, 0) & ~(uint32_t)LABEL_BOTTOM;
        set_label(walk, 2, label_at(walk, 1), walk->unseen.key.mpls[1].raw != 0);
        set_label(walk, 1, label_at(walk, 0), walk->unseen.key.mpls[0].raw != 0);
        set_label(walk, 0, label, walk->unseen.key.mpls[0].raw != 0);
    } else {
        label = first_label(walk);
        set_label(walk, 0, label, false);
        set_label(walk, 1, 0, false);
        set_label(walk, 2, 0, false);
    }
    walk->n_labels_on++;
    write_type(walk, ethertype);
    note_rewritten(walk);
    struct dp_action action = {.type = DP_ACTION_PUSH_MPLS, .ethertype = ethertype};
    walk_emit(walk, &action);
}

/* Each label takes the place of the one before it. Behind the bottom of the stack, and behind the third label, nothing is seen. */
static void shift_labels(struct walk *walk)
{
    bool is_unseen = false;
    look_label(walk, 0, LABEL_BOTTOM);
    for (size_t i = 1; i < LABELS && !is_bottom(walk, i - 1); i++) {
        look_label(walk, i, UINT32_MAX);
    }
    for (size_t i = 0; i < LABELS; i++) {
        bool is_last = i == LABELS - 1;
        is_unseen = is_unseen || walk->unseen.key.mpls[i].raw != 0 || (label_at(walk, i) & LABEL_BOTTOM) != 0;
        bool has_next = !is_last && walk->unseen.key.mpls[i + 1].raw == 0;
        set_label(walk, i, is_last ? 0 : label_at(walk, i + 1), is_unseen || !has_next);
    }
}

/* Copies what stands behind the Ethernet type, without tags, labels and hash. */
static void copy_inner(struct flow_key *to, const struct flow_key *from)
{
    const size_t first = offsetof(struct flow_key, tcp_flags);
    struct flow_key key = *from;
    memcpy(key.mpls, to->mpls, sizeof key.mpls);
    key.dp_hash = to->dp_hash;
    memcpy((uint8_t *)to + first, (const uint8_t *)&key + first, sizeof key - first);
}

/* The label that was put on last is off again: what it covered is as it was. */
static void restore(struct walk *walk)
{
    copy_inner(&walk->state.key, &walk->beneath.key);
    copy_inner(&walk->written.key, &walk->beneath.written);
    copy_inner(&walk->unseen.key, &walk->beneath.unseen);
}

/* What the key shows from behind the labels comes into sight. */
static void show(struct walk *walk)
{
    const struct flow_key nothing = {0};
    copy_inner(&walk->state.key, &walk->came);
    copy_inner(&walk->written.key, &nothing);
    copy_inner(&walk->unseen.key, &nothing);
}

static void hide_tags(struct walk *walk)
{
    struct flow_key *unseen = &walk->unseen.key, *written = &walk->written.key;
    unseen->vlan_tci = unseen->vlan_tpid = unseen->vlan2_tci = unseen->vlan2_tpid = be16(0xffff);
    written->vlan_tci = written->vlan_tpid = written->vlan2_tci = written->vlan2_tpid = be16(0xffff);
}

static void uncover(struct walk *walk, uint16_t ethertype)
{
    bool is_tag = ethertype == 0x8100 || ethertype == 0x88a8;
    bool is_of_packet = !walk->beneath.is_set && walk->n_labels_on == 0 && walk->n_labels_off <= DP_UNCOVER_MAX && !is_tag;
    struct uncover behind = {.type = ethertype, .n_labels = is_of_packet ? (uint8_t)walk->n_labels_off : 0};
    blank_inner(walk, true);
    for (size_t i = 0; i < LABELS; i++) {
        set_label(walk, i, 0, false);
    }
    walk->covered.is_ip = false;
    if (is_tag) {
        hide_tags(walk);
    }
    if (walk->beneath.is_set && walk->n_labels_on == 0 && host16(walk->beneath.key.eth_type) == ethertype) {
        restore(walk);
    } else if (behind.n_labels != 0 && behind.n_labels == walk->inner.n_labels && ethertype == walk->inner.type) {
        show(walk);
    } else {
        walk->missing = behind;
    }
    walk->beneath.is_set = false;
}

static void set_field_whole(struct walk *walk, enum field_id field, uint32_t value)
{
    perform_set_field(walk, field, field_value_u64(value), field_all_ones(field));
}

/* The bottom label is off. A packet that is no IP has no TTL to be written. */
static void write_copied_in(struct walk *walk)
{
    bool is_due = walk->copied_in.is_due;
    walk->copied_in.is_due = false;
    if (is_due && walk_has_field(walk, FIELD_IP_TTL)) {
        set_field_whole(walk, FIELD_IP_TTL, walk->copied_in.ttl);
    }
}

void mpls_pop(struct walk *walk, uint16_t ethertype)
{
    if (!walk_has_field(walk, FIELD_MPLS_LABEL)) {
        return;
    }
    if (hides_tags(walk)) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (walk->n_labels_on > 0) {
        walk->n_labels_on--;
    } else if (walk->beneath.is_set) { /* eats into what labels were put on */
        walk->beneath.is_set = false;
        walk->n_labels_off = DP_UNCOVER_MAX + 1;
    } else {
        walk->n_labels_off++;
    }
    if (is_mpls_type(ethertype)) {
        shift_labels(walk);
    } else {
        uncover(walk, ethertype);
    }
    write_type(walk, ethertype);
    note_rewritten(walk);
    struct dp_action action = {.type = DP_ACTION_POP_MPLS, .ethertype = ethertype};
    walk_emit(walk, &action);
    if (!is_mpls_type(ethertype)) {
        write_copied_in(walk);
    }
}

void mpls_dec_ttl(struct walk *walk)
{
    if (!walk_has_field(walk, FIELD_MPLS_TTL)) {
        return;
    }
    walk_look_field(walk, FIELD_MPLS_TTL);
    if ((label_at(walk, 0) & LABEL_TTL) <= 1) {
        perform_ttl_expired(walk);
        return;
    }
    walk->state.key.mpls[0] = be32(label_at(walk, 0) - 1);
    walk_written(walk, FIELD_MPLS_TTL, field_all_ones(FIELD_MPLS_TTL));
    struct dp_action action = {.type = DP_ACTION_DEC_MPLS_TTL};
    walk_emit(walk, &action);
}

/* Looks at the outer label's bottom bit: what stands behind it, a label or a packet? */
static bool is_label_behind(struct walk *walk)
{
    walk_look_field(walk, FIELD_MPLS_BOS);
    return (label_at(walk, 0) & LABEL_BOTTOM) == 0;
}

/* [OF1.3.5 §5.12]: from the header behind to the outermost one. */
void mpls_copy_ttl_out(struct walk *walk)
{
    if (!walk_has_field(walk, FIELD_MPLS_TTL)) {
        return;
    }
    if (is_label_behind(walk)) {
        struct flow_state mask = {.key.mpls[1] = be32(LABEL_TTL)};
        walk_look(walk, &mask);
        set_field_whole(walk, FIELD_MPLS_TTL, label_at(walk, 1) & LABEL_TTL);
    } else if (walk->copied_in.is_due) { /* that header's TTL as it will be, though it is not written yet */
        set_field_whole(walk, FIELD_MPLS_TTL, walk->copied_in.ttl);
    } else if (walk->covered.is_ip) {
        walk->looked.key.ip_ttl = walk->is_ttl_set ? walk->looked.key.ip_ttl : 0xff;
        set_field_whole(walk, FIELD_MPLS_TTL, walk->covered.ttl);
    } else {
        walk_refuse(walk, DROP_HEADER_UNSEEN);
    }
}

/* From the outermost label to the one behind, which is written by taking the outer one off and putting it on again. What is behind the bottom label
 * is not said by the packet, so it is written when a pop says it, which in an action set is the next thing to be done [OF1.3.5 §5.10]; a packet
 * that goes out before that is refused (output.c). */
void mpls_copy_ttl_in(struct walk *walk)
{
    if (!walk_has_field(walk, FIELD_MPLS_TTL)) {
        return;
    }
    if (!is_label_behind(walk)) {
        look_label(walk, 0, LABEL_TTL);
        walk->copied_in.is_due = true;
        walk->copied_in.ttl = (uint8_t)(label_at(walk, 0) & LABEL_TTL);
        return;
    }
    look_label(walk, 0, UINT32_MAX);
    uint32_t outer = label_at(walk, 0);
    uint16_t type = host16(walk->state.key.eth_type);
    mpls_pop(walk, type);
    set_field_whole(walk, FIELD_MPLS_TTL, outer & LABEL_TTL);
    mpls_push(walk, type);
    set_field_whole(walk, FIELD_MPLS_LABEL, outer >> 12);
    set_field_whole(walk, FIELD_MPLS_TC, outer >> 9 & 7);
    set_field_whole(walk, FIELD_MPLS_TTL, outer & LABEL_TTL);
}
