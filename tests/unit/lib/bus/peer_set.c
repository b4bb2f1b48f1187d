/* Tests of lib/bus/peer_set.c: each peer is counted for itself, and the set stays bounded. */
#include "lib/bus/peer_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct bus_identity peer(uint64_t start)
{
    return (struct bus_identity){.kind = PROCESS_SWCTL, .instance = 1, .start = start};
}

static void each_peer_counts_from_one(void **state)
{
    struct peer_set set = {0};
    struct bus_identity a = peer(1), b = peer(2);
    assert_int_equal(peer_set_next(&set, &a), 1);
    assert_int_equal(peer_set_next(&set, &a), 2);
    assert_int_equal(peer_set_next(&set, &b), 1);
    assert_int_equal(peer_set_next(&set, &a), 3);
    peer_set_fini(&set);
}

static void number_taken_back_is_given_again(void **state)
{
    struct peer_set set = {0};
    struct bus_identity a = peer(1);
    peer_set_next(&set, &a);
    peer_set_next(&set, &a);
    peer_set_take_back(&set, &a);
    assert_int_equal(peer_set_next(&set, &a), 2);
    peer_set_fini(&set);
}

static void peer_that_never_got_anything_leaves_nothing(void **state)
{
    struct peer_set set = {0};
    for (uint64_t i = 1; i < 100; i++) {
        struct bus_identity p = peer(i);
        peer_set_next(&set, &p);
        peer_set_take_back(&set, &p);
    }
    assert_int_equal(peer_set_size(&set), 0);
    peer_set_fini(&set);
}

static void the_longest_unused_peer_makes_room(void **state)
{
    struct peer_set set = {0};
    struct bus_identity busy = peer(1), idle = peer(2);
    peer_set_next(&set, &busy);
    peer_set_next(&set, &idle);
    for (uint64_t i = 3; i < 3 + 2 * PEER_SET_MAX; i++) {
        struct bus_identity p = peer(i);
        peer_set_next(&set, &p);
        assert_true(peer_set_next(&set, &busy) == i - 1);
        assert_in_range(peer_set_size(&set), 1, PEER_SET_MAX);
    }
    assert_int_equal(peer_set_next(&set, &idle), 1);
    peer_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_peer_counts_from_one),
        cmocka_unit_test(number_taken_back_is_given_again),
        cmocka_unit_test(peer_that_never_got_anything_leaves_nothing),
        cmocka_unit_test(the_longest_unused_peer_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
