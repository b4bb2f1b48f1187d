/* Token buckets: rates, bursts, which band acts [OF1.3.5 §5.7], slots that changed hands. Unit test, one thread, time by argument;
 * prints its seed. The twin is a bucket of fractional tokens that is filled every time it is looked at.
 * What may never happen: more passes than a full bucket and what came in since. */
#include "services/fastpath/policer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "lib/dp/execute.h"

#define NS_PER_S UINT64_C(1000000000)

static struct policer_slot slot;

static struct policer policer_of(bool counts_packets, uint32_t n_bands)
{
    slot = (struct policer_slot){.owner = 5};
    return (struct policer){.id = 5, .slot = &slot, .counts_packets = counts_packets, .n_bands = n_bands};
}

static void burst_passes_and_then_the_rate(void **state)
{
    struct policer p = policer_of(true, 1);
    uint64_t now_ns = 3 * NS_PER_S;
    unsigned n_passed = 0;
    p.bands[0] = policer_band(true, 1000, 50, DP_METER_DROP);
    for (int i = 0; i < 100; i++) {
        n_passed += policer_run(&p, 60, now_ns) == DP_METER_PASS;
    }
    assert_int_equal(n_passed, 50);
    for (int i = 0; i < 10000; i++) {
        now_ns += NS_PER_S / 10000;
        n_passed += policer_run(&p, 60, now_ns) == DP_METER_PASS;
    }
    assert_in_range(n_passed, 50 + 999, 50 + 1000);
    assert_int_equal(slot.packets, 10100);
    assert_int_equal(slot.bytes, 10100 * 60);
    assert_int_equal(slot.bands[0].packets, 10100 - n_passed);
    assert_int_equal(slot.bands[0].bytes, (10100 - n_passed) * 60);
}

static void kilobits_count_bytes_and_the_default_burst_is_a_second(void **state)
{
    struct policer p = policer_of(false, 1);
    uint64_t now_ns = NS_PER_S, n_bytes = 0;
    p.bands[0] = policer_band(false, 8000, 0, DP_METER_DROP); /* a million bytes a second */
    for (int i = 0; i < 4000; i++) {
        n_bytes += policer_run(&p, 1000, now_ns) == DP_METER_PASS ? 1000 : 0;
    }
    assert_int_equal(n_bytes, 1000000);
    now_ns += NS_PER_S / 2;
    for (int i = 0; i < 4000; i++) {
        n_bytes += policer_run(&p, 1000, now_ns) == DP_METER_PASS ? 1000 : 0;
    }
    assert_int_equal(n_bytes, 1500000);
    now_ns += 100 * NS_PER_S; /* fuller than full it does not get */
    for (int i = 0; i < 4000; i++) {
        n_bytes += policer_run(&p, 1000, now_ns) == DP_METER_PASS ? 1000 : 0;
    }
    assert_int_equal(n_bytes, 2500000);
}

static void fastest_exceeded_band_acts(void **state)
{
    struct policer p = policer_of(true, 3);
    int verdicts[40];
    p.bands[0] = policer_band(true, 10, 10, 1);
    p.bands[1] = policer_band(true, 30, 30, DP_METER_DROP);
    p.bands[2] = policer_band(true, 20, 20, 2);
    for (int i = 0; i < 40; i++) {
        verdicts[i] = policer_run(&p, 100, NS_PER_S);
    }
    for (int i = 0; i < 40; i++) {
        assert_int_equal(verdicts[i], i < 10 ? DP_METER_PASS : i < 20 ? 1 : i < 30 ? 2 : DP_METER_DROP);
    }
    assert_int_equal(slot.bands[0].packets, 10);
    assert_int_equal(slot.bands[1].packets, 10);
    assert_int_equal(slot.bands[2].packets, 10);
    assert_int_equal(slot.packets, 40);
}

static void rate_zero_is_always_exceeded_and_no_band_never(void **state)
{
    struct policer p = policer_of(false, 1);
    p.bands[0] = policer_band(false, 0, 100, DP_METER_DROP);
    assert_int_equal(policer_run(&p, 60, NS_PER_S), DP_METER_DROP);
    p.n_bands = 0;
    assert_int_equal(policer_run(&p, 60, NS_PER_S), DP_METER_PASS);
    assert_int_equal(slot.packets, 2);
}

