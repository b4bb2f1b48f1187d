/* Tests of lib/openflow/of_session.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static uint32_t versions_of(const uint8_t *bytes, size_t size)
{
    struct of_message message;
    struct of_error error;
    assert_int_equal(of_decode(bytes, size, &openflow_context, &message, &error), 0);
    return message.hello.versions;
}

static void a_hello_offers_the_versions_of_its_bitmap_or_all_up_to_its_own(void **state)
{
    const uint8_t bare_of_13[] = {4, OF_HELLO, 0, 8, 0, 0, 0, 1};
    const uint8_t bare_of_10[] = {1, OF_HELLO, 0, 8, 0, 0, 0, 1};
    const uint8_t bitmap[] = {6, OF_HELLO, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x12};
    const uint8_t other_first[] = {6, OF_HELLO, 0, 24, 0, 0, 0, 1, 0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x10};
    const uint8_t nonsense[] = {4, OF_HELLO, 0, 14, 0, 0, 0, 1, 0, 1, 0xff, 0xff, 0, 0};
    const uint8_t lying[] = {4, OF_HELLO, 0, 12, 0, 0, 0, 1, 0, 1, 0, 2};

    assert_int_equal(versions_of(bare_of_13, sizeof bare_of_13), 0x1e);
    assert_int_equal(versions_of(bare_of_10, sizeof bare_of_10), 0x02);
    assert_int_equal(versions_of(bitmap, sizeof bitmap), 0x12);
    assert_int_equal(versions_of(other_first, sizeof other_first), 0x10);
    assert_int_equal(versions_of(nonsense, sizeof nonsense), 0x1e);
    assert_int_equal(versions_of(lying, sizeof lying), 0x1e);
}

static void errors_of_an_extension_carry_their_experimenter(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire(
        (struct of_message){.type = OF_ERROR,
                            .error = {.number = OF_ERROR_BUNDLE_FAILED_BAD_ID, .data = (const uint8_t *)"x", .data_size = 1}},
        &w);
    assert_int_equal(out.error.wire.experimenter, 0x4f4e4600);
    assert_int_equal(out.error.number, OF_ERROR_BUNDLE_FAILED_BAD_ID);
    assert_int_equal(out.error.data_size, 1);
    out = openflow_over_the_wire((struct of_message){.type = OF_ERROR, .error = {.wire = {.type = 99, .code = 98}}}, &w);
    assert_int_equal(out.error.number, OF_ERROR_NONE);
    assert_int_equal(out.error.wire.code, 98);
    assert_null(out.error.data);
    writer_fini(&w);
}

static void echo_and_experimenter_carry_any_bytes(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire(
        (struct of_message){.type = OF_ECHO_REQUEST, .xid = 5, .echo = {.data = (const uint8_t *)"ping", .data_size = 4}}, &w);
    assert_memory_equal(out.echo.data, "ping", 4);
    out = openflow_over_the_wire(
        (struct of_message){.type = OF_EXPERIMENTER, .experimenter = {.experimenter = 1, .exp_type = 2, .data_size = 0}}, &w);
    assert_int_equal(out.experimenter.exp_type, 2);
    assert_int_equal(out.experimenter.data_size, 0);
    writer_fini(&w);
}

static void roles_are_four(void **state)
{
    struct of_message message = {.type = OF_ROLE_REQUEST, .role = {.role = OF_ROLE_SLAVE, .generation_id = 9}};
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.role.role = (enum of_role_kind)4;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_ROLE_REQUEST_FAILED_BAD_ROLE);
}

static void async_masks_keep_their_order(void **state)
{
    struct writer w;
    writer_init(&w);
    struct of_message out = openflow_over_the_wire(
        (struct of_message){.type = OF_SET_ASYNC,
                            .async = {.packet_in = {1, 2}, .port_status = {3, 4}, .flow_removed = {5, 6}}},
        &w);
    assert_int_equal(out.async.packet_in[1], 2);
    assert_int_equal(out.async.port_status[0], 3);
    assert_int_equal(out.async.flow_removed[1], 6);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_offers_the_versions_of_its_bitmap_or_all_up_to_its_own),
        cmocka_unit_test(errors_of_an_extension_carry_their_experimenter),
        cmocka_unit_test(echo_and_experimenter_carry_any_bytes),
        cmocka_unit_test(roles_are_four),
        cmocka_unit_test(async_masks_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
