/* What a change brings along. */
#include "tests/unit/services/configdb/txn_bench.h"

#include "services/configdb/derive.h"

#define INSERT BUSBAR__OP_KIND__OP_INSERT
#define UPDATE BUSBAR__OP_KIND__OP_UPDATE
#define DELETE BUSBAR__OP_KIND__OP_DELETE

static uint32_t ofport_of(struct fixture_base *base, uint64_t id)
{
    Busbar__PortRow *row = (Busbar__PortRow *)bench_row(base, CFG_PORT, id);
    assert_non_null(row);
    uint32_t ofport = row->ofport;
    protobuf_c_message_free_unpacked(&row->base, NULL);
    return ofport;
}

static void a_client_may_make_the_local_port_itself(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct bench bench;
    uint64_t ids[4];
    char system_type[] = "system";
    fixture_base_init(&base);
    Busbar__BridgeRow bridge = fixture_bridge("br0");
    Busbar__PortRow local = fixture_port("br0", 1ull << 63);
    local.has_tag = 1;
    local.tag = 5;
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_BRIDGE, 1ull << 63, &bridge.base);
    (void)bench_op(&bench, INSERT, CFG_PORT, 0, &local.base);
    assert_int_equal(bench_run(&base, &bench, PROCESS_SWCTL, &detail, ids), 0);
    assert_int_equal(ofport_of(&base, ids[1]), DERIVE_LOCAL);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 1);
    local.type = system_type;
    local.name = bridge.name = (char *)(uintptr_t) "br1";
    bench_begin(&bench);
    (void)bench_op(&bench, INSERT, CFG_BRIDGE, 1ull << 63, &bridge.base);
    (void)bench_op(&bench, INSERT, CFG_PORT, 0, &local.base);
    assert_int_equal(bench_run(&base, &bench, PROCESS_SWCTL, &detail, ids), -ERROR_REFUSED);
    fixture_base_fini(&base);
}

static void the_local_port_goes_only_with_its_bridge(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char type_column[] = "type";
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    uint64_t local = 1; /* the first port there is */
    assert_int_equal(ofport_of(&base, local), DERIVE_LOCAL);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, DELETE, CFG_PORT, local, NULL, NULL, &detail, NULL), -ERROR_IN_USE);
    Busbar__PortRow value = fixture_port("br0", bridge);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, local, &value.base, type_column, &detail, NULL),
                     -ERROR_REFUSED);
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, DELETE, CFG_BRIDGE, bridge, NULL, NULL, &detail, NULL), 0);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 0);
    assert_true(bench_bridge(&base, "br0") > bridge);
    fixture_base_fini(&base);
}

static void numbers_belong_to_a_bridge_and_can_be_asked_for_later(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char column[] = "ofport_request";
    fixture_base_init(&base);
    uint64_t br0 = bench_bridge(&base, "br0");
    uint64_t br1 = bench_bridge(&base, "br1");
    uint64_t a = bench_port(&base, "a", br0);
    uint64_t b = bench_port(&base, "b", br1);
    uint64_t c = bench_port(&base, "c", br1);
    assert_int_equal(ofport_of(&base, a), 1);
    assert_int_equal(ofport_of(&base, b), 1);
    assert_int_equal(ofport_of(&base, c), 2);
    Busbar__PortRow value = fixture_port("c", br1);
    value.has_ofport_request = 1;
    value.ofport_request = 1;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, c, &value.base, column, &detail, NULL), -ERROR_EXISTS);
    value.ofport_request = 500;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, c, &value.base, column, &detail, NULL), 0);
    assert_int_equal(ofport_of(&base, c), 500);
    value.ofport_request = 0;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, c, &value.base, column, &detail, NULL), -ERROR_RANGE);
    value.ofport_request = DERIVE_LOCAL;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, c, &value.base, column, &detail, NULL), -ERROR_RANGE);
    value.has_ofport_request = 0;
    assert_int_equal(bench_one(&base, PROCESS_SWCTL, UPDATE, CFG_PORT, c, &value.base, column, &detail, NULL), 0);
    assert_int_equal(ofport_of(&base, c), 500);
    fixture_base_fini(&base);
}

