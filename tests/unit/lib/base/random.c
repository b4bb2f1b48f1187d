/* Tests of lib/base/random.c: one seed gives one sequence, limits hold, and values spread evenly.
 *
 * Fixed seeds: these tests cannot fail by chance.
 */
#include "lib/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void one_seed_gives_one_sequence(void **state)
{
    struct random a, b, c;
    random_seed(&a, 42);
    random_seed(&b, 42);
    random_seed(&c, 43);
    int n_different = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t value = random_u64(&a);
        assert_true(value == random_u64(&b));
        n_different += value != random_u64(&c) ? 1 : 0;
    }
    assert_int_equal(n_different, 100);
}

static void values_stay_below_the_limit_and_spread(void **state)
{
    struct random r;
    unsigned seen[10] = {0};
    random_seed(&r, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t value = random_below(&r, 10);
        assert_true(value < 10);
        seen[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
}

static void limits_of_zero_and_one_give_zero(void **state)
{
    struct random r;
    random_seed(&r, 9);
    assert_true(random_below(&r, 0) == 0);
    assert_true(random_below(&r, 1) == 0);
}

static void start_numbers_differ_and_are_not_zero(void **state)
{
    uint64_t first = random_start_number();
    uint64_t second = random_start_number();
    assert_true(first != 0 && second != 0 && first != second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_one_sequence),
        cmocka_unit_test(values_stay_below_the_limit_and_spread),
        cmocka_unit_test(limits_of_zero_and_one_give_zero),
        cmocka_unit_test(start_numbers_differ_and_are_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
