/* The operations of a transaction, without a bus. */
#include "tests/unit/services/configdb/txn_bench.h"

#include <errno.h>

#define INSERT BUSBAR__OP_KIND__OP_INSERT
#define UPDATE BUSBAR__OP_KIND__OP_UPDATE
#define DELETE BUSBAR__OP_KIND__OP_DELETE
#define REQUIRE BUSBAR__OP_KIND__OP_REQUIRE
#define REQUIRE_ABSENT BUSBAR__OP_KIND__OP_REQUIRE_ABSENT
#define PUT BUSBAR__OP_KIND__OP_PUT

static char tag_column[] = "tag", trunks_column[] = "trunks", name_column[] = "name", priority_column[] = "priority";

static void an_update_changes_the_named_columns_only(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t port = bench_port(&base, "p1", bench_bridge(&base, "br0"));
    Busbar__PortRow value = fixture_port("other", 99);
    value.has_tag = 1;
    value.tag = 12;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &value.base, tag_column, &detail, NULL), 0);
    Busbar__PortRow *row = (Busbar__PortRow *)bench_row(&base, CFG_PORT, port);
    assert_int_equal(row->tag, 12);
    assert_string_equal(row->name, "p1");
    protobuf_c_message_free_unpacked(&row->base, NULL);
    value.has_tag = 0;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &value.base, tag_column, &detail, NULL), 0);
    row = (Busbar__PortRow *)bench_row(&base, CFG_PORT, port);
    assert_false(row->has_tag);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &value.base, name_column, &detail, NULL),
                     -ERROR_REFUSED);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &value.base, NULL, &detail, NULL), -ERROR_SYNTAX);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, 999, &value.base, tag_column, &detail, NULL),
                     -ERROR_NOT_FOUND);
    value.has_tag = 1;
    value.tag = 4095;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &value.base, tag_column, &detail, NULL),
                     -ERROR_RANGE);
    fixture_base_fini(&base);
}

static void mutations_add_and_take_elements(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint32_t trunks[] = {5, 6, 7};
    fixture_base_init(&base);
    uint64_t port = bench_port(&base, "p1", bench_bridge(&base, "br0"));
    Busbar__PortRow value = fixture_port("p1", 1);
    value.trunks = trunks;
    value.n_trunks = 3;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_INSERT, CFG_PORT, port, &value.base,
                               trunks_column, &detail, NULL),
                     0);
    value.n_trunks = 1;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_DELETE, CFG_PORT, port, &value.base,
                               trunks_column, &detail, NULL),
                     0);
    Busbar__PortRow *row = (Busbar__PortRow *)bench_row(&base, CFG_PORT, port);
    assert_int_equal(row->n_trunks, 2);
    assert_int_equal(row->trunks[0], 6);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    trunks[0] = 5000;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_INSERT, CFG_PORT, port, &value.base,
                               trunks_column, &detail, NULL),
                     -ERROR_RANGE);
    fixture_base_fini(&base);
}

static char options_column[] = "options", type_column[] = "type", size_column[] = "mac_table_size", dpid_column[] = "datapath_id",
            fail_mode_column[] = "fail_mode";

static Busbar__PortRow port_with_option(Busbar__PortOption *option, Busbar__PortOption **options, char *type, char *key, char *value)
{
    Busbar__PortRow row = fixture_port("p1", 1);
    busbar__port_option__init(option);
    option->key = key;
    option->value = value;
    options[0] = option;
    row.type = type;
    row.options = options;
    row.n_options = 1;
    return row;
}

