/* Tests of lib/cfg/keys.c: rows come, change and go, and the table of the bus follows. */
#include "lib/cfg/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static Busbar__KeyRow row_of(const char *name, const char *role, const char *public_key)
{
    Busbar__KeyRow row = BUSBAR__KEY_ROW__INIT;
    row.name = (char *)name;
    row.role = (char *)role;
    row.public_key = (char *)public_key;
    return row;
}

static void the_table_follows_the_rows(void **state)
{
    struct key_table *keys = key_table_new();
    Busbar__KeyRow reader = row_of("a", "read", "k1"), operator= row_of("a", "operate", "k1"),
                   other = row_of("b", "slowpath", "k2");
    keys_on_row(keys, NULL, &reader);
    keys_on_row(keys, NULL, &other);
    assert_int_equal(key_table_role(keys, "k1"), ROLE_READ);
    assert_int_equal(key_table_role(keys, "k2"), ROLE_SLOWPATH);
    keys_on_row(keys, &reader, &operator);
    assert_int_equal(key_table_role(keys, "k1"), ROLE_OPERATE);
    keys_on_row(keys, &operator, NULL);
    assert_int_equal(key_table_role(keys, "k1"), ROLE_NONE);
    assert_int_equal(key_table_size(keys), 1);
    key_table_destroy(&keys);
}

static void a_row_with_another_key_takes_the_old_one_away(void **state)
{
    struct key_table *keys = key_table_new();
    Busbar__KeyRow before = row_of("a", "admin", "k1"), after = row_of("a", "admin", "k2");
    keys_on_row(keys, NULL, &before);
    keys_on_row(keys, &before, &after);
    assert_int_equal(key_table_role(keys, "k1"), ROLE_NONE);
    assert_int_equal(key_table_role(keys, "k2"), ROLE_ADMIN);
    key_table_destroy(&keys);
}

static void a_role_from_the_future_gives_no_right(void **state)
{
    struct key_table *keys = key_table_new();
    Busbar__KeyRow before = row_of("a", "admin", "k1"), after = row_of("a", "emperor", "k1");
    keys_on_row(keys, NULL, &after);
    assert_int_equal(key_table_size(keys), 0);
    keys_on_row(keys, NULL, &before);
    keys_on_row(keys, &before, &after);
    assert_int_equal(key_table_role(keys, "k1"), ROLE_NONE);
    key_table_destroy(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_follows_the_rows),
        cmocka_unit_test(a_row_with_another_key_takes_the_old_one_away),
        cmocka_unit_test(a_role_from_the_future_gives_no_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
