/* The mirror of the rows: order does not matter, changes are noted, fail mode follows controllers. */
#include "tests/unit/services/slowpath/fixture.h"

static void rows_may_come_in_any_order_and_go_in_any_order(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof f);
    world_init(&f.world);
    f.next_id = 100;
    uint64_t rule = fixture_rule(&f, "ip,actions=drop");
    fixture_port(&f, 11, 1, VLAN_NONE, 0);
    fixture_bridge(&f, true);
    const struct world_bridge *bridge = world_bridge_by_name(&f.world, "br0");
    assert_non_null(bridge);
    assert_ptr_equal(world_port_by_ofport(bridge, 1), world_port(&f.world, 11));
    world_remove_bridge(&f.world, FIXTURE_BRIDGE);
    assert_non_null(world_bridge(&f.world, FIXTURE_BRIDGE));
    world_remove_rule(&f.world, rule);
    world_remove_port(&f.world, 11);
    assert_null(world_bridge(&f.world, FIXTURE_BRIDGE));
    world_fini(&f.world);
}

static void changes_name_what_flows_depend_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    world_clear_changes(&f.world);
    uint64_t rule = fixture_rule(&f, "table=3,arp,actions=drop");
    assert_int_equal(f.world.n_changes, 1);
    assert_int_equal(f.world.changes[0].kind, CHANGE_RULE);
    assert_int_equal(f.world.changes[0].table, 3);
    world_clear_changes(&f.world);
    world_remove_rule(&f.world, rule);
    assert_int_equal(f.world.n_changes, 1);
    world_clear_changes(&f.world);
    world_set_link(&f.world, 11, false);
    assert_int_equal(f.world.changes[0].kind, CHANGE_GROUPS);
    world_set_link(&f.world, 11, false);
    assert_int_equal(f.world.n_changes, 1);
    world_clear_changes(&f.world);
    fixture_port(&f, 11, 1, 7, 0);
    assert_int_equal(f.world.changes[0].kind, CHANGE_PORT_GONE);
    assert_int_equal(f.world.changes[0].port, 11);
    fixture_close(&f);
}

static void meters_are_known_by_number_and_only_their_coming_and_going_changes_flows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    world_clear_changes(&f.world);
    assert_int_equal(world_meter(&f.world, FIXTURE_BRIDGE, 5), 0);
    world_set_meter(&f.world, 70, FIXTURE_BRIDGE, 5);
    assert_int_equal(f.world.n_changes, 1);
    assert_int_equal(f.world.changes[0].kind, CHANGE_METERS);
    world_set_meter(&f.world, 70, FIXTURE_BRIDGE, 5); /* other bands */
    assert_int_equal(f.world.n_changes, 1);
    assert_int_equal(world_meter(&f.world, FIXTURE_BRIDGE, 5), 70);
    assert_int_equal(world_meter(&f.world, FIXTURE_BRIDGE + 1, 5), 0);
    world_remove_meter(&f.world, 70);
    world_remove_meter(&f.world, 70);
    assert_int_equal(f.world.n_changes, 2);
    assert_int_equal(world_meter(&f.world, FIXTURE_BRIDGE, 5), 0);
    world_set_meter(&f.world, 71, 9, 5); /* names a bridge that has nothing else */
    assert_non_null(world_bridge(&f.world, 9));
    world_remove_meter(&f.world, 71);
    assert_null(world_bridge(&f.world, 9));
    fixture_close(&f);
}

static void fail_mode_follows_all_controllers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const struct world_bridge *bridge = world_bridge(&f.world, FIXTURE_BRIDGE);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    fixture_bridge(&f, false);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_MISSES);
    world_set_controller(&f.world, 1, FIXTURE_BRIDGE);
    world_set_controller(&f.world, 2, FIXTURE_BRIDGE);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    world_set_controller_status(&f.world, 1, true);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    world_set_controller_status(&f.world, 2, true);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_ALL);
    world_set_controller_status(&f.world, 2, false);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    world_remove_controller(&f.world, 1);
    world_remove_controller(&f.world, 2);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_MISSES);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_may_come_in_any_order_and_go_in_any_order),
        cmocka_unit_test(changes_name_what_flows_depend_on),
        cmocka_unit_test(meters_are_known_by_number_and_only_their_coming_and_going_changes_flows),
        cmocka_unit_test(fail_mode_follows_all_controllers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
