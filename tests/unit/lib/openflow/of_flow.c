/* Tests of lib/openflow/of_flow.c. */
#include "lib/base/memory.h"
#include "tests/oracle/openflow.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static struct of_message flow_mod(enum flow_mod_command command, const char *text)
{
    struct of_message message = {.type = OF_FLOW_MOD, .xid = 9};
    struct error_detail detail = {""};
    if (flow_mod_parse(text, command, NULL, &message.flow_mod, &detail) != 0) {
        print_error("%s: %s\n", text, detail.text);
        fail();
    }
    return message;
}

static void out_port_and_group_are_filters_of_deletions_only(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message add = flow_mod(FLOW_MOD_ADD, "actions=output:1"),
                      delete = flow_mod(FLOW_MOD_DELETE, "out_port=3,out_group=4");
    add.flow_mod.out_port = 3;
    add.flow_mod.out_group = 4;
    struct of_message out = openflow_over_the_wire(add, &w);
    assert_int_equal(out.flow_mod.out_port, PORT_ANY);
    assert_int_equal(out.flow_mod.out_group, GROUP_ANY);
    of_message_fini(&out);
    of_message_fini(&add);
    out = openflow_over_the_wire(delete, &w);
    assert_int_equal(out.flow_mod.out_port, 3);
    assert_int_equal(out.flow_mod.out_group, 4);
    assert_int_equal(out.flow_mod.table, TABLE_ALL);
    of_message_fini(&out);
    writer_fini(&w);
}

static void a_flow_mod_is_refused_for_what_it_asks(void **state)
{
    struct of_message message = flow_mod(FLOW_MOD_ADD, "table=3,tcp,actions=set_field:80->tcp_dst,goto_table:4");

    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.flow_mod.table = 4;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_INSTRUCTION_BAD_TABLE_ID);
    message.flow_mod.table = TABLE_ALL;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID);
    message.flow_mod.table = 254;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID);
    message.flow_mod.table = 3;
    message.flow_mod.flags = 0x20;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_FLOW_MOD_FAILED_BAD_FLAGS);
    message.flow_mod.flags = 0;
    message.flow_mod.command = (enum flow_mod_command)5;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_FLOW_MOD_FAILED_BAD_COMMAND);
    message.flow_mod.command = FLOW_MOD_ADD;
    message.flow_mod.match = model_match("udp");
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_ACTION_MATCH_INCONSISTENT);
    of_message_fini(&message);
}

static void a_flow_removed_keeps_its_counts(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message message = {.type = OF_FLOW_REMOVED,
                                 .flow_removed = {.cookie = 5,
                                                  .duration_ns = 3500000000,
                                                  .n_packets = 7,
                                                  .n_bytes = 700,
                                                  .priority = 90,
                                                  .idle_timeout_s = 3,
                                                  .hard_timeout_s = 30,
                                                  .reason = OF_REMOVED_HARD,
                                                  .table = 2}};
    message.flow_removed.match = model_match("tcp,tp_dst=80");
    struct of_message out = openflow_over_the_wire(message, &w);
    assert_true(out.flow_removed.duration_ns == 3500000000 && out.flow_removed.n_bytes == 700);
    assert_int_equal(out.flow_removed.reason, OF_REMOVED_HARD);
    assert_true(match_equal(&out.flow_removed.match, &message.flow_removed.match));
    writer_fini(&w);
}

static void random_rules_arrive_with_their_statistics(void **state)
{
    struct random random;
    random_seed(&random, 5);
    for (int i = 0; i < 300; i++) {
        struct rule_stats stats = {
            .n_packets = random_u64(&random), .n_bytes = random_u64(&random), .duration_ns = 12345678901};
        struct rule_stats out_stats;
        struct rule rule, out;
        struct of_multipart mp;
        struct writer w;
        writer_init(&w);
        openflow_random_rule(&random, &rule);
        of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_FLOW, OF_FORM_STANDARD);
        assert_int_equal(of_flow_stats_encode(&mp, &rule, &stats), 0);
        struct reader r = openflow_items(&mp);
        for (size_t size = 0; size < reader_left(&r); size++) {
            uint8_t *copy = memory_copy(r.pos, size);
            struct reader cut = reader_of(copy, size);
            assert_int_not_equal(of_flow_stats_decode(&cut, OF_VERSION_13, OF_FORM_STANDARD, &out, &out_stats), 0);
            free(copy);
        }
        assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &out, &out_stats), 0);
        assert_int_equal(reader_left(&r), 0);
        assert_true(match_equal(&rule.match, &out.match) && instructions_equal(&rule.instructions, &out.instructions));
        assert_true(rule.cookie == out.cookie && rule.flags == out.flags && rule.table == out.table);
        assert_true(stats.n_bytes == out_stats.n_bytes && stats.duration_ns == out_stats.duration_ns);
        rule_fini(&rule);
        rule_fini(&out);
        writer_fini(&w);
    }
}

static void an_aggregate_arrives(void **state)
{
    struct of_aggregate out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_AGGREGATE, OF_FORM_STANDARD);
    assert_int_equal(of_aggregate_encode(&mp, &(struct of_aggregate){.n_packets = 1, .n_bytes = 2, .n_flows = 3}), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_aggregate_decode, struct of_aggregate);
    assert_int_equal(of_aggregate_decode(&r, OF_VERSION_13, &out), 0);
    assert_int_equal(out.n_packets, 1);
    assert_int_equal(out.n_bytes, 2);
    assert_int_equal(out.n_flows, 3);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_port_and_group_are_filters_of_deletions_only),
        cmocka_unit_test(a_flow_mod_is_refused_for_what_it_asks),
        cmocka_unit_test(a_flow_removed_keeps_its_counts),
        cmocka_unit_test(random_rules_arrive_with_their_statistics),
        cmocka_unit_test(an_aggregate_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
