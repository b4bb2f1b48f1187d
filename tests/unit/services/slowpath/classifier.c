/* The classifier's promises by hand-made rules; random ones against the naive twin are in tests/diff/classifier.c. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_classifier_finds_nothing_and_looks_at_nothing),
        cmocka_unit_test(of_equal_priorities_the_lowest_id_wins),
        cmocka_unit_test(tuples_that_cannot_win_are_not_looked_at),
        cmocka_unit_test(a_stage_that_fails_leaves_the_later_ones_wild),
        cmocka_unit_test(a_removed_rule_is_not_found_and_a_shadowed_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
