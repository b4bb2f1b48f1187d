/* Tests of services/ofagent/on_group.c. */
#include "tests/unit/services/ofagent/bench.h"

static void group_mod(struct bench *b, struct client *c, enum of_group_command command, uint32_t id, enum group_type type,
                      const char *actions)
{
    struct bucket bucket = {.watch_port = PORT_ANY, .watch_group = GROUP_ANY};
    struct of_message message = {
        .type = OF_GROUP_MOD,
        .xid = 66,
        .group_mod = {.command = command,
                      .group = {.group_id = id, .type = type, .buckets = &bucket, .n_buckets = actions != NULL}}};
    struct error_detail detail;

    if (actions != NULL) {
        assert_int_equal(action_list_parse(actions, NULL, &bucket.actions, &detail), 0);
    }
    client_send(b, c, &message);
    action_list_fini(&bucket.actions);
}

static size_t n_groups(const struct bench *b)
{
    return group_table_size(bridge_find(b->agent, 1)->groups);
}

static void a_group_lives_from_add_to_delete_and_takes_its_rules_along(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    group_mod(b, &c, OF_GROUP_ADD, 5, GROUP_TYPE_ALL, "output:1");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=group:5");
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=output:1");
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(n_groups(b), 1);
    struct group_entry *entry = group_table_find(bridge_find(b->agent, 1)->groups, 5);
    assert_non_null(cfg_row(b->agent->cfg, CFG_GROUP, entry->group.id));
    group_mod(b, &c, OF_GROUP_MODIFY, 5, GROUP_TYPE_INDIRECT, "output:2");
    assert_int_equal(entry->group.type, GROUP_TYPE_INDIRECT);
    group_mod(b, &c, OF_GROUP_DELETE, 5, GROUP_TYPE_ALL, NULL);
    bench_step(b, NS_PER_MS);
    assert_int_equal(n_groups(b), 0);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    client_close(&c);
}

static void wrong_groups_get_the_standards_codes(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    group_mod(b, &c, OF_GROUP_ADD, 5, GROUP_TYPE_ALL, "output:1");
    group_mod(b, &c, OF_GROUP_ADD, 5, GROUP_TYPE_ALL, "output:1");
    client_expect_error(b, &c, OF_ERROR_GROUP_MOD_FAILED_GROUP_EXISTS);
    assert_int_equal(c.message.xid, 66);
    group_mod(b, &c, OF_GROUP_MODIFY, 6, GROUP_TYPE_ALL, "output:1");
    client_expect_error(b, &c, OF_ERROR_GROUP_MOD_FAILED_UNKNOWN_GROUP);
    group_mod(b, &c, OF_GROUP_ADD, 6, GROUP_TYPE_FF, "output:1");
    client_expect_error(b, &c, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    group_mod(b, &c, OF_GROUP_ADD, 6, GROUP_TYPE_ALL, "group:7");
    client_expect_error(b, &c, OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    group_mod(b, &c, OF_GROUP_ADD, 7, GROUP_TYPE_ALL, "group:7");
    client_expect_error(b, &c, OF_ERROR_GROUP_MOD_FAILED_LOOP);
    group_mod(b, &c, OF_GROUP_DELETE, 77, GROUP_TYPE_ALL, NULL);
    assert_false(client_next(b, &c));
    group_mod(b, &c, OF_GROUP_DELETE, GROUP_ALL, GROUP_TYPE_ALL, NULL);
    assert_int_equal(n_groups(b), 0);
    client_close(&c);
}

static void meter_mod(struct bench *b, struct client *c, enum of_meter_command command, uint32_t id, uint32_t rate)
{
    struct meter_band band = {.type = METER_BAND_DROP, .rate = rate};
    struct of_message message = {
        .type = OF_METER_MOD,
        .xid = 67,
        .meter_mod = {.command = command, .meter = {.meter_id = id, .flags = METER_KBPS, .bands = &band, .n_bands = 1}}};
    client_send(b, c, &message);
}

static void meters_come_and_go_with_the_standards_codes(void **state)
{
    struct bench *b = *state;
    struct client c;

    client_open(b, &c);
    meter_mod(b, &c, OF_METER_ADD, 1, 100);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "ip,actions=meter:1,output:1");
    meter_mod(b, &c, OF_METER_ADD, 1, 100);
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_METER_EXISTS);
    assert_int_equal(c.message.xid, 67);
    meter_mod(b, &c, OF_METER_MODIFY, 2, 100);
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER);
    meter_mod(b, &c, OF_METER_ADD, OF_METER_SLOWPATH, 100);
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    client_flow_mod(b, &c, FLOW_MOD_ADD, "arp,actions=meter:2,output:1");
    client_expect_error(b, &c, OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    meter_mod(b, &c, OF_METER_MODIFY, 1, 200);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 1);
    assert_int_equal(meter_table_find(bridge_find(b->agent, 1)->meters, 1)->meter.bands[0].rate, 200);
    meter_mod(b, &c, OF_METER_DELETE, OF_METER_ALL, 0);
    client_barrier(b, &c);
    client_expect(b, &c, OF_BARRIER_REPLY);
    assert_int_equal(flow_table_size(bridge_find(b->agent, 1)->flows), 0);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_group_lives_from_add_to_delete_and_takes_its_rules_along),
        CLAIM(wrong_groups_get_the_standards_codes),
        CLAIM(meters_come_and_go_with_the_standards_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
