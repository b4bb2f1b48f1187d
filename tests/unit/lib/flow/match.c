/* Tests of lib/flow/match.c: canonical form, and covering, overlapping and checking against their definitions. */
#include "lib/flow/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/random.h"

static struct match parsed(const char *text)
{
    struct match match;
    struct error_detail detail = {{0}};
    int err = match_parse(text, NULL, &match, &detail);
    if (err != 0) {
        print_error("%s: %s\n", text, detail.text);
    }
    assert_int_equal(err, 0);
    return match;
}

/* Small matches over few bits, so that covering and overlapping happen. */
static struct match random_match(struct random *r)
{
    struct match match;
    match_init(&match);
    match_set_masked(&match, FIELD_REG0, field_value_u64(random_below(r, 16)), field_value_u64(random_below(r, 16)));
    match_set_masked(&match, FIELD_METADATA, field_value_u64(random_below(r, 4)), field_value_u64(random_below(r, 4)));
    return match;
}

static struct flow_state small_packet(unsigned n)
{
    struct flow_state packet = {0};
    field_set(FIELD_REG0, &packet, field_value_u64(n % 16));
    field_set(FIELD_METADATA, &packet, field_value_u64(n / 16));
    return packet;
}

static void the_empty_match_covers_every_packet_and_every_match(void **state)
{
    struct match all;
    struct match tcp = parsed("tcp,tp_dst=80");
    struct flow_state packet = {.metadata = be64(77)};
    match_init(&all);
    assert_true(match_covers_packet(&all, &packet));
    assert_true(match_covers(&all, &tcp));
    assert_false(match_covers(&tcp, &all));
    assert_int_equal(match_check(&all, NULL), 0);
}

static void covering_and_overlapping_agree_with_trying_every_packet(void **state)
{
    struct random r;
    random_seed(&r, 6);
    for (int i = 0; i < 20000; i++) {
        struct match a = random_match(&r);
        struct match b = random_match(&r);
        bool covers = true;
        bool overlaps = false;
        for (unsigned n = 0; n < 64; n++) {
            struct flow_state packet = small_packet(n);
            bool in_a = match_covers_packet(&a, &packet);
            bool in_b = match_covers_packet(&b, &packet);
            covers = covers && (in_a || !in_b);
            overlaps = overlaps || (in_a && in_b);
        }
        assert_int_equal(match_covers(&a, &b), covers);
        assert_int_equal(match_overlaps(&a, &b), overlaps);
        assert_int_equal(match_overlaps(&b, &a), overlaps);
        assert_int_equal(match_equal(&a, &b), match_covers(&a, &b) && match_covers(&b, &a));
    }
}

static void setting_under_a_mask_drops_the_bits_outside_it(void **state)
{
    struct match match;
    struct match again;
    match_init(&match);
    match_init(&again);
    match_set_masked(&match, FIELD_METADATA, field_value_u64(0xff), field_value_u64(0x0f));
    match_set_masked(&again, FIELD_METADATA, field_value_u64(0x0f), field_value_u64(0x0f));
    assert_true(match_equal(&match, &again));
    match_set_masked(&match, FIELD_METADATA, field_value_u64(0xff), field_value_u64(0));
    match_init(&again);
    assert_true(match_equal(&match, &again));
}

static void a_field_without_its_protocol_is_refused_by_name(void **state)
{
    static const struct {
        enum field_id id;
        const char *word;
    } cases[] = {
        {FIELD_TCP_DST, "tp_dst"},     {FIELD_ICMPV6_TYPE, "tp_src"}, {FIELD_IPV4_SRC, "nw_src"},   {FIELD_IP_PROTO, "nw_proto"},
        {FIELD_IP_DSCP, "ip_dscp"},    {FIELD_ARP_OP, "arp_op"},      {FIELD_ARP_SHA, "nd_sll"},    {FIELD_MPLS_LABEL, "mpls_label"},
        {FIELD_TCP_FLAGS, "tcp_flags"}, {FIELD_IP_FRAG, "ip_frag"},   {FIELD_ND_TARGET, "nd_target"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct match match;
        struct error_detail detail = {{0}};
        match_init(&match);
        match_set(&match, cases[i].id, field_value_u64(1));
        assert_int_equal(match_check(&match, &detail), -ERROR_PREREQUISITE);
        assert_int_equal(strncmp(detail.text, cases[i].word, strlen(cases[i].word)), 0);
        assert_int_equal(match_check(&match, NULL), -ERROR_PREREQUISITE);
    }
}

static void a_mask_on_a_field_that_is_matched_whole_is_refused(void **state)
{
    struct match match = parsed("ip");
    match_set_masked(&match, FIELD_IP_TTL, field_value_u64(1), field_value_u64(3));
    assert_int_equal(match_check(&match, NULL), -ERROR_MASK);
    match = parsed("ip");
    match_set_masked(&match, FIELD_IP_PROTO, field_value_u64(6), field_value_u64(7));
    assert_int_equal(match_check(&match, NULL), -ERROR_MASK);
}

static void a_value_outside_its_mask_is_refused(void **state)
{
    struct match match = parsed("tcp");
    match.value.metadata = be64(1);
    assert_int_equal(match_check(&match, NULL), -ERROR_RANGE);
}

static void an_icmp_type_above_255_is_a_range_error(void **state)
{
    struct match match = parsed("icmp");
    struct error_detail detail = {{0}};
    match_set(&match, FIELD_TCP_SRC, field_value_u64(300));
    assert_int_equal(match_check(&match, &detail), -ERROR_RANGE);
    assert_non_null(strstr(detail.text, "icmp_type"));
}

static void bits_that_are_no_field_are_refused(void **state)
{
    struct match match;
    match_init(&match);
    match.mask.key.vlan2_tci = be16(0xffff);
    assert_int_equal(match_check(&match, NULL), -ERROR_PREREQUISITE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_match_covers_every_packet_and_every_match),
        cmocka_unit_test(covering_and_overlapping_agree_with_trying_every_packet),
        cmocka_unit_test(setting_under_a_mask_drops_the_bits_outside_it),
        cmocka_unit_test(a_field_without_its_protocol_is_refused_by_name),
        cmocka_unit_test(a_mask_on_a_field_that_is_matched_whole_is_refused),
        cmocka_unit_test(a_value_outside_its_mask_is_refused),
        cmocka_unit_test(an_icmp_type_above_255_is_a_range_error),
        cmocka_unit_test(bits_that_are_no_field_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
