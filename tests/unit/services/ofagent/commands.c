/* Tests of services/ofagent/commands.c: what swctl gets. */
#include "services/ofagent/commands.h"

#include "tests/unit/services/ofagent/swctl.h"

static size_t n_rules(const struct bench *b)
{
    return flow_table_size(bridge_find(b->agent, 1)->flows);
}

static void flow_mods_are_done_together_and_answered_after_the_floor(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    bench_join(b);
    ask(b, "flow-mod", "br0", "add", "ip,actions=output:p2", "arp,actions=drop");
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, 0);
    assert_int_equal(n_rules(b), 2);
    bench_floor(b, b->agent->cfg->version.n);
    json_t *answer = await(b, &error, text, sizeof text);
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), 2);
    json_decref(answer);
}

static void one_wrong_text_and_none_is_done(void **state)
{
    struct bench *b = *state;

    refused(b, "flow-mod", "br0", "add", "ip,actions=output:1", "tp_dst=80,actions=output:1", "tp_dst");
    refused(b, "flow-mod", "br0", "add", "ip,actions=output:1", "arp,actions=group:9", "BAD_OUT_GROUP");
    assert_int_equal(n_rules(b), 0);
    assert_int_equal(b->agent->cfg->n_txns, 0);
}

static void every_command_word_does_its_work(void **state)
{
    struct bench *b = *state;

    json_decref(said(b, "flow-mod", "br0", "add", "priority=1,ip,actions=output:1", NULL));
    json_decref(said(b, "flow-mod", "br0", "modify", "ip,actions=output:2", NULL));
    assert_actions(bridge_find(b->agent, 1)->flows, "priority=1,ip", "output:2");
    json_decref(said(b, "flow-mod", "br0", "modify-strict", "priority=1,ip,actions=output:3", NULL));
    assert_actions(bridge_find(b->agent, 1)->flows, "priority=1,ip", "output:3");
    json_decref(said(b, "flow-mod", "br0", "delete-strict", "priority=2,ip", NULL));
    assert_int_equal(n_rules(b), 1);
    json_decref(said(b, "flow-mod", "br0", "delete", "", NULL));
    assert_int_equal(n_rules(b), 0);
    json_decref(said(b, "flow-mod", "br0", "delete", "", NULL)); /* nothing to do is done at once */
}

static void wrong_requests_are_refused_by_name(void **state)
{
    struct bench *b = *state;

    refused(b, "flow-mod", "br9", "add", "ip,actions=drop", NULL, "br9");
    refused(b, "flow-mod", "br0", "replace", "ip,actions=drop", NULL, "modify-strict");
    refused(b, "flow-mod", "br0", "add", NULL, NULL, "expected");
    refused(b, "dump-flows", NULL, NULL, NULL, NULL, "bridge");
    refused(b, "dump-flows", "br0", "nonsense=1", NULL, NULL, "nonsense");
    refused(b, "dump-flows", "br0", "ip", "tcp", NULL, "tcp");
    b->agent->cfg->is_connected = false;
    refused(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL, "configdb");
}

static void a_change_that_is_lost_is_told(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    b->agent->cfg->automatic = false;
    ask(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL);
    assert_null(await(b, &error, text, sizeof text));
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, -ERROR_TIMEOUT);
    assert_non_null(strstr(text, "silence"));
}

static void shards_that_do_not_follow_are_named_in_time(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    bench_join(b);
    ask(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL);
    bench_run(b, 8 * NS_PER_S);
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, 0);
    bench_run(b, NS_PER_S);
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, -ERROR_TIMEOUT);
    assert_non_null(strstr(text, "fastpath"));
}

static void dump_flows_gives_the_line_of_ovs_ofctl_and_its_parts(void **state)
{
    struct bench *b = *state;

    json_decref(said(b, "flow-mod", "br0", "add", "table=2,cookie=0x2a,priority=7,ip,nw_dst=10.0.0.0/8,actions=output:1",
                     "arp,actions=drop"));
    json_t *flows = said(b, "dump-flows", "br0", "ip", NULL, NULL);
    assert_int_equal(json_array_size(flows), 1);
    const json_t *flow = json_array_get(flows, 0);
    assert_int_equal(json_integer_value(json_object_get(flow, "cookie")), 42);
    assert_int_equal(json_integer_value(json_object_get(flow, "table")), 2);
    assert_string_equal(json_string_value(json_object_get(flow, "match")), "ip,nw_dst=10.0.0.0/8");
    assert_string_equal(json_string_value(json_object_get(flow, "actions")), "output:1");
    assert_non_null(
        strstr(json_string_value(json_object_get(flow, "text")), "priority=7,ip,nw_dst=10.0.0.0/8 actions=output:1"));
    json_decref(flows);
}

static void long_dumps_come_in_pieces(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 2500; i++) {
        char *text = memory_format("priority=%d,ip,actions=drop", i);
        struct flow_changes changes;
        assert_int_equal(apply_text(bridge_find(b->agent, 1)->flows, FLOW_MOD_ADD, text, b->now_ns, &changes), OF_ERROR_NONE);
        bridge_note(bridge_find(b->agent, 1), &changes, NULL);
        free(text);
    }
    json_t *flows = said(b, "dump-flows", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(flows), 2500);
    json_decref(flows);
}

static void ports_tables_and_status_are_shown(void **state)
{
    struct bench *b = *state;

    json_t *ports = said(b, "dump-ports", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(ports), 3);
    json_decref(ports);
    json_decref(said(b, "flow-mod", "br0", "add", "table=3,ip,actions=drop", NULL));
    json_t *tables = said(b, "dump-tables", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(tables), 1);
    json_decref(tables);
    json_t *status = commands_status(b->agent);
    const json_t *bridge = json_array_get(json_object_get(status, "bridges"), 0);
    assert_string_equal(json_string_value(json_object_get(bridge, "state")), "ready");
    assert_int_equal(json_integer_value(json_object_get(bridge, "rules")), 1);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(flow_mods_are_done_together_and_answered_after_the_floor),
        CLAIM(one_wrong_text_and_none_is_done),
        CLAIM(every_command_word_does_its_work),
        CLAIM(wrong_requests_are_refused_by_name),
        CLAIM(a_change_that_is_lost_is_told),
        CLAIM(shards_that_do_not_follow_are_named_in_time),
        CLAIM(dump_flows_gives_the_line_of_ovs_ofctl_and_its_parts),
        CLAIM(long_dumps_come_in_pieces),
        CLAIM(ports_tables_and_status_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
