/* Tests of lib/openflow/of_bundle.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static const uint8_t barrier[] = {4, OF_BARRIER_REQUEST, 0, 8, 0, 0, 0, 9};

static struct of_message add(const uint8_t *inner, size_t size)
{
    return (struct of_message){
        .type = OF_BUNDLE_ADD, .xid = 9, .bundle_add = {.bundle_id = 3, .flags = 3, .message = inner, .message_size = size}};
}

static void the_message_within_comes_out_as_it_went_in(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire(add(barrier, sizeof barrier), &w);
    assert_int_equal(w.bytes[1], OF_EXPERIMENTER); /* 1.3 has bundles as an extension */
    assert_int_equal(out.bundle_add.bundle_id, 3);
    assert_int_equal(out.bundle_add.message_size, sizeof barrier);
    assert_memory_equal(out.bundle_add.message, barrier, sizeof barrier);
    writer_fini(&w);
}

static void a_message_of_another_xid_version_or_length_is_refused(void **state)
{
    uint8_t inner[sizeof barrier];
    memcpy(inner, barrier, sizeof inner);
    inner[7] = 10;
    assert_int_equal(openflow_refusal_of(add(inner, sizeof inner)), OF_ERROR_BUNDLE_FAILED_MSG_BAD_XID);
    inner[7] = 9;
    inner[0] = 5;
    assert_int_equal(openflow_refusal_of(add(inner, sizeof inner)), OF_ERROR_BAD_REQUEST_BAD_VERSION);
    inner[0] = 4;
    inner[3] = 16;
    assert_int_equal(openflow_refusal_of(add(inner, sizeof inner)), OF_ERROR_BUNDLE_FAILED_MSG_BAD_LEN);
}

static void an_unknown_control_type_is_refused(void **state)
{
    struct of_message control = {.version = OF_VERSION_15, .type = OF_BUNDLE_CONTROL, .bundle_control = {.type = 8}};
    assert_int_equal(openflow_refusal_of(control), OF_ERROR_BUNDLE_FAILED_BAD_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_within_comes_out_as_it_went_in),
        cmocka_unit_test(a_message_of_another_xid_version_or_length_is_refused),
        cmocka_unit_test(an_unknown_control_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
