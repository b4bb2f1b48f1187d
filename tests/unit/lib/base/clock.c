/* Tests of lib/base/clock.c: the clock does not go back, and the wall clock is of this century.
 *
 * The only test that reads the real clock; everything else takes time as an argument.
 */
#include "lib/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void the_clock_never_goes_back(void **state)
{
    uint64_t last = clock_now_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void the_wall_clock_counts_from_the_epoch(void **state)
{
    assert_true(clock_wall_ns() > 1600000000ull * NS_PER_S);
}

static void units_fit_together(void **state)
{
    assert_true(NS_PER_S == 1000 * NS_PER_MS && NS_PER_MS == 1000 * NS_PER_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_counts_from_the_epoch),
        cmocka_unit_test(units_fit_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