static void a_service_joins_as_itself_and_takes_its_former_place(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint64_t first = 0, second = 0;
    char none[] = "";
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.session = row.usage = row.packet = row.mac = row.control = none;
    row.kind = PROCESS_SLOWPATH;
    row.instance = 1;
    row.start = 55; /* what txn_bench says it is */
    fixture_base_init(&base);
    assert_int_equal(bench_one(&base, PROCESS_FASTPATH, INSERT, CFG_SERVICE, 0, &row.base, NULL, &detail, NULL),
                     -ERROR_WRONG_SENDER);
    row.start = 44;
    assert_int_equal(bench_one(&base, PROCESS_SLOWPATH, INSERT, CFG_SERVICE, 0, &row.base, NULL, &detail, NULL),
                     -ERROR_WRONG_SENDER);
    assert_int_equal(bench_one(&base, PROCESS_CONFIGDB, INSERT, CFG_SERVICE, 0, &row.base, NULL, &detail, &first), 0);
    assert_int_equal(bench_one(&base, PROCESS_SLOWPATH, DELETE, CFG_SERVICE, first, NULL, NULL, &detail, NULL),
                     -ERROR_WRONG_SENDER);
    row.start = 55;
    assert_int_equal(bench_one(&base, PROCESS_SLOWPATH, INSERT, CFG_SERVICE, 0, &row.base, NULL, &detail, &second), 0);
    assert_int_equal(rows_count(base.rows, CFG_SERVICE), 1);
    assert_null(bench_row(&base, CFG_SERVICE, first));
    assert_int_equal(bench_one(&base, PROCESS_SLOWPATH, DELETE, CFG_SERVICE, second, NULL, NULL, &detail, NULL), 0);
    fixture_base_fini(&base);
}

static void what_a_gone_bridge_leaves_in_the_run_environment_is_found(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint64_t kept = 0;
    fixture_base_init(&base);
    uint64_t br0 = bench_bridge(&base, "br0");
    uint64_t br1 = bench_bridge(&base, "br1");
    Busbar__RuleRow rule = fixture_rule(br0, 1);
    Busbar__GroupRow group = BUSBAR__GROUP_ROW__INIT;
    Busbar__MeterRow meter = BUSBAR__METER_ROW__INIT;
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    group.bridge = meter.bridge = br0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_RULE, 0, &rule.base, NULL, &detail, NULL), 0);
    }
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_GROUP, 0, &group.base, NULL, &detail, NULL), 0);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_GROUP, 0, &group.base, NULL, &detail, NULL), -ERROR_EXISTS);
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_METER, 0, &meter.base, NULL, &detail, NULL), 0);
    assert_int_equal(
        bench_one(&base, PROCESS_OFAGENT, BUSBAR__OP_KIND__OP_PUT, CFG_OWNER, br0, &owner.base, NULL, &detail, NULL), 0);
    rule.bridge = br1;
    assert_int_equal(bench_one(&base, PROCESS_OFAGENT, INSERT, CFG_RULE, 0, &rule.base, NULL, &detail, &kept), 0);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    struct overlay *overlay = overlay_new(base.rows);
    assert_int_equal(derive_bridge_gone(base.rows, overlay, br0), 0);
    assert_int_equal(overlay_write(overlay), 0);
    overlay_destroy(&overlay);
    assert_int_equal(rows_commit(base.rows), 0);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 1);
    assert_int_equal(rows_count(base.rows, CFG_GROUP) + rows_count(base.rows, CFG_METER) + rows_count(base.rows, CFG_OWNER), 0);
    ProtobufCMessage *row = bench_row(&base, CFG_RULE, kept);
    assert_non_null(row);
    protobuf_c_message_free_unpacked(row, NULL);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_make_the_local_port_itself),
        cmocka_unit_test(the_local_port_goes_only_with_its_bridge),
        cmocka_unit_test(numbers_belong_to_a_bridge_and_can_be_asked_for_later),
        cmocka_unit_test(a_service_joins_as_itself_and_takes_its_former_place),
        cmocka_unit_test(what_a_gone_bridge_leaves_in_the_run_environment_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
