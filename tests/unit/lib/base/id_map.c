/* Tests of lib/base/id_map.c: against a naive array under random changes, with numbers near and far from each other. */
#include "lib/base/id_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/random.h"

enum { IDS = 2000 };

static void nothing_is_in_an_empty_map(void **state)
{
    struct id_map map = {0};
    size_t cursor = 0;
    assert_null(id_map_find(&map, 5));
    assert_null(id_map_remove(&map, 5));
    assert_null(id_map_any(&map, &cursor));
    assert_null(id_map_next(&map, &cursor));
    id_map_fini(&map);
}

static void agrees_with_an_array(uint64_t stride, uint64_t seed)
{
    static char values[IDS];
    bool is_there[IDS] = {false};
    struct random r;
    struct id_map map = {0};
    size_t n = 0;

    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    for (int step = 0; step < 40000; step++) {
        uint64_t i = random_below(&r, IDS);
        bool grows = step / 4000 % 2 == 0;
        if (!is_there[i] && random_below(&r, 10) < (grows ? 8u : 2u)) {
            id_map_put(&map, i * stride, &values[i]);
            is_there[i] = true;
            n++;
        } else if (is_there[i] && random_below(&r, 10) < (grows ? 2u : 8u)) {
            assert_ptr_equal(id_map_remove(&map, i * stride), &values[i]);
            is_there[i] = false;
            n--;
        }
        uint64_t k = random_below(&r, IDS);
        assert_ptr_equal(id_map_find(&map, k * stride), is_there[k] ? &values[k] : NULL);
    }
    assert_int_equal(map.used, n);
    for (uint64_t i = 0; i < IDS; i++) {
        assert_ptr_equal(id_map_find(&map, i * stride), is_there[i] ? &values[i] : NULL);
    }
    size_t cursor = 0, n_seen = 0;
    char *value;
    while ((value = id_map_next(&map, &cursor)) != NULL) {
        assert_true(is_there[value - values]);
        n_seen++;
    }
    assert_int_equal(n_seen, n);
    cursor = 0;
    while ((value = id_map_any(&map, &cursor)) != NULL) {
        uint64_t i = (uint64_t)(value - values);
        assert_true(is_there[i]);
        is_there[i] = false;
        assert_ptr_equal(id_map_remove(&map, i * stride), value);
        n--;
    }
    assert_int_equal(n, 0);
    id_map_fini(&map);
}

static void numbers_in_a_row_agree_with_an_array(void **state)
{
    agrees_with_an_array(1, 41);
}

static void numbers_far_apart_agree_with_an_array(void **state)
{
    agrees_with_an_array(1 << 20, 42);
    agrees_with_an_array(UINT64_MAX / IDS, 43);
}

static void blocks_of_numbers_do_not_make_long_runs(void **state)
{
    static char value;
    struct id_map map = {0};
    for (uint64_t i = 0; i < 30000; i++) {
        id_map_put(&map, i, &value);
        id_map_put(&map, i + 65536, &value); /* the same lowest bits */
    }
    size_t longest = 0, run = 0;
    for (size_t i = 0; i <= map.mask; i++) {
        run = map.slots[i].value != NULL ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_in_range(longest, 4, 400);
    id_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_an_empty_map),
        cmocka_unit_test(numbers_in_a_row_agree_with_an_array),
        cmocka_unit_test(numbers_far_apart_agree_with_an_array),
        cmocka_unit_test(blocks_of_numbers_do_not_make_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
