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
    rig_run(rig, 1);
    rig_forget_heard(&rig->replicas[0]);
    assert_int_equal(rig->shard->worker.pending.n_packets, rig->shard->worker.pending.max_per_port);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_PENDING_PORT], 2000 - rig->shard->worker.pending.max_per_port);
    rig_put(rig, "p1", 1, 1, 9);
    rig_put(rig, "p3", 1, 1, 9);
    rig_run(rig, 2); /* an ask waits a little for others while some are under way */
    assert_int_equal(rig_got(rig, "p2"), 9);
    assert_int_not_equal(rig_ask(rig, 0, NULL), 0);
    rig_end(rig);
}

/* ---- recirculation ---- */

#define RECIRC(id) {.type = DP_ACTION_RECIRC, .recirc_id = (id)}
#define OUT(number) {.type = DP_ACTION_OUTPUT, .port = (number)}

/* As a slowpath does that recirculates: every mask looks at the recirculation id. */
static struct flow_key mask_recirc(unsigned bits)
{
    struct flow_key mask = mask_source(bits);
    mask.recirc_id = be32(UINT32_MAX);
    return mask;
}

static void recirculated_packet_finds_a_flow_of_its_own(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_recirc(32), key;
    struct dp_action first[] = {{.type = DP_ACTION_HASH, .hash = {.basis = 3}}, RECIRC(7)};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    rig_answer(rig, 0,
               &(struct rig_answer){.ask = rig_ask(rig, 0, &key), .mask = &mask, .actions = first, .n_actions = 2, .version = 10});
    assert_int_equal(host32(key.recirc_id), 0);
    uint64_t ask = rig_ask(rig, 0, &key);
    assert_int_equal(host32(key.recirc_id), 7);
    assert_int_not_equal(key.dp_hash.raw, 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = ask, .mask = &mask, .port = 3, .version = 10});
    assert_int_equal(rig_got(rig, "p3"), 1);
    for (uint8_t i = 2; i < 9; i++) {
        rig_put(rig, "p1", 1, i, i);
        rig_run(rig, 0);
        assert_int_equal(rig_got(rig, "p3"), i);
    }
    assert_int_equal(rig->shard->worker.totals.misses, 2);
    assert_int_equal(rig->shard->worker.totals.recirculated, 8);
    rig_end(rig);
}

/* All wait for the first answer, and then for the second; the first copies in each list are before what came behind. */
static void packets_that_wait_twice_leave_in_order(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_recirc(32), key;
    struct dp_action rewrite = {.type = DP_ACTION_SET_FIELD,
                                .set_field = {.field = FIELD_UDP_SRC, .value = field_value_u64(9), .mask = field_all_ones(FIELD_UDP_SRC)}};
    struct dp_action first[] = {rewrite, RECIRC(7)}, second[] = {RECIRC(8)};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < 20; i++) {
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_run(rig, 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, NULL), .mask = &mask, .actions = first, .n_actions = 2, .version = 10});
    for (uint8_t i = 20; i < 30; i++) { /* a flow is there for these, and others wait */
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_run(rig, 0);
    assert_int_equal(rig->shard->worker.pending.n_packets, 30);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, &key), .mask = &mask, .actions = second, .n_actions = 1, .version = 10});
    assert_int_equal(host32(key.recirc_id), 7);
    assert_int_equal(host16(key.l4_src), 9);
    assert_int_equal(rig_got(rig, "p3"), -1);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, &key), .mask = &mask, .port = 3, .version = 10});
    assert_int_equal(host32(key.recirc_id), 8);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(rig_got(rig, "p3"), i);
    }
    assert_int_equal(rig->shard->worker.pending.n_lists, 0);
    rig_end(rig);
}