static void maps_are_mutated_by_key(void **state)
{
    static char pcap[] = "pcap", rx[] = "rx", tx[] = "tx", a[] = "/a", b[] = "/b", any[] = "";
    static const struct {
        Busbar__OpKind kind;
        char *key, *value;
        size_t n;
        const char *rx;
    } steps[] = {
        {BUSBAR__OP_KIND__OP_MUTATE_INSERT, rx, a, 1, "/a"},  {BUSBAR__OP_KIND__OP_MUTATE_INSERT, tx, a, 2, "/a"},
        {BUSBAR__OP_KIND__OP_MUTATE_INSERT, rx, b, 2, "/a"}, /* keeps its value */
        {BUSBAR__OP_KIND__OP_MUTATE_DELETE, rx, b, 2, "/a"}, /* another value is another pair */
        {BUSBAR__OP_KIND__OP_MUTATE_DELETE, tx, any, 1, "/a"}, {BUSBAR__OP_KIND__OP_MUTATE_DELETE, rx, a, 0, NULL},
    };
    struct fixture_base base;
    struct error_detail detail;
    Busbar__PortOption option, *options[1];
    fixture_base_init(&base);
    uint64_t port = bench_port(&base, "p1", bench_bridge(&base, "br0"));
    Busbar__PortRow row = port_with_option(&option, options, pcap, rx, a);
    row.n_options = 0;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, port, &row.base, type_column, &detail, NULL), 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        row = port_with_option(&option, options, pcap, steps[i].key, steps[i].value);
        assert_int_equal(bench_one(&base, PROCESS_SWCTL, steps[i].kind, CFG_PORT, port, &row.base, options_column, &detail, NULL), 0);
        Busbar__PortRow *now = (Busbar__PortRow *)bench_row(&base, CFG_PORT, port);
        assert_int_equal(now->n_options, steps[i].n);
        if (steps[i].rx != NULL) {
            assert_string_equal(now->options[0]->value, steps[i].rx);
        }
        protobuf_c_message_free_unpacked(&now->base, NULL);
    }
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_INSERT, CFG_PORT, port, &row.base, type_column, &detail, NULL), -EINVAL);
    assert_non_null(strstr(detail.text, "column type: is neither a list of numbers nor a map"));
    fixture_base_fini(&base);
}

static void numbers_are_counted_up_and_down(void **state)
{
    static const struct {
        Busbar__OpKind kind;
        uint32_t change;
        int err;
        uint32_t becomes;
    } steps[] = {
        {BUSBAR__OP_KIND__OP_MUTATE_ADD, 8, 0, 8200}, /* from the default, 8192 */
        {BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT, 100, 0, 8100},
        {BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT, 8101, -ERROR_RANGE, 8100}, /* below 0 */
        {BUSBAR__OP_KIND__OP_MUTATE_SUBTRACT, 8100, -ERROR_RANGE, 8100}, /* 0 is not in 1 to 1048576 */
        {BUSBAR__OP_KIND__OP_MUTATE_ADD, UINT32_MAX, -ERROR_RANGE, 8100},
        {BUSBAR__OP_KIND__OP_MUTATE_ADD, 0, 0, 8100},
    };
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    Busbar__BridgeRow row = fixture_bridge("br0");
    row.has_mac_table_size = 1;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        row.mac_table_size = steps[i].change;
        assert_int_equal(bench_one(&base, PROCESS_SWCTL, steps[i].kind, CFG_BRIDGE, bridge, &row.base, size_column, &detail, NULL), steps[i].err);
        assert_true(steps[i].err == 0 || strstr(detail.text, "column other_config:mac-table-size") != NULL);
        Busbar__BridgeRow *now = (Busbar__BridgeRow *)bench_row(&base, CFG_BRIDGE, bridge);
        assert_int_equal(now->mac_table_size, steps[i].becomes);
        protobuf_c_message_free_unpacked(&now->base, NULL);
    }
    row.has_datapath_id = 1;
    row.datapath_id = 1;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_ADD, CFG_BRIDGE, bridge, &row.base, dpid_column, &detail, NULL),
                     -ERROR_REFUSED);
    assert_non_null(strstr(detail.text, "no number to count from"));
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, BUSBAR__OP_KIND__OP_MUTATE_ADD, CFG_BRIDGE, bridge, &row.base, fail_mode_column, &detail, NULL),
                     -ERROR_REFUSED);
    fixture_base_fini(&base);
}

