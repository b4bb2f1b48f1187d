/* Tests of lib/model/rule_text.c: flow mods from text, and the exact lines of dump-flows. */
#include "tests/unit/lib/model/model_test.h"

static struct rule parsed_rule(const char *text)
{
    struct flow_mod mod;
    struct error_detail detail = {""};
    struct rule rule;
    if (flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
        print_error("%s: %s\n", text, detail.text);
        fail();
    }
    rule_init(&rule);
    rule.match = mod.match;
    rule.instructions = mod.instructions;
    rule.cookie = mod.cookie;
    rule.table = mod.table;
    rule.priority = mod.priority;
    rule.idle_timeout_s = mod.idle_timeout_s;
    rule.hard_timeout_s = mod.hard_timeout_s;
    rule.importance = mod.importance;
    rule.flags = mod.flags;
    return rule;
}

static void lines_are_those_of_ovs_ofctl_dump_flows(void **state)
{
    const struct rule_stats zero = {.duration_ns = 29000000},
                            some = {.duration_ns = 12500000000, .n_packets = 3, .n_bytes = 300},
                            whole = {.duration_ns = 5000000000};
    const struct {
        const char *text;
        const struct rule_stats *stats;
        const char *line;
    } cases[] = {
        {"cookie=1,idle_timeout=60,send_flow_rem,priority=90,tcp,tp_dst=80,actions=goto_table:1", &zero,
         " cookie=0x1, duration=0.029s, table=0, n_packets=0, n_bytes=0, idle_timeout=60, send_flow_rem "
         "priority=90,tcp,tp_dst=80 actions=goto_table:1"},
        {"actions=NORMAL", &some, " cookie=0x0, duration=12.500s, table=0, n_packets=3, n_bytes=300, actions=NORMAL"},
        {"table=7,priority=0,actions=drop", &whole,
         " cookie=0x0, duration=5s, table=7, n_packets=0, n_bytes=0, priority=0 actions=drop"},
        {"table=7,ip,hard_timeout=9,check_overlap,reset_counts,no_packet_counts,no_byte_counts,actions=1", NULL,
         " cookie=0x0, table=7, hard_timeout=9, check_overlap reset_counts no_packet_counts no_byte_counts ip "
         "actions=output:1"},
        {"importance=3,actions=1", NULL, " cookie=0x0, table=0, importance=3, actions=output:1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule rule = parsed_rule(cases[i].text);
        char *line = rule_format(&rule, cases[i].stats, NULL);
        assert_string_equal(line, cases[i].line);
        struct rule again = parsed_rule(line); /* a dump can be loaded */
        assert_true(match_equal(&rule.match, &again.match) && instructions_equal(&rule.instructions, &again.instructions));
        assert_int_equal(rule.flags, again.flags);
        assert_int_equal(rule.priority, again.priority);
        free(line);
        rule_fini(&rule);
        rule_fini(&again);
    }
}

static const struct refusal {
    const char *text;
    enum flow_mod_command command;
    int err;
    const char *names;
} refusals[] = {
    {"ip", FLOW_MOD_ADD, -ERROR_SYNTAX, "actions="},
    {"tp_dst=80,actions=drop", FLOW_MOD_ADD, -ERROR_PREREQUISITE, "tp_dst"},
    {"foo=3,actions=drop", FLOW_MOD_ADD, -ERROR_UNKNOWN_NAME, "foo"},
    {"priority=70000,actions=drop", FLOW_MOD_ADD, -ERROR_RANGE, "priority"},
    {"priority=x,actions=drop", FLOW_MOD_ADD, -ERROR_SYNTAX, "priority"},
    {"table=254,actions=drop", FLOW_MOD_ADD, -ERROR_RANGE, "table"},
    {"table=255,actions=drop", FLOW_MOD_ADD, -ERROR_RANGE, "table"},
    {"cookie=1/2,actions=drop", FLOW_MOD_ADD, -ERROR_REFUSED, "cookie"},
    {"out_port=1,actions=drop", FLOW_MOD_ADD, -ERROR_REFUSED, "out_port"},
    {"idle_timeout=70000,actions=drop", FLOW_MOD_ADD, -ERROR_RANGE, "idle_timeout"},
    {"actions=set_field:10.0.0.1->nw_dst", FLOW_MOD_ADD, -ERROR_REFUSED, "nw_dst"},
    {"table=3,actions=goto_table:2", FLOW_MOD_ADD, -ERROR_REFUSED, "goto_table"},
    {"actions=output:70000", FLOW_MOD_ADD, 0, ""},
    {"ip,actions=drop", FLOW_MOD_DELETE, -ERROR_REFUSED, "actions"},
    {"cookie=1", FLOW_MOD_DELETE, -ERROR_REFUSED, "cookie"},
    {"priority=3", FLOW_MOD_DELETE, -ERROR_REFUSED, "priority"},
    {"xactions=drop", FLOW_MOD_ADD, -ERROR_UNKNOWN_NAME, "xactions"},
};

static void what_is_wrong_is_refused_by_name(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct flow_mod mod = {.table = 77};
        struct error_detail detail = {""};
        int err = flow_mod_parse(refusals[i].text, refusals[i].command, NULL, &mod, &detail);
        bool is_expected = refusals[i].err != 0 ? err == refusals[i].err : err != 0;
        if (!is_expected || strstr(detail.text, refusals[i].names) == NULL) {
            print_error("%s: %d \"%s\"\n", refusals[i].text, err, detail.text);
            fail();
        }
        assert_int_equal(mod.table, 77);
    }
}

