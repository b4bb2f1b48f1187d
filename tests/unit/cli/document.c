/* Documents as text. What they contain is the subject of tests/prop/config_document.c. */
#include "cli/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"

static struct error_detail detail;

static void a_row_is_a_line_and_the_text_is_read_again(void **state)
{
    static const char text[] = "{\n  \"format\": 1,\n  \"switch\": {\"kernel_tier\": false},\n  \"bridge\": [\n    {\"name\": "
                               "\"b\"},\n    {\"name\": \"a\"}\n  ],\n"
                               "  \"port\": []\n}\n";
    json_t *document = NULL;
    assert_int_equal(document_parse("f", text, strlen(text), &document, &detail), 0);
    char *again = document_text(document);
    assert_string_equal(again, text);
    free(again);
    json_decref(document);
}

static void what_is_no_document_is_refused(void **state)
{
    json_t *document = NULL;
    static const char twice[] = "{\"format\": 1, \"format\": 1}", zero[] = "{\"format\": 1}\0x";
    assert_int_equal(document_parse("f", "{\n1}", 4, &document, &detail), -ERROR_SYNTAX);
    assert_int_equal(strncmp(detail.text, "f line 2, column 1", 18), 0);
    assert_int_equal(document_parse("f", twice, strlen(twice), &document, &detail), -ERROR_SYNTAX);
    assert_int_equal(document_parse("f", zero, sizeof zero, &document, &detail), -ERROR_SYNTAX);
    assert_int_equal(document_parse("f", "", 0, &document, &detail), -ERROR_SYNTAX);
    assert_int_equal(document_parse("f", "{\"format\": \"1\"}", 15, &document, &detail), -ERROR_VERSION);
    char *huge = memory_zeroed((size_t)DOCUMENT_BYTES_MAX + 1);
    assert_int_equal(document_parse("f", huge, (size_t)DOCUMENT_BYTES_MAX + 1, &document, &detail), -ERROR_TOO_LARGE);
    memset(huge, '[', 1 << 20); /* deeper than any reader should follow */
    assert_int_equal(document_parse("f", huge, 1 << 20, &document, &detail), -ERROR_SYNTAX);
    free(huge);
    assert_null(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_a_line_and_the_text_is_read_again),
        cmocka_unit_test(what_is_no_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
