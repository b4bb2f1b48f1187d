/* The learning switch: learning, VLANs, reserved addresses, and what its flows depend on. */
#include "lib/msg/counter_id.h"
#include "tests/unit/services/slowpath/fixture.h"

#define A "dl_src=00:00:00:00:00:0a,dl_dst=00:00:00:00:00:0b"
#define B "dl_src=00:00:00:00:00:0b,dl_dst=00:00:00:00:00:0a"

static void unknown_destinations_flood_and_known_ones_do_not(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    fixture_expect(&f, A, 11, "output:12,output:13,output:14,output:10");
    fixture_expect(&f, B, 12, "output:11");
    fixture_expect(&f, A, 11, "output:12");
    assert_int_equal(f.translation.n_macs, 2);
    assert_true(f.translation.macs[0].port == 11 && f.translation.macs[1].port == 12);
    assert_true(counter_id_kind(f.translation.counters[f.translation.n_counters - 1]) == COUNTER_MAC);
    assert_true(fixture_looked(&f, FIELD_ETH_SRC) && fixture_looked(&f, FIELD_ETH_DST) && fixture_looked(&f, FIELD_VLAN_VID));
    assert_false(fixture_looked(&f, FIELD_ETH_TYPE));
    fixture_expect(&f, A, 12, "drop(mac_on_input_port)");
    fixture_close(&f);
}

static void without_learning_a_foreign_source_makes_no_flow(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    struct flow_key key = fixture_key(A, 11);
    struct translate_input input = fixture_input(&f, false);
    translate_key(&input, &key, &f.translation);
    assert_true(f.translation.is_single);
    assert_int_equal(mac_table_count(f.macs, FIXTURE_BRIDGE), 0);
    fixture_close(&f);
}

static void reserved_addresses_stay_on_their_link(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    fixture_expect(&f, "dl_dst=01:80:c2:00:00:00", 11, "drop(reserved_address)");
    fixture_expect(&f, "dl_src=00:00:00:00:00:0a,dl_dst=01:80:c2:00:00:10", 11, "output:12,output:13,output:14,output:10");
    fixture_close(&f);
}

static void vlans_are_separate_and_tags_follow_the_port(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    fixture_port(&f, 11, 1, 5, 0);
    fixture_port(&f, 12, 2, 5, 0);
    fixture_port(&f, 13, 3, 6, 0);
    fixture_expect(&f, A, 11, "output:12,push_vlan:0x8100(vid=5,pcp=0),output:14,output:10");
    fixture_expect(&f, "dl_vlan=5," B, 14, "pop_vlan,output:11");
    fixture_expect(&f, A, 11, "push_vlan:0x8100(vid=5,pcp=0),output:14");
    fixture_expect(&f, "dl_vlan=6," A, 11, "drop(vlan_not_member)");
    fixture_expect(&f, "dl_vlan=6," A, 14, "output:10,pop_vlan,output:13");
    fixture_close(&f);
}

static void what_follows_normal_meets_the_packet_as_it_was(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_port(&f, 12, 2, 5, 0);
    fixture_rule(&f, "in_port=1,actions=normal,output:3");
    struct mac_name name = {.bridge = FIXTURE_BRIDGE, .vlan = 5, .mac = {0, 0, 0, 0, 0, 0x0b}};
    (void)mac_table_learn(f.macs, &name, 12, 100, f.now_ns);
    fixture_expect(&f, "dl_vlan=5," A, 11, "clone(pop_vlan,output:12),output:13");
    fixture_close(&f);
}

static void an_address_that_moves_too_often_makes_no_flow(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    for (uint32_t i = 0; i <= MAC_MOVES_PER_S; i++) {
        fixture_translate(&f, A, 11 + i % 2);
        assert_false(f.translation.is_single);
    }
    fixture_translate(&f, A, 11 + (MAC_MOVES_PER_S + 1) % 2);
    assert_true(f.translation.is_single);
    assert_true(f.translation.n_actions > 1);
    f.now_ns += NS_PER_S;
    fixture_translate(&f, A, 11 + (MAC_MOVES_PER_S + 1) % 2);
    assert_false(f.translation.is_single);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_destinations_flood_and_known_ones_do_not),
        cmocka_unit_test(without_learning_a_foreign_source_makes_no_flow),
        cmocka_unit_test(reserved_addresses_stay_on_their_link),
        cmocka_unit_test(vlans_are_separate_and_tags_follow_the_port),
        cmocka_unit_test(what_follows_normal_meets_the_packet_as_it_was),
        cmocka_unit_test(an_address_that_moves_too_often_makes_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