static void answers_without_flows_recirculate_one_packet_each(void **state)
{
    struct rig *rig = rig_new(256);
    struct dp_action first[] = {RECIRC(7), RECIRC(8)};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < 3; i++) {
        rig_put(rig, "p1", 7, 1, i);
    }
    rig_run(rig, 0);
    for (int i = 0; i < 3; i++) {
        struct flow_key key;
        rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, NULL), .actions = first, .n_actions = 2, .version = 10});
        for (uint32_t id = 7; id <= 8; id++) {
            rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, &key), .port = 3, .version = 10});
            assert_int_equal(host32(key.recirc_id), id);
            assert_int_equal(rig_got(rig, "p3"), i);
        }
    }
    assert_int_equal(rig_ask(rig, 0, NULL), 0);
    rig_end(rig);
}

/* Sixteen flow hashes, two to four lookups a packet, answers late and of changing order: each flow hash leaves as it came. */
static void random_recirculation_keeps_each_flow_hash_in_order(void **state)
{
    struct rig *rig = rig_new(1024);
    struct random random;
    struct flow_key mask = mask_recirc(32), key;
    int next_in[16] = {0}, next_out[16] = {0};
    mask.l4_src = be16(UINT16_MAX);
    random_seed(&random, 5);
    print_message("seed 5\n");
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    uint64_t asks[64];
    struct flow_key keys[64];
    size_t n_asks = 0;
    for (int round = 0; round < 4000; round++) {
        uint16_t source = (uint16_t)random_below(&random, 16);
        if (next_in[source] < 200 && next_in[source] - next_out[source] < 50) {
            rig_put(rig, "p1", source, 1, (uint8_t)next_in[source]++);
        }
        if (round % 40 == 0) {
            rig_beat(rig, 0);
        }
        rig_run(rig, 0);
        Busbar__MissBatch *batch;
        while ((batch = rig_take(rig, 0, MESSAGE_MISS_BATCH)) != NULL) {
            for (size_t i = 0; i < batch->n_asks; i++) {
                asks[n_asks] = batch->asks[i];
                assert_int_equal(keys_decode(&batch->keys, batch->n_asks, i, &keys[n_asks++]), 0);
            }
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
        if (n_asks > 0 && random_below(&random, 3) == 0) {
            size_t i = random_below(&random, n_asks);
            uint32_t step = host32(keys[i].recirc_id), last = 1 + keys[i].ip_src[3] % 3;
            struct dp_action list[] = {RECIRC(step + 1)};
            struct rig_answer answer = {.ask = asks[i], .mask = random_below(&random, 2) == 0 ? &mask : NULL, .version = 10};
            answer.port = step >= last ? 3 : 0;
            answer.actions = step >= last ? NULL : list;
            answer.n_actions = 1;
            asks[i] = asks[--n_asks];
            keys[i] = keys[n_asks];
            rig_answer(rig, 0, &answer);
        }
        uint8_t frame[2048];
        while (io_mem_get(rig->mem, "p3", frame, sizeof frame) > 0) {
            assert_int_equal(frame[42], (uint8_t)next_out[frame[29]]++);
        }
        assert_true(worker_is_balanced(&rig->shard->worker));
    }
    int n_out = 0;
    for (int i = 0; i < 16; i++) {
        n_out += next_out[i];
    }
    assert_true(n_out > 1000);
    (void)key;
    rig_end(rig);
}

/* A mask that forgets the recirculation id makes a flow that covers its own packets again. */
static void endless_recirculation_ends_with_a_reason(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    struct dp_action again[] = {RECIRC(7)};
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < 3; i++) {
        rig_put(rig, "p1", 1, 1, i);
    }
    rig_run(rig, 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, NULL), .mask = &mask, .actions = again, .n_actions = 1, .version = 10});
    assert_int_equal(rig->shard->worker.totals.drops[DROP_RECIRCULATION_LIMIT], 3);
    assert_int_equal(rig->shard->worker.totals.recirculated, 3 * DP_RECIRCULATIONS_MAX);
    rig_end(rig);
}

