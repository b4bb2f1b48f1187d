/* Tests of services/ofagent/packet_queue.c: rate, burst, turns of the ports, bounds. */
#include "services/ofagent/packet_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/clock.h"

/* A message says its port and number. */
static void hold(struct packet_queue *queue, uint8_t port, uint8_t number)
{
    packet_queue_hold(queue, port, (const uint8_t[]){port, number}, 2);
}

static bool took(struct packet_queue *queue, uint64_t now_ns, uint8_t port, uint8_t number)
{
    struct writer w;
    writer_init(&w);
    bool is_so = packet_queue_take(queue, now_ns, &w) && w.size == 2 && w.bytes[0] == port && w.bytes[1] == number;
    writer_fini(&w);
    return is_so;
}

static void without_a_limit_all_goes_at_once(void **state)
{
    (void)state;
    struct packet_queue *queue = packet_queue_new();
    for (int i = 0; i < 100000; i++) {
        assert_true(packet_queue_admits(queue, 5));
    }
    assert_int_equal(packet_queue_next_ns(queue, 5), UINT64_MAX);
    packet_queue_destroy(&queue);
    assert_null(queue);
    packet_queue_destroy(&queue);
}

static void a_burst_goes_at_once_and_then_so_many_a_second(void **state)
{
    (void)state;
    struct packet_queue *queue = packet_queue_new();
    uint64_t now_ns = 7 * NS_PER_S;
    packet_queue_limit(queue, 100, 25, now_ns);
    for (int i = 0; i < 25; i++) {
        assert_true(packet_queue_admits(queue, now_ns));
    }
    assert_false(packet_queue_admits(queue, now_ns));
    int n = 0;
    for (int ms = 1; ms <= 3000; ms++) {
        n += packet_queue_admits(queue, now_ns + (uint64_t)ms * NS_PER_MS);
    }
    assert_int_equal(n, 300);
    now_ns += 3600 * NS_PER_S; /* what is saved up is a burst, whatever the pause */
    n = 0;
    while (packet_queue_admits(queue, now_ns)) {
        n++;
    }
    assert_int_equal(n, 25);
    packet_queue_destroy(&queue);
}

static void what_is_held_goes_in_order_when_its_time_has_come(void **state)
{
    (void)state;
    struct packet_queue *queue = packet_queue_new();
    packet_queue_limit(queue, 100, 25, 0);
    while (packet_queue_admits(queue, 0)) {
    }
    hold(queue, 1, 0);
    hold(queue, 1, 1);
    assert_false(took(queue, 0, 1, 0));
    assert_int_equal(packet_queue_next_ns(queue, 0), 10 * NS_PER_MS);
    assert_false(took(queue, 10 * NS_PER_MS - 1, 1, 0));
    assert_true(took(queue, 10 * NS_PER_MS, 1, 0));
    assert_false(packet_queue_admits(queue, 25 * NS_PER_MS)); /* it would overtake */
    assert_true(took(queue, 25 * NS_PER_MS, 1, 1));
    assert_int_equal(packet_queue_next_ns(queue, 0), UINT64_MAX);
    assert_false(packet_queue_admits(queue, 25 * NS_PER_MS));
    assert_true(packet_queue_admits(queue, 30 * NS_PER_MS));
    hold(queue, 1, 2);
    packet_queue_limit(queue, 0, 0, 30 * NS_PER_MS); /* the limit is taken away */
    assert_int_equal(packet_queue_next_ns(queue, 40), 40);
    assert_true(took(queue, 30 * NS_PER_MS, 1, 2));
    assert_int_equal(packet_queue_held(queue), 3);
    assert_int_equal(packet_queue_dropped(queue), 0);
    packet_queue_destroy(&queue);
}

static void ports_take_turns(void **state)
{
    (void)state;
    static const uint8_t order[][2] = {{1, 0}, {2, 0}, {3, 0}, {1, 1}, {3, 1}, {2, 1}, {1, 2}, {1, 3}};
    struct packet_queue *queue = packet_queue_new();
    packet_queue_limit(queue, 1000, 25, 0);
    while (packet_queue_admits(queue, 0)) {
    }
    for (uint8_t i = 0; i < 4; i++) {
        hold(queue, 1, i);
    }
    hold(queue, 2, 0);
    hold(queue, 3, 0);
    hold(queue, 3, 1);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (i == 5) {
            hold(queue, 2, 1); /* comes again */
        }
        assert_true(took(queue, (i + 1) * NS_PER_MS, order[i][0], order[i][1]));
    }
    assert_int_equal(packet_queue_size(queue), 0);
    packet_queue_destroy(&queue);
}

static void who_floods_loses_his_own(void **state)
{
    (void)state;
    struct packet_queue *queue = packet_queue_new();
    packet_queue_limit(queue, 1000, 40, 0);
    while (packet_queue_admits(queue, 0)) {
    }
    hold(queue, 2, 7);
    for (int i = 0; i < 200; i++) {
        hold(queue, 1, (uint8_t)i);
    }
    hold(queue, 3, 9);
    assert_int_equal(packet_queue_size(queue), 40);
    assert_int_equal(packet_queue_dropped(queue), 162);
    assert_int_equal(packet_queue_held(queue), 202);
    assert_true(took(queue, NS_PER_S, 2, 7));
    assert_true(took(queue, NS_PER_S, 1, 162)); /* the oldest of those left */
    assert_true(took(queue, NS_PER_S, 3, 9));
    packet_queue_limit(queue, 1000000, 1000000, NS_PER_S);
    for (int i = 0; i < 2 * PACKET_QUEUE_MAX; i++) {
        hold(queue, (uint8_t)i, 0);
    }
    assert_int_equal(packet_queue_size(queue), PACKET_QUEUE_MAX);
    packet_queue_destroy(&queue);
}

static void bytes_are_bounded_too(void **state)
{
    static const uint8_t frame[9000] = {1};
    struct packet_queue *queue = packet_queue_new();
    size_t n = PACKET_QUEUE_BYTES / sizeof frame;

    packet_queue_limit(queue, 100, 512, 0);
    for (size_t i = 0; i < 512; i++) {
        assert_true(packet_queue_admits(queue, 0));
    }
    for (size_t i = 0; i < n + 3; i++) {
        packet_queue_hold(queue, (uint32_t)i, frame, sizeof frame);
    }
    assert_int_equal(packet_queue_size(queue), n);
    assert_int_equal(packet_queue_dropped(queue), 3);
    packet_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_all_goes_at_once),
        cmocka_unit_test(a_burst_goes_at_once_and_then_so_many_a_second),
        cmocka_unit_test(what_is_held_goes_in_order_when_its_time_has_come),
        cmocka_unit_test(ports_take_turns),
        cmocka_unit_test(who_floods_loses_his_own),
        cmocka_unit_test(bytes_are_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