/* What two columns may hold together is asked when all operations are done. */
static void the_order_of_type_and_options_does_not_matter(void **state)
{
    static char patch[] = "patch", pcap[] = "pcap", peer[] = "peer", other[] = "p2";
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    char *columns[2] = {options_column, type_column};
    Busbar__PortOption option, *options[1];
    fixture_base_init(&base);
    uint64_t port = bench_port(&base, "p1", bench_bridge(&base, "br0"));
    Busbar__PortRow row = port_with_option(&option, options, patch, peer, other);
    for (size_t is_wrong = 0; is_wrong < 2; is_wrong++) {
        bench_begin(&bench);
        row.type = is_wrong ? pcap : patch;
        for (size_t i = 0; i < 2; i++) {
            Busbar__Op *op = bench_op(&bench, UPDATE, CFG_PORT, port, &row.base);
            op->columns = &columns[i];
            op->n_columns = 1;
        }
        assert_int_equal(bench_run(&base, &bench, PROCESS_SWCTL, &detail, NULL), is_wrong ? -ERROR_UNKNOWN_NAME : 0);
    }
    assert_non_null(strstr(detail.text, "type pcap has no option peer"));
    fixture_base_fini(&base);
}

static void requirements_refuse_the_whole(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    char *columns[] = {priority_column};
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    uint64_t rule = 0;
    Busbar__RuleRow row = fixture_rule(bridge, 1);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_RULE, 0, &row.base, NULL, &detail, &rule), 0);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, REQUIRE, CFG_RULE, rule, &row.base, priority_column, &detail, NULL), 0);
    row.priority++;
    bench_begin(&bench);
    (void)bench_op(&bench, DELETE, CFG_RULE, rule, NULL);
    row.bridge = bridge;
    (void)bench_op(&bench, INSERT, CFG_RULE, 0, &row.base);
    (void)bench_op(&bench, REQUIRE_ABSENT, CFG_RULE, rule, NULL);
    Busbar__Op *require = bench_op(&bench, REQUIRE, CFG_BRIDGE, bridge + 1, NULL);
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), -ERROR_NOT_FOUND);
    require->id = bridge;
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), 0);
    assert_null(bench_row(&base, CFG_RULE, rule));
    bench_begin(&bench);
    require = bench_op(&bench, REQUIRE, CFG_RULE, rule + 1, &row.base);
    row.priority += 5;
    require->columns = columns;
    require->n_columns = 1;
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), -ERROR_NOT_FOUND);
    fixture_base_fini(&base);
}

static void a_changed_column_fails_its_requirement(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t rule = 0;
    Busbar__RuleRow row = fixture_rule(bench_bridge(&base, "br0"), 1);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_RULE, 0, &row.base, NULL, &detail, &rule), 0);
    row.priority++;
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, REQUIRE, CFG_RULE, rule, &row.base, priority_column, &detail, NULL),
                     -ERROR_CONFLICT);
    assert_non_null(strstr(detail.text, "column priority: changed by somebody else meanwhile, it is 100 now"));
    fixture_base_fini(&base);
}

static void labels_stand_for_ids_before_and_after_their_insert(void **state)
{
    enum { A = 1 };
    const uint64_t label = (1ull << 63) + A;
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    uint64_t ids[8];
    fixture_base_init(&base);
    Busbar__PortRow port = fixture_port("p1", label);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_PORT, 0, &port.base);
    (void)bench_op(&bench, INSERT, CFG_BRIDGE, label, &bridge.base);
    assert_int_equal(bench_run(&base, &bench, PROCESS_SWCTL, &detail, ids), 0);
    Busbar__PortRow *row = (Busbar__PortRow *)bench_row(&base, CFG_PORT, ids[0]);
    assert_int_equal(row->bridge, ids[1]);
    assert_int_equal(row->ofport, 1);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    /* A label that no insert has, one given twice, one that is no label. */
    port.bridge = label + 1;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, INSERT, CFG_PORT, 0, &port.base, NULL, &detail, NULL), -ERROR_REFERENCE);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, DELETE, CFG_PORT, label, NULL, NULL, &detail, NULL), -ERROR_REFERENCE);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, INSERT, CFG_BRIDGE, 5, &bridge.base, NULL, &detail, NULL), -ERROR_RANGE);
    Busbar__BridgeRow other = fixture_bridge("br1");
    Busbar__BridgeRow third = fixture_bridge("br2");
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_BRIDGE, label, &other.base);
    (void)bench_op(&bench, INSERT, CFG_BRIDGE, label, &third.base);
    assert_int_equal(bench_run(&base, &bench, PROCESS_SWCTL, &detail, NULL), -ERROR_DUPLICATE);
    fixture_base_fini(&base);
}

