/* The start: what can be trusted is opened, what cannot is rebuilt or refused with a word on what to do. */
#include "tests/unit/services/configdb/fixture.h"

#include <fcntl.h>

#include "services/configdb/fold.h"

static void overwrite(const char *dir, const char *name)
{
    char path[160];
    uint8_t rubbish[4096 * 6];
    memset(rubbish, 0x5a, sizeof rubbish);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, 0), sizeof rubbish);
    close(fd);
}

static int start(const struct fixture_base *base, const char *boot_id, uint64_t wall_s, struct start_result *out,
                 struct error_detail *detail)
{
    struct start_settings settings = fixture_settings(&base->dir);
    settings.boot_id = boot_id;
    settings.wall_s = wall_s;
    return start_database(&settings, out, detail);
}

static void each_start_is_a_new_epoch_and_n_goes_on(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    assert_int_equal(base.epoch, 1000);
    assert_int_equal(base.last_epoch_end.epoch, 0);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    rows_destroy(&base.rows);
    assert_int_equal(start(&base, "boot-1", 1000, &result, &detail), 0);
    assert_int_equal(result.epoch, 1001);
    assert_int_equal(result.last_epoch_end.epoch, 1000);
    assert_int_equal(result.last_epoch_end.n, 1);
    rows_destroy(&result.rows);
    assert_int_equal(start(&base, "boot-1", 5, &result, &detail), 0); /* the clock went back */
    assert_int_equal(result.epoch, 1002);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

/* The wall clock stamps epochs and nothing else: whatever it jumps to, epochs go up, n goes on, and rows stay. */
static void wall_clock_jumps_make_no_more_than_another_epoch(void **state)
{
    static const uint64_t clocks_s[] = {7000000000, 0, 1, 18000000000, 999, 18000000000};
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    struct store_bytes value;
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    uint64_t epoch = base.epoch;
    for (uint64_t i = 0; i < sizeof clocks_s / sizeof clocks_s[0]; i++) {
        fixture_put(&base, CFG_RULE, 5 + i, &rule.base);
        rows_destroy(&base.rows);
        assert_int_equal(start(&base, "boot-1", clocks_s[i], &result, &detail), 0);
        base.rows = result.rows;
        assert_true(result.epoch > epoch);
        assert_int_equal(result.last_epoch_end.epoch, epoch);
        assert_int_equal(result.last_epoch_end.n, i + 1);
        assert_int_equal(rows_n(base.rows), i + 1);
        epoch = result.epoch;
        assert_int_equal(rows_begin_read(base.rows), 0);
        assert_int_equal(rows_get(base.rows, CFG_RULE, 5, &value), 0);
        assert_int_equal(rows_count(base.rows, CFG_RULE), i + 1);
        rows_end(base.rows);
    }
    fixture_base_fini(&base);
}

static void another_boot_id_rebuilds_without_opening_the_old(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    char run[128];
    Busbar__RuleRow rule = fixture_rule(1, 2);
    fixture_base_init(&base);
    fixture_put(&base, CFG_RULE, 5, &rule.base);
    uint64_t next_id = rows_new_id(base.rows, CFG_RULE);
    struct fold *fold = fold_new(base.rows, true);
    assert_int_equal(fold_flush(fold), 0);
    fold_destroy(&fold);
    rows_destroy(&base.rows);
    (void)snprintf(run, sizeof run, "%s/rundb", base.dir.run);
    overwrite(run, "data.mdb");
    assert_int_equal(start(&base, "boot-2", 2000, &result, &detail), 0);
    assert_int_equal(rows_count(result.rows, CFG_RULE), 1);
    assert_true(rows_n(result.rows) > 1);
    assert_int_equal(result.last_epoch_end.n, 0);
    assert_true(rows_new_id(result.rows, CFG_RULE) > next_id);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

static void a_damaged_run_environment_is_rebuilt(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    char run[128];
    fixture_base_init(&base);
    rows_destroy(&base.rows);
    (void)snprintf(run, sizeof run, "%s/rundb", base.dir.run);
    overwrite(run, "data.mdb");
    assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), 0);
    assert_int_equal(result.last_epoch_end.epoch, 0);
    base.rows = result.rows;
    fixture_base_fini(&base);
}

static void a_damaged_disk_is_refused_with_what_to_do(void **state)
{
    struct fixture_base base;
    struct start_result result;
    struct error_detail detail;
    fixture_base_init(&base);
    rows_destroy(&base.rows);
    overwrite(base.dir.db, "data.mdb");
    assert_int_equal(start(&base, "boot-1", 2000, &result, &detail), -ERROR_DAMAGED);
    assert_non_null(strstr(detail.text, "damaged"));
    assert_non_null(strstr(detail.text, base.dir.db));
    assert_non_null(strstr(detail.text, "good copy"));
    fixture_base_fini(&base);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    struct start_settings settings = {
        .run_dir = "/proc/nowhere", .db_dir = "/proc/nowhere/db", .boot_id = "b", .map_bytes = FIXTURE_MAP_BYTES};
    struct start_result result;
    struct error_detail detail;
    assert_true(start_database(&settings, &result, &detail) < 0);
    assert_non_null(strstr(detail.text, "/proc/nowhere/db"));
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_is_a_new_epoch_and_n_goes_on),
        cmocka_unit_test(wall_clock_jumps_make_no_more_than_another_epoch),
        cmocka_unit_test(another_boot_id_rebuilds_without_opening_the_old),
        cmocka_unit_test(a_damaged_run_environment_is_rebuilt),
        cmocka_unit_test(a_damaged_disk_is_refused_with_what_to_do),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
