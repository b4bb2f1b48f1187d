/* Tests of services/ofagent/floor.c. */
#include "services/ofagent/floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct version at(uint64_t n)
{
    return (struct version){.epoch = 1, .n = n};
}

static void without_shards_every_version_is_reached(void **state)
{
    struct floor floor;
    floor_init(&floor);
    assert_true(floor_reached(&floor, at(1000)));
    assert_true(floor_all_reported(&floor));
}

static void every_registered_shard_is_waited_for(void **state)
{
    struct floor floor;
    floor_init(&floor);
    assert_true(floor_join(&floor, 1, 11));
    assert_true(floor_join(&floor, 2, 12));
    assert_false(floor_reached(&floor, at(5)));
    floor_set(&floor, 11, at(5));
    assert_false(floor_reached(&floor, at(5)));
    floor_set(&floor, 12, at(4));
    assert_false(floor_reached(&floor, at(5)));
    assert_int_equal(floor_least(&floor).n, 4);
    floor_set(&floor, 12, at(6));
    assert_true(floor_reached(&floor, at(5)));
}

static void a_shard_that_left_is_not_waited_for(void **state)
{
    struct floor floor;
    floor_init(&floor);
    assert_true(floor_join(&floor, 1, 11));
    assert_true(floor_join(&floor, 2, 12));
    floor_set(&floor, 11, at(5));
    floor_leave(&floor, 2);
    floor_leave(&floor, 2);
    assert_true(floor_reached(&floor, at(5)));
}

static void a_floor_never_goes_back_within_a_life(void **state)
{
    struct floor floor;
    floor_init(&floor);
    assert_true(floor_join(&floor, 1, 11));
    floor_set(&floor, 11, at(9));
    floor_set(&floor, 11, at(3));
    assert_true(floor_reached(&floor, at(9)));
    assert_true(floor_join(&floor, 1, 99)); /* another life begins without one */
    assert_false(floor_reached(&floor, at(1)));
    floor_set(&floor, 11, at(9)); /* the dead say nothing any more */
    assert_false(floor_reached(&floor, at(1)));
}

static void counts_are_in_when_a_report_began_at_that_floor(void **state)
{
    struct floor floor;
    floor_init(&floor);
    assert_true(floor_join(&floor, 1, 11));
    floor_set(&floor, 11, at(9));
    assert_false(floor_counted(&floor, at(9)));
    floor_by_start(&floor, 11)->has_reported = true;
    floor_by_start(&floor, 11)->counted = at(8);
    assert_false(floor_counted(&floor, at(9)));
    floor_by_start(&floor, 11)->counted = at(9);
    assert_true(floor_counted(&floor, at(9)));
}

static void more_shards_than_there_is_room_for_are_refused(void **state)
{
    struct floor floor;
    floor_init(&floor);
    for (uint64_t i = 0; i < FLOOR_SHARDS_MAX; i++) {
        assert_true(floor_join(&floor, i + 1, i + 100));
    }
    assert_false(floor_join(&floor, 999, 999));
    assert_true(floor_join(&floor, 1, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_shards_every_version_is_reached),
        cmocka_unit_test(every_registered_shard_is_waited_for),
        cmocka_unit_test(a_shard_that_left_is_not_waited_for),
        cmocka_unit_test(a_floor_never_goes_back_within_a_life),
        cmocka_unit_test(counts_are_in_when_a_report_began_at_that_floor),
        cmocka_unit_test(more_shards_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
