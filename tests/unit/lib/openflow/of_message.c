/* Tests of lib/openflow/of_message.c: the header, the version, and what an error answer carries. */
#include "tests/unit/lib/openflow/openflow_test.h"

static enum of_error_number refusal_in(uint8_t context_version, const uint8_t *bytes, size_t size)
{
    struct of_decode_context context = {.version = context_version, .n_tables = TABLE_COUNT};
    struct of_message message = {.xid = 77};
    struct of_error error = {.number = OF_ERROR_NONE};
    int err = of_decode(bytes, size, &context, &message, &error);
    if (err == 0) {
        of_message_fini(&message);
    } else {
        assert_int_equal(message.xid, 77);
    }
    return error.number;
}

static void the_version_must_be_the_negotiated_one_but_of_a_hello(void **state)
{
    const uint8_t hello_of_15[] = {6, OF_HELLO, 0, 8, 0, 0, 0, 1};
    const uint8_t barrier_of_10[] = {1, OF_BARRIER_REQUEST, 0, 8, 0, 0, 0, 1};
    const uint8_t barrier_of_13[] = {4, OF_BARRIER_REQUEST, 0, 8, 0, 0, 0, 1};
    const uint8_t echo_of_10[] = {1, OF_ECHO_REQUEST, 0, 8, 0, 0, 0, 1};

    assert_int_equal(refusal_in(4, hello_of_15, 8), OF_ERROR_NONE);
    assert_int_equal(refusal_in(0, hello_of_15, 8), OF_ERROR_NONE);
    assert_int_equal(refusal_in(4, barrier_of_13, 8), OF_ERROR_NONE);
    assert_int_equal(refusal_in(4, barrier_of_10, 8), OF_ERROR_BAD_REQUEST_BAD_VERSION);
    assert_int_equal(refusal_in(0, barrier_of_13, 8), OF_ERROR_BAD_REQUEST_BAD_VERSION);
    assert_int_equal(refusal_in(0, echo_of_10, 8), OF_ERROR_NONE);
    assert_int_equal(refusal_in(4, echo_of_10, 8), OF_ERROR_BAD_REQUEST_BAD_VERSION);
}

static void the_length_must_be_that_of_the_bytes(void **state)
{
    const uint8_t longer[] = {4, OF_BARRIER_REQUEST, 0, 9, 0, 0, 0, 1, 0};
    const uint8_t unknown[] = {4, 30, 0, 8, 0, 0, 0, 1};

    assert_int_equal(openflow_refusal(longer, 8), OF_ERROR_BAD_REQUEST_BAD_LEN);
    assert_int_equal(openflow_refusal(longer, 9), OF_ERROR_BAD_REQUEST_BAD_LEN);
    assert_int_equal(openflow_refusal(longer, 3), OF_ERROR_BAD_REQUEST_BAD_LEN);
    assert_int_equal(openflow_refusal(unknown, 8), OF_ERROR_BAD_REQUEST_BAD_TYPE);
}

static void an_error_carries_the_xid_and_the_bytes_of_its_request(void **state)
{
    const uint8_t request[] = {4, 200, 0, 10, 0x11, 0x22, 0x33, 0x44, 5, 6};
    struct of_message message;
    struct of_error error;
    struct writer w;

    writer_init(&w);
    of_encode_error(&w, 4, OF_ERROR_BAD_REQUEST_BAD_TYPE, request, sizeof request);
    assert_int_equal(of_decode(w.bytes, w.size, &openflow_context, &message, &error), 0);
    assert_int_equal(message.xid, 0x11223344);
    assert_int_equal(message.error.number, OF_ERROR_BAD_REQUEST_BAD_TYPE);
    assert_int_equal(message.error.data_size, sizeof request);
    assert_memory_equal(message.error.data, request, sizeof request);
    writer_fini(&w);
}

static void an_error_about_the_longest_message_still_fits(void **state)
{
    struct writer request, w;

    writer_init(&request);
    writer_init(&w);
    memcpy(writer_extend(&request, OF_MESSAGE_MAX), "\4\1\377\377\1\2\3\4", 8);
    of_encode_error(&w, 4, OF_ERROR_BAD_INSTRUCTION_DUP_INST, request.bytes, request.size);
    assert_true(w.size <= OF_MESSAGE_MAX);
    assert_int_equal(openflow_refusal(w.bytes, w.size), OF_ERROR_NONE);
    writer_fini(&request);
    writer_fini(&w);
}

static void a_message_too_long_for_the_wire_is_not_begun(void **state)
{
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 1}};
    struct of_message message = {.version = 4, .type = OF_FLOW_MOD};
    struct writer w;

    writer_init(&w);
    writer_u8(&w, 77);
    flow_mod_init(&message.flow_mod, FLOW_MOD_ADD);
    for (int i = 0; i < 5000; i++) {
        action_list_add(&message.flow_mod.instructions.apply, &output);
    }
    assert_int_equal(of_encode(&message, &w), -ERROR_TOO_LARGE);
    assert_int_equal(w.size, 1);
    of_message_fini(&message);
    of_message_fini(&message);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_must_be_the_negotiated_one_but_of_a_hello),
        cmocka_unit_test(the_length_must_be_that_of_the_bytes),
        cmocka_unit_test(an_error_carries_the_xid_and_the_bytes_of_its_request),
        cmocka_unit_test(an_error_about_the_longest_message_still_fits),
        cmocka_unit_test(a_message_too_long_for_the_wire_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
