/* Writers under way: in the group, or held until the group is published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "services/configdb/writers.h"

static void who_is_once_held_stays_so_until_the_group_is_done(void **state)
{
    struct writers *writers = writers_new();
    assert_int_equal(writers_place(writers, 7), WRITERS_FREE);
    writers_note(writers, 7, false);
    writers_note(writers, 8, true);
    assert_int_equal(writers_place(writers, 7), WRITERS_GROUP);
    assert_int_equal(writers_place(writers, 8), WRITERS_HELD);
    assert_int_equal(writers_place(writers, 9), WRITERS_FREE);
    writers_note(writers, 7, true);
    writers_note(writers, 8, false);
    assert_int_equal(writers_place(writers, 7), WRITERS_HELD);
    assert_int_equal(writers_place(writers, 8), WRITERS_HELD);
    writers_clear(writers);
    assert_int_equal(writers_place(writers, 7), WRITERS_FREE);
    writers_note(writers, 7, false);
    assert_int_equal(writers_place(writers, 7), WRITERS_GROUP);
    writers_destroy(&writers);
    writers_destroy(&writers);
    assert_null(writers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_once_held_stays_so_until_the_group_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
