/* Tests of lib/flow/field.c: every row of the table is read, written, found and refused as its columns say. */
#include "lib/flow/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/random.h"

static struct flow_state random_state(struct random *r)
{
    struct flow_state state;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        state_set_word(&state, i, random_u64(r));
    }
    return state;
}

static unsigned count_bits(const struct flow_state *state)
{
    unsigned bits = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        bits += (unsigned)__builtin_popcountll(state_word(state, i));
    }
    return bits;
}

static void what_is_set_is_read_back_and_no_other_bit_moves(void **state)
{
    struct random r;
    random_seed(&r, 4);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < FIELD_COUNT; i++) {
            enum field_id id = (enum field_id)i;
            struct flow_state before = random_state(&r);
            struct flow_state after = before;
            struct flow_state other = random_state(&r);
            struct field_value value = field_get(id, &other);
            field_set(id, &after, value);
            struct field_value back = field_get(id, &after);
            assert_memory_equal(&back, &value, sizeof value);
            assert_true(field_value_fits(id, value));
            field_set(id, &after, field_get(id, &before));
            assert_memory_equal(&after, &before, sizeof before);
        }
    }
}

static void all_ones_has_the_width_of_the_field_and_one_bit_more_does_not_fit(void **state)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        struct flow_state zero = {0};
        struct field_value ones = field_all_ones(id);
        field_set(id, &zero, ones);
        assert_int_equal(count_bits(&zero), field_table[i].bits);
        assert_true(field_value_fits(id, ones));
        if (field_table[i].bits < 128) {
            struct field_value wide = ones;
            unsigned bit = field_table[i].bits;
            wide.bytes[15 - bit / 8] |= (uint8_t)(1u << bit % 8);
            assert_false(field_value_fits(id, wide));
            struct flow_state same = {0};
            field_set(id, &same, wide);
            assert_memory_equal(&same, &zero, sizeof zero); /* what is beyond the width is ignored */
        }
    }
}

static void a_masked_set_changes_masked_bits_only(void **state)
{
    struct random r;
    random_seed(&r, 5);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        struct flow_state target = random_state(&r);
        struct flow_state other = random_state(&r);
        struct flow_state masks = random_state(&r);
        struct field_value old = field_get(id, &target);
        struct field_value value = field_get(id, &other);
        struct field_value mask = field_get(id, &masks);
        field_set_masked(id, &target, value, mask);
        struct field_value now = field_get(id, &target);
        for (unsigned k = 0; k < 16; k++) {
            assert_int_equal(now.bytes[k], (old.bytes[k] & ~mask.bytes[k]) | (value.bytes[k] & mask.bytes[k]));
        }
    }
}

static void numbers_travel_in_the_low_bytes(void **state)
{
    struct field_value value = field_value_u64(0x0102030405060708ULL);
    assert_int_equal(value.bytes[15], 8);
    assert_int_equal(value.bytes[8], 1);
    assert_int_equal(value.bytes[7], 0);
    assert_int_equal(field_value_to_u64(value), 0x0102030405060708ULL);
    assert_false(field_value_is_zero(value));
    assert_true(field_value_is_zero(field_value_u64(0)));
}

static void fields_lie_where_the_protocols_put_them(void **state)
{
    struct flow_state s = {0};
    field_set(FIELD_VLAN_PCP, &s, field_value_u64(5));
    field_set(FIELD_VLAN_VID, &s, field_value_u64(0x1007));
    assert_int_equal(host16(s.key.vlan_tci), 0xb007);
    field_set(FIELD_IP_DSCP, &s, field_value_u64(46));
    field_set(FIELD_IP_ECN, &s, field_value_u64(1));
    assert_int_equal(s.key.ip_tos, 0xb9);
    field_set(FIELD_MPLS_LABEL, &s, field_value_u64(0xabcde));
    field_set(FIELD_MPLS_TC, &s, field_value_u64(3));
    field_set(FIELD_MPLS_BOS, &s, field_value_u64(1));
    field_set(FIELD_MPLS_TTL, &s, field_value_u64(64));
    assert_int_equal(host32(s.key.mpls[0]), 0xabcde740);
    field_set(FIELD_ICMPV4_CODE, &s, field_value_u64(3));
    assert_int_equal(host16(s.key.l4_dst), 3);
    field_set(FIELD_REG15, &s, field_value_u64(9));
    assert_int_equal(host32(s.reg[15]), 9);
}

