/* Devices that are not taken without force. Unit test with the loopback interface; needs no privileges.
 * What may never happen: the operator's own connection is cut off without being asked.
 * One thread; the default route is for the system tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <net/if.h>

#include "services/fastpath/guard.h"

static void operators_connection_is_refused_with_the_reason(void **state)
{
    struct error_detail detail;
    unsetenv("SSH_CONNECTION");
    assert_int_equal(guard_check("lo", if_nametoindex("lo"), &detail), 0);
    setenv("SSH_CONNECTION", "192.0.2.9 50000 127.0.0.1 22", 1);
    assert_int_equal(guard_check("lo", if_nametoindex("lo"), &detail), -ERROR_REFUSED);
    assert_non_null(strstr(detail.text, "connection you are working over"));
    setenv("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.77 22", 1);
    assert_int_equal(guard_check("lo", if_nametoindex("lo"), &detail), 0);
    setenv("SSH_CONNECTION", "garbage", 1);
    assert_int_equal(guard_check("lo", if_nametoindex("lo"), &detail), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_connection_is_refused_with_the_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
