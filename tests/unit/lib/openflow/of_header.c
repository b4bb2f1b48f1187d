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
    assert_string_equal(of_type_name(30), "ROLE_STATUS");
    assert_null(of_type_name(36));
    assert_null(of_type_name(255));
    assert_string_equal(of_multipart_name(13), "PORT_DESC");
    assert_string_equal(of_multipart_name(0xffff), "EXPERIMENTER");
    assert_null(of_multipart_name(17));
}

static void a_type_has_a_number_in_each_version_that_knows_it(void **state)
{
    assert_int_equal(of_type_number(OF_VERSION_10, OF_PORT_MOD), 15);
    assert_int_equal(of_type_by_number(OF_VERSION_10, 15), OF_PORT_MOD);
    assert_int_equal(of_type_by_number(OF_VERSION_13, 15), OF_GROUP_MOD);
    assert_int_equal(of_type_number(OF_VERSION_10, OF_GROUP_MOD), OF_NUMBER_NONE);
    assert_int_equal(of_type_by_number(OF_VERSION_13, 33), OF_TYPE_COUNT);
    assert_int_equal(of_type_by_number(OF_VERSION_14, 33), OF_BUNDLE_CONTROL);
    assert_int_equal(of_type_by_number(OF_VERSION_14, 22), OF_TYPE_COUNT);
    assert_false(of_multipart_exists(OF_VERSION_10, OF_MULTIPART_GROUP));
    assert_true(of_multipart_exists(OF_VERSION_14, OF_MULTIPART_TABLE_DESC));
    assert_string_equal(of_version_name(OF_VERSION_15), "OpenFlow15");
    assert_null(of_version_name(2));
}

static void an_experimenters_message_has_its_name_in_the_versions_that_take_it(void **state)
{
    const struct of_experimenter_row *row = of_experimenter_by_number(OF_VERSION_13, OF_EXPERIMENTER_ONF, 2300);
    assert_non_null(row);
    assert_int_equal(row->type, OF_BUNDLE_CONTROL);
    assert_null(of_experimenter_by_number(OF_VERSION_14, OF_EXPERIMENTER_ONF, 2300));
    row = of_experimenter_of(OF_VERSION_10, OF_ROLE_REQUEST, OF_FORM_STANDARD);
    assert_non_null(row);
    assert_int_equal(row->number, 10);
    assert_null(of_experimenter_of(OF_VERSION_10, OF_METER_MOD, OF_FORM_STANDARD));
    assert_non_null(of_experimenter_multipart_by_number(OF_VERSION_10, OF_EXPERIMENTER_NICIRA, 0));
    assert_null(of_experimenter_multipart_of(OF_VERSION_15, OF_MULTIPART_FLOW, OF_FORM_NICIRA));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_from_eight_bytes_and_not_from_seven),
        cmocka_unit_test(a_type_has_a_number_in_each_version_that_knows_it),
        cmocka_unit_test(an_experimenters_message_has_its_name_in_the_versions_that_take_it),
        cmocka_unit_test(types_have_the_numbers_and_names_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
