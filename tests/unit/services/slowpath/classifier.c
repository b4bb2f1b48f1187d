/* The classifier's promises by hand-made rules; random ones against the naive twin are in tests/diff/classifier.c. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/slowpath/classifier.h"

struct test_rule {
    struct classifier_rule node;
    struct match match;
};

static void rule_make(struct test_rule *rule, uint64_t id, int32_t priority)
{
    match_init(&rule->match);
    rule->node = (struct classifier_rule){.match = &rule->match, .id = id, .priority = priority};
}

static void empty_classifier_finds_nothing_and_looks_at_nothing(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct flow_state packet = {0}, looked = {0}, none = {0};
    assert_null(classifier_lookup(classifier, &packet, &looked));
    assert_memory_equal(&looked, &none, sizeof none);
    classifier_destroy(&classifier);
}

static void of_equal_priorities_the_lowest_id_wins(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule a, b;
    rule_make(&a, 2, 5);
    rule_make(&b, 1, 5);
    match_set(&b.match, FIELD_ETH_TYPE, field_value_u64(0x0800));
    classifier_insert(classifier, &a.node);
    classifier_insert(classifier, &b.node);
    struct flow_state packet = {.key.eth_type = be16(0x0800)}, looked = {0};
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &b.node);
    assert_int_equal(host16(looked.key.eth_type), 0xffff);
    classifier_destroy(&classifier);
}

static void tuples_that_cannot_win_are_not_looked_at(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule high, low;
    rule_make(&high, 1, 10);
    match_set(&high.match, FIELD_ETH_TYPE, field_value_u64(0x0806));
    rule_make(&low, 2, 1);
    match_set(&low.match, FIELD_TCP_DST, field_value_u64(80));
    classifier_insert(classifier, &low.node);
    classifier_insert(classifier, &high.node);
    struct flow_state packet = {.key.eth_type = be16(0x0806)}, looked = {0};
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &high.node);
    assert_int_equal(host16(looked.key.l4_dst), 0);
    classifier_destroy(&classifier);
}

static void a_stage_that_fails_leaves_the_later_ones_wild(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule web;
    rule_make(&web, 1, 10);
    match_set(&web.match, FIELD_ETH_TYPE, field_value_u64(0x0800));
    match_set(&web.match, FIELD_IP_PROTO, field_value_u64(6));
    match_set(&web.match, FIELD_TCP_DST, field_value_u64(80));
    classifier_insert(classifier, &web.node);
    struct flow_state arp = {.key.eth_type = be16(0x0806)}, looked = {0};
    assert_null(classifier_lookup(classifier, &arp, &looked));
    assert_int_equal(host16(looked.key.eth_type), 0xffff);
    assert_int_equal(looked.key.ip_proto, 0);
    assert_int_equal(host16(looked.key.l4_dst), 0);
    struct flow_state udp = {.key.eth_type = be16(0x0800), .key.ip_proto = 17, .key.l4_dst = be16(80)};
    struct flow_state looked_udp = {0};
    assert_null(classifier_lookup(classifier, &udp, &looked_udp));
    assert_int_equal(looked_udp.key.ip_proto, 0xff);
    assert_int_equal(host16(looked_udp.key.l4_dst), 0);
    classifier_destroy(&classifier);
}

static void udp_rule(struct test_rule *rule, uint64_t id, int32_t priority, uint16_t port)
{
    rule_make(rule, id, priority);
    match_set(&rule->match, FIELD_ETH_TYPE, field_value_u64(0x0800));
    match_set(&rule->match, FIELD_IP_PROTO, field_value_u64(17));
    if (port != 0) {
        match_set(&rule->match, FIELD_UDP_DST, field_value_u64(port));
    }
}

static void udp_rule_to(struct test_rule *rule, uint64_t id, int32_t priority, uint64_t address, uint64_t mask)
{
    udp_rule(rule, id, priority, 0);
    match_set_masked(&rule->match, FIELD_IPV4_DST, field_value_u64(address), field_value_u64(mask));
}

static struct flow_state udp_packet(uint32_t destination, uint16_t port)
{
    struct flow_state packet = {.key.eth_type = be16(0x0800), .key.ip_proto = 17, .key.l4_dst = be16(port)};
    field_set(FIELD_IPV4_DST, &packet, field_value_u64(destination));
    return packet;
}

static uint64_t looked_at(const struct flow_state *looked, enum field_id field)
{
    return field_value_to_u64(field_get(field, looked));
}

static void other_ports_are_told_by_their_leading_bits(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule dns, net;
    udp_rule(&dns, 1, 200, 53);
    udp_rule_to(&net, 2, 100, 0x0a010000, 0xffff0000);
    classifier_insert(classifier, &dns.node);
    classifier_insert(classifier, &net.node);
    struct flow_state packet = udp_packet(0x0a010203, 0x8035), looked = {0};
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &net.node);
    assert_int_equal(looked_at(&looked, FIELD_UDP_DST), 0x8000);
    assert_int_equal(looked_at(&looked, FIELD_IPV4_DST), 0xffff0000);
    struct flow_state near = udp_packet(0x0a810203, 54), looked_near = {0}; /* 53 is 110101, 54 is 110110 */
    assert_null(classifier_lookup(classifier, &near, &looked_near));
    assert_int_equal(looked_at(&looked_near, FIELD_UDP_DST), 0xfffe);
    assert_int_equal(looked_at(&looked_near, FIELD_IPV4_DST), 0xff800000);
    struct flow_state query = udp_packet(0x0a810203, 53), looked_query = {0};
    assert_ptr_equal(classifier_lookup(classifier, &query, &looked_query), &dns.node);
    assert_int_equal(looked_at(&looked_query, FIELD_UDP_DST), 0xffff);
    assert_int_equal(looked_at(&looked_query, FIELD_IPV4_DST), 0);
    classifier_destroy(&classifier);
}