static void every_name_and_every_number_finds_its_row(void **state)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &field_table[i];
        assert_int_equal(field_by_name(field->name, strlen(field->name)), i);
        assert_int_equal(field_by_oxm(field->oxm_class, field->oxm_field), i);
    }
#define ALIAS(text, id) assert_int_equal(field_by_name(text, strlen(text)), FIELD_##id);
#define TLV_ALIAS(tlv_class, tlv_field, id) assert_int_equal(field_by_oxm(tlv_class, tlv_field), FIELD_##id);
#include "lib/flow/fields.def"
    assert_int_equal(field_by_oxm(0x8000, 27), FIELD_IPV6_DST);
    assert_int_equal(field_by_oxm(0x8000, 127), FIELD_COUNT);
    assert_int_equal(field_by_oxm(0xffff, 0), FIELD_COUNT);
}

static void half_a_name_and_a_longer_name_find_nothing(void **state)
{
    assert_int_equal(field_by_name("dl_ds", 5), FIELD_COUNT);
    assert_int_equal(field_by_name("dl_dst", 5), FIELD_COUNT);
    assert_int_equal(field_by_name("dl_dst=", 7), FIELD_COUNT);
    assert_int_equal(field_by_name("dl_dst=1", 6), FIELD_ETH_DST);
    assert_int_equal(field_by_name("", 0), FIELD_COUNT);
}

struct prerequisite_case {
    enum field_id id;
    uint16_t eth_type;
    int ip_proto;  /* -1: not looked at */
    int icmp_type; /* -1: not looked at */
    bool met;
};

