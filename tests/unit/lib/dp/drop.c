/* Drop reasons have words and sentences. Unit test, one thread, no files.
 * What may never happen: two reasons under one word in the metrics.
 * Costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dp/drop.h"

static void words_are_all_different(void **state)
{
    for (int i = 0; i < DROP_REASON_COUNT; i++) {
        assert_true(strlen(drop_text((enum drop_reason)i)) > 10);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(drop_name((enum drop_reason)i), drop_name((enum drop_reason)k));
        }
    }
}

static void number_from_elsewhere_is_unknown(void **state)
{
    assert_string_equal(drop_name((enum drop_reason)9999), "unknown");
    assert_string_equal(drop_text((enum drop_reason)9999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_all_different), cmocka_unit_test(number_from_elsewhere_is_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
