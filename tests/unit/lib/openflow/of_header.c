/* Tests of lib/openflow/of_header.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void a_header_is_read_from_eight_bytes_and_not_from_seven(void **state)
{
    const uint8_t bytes[] = {4, 14, 0x01, 0x02, 0x11, 0x22, 0x33, 0x44};
    struct of_header header = {.version = 77};

    assert_int_equal(of_header_read(bytes, 7, &header), -ERROR_TRUNCATED);
    assert_int_equal(header.version, 77);
    assert_int_equal(of_header_read(bytes, 8, &header), 0);
    assert_int_equal(header.version, 4);
    assert_int_equal(header.type, OF_FLOW_MOD);
    assert_int_equal(header.length, 0x102);
    assert_int_equal(header.xid, 0x11223344);
}

static void types_have_the_numbers_and_names_of_the_standard(void **state)
{
    assert_int_equal(OF_HELLO, 0);
    assert_int_equal(OF_MULTIPART_REQUEST, 18);
    assert_int_equal(OF_METER_MOD, 29);
    assert_string_equal(of_type_name(20), "BARRIER_REQUEST");
    assert_null(of_type_name(30));
    assert_null(of_type_name(255));
    assert_string_equal(of_multipart_name(13), "PORT_DESC");
    assert_string_equal(of_multipart_name(0xffff), "EXPERIMENTER");
    assert_null(of_multipart_name(14));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_from_eight_bytes_and_not_from_seven),
        cmocka_unit_test(types_have_the_numbers_and_names_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
