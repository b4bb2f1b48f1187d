/* Tests of lib/bus/role.c: names both ways, the kind each role is for, and the order of people's roles. */
#include "lib/bus/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void names_are_read_back(void **state)
{
    for (enum bus_role role = ROLE_READ; role <= ROLE_OFAGENT; role++) {
        enum bus_role back = ROLE_NONE;
        assert_int_equal(role_parse(role_name(role), &back), 0);
        assert_int_equal(back, role);
    }
    enum bus_role untouched = ROLE_ADMIN;
    assert_int_equal(role_parse("none", &untouched), -ERROR_UNKNOWN_NAME);
    assert_int_equal(role_parse("", &untouched), -ERROR_UNKNOWN_NAME);
    assert_int_equal(role_parse("Admin", &untouched), -ERROR_UNKNOWN_NAME);
    assert_int_equal(untouched, ROLE_ADMIN);
    assert_string_equal(role_name(ROLE_NONE), "none");
}

static void a_role_is_for_one_kind(void **state)
{
    const struct {
        enum bus_role role;
        enum process_kind kind;
    } rows[] = {{ROLE_READ, PROCESS_SWCTL},        {ROLE_OPERATE, PROCESS_SWCTL},     {ROLE_ADMIN, PROCESS_SWCTL},
                {ROLE_FASTPATH, PROCESS_FASTPATH}, {ROLE_SLOWPATH, PROCESS_SLOWPATH}, {ROLE_OFAGENT, PROCESS_OFAGENT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (enum process_kind kind = PROCESS_CONFIGDB; kind <= PROCESS_ANY; kind++) {
            assert_int_equal(role_fits(rows[i].role, kind), kind == rows[i].kind);
        }
    }
    assert_false(role_fits(ROLE_NONE, PROCESS_SWCTL));
    assert_int_equal(role_of_kind(PROCESS_SWCTL), ROLE_ADMIN);
    assert_int_equal(role_of_kind(PROCESS_FASTPATH), ROLE_FASTPATH);
    assert_int_equal(role_of_kind(PROCESS_CONFIGDB), ROLE_NONE);
}

static void greater_roles_include_the_smaller(void **state)
{
    assert_true(role_includes(ROLE_ADMIN, ROLE_READ) && role_includes(ROLE_ADMIN, ROLE_OPERATE) &&
                role_includes(ROLE_ADMIN, ROLE_ADMIN));
    assert_true(role_includes(ROLE_OPERATE, ROLE_READ) && role_includes(ROLE_OPERATE, ROLE_OPERATE));
    assert_true(role_includes(ROLE_READ, ROLE_READ));
    assert_false(role_includes(ROLE_OPERATE, ROLE_ADMIN));
    assert_false(role_includes(ROLE_READ, ROLE_OPERATE));
    assert_false(role_includes(ROLE_FASTPATH, ROLE_READ)); /* a greater number, but no person's */
    assert_false(role_includes(ROLE_NONE, ROLE_READ));
    assert_false(role_includes(ROLE_ADMIN, ROLE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(a_role_is_for_one_kind),
        cmocka_unit_test(greater_roles_include_the_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
