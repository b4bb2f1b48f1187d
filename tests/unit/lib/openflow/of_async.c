/* Tests of lib/openflow/of_async.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void a_property_sets_one_mask_and_says_so(void **state)
{
    static const uint8_t bytes[] = {5, OF_SET_ASYNC, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 5};
    struct of_decode_context context = openflow_context_of(OF_VERSION_14);
    struct of_message message;
    struct of_error error;

    assert_int_equal(of_decode(bytes, sizeof bytes, &context, &message, &error), 0);
    assert_int_equal(message.async.given, 1 << 1);
    assert_int_equal(message.async.packet_in[0], 5); /* type 1 is that of masters */
    assert_int_equal(message.async.packet_in[1], 0);
}

static void unknown_reasons_and_properties_are_refused(void **state)
{
    uint8_t bytes[] = {5, OF_SET_ASYNC, 0, 16, 0, 0, 0, 1, 0, 3, 0, 8, 0, 0, 0, 8};
    assert_int_equal(openflow_refusal(bytes, sizeof bytes), OF_ERROR_ASYNC_CONFIG_FAILED_INVALID);
    bytes[9] = 12;
    assert_int_equal(openflow_refusal(bytes, sizeof bytes), OF_ERROR_BAD_PROPERTY_BAD_TYPE);
    bytes[9] = 3;
    bytes[11] = 4;
    assert_int_equal(openflow_refusal(bytes, sizeof bytes), OF_ERROR_BAD_PROPERTY_BAD_LEN);
}

static void a_role_status_travels_in_the_form_of_its_version(void **state)
{
    struct writer w;
    writer_init(&w);
    for (uint8_t version = OF_VERSION_13; version <= OF_VERSION_15; version++) {
        struct of_message out = openflow_over_the_wire(
            (struct of_message){.version = version,
                                .type = OF_ROLE_STATUS,
                                .role_status = {.role = OF_ROLE_SLAVE, .reason = OF_ROLE_CONFIG, .generation_id = 7}},
            &w);
        assert_int_equal(w.bytes[1], version == OF_VERSION_13 ? OF_EXPERIMENTER : OF_ROLE_STATUS);
        assert_int_equal(out.role_status.role, OF_ROLE_SLAVE);
        assert_int_equal(out.role_status.generation_id, 7);
    }
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_property_sets_one_mask_and_says_so),
        cmocka_unit_test(unknown_reasons_and_properties_are_refused),
        cmocka_unit_test(a_role_status_travels_in_the_form_of_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
