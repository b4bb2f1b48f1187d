/* columns.def, column by column. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "lib/cfg/target.h"
#include "services/configdb/validate.h"

static bool bridge_one(void *context, uint32_t table, uint64_t id)
{
    return table == CFG_BRIDGE && id == 1;
}

static int check(uint32_t table, const ProtobufCMessage *row, struct error_detail *detail)
{
    detail->text[0] = '\0';
    int err = validate_row(table, 5, row, bridge_one, NULL, detail);
    return err != 0 ? err : validate_whole(table, 5, row, detail);
}

static void every_line_of_columns_def_names_a_column(void **state)
{
#define COLUMN(t, c, r, l, h, w) assert_non_null(column_find(cfg_table_info(CFG_##t)->descriptor, #c));
#define UNIQUE(t, n, a, b)                                                                                                     \
    assert_non_null(column_find(cfg_table_info(CFG_##t)->descriptor, (a)));                                                    \
    assert_true((b) == NULL || column_find(cfg_table_info(CFG_##t)->descriptor, (b) != NULL ? (b) : (a)) != NULL);
#include "lib/cfg/columns.def"
}

static void interface_names(void **state)
{
    static const char *const good[] = {"br0", "eth0.100", "a", "fifteen-chars-x", "veth_A"};
    static const char *const bad[] = {"", ".", "..", "a/b", "sixteen-chars-xx", "a b", "a:1", "a%d", "tab\t", "\xc3\xa4"};
    struct error_detail detail;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        Busbar__BridgeRow row = fixture_bridge(good[i]);
        assert_int_equal(check(CFG_BRIDGE, &row.base, &detail), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Busbar__BridgeRow row = fixture_bridge(bad[i]);
        assert_int_equal(check(CFG_BRIDGE, &row.base, &detail), -ERROR_RANGE);
        assert_non_null(strstr(detail.text, "bridge row 5, column name"));
    }
}

static void controller_targets(void **state)
{
    static const char *const good[] = {"tcp:127.0.0.1:6653", "tcp:10.0.0.1", "tcp:[::1]:6653", "tcp:[fe80::1]",
                                       "tcp:1.2.3.4:65535", "ssl:1.2.3.4:1", "ptcp:6634", "pssl:6634:127.0.0.1", "unix:/run/x", "punix:/run/x"};
    static const char *const bad[] = {
        "",           "tcp:",           "unix:",          "tcp:1.2.3:1",      "tcp:1.2.3.4:0",     "tcp:1.2.3.4:65536",
        "tcp:host:1", "tcp:1.2.3.4:",   "tcp:[::1:6653",  "tcp:::1:6653",     "tcp:1.2.3.4:66x",   "tcp:[::1]x",
        "tcp:[]:1",   "tcp:1.2.3.4:-1", "tcp: 1.2.3.4:1", "TCP:1.2.3.4:6653", "tcp:1.2.3.4:123456"};
    struct error_detail detail;
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    row.bridge = 1;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        row.target = (char *)(uintptr_t)good[i];
        assert_int_equal(check(CFG_CONTROLLER, &row.base, &detail), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        row.target = (char *)(uintptr_t)bad[i];
        if (check(CFG_CONTROLLER, &row.base, &detail) != -ERROR_RANGE) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_non_null(strstr(detail.text, "column target"));
    }
}

static void numbers_words_and_references(void **state)
{
    struct error_detail detail;
    Busbar__PortRow port = fixture_port("p1", 1);
    assert_int_equal(check(CFG_PORT, &port.base, &detail), 0);
    port.has_tag = 1;
    port.tag = 4094;
    assert_int_equal(check(CFG_PORT, &port.base, &detail), 0);
    port.tag = 5000;
    assert_int_equal(check(CFG_PORT, &port.base, &detail), -ERROR_RANGE);
    assert_string_equal(detail.text, "port row 5, column tag: 5000 is not in 1 to 4094");
    port.tag = 0;
    assert_int_equal(check(CFG_PORT, &port.base, &detail), -ERROR_RANGE);
    port.has_tag = 0;
    port.bridge = 2;
    assert_int_equal(check(CFG_PORT, &port.base, &detail), -ERROR_REFERENCE);
    assert_string_equal(detail.text, "port row 5, column bridge: there is no bridge row 2");
    port.bridge = 1;
    uint32_t trunks[] = {1, 4096};
    port.trunks = trunks;
    port.n_trunks = 2;
    assert_int_equal(check(CFG_PORT, &port.base, &detail), -ERROR_RANGE);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    char secure[] = "secure", almost[] = "secur", both[] = "standalone|secure";
    bridge.fail_mode = secure;
    assert_int_equal(check(CFG_BRIDGE, &bridge.base, &detail), 0);
    bridge.fail_mode = almost;
    assert_int_equal(check(CFG_BRIDGE, &bridge.base, &detail), -ERROR_RANGE);
    bridge.fail_mode = both;
    assert_int_equal(check(CFG_BRIDGE, &bridge.base, &detail), -ERROR_RANGE);
}

/* Says what it thinks of a port of this type with these options, "key=value" each. */
static int check_options(const char *type, const char *const *words, size_t n, struct error_detail *detail)
{
    Busbar__PortRow port = fixture_port("p1", 1);
    Busbar__PortOption options[20], *pointers[20];
    char *texts[20];
    for (size_t i = 0; i < n; i++) {
        texts[i] = memory_string(words[i]);
        busbar__port_option__init(&options[i]);
        options[i].key = texts[i];
        options[i].value = strchr(texts[i], '=') + 1;
        options[i].value[-1] = '\0';
        pointers[i] = &options[i];
    }
    port.type = (char *)(uintptr_t)type;
    port.options = pointers;
    port.n_options = n;
    int err = check(CFG_PORT, &port.base, detail);
    for (size_t i = 0; i < n; i++) {
        free(texts[i]);
    }
    return err;
}