static void copies_that_multiply_end_with_a_reason(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    struct dp_action many[20];
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint32_t i = 0; i < 20; i++) {
        many[i] = (struct dp_action)RECIRC(i + 1);
    }
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, NULL), .mask = &mask, .actions = many, .n_actions = 20, .version = 10});
    assert_int_equal(rig->shard->worker.totals.recirculated, WORKER_RECIRCULATIONS_MAX);
    assert_true(rig->shard->worker.totals.drops[DROP_RECIRCULATION_LIMIT] > 0);
    rig_put(rig, "p1", 1, 1, 1); /* and the next packet begins anew */
    rig_run(rig, 0);
    assert_int_equal(rig->shard->worker.totals.recirculated, 2 * WORKER_RECIRCULATIONS_MAX);
    rig_end(rig);
}

static void packet_out_of_no_port_may_be_looked_up_again(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key key;
    uint8_t frame[FRAME_BYTES];
    struct dp_action list[] = {RECIRC(4)};
    bool is_new;
    struct program *program = program_get(rig->shard->programs, list, 1, NULL, 0, &is_new);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    frame_udp(frame, 1, 1, 8);
    assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 0, program), 0);
    rig_run(rig, 0);
    assert_int_equal(rig->shard->worker.n_portless, 1);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, &key), .port = 2, .version = 10});
    assert_int_equal(host32(key.recirc_id), 4);
    assert_int_equal(rig_got(rig, "p2"), 8);
    assert_int_equal(rig->shard->worker.n_portless, 0);
    program_put(&program);
    rig_end(rig);
}

/* ---- meters ---- */

static void metered_packets_are_dropped_over_the_rate_and_unknown_meters_let_pass(void **state)
{
    struct rig *rig = rig_new(256);
    struct flow_key mask = mask_source(32);
    struct dp_action list[] = {{.type = DP_ACTION_METER, .meter = 5}, OUT(2)};
    struct worker *worker = &rig->shard->worker;
    Busbar__BandMessage band = BUSBAR__BAND_MESSAGE__INIT, *bands[] = {&band};
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    struct meter_set *set;
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 1);
    rig_run(rig, 0);
    rig_answer(rig, 0, &(struct rig_answer){.ask = rig_ask(rig, 0, NULL), .mask = &mask, .actions = list, .n_actions = 2, .version = 10});
    assert_int_equal(rig_got(rig, "p2"), 1);
    assert_int_equal(worker->totals.unmetered, 1);

    assert_int_equal(meter_set_open(NULL, &set, NULL), 0);
    worker->meters = set;
    rig_put(rig, "p1", 1, 1, 2);
    rig_run(rig, 0);
    assert_int_equal(rig_got(rig, "p2"), 2);
    assert_int_equal(worker->totals.unmetered, 2);

    band.type = 1;
    band.rate = 4;
    row.flags = 1 << 1;
    row.n_bands = 1;
    row.bands = bands;
    meter_set_apply(set, 5, &row, rig->now_ns);
    for (uint8_t i = 0; i < 10; i++) {
        rig_put(rig, "p1", 1, 1, i);
    }
    rig_run(rig, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig_got(rig, "p2"), i);
    }
    assert_int_equal(rig_got(rig, "p2"), -1);
    assert_int_equal(worker->totals.drops[DROP_METER], 6);
    assert_int_equal(port_set_find(&rig->shard->ports, 1)->rx_drops[DROP_METER], 6);
    assert_int_equal(worker->totals.unmetered, 2);
    rig_end(rig);
    meter_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recirculated_packet_finds_a_flow_of_its_own),
        cmocka_unit_test(packets_that_wait_twice_leave_in_order),
        cmocka_unit_test(answers_without_flows_recirculate_one_packet_each),
        cmocka_unit_test(random_recirculation_keeps_each_flow_hash_in_order),
        cmocka_unit_test(endless_recirculation_ends_with_a_reason),
        cmocka_unit_test(copies_that_multiply_end_with_a_reason),
        cmocka_unit_test(packet_out_of_no_port_may_be_looked_up_again),
        cmocka_unit_test(metered_packets_are_dropped_over_the_rate_and_unknown_meters_let_pass),
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
