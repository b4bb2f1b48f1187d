/* Tests of lib/model/word.c. */
#include "lib/model/word.h"

#include "tests/unit/lib/model/model_test.h"

static void words_are_cut_at_commas_and_blanks_and_values_at_their_delimiter(void **state)
{
    char text[] = " a, b:1\tc=x y ,write(p(1,2),q) ";
    const char *const names[] = {"a", "b", "c", "y", "write"};
    const char *const values[] = {NULL, "1", "x", NULL, "p(1,2),q"};
    char *pos = text;
    struct word word;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(word_next(&pos, &word, NULL), 1);
        assert_string_equal(word.name, names[i]);
        assert_int_equal(word.value == NULL, values[i] == NULL);
        if (values[i] != NULL) {
            assert_string_equal(word.value, values[i]);
        }
        assert_int_equal(word.in_parentheses, i == 4);
    }
    assert_int_equal(word_next(&pos, &word, NULL), 0);
    assert_int_equal(word_next(&pos, &word, NULL), 0);
}

static void parentheses_that_do_not_match_are_refused(void **state)
{
    const char *const texts[] = {"a(b", "a(b(c)", "a:b)", "a(b)c", "a=(b"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char copy[16];
        char *pos = copy;
        struct word word = {.name = "untouched"};
        struct error_detail detail = {""};
        snprintf(copy, sizeof copy, "%s", texts[i]);
        assert_int_equal(word_next(&pos, &word, &detail), -ERROR_SYNTAX);
        assert_string_equal(word.name, "untouched");
        assert_string_not_equal(detail.text, "");
    }
}

static void numbers_are_decimal_or_hexadecimal_and_within_their_limit(void **state)
{
    uint64_t number = 0;

    assert_int_equal(word_number("x", "80", 100, &number, NULL), 0);
    assert_int_equal(number, 80);
    assert_int_equal(word_number("x", "0x50", 100, &number, NULL), 0);
    assert_int_equal(number, 0x50);
    assert_int_equal(word_number("x", "-1", UINT64_MAX, &number, NULL), 0);
    assert_true(number == UINT64_MAX);
    number = 7;
    assert_int_equal(word_number("x", "101", 100, &number, NULL), -ERROR_RANGE);
    assert_int_equal(word_number("x", "99999999999999999999", UINT64_MAX, &number, NULL), -ERROR_RANGE);
    assert_int_equal(word_number("x", "-1", 100, &number, NULL), -ERROR_SYNTAX);
    assert_int_equal(word_number("x", "8x", 100, &number, NULL), -ERROR_SYNTAX);
    assert_int_equal(word_number("x", "", 100, &number, NULL), -ERROR_SYNTAX);
    assert_int_equal(word_number("x", " 8", 100, &number, NULL), -ERROR_SYNTAX);
    assert_int_equal(word_number("x", NULL, 100, &number, NULL), -ERROR_SYNTAX);
    assert_int_equal(number, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_at_commas_and_blanks_and_values_at_their_delimiter),
        cmocka_unit_test(parentheses_that_do_not_match_are_refused),
        cmocka_unit_test(numbers_are_decimal_or_hexadecimal_and_within_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
