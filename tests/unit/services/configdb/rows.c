/* Tables over both environments: counts, ids, n, and that nothing remains of a write that is given up. */
#include "tests/unit/services/configdb/fixture.h"

static void a_table_lives_in_its_environment(void **state)
{
    enum rows_env env;
    assert_true(rows_env_of(CFG_PORT, &env));
    assert_int_equal(env, ROWS_DISK);
    assert_true(rows_env_of(CFG_RULE, &env));
    assert_int_equal(env, ROWS_RUN);
    assert_false(rows_env_of(CFG_PORT_STATUS, &env));
    assert_false(rows_env_of(0, &env));
    assert_false(rows_env_of(9999, &env));
}

static void counts_follow_commits_and_reopening(void **state)
{
    struct fixture_base base;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    fixture_put(&base, CFG_RULE, 6, &rule.base);
    fixture_put(&base, CFG_RULE, 6, &rule.base);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 2);
    assert_int_equal(rows_n(base.rows), 3);
    rows_destroy(&base.rows);
    fixture_base_open(&base);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 2);
    assert_int_equal(rows_count(base.rows, CFG_SWITCH), 1);
    assert_int_equal(rows_n(base.rows), 3);
    assert_int_equal(rows_begin(base.rows, ROWS_RUN), 0);
    assert_int_equal(rows_delete(base.rows, CFG_RULE, 6), 0);
    assert_int_equal(rows_delete(base.rows, CFG_RULE, 6), -ERROR_NOT_FOUND);
    assert_int_equal(rows_commit(base.rows), 0);
    assert_int_equal(rows_count(base.rows, CFG_RULE), 1);
    fixture_base_fini(&base);
}

static void a_write_given_up_leaves_no_row_count_or_n(void **state)
{
    struct fixture_base base;
    struct store_bytes value;
    fixture_base_init(&base);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(rows_next_n(base.rows), 1);
    assert_int_equal(rows_put(base.rows, CFG_PORT, 5, "x", 1), 0);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 1);
    rows_end(base.rows);
    assert_false(rows_is_open(base.rows));
    assert_int_equal(rows_n(base.rows), 0);
    assert_int_equal(rows_count(base.rows, CFG_PORT), 0);
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_int_equal(rows_get(base.rows, CFG_PORT, 5, &value), -ERROR_NOT_FOUND);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

static void an_id_is_never_given_twice(void **state)
{
    struct fixture_base base;
    fixture_base_init(&base);
    uint64_t first = rows_new_id(base.rows, CFG_PORT);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    uint64_t second = rows_new_id(base.rows, CFG_PORT);
    rows_end(base.rows);
    uint64_t third = rows_new_id(base.rows, CFG_PORT);
    assert_true(first < second && second < third);
    Busbar__PortRow port = fixture_port("p1", 1);
    fixture_put(&base, CFG_PORT, third, &port.base);
    rows_destroy(&base.rows);
    fixture_base_open(&base);
    assert_true(rows_new_id(base.rows, CFG_PORT) > third);
    fixture_base_fini(&base);
}

static void a_walk_stays_in_its_table(void **state)
{
    struct fixture_base base;
    struct store_bytes value;
    uint64_t id;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    Busbar__GroupRow group = BUSBAR__GROUP_ROW__INIT;
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 3, &rule.base);
    fixture_put(&base, CFG_RULE, UINT64_MAX, &rule.base);
    fixture_put(&base, CFG_GROUP, 1, &group.base);
    assert_int_equal(rows_begin_read(base.rows), 0);
    struct store_cursor *cursor = rows_walk(base.rows, CFG_RULE, 0);
    assert_int_equal(rows_walk_next(cursor, CFG_RULE, &id, &value), 0);
    assert_int_equal(id, 3);
    assert_int_equal(rows_walk_next(cursor, CFG_RULE, &id, &value), 0);
    assert_true(id == UINT64_MAX);
    assert_int_equal(rows_walk_next(cursor, CFG_RULE, &id, &value), -ERROR_NOT_FOUND);
    store_cursor_close(&cursor);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_lives_in_its_environment),
        cmocka_unit_test(counts_follow_commits_and_reopening),
        cmocka_unit_test(a_write_given_up_leaves_no_row_count_or_n),
        cmocka_unit_test(an_id_is_never_given_twice),
        cmocka_unit_test(a_walk_stays_in_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
