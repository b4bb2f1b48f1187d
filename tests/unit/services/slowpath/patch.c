/* Patch ports: two bridges in one translation. */
#include "lib/msg/counter_id.h"
#include "tests/unit/services/slowpath/fixture.h"

static bool counts(const struct fixture *f, uint64_t id)
{
    for (size_t i = 0; i < f->translation.n_counters; i++) {
        if (f->translation.counters[i] == id) {
            return true;
        }
    }
    return false;
}

static void the_other_bridge_has_its_own_tables_registers_and_port_numbers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_second_bridge(&f, true);
    fixture_rule(&f, "table=0,ip,actions=load:0x7->NXM_NX_REG0[],output:5,resubmit(,1)");
    fixture_rule(&f, "table=1,reg0=0x7,ip,nw_dst=1.2.3.4,actions=output:2");
    fixture_rule_on(&f, 2, "table=0,priority=2,reg0=0x7,actions=output:3");
    fixture_rule_on(&f, 2, "table=0,priority=1,in_port=1,ip,actions=load:0x8->NXM_NX_REG0[],set_field:9.9.9.9->nw_dst,goto_table:4");
    fixture_rule_on(&f, 2, "table=4,actions=output:2");
    fixture_expect(&f, "ip,nw_dst=1.2.3.4", 11, "clone(set_field:9.9.9.9->nw_dst,output:26),output:12");
    assert_int_equal(f.translation.visited[0], 3);
    assert_int_equal(f.translation.n_more, 1);
    assert_int_equal(f.translation.more[0].bridge, 2);
    assert_int_equal(f.translation.more[0].tables[0], 1 | 1 << 4);
    assert_true(counts(&f, counter_id(COUNTER_PATCH_OUT, 15)));
    assert_true(counts(&f, counter_id(COUNTER_PATCH_IN, 25)));
    fixture_close(&f);
}

static void a_patch_that_leads_nowhere_drops(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_second_bridge(&f, true);
    fixture_rule(&f, "actions=output:5");
    fixture_rule_on(&f, 2, "actions=output:2");
    fixture_expect(&f, "ip", 11, "output:26");
    fixture_patch_port(&f, 2, 25, 1, "p25", "other"); /* no longer the peer of its peer */
    fixture_expect(&f, "ip", 11, "drop(output_no_port)");
    fixture_patch_port(&f, 2, 25, 1, "p25", "p15");
    fixture_expect(&f, "ip", 11, "output:26");
    world_remove_port(&f.world, 25);
    fixture_expect(&f, "ip", 11, "drop(output_no_port)");
    fixture_close(&f);
}

static void what_changes_at_one_end_concerns_the_bridge_at_the_other(void **state)
{
    (void)state;
    struct fixture f;
    bool is_noted = false;
    fixture_open(&f);
    fixture_patch_port(&f, FIXTURE_BRIDGE, 15, 5, "p15", "p25");
    world_clear_changes(&f.world);
    fixture_patch_port(&f, 2, 25, 1, "p25", "p15");
    for (size_t i = 0; i < f.world.n_changes; i++) {
        is_noted = is_noted || (f.world.changes[i].kind == CHANGE_BRIDGE && f.world.changes[i].bridge == FIXTURE_BRIDGE);
    }
    assert_true(is_noted);
    fixture_close(&f);
}

static void bridges_in_a_circle_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_second_bridge(&f, true);
    fixture_patch_port(&f, FIXTURE_BRIDGE, 16, 6, "p16", "p28");
    fixture_patch_port(&f, 2, 28, 4, "p28", "p16");
    fixture_rule(&f, "in_port=1,actions=output:5,output:2");
    fixture_rule(&f, "in_port=6,actions=output:5");
    fixture_rule_on(&f, 2, "in_port=1,actions=output:4");
    fixture_expect(&f, "ip", 11, "drop(pipeline_limit)");
    fixture_close(&f);
}

static void learning_switches_on_both_sides_learn_behind_the_patch(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_bridge(&f, false);
    fixture_second_bridge(&f, false);
    fixture_expect(&f, "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", 11,
                   "output:12,output:13,output:14,clone(output:26,output:27),output:10");
    fixture_expect(&f, "dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01", 26, "output:11");
    fixture_expect(&f, "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", 11, "output:26");
    assert_int_equal(f.translation.n_macs, 4); /* source and destination on both bridges */
    fixture_close(&f);
}

static void a_packet_in_names_the_patch_port(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_second_bridge(&f, true);
    fixture_rule(&f, "ip,actions=output:5");
    fixture_rule(&f, "arp,actions=controller");
    fixture_rule_on(&f, 2, "actions=controller");
    fixture_translate(&f, "ip", 11);
    assert_int_equal(f.translation.n_actions, 1);
    assert_int_equal(f.translation.actions[0].controller.bridge, 2);
    assert_int_equal(f.translation.actions[0].controller.in_port, 25);
    fixture_translate(&f, "arp", 11);
    assert_int_equal(f.translation.actions[0].controller.in_port, 0);
    fixture_close(&f);
}

static void a_miss_behind_the_patch_drops_there_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fixture_second_bridge(&f, true);
    fixture_rule(&f, "actions=output:5,output(port=5,max_len=64),output:2");
    fixture_rule_on(&f, 2, "table=0,ip,actions=write_actions(output:2),goto_table:1");
    fixture_expect(&f, "ip", 11, "output:12");
    fixture_rule_on(&f, 2, "table=1,actions=drop");
    fixture_expect(&f, "ip", 11, "clone(output:26),output:12");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_bridge_has_its_own_tables_registers_and_port_numbers),
        cmocka_unit_test(a_patch_that_leads_nowhere_drops),
        cmocka_unit_test(what_changes_at_one_end_concerns_the_bridge_at_the_other),
        cmocka_unit_test(bridges_in_a_circle_end),
        cmocka_unit_test(learning_switches_on_both_sides_learn_behind_the_patch),
        cmocka_unit_test(a_packet_in_names_the_patch_port),
        cmocka_unit_test(a_miss_behind_the_patch_drops_there_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
