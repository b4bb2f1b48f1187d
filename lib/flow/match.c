/* Matches as value and mask: setting, comparing, and asking whether every bit that is looked at makes sense.
 *
 * All comparisons are loops over 28 words; the interesting one is match_check(). Several fields share storage (tcp_dst, udp_dst
 * and icmp_code are all l4_dst), so a match does not know by which name a bit was set. The check therefore collects the
 * bits that some field with a fulfilled prerequisite explains, and anything left over was set without its protocol.
 * Control code, any thread, no state; match_check() costs some 0.2 us.
 * Invariant: value has no bit outside mask (canonical), so that equal matches are equal bytes.
 */
#include "lib/flow/match.h"

void match_init(struct match *match)
{
    memset(match, 0, sizeof *match);
}

void match_set(struct match *match, enum field_id id, struct field_value value)
{
    field_set(id, &match->value, value);
    field_set(id, &match->mask, field_all_ones(id));
}

void match_set_masked(struct match *match, enum field_id id, struct field_value value, struct field_value mask)
{
    field_set(id, &match->value, field_value_and(value, mask));
    field_set(id, &match->mask, mask);
}

bool match_equal(const struct match *a, const struct match *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool match_covers_packet(const struct match *match, const struct flow_state *packet)
{
    return state_equal_under(packet, &match->value, &match->mask);
}

bool match_covers(const struct match *outer, const struct match *inner)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        uint64_t looked_at = state_word(&outer->mask, i);
        difference |= looked_at & ~state_word(&inner->mask, i);
        difference |= looked_at & (state_word(&outer->value, i) ^ state_word(&inner->value, i));
    }
    return difference == 0;
}

bool match_overlaps(const struct match *a, const struct match *b)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        uint64_t both = state_word(&a->mask, i) & state_word(&b->mask, i);
        difference |= both & (state_word(&a->value, i) ^ state_word(&b->value, i));
    }
    return difference == 0;
}

static bool is_icmp(const struct match *match)
{
    return field_prerequisite_met(FIELD_ICMPV4_TYPE, &match->value, &match->mask) ||
           field_prerequisite_met(FIELD_ICMPV6_TYPE, &match->value, &match->mask);
}

/* Which field a person meant by a bit that no fulfilled field explains. */
static int refuse_unexplained(const struct match *match, const struct flow_state *left, struct error_detail *detail)
{
    if (left->key.l4_src.raw != 0 || left->key.l4_dst.raw != 0) {
        if (is_icmp(match)) {
            return error_set(detail, -ERROR_RANGE, "%s: at most 255", left->key.l4_src.raw != 0 ? "icmp_type" : "icmp_code");
        }
        return error_set(detail, -ERROR_PREREQUISITE, "%s: needs its protocol (tcp, udp, sctp, icmp, or their IPv6 forms)",
                         left->key.l4_src.raw != 0 ? "tp_src" : "tp_dst");
    }
    for (size_t id = 0; id < FIELD_COUNT; id++) {
        if (!field_value_is_zero(field_get((enum field_id)id, left))) {
            return error_set(detail, -ERROR_PREREQUISITE, "%s: needs %s", field_table[id].name,
                             field_needs_text(field_table[id].needs));
        }
    }
    return error_set(detail, -ERROR_PREREQUISITE, "a bit is matched that belongs to no field");
}

/* Fields that Open vSwitch takes whole only; vlan_pcp is also a part of vlan_tci, which may be masked in any way. */
static bool is_masked_against_rule(enum field_id id, struct field_value mask)
{
    struct field_value ones = field_all_ones(id);
    return field_table[id].mask_rule == FIELD_MASK_NONE && id != FIELD_VLAN_PCP && memcmp(&mask, &ones, sizeof mask) != 0;
}

/* A packet of another type has no Ethernet header to match. */
static bool is_of_other_type(const struct match *match)
{
    struct flow_key rest = match->mask.key;
    struct flow_key nothing = {0};
    rest.in_port = be32(0);
    return (match->value.packet_type.raw & match->mask.packet_type.raw) != 0 && !key_equal(&rest, &nothing);
}

int match_check(const struct match *match, struct error_detail *detail)
{
    struct flow_state left = match->mask;
    uint32_t used = field_words_used(&match->mask);

    if (is_of_other_type(match)) {
        return error_set(detail, -ERROR_PREREQUISITE, "packet_type: headers are matched of Ethernet packets, packet_type=(0,0), only");
    }

    for (size_t i = 0; i < STATE_WORDS; i++) {
        if ((state_word(&match->value, i) & ~state_word(&match->mask, i)) != 0) {
            return error_set(detail, -ERROR_RANGE, "a value has bits outside its mask");
        }
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        if ((field_words[id] & used) == 0) {
            continue;
        }
        struct field_value mask = field_get(id, &match->mask);
        if (field_value_is_zero(mask) || !field_prerequisite_met(id, &match->value, &match->mask)) {
            continue;
        }
        if (is_masked_against_rule(id, mask)) {
            return error_set(detail, -ERROR_MASK, "%s: cannot be masked", field_table[id].name);
        }
        field_set(id, &left, (struct field_value){{0}});
    }
    for (size_t i = 0; i < STATE_WORDS; i++) {
        if (state_word(&left, i) != 0) {
            return refuse_unexplained(match, &left, detail);
        }
    }
    return 0;
}
