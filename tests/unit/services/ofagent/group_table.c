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
        cmocka_unit_test(groups_wrong_in_themselves_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