static void options_are_those_of_the_type(void **state)
{
    static const char *const good[] = {"rx=/a/in.pcap", "repeat=true", "pace=recorded", "tx=/o"};
    static const struct {
        const char *type, *words[2];
        size_t n;
        int err;
        const char *text;
    } bad[] = {
        {"pcap", {"colour=red"}, 1, -ERROR_UNKNOWN_NAME, "port row 5, column options: type pcap has no option colour (it has rx, repeat, pace, tx)"},
        {"null", {"rx=/a"}, 1, -ERROR_UNKNOWN_NAME, "port row 5, column options: type null has no option rx (it has none)"},
        {NULL, {"rx=/a"}, 1, -ERROR_UNKNOWN_NAME, "port row 5, column options: type system has no option rx (it has none)"},
        {"pcap", {"=x"}, 1, -ERROR_UNKNOWN_NAME, "port row 5, column options: type pcap has no option  (it has rx, repeat, pace, tx)"},
        {"pcap", {"rx=a.pcap"}, 1, -ERROR_RANGE, "port row 5, column options:rx: 'a.pcap' is not an absolute path of at most 1023 bytes"},
        {"pcap", {"tx=/"}, 1, -ERROR_RANGE, "port row 5, column options:tx: '/' is not an absolute path of at most 1023 bytes"},
        {"pcap", {"tx="}, 1, -ERROR_RANGE, "port row 5, column options:tx: '' is not an absolute path of at most 1023 bytes"},
        {"pcap", {"pace=slow"}, 1, -ERROR_RANGE, "port row 5, column options:pace: 'slow' is not one of full|recorded"},
        {"pcap", {"repeat=yes"}, 1, -ERROR_RANGE, "port row 5, column options:repeat: 'yes' is not one of true|false"},
        {"pcap", {"rx=/a", "rx=/b"}, 2, -ERROR_DUPLICATE, "port row 5, column options:rx: given twice"},
    };
    struct error_detail detail;
    assert_int_equal(check_options("pcap", good, 4, &detail), 0);
    assert_int_equal(check_options("pcap", good, 0, &detail), 0);
    assert_int_equal(check_options("null", good, 0, &detail), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(check_options(bad[i].type, bad[i].words, bad[i].n, &detail), bad[i].err);
        assert_string_equal(detail.text, bad[i].text);
    }
}

