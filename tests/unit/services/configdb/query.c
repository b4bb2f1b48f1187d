/* What swctl may ask, over the control wire. */
#include "tests/unit/services/configdb/desk.h"

static void add_bridges(struct desk *desk, int n)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    for (int i = 0; i < n; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "br%d", i);
        Busbar__BridgeRow row = fixture_bridge(name);
        (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    }
    assert_int_equal(fixture_transact(&desk->f, 0, &txn).error, 0);
}

static void tables_are_listed_whole_and_rows_by_id(void **state)
{
    struct desk desk;
    desk_init(&desk);
    add_bridges(&desk, 1200);
    ask(&desk, "list", "bridge", NULL);
    assert_int_equal(desk.error, 0);
    assert_int_equal(json_array_size(desk.answer), 1200);
    ask(&desk, "get", "bridge", "3");
    assert_int_equal(desk.error, 0);
    assert_string_equal(json_string_value(json_object_get(desk.answer, "name")), "br2");
    ask(&desk, "status", NULL, NULL);
    assert_int_equal(desk.error, 0);
    assert_non_null(json_object_get(desk.answer, "version"));
    desk_fini(&desk);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    struct desk desk;
    desk_init(&desk);
    ask(&desk, "list", "brigde", NULL);
    assert_int_equal(desk.error, -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(desk.text, "brigde"));
    ask(&desk, "list", NULL, NULL);
    assert_int_not_equal(desk.error, 0);
    ask(&desk, "get", "bridge", "77");
    assert_int_equal(desk.error, -ERROR_NOT_FOUND);
    ask(&desk, "get", "bridge", "7x");
    assert_int_not_equal(desk.error, 0);
    ask(&desk, "get", "bridge", "99999999999999999999999");
    assert_int_not_equal(desk.error, 0);
    desk_fini(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_listed_whole_and_rows_by_id),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
