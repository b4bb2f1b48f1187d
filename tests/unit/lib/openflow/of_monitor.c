/* Tests of lib/openflow/of_monitor.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void a_request_is_read_back_in_every_version(void **state)
{
    static const enum of_form forms[OPENFLOW_VERSIONS] = {OF_FORM_NICIRA, OF_FORM_ONF, OF_FORM_STANDARD, OF_FORM_STANDARD};
    for (size_t v = 0; v < OPENFLOW_VERSIONS; v++) {
        struct of_monitor monitor = {.id = 5, .flags = OF_MONITOR_ADDED | OF_MONITOR_ONLY_OWN | OF_MONITOR_INITIAL};
        struct writer w;
        writer_init(&w);
        rule_filter_init(&monitor.filter);
        monitor.filter.table = 7;
        match_set(&monitor.filter.match, FIELD_ETH_TYPE, field_value_u64(0x800));
        struct of_message message = {
            .version = openflow_versions[v],
            .type = OF_MULTIPART_REQUEST,
            .multipart_request = {.type = OF_MULTIPART_FLOW_MONITOR, .form = forms[v], .monitors = {.items = &monitor, .count = 1}}};
        struct of_message out = openflow_over_the_wire(message, &w);
        assert_int_equal(out.multipart_request.monitors.count, 1);
        const struct of_monitor *heard = out.multipart_request.monitors.items;
        assert_int_equal(heard->id, 5);
        assert_int_equal(heard->flags, monitor.flags);
        assert_int_equal(heard->filter.table, 7);
        assert_true(match_equal(&heard->filter.match, &monitor.filter.match));
        of_message_fini(&out);
        monitor.flags = OF_MONITOR_INITIAL; /* of nothing */
        assert_int_equal(openflow_refusal_of(message), OF_ERROR_FLOW_MONITOR_FAILED_BAD_FLAGS);
        writer_fini(&w);
    }
}

static void updates_are_read_back_in_every_version(void **state)
{
    for (size_t v = 0; v < OPENFLOW_VERSIONS; v++) {
        struct of_flow_update update = {.event = OF_UPDATE_REMOVED, .reason = OF_REMOVED_HARD}, out;
        struct of_multipart mp;
        struct writer w;
        writer_init(&w);
        rule_init(&update.rule);
        update.rule.table = 4;
        update.rule.priority = 6;
        update.rule.cookie = 8;
        of_multipart_begin(&mp, &w, openflow_versions[v], 0, OF_MULTIPART_FLOW_MONITOR, OF_FORM_STANDARD);
        assert_int_equal(of_flow_update_encode(&mp, &update, true), 0);
        struct of_flow_update own = {.event = OF_UPDATE_ABBREV, .xid = 99};
        assert_int_equal(of_flow_update_encode(&mp, &own, true), 0);
        struct reader r = openflow_items(&mp);
        assert_int_equal(of_flow_update_decode(&r, openflow_versions[v], &out), 0);
        assert_int_equal(out.event, OF_UPDATE_REMOVED);
        assert_int_equal(out.reason, OF_REMOVED_HARD);
        assert_int_equal(out.rule.table, 4);
        assert_int_equal(out.rule.priority, 6);
        assert_int_equal(out.rule.cookie, 8);
        rule_fini(&out.rule);
        assert_int_equal(of_flow_update_decode(&r, openflow_versions[v], &out), 0);
        assert_int_equal(out.event, OF_UPDATE_ABBREV);
        assert_int_equal(out.xid, 99);
        rule_fini(&out.rule);
        writer_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_back_in_every_version),
        cmocka_unit_test(updates_are_read_back_in_every_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
