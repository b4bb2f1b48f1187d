/* Tests of lib/base/error.c: every error has a text of its own and details are cut, never overrun.
 *
 * Pure functions; no state, no time.
 */
#include "lib/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void every_row_has_its_own_text(void **state)
{
    static const int codes[] = {
#define ERROR(name, number, text) ERROR_##name,
#include "lib/base/errors.def"
#undef ERROR
    };
    const size_t n = sizeof codes / sizeof codes[0];
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(error_text(-codes[i])) > 0);
        assert_string_equal(error_text(-codes[i]), error_text(codes[i]));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
            assert_string_not_equal(error_text(codes[i]), error_text(codes[j]));
        }
    }
}

static void errno_values_have_the_c_library_text(void **state)
{
    assert_string_equal(error_text(-ENOENT), strerrordesc_np(ENOENT));
    assert_string_equal(error_text(EINVAL), strerrordesc_np(EINVAL));
    assert_string_equal(error_text(0), "no error");
}

static void unknown_numbers_have_a_text(void **state)
{
    assert_string_equal(error_text(-123456), "unknown error");
    assert_non_null(error_text(1000));
}

static void detail_is_filled_and_the_number_passed_on(void **state)
{
    struct error_detail detail;
    assert_int_equal(error_set(&detail, -ERROR_RANGE, "port %d", 70000), -ERROR_RANGE);
    assert_string_equal(detail.text, "port 70000");
    assert_int_equal(error_set(NULL, -EINVAL, "nobody listens"), -EINVAL);
}

static void long_detail_is_cut_inside_the_buffer(void **state)
{
    struct {
        struct error_detail detail;
        char guard[8];
    } box;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    memset(box.guard, 'g', sizeof box.guard);
    assert_int_equal(error_set(&box.detail, -EINVAL, "%s", text), -EINVAL);
    assert_int_equal(strlen(box.detail.text), sizeof box.detail.text - 1);
    assert_memory_equal(box.guard, "gggggggg", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_own_text),           cmocka_unit_test(errno_values_have_the_c_library_text),
        cmocka_unit_test(unknown_numbers_have_a_text),          cmocka_unit_test(detail_is_filled_and_the_number_passed_on),
        cmocka_unit_test(long_detail_is_cut_inside_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
