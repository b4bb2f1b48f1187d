/* When the watchdog kills. Unit test with a fake clock; the child itself is looked at for what it must not do: outlive watchdog_close().
 * What may never happen: a process that makes progress, or one on a machine that stood still, is killed.
 * One thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "lib/base/clock.h"
#include "services/fastpath/watchdog.h"

#define CHECK_NS (WATCHDOG_CHECK_MS * NS_PER_MS)

/* The number of checks until it kills, each `step_ns` after the one before; 0: not within 1,000. */
static unsigned checks_until_kill(struct watchdog_view *view, uint64_t progress, uint64_t step_ns)
{
    uint64_t now_ns = view->checked_ns;
    for (unsigned i = 1; i <= 1000; i++) {
        now_ns += step_ns;
        if (watchdog_must_kill(view, progress, now_ns)) {
            return i;
        }
    }
    return 0;
}

static void ten_checks_without_progress_kill(void **state)
{
    struct watchdog_view view = {.checked_ns = NS_PER_S, .progress = 7};
    assert_int_equal(checks_until_kill(&view, 7, CHECK_NS), WATCHDOG_CHECKS);
}

static void nothing_is_killed_before_the_first_progress(void **state)
{
    struct watchdog_view view = {.checked_ns = NS_PER_S};
    assert_int_equal(checks_until_kill(&view, 0, CHECK_NS), 0);
}

static void progress_begins_the_count_anew(void **state)
{
    struct watchdog_view view = {.checked_ns = NS_PER_S};
    uint64_t now_ns = NS_PER_S;
    for (uint64_t progress = 1; progress < 100; progress++) {
        for (unsigned i = 0; i < WATCHDOG_CHECKS; i++) {
            assert_false(watchdog_must_kill(&view, progress, now_ns += CHECK_NS));
        }
    }
    assert_true(watchdog_must_kill(&view, 99, now_ns += CHECK_NS));
}

static void a_late_check_begins_the_count_anew(void **state)
{
    struct watchdog_view view = {.checked_ns = NS_PER_S, .progress = 7};
    assert_int_equal(checks_until_kill(&view, 7, 2 * CHECK_NS), 0);
    for (unsigned i = 1; i < WATCHDOG_CHECKS; i++) {
        assert_false(watchdog_must_kill(&view, 7, view.checked_ns + CHECK_NS));
    }
    assert_false(watchdog_must_kill(&view, 7, view.checked_ns + 3 * CHECK_NS));
    assert_int_equal(checks_until_kill(&view, 7, CHECK_NS), WATCHDOG_CHECKS);
}

static void the_child_ends_with_close(void **state)
{
    struct watchdog watchdog = {0};
    watchdog_progress(&watchdog); /* without one: nothing */
    assert_int_equal(watchdog_open(&watchdog), 0);
    pid_t child = watchdog.child;
    assert_int_equal(kill(child, 0), 0);
    watchdog_progress(&watchdog);
    assert_int_equal(*watchdog.progress, 1);
    watchdog_close(&watchdog);
    assert_true(kill(child, 0) != 0 && errno == ESRCH);
    watchdog_close(&watchdog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_checks_without_progress_kill),
        cmocka_unit_test(nothing_is_killed_before_the_first_progress),
        cmocka_unit_test(progress_begins_the_count_anew),
        cmocka_unit_test(a_late_check_begins_the_count_anew),
        cmocka_unit_test(the_child_ends_with_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
