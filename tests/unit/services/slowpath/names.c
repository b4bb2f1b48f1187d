/* Counter ids are named once, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/slowpath/names.h"

static void an_id_keeps_its_number_and_is_told_once(void **state)
{
    (void)state;
    struct names *names = names_new();
    uint32_t first;
    size_t n;
    for (uint64_t id = 0; id < 10000; id++) {
        assert_int_equal(names_number(names, id << 20), id + 1);
    }
    (void)names_untold(names, &first, &n);
    assert_true(first == 1 && n == 10000);
    names_told(names);
    assert_int_equal(names_number(names, 5ull << 20), 6);
    assert_int_equal(names_number(names, 1), 10001);
    const uint64_t *ids = names_untold(names, &first, &n);
    assert_true(first == 10001 && n == 1 && ids[0] == 1);
    assert_int_equal(names_count(names), 10001);
    names_destroy(&names);
    names_destroy(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_id_keeps_its_number_and_is_told_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