static void extreme_rates_do_not_overflow(void **state)
{
    struct policer p = policer_of(false, 1);
    p.bands[0] = policer_band(false, UINT32_MAX, UINT32_MAX, DP_METER_DROP);
    assert_int_equal(policer_run(&p, 65535, 1), DP_METER_PASS);
    p = policer_of(false, 1);
    p.bands[0] = policer_band(false, 1, UINT32_MAX, DP_METER_DROP); /* two years of a kilobit a second, then none */
    uint64_t n_bytes = 0;
    while (policer_run(&p, 65535, NS_PER_S) == DP_METER_PASS) {
        n_bytes += 65535;
    }
    assert_true(n_bytes > UINT64_C(125) * 60 * 60 * 24 * 365);
    unsigned n_passed = 0;
    for (uint64_t s = 2; s <= 52429; s++) { /* a hundred times the 524 s that a packet takes */
        n_passed += policer_run(&p, 65535, s * NS_PER_S) == DP_METER_PASS;
    }
    assert_in_range(n_passed, 99, 101);
}

static void slot_of_another_meter_is_left_alone(void **state)
{
    struct policer p = policer_of(true, 1);
    p.bands[0] = policer_band(true, 1, 1, DP_METER_DROP);
    slot.owner = 6;
    assert_int_equal(policer_run(&p, 60, NS_PER_S), POLICER_UNKNOWN);
    p.slot = NULL;
    assert_int_equal(policer_run(&p, 60, NS_PER_S), POLICER_UNKNOWN);
    assert_int_equal(slot.packets, 0);
    assert_int_equal(slot.bands[0].empty, 0);
}

static void bucket_from_before_a_reboot_is_full(void **state)
{
    struct policer p = policer_of(true, 1);
    p.bands[0] = policer_band(true, 10, 10, DP_METER_DROP);
    for (int i = 0; i < 20; i++) {
        (void)policer_run(&p, 60, 5000 * NS_PER_S);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(policer_run(&p, 60, 2 * NS_PER_S), i < 10 ? DP_METER_PASS : DP_METER_DROP);
    }
}

static void random_traffic_passes_as_its_twin_says(void **state)
{
    struct random random;
    size_t n_passed = 0, n_near = 0, n_all = 0;
    random_seed(&random, 20261126);
    print_message("seed 20261126\n");
    for (int round = 0; round < 200; round++) {
        bool counts_packets = random_below(&random, 2) == 0;
        uint32_t rate = 1 + (uint32_t)random_below(&random, UINT64_C(1) << random_below(&random, 24)), burst = 13 + (uint32_t)random_below(&random, 200);
        struct policer p = policer_of(counts_packets, 1);
        double full = counts_packets ? burst : burst * 1000.0, tokens = full, a_second = counts_packets ? rate : rate * 1000.0;
        uint64_t now_ns = NS_PER_S, gap_ns = 1 + (uint64_t)((counts_packets ? 1 : 6000.0) * 1e9 / a_second);
        p.bands[0] = policer_band(counts_packets, rate, burst, DP_METER_DROP);
        for (int i = 0; i < 1000; i++) {
            uint64_t wait_ns = random_below(&random, 100) == 0 ? random_below(&random, NS_PER_S) : random_below(&random, gap_ns);
            uint32_t size = 60 + (uint32_t)random_below(&random, 1455);
            double cost = counts_packets ? 1 : size * 8.0;
            double unsure = cost / 100 + (i + 1) * a_second / 16e9; /* a tick a packet */
            now_ns += wait_ns;
            tokens += (double)wait_ns * a_second / 1e9;
            tokens = tokens < full ? tokens : full;
            bool passes = policer_run(&p, size, now_ns) == DP_METER_PASS, is_near = tokens > cost - unsure && tokens < cost + unsure;
            tokens -= passes ? cost : 0;
            n_passed += passes;
            n_near += is_near;
            n_all++;
            assert_true(is_near || passes == (tokens + (passes ? cost : 0) >= cost));
        }
    }
    assert_in_range(n_passed, n_all / 10, n_all - n_all / 10);
    assert_true(n_near < n_all / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_passes_and_then_the_rate),
        cmocka_unit_test(kilobits_count_bytes_and_the_default_burst_is_a_second),
        cmocka_unit_test(fastest_exceeded_band_acts),
        cmocka_unit_test(rate_zero_is_always_exceeded_and_no_band_never),
        cmocka_unit_test(extreme_rates_do_not_overflow),
        cmocka_unit_test(slot_of_another_meter_is_left_alone),
        cmocka_unit_test(bucket_from_before_a_reboot_is_full),
        cmocka_unit_test(random_traffic_passes_as_its_twin_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
