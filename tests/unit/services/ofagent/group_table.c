/* Tests of services/ofagent/group_table.c. */
#include "services/ofagent/group_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/memory.h"

static struct group group_of(uint32_t id, enum group_type type, size_t n_buckets)
{
    struct group group = {.group_id = id, .type = type, .n_buckets = n_buckets};
    group.buckets = memory_array(n_buckets + 1, sizeof *group.buckets);
    for (size_t i = 0; i < n_buckets; i++) {
        group.buckets[i].watch_port = PORT_ANY;
        group.buckets[i].watch_group = GROUP_ANY;
    }
    return group;
}

static enum of_error_number checked(uint32_t id, enum group_type type, size_t n_buckets, uint16_t weight, uint32_t watch_port)
{
    struct group group = group_of(id, type, n_buckets);
    for (size_t i = 0; i < n_buckets; i++) {
        group.buckets[i].weight = weight;
        group.buckets[i].watch_port = watch_port;
    }
    enum of_error_number error = group_check(&group);
    group_fini(&group);
    return error;
}

static void groups_are_found_by_row_while_they_are_in_the_table(void **state)
{
    struct group_table *table = group_table_new();
    struct group loaded = group_of(1, GROUP_TYPE_ALL, 1), added = group_of(2, GROUP_TYPE_ALL, 1);

    loaded.id = 70;
    struct group_entry *one = group_table_insert(table, &loaded, 0), *two = group_table_insert(table, &added, 0);
    assert_ptr_equal(group_table_by_row(table, 70), one);
    assert_null(group_table_by_row(table, 0));
    group_table_set_row(table, two, 71);
    assert_ptr_equal(group_table_by_row(table, 71), two);
    group_table_remove(table, one);
    assert_null(group_table_by_row(table, 70));
    group_entry_destroy(&one);
    group_table_destroy(&table);
}

static void buckets_get_the_lowest_numbers_that_are_free(void **state)
{
    struct group group = group_of(1, GROUP_TYPE_ALL, 4);

    group.buckets[0].bucket_id = group.buckets[1].bucket_id = group.buckets[3].bucket_id = BUCKET_ALL;
    group.buckets[2].bucket_id = 1;
    group.next_counter = 0xffff;
    group_number_buckets(&group);
    assert_int_equal(group.buckets[0].bucket_id, 0);
    assert_int_equal(group.buckets[1].bucket_id, 2);
    assert_int_equal(group.buckets[3].bucket_id, 3);
    assert_false(group_has_bucket_twice(&group));
    group_begin_counting(&group, 1, 2);
    assert_int_equal(group.buckets[1].counter, 0xffff);
    assert_int_equal(group.buckets[2].counter, 0); /* 65,536 later: the old one is long retired */
    group.buckets[3].bucket_id = 2;
    assert_true(group_has_bucket_twice(&group));
    group_fini(&group);
}

/* Each group leads to the next two: without remembering where it was, the search would take 2^500 steps. */
static void loops_are_found_in_as_many_steps_as_groups(void **state)
{
    struct group_table *table = group_table_new();
    struct group last = group_of(500, GROUP_TYPE_ALL, 1);
    struct action to = {.type = ACTION_GROUP};

    for (uint32_t id = 0; id < 500; id++) {
        struct group group = group_of(id, GROUP_TYPE_ALL, 1);
        for (uint32_t k = 1; k <= 2; k++) {
            to.group_id = id + k;
            action_list_add(&group.buckets[0].actions, &to);
        }
        (void)group_table_insert(table, &group, 0);
    }
    assert_false(group_table_would_loop(table, &last));
    to.group_id = 7;
    action_list_add(&last.buckets[0].actions, &to);
    assert_true(group_table_would_loop(table, &last));
    group_fini(&last);
    group_table_destroy(&table);
}

static void groups_are_found_by_number_until_removed(void **state)
{
    struct group_table *table = group_table_new();

    for (uint32_t id = 0; id < 5000; id++) {
        struct group group = group_of(id, GROUP_TYPE_ALL, 1);
        assert_non_null(group_table_insert(table, &group, 0));
        assert_null(group.buckets);
        group_fini(&group);
    }
    for (uint32_t id = 0; id < 5000; id += 2) {
        struct group_entry *entry = group_table_find(table, id);
        assert_non_null(entry);
        group_table_remove(table, entry);
        group_entry_destroy(&entry);
    }
    assert_int_equal(group_table_size(table), 2500);
    size_t n = 0;
    for (struct group_entry *e = group_table_first(table); e != NULL; e = e->next) {
        assert_int_equal(e->group.group_id % 2, 1);
        n++;
    }
    assert_int_equal(n, 2500);
    assert_null(group_table_find(table, 4));
    group_table_destroy(&table);
    group_table_destroy(&table);
}

static void groups_wrong_in_themselves_are_refused(void **state)
{
    assert_int_equal(checked(1, GROUP_TYPE_ALL, 2, 0, PORT_ANY), OF_ERROR_NONE);
    assert_int_equal(checked(1, GROUP_TYPE_ALL, 0, 0, PORT_ANY), OF_ERROR_NONE);
    assert_int_equal(checked(1, GROUP_TYPE_SELECT, 2, 100, PORT_ANY), OF_ERROR_NONE);
    assert_int_equal(checked(1, GROUP_TYPE_INDIRECT, 1, 0, PORT_ANY), OF_ERROR_NONE);
    assert_int_equal(checked(1, GROUP_TYPE_FF, 2, 0, 1), OF_ERROR_NONE);
    assert_int_equal(checked(GROUP_ALL, GROUP_TYPE_ALL, 1, 0, PORT_ANY), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(checked(1, GROUP_TYPE_INDIRECT, 2, 0, PORT_ANY), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(checked(1, GROUP_TYPE_FF, 1, 0, PORT_ANY), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(checked(1, GROUP_TYPE_ALL, 1, 50, PORT_ANY), OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP);
    assert_int_equal(checked(1, GROUP_TYPE_ALL, 1, 0, 3), OF_ERROR_GROUP_MOD_FAILED_WATCH_UNSUPPORTED);
    assert_int_equal(checked(1, (enum group_type)9, 1, 0, PORT_ANY), OF_ERROR_GROUP_MOD_FAILED_BAD_TYPE);
    assert_int_equal(checked(1, GROUP_TYPE_SELECT, GROUP_BUCKETS_MAX + 1, 1, PORT_ANY),
                     OF_ERROR_GROUP_MOD_FAILED_OUT_OF_BUCKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_found_by_number_until_removed),
        cmocka_unit_test(groups_are_found_by_row_while_they_are_in_the_table),
        cmocka_unit_test(buckets_get_the_lowest_numbers_that_are_free),
        cmocka_unit_test(loops_are_found_in_as_many_steps_as_groups),
        cmocka_unit_test(groups_wrong_in_themselves_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