static void both_environments_in_one_transaction_are_refused(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    Busbar__PortRow port = fixture_port("p1", bridge);
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_RULE, 0, &rule.base);
    (void)bench_op(&bench, INSERT, CFG_PORT, 0, &port.base);
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), -ERROR_REFUSED);
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_PORT_STATUS, 0, NULL);
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), -ERROR_UNKNOWN_NAME);
    bench_begin(&bench);
    (void)bench_op(&bench, (Busbar__OpKind)77, CFG_RULE, 0, NULL);
    assert_int_equal(bench_run(&base, &bench, PROCESS_OFAGENT, &detail, NULL), -ERROR_UNSUPPORTED);
    fixture_base_fini(&base);
}

static void put_replaces_but_never_makes_up_an_id(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    uint64_t rule = 0;
    Busbar__RuleRow row = fixture_rule(bridge, 1);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, PUT, CFG_RULE, 77, &row.base, NULL, &detail, NULL), -ERROR_NOT_FOUND);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_RULE, 0, &row.base, NULL, &detail, &rule), 0);
    row.cookie = 2;
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, PUT, CFG_RULE, rule, &row.base, NULL, &detail, NULL), 0);
    row.bridge = bench_bridge(&base, "br1");
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, PUT, CFG_RULE, rule, &row.base, NULL, &detail, NULL), -ERROR_REFUSED);
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, PUT, CFG_OWNER, bridge, &owner.base, NULL, &detail, NULL), 0);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, PUT, CFG_OWNER, bridge + 50, &owner.base, NULL, &detail, NULL),
                     -ERROR_REFERENCE);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_OWNER, 0, &owner.base, NULL, &detail, NULL), -ERROR_REFUSED);
    fixture_base_fini(&base);
}

static void the_switch_row_is_always_there(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char column[] = "flow_limit";
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    row.has_flow_limit = 1;
    row.flow_limit = 1000;
    fixture_base_init(&base);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_SWITCH, 1, &row.base, column, &detail, NULL), 0);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, INSERT, CFG_SWITCH, 0, &row.base, NULL, &detail, NULL), -ERROR_EXISTS);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, DELETE, CFG_SWITCH, 1, NULL, NULL, &detail, NULL), -ERROR_REFUSED);
    fixture_base_fini(&base);
}

static void ofagent_changes_a_ports_config_and_nothing_else_of_it(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char config_column[] = "config";
    fixture_base_init(&base);
    uint64_t port = bench_port(&base, "p1", bench_bridge(&base, "br0"));
    Busbar__PortRow value = fixture_port("p1", 1);
    value.config = 1;
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, UPDATE, CFG_PORT, port, &value.base, config_column, &detail, NULL), 0);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, UPDATE, CFG_PORT, port, &value.base, tag_column, &detail, NULL),
                     -ERROR_WRONG_SENDER);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, DELETE, CFG_PORT, port, NULL, NULL, &detail, NULL), -ERROR_WRONG_SENDER);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_changes_the_named_columns_only),
        cmocka_unit_test(mutations_add_and_take_elements),
        cmocka_unit_test(maps_are_mutated_by_key),
        cmocka_unit_test(numbers_are_counted_up_and_down),
        cmocka_unit_test(the_order_of_type_and_options_does_not_matter),
        cmocka_unit_test(requirements_refuse_the_whole),
        cmocka_unit_test(a_changed_column_fails_its_requirement),
        cmocka_unit_test(labels_stand_for_ids_before_and_after_their_insert),
        cmocka_unit_test(both_environments_in_one_transaction_are_refused),
        cmocka_unit_test(put_replaces_but_never_makes_up_an_id),
        cmocka_unit_test(the_switch_row_is_always_there),
        cmocka_unit_test(ofagent_changes_a_ports_config_and_nothing_else_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
