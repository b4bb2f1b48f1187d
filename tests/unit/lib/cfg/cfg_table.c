/* Tests of lib/cfg/cfg_table.c: numbers, names and storage are those of tables.def. */
#include "lib/cfg/cfg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void tables_are_found_by_number_and_name(void **state)
{
    assert_string_equal(cfg_table_info(CFG_PORT)->name, "port");
    assert_true(cfg_table_info(CFG_PORT)->descriptor == &busbar__port_row__descriptor);
    assert_int_equal(cfg_table_by_name("port_status")->table, CFG_PORT_STATUS);
    assert_int_equal(cfg_table_by_name("rule")->storage, CFG_STORAGE_RUN);
    assert_int_equal(cfg_table_info(CFG_BRIDGE)->storage, CFG_STORAGE_DISK);
    assert_int_equal(cfg_table_info(CFG_CONTROLLER_STATUS)->storage, CFG_STORAGE_MEMORY);
}

static void numbers_and_names_that_are_not_there_give_null(void **state)
{
    assert_null(cfg_table_info(0));
    assert_null(cfg_table_info(9));
    assert_null(cfg_table_info(CFG_TABLE_MAX));
    assert_null(cfg_table_info(UINT32_MAX));
    assert_null(cfg_table_by_name(""));
    assert_null(cfg_table_by_name("PORT"));
}

static void every_number_fits_the_mirror_and_is_there_once(void **state)
{
    size_t n = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        const struct cfg_table_info *info = cfg_table_info(i);
        if (info != NULL) {
            n++;
            assert_true(i < CFG_TABLE_MAX && cfg_table_by_name(info->name) == info);
        }
    }
    assert_int_equal(n, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_found_by_number_and_name),
        cmocka_unit_test(numbers_and_names_that_are_not_there_give_null),
        cmocka_unit_test(every_number_fits_the_mirror_and_is_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