static void a_removed_port_asks_for_no_bits(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule dns, near;
    udp_rule(&dns, 1, 200, 53);
    udp_rule(&near, 2, 200, 0x8034);
    classifier_insert(classifier, &dns.node);
    classifier_insert(classifier, &near.node);
    struct flow_state packet = udp_packet(0, 0x8035), looked = {0}, looked_after = {0};
    assert_null(classifier_lookup(classifier, &packet, &looked));
    assert_int_equal(looked_at(&looked, FIELD_UDP_DST), 0xffff);
    classifier_remove(classifier, &near.node);
    assert_null(classifier_lookup(classifier, &packet, &looked_after));
    assert_int_equal(looked_at(&looked_after, FIELD_UDP_DST), 0x8000);
    classifier_destroy(&classifier);
}

static void ports_of_other_addresses_ask_for_no_bits(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule a, b;
    udp_rule_to(&a, 1, 10, 0x0a010000, 0xffff0000);
    match_set(&a.match, FIELD_UDP_DST, field_value_u64(53));
    udp_rule_to(&b, 2, 10, 0x0a020000, 0xffff0000);
    match_set(&b.match, FIELD_UDP_DST, field_value_u64(0x8034));
    classifier_insert(classifier, &a.node);
    classifier_insert(classifier, &b.node);
    struct flow_state packet = udp_packet(0x0a010203, 0x8035), looked = {0};
    assert_null(classifier_lookup(classifier, &packet, &looked));
    assert_int_equal(looked_at(&looked, FIELD_UDP_DST), 0x8000);
    struct flow_state elsewhere = udp_packet(0x0a030203, 53), looked_elsewhere = {0};
    assert_null(classifier_lookup(classifier, &elsewhere, &looked_elsewhere));
    assert_int_equal(looked_at(&looked_elsewhere, FIELD_UDP_DST), 0);
    classifier_destroy(&classifier);
}

