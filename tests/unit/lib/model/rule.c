/* Tests of lib/model/rule.c. */
#include "tests/unit/lib/model/model_test.h"

#include "lib/base/memory.h"

static struct rule rule_of(const char *match, const char *actions, uint8_t table, uint64_t cookie)
{
    struct rule rule;
    rule_init(&rule);
    rule.match = model_match(match);
    rule.instructions = model_instructions(actions);
    rule.table = table;
    rule.cookie = cookie;
    return rule;
}

static void a_copied_rule_is_its_own(void **state)
{
    struct rule rule = rule_of("tcp", "output:1", 2, 3);
    struct rule *copy = rule_new_copy(&rule);

    rule_fini(&rule);
    assert_int_equal(copy->table, 2);
    assert_int_equal(copy->instructions.apply.items[0].output.port, 1);
    rule_destroy(&copy);
    assert_null(copy);
    rule_destroy(&copy);
}

static void a_filter_covers_a_rule_by_table_cookie_match_port_and_group(void **state)
{
    struct rule rule = rule_of("tcp,tp_dst=80", "output:1,group:7", 2, 0x12);
    const struct {
        const char *filter;
        bool covers;
    } cases[] = {
        {"", true},
        {"table=2", true},
        {"table=3", false},
        {"tcp", true},
        {"udp", false},
        {"tcp,tp_dst=80,in_port=1", false},
        {"cookie=0x12/-1", true},
        {"cookie=0x10/0xf0", true},
        {"cookie=0x13/-1", false},
        {"out_port=1", true},
        {"out_port=2", false},
        {"out_group=7", true},
        {"out_group=8", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule_filter filter;
        assert_int_equal(rule_filter_parse(cases[i].filter, NULL, &filter, NULL), 0);
        assert_int_equal(rule_filter_covers(&filter, &rule), cases[i].covers);
    }
    rule_fini(&rule);
}

static void a_fresh_flow_mod_filters_nothing(void **state)
{
    struct flow_mod mod;

    flow_mod_init(&mod, FLOW_MOD_DELETE);
    assert_int_equal(mod.command, FLOW_MOD_DELETE);
    assert_int_equal(mod.priority, RULE_PRIORITY_DEFAULT);
    assert_int_equal(mod.out_port, PORT_ANY);
    assert_int_equal(mod.out_group, GROUP_ANY);
    assert_int_equal(mod.buffer_id, 0xffffffffu);
    assert_int_equal(mod.cookie_mask, 0);
    flow_mod_fini(&mod);
    flow_mod_fini(&mod);
}

static void copies_of_groups_and_meters_outlive_the_originals(void **state)
{
    struct group group = {.group_id = 1, .n_buckets = 2, .buckets = memory_array(2, sizeof *group.buckets)};
    struct meter meter = {.meter_id = 1, .n_bands = 1, .bands = memory_array(1, sizeof *meter.bands)};

    group.buckets[1].actions = model_actions("output:9");
    meter.bands[0].rate = 5;
    struct group group_again = group_copy(&group);
    struct meter meter_again = meter_copy(&meter);
    group_fini(&group);
    meter_fini(&meter);
    assert_int_equal(group_again.buckets[1].actions.items[0].output.port, 9);
    assert_int_equal(group_again.buckets[0].actions.count, 0);
    assert_int_equal(meter_again.bands[0].rate, 5);
    group_fini(&group_again);
    meter_fini(&meter_again);
    group_fini(&group_again);
    meter_fini(&meter_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copied_rule_is_its_own),
        cmocka_unit_test(a_filter_covers_a_rule_by_table_cookie_match_port_and_group),
        cmocka_unit_test(a_fresh_flow_mod_filters_nothing),
        cmocka_unit_test(copies_of_groups_and_meters_outlive_the_originals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
