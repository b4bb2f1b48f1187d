/* Tests of lib/msg/version.c and version.h. */
#include "lib/msg/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void version_survives_the_wire(void **state)
{
    Busbar__Version message;
    struct version in = {.epoch = UINT64_MAX, .n = 1ull << 40};
    version_encode(in, &message);
    uint8_t bytes[64];
    size_t size = busbar__version__pack(&message, bytes);
    Busbar__Version *read = busbar__version__unpack(NULL, size, bytes);
    struct version out = version_decode(read);
    assert_true(out.epoch == in.epoch && out.n == in.n);
    busbar__version__free_unpacked(read, NULL);
}

static void absent_version_is_below_all(void **state)
{
    struct version none = version_decode(NULL);
    assert_true(none.epoch == 0 && none.n == 0);
    assert_false(version_reached(none, (struct version){.epoch = 1, .n = 1}));
}

static void reached_compares_n_over_epochs(void **state)
{
    assert_true(version_reached((struct version){2, 10}, (struct version){1, 10}));
    assert_true(version_reached((struct version){1, 11}, (struct version){2, 10}));
    assert_false(version_reached((struct version){3, 9}, (struct version){2, 10}));
}

static void versions_are_read_as_people_type_them(void **state)
{
    static const char *const bad[] = {"", ".", "12.", ".12", "-1", "+1", " 1", "1 ", "1.2.3", "0.5", "0x10", "18446744073709551616"};
    struct version v = {.epoch = 7};
    assert_int_equal(version_parse("42", &v), 0);
    assert_true(v.epoch == 0 && v.n == 42);
    assert_int_equal(version_parse("1700000000.0", &v), 0);
    assert_true(v.epoch == 1700000000 && v.n == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(version_parse(bad[i], &v), -ERROR_SYNTAX);
    }
    assert_true(v.epoch == 1700000000 && v.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_survives_the_wire),
        cmocka_unit_test(absent_version_is_below_all),
        cmocka_unit_test(reached_compares_n_over_epochs),
        cmocka_unit_test(versions_are_read_as_people_type_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