static void four_fields_with_tries_make_few_masks(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule to, from, to_port, from_port;
    udp_rule_to(&to, 1, 10, 0x0a010101, 0xffffffff);
    udp_rule(&from, 2, 10, 0);
    match_set(&from.match, FIELD_IPV4_SRC, field_value_u64(0x0a010101));
    udp_rule(&to_port, 3, 10, 0x0101);
    udp_rule(&from_port, 4, 10, 0);
    match_set(&from_port.match, FIELD_UDP_SRC, field_value_u64(0x0101));
    struct test_rule *rules[] = {&to, &from, &to_port, &from_port};
    for (size_t i = 0; i < 4; i++) {
        classifier_insert(classifier, &rules[i]->node);
    }
    for (unsigned bit = 0; bit < 32; bit++) { /* the first bit that differs is this */
        struct flow_state packet = udp_packet(0x0a010101 ^ 1u << bit, (uint16_t)(0x0101 ^ 1u << bit % 16)), looked = {0};
        assert_null(classifier_lookup(classifier, &packet, &looked));
        assert_int_equal(looked_at(&looked, FIELD_IPV4_DST), UINT32_MAX << bit / 8 * 8);
        assert_int_equal(looked_at(&looked, FIELD_UDP_DST), 0xffff & 0xffff << bit % 16 / 4 * 4);
    }
    for (size_t i = 0; i < 3; i++) { /* with one left, every number of bits may be */
        classifier_remove(classifier, &rules[i]->node);
    }
    struct flow_state packet = {.key.eth_type = be16(0x0800), .key.ip_proto = 17, .key.l4_src = be16(0x0401)}, looked = {0};
    assert_null(classifier_lookup(classifier, &packet, &looked));
    assert_int_equal(looked_at(&looked, FIELD_UDP_SRC), 0xfc00);
    classifier_destroy(&classifier);
}

static void every_bit_of_the_state_is_in_a_stage(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule rule;
    rule_make(&rule, 1, 1);
    memset(&rule.match.mask, 0xff, sizeof rule.match.mask);
    classifier_insert(classifier, &rule.node);
    struct flow_state packet = {0}, looked = {0};
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &rule.node);
    assert_memory_equal(&looked, &rule.match.mask, sizeof looked);
    for (size_t bit = 0; bit < sizeof packet * 8; bit++) {
        struct flow_state flipped = {0}, looked_flipped = {0};
        ((uint8_t *)&flipped)[bit / 8] = (uint8_t)(1u << bit % 8);
        assert_null(classifier_lookup(classifier, &flipped, &looked_flipped));
        assert_true(((uint8_t *)&looked_flipped)[bit / 8] >> bit % 8 & 1);
    }
    classifier_destroy(&classifier);
}

static void a_removed_rule_is_not_found_and_a_shadowed_one_is(void **state)
{
    (void)state;
    struct classifier *classifier = classifier_new();
    struct test_rule a, b;
    rule_make(&a, 1, 7);
    rule_make(&b, 2, 3);
    classifier_insert(classifier, &a.node);
    classifier_insert(classifier, &b.node);
    struct flow_state packet = {0}, looked = {0};
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &a.node);
    classifier_remove(classifier, &a.node);
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &b.node);
    classifier_remove(classifier, &b.node);
    assert_null(classifier_lookup(classifier, &packet, &looked));
    assert_int_equal(classifier_count(classifier), 0);
    classifier_destroy(&classifier);
}

/* One mask, so one table, at times nearly full; what is taken out leaves no hole before what is not. */
static void of_many_matches_under_one_mask_those_left_are_found(void **state)
{
    (void)state;
    enum { RULES = 3000, STEP = 7 /* no divisor of their number */ };
    static struct test_rule rules[RULES];
    struct classifier *classifier = classifier_new();
    for (size_t i = 0; i < RULES; i++) {
        rule_make(&rules[i], i + 1, (int32_t)(i % 5));
        match_set(&rules[i].match, FIELD_ETH_TYPE, field_value_u64(0x0800));
        match_set(&rules[i].match, FIELD_IPV4_DST, field_value_u64(0x0a000000 + i * 37));
        classifier_insert(classifier, &rules[i].node);
    }
    for (size_t round = 0; round < RULES; round += 500) {
        for (size_t i = round; i < round + 500; i++) {
            classifier_remove(classifier, &rules[i * STEP % RULES].node);
        }
        for (size_t i = 0; i < RULES; i++) {
            const struct test_rule *rule = &rules[i * STEP % RULES];
            struct flow_state looked = {0};
            assert_ptr_equal(classifier_lookup(classifier, &rule->match.value, &looked), i < round + 500 ? NULL : &rule->node);
        }
    }
    assert_int_equal(classifier_count(classifier), 0);
    classifier_destroy(&classifier);
}

