/* Tests of lib/openflow/of_meter.c. */
#include "lib/base/memory.h"
#include "tests/oracle/openflow.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static void random_meters_arrive_in_mods_and_configurations(void **state)
{
    struct random random;
    random_seed(&random, 9);
    for (int i = 0; i < 100; i++) {
        struct of_multipart mp;
        struct meter meter, out_meter;
        struct writer w;
        writer_init(&w);
        openflow_random_meter(&random, &meter);
        struct of_message out = openflow_over_the_wire(
            (struct of_message){.type = OF_METER_MOD, .meter_mod = {.command = OF_METER_ADD, .meter = meter}}, &w);
        assert_true(openflow_meters_equal(&out.meter_mod.meter, &meter));
        of_message_fini(&out);
        writer_clear(&w);
        of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_METER_CONFIG, OF_FORM_STANDARD);
        assert_int_equal(of_meter_config_encode(&mp, &meter), 0);
        struct reader r = openflow_items(&mp);
        OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_meter_config_decode, struct meter);
        assert_int_equal(of_meter_config_decode(&r, OF_VERSION_13, &out_meter), 0);
        assert_true(openflow_meters_equal(&out_meter, &meter));
        meter_fini(&out_meter);
        meter_fini(&meter);
        writer_fini(&w);
    }
}

static enum of_error_number refusal(enum of_meter_command command, uint32_t id, unsigned flags, size_t n_bands)
{
    struct meter_band band = {.type = METER_BAND_DROP, .rate = 1};
    struct meter meter = {.meter_id = id, .flags = (uint16_t)flags, .bands = &band, .n_bands = n_bands};
    return openflow_refusal_of((struct of_message){.type = OF_METER_MOD, .meter_mod = {.command = command, .meter = meter}});
}

static void a_meter_mod_is_refused_for_what_it_asks(void **state)
{
    assert_int_equal(refusal(OF_METER_ADD, 1, METER_KBPS, 1), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_METER_ADD, 0, METER_KBPS, 1), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(refusal(OF_METER_ADD, OF_METER_ID_MAX + 1, METER_KBPS, 1), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(refusal(OF_METER_ADD, OF_METER_CONTROLLER, METER_KBPS, 1), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_METER_ADD, OF_METER_ALL, METER_KBPS, 1), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    assert_int_equal(refusal(OF_METER_DELETE, OF_METER_ALL, 0, 0), OF_ERROR_NONE);
    assert_int_equal(refusal(OF_METER_MODIFY, 1, METER_KBPS | METER_PKTPS, 1), OF_ERROR_METER_MOD_FAILED_BAD_FLAGS);
    assert_int_equal(refusal(OF_METER_MODIFY, 1, 0x10, 1), OF_ERROR_METER_MOD_FAILED_BAD_FLAGS);
    assert_int_equal(refusal(OF_METER_ADD, 1, METER_KBPS, 0), OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS);
    assert_int_equal(refusal((enum of_meter_command)3, 1, METER_KBPS, 1), OF_ERROR_METER_MOD_FAILED_BAD_COMMAND);
}

static void meter_statistics_arrive_band_by_band(void **state)
{
    struct of_band_stats bands[2] = {{1, 2}, {3, 4}};
    struct of_meter_stats out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_METER, OF_FORM_STANDARD);
    assert_int_equal(
        of_meter_stats_encode(
            &mp,
            &(struct of_meter_stats){
                .meter_id = 7, .n_flows = 1, .n_packets = 9, .n_bytes = 12, .duration_ns = 13, .bands = bands, .n_bands = 2}),
        0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_meter_stats_decode, struct of_meter_stats);
    assert_int_equal(of_meter_stats_decode(&r, OF_VERSION_13, &out), 0);
    assert_int_equal(out.meter_id, 7);
    assert_int_equal(out.n_bands, 2);
    assert_memory_equal(out.bands, bands, sizeof bands);
    of_meter_stats_fini(&out);
    of_meter_stats_fini(&out);
    writer_fini(&w);
}

static void meter_features_arrive(void **state)
{
    struct of_meter_features features = {.max_meters = 1, .band_types = 2, .capabilities = 3, .max_bands = 4, .max_color = 5},
                             out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_METER_FEATURES, OF_FORM_STANDARD);
    assert_int_equal(of_meter_features_encode(&mp, &features), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_meter_features_decode, struct of_meter_features);
    assert_int_equal(of_meter_features_decode(&r, OF_VERSION_13, &out), 0);
    assert_true(out.max_meters == 1 && out.band_types == 2 && out.capabilities == 3 && out.max_bands == 4 &&
                out.max_color == 5);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_meters_arrive_in_mods_and_configurations),
        cmocka_unit_test(a_meter_mod_is_refused_for_what_it_asks),
        cmocka_unit_test(meter_statistics_arrive_band_by_band),
        cmocka_unit_test(meter_features_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
