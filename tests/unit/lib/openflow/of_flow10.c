/* Tests of lib/openflow/of_flow10.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static struct of_message mod_of(enum flow_mod_command command, const char *text)
{
    struct of_message message = {.version = OF_VERSION_10, .type = OF_FLOW_MOD};
    struct error_detail detail = {""};
    if (flow_mod_parse(text, command, NULL, &message.flow_mod, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    return message;
}

static void an_add_counts_anew_and_a_modify_may_add(void **state)
{
    struct writer w;
    writer_init(&w);
    for (int form = OF_FORM_STANDARD; form <= OF_FORM_NICIRA; form++) {
        struct of_message message = mod_of(FLOW_MOD_ADD, "table=2,priority=7,cookie=5,tcp,tp_dst=80,actions=output:2");
        message.form = (enum of_form)form;
        struct of_message out = openflow_over_the_wire(message, &w);
        assert_true(match_equal(&out.flow_mod.match, &message.flow_mod.match));
        assert_int_equal(out.form, form);
        assert_int_equal(out.flow_mod.flags, RULE_RESET_COUNTS);
        assert_int_equal(out.flow_mod.table, 2);
        assert_int_equal(out.flow_mod.cookie, 5);
        assert_false(out.flow_mod.is_old);
        of_message_fini(&out);
        message.flow_mod.command = FLOW_MOD_MODIFY;
        message.flow_mod.new_cookie = 9;
        out = openflow_over_the_wire(message, &w);
        assert_true(out.flow_mod.is_old);
        assert_int_equal(out.flow_mod.new_cookie, 9);
        assert_int_equal(out.flow_mod.cookie_mask, 0);
        of_message_fini(&out);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

static void only_nxm_asks_for_cookies(void **state)
{
    struct of_message message = mod_of(FLOW_MOD_DELETE, "cookie=5/-1,ip");
    struct writer w;
    writer_init(&w);
    message.form = OF_FORM_NICIRA;
    struct of_message out = openflow_over_the_wire(message, &w);
    assert_int_equal(out.flow_mod.cookie, 5);
    assert_true(out.flow_mod.cookie_mask == UINT64_MAX);
    of_message_fini(&out);
    message.form = OF_FORM_STANDARD;
    out = openflow_over_the_wire(message, &w);
    assert_int_equal(out.flow_mod.cookie_mask, 0);
    of_message_fini(&out);
    of_message_fini(&message);
    writer_fini(&w);
}

static void statistics_of_both_forms_are_read_back(void **state)
{
    struct of_message message = mod_of(FLOW_MOD_ADD, "priority=7,ip,nw_src=10.0.0.0/8,actions=output:2");
    struct rule rule = {.match = message.flow_mod.match, .instructions = message.flow_mod.instructions, .priority = 7, .cookie = 3};
    struct rule_stats stats = {.n_packets = 4, .n_bytes = 5, .duration_ns = 6000000007, .idle_ns = 2000000000}, out_stats;
    for (int form = OF_FORM_STANDARD; form <= OF_FORM_NICIRA; form++) {
        struct of_multipart mp;
        struct writer w;
        struct rule out;
        writer_init(&w);
        of_multipart_begin(&mp, &w, OF_VERSION_10, 1, OF_MULTIPART_FLOW, (enum of_form)form);
        assert_int_equal(of_flow_stats_encode(&mp, &rule, &stats), 0);
        struct reader r = openflow_items(&mp);
        assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_10, (enum of_form)form, &out, &out_stats), 0);
        assert_true(match_equal(&out.match, &rule.match));
        assert_true(instructions_equal(&out.instructions, &rule.instructions));
        assert_int_equal(out_stats.n_bytes, 5);
        assert_int_equal(out_stats.duration_ns, 6000000007);
        assert_int_equal(out_stats.idle_ns, form == OF_FORM_NICIRA ? 2000000000 : 0);
        rule_fini(&out);
        writer_fini(&w);
    }
    of_message_fini(&message);
}

static void emergency_flows_and_unknown_commands_are_refused(void **state)
{
    struct of_message message = mod_of(FLOW_MOD_ADD, "actions=drop");
    struct writer w;
    writer_init(&w);
    assert_int_equal(of_encode(&message, &w), 0);
    w.bytes[71] = 4;
    assert_int_equal(openflow_refusal(w.bytes, w.size), OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL);
    w.bytes[71] = 0;
    w.bytes[57] = 9;
    assert_int_equal(openflow_refusal(w.bytes, w.size), OF_ERROR_FLOW_MOD_FAILED_BAD_COMMAND);
    of_message_fini(&message);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_add_counts_anew_and_a_modify_may_add),
        cmocka_unit_test(only_nxm_asks_for_cookies),
        cmocka_unit_test(statistics_of_both_forms_are_read_back),
        cmocka_unit_test(emergency_flows_and_unknown_commands_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
