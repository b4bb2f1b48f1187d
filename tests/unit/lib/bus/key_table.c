/* Tests of lib/bus/key_table.c: what was set is told, what was removed is not. */
#include "lib/bus/key_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void a_key_is_known_from_set_to_remove(void **state)
{
    struct key_table *table = key_table_new();
    char name[KEY_NAME_MAX + 1];
    assert_int_equal(key_table_role(table, "k1"), ROLE_NONE);
    key_table_set(table, "k1", "one", ROLE_READ);
    key_table_set(table, "k2", "two", ROLE_ADMIN);
    assert_int_equal(key_table_role(table, "k1"), ROLE_READ);
    key_table_set(table, "k1", "uno", ROLE_OPERATE);
    assert_int_equal(key_table_role(table, "k1"), ROLE_OPERATE);
    key_table_name(table, "k1", name);
    assert_string_equal(name, "uno");
    assert_int_equal(key_table_size(table), 2);
    key_table_remove(table, "k1");
    key_table_remove(table, "k1");
    assert_int_equal(key_table_role(table, "k1"), ROLE_NONE);
    key_table_name(table, "k1", name);
    assert_string_equal(name, "");
    assert_int_equal(key_table_role(table, "k2"), ROLE_ADMIN);
    assert_int_equal(key_table_size(table), 1);
    key_table_destroy(&table);
    assert_null(table);
    key_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_key_is_known_from_set_to_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
