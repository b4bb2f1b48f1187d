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

/* Also after the next start, and when the write was given up: too much does no harm. */
static void rows_of_a_bridge_are_found_by_their_ids(void **state)
{
    struct fixture_base base;
    const struct bridge_set two = {.ids = (uint64_t[]){2}, .n = 1}, all = {.is_all = true};
    Busbar__RuleRow of_1 = fixture_rule(1, 7), of_2 = fixture_rule(2, 7);
    uint64_t first = 0, last = 0;
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &of_1.base);
    fixture_put(&base, CFG_RULE, 600, &of_2.base);
    fixture_put(&base, CFG_RULE, 601, &of_2.base);
    fixture_put(&base, CFG_RULE, 900, &of_1.base);
    for (int i = 0; i < 2; i++) {
        assert_true(rows_next_of(base.rows, CFG_RULE, &two, 1, &first, &last));
        assert_true(first == 600 && last == 601);
        assert_false(rows_next_of(base.rows, CFG_RULE, &two, 602, &first, &last));
        assert_true(rows_next_of(base.rows, CFG_RULE, &all, 1, &first, &last));
        assert_true(first == 1 && last == UINT64_MAX);
        assert_true(rows_next_of(base.rows, CFG_GROUP, &two, 1, &first, &last)); /* not filtered */
        assert_true(first == 1 && last == UINT64_MAX);
        rows_destroy(&base.rows);
        fixture_base_open(&base);
    }
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_false(rows_has_all_bridges(base.rows, CFG_RULE) || rows_has_all_bridges(base.rows, CFG_GROUP));
    rows_end(base.rows);
    rows_forget_bridge(base.rows, 1);
    rows_forget_bridge(base.rows, 2);
    assert_false(rows_next_of(base.rows, CFG_RULE, &two, 1, &first, &last));
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_true(rows_has_all_bridges(base.rows, CFG_RULE));
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
        cmocka_unit_test(rows_of_a_bridge_are_found_by_their_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
