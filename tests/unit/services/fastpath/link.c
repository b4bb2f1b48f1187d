/* Interfaces by netlink and ioctl, with the one every machine has. Unit test; needs no privileges.
 * What may never happen: an interface that is there is not told.
 * One thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "services/fastpath/link.h"

struct seen {
    bool loopback;
    uint32_t mtu;
};

static void on_link(void *context, const struct link_info *link)
{
    struct seen *seen = context;
    if (strcmp(link->name, "lo") == 0 && !link->is_gone) {
        seen->loopback = true;
        seen->mtu = link->mtu;
    }
}

static void monitor_tells_the_interfaces_that_are_there(void **state)
{
    struct link_monitor *monitor;
    struct link_info link;
    struct seen seen = {0};
    assert_int_equal(link_monitor_new(&monitor), 0);
    assert_true(link_monitor_fd(monitor) >= 0);
    for (int i = 0; i < 1000 && !seen.loopback; i++) {
        link_monitor_step(monitor, on_link, &seen);
    }
    assert_true(seen.loopback);
    assert_int_equal(link_query("lo", &link), 0);
    assert_int_equal(link.mtu, seen.mtu);
    link_monitor_destroy(&monitor);
    assert_null(monitor);
}

static void interface_that_is_not_there_is_no_device(void **state)
{
    struct link_info link;
    char driver[32];
    assert_int_equal(link_query("nosuchdevice0", &link), -ENODEV);
    assert_int_equal(link_query("a-name-longer-than-linux-has", &link), -ENODEV);
    assert_int_equal(link_speed_mbps("nosuchdevice0"), 0);
    assert_int_equal(link_receive_queues("nosuchdevice0"), 1);
    link_driver("nosuchdevice0", driver);
    assert_string_equal(driver, "");
    assert_int_equal(link_set_up("nosuchdevice0"), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monitor_tells_the_interfaces_that_are_there),
        cmocka_unit_test(interface_that_is_not_there_is_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
