/* Tests of services/ofagent/meter_table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "services/ofagent/meter_table.h"

static struct meter meter_of(uint32_t id, uint64_t row)
{
    struct meter meter = {.id = row, .meter_id = id, .flags = METER_KBPS, .n_bands = 1};
    meter.bands = memory_zeroed(sizeof *meter.bands);
    meter.bands[0] = (struct meter_band){.type = METER_BAND_DROP, .rate = id};
    return meter;
}

static void meters_are_found_by_number_and_row(void **state)
{
    struct meter_table *table = meter_table_new();
    struct meter first = meter_of(5, 0), second = meter_of(6, 70);
    struct meter_entry *five = meter_table_insert(table, &first, 1), *six = meter_table_insert(table, &second, 2);
    assert_null(first.bands);
    assert_ptr_equal(meter_table_find(table, 5), five);
    assert_ptr_equal(meter_table_find(table, 6), six);
    assert_null(meter_table_find(table, 7));
    assert_ptr_equal(meter_table_by_row(table, 70), six);
    assert_null(meter_table_by_row(table, 0));
    meter_table_set_row(table, five, 71);
    assert_ptr_equal(meter_table_by_row(table, 71), five);
    assert_int_equal(meter_table_size(table), 2);
    assert_ptr_equal(meter_table_first(table), five);
    assert_ptr_equal(meter_table_next(five), six);
    meter_table_remove(table, five);
    assert_false(five->is_in_table);
    assert_null(meter_table_find(table, 5));
    assert_null(meter_table_by_row(table, 71));
    meter_entry_destroy(&five);
    assert_null(five);
    meter_table_destroy(&table);
}

/* Its deletion can be on its way before its insertion is answered. */
static void a_row_that_comes_late_finds_no_table(void **state)
{
    struct meter_table *table = meter_table_new();
    struct meter meter = meter_of(5, 0);
    struct meter_entry *entry = meter_table_insert(table, &meter, 1);
    meter_table_remove(table, entry);
    meter_table_set_row(table, entry, 71);
    assert_int_equal(entry->meter.id, 71);
    assert_null(meter_table_by_row(table, 71));
    meter_entry_destroy(&entry);
    meter_table_destroy(&table);
}

static void wrong_meters_are_told_by_their_standard_codes(void **state)
{
    struct meter_band bands[METER_BANDS_MAX + 1] = {{.type = METER_BAND_DROP, .rate = 1}};
    struct meter meter = {.meter_id = 1, .flags = METER_KBPS, .bands = bands, .n_bands = 1};
    for (size_t i = 1; i <= METER_BANDS_MAX; i++) {
        bands[i] = bands[0];
    }
    assert_int_equal(meter_check(&meter), OF_ERROR_NONE);
    meter.n_bands = METER_BANDS_MAX + 1;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS);
    meter.n_bands = 0;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS);
    meter.n_bands = 1;
    meter.flags = METER_KBPS | METER_PKTPS;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_BAD_FLAGS);
    meter.flags = METER_KBPS;
    bands[0].type = METER_BAND_DSCP_REMARK;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_BAD_BAND_VALUE);
    bands[0].prec_level = 1;
    assert_int_equal(meter_check(&meter), OF_ERROR_NONE);
    bands[0].rate = 0;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_BAD_RATE);
    bands[0].rate = 1;
    meter.meter_id = 0;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    meter.meter_id = METER_SLOWPATH;
    assert_int_equal(meter_check(&meter), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    meter.meter_id = METER_CONTROLLER;
    assert_int_equal(meter_check(&meter), OF_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meters_are_found_by_number_and_row),
        cmocka_unit_test(a_row_that_comes_late_finds_no_table),
        cmocka_unit_test(wrong_meters_are_told_by_their_standard_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
