/* Lines of values in a JSON text. */
#include "cli/json_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char text[] = "{\n"                                    /* 1 */
                           "  \"a\": {\"b\": 1, \"c\": [1, {}]},\n" /* 2 */
                           "  \"}]\\\"\": \"{[\",\n"                /* 3 */
                           "  \"rows\": [\n"                        /* 4 */
                           "    {\"x\": 1},\n"                      /* 5 */
                           "    [1,\n"                              /* 6 */
                           "     2],\n"                             /* 7 */
                           "    {\"deep\": {\"y\": {}},\n"          /* 8 */
                           "\n"                                     /* 9 */
                           "     \"y\": \"\\\\\"}\n"                /* 10 */
                           "  ],\n"                                 /* 11 */
                           "  \"last\": null}\n";                   /* 12 */

static void values_are_found_on_their_lines(void **state)
{
    assert_int_equal(json_line(text, NULL, SIZE_MAX, NULL), 1);
    assert_int_equal(json_line(text, "a", SIZE_MAX, NULL), 2);
    assert_int_equal(json_line(text, "rows", 0, NULL), 5);
    assert_int_equal(json_line(text, "rows", 1, NULL), 6);
    assert_int_equal(json_line(text, "rows", 2, NULL), 8);
    assert_int_equal(json_line(text, "rows", 2, "deep"), 8);
    assert_int_equal(json_line(text, "rows", 2, "y"), 10);
    assert_int_equal(json_line(text, "last", SIZE_MAX, NULL), 12);
}

static void what_is_not_there_gets_the_line_above_it(void **state)
{
    assert_int_equal(json_line(text, "none", 3, "x"), 1);
    assert_int_equal(json_line(text, "rows", 3, "x"), 4);
    assert_int_equal(json_line(text, "rows", 2, "z"), 8);
    assert_int_equal(json_line(text, "rows", 1, "z"), 6);
    assert_int_equal(json_line(text, "a", SIZE_MAX, "c"), 2);
    assert_int_equal(json_line("", "a", 0, "b"), 1);
    assert_int_equal(json_line("{}", "a", 0, "b"), 1);
    assert_int_equal(json_line("[]", "a", 0, "b"), 1);
    assert_int_equal(json_line("{\"a\": []}", "a", 0, "b"), 1);
    assert_int_equal(json_line("{\"a", "a", 0, "b"), 1); /* not JSON: no line, but an end */
    assert_int_equal(json_line("{\"a\":[", "a", 5, "b"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_on_their_lines),
        cmocka_unit_test(what_is_not_there_gets_the_line_above_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
