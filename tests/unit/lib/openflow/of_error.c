/* Tests of lib/openflow/of_error.c. */
#include "tests/unit/lib/openflow/openflow_test.h"

static void every_error_has_numbers_of_its_own_that_lead_back_to_it(void **state)
{
    for (int i = OF_ERROR_NONE + 1; i < OF_ERROR_COUNT; i++) {
        assert_int_equal(of_error_by_wire(of_error_wire((enum of_error_number)i)), i);
        assert_non_null(strchr(of_error_name((enum of_error_number)i), '/'));
    }
}

static void numbers_are_those_of_the_standard(void **state)
{
    struct of_error_wire wire = of_error_wire(OF_ERROR_BAD_MATCH_BAD_PREREQ);
    assert_int_equal(wire.type, 4);
    assert_int_equal(wire.code, 9);
    wire = of_error_wire(OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS);
    assert_int_equal(wire.type, 12);
    assert_int_equal(wire.code, 11);
    wire = of_error_wire(OF_ERROR_ONF_DUP_INSTRUCTION);
    assert_int_equal(wire.type, 0xffff);
    assert_int_equal(wire.code, 2600);
    assert_int_equal(wire.experimenter, 0x4f4e4600);
    assert_string_equal(of_error_name(OF_ERROR_FLOW_MOD_FAILED_OVERLAP), "FLOW_MOD_FAILED/OVERLAP");
}

static void unknown_numbers_are_none(void **state)
{
    assert_int_equal(of_error_by_wire((struct of_error_wire){.type = 1, .code = 99}), OF_ERROR_NONE);
    assert_int_equal(of_error_by_wire((struct of_error_wire){.type = 0xffff, .code = 2600, .experimenter = 1}), OF_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_numbers_of_its_own_that_lead_back_to_it),
        cmocka_unit_test(numbers_are_those_of_the_standard),
        cmocka_unit_test(unknown_numbers_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