static void prerequisites_are_those_of_the_standard(void **state)
{
    static const struct prerequisite_case cases[] = {
        {FIELD_IN_PORT, 0, -1, -1, true},          {FIELD_IPV4_SRC, 0x0800, -1, -1, true},
        {FIELD_IPV4_SRC, 0x86dd, -1, -1, false},   {FIELD_IPV4_SRC, 0, -1, -1, false},
        {FIELD_IPV6_SRC, 0x86dd, -1, -1, true},    {FIELD_IP_PROTO, 0x0800, -1, -1, true},
        {FIELD_IP_PROTO, 0x86dd, -1, -1, true},    {FIELD_IP_PROTO, 0x0806, -1, -1, false},
        {FIELD_ARP_OP, 0x0806, -1, -1, true},      {FIELD_ARP_OP, 0x8035, -1, -1, true},
        {FIELD_MPLS_LABEL, 0x8847, -1, -1, true},  {FIELD_MPLS_LABEL, 0x8848, -1, -1, true},
        {FIELD_TCP_DST, 0x0800, 6, -1, true},      {FIELD_TCP_DST, 0x86dd, 6, -1, true},
        {FIELD_TCP_DST, 0x0800, -1, -1, false},    {FIELD_TCP_DST, 0x0800, 17, -1, false},
        {FIELD_TCP_DST, 0, 6, -1, false},          {FIELD_UDP_SRC, 0x0800, 17, -1, true},
        {FIELD_SCTP_SRC, 0x0800, 132, -1, true},   {FIELD_ICMPV4_TYPE, 0x0800, 1, -1, true},
        {FIELD_ICMPV4_TYPE, 0x86dd, 1, -1, false}, {FIELD_ICMPV6_TYPE, 0x86dd, 58, -1, true},
        {FIELD_ND_TARGET, 0x86dd, 58, 135, true},  {FIELD_ND_TARGET, 0x86dd, 58, 136, true},
        {FIELD_ND_TARGET, 0x86dd, 58, 128, false}, {FIELD_ND_TARGET, 0x86dd, 58, -1, false},
        {FIELD_ND_SLL, 0x86dd, 58, 135, true},     {FIELD_ND_SLL, 0x86dd, 58, 136, false},
        {FIELD_ND_TLL, 0x86dd, 58, 136, true},     {FIELD_ND_TLL, 0x86dd, 58, 135, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow_state value = {0}, mask = {0};
        if (cases[i].eth_type != 0) {
            value.key.eth_type = be16(cases[i].eth_type);
            mask.key.eth_type = be16(0xffff);
        }
        if (cases[i].ip_proto >= 0) {
            value.key.ip_proto = (uint8_t)cases[i].ip_proto;
            mask.key.ip_proto = 0xff;
        }
        if (cases[i].icmp_type >= 0) {
            value.key.l4_src = be16((uint16_t)cases[i].icmp_type);
            mask.key.l4_src = be16(0xff);
        }
        assert_int_equal(field_prerequisite_met(cases[i].id, &value, &mask), cases[i].met);
        /* A value nobody looks at makes nothing certain. */
        struct flow_state nothing = {0};
        assert_int_equal(field_prerequisite_met(cases[i].id, &value, &nothing), field_table[cases[i].id].needs == FIELD_NEEDS_NOTHING);
    }
}

static void vlan_priority_needs_the_present_bit(void **state)
{
    struct flow_state value = {.key = {.vlan_tci = be16(0x1005)}}, mask = {.key = {.vlan_tci = be16(0x1fff)}};
    assert_true(field_prerequisite_met(FIELD_VLAN_PCP, &value, &mask));
    value.key.vlan_tci = be16(0);
    assert_false(field_prerequisite_met(FIELD_VLAN_PCP, &value, &mask));
}

static void neighbour_fields_are_refused_for_another_code(void **state)
{
    struct flow_state value = {.key = {.eth_type = be16(0x86dd), .ip_proto = 58, .l4_src = be16(135), .l4_dst = be16(1)}}, mask;
    memset(&mask, 0xff, sizeof mask);
    assert_false(field_prerequisite_met(FIELD_ND_TARGET, &value, &mask));
    value.key.l4_dst = be16(0);
    assert_true(field_prerequisite_met(FIELD_ND_TARGET, &value, &mask));
}

static void a_packet_has_ports_unless_it_is_a_later_fragment(void **state)
{
    struct flow_state packet = {.key = {.eth_type = be16(0x0800), .ip_proto = 6}};
    assert_true(field_present(FIELD_TCP_DST, &packet));
    assert_true(field_present(FIELD_IPV4_DST, &packet));
    assert_false(field_present(FIELD_UDP_DST, &packet));
    assert_false(field_present(FIELD_VLAN_PCP, &packet));
    packet.key.ip_frag = KEY_FRAG_ANY;
    assert_true(field_present(FIELD_TCP_DST, &packet));
    packet.key.ip_frag = KEY_FRAG_ANY | KEY_FRAG_LATER;
    assert_false(field_present(FIELD_TCP_DST, &packet));
    assert_true(field_present(FIELD_IPV4_DST, &packet));
}

static void a_field_lies_in_its_words_and_in_no_other(void **state)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        struct flow_state value = {0}, rest;
        assert_int_equal(field_words_used(&value), 0);
        field_set(id, &value, field_all_ones(id));
        assert_int_equal(field_words_used(&value) & ~field_words[id], 0);
        memset(&rest, 0xff, sizeof rest);
        for (size_t word = 0; word < STATE_WORDS; word++) {
            state_set_word(&rest, word, (field_words[id] >> word & 1) != 0 ? 0 : UINT64_MAX);
        }
        assert_true(field_value_is_zero(field_get(id, &rest)));
        assert_int_equal(field_words_used(&rest) & field_words[id], 0);
    }
}

static void every_prerequisite_has_words_for_people(void **state)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const char *text = field_needs_text(field_table[i].needs);
        assert_true(strlen(text) > 4);
        assert_int_equal(strcmp(text, "nothing") == 0, field_table[i].needs == FIELD_NEEDS_NOTHING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_is_read_back_and_no_other_bit_moves),
        cmocka_unit_test(all_ones_has_the_width_of_the_field_and_one_bit_more_does_not_fit),
        cmocka_unit_test(a_masked_set_changes_masked_bits_only),
        cmocka_unit_test(numbers_travel_in_the_low_bytes),
        cmocka_unit_test(fields_lie_where_the_protocols_put_them),
        cmocka_unit_test(every_name_and_every_number_finds_its_row),
        cmocka_unit_test(half_a_name_and_a_longer_name_find_nothing),
        cmocka_unit_test(prerequisites_are_those_of_the_standard),
        cmocka_unit_test(vlan_priority_needs_the_present_bit),
        cmocka_unit_test(neighbour_fields_are_refused_for_another_code),
        cmocka_unit_test(a_packet_has_ports_unless_it_is_a_later_fragment),
        cmocka_unit_test(a_field_lies_in_its_words_and_in_no_other),
        cmocka_unit_test(every_prerequisite_has_words_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
