/* Durations land in the bucket whose bound is the first that is not below them, and none is lost. */
#include "lib/metrics/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/base/random.h"

/* Too simple to be wrong: a loop over the bounds. */
static size_t bucket_of(uint64_t duration_ns)
{
    size_t i = 0;
    for (uint64_t bound_ns = 10000; i < HISTOGRAM_BOUNDS && duration_ns > bound_ns; bound_ns *= 2) {
        i++;
    }
    return i;
}

static void expect_bucket(uint64_t duration_ns)
{
    struct histogram histogram = {.sum_ns = 0};
    histogram_add(&histogram, duration_ns);
    if (histogram.counts[bucket_of(duration_ns)] != 1) {
        fail_msg("%llu ns is not in bucket %zu", (unsigned long long)duration_ns, bucket_of(duration_ns));
    }
    assert_int_equal(histogram_count(&histogram), 1);
    assert_int_equal(histogram.sum_ns, duration_ns);
}

static void a_duration_is_in_the_bucket_of_the_first_bound_not_below_it(void **state)
{
    expect_bucket(0);
    expect_bucket(1);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        expect_bucket(histogram_bound_ns(i) - 1);
        expect_bucket(histogram_bound_ns(i));
        expect_bucket(histogram_bound_ns(i) + 1);
    }
    expect_bucket(UINT64_MAX);
}

static void random_durations_are_all_counted(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    struct random random;
    struct histogram histogram = {.sum_ns = 0};
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (int i = 0; i < 10000; i++) {
        uint64_t duration_ns = random_u64(&random) >> (random_u64(&random) % 64);
        expect_bucket(duration_ns);
        histogram_add(&histogram, duration_ns);
    }
    assert_int_equal(histogram_count(&histogram), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_in_the_bucket_of_the_first_bound_not_below_it),
        cmocka_unit_test(random_durations_are_all_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
