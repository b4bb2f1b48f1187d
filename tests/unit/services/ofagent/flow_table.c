/* Tests of services/ofagent/flow_table.c. */
#include "services/ofagent/flow_table.h"

#include "lib/base/random.h"
#include "tests/unit/services/ofagent/rules.h"

static struct flow_entry *entry_of(uint8_t table, uint16_t priority, uint32_t n, uint64_t id)
{
    struct rule rule;
    rule_init(&rule);
    rule.table = table;
    rule.priority = priority;
    rule.id = id;
    match_set(&rule.match, FIELD_REG0, field_value_u64(n));
    struct flow_entry *entry = flow_entry_new(&rule);
    rule_fini(&rule);
    return entry;
}

static void an_entry_is_found_by_its_exact_key_only(void **state)
{
    struct flow_table *table = flow_table_new();
    struct flow_entry *entry = entry_of(3, 7, 1, 0);
    struct match match = flow_entry_rule(entry).match, other = match;

    match_set(&other, FIELD_REG0, field_value_u64(2));
    flow_table_insert(table, entry);
    assert_ptr_equal(flow_table_find(table, 3, &match, 7), entry);
    assert_null(flow_table_find(table, 3, &match, 8));
    assert_null(flow_table_find(table, 4, &match, 7));
    assert_null(flow_table_find(table, 3, &other, 7));
    flow_table_destroy(&table);
    flow_table_destroy(&table);
}

static void a_row_number_that_comes_later_is_found(void **state)
{
    struct flow_table *table = flow_table_new();
    struct flow_entry *entry = entry_of(0, 1, 1, 0);

    flow_table_insert(table, entry);
    assert_null(flow_table_by_id(table, 42));
    flow_table_set_id(table, entry, 42);
    assert_ptr_equal(flow_table_by_id(table, 42), entry);
    flow_table_remove(table, entry, FLOW_ENTRY_QUIET);
    assert_null(flow_table_by_id(table, 42));
    assert_int_equal(flow_table_max_id(table), 42);
    flow_entry_destroy(&entry);
    flow_table_destroy(&table);
}

static void a_table_lists_its_entries_in_the_order_they_came(void **state)
{
    struct flow_table *table = flow_table_new();

    for (uint32_t i = 0; i < 300; i++) {
        flow_table_insert(table, entry_of((uint8_t)(i % 2), 1, i, i + 1));
    }
    uint32_t expected = 0;
    for (struct flow_entry *e = flow_table_first(table, 0); e != NULL; e = e->next) {
        assert_int_equal(e->rule.id, expected + 1);
        expected += 2;
    }
    assert_int_equal(expected, 300);
    assert_int_equal(flow_table_size(table), 300);
    assert_int_equal(flow_table_size_of(table, 1), 150);
    assert_null(flow_table_first(table, 255));
    flow_table_destroy(&table);
}

static void only_entries_with_timeouts_are_in_the_timed_list(void **state)
{
    struct flow_table *table = flow_table_new();
    struct flow_entry *a = entry_of(0, 1, 1, 0);
    struct flow_entry *b = entry_of(0, 1, 2, 0);

    a->rule.idle_timeout_s = 5;
    flow_table_insert(table, a);
    flow_table_insert(table, b);
    assert_ptr_equal(flow_table_first_timed(table), a);
    assert_null(a->next_timed);
    b->rule.hard_timeout_s = 1;
    flow_table_retime(table, b);
    a->rule.idle_timeout_s = 0;
    flow_table_retime(table, a);
    assert_ptr_equal(flow_table_first_timed(table), b);
    assert_null(b->next_timed);
    flow_table_remove(table, b, FLOW_ENTRY_QUIET);
    assert_null(flow_table_first_timed(table));
    flow_entry_destroy(&b);
    flow_table_destroy(&table);
}

static void a_cursor_meets_what_stays_once_whatever_comes_and_goes(void **state)
{
    struct flow_table *table = flow_table_new();
    struct flow_entry *entries[300];
    struct flow_cursor cursor, other;
    bool is_met[300] = {false};

    for (uint32_t i = 0; i < 300; i++) {
        entries[i] = entry_of((uint8_t)(i / 100), 1, i, i + 1);
        flow_table_insert(table, entries[i]);
    }
    flow_cursor_open(&cursor, table, TABLE_ALL);
    flow_cursor_open(&other, table, 1);
    for (uint32_t i = 0; i < 150; i++) {
        struct flow_entry *entry = flow_cursor_next(&cursor);
        assert_false(is_met[entry->rule.id - 1]);
        is_met[entry->rule.id - 1] = true;
        if (i % 3 == 0) { /* the one that would come next goes */
            uint32_t gone = i + 1;
            flow_table_remove(table, entries[gone], FLOW_ENTRY_QUIET);
            flow_entry_destroy(&entries[gone]);
            is_met[gone] = true;
            i++;
        }
    }
    assert_int_equal(flow_cursor_next(&other)->rule.table, 1);
    struct flow_entry *entry;
    while ((entry = flow_cursor_next(&cursor)) != NULL) {
        assert_false(is_met[entry->rule.id - 1]);
        is_met[entry->rule.id - 1] = true;
    }
    for (uint32_t i = 0; i < 300; i++) {
        assert_true(is_met[i]);
    }
    flow_cursor_close(&cursor);
    flow_cursor_close(&cursor);
    flow_table_destroy(&table);
    assert_null(other.table);
    assert_null(flow_cursor_next(&other));
    flow_cursor_close(&other);
}

/* Against an array that is looked through. */
static void a_thousand_random_inserts_and_removals_agree_with_an_array(void **state)
{
    enum { N = 1000 };
    struct flow_entry *there[N] = {NULL};
    struct flow_table *table = flow_table_new();
    struct random r;

    print_message("seed 11\n");
    random_seed(&r, 11);
    for (int step = 0; step < 20000; step++) {
        size_t i = random_below(&r, N);
        if (there[i] == NULL) {
            there[i] = entry_of((uint8_t)(i % 3), (uint16_t)(i % 5), (uint32_t)i, i + 1);
            flow_table_insert(table, there[i]);
        } else {
            flow_table_remove(table, there[i], FLOW_ENTRY_QUIET);
            flow_entry_destroy(&there[i]);
        }
        size_t probe = random_below(&r, N);
        assert_ptr_equal(flow_table_by_id(table, probe + 1), there[probe]);
    }
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_found_by_its_exact_key_only),
        cmocka_unit_test(a_row_number_that_comes_later_is_found),
        cmocka_unit_test(a_table_lists_its_entries_in_the_order_they_came),
        cmocka_unit_test(only_entries_with_timeouts_are_in_the_timed_list),
        cmocka_unit_test(a_cursor_meets_what_stays_once_whatever_comes_and_goes),
        cmocka_unit_test(a_thousand_random_inserts_and_removals_agree_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
