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

/* A commit of very many rules says which tables changed, and every flow that looked there is concerned. */
static void of_many_changes_the_tables_are_noted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    world_clear_changes(&f.world);
    for (int round = 0; round < 2; round++) {
        uint64_t rule = fixture_rule(&f, "table=3,arp,actions=drop");
        struct rule model = world_rule_model(world_rule(&f.world, rule));
        while (f.world.n_changes < CHANGES_MATCHED_MAX) {
            world_set_rule(&f.world, &model);
        }
        assert_true(f.world.changes[CHANGES_MATCHED_MAX - 1].match_used != 0);
        for (int i = 0; i < 10; i++) {
            world_set_rule(&f.world, &model);
        }
        fixture_rule(&f, "table=4,arp,actions=drop");
        fixture_rule(&f, "table=4,ip,actions=drop");
        assert_true(f.world.n_changes <= CHANGES_MATCHED_MAX + 3);
        const struct change *last = &f.world.changes[f.world.n_changes - 1];
        assert_true(last->kind == CHANGE_RULE && last->table == 4 && last->match_used == 0);
        world_clear_changes(&f.world); /* and then all begins anew */
    }
    fixture_close(&f);
}

static bool is_in(const void *piece, const void *all, size_t size)
{
    return (const uint8_t *)piece >= (const uint8_t *)all && (const uint8_t *)piece < (const uint8_t *)all + size;
}

/* What is kept of a rule is all that was said of it, and lies in its own memory. */
static void a_rule_is_kept_whole(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "table=3,priority=0,actions=drop",
        "priority=7,cookie=5,idle_timeout=1,hard_timeout=2,importance=3,send_flow_rem,tcp,in_port=1,nw_dst=10.0.0.0/8,metadata=1/3,actions=output:2",
        "priority=7,udp,tp_dst=5,actions=conjunction(7,1/2),conjunction(8,2/3)",
        "ip,actions=dec_ttl,write_actions(output:1,group:5),goto_table:9",
    };
    struct fixture f;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct flow_mod mod;
        struct error_detail detail = {""};
        if (flow_mod_parse(texts[i], FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
            fail_msg("%s: %s", texts[i], detail.text);
        }
        struct rule rule = {.id = 900 + i, .bridge = FIXTURE_BRIDGE, .match = mod.match, .instructions = mod.instructions, .cookie = mod.cookie,
                            .priority = mod.priority, .idle_timeout_s = mod.idle_timeout_s, .hard_timeout_s = mod.hard_timeout_s,
                            .importance = mod.importance, .flags = mod.flags, .table = mod.table == TABLE_ALL ? 0 : mod.table};
        world_set_rule(&f.world, &rule);
        struct rule model = world_rule_model(world_rule(&f.world, rule.id));
        assert_true(match_equal(&model.match, &rule.match) && instructions_equal(&model.instructions, &rule.instructions));
        assert_true(model.cookie == rule.cookie && model.priority == rule.priority && model.idle_timeout_s == rule.idle_timeout_s);
        assert_true(model.hard_timeout_s == rule.hard_timeout_s && model.importance == rule.importance && model.flags == rule.flags);
        assert_true(model.table == rule.table && model.id == rule.id && model.bridge == rule.bridge);
        assert_int_equal(world_rule(&f.world, rule.id)->is_table_miss, i == 0);
        assert_false(is_in(model.instructions.apply.items, &mod, sizeof mod));
        flow_mod_fini(&mod); /* nothing of it was taken */
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_may_come_in_any_order_and_go_in_any_order),
        cmocka_unit_test(changes_name_what_flows_depend_on),
        cmocka_unit_test(meters_are_known_by_number_and_only_their_coming_and_going_changes_flows),
        cmocka_unit_test(of_many_changes_the_tables_are_noted),
        cmocka_unit_test(a_rule_is_kept_whole),
        cmocka_unit_test(fail_mode_follows_all_controllers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
