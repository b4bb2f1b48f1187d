/* The packet path: hits, order, bounds, balance (I4, I5, I7, I9). Unit test with memory ports and a scripted replica; prints its seed.
 * What may never happen: a packet disappears, a later one of a flow hash overtakes an earlier one.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

#include "lib/base/random.h"

static void first_packet_asks_and_the_next_ones_do_not(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 32, 10);
    for (uint8_t i = 1; i < 100; i++) {
        rig_put(rig, "p1", 1, i, i);
        rig_run(rig, 0);
        assert_int_equal(rig_got(rig, "p2"), i);
    }
    assert_int_equal(rig->shard->worker.totals.misses, 1);
    rig_put(rig, "p1", 1, 5, 5);
    rig_run(rig, 0);
    assert_true(rig->shard->worker.totals.exact_hits > 0);
    rig_end(rig);
}

static void packets_of_a_flow_hash_wait_and_leave_in_order(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < 20; i++) {
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_run(rig, 0);
    uint64_t ask = rig_ask(rig, 0, NULL);
    assert_int_equal(rig_ask(rig, 0, NULL), 0);
    assert_int_equal(rig->shard->worker.pending.n_packets, 20);
    assert_int_equal(umem_count(rig->umem, FRAME_PENDING), 20);
    for (uint8_t i = 20; i < 30; i++) {
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 3, .version = 10});
    rig_run(rig, 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(rig_got(rig, "p3"), i);
    }
    assert_int_equal(rig->shard->worker.pending.n_lists, 0);
    rig_end(rig);
}

static void answer_without_a_flow_is_for_one_packet_and_the_next_is_asked(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < 3; i++) {
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_run(rig, 0);
    for (int i = 0; i < 3; i++) {
        uint64_t ask = rig_ask(rig, 0, NULL);
        assert_int_not_equal(ask, 0);
        assert_int_equal(rig_got(rig, "p2"), -1);
        rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .port = 2, .version = 10});
        assert_int_equal(rig_got(rig, "p2"), i);
    }
    assert_int_equal(rig_ask(rig, 0, NULL), 0);
    rig_end(rig);
}

static void without_a_slowpath_known_flows_go_on_and_others_are_dropped_by_name(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    (void)rig_make_flow(rig, 0, 1, 32, 10);
    session_close_all(rig->shard, "test", rig->now_ns);
    rig_put(rig, "p1", 1, 1, 1);
    rig_put(rig, "p1", 2, 1, 2);
    rig_run(rig, 60000);
    assert_int_equal(rig_got(rig, "p2"), 1);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_NO_SLOWPATH], 1);
    rig_put(rig, "p1", 1, 1, 3);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 3);
    rig_end(rig);
}

static void outputs_that_cannot_be_are_counted_by_reason(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    static const struct {
        uint32_t port;
        enum drop_reason reason;
    } cases[] = {{77, DROP_OUTPUT_NO_PORT}, {3, DROP_OUTPUT_DOWN}, {2, DROP_OUTPUT_FULL}};
    io_mem_set_tx_room(rig->mem, "p2", 0);
    port_set_find(&rig->shard->ports, 3)->can_send = false;
    for (uint16_t i = 0; i < 3; i++) {
        rig_put(rig, "p1", (uint16_t)(50 + i), 1, 0);
        rig_run(rig, 0);
        uint64_t ask = rig_ask(rig, 0, NULL);
        rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = cases[i].port, .version = 10});
        assert_int_equal(rig->shard->worker.totals.drops[cases[i].reason], 1);
    }
    port_set_find(&rig->shard->ports, 1)->mtu = 20;
    uint8_t frame[FRAME_BYTES];
    frame_udp(frame, 1, 1, 1);
    struct dp_action out1 = {.type = DP_ACTION_OUTPUT, .port = 1};
    bool is_new;
    struct program *program = program_get(rig->shard->programs, &out1, 1, NULL, 0, &is_new);
    assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 0, program), 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_OUTPUT_MTU], 1);
    assert_int_equal(worker_inject(&rig->shard->worker, frame, 5, 0, program), -ERROR_TRUNCATED);
    program_put(&program);
    rig_end(rig);
}

static void frames_of_any_size_are_counted_and_none_is_lost(void **state)
{
    struct rig *rig = rig_new(256);
    struct random random;
    static uint8_t frame[65536];
    size_t n = 0;
    random_seed(&random, 77);
    print_message("seed 77\n");
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (int i = 0; i < 3000; i++) {
        size_t size = random_below(&random, 4) == 0 ? random_below(&random, 20000) : random_below(&random, 80);
        for (size_t k = 0; k < size && k < 80; k++) {
            frame[k] = (uint8_t)random_u64(&random);
        }
        n += io_mem_put(rig->mem, random_below(&random, 2) == 0 ? "p1" : "p2", frame, size);
        if (i % 10 == 0) {
            rig_beat(rig, 0);
            rig_run(rig, 1);
            rig_forget_heard(&rig->replicas[0]);
            assert_true(worker_is_balanced(&rig->shard->worker));
            assert_true(umem_is_sound(rig->umem));
        }
    }
    rig_run(rig, 0);
    struct io_stats a, b;
    struct io *p1 = port_set_find(&rig->shard->ports, 1)->io, *p2 = port_set_find(&rig->shard->ports, 2)->io;
    p1->ops->stats(p1, &a);
    p2->ops->stats(p2, &b);
    assert_int_equal(n, rig->shard->worker.totals.received + a.too_long + a.no_frame + b.too_long + b.no_frame);
    assert_true(rig->shard->worker.totals.drops[DROP_FRAME_TOO_SHORT] > 0);
    rig_end(rig);
}

static void flood_of_misses_leaves_frames_for_others(void **state)
{
    struct rig *rig = rig_new(1024);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    struct flow_id id = rig_make_flow(rig, 0, 1, 32, 10);
    assert_non_null(flow_table_find(rig->shard->flows, id));
    for (uint16_t i = 0; i < 2000; i++) {
        rig_put(rig, "p1", (uint16_t)(i + 100), i, 1);
    }
    while (rig->shard->worker.totals.received < 2000) {
        rig_run(rig, 0);
        rig_forget_heard(&rig->replicas[0]);
    }
    assert_int_equal(rig->shard->worker.pending.n_packets, rig->shard->worker.pending.max_per_port);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_PENDING_PORT], 2000 - rig->shard->worker.pending.max_per_port);
    rig_put(rig, "p1", 1, 1, 9);
    rig_put(rig, "p3", 1, 1, 9);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 9);
    assert_int_not_equal(rig_ask(rig, 0, NULL), 0);
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_packet_asks_and_the_next_ones_do_not),
        cmocka_unit_test(packets_of_a_flow_hash_wait_and_leave_in_order),
        cmocka_unit_test(answer_without_a_flow_is_for_one_packet_and_the_next_is_asked),
        cmocka_unit_test(without_a_slowpath_known_flows_go_on_and_others_are_dropped_by_name),
        cmocka_unit_test(outputs_that_cannot_be_are_counted_by_reason),
        cmocka_unit_test(frames_of_any_size_are_counted_and_none_is_lost),
        cmocka_unit_test(flood_of_misses_leaves_frames_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
