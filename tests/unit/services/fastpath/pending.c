/* Waiting packets: order and bounds (I7, I9). Unit test, one thread; prints its seed.
 * What may never happen: packets of one flow hash change places, an answer to an old ask is taken, a bound is passed.
 * Compared with plain queues of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/fastpath/pending.h"

static void packets_come_out_in_the_order_they_went_in(void **state)
{
    struct pending pending;
    struct random random;
    uint64_t next_in[16] = {0}, next_out[16] = {0};
    uint32_t n_of_port = 0;
    random_seed(&random, 9);
    print_message("seed 9\n");
    pending_init(&pending, 1024);
    for (int i = 0; i < 50000; i++) {
        uint32_t hash = (uint32_t)random_below(&random, 16) << 8;
        struct pending_list *list = pending_find(&pending, hash);
        struct dp_packet packet = {.frame = next_in[hash >> 8], .flow_hash = hash};
        if (random_below(&random, 2) == 0) {
            list = list != NULL ? list : pending_open(&pending, hash, (uint64_t)i);
            int reason = pending_add(&pending, list, &packet, &n_of_port);
            next_in[hash >> 8] += reason == PENDING_ADDED;
            if (list->n_packets == 0) {
                pending_close(&pending, list);
            }
        } else if (list != NULL) {
            pending_pop(&pending, list, &packet);
            n_of_port--;
            assert_int_equal(packet.frame, next_out[hash >> 8]++);
            if (list->n_packets == 0) {
                pending_close(&pending, list);
            } else {
                pending_ask_again(&pending, list, (uint64_t)i);
            }
        }
        assert_true(pending.n_packets <= pending.max_packets && n_of_port <= pending.max_per_port);
        assert_true(pending.oldest == NULL || pending.oldest->asked_ns <= pending.newest->asked_ns);
    }
    pending_fini(&pending);
}

static void bounds_hold_per_flow_hash_port_and_in_all(void **state)
{
    struct pending pending;
    struct dp_packet packet = {0};
    uint32_t one = 0, other = 0, third = 0;
    pending_init(&pending, 4096);
    struct pending_list *list = pending_open(&pending, 1, 0);
    for (int i = 0; i < PENDING_PER_HASH; i++) {
        assert_int_equal(pending_add(&pending, list, &packet, &one), PENDING_ADDED);
    }
    assert_int_equal(pending_add(&pending, list, &packet, &one), DROP_PENDING_FLOW_HASH);
    for (uint32_t hash = 2; one < pending.max_per_port; hash++) {
        assert_int_equal(pending_add(&pending, pending_open(&pending, hash, 0), &packet, &one), PENDING_ADDED);
    }
    assert_int_equal(one, 4096 / 8);
    assert_int_equal(pending_add(&pending, pending_open(&pending, 99999, 0), &packet, &one), DROP_PENDING_PORT);
    list = pending_find(&pending, 99999);
    assert_int_equal(pending_add(&pending, list, &packet, &other), PENDING_ADDED);
    for (uint32_t hash = 100000; pending.n_packets < pending.max_packets; hash++) {
        assert_int_equal(pending_add(&pending, pending_open(&pending, hash, 0), &packet, other < 512 ? &other : &third), PENDING_ADDED);
    }
    assert_int_equal(pending.n_packets, 4096 / 4);
    assert_int_equal(pending_add(&pending, list, &packet, &third), third < 512 ? DROP_PENDING_FULL : DROP_PENDING_PORT);
    pending_fini(&pending);
}

static void only_the_present_ask_is_found(void **state)
{
    struct pending pending;
    struct dp_packet packet = {0};
    uint32_t n = 0;
    pending_init(&pending, 64);
    struct pending_list *list = pending_open(&pending, 7, 0);
    assert_int_equal(pending_add(&pending, list, &packet, &n), PENDING_ADDED);
    uint64_t first = list->ask;
    assert_ptr_equal(pending_by_ask(&pending, first), list);
    pending_ask_again(&pending, list, 1);
    assert_null(pending_by_ask(&pending, first));
    assert_ptr_equal(pending_by_ask(&pending, list->ask), list);
    assert_null(pending_by_ask(&pending, 0));
    assert_null(pending_by_ask(&pending, UINT64_MAX));
    assert_null(pending_by_ask(&pending, list->ask + 1));
    uint64_t last = list->ask;
    pending_pop(&pending, list, &packet);
    pending_close(&pending, list);
    assert_null(pending_by_ask(&pending, last));
    assert_null(pending_list_at(&pending, (uint32_t)last));
    pending_fini(&pending);
}

/* 1 was popped; it and two copies of it go back before 2 and 3, in their own order. */
static void packets_put_back_come_before_those_behind_them(void **state)
{
    struct pending pending;
    struct dp_packet packet = {.flow_hash = 5};
    uint32_t n_of_port = 0, place = 0;
    static const uint64_t order[] = {10, 11, 12, 2, 3, 4};
    pending_init(&pending, 1024);
    struct pending_list *list = pending_open(&pending, 5, 0);
    for (packet.frame = 1; packet.frame <= 3; packet.frame++) {
        assert_int_equal(pending_add(&pending, list, &packet, &n_of_port), PENDING_ADDED);
    }
    pending_pop(&pending, list, &packet);
    n_of_port--;
    for (packet.frame = 10; packet.frame <= 12; packet.frame++) {
        assert_int_equal(pending_put_back(&pending, list, &packet, &n_of_port, &place), PENDING_ADDED);
    }
    packet.frame = 4;
    assert_int_equal(pending_add(&pending, list, &packet, &n_of_port), PENDING_ADDED);
    for (size_t i = 0; i < 6; i++) {
        pending_pop(&pending, list, &packet);
        assert_int_equal(packet.frame, order[i]);
    }
    /* Into a list that has become empty, and up to its bound. */
    place = 0;
    n_of_port = 0;
    for (packet.frame = 0; packet.frame < PENDING_PER_HASH; packet.frame++) {
        assert_int_equal(pending_put_back(&pending, list, &packet, &n_of_port, &place), PENDING_ADDED);
    }
    assert_int_equal(pending_put_back(&pending, list, &packet, &n_of_port, &place), DROP_PENDING_FLOW_HASH);
    for (uint64_t i = 0; i < PENDING_PER_HASH; i++) {
        pending_pop(&pending, list, &packet);
        assert_int_equal(packet.frame, i);
    }
    pending_close(&pending, list);
    pending_fini(&pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_put_back_come_before_those_behind_them),
        cmocka_unit_test(packets_come_out_in_the_order_they_went_in),
        cmocka_unit_test(bounds_hold_per_flow_hash_port_and_in_all),
        cmocka_unit_test(only_the_present_ask_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
