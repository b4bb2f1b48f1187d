/* Tables as JSON. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/list.h"

static void keep(void *context, json_t *rows)
{
    assert_true(json_array_size(rows) <= LIST_PIECE_ROWS);
    json_array_extend(context, rows);
    json_decref(rows);
}

static void stored_rows_come_in_order_and_in_pieces(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint8_t packed[64];
    Busbar__RuleRow rule = fixture_rule(1, 5);
    fixture_base_init(&base);
    struct status *status = status_new();
    size_t size = busbar__rule_row__pack(&rule, packed);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    for (uint64_t id = 1; id <= 2 * LIST_PIECE_ROWS + 1; id++) {
        assert_int_equal(rows_put(base.rows, CFG_RULE, id, packed, size), 0);
    }
    assert_int_equal(rows_commit(base.rows), 0);
    json_t *rows = json_array();
    assert_int_equal(list_table(base.rows, status, "rule", keep, rows, &detail), 0);
    assert_int_equal(json_array_size(rows), 2 * LIST_PIECE_ROWS + 1);
    json_t *last = json_array_get(rows, 2 * LIST_PIECE_ROWS);
    assert_int_equal(json_integer_value(json_object_get(last, "id")), 2 * LIST_PIECE_ROWS + 1);
    assert_int_equal(json_integer_value(json_object_get(last, "cookie")), 5);
    assert_false(rows_is_open(base.rows));
    json_decref(rows);
    status_destroy(&status);
    fixture_base_fini(&base);
}

static void status_rows_are_listed_alike_and_unknown_tables_refused(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    uint8_t packed[64];
    char text[] = "", mode[] = "tap";
    struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 1};
    Busbar__PortStatusRow value = BUSBAR__PORT_STATUS_ROW__INIT;
    Busbar__StatusRow row = BUSBAR__STATUS_ROW__INIT;
    fixture_base_init(&base);
    struct status *status = status_new();
    value.error = value.why = text;
    value.mode = mode;
    row.table = CFG_PORT_STATUS;
    row.id = 3;
    row.value.len = busbar__port_status_row__pack(&value, packed);
    row.value.data = packed;
    row.ttl_ms = 3000;
    assert_int_equal(status_publish(status, &shard, &row, 0, &detail), 0);
    json_t *rows = json_array();
    assert_int_equal(list_table(base.rows, status, "port_status", keep, rows, &detail), 0);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "mode")), "tap");
    assert_int_equal(list_table(base.rows, status, "PORT", keep, rows, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "PORT"));
    json_decref(rows);
    status_destroy(&status);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_rows_come_in_order_and_in_pieces),
        cmocka_unit_test(status_rows_are_listed_alike_and_unknown_tables_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
