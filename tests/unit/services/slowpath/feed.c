/* Rows become bridges, ports, rules and groups; rows that make no sense are counted and left out. */
#include "lib/msg/rule.h"
#include "lib/msg/rule_read.h"
#include "services/slowpath/feed.h"
#include "tests/unit/services/slowpath/fixture.h"

static void core_open(struct core *core)
{
    memset(core, 0, sizeof *core);
    world_init(&core->world);
    core->macs = mac_table_new();
}

static void core_close(struct core *core)
{
    mac_table_destroy(&core->macs);
    world_fini(&core->world);
}

static void feed_bridge_and_port(struct core *core)
{
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    bridge.name = (char *)"br0";
    feed_row(core, CFG_BRIDGE, 1, &bridge.base);
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    uint32_t trunks[] = {5, 4094};
    port.name = (char *)"p1";
    port.bridge = 1;
    port.ofport = 1;
    port.trunks = trunks;
    port.n_trunks = 2;
    feed_row(core, CFG_PORT, 11, &port.base);
}

static void configuration_rows_make_the_world(void **state)
{
    (void)state;
    struct core core;
    core_open(&core);
    feed_bridge_and_port(&core);
    const struct world_bridge *bridge = world_bridge(&core.world, 1);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_MISSES);
    const struct world_port *port = world_port_by_ofport(bridge, 1);
    assert_int_equal(port->id, 11);
    assert_true(world_port_in_vlan(port, 5) && world_port_in_vlan(port, 4094) && !world_port_in_vlan(port, 0));
    Busbar__ControllerRow controller = BUSBAR__CONTROLLER_ROW__INIT;
    controller.bridge = 1;
    controller.target = (char *)"tcp:127.0.0.1:6653";
    feed_row(&core, CFG_CONTROLLER, 20, &controller.base);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    Busbar__ControllerStatusRow status = BUSBAR__CONTROLLER_STATUS_ROW__INIT;
    status.state = (char *)"fail-open";
    status.role = status.last_error = (char *)"";
    feed_row(&core, CFG_CONTROLLER_STATUS, 20, &status.base);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_ALL);
    feed_row(&core, CFG_CONTROLLER_STATUS, 20, NULL);
    assert_int_equal(bridge->fail_open, FAIL_OPEN_NO);
    feed_row(&core, CFG_CONTROLLER, 20, NULL);
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    owner.has_fragments = true;
    owner.fragments = 1;
    feed_row(&core, CFG_OWNER, 1, &owner.base);
    assert_true(bridge->drops_fragments);
    assert_false(bridge->tells_misses);
    owner.has_tells_misses = owner.tells_misses = true;
    owner.fragments = 3;
    feed_row(&core, CFG_OWNER, 1, &owner.base);
    assert_false(bridge->drops_fragments);
    assert_true(bridge->tells_misses);
    owner.fragments = 1;
    feed_row(&core, CFG_OWNER, 1, &owner.base);
    feed_row(&core, CFG_OWNER, 1, NULL);
    assert_false(bridge->drops_fragments || bridge->tells_misses);
    feed_row(&core, CFG_PORT, 11, NULL);
    feed_row(&core, CFG_BRIDGE, 1, NULL);
    assert_null(world_bridge(&core.world, 1));
    core_close(&core);
}

static void rules_come_change_and_go_and_senseless_ones_are_counted(void **state)
{
    (void)state;
    struct core core;
    core_open(&core);
    feed_bridge_and_port(&core);
    struct flow_mod mod;
    assert_int_equal(flow_mod_parse("table=3,priority=9,ip,nw_dst=10.0.0.0/8,actions=output:1", FLOW_MOD_ADD, NULL, &mod, NULL),
                     0);
    struct rule rule;
    rule_init(&rule);
    rule.bridge = 1;
    rule.table = 3;
    rule.priority = 9;
    rule.match = mod.match;
    rule.instructions = mod.instructions;
    struct msg_rule_room room;
    Busbar__RuleRow *row = &room.row;
    assert_ptr_equal(msg_rule_encode(&rule, &room), row);
    feed_row(&core, CFG_RULE, 50, &row->base);
    feed_row(&core, CFG_RULE, 50, &row->base);
    assert_int_equal(world_bridge(&core.world, 1)->n_rules, 1);
    assert_int_equal(classifier_count(world_bridge(&core.world, 1)->tables[3]), 1);
    row->table = 255;
    feed_row(&core, CFG_RULE, 50, &row->base);
    assert_int_equal(core.counts.rows_refused, 1);
    assert_int_equal(world_bridge(&core.world, 1)->n_rules, 0);
    feed_row(&core, CFG_RULE, 50, NULL);
    msg_rule_room_fini(&room);
    rule_fini(&rule);
    core_close(&core);
}

/* The bytes of a rule's row are the rule, whichever way they are read; bytes that are no row take away what was there. */
static void rules_come_as_bytes(void **state)
{
    (void)state;
    struct core core;
    core_open(&core);
    feed_bridge_and_port(&core);
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 1}};
    struct rule rule;
    struct msg_rule_room room;
    uint8_t bytes[4000];
    for (size_t n_actions = 1; n_actions <= RULE_READ_ACTIONS + 1; n_actions += RULE_READ_ACTIONS) { /* read in one walk, and not */
        rule_init(&rule);
        rule.bridge = 1;
        rule.table = 3;
        rule.cookie = n_actions;
        rule.instructions.has_apply = true;
        match_set(&rule.match, FIELD_IN_PORT, field_value_u64(5));
        for (size_t i = 0; i < n_actions; i++) {
            action_list_add(&rule.instructions.apply, &output);
        }
        size_t size = busbar__rule_row__pack(msg_rule_encode(&rule, &room), bytes);
        assert_true(size <= sizeof bytes);
        msg_rule_room_fini(&room);
        feed_rule_bytes(&core, 50, bytes, size);
        const struct world_rule *there = world_rule(&core.world, 50);
        assert_non_null(there);
        struct rule model = world_rule_model(there);
        assert_true(match_equal(&model.match, &rule.match) && instructions_equal(&model.instructions, &rule.instructions));
        assert_true(model.id == 50 && model.cookie == n_actions && model.table == 3 && model.bridge == 1);
        assert_int_equal(world_bridge(&core.world, 1)->n_rules, 1);
        rule_fini(&rule);
    }
    assert_int_equal(core.counts.rows_refused, 0);
    feed_rule_bytes(&core, 50, (const uint8_t *)"\x0f", 1);
    assert_int_equal(core.counts.rows_refused, 1);
    assert_null(world_rule(&core.world, 50));
    feed_rule_bytes(&core, 50, NULL, 0);
    assert_int_equal(core.counts.rows_refused, 1);
    core_close(&core);
}

static void meters_come_by_number_and_go(void **state)
{
    (void)state;
    struct core core;
    core_open(&core);
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    row.bridge = 1;
    row.meter_id = 5;
    feed_row(&core, CFG_METER, 70, &row.base);
    assert_int_equal(world_meter(&core.world, 1, 5), 70);
    feed_row(&core, CFG_METER, 70, NULL);
    assert_int_equal(world_meter(&core.world, 1, 5), 0);
    core_close(&core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_rows_make_the_world),
        cmocka_unit_test(rules_come_as_bytes),
        cmocka_unit_test(meters_come_by_number_and_go),
        cmocka_unit_test(rules_come_change_and_go_and_senseless_ones_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