static void options_have_bounds(void **state)
{
    static const char *const many[17] = {"rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a",
                                         "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a", "rx=/a"};
    struct error_detail detail;
    char longest[3 + 1024 + 1] = "rx=/";
    const char *words[] = {longest};
    memset(longest + 4, 'a', 1022);
    assert_int_equal(check_options("pcap", words, 1, &detail), 0);
    longest[4 + 1022] = 'a';
    assert_int_equal(check_options("pcap", words, 1, &detail), -ERROR_RANGE);
    assert_int_equal(check_options("pcap", many, 17, &detail), -ERROR_TOO_LARGE);
}

static Busbar__FlowTableRow flow_table_by(char **groups, size_t n_groups)
{
    Busbar__FlowTableRow row = BUSBAR__FLOW_TABLE_ROW__INIT;
    row.bridge = 1;
    row.groups = groups;
    row.n_groups = n_groups;
    return row;
}

/* Table, row, column, value and rule are in every refusal; each kind of rule is broken once. */
static void every_rule_says_what_it_wants(void **state)
{
    static char long_text[300], bad_name[] = "a/b", bad_target[] = "tcp:x", mode[] = "open", pcap[] = "pcap", rx[] = "rx", relative[] = "a.pcap";
    static char good_field[] = "eth_src[0..7]", bad_field[] = "NXM_OF_IN_POT[]", *names[] = {good_field, bad_field};
    static uint32_t many[4097];
    struct error_detail detail;
    bool is_broken[SCHEMA_LIST + 1] = {[SCHEMA_FIXED] = true, [SCHEMA_ASSIGNED] = true}; /* of changes: below */
    Busbar__BridgeRow range = fixture_bridge("br0"), one_of = fixture_bridge("br0"), interface = fixture_bridge(bad_name);
    Busbar__PortRow bits = fixture_port("p1", 1), list = fixture_port("p1", 1), path = fixture_port("p1", 1), reference = fixture_port("p1", 9);
    Busbar__ControllerRow target = BUSBAR__CONTROLLER_ROW__INIT;
    Busbar__ServiceRow length = BUSBAR__SERVICE_ROW__INIT;
    Busbar__PortOption option = BUSBAR__PORT_OPTION__INIT, *options[] = {&option};
    Busbar__FlowTableRow field = flow_table_by(names, 2);
    memset(long_text, 'x', sizeof long_text - 1);
    range.has_mac_aging_s = 1;
    range.mac_aging_s = 90000;
    one_of.fail_mode = mode;
    bits.config = 2;
    list.trunks = many;
    list.n_trunks = 4097;
    path.type = pcap;
    path.options = options;
    path.n_options = 1;
    option.key = rx;
    option.value = relative;
    target.bridge = 1;
    target.target = bad_target;
    length.kind = 1;
    length.session = long_text;
    const struct {
        enum schema_rule_kind kind;
        enum cfg_table table;
        const ProtobufCMessage *row;
        const char *text;
    } broken[] = {
        {SCHEMA_RANGE, CFG_BRIDGE, &range.base, "bridge row 5, column other_config:mac-aging-time: 90000 is not in 1 to 86400"},
        {SCHEMA_BITS, CFG_PORT, &bits.base, "port row 5, column config: 0x2 has bits outside 0x75"},
        {SCHEMA_ONE_OF, CFG_BRIDGE, &one_of.base, "bridge row 5, column fail_mode: 'open' is not one of standalone|secure"},
        {SCHEMA_INTERFACE, CFG_BRIDGE, &interface.base,
         "bridge row 5, column name: 'a/b' is not a device name of 1 to 15 printable characters without '/', ':' and '%'"},
        {SCHEMA_TARGET, CFG_CONTROLLER, &target.base, "controller row 5, column target: 'tcp:x' is not " TARGET_WANTED},
        {SCHEMA_LENGTH, CFG_SERVICE, &length.base,
         "service row 5, column session: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is not a text of at most 255 bytes"},
        {SCHEMA_PATH, CFG_PORT, &path.base, "port row 5, column options:rx: 'a.pcap' is not an absolute path of at most 1023 bytes"},
        {SCHEMA_FIELD, CFG_FLOW_TABLE, &field.base,
         "flow_table row 5, column groups: 'NXM_OF_IN_POT[]' is not a field or bits of one, like NXM_OF_IN_PORT[]: unknown field \"NXM_OF_IN_POT\""},
        {SCHEMA_REFERENCE, CFG_PORT, &reference.base, "port row 5, column bridge: there is no bridge row 9"},
        {SCHEMA_LIST, CFG_PORT, &list.base, "port row 5, column trunks: 4097 elements are more than 4096"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_not_equal(check(broken[i].table, broken[i].row, &detail), 0);
        assert_string_equal(detail.text, broken[i].text);
        is_broken[broken[i].kind] = true;
    }
    for (size_t i = 0; i <= SCHEMA_LIST; i++) {
        assert_true(is_broken[i]);
    }
}

static void bytes_that_are_no_row_are_refused(void **state)
{
    static const uint8_t rubbish[] = {0xff, 0xff, 0xff};
    static const uint8_t unknown[] = {0x0a, 0x02, 'b', 'r', 0xf8, 0x06, 0x01}; /* name, and a column number 111 */
    static uint8_t huge[ROWS_VALUE_MAX + 1];
    struct error_detail detail;
    ProtobufCMessage *row = NULL;
    assert_int_equal(validate_unpack(CFG_BRIDGE, 5, rubbish, sizeof rubbish, NULL, &row, &detail), -ERROR_SYNTAX);
    assert_int_equal(validate_unpack(CFG_BRIDGE, 5, NULL, 0, NULL, &row, &detail), -ERROR_SYNTAX);
    assert_int_equal(validate_unpack(CFG_BRIDGE, 5, unknown, sizeof unknown, NULL, &row, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "111"));
    assert_int_equal(validate_unpack(CFG_BRIDGE, 5, huge, sizeof huge, NULL, &row, &detail), -ERROR_TOO_LARGE);
    assert_null(row);
}

static void fixed_and_assigned_columns_do_not_change(void **state)
{
    struct error_detail detail;
    assert_int_equal(validate_change(CFG_PORT, 5, "tag", &detail), 0);
    assert_int_equal(validate_change(CFG_PORT, 5, "name", &detail), -ERROR_REFUSED);
    assert_int_equal(validate_change(CFG_BRIDGE, 5, "name", &detail), -ERROR_REFUSED);
    assert_string_equal(detail.text, "bridge row 5, column name: is set once and never changes");
    assert_int_equal(validate_change(CFG_PORT, 5, "ofport", &detail), -ERROR_REFUSED);
    assert_string_equal(detail.text, "port row 5, column ofport: is assigned by configdb");
    assert_int_equal(validate_change(CFG_PORT, 5, "colour", &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "colour"));
}

static void unique_columns_make_keys_and_are_named(void **state)
{
    struct error_detail detail;
    Busbar__PortRow port = fixture_port("p1", 1);
    port.ofport = 3;
    assert_int_equal(validate_unique_count(CFG_PORT), 2);
    assert_int_equal(validate_unique_count(CFG_RULE), 0);
    struct db_key key = validate_unique_key(CFG_PORT, 0, &port.base);
    assert_int_equal(key.size, 4);
    assert_int_equal(validate_unique_error(CFG_PORT, 1, &port.base, 9, &detail), -ERROR_EXISTS);
    assert_string_equal(detail.text, "table port: row 9 has bridge 1 and ofport 3 already");
}

static void each_table_has_its_writers(void **state)
{
    struct error_detail detail;
    assert_int_equal(validate_writer(CFG_BRIDGE, PROCESS_SWCTL, &detail), 0);
    assert_int_equal(validate_writer(CFG_BRIDGE, PROCESS_FASTPATH, &detail), -ERROR_WRONG_SENDER);
    assert_non_null(strstr(detail.text, "fastpath"));
    assert_int_equal(validate_writer(CFG_RULE, PROCESS_OFAGENT, &detail), 0);
    assert_int_equal(validate_writer(CFG_RULE, PROCESS_SWCTL, &detail), -ERROR_WRONG_SENDER);
    assert_int_equal(validate_writer(CFG_SERVICE, PROCESS_SLOWPATH, &detail), 0);
}

static void references_and_fixed_columns_are_known(void **state)
{
    assert_int_equal(validate_reference(CFG_PORT, "bridge"), CFG_BRIDGE);
    assert_int_equal(validate_reference(CFG_PORT, "name"), 0);
    assert_true(validate_is_fixed(CFG_PORT, "name"));
    assert_false(validate_is_fixed(CFG_PORT, "tag"));
    assert_string_equal(validate_unique_columns(CFG_CONTROLLER, 0)[0], "bridge");
    assert_string_equal(validate_unique_columns(CFG_CONTROLLER, 0)[1], "target");
    assert_null(validate_unique_columns(CFG_BRIDGE, 0)[1]);
}

static bool plan_takes(const struct validate_plan *plan, uint64_t bridge, uint32_t table, uint32_t priority)
{
    struct verbatim row = {.numbers = {bridge, table, priority}};
    return validate_plan_row(plan, &row, bridge_one, NULL);
}

static void a_plan_says_what_the_rules_say(void **state)
{
    struct validate_plan plan;
    struct error_detail detail;
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        if (cfg_table_info(table) != NULL && (table == CFG_PORT || validate_unique_count(table) > 0)) {
            assert_false(validate_plan_make(table, &plan));
        }
    }
    assert_true(validate_plan_make(CFG_RULE, &plan));
    static const uint32_t tables[] = {0, 254, 255, UINT32_MAX}, priorities[] = {0, 65535, 65536};
    for (uint64_t bridge = 0; bridge < 3; bridge++) {
        for (size_t i = 0; i < 12; i++) {
            Busbar__RuleRow row = fixture_rule(bridge, 1);
            row.table = tables[i % 4];
            row.priority = priorities[i / 4];
            assert_int_equal(plan_takes(&plan, bridge, row.table, row.priority), check(CFG_RULE, &row.base, &detail) == 0);
        }
    }
    struct verbatim one = {.numbers = {1, 2, 3}}, other = {.numbers = {1, 5, 6}};
    assert_true(validate_plan_change(&plan, &one, &other));
    other.numbers[0] = 2; /* the bridge never changes */
    assert_false(validate_plan_change(&plan, &one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_says_what_the_rules_say),
        cmocka_unit_test(every_line_of_columns_def_names_a_column),
        cmocka_unit_test(interface_names),
        cmocka_unit_test(controller_targets),
        cmocka_unit_test(numbers_words_and_references),
        cmocka_unit_test(options_are_those_of_the_type),
        cmocka_unit_test(options_have_bounds),
        cmocka_unit_test(every_rule_says_what_it_wants),
        cmocka_unit_test(bytes_that_are_no_row_are_refused),
        cmocka_unit_test(fixed_and_assigned_columns_do_not_change),
        cmocka_unit_test(unique_columns_make_keys_and_are_named),
        cmocka_unit_test(each_table_has_its_writers),
        cmocka_unit_test(references_and_fixed_columns_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
