/* The disk's thread: what is asked for is done once, commits before folds, and the main loop is woken. */
#include "tests/unit/services/configdb/fixture.h"

#include <poll.h>
#include <pthread.h>

#include "services/configdb/disk.h"

struct deed {
    pthread_t by;
    int n, order, result;
    int *counter;
};

static int do_it(void *context)
{
    struct deed *deed = context;
    deed->by = pthread_self();
    deed->n++;
    deed->order = ++*deed->counter;
    return deed->result;
}

static void work_is_done_in_the_thread_and_told(void **state)
{
    int counter = 0, err = 0;
    struct disk *disk = disk_new(DISK_THREAD);
    for (int i = 1; i <= 100; i++) {
        struct deed deed = {.counter = &counter, .result = -i};
        struct pollfd fd = {.fd = disk_fd(disk), .events = POLLIN};
        assert_false(disk_is_busy(disk, DISK_COMMIT));
        disk_ask(disk, DISK_COMMIT, do_it, &deed);
        assert_int_equal(poll(&fd, 1, 10000), 1);
        assert_true(disk_is_busy(disk, DISK_COMMIT));
        assert_true(disk_take(disk, DISK_COMMIT, &err));
        assert_int_equal(err, -i);
        assert_false(disk_take(disk, DISK_COMMIT, &err));
        assert_int_equal(poll(&fd, 1, 0), 0);
        assert_int_equal(deed.n, 1);
        assert_false(pthread_equal(deed.by, pthread_self()));
    }
    disk_destroy(&disk);
    assert_null(disk);
}

static void two_results_are_two_wakes(void **state)
{
    int counter = 0, err = 0;
    struct deed fold = {.counter = &counter}, commit = {.counter = &counter, .result = -7};
    struct disk *disk = disk_new(DISK_THREAD);
    struct pollfd fd = {.fd = disk_fd(disk), .events = POLLIN};
    disk_ask(disk, DISK_FOLD, do_it, &fold);
    disk_ask(disk, DISK_COMMIT, do_it, &commit);
    assert_int_equal(disk_wait(disk, DISK_COMMIT), -7);
    assert_int_equal(poll(&fd, 1, 10000), 1); /* the fold's is still there, or comes */
    while (!disk_take(disk, DISK_FOLD, &err)) {
    }
    assert_int_equal(err, 0);
    assert_int_equal(poll(&fd, 1, 0), 0);
    disk_destroy(&disk);
}

static void what_was_asked_for_is_done_before_it_ends(void **state)
{
    int counter = 0;
    struct deed fold = {.counter = &counter}, commit = {.counter = &counter};
    struct disk *disk = disk_new(DISK_THREAD);
    disk_ask(disk, DISK_FOLD, do_it, &fold);
    disk_ask(disk, DISK_COMMIT, do_it, &commit);
    disk_destroy(&disk);
    assert_int_equal(fold.n, 1);
    assert_int_equal(commit.n, 1);
}

static void held_work_waits_and_commits_go_first(void **state)
{
    int counter = 0, err;
    struct deed fold = {.counter = &counter}, commit = {.counter = &counter};
    struct disk *disk = disk_new(DISK_HELD);
    assert_int_equal(disk_fd(disk), -1);
    assert_false(disk_go(disk));
    disk_ask(disk, DISK_FOLD, do_it, &fold);
    disk_ask(disk, DISK_COMMIT, do_it, &commit);
    assert_false(disk_take(disk, DISK_FOLD, &err));
    assert_int_equal(counter, 0);
    assert_true(disk_go(disk));
    assert_int_equal(commit.order, 1);
    assert_int_equal(disk_wait(disk, DISK_FOLD), 0);
    assert_int_equal(fold.order, 2);
    assert_false(disk_go(disk));
    assert_true(disk_take(disk, DISK_COMMIT, &err));
    assert_int_equal(disk_wait(disk, DISK_COMMIT), 0); /* nothing is under way */
    disk_destroy(&disk);
}

static void inline_work_is_done_at_once(void **state)
{
    int counter = 0, err = 0;
    struct deed deed = {.counter = &counter, .result = -3};
    struct disk *disk = disk_new(DISK_INLINE);
    disk_ask(disk, DISK_FOLD, do_it, &deed);
    assert_int_equal(counter, 1);
    assert_true(disk_take(disk, DISK_FOLD, &err));
    assert_int_equal(err, -3);
    disk_destroy(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_done_in_the_thread_and_told),
        cmocka_unit_test(two_results_are_two_wakes),
        cmocka_unit_test(what_was_asked_for_is_done_before_it_ends),
        cmocka_unit_test(held_work_waits_and_commits_go_first),
        cmocka_unit_test(inline_work_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
