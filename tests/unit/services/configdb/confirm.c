/* Awaiting confirmation: how long yet, whatever the clocks do. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/confirm.h"

static Busbar__Pending *begun(struct fixture_base *base, const struct confirm_clocks *clocks)
{
    Busbar__Pending *pending = NULL;
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    assert_int_equal(confirm_begin(base->rows, 1000, 7, "swctl del-port eth0", "anna", 60, clocks), 0);
    assert_int_equal(rows_commit(base->rows), 0);
    rows_destroy(&base->rows);
    fixture_base_open(base);
    assert_int_equal(rows_begin_read(base->rows), 0);
    assert_int_equal(confirm_get(base->rows, &pending), 0);
    rows_end(base->rows);
    return pending;
}

static uint64_t left_s(const Busbar__Pending *pending, const char *boot, uint64_t now_s, uint64_t wall_s)
{
    struct confirm_clocks clocks = {.now_ns = now_s * NS_PER_S, .wall_ns = wall_s * NS_PER_S, .boot_id = boot};
    return confirm_left_ns(pending, &clocks) / NS_PER_S;
}

static void jumps_of_the_wall_clock_move_nothing(void **state)
{
    struct fixture_base base;
    struct confirm_clocks clocks = {.now_ns = 500 * NS_PER_S, .wall_ns = 1700000000 * NS_PER_S, .boot_id = "boot-1"};
    fixture_base_init(&base);
    Busbar__Pending *pending = begun(&base, &clocks);
    assert_int_equal(left_s(pending, "boot-1", 500, 1700000000), 60);
    assert_int_equal(left_s(pending, "boot-1", 520, 9), 40);
    assert_int_equal(left_s(pending, "boot-1", 520, 4000000000), 40);
    assert_int_equal(left_s(pending, "boot-1", 560, 9), 0);
    assert_int_equal(left_s(pending, "boot-1", 9999, 9), 0);
    busbar__pending__free_unpacked(pending, NULL);
    fixture_base_fini(&base);
}

static void after_a_reboot_the_wall_clock_says_and_never_more_than_the_whole(void **state)
{
    struct fixture_base base;
    struct confirm_clocks clocks = {.now_ns = 500 * NS_PER_S, .wall_ns = 1700000000 * NS_PER_S, .boot_id = "boot-1"};
    fixture_base_init(&base);
    Busbar__Pending *pending = begun(&base, &clocks);
    assert_int_equal(left_s(pending, "boot-2", 3, 1700000030), 30);
    assert_int_equal(left_s(pending, "boot-2", 3, 1700000900), 0);
    assert_int_equal(left_s(pending, "boot-2", 3, 0), 60); /* a clock without a battery */
    busbar__pending__free_unpacked(pending, NULL);
    fixture_base_fini(&base);
}

static void the_refusal_names_who_when_how_long_and_what_to_do(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    struct confirm_clocks clocks = {.now_ns = 500 * NS_PER_S, .wall_ns = 1700000000 * NS_PER_S, .boot_id = "boot-1"};
    fixture_base_init(&base);
    Busbar__Pending *pending = begun(&base, &clocks);
    clocks.now_ns += 18 * NS_PER_S;
    clocks.wall_ns += 18 * NS_PER_S;
    assert_int_equal(confirm_refuse(pending, &clocks, &detail), -ERROR_REFUSED);
    static const char *const words[] = {"version 7", "del-port eth0", "anna", "18 s ago", "in 42 s", "swctl confirm", "swctl cancel"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_non_null(strstr(detail.text, words[i]));
    }
    busbar__pending__free_unpacked(pending, NULL);
    fixture_base_fini(&base);
}

static void it_ends_with_the_commit_that_ends_it(void **state)
{
    struct fixture_base base;
    struct confirm_clocks clocks = {.boot_id = "boot-1"};
    fixture_base_init(&base);
    Busbar__Pending *pending = begun(&base, &clocks);
    busbar__pending__free_unpacked(pending, NULL);
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(confirm_end(base.rows), 0);
    rows_end(base.rows); /* given up */
    assert_int_equal(rows_begin(base.rows, ROWS_DISK), 0);
    assert_int_equal(confirm_get(base.rows, &pending), 0);
    busbar__pending__free_unpacked(pending, NULL);
    assert_int_equal(confirm_end(base.rows), 0);
    assert_int_equal(rows_commit(base.rows), 0);
    assert_int_equal(rows_begin_read(base.rows), 0);
    assert_int_equal(confirm_get(base.rows, &pending), -ERROR_NOT_FOUND);
    rows_end(base.rows);
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumps_of_the_wall_clock_move_nothing),
        cmocka_unit_test(after_a_reboot_the_wall_clock_says_and_never_more_than_the_whole),
        cmocka_unit_test(the_refusal_names_who_when_how_long_and_what_to_do),
        cmocka_unit_test(it_ends_with_the_commit_that_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