/* Masks that differ in registers and ports: each is a head of its own. Their cost is told, and grows with them, not with their square. */
static void thousands_of_head_masks_cost_in_proportion_and_say_so(void **state)
{
    (void)state;
    enum { RULES = 4000, FEW = 1000 };
    static struct test_rule rules[RULES];
    struct classifier *classifier = classifier_new();
    unsigned work[2] = {0, 0};
    struct flow_state packet = {0}, looked = {0};
    for (size_t i = 0; i < RULES; i++) {
        rule_make(&rules[i], i + 1, (int32_t)i);
        match_set_masked(&rules[i].match, FIELD_REG0, field_value_u64(1), field_value_u64(2 * i + 1));
        classifier_insert(classifier, &rules[i].node);
        if (i + 1 == FEW) {
            assert_null(classifier_lookup_within(classifier, &packet, &looked, UINT_MAX, &work[0]));
        }
    }
    assert_int_equal(classifier_count_tuples(classifier), RULES);
    assert_null(classifier_lookup_within(classifier, &packet, &looked, UINT_MAX, &work[1]));
    assert_in_range(work[0], FEW, 4 * FEW);
    assert_in_range(work[1], 3 * work[0], 5 * work[0]);
    packet.reg[0] = be32(1);
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &rules[RULES - 1].node);
    for (size_t i = RULES; i-- > 0;) { /* and tuples that go leave the others found */
        if (i % 64 == 63) {
            assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &rules[i].node);
        }
        classifier_remove(classifier, &rules[i].node);
    }
    assert_null(classifier_lookup(classifier, &packet, &looked));
    classifier_destroy(&classifier);
}

/* All ids are complete and none leads to a rule: each costs a lookup, until there have been too many. */
static void conjunctions_cost_by_what_is_met_and_end_at_the_limit(void **state)
{
    (void)state;
    enum { IDS = 3000 };
    static struct classifier_clause clauses[2][IDS];
    struct test_rule rules[2], found;
    struct classifier *classifier = classifier_new();
    for (uint8_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < IDS; i++) {
            clauses[k][i] = (struct classifier_clause){.id = IDS - i, .clause = k, .n_clauses = 2};
        }
        rule_make(&rules[k], 1u + k, 7);
        match_set(&rules[k].match, k == 0 ? FIELD_ETH_TYPE : FIELD_IN_PORT, field_value_u64(0));
        rules[k].node.clauses = clauses[k];
        rules[k].node.n_clauses = IDS;
        classifier_insert(classifier, &rules[k].node);
    }
    struct flow_state packet = {0}, looked = {0};
    unsigned work = 0, cut = 0;
    assert_null(classifier_lookup_within(classifier, &packet, &looked, UINT_MAX, &work));
    assert_in_range(work, IDS * 10, IDS * 30);
    assert_null(classifier_lookup_within(classifier, &packet, &looked, work - IDS, &cut));
    assert_in_range(cut, work - IDS + 1, work - IDS + 100);
    rule_make(&found, 9, 1);
    match_set(&found.match, FIELD_CONJ_ID, field_value_u64(IDS));
    classifier_insert(classifier, &found.node);
    assert_ptr_equal(classifier_lookup(classifier, &packet, &looked), &found.node);
    classifier_destroy(&classifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_classifier_finds_nothing_and_looks_at_nothing),
        cmocka_unit_test(of_equal_priorities_the_lowest_id_wins),
        cmocka_unit_test(tuples_that_cannot_win_are_not_looked_at),
        cmocka_unit_test(a_stage_that_fails_leaves_the_later_ones_wild),
        cmocka_unit_test(other_ports_are_told_by_their_leading_bits),
        cmocka_unit_test(a_removed_port_asks_for_no_bits),
        cmocka_unit_test(ports_of_other_addresses_ask_for_no_bits),
        cmocka_unit_test(four_fields_with_tries_make_few_masks),
        cmocka_unit_test(every_bit_of_the_state_is_in_a_stage),
        cmocka_unit_test(a_removed_rule_is_not_found_and_a_shadowed_one_is),
        cmocka_unit_test(thousands_of_head_masks_cost_in_proportion_and_say_so),
        cmocka_unit_test(conjunctions_cost_by_what_is_met_and_end_at_the_limit),
        cmocka_unit_test(of_many_matches_under_one_mask_those_left_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