static void deletions_take_filters_and_all_tables_by_default(void **state)
{
    struct flow_mod mod;

    assert_int_equal(flow_mod_parse("ip,cookie=0x1/-1,out_port=LOCAL,out_group=5", FLOW_MOD_DELETE, NULL, &mod, NULL), 0);
    assert_int_equal(mod.table, TABLE_ALL);
    assert_true(mod.cookie_mask == UINT64_MAX);
    assert_int_equal(mod.out_port, PORT_LOCAL);
    assert_int_equal(mod.out_group, 5);
    flow_mod_fini(&mod);
    assert_int_equal(flow_mod_parse("table=2,priority=7,ip", FLOW_MOD_DELETE_STRICT, NULL, &mod, NULL), 0);
    assert_int_equal(mod.table, 2);
    assert_int_equal(mod.priority, 7);
    flow_mod_fini(&mod);
    assert_int_equal(flow_mod_parse("cookie=1,ip,actions=1", FLOW_MOD_MODIFY, NULL, &mod, NULL), 0);
    assert_int_equal(mod.cookie_mask, 0);
    flow_mod_fini(&mod);
}

static void a_filter_takes_a_match_and_the_words_of_dump_flows_only(void **state)
{
    struct rule_filter filter = {.table = 77};

    assert_int_not_equal(rule_filter_parse("priority=3", NULL, &filter, NULL), 0);
    assert_int_not_equal(rule_filter_parse("cookie=3", NULL, &filter, NULL), 0);
    assert_int_not_equal(rule_filter_parse("tp_dst=80", NULL, &filter, NULL), 0);
    assert_int_equal(filter.table, 77);
    assert_int_equal(rule_filter_parse("table=0,ip,cookie=0x1/-1,out_port=2", NULL, &filter, NULL), 0);
    assert_int_equal(filter.table, 0);
    assert_int_equal(filter.out_port, 2);
    assert_int_equal(rule_filter_parse("", NULL, &filter, NULL), 0);
    assert_int_equal(filter.table, TABLE_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_those_of_ovs_ofctl_dump_flows),
        cmocka_unit_test(what_is_wrong_is_refused_by_name),
        cmocka_unit_test(deletions_take_filters_and_all_tables_by_default),
        cmocka_unit_test(a_filter_takes_a_match_and_the_words_of_dump_flows_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
