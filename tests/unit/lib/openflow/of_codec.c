/* Tests of lib/openflow/of_codec.c. */
#include "lib/openflow/of_codec.h"

#include <errno.h>

#include "tests/unit/lib/openflow/openflow_test.h"

static void a_message_that_grew_too_long_is_taken_back(void **state)
{
    struct writer w;

    writer_init(&w);
    writer_u8(&w, 77);
    size_t begin = of_begin(&w, 4, OF_ECHO_REPLY, 1);
    writer_extend(&w, OF_MESSAGE_MAX - OF_HEADER_SIZE);
    assert_int_equal(of_end(&w, begin), 0);
    assert_int_equal(w.bytes[begin + 2], 0xff);
    assert_int_equal(w.bytes[begin + 3], 0xff);
    w.size = 1;
    begin = of_begin(&w, 4, OF_ECHO_REPLY, 1);
    writer_extend(&w, OF_MESSAGE_MAX - OF_HEADER_SIZE + 1);
    assert_int_equal(of_end(&w, begin), -ERROR_TOO_LARGE);
    assert_int_equal(w.size, 1);
    writer_fini(&w);
}

static void durations_go_there_and_back_and_saturate(void **state)
{
    const uint64_t durations[] = {0, 1, 999999999, 1000000000, 12500000000, UINT64_C(4294967295999999999)};
    struct writer w;

    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        writer_init(&w);
        of_put_duration(&w, durations[i]);
        struct reader r = reader_of(w.bytes, w.size);
        assert_true(of_get_duration(&r) == durations[i]);
        writer_fini(&w);
    }
    writer_init(&w);
    of_put_duration(&w, UINT64_MAX);
    struct reader r = reader_of(w.bytes, w.size);
    assert_int_equal(reader_u32(&r), UINT32_MAX);
    writer_fini(&w);
    const uint8_t too_many_nanoseconds[] = {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff};
    r = reader_of(too_many_nanoseconds, 8);
    assert_true(of_get_duration(&r) == 1999999999);
}

static void texts_are_cut_and_always_end(void **state)
{
    const char wire[8] = {'a', 'b', 0, 'x', 'y', 'z', 'z', 'z'};
    struct writer w;
    char text[8];

    writer_init(&w);
    of_put_text(&w, "abcdefghijk", 8);
    assert_memory_equal(w.bytes, "abcdefg", 8);
    struct reader r = reader_of(wire, 8);
    of_get_text(&r, text, 8);
    assert_memory_equal(text, "ab\0\0\0\0\0\0", 8);
    r = reader_of("abcdefgh", 8);
    of_get_text(&r, text, 8);
    assert_string_equal(text, "abcdefg");
    writer_fini(&w);
}

static void ports_are_real_or_reserved(void **state)
{
    struct of_error error = {.number = OF_ERROR_NONE};

    assert_true(of_port_is_possible(0) && of_port_is_possible(PORT_MAX) && of_port_is_possible(PORT_ANY));
    assert_false(of_port_is_possible(0xff00) || of_port_is_possible(70000));
    assert_true(of_port_is_ingress(1) && of_port_is_ingress(PORT_LOCAL) && of_port_is_ingress(PORT_CONTROLLER));
    assert_false(of_port_is_ingress(PORT_FLOOD) || of_port_is_ingress(PORT_TABLE));
    assert_int_equal(of_port_check(7, "x", &error), 0);
    assert_int_equal(of_port_check(70000, "x", &error), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_BAD_ACTION_BAD_OUT_PORT);
    assert_string_equal(error.detail.text, "x 70000 is no port");
    assert_int_equal(of_port_check(70000, "x", NULL), -EPROTO);
}

static void lists_are_made_of_eight_bytes(void **state)
{
    struct of_error error = {.number = OF_ERROR_NONE};
    struct of_decoding d = {.body = reader_of("12345678", 8), .error = &error};

    assert_int_equal(of_check_units(&d), 0);
    (void)reader_u8(&d.body);
    assert_int_equal(of_check_units(&d), -EPROTO);
    assert_int_equal(error.number, OF_ERROR_BAD_REQUEST_BAD_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_grew_too_long_is_taken_back),
        cmocka_unit_test(durations_go_there_and_back_and_saturate),
        cmocka_unit_test(texts_are_cut_and_always_end),
        cmocka_unit_test(ports_are_real_or_reserved),
        cmocka_unit_test(lists_are_made_of_eight_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
