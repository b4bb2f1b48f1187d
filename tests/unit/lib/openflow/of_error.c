/* Tests of lib/openflow/of_error.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void every_error_that_a_version_can_say_leads_back_to_itself(void **state)
{
    for (size_t v = 0; v < OPENFLOW_VERSIONS; v++) {
        unsigned n_said = 0;
        for (int i = OF_ERROR_NONE + 1; i < OF_ERROR_COUNT; i++) {
            enum of_error_number number = (enum of_error_number)i;
            enum of_error_number back = of_error_by_wire(of_error_wire(number, openflow_versions[v]), openflow_versions[v]);
            bool is_10 = openflow_versions[v] == OF_VERSION_10;
            bool is_slave = number == OF_ERROR_BAD_REQUEST_IS_SLAVE && back == OF_ERROR_BAD_REQUEST_EPERM;
            assert_true(back == number || (is_10 && (back == OF_ERROR_BAD_REQUEST_UNENCODABLE || is_slave)));
            n_said += back == number;
            assert_non_null(strchr(of_error_name(number), '/'));
        }
        assert_true(n_said > 40);
    }
}

static void numbers_are_those_of_the_standard(void **state)
{
    static const struct {
        enum of_error_number number;
        uint8_t version;
        struct of_error_wire wire;
    } rows[] = {
        {OF_ERROR_BAD_MATCH_BAD_PREREQ, OF_VERSION_13, {4, 9, 0}},
        {OF_ERROR_BAD_MATCH_BAD_PREREQ, OF_VERSION_10, {1, 260, OF_EXPERIMENTER_NICIRA}},
        {OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS, OF_VERSION_13, {12, 11, 0}},
        {OF_ERROR_BAD_INSTRUCTION_DUP_INST, OF_VERSION_13, {0xffff, 2600, 0x4f4e4600}},
        {OF_ERROR_BAD_INSTRUCTION_DUP_INST, OF_VERSION_14, {3, 9, 0}},
        {OF_ERROR_BUNDLE_FAILED_BAD_ID, OF_VERSION_13, {0xffff, 2302, 0x4f4e4600}},
        {OF_ERROR_BUNDLE_FAILED_BAD_ID, OF_VERSION_15, {17, 2, 0}},
        {OF_ERROR_FLOW_MOD_FAILED_OVERLAP, OF_VERSION_10, {3, 1, 0}},
        {OF_ERROR_FLOW_MOD_FAILED_OVERLAP, OF_VERSION_15, {5, 3, 0}},
        {OF_ERROR_PORT_MOD_FAILED_BAD_HW_ADDR, OF_VERSION_10, {4, 1, 0}},
        {OF_ERROR_BAD_REQUEST_IS_SLAVE, OF_VERSION_10, {1, 5, 0}},
        {OF_ERROR_GROUP_MOD_FAILED_GROUP_EXISTS, OF_VERSION_10, {6, 0, OF_EXPERIMENTER_NICIRA}},
        {OF_ERROR_BUNDLE_FAILED_BAD_ID, OF_VERSION_10, {1, 521, OF_EXPERIMENTER_NICIRA}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct of_error_wire wire = of_error_wire(rows[i].number, rows[i].version);
        assert_int_equal(wire.type, rows[i].wire.type);
        assert_int_equal(wire.code, rows[i].wire.code);
        assert_int_equal(wire.experimenter, rows[i].wire.experimenter);
    }
    assert_string_equal(of_error_name(OF_ERROR_FLOW_MOD_FAILED_OVERLAP), "FLOW_MOD_FAILED/OVERLAP");
}

static void unknown_numbers_are_none(void **state)
{
    assert_int_equal(of_error_by_wire((struct of_error_wire){.type = 1, .code = 99}, OF_VERSION_13), OF_ERROR_NONE);
    assert_int_equal(of_error_by_wire((struct of_error_wire){.type = 0xffff, .code = 2600, .experimenter = 1}, OF_VERSION_13), OF_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_that_a_version_can_say_leads_back_to_itself),
        cmocka_unit_test(numbers_are_those_of_the_standard),
        cmocka_unit_test(unknown_numbers_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
