/* Packets to and from controllers. Unit test on the memory bus with a scripted replica.
 * What may never happen: a packet counted as sent up that nobody was given, or a frame from above that leaves no trace.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

#include "services/fastpath/up.h"

/* Answers the asked packet with "to the controller, max_len bytes". */
static void answer_up(struct rig *rig, uint64_t ask, uint16_t max_len)
{
    struct dp_action up = {.type = DP_ACTION_CONTROLLER,
                           .controller = {.bridge = 5, .cookie = 6, .rule_table = 7, .max_len = max_len, .reason = 1}};
    Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
    Busbar__Answer answer = BUSBAR__ANSWER__INIT, *pointer = &answer;
    answer.ask = ask;
    answer.actions = dp_actions_encode(&up, 1);
    answer.n_actions = 1;
    batch.n_answers = 1;
    batch.answers = &pointer;
    rig_say(rig, 0, MESSAGE_ANSWER_BATCH, &batch.base);
    dp_actions_message_free(answer.actions, 1);
    rig_run(rig, 0);
}

static void packet_goes_up_whole_whatever_length_was_asked_for(void **state)
{
    struct rig *rig = rig_new(256);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    rig_put(rig, "p1", 1, 1, 9);
    rig_run(rig, 0);
    answer_up(rig, rig_ask(rig, 0, NULL), 50);
    Busbar__PacketUpBatch *batch = rig_take(rig, 0, MESSAGE_PACKET_UP_BATCH);
    assert_non_null(batch);
    assert_int_equal(batch->n_packets, 1);
    const Busbar__PacketUp *up = batch->packets[0];
    assert_true(up->bridge == 5 && up->cookie == 6 && up->table == 7 && up->reason == 1 && up->in_port == 1);
    assert_int_equal(up->total_size, FRAME_BYTES);
    assert_int_equal(up->frame.len, FRAME_BYTES);
    assert_int_equal(up->frame.data[42], 9);
    assert_int_equal(rig->shard->worker.totals.sent_up, 1);
    assert_int_equal(rig->shard->worker.totals.consumed, 1);
    protobuf_c_message_free_unpacked(&batch->base, NULL);
    rig_end(rig);
}

static void user_data_go_up_behind_the_packets_they_are_of(void **state)
{
    struct rig *rig = rig_new(256);
    struct dp_action up[] = {{.type = DP_ACTION_USERDATA, .userdata.bytes = {7, 8}},
                             {.type = DP_ACTION_USERDATA, .userdata.bytes = {1, 2, 3}},
                             {.type = DP_ACTION_CONTROLLER,
                              .controller = {.bridge = 5, .max_len = 20, .id = 77, .n_userdata = 3, .n_pipeline = 2}}};
    uint8_t frame[FRAME_BYTES];
    bool is_new;
    struct program *program = program_get(rig->shard->programs, up, 3, NULL, 0, &is_new);
    frame_udp(frame, 1, 1, 9);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    }
    rig_run(rig, 0);
    Busbar__PacketUpBatch *batch = rig_take(rig, 0, MESSAGE_PACKET_UP_BATCH);
    assert_non_null(batch);
    assert_int_equal(batch->n_packets, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(batch->packets[i]->frame.len, sizeof frame);
        assert_memory_equal(batch->packets[i]->frame.data, frame, sizeof frame);
        assert_int_equal(batch->packets[i]->userdata.len, 3);
        assert_memory_equal(batch->packets[i]->userdata.data, up[1].userdata.bytes, 3);
        assert_int_equal(batch->packets[i]->pipeline_fields.len, 2);
        assert_memory_equal(batch->packets[i]->pipeline_fields.data, up[0].userdata.bytes, 2);
        assert_int_equal(batch->packets[i]->controller_id, 77);
    }
    protobuf_c_message_free_unpacked(&batch->base, NULL);
    program_put(&program);
    rig_end(rig);
}

/* What queues for a replica is bounded by messages, so a burst of jumbo frames is several. */
static void large_packets_go_up_in_several_messages(void **state)
{
    enum { LARGE = 9014, N = 20 };
    struct rig *rig = rig_new(256);
    uint8_t frame[LARGE] = {0};
    struct dp_action up = {.type = DP_ACTION_CONTROLLER, .controller = {.max_len = 20}};
    bool is_new;
    struct program *program = program_get(rig->shard->programs, &up, 1, NULL, 0, &is_new);
    frame_udp(frame, 1, 1, 1);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (uint8_t i = 0; i < N; i++) {
        frame[LARGE - 1] = i;
        assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    }
    rig_run(rig, 0);
    size_t n = 0;
    Busbar__PacketUpBatch *batch;
    while ((batch = rig_take(rig, 0, MESSAGE_PACKET_UP_BATCH)) != NULL) {
        assert_in_range(busbar__packet_up_batch__get_packed_size(batch), LARGE, UP_BYTES + UP_BATCH * 80);
        for (size_t i = 0; i < batch->n_packets; i++, n++) {
            assert_int_equal(batch->packets[i]->frame.len, LARGE);
            assert_int_equal(batch->packets[i]->frame.data[LARGE - 1], n);
        }
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    assert_int_equal(n, N);
    program_put(&program);
    rig_end(rig);
}

static void packets_up_that_cannot_be_sent_are_counted_as_dropped(void **state)
{
    struct rig *rig = rig_new(256);
    struct dp_controller to = {.max_len = 100};
    uint8_t frame[FRAME_BYTES];
    frame_udp(frame, 1, 1, 1);
    struct dp_action up = {.type = DP_ACTION_CONTROLLER, .controller = to};
    bool is_new;
    struct program *program = program_get(rig->shard->programs, &up, 1, NULL, 0, &is_new);
    assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_NO_SLOWPATH], 1);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    assert_int_equal(rig->shard->worker.totals.sent_up, 1);
    session_close_all(rig->shard, "test", rig->now_ns);
    assert_int_equal(rig->shard->worker.totals.sent_up, 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_CONTROLLER_QUEUE_FULL], 1);
    program_put(&program);
    rig_end(rig);
}

static void port_has_a_rate_of_packets_up(void **state)
{
    struct rig *rig = rig_new(256);
    uint8_t frame[FRAME_BYTES];
    struct dp_action up = {.type = DP_ACTION_CONTROLLER, .controller = {.max_len = 20}};
    bool is_new;
    struct program *program = program_get(rig->shard->programs, &up, 1, NULL, 0, &is_new);
    frame_udp(frame, 1, 1, 1);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    for (int i = 0; i < PORT_UP_RATE / PORT_UP_BURSTS_PER_S + 1 + 100; i++) {
        assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    }
    assert_int_equal(rig->shard->worker.totals.drops[DROP_CONTROLLER_RATE], 100);
    up.controller.reason = 1; /* of another bucket than misses */
    struct program *by_rule = program_get(rig->shard->programs, &up, 1, NULL, 0, &is_new);
    for (int i = 0; i < PORT_UP_RATE / PORT_UP_BURSTS_PER_S + 1; i++) {
        assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, by_rule), 0);
    }
    assert_int_equal(rig->shard->worker.totals.drops[DROP_CONTROLLER_RATE], 100);
    program_put(&by_rule);
    struct port *port = port_set_find(&rig->shard->ports, 1);
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    row.name = port->name;
    row.has_packet_in_rate = true;
    row.packet_in_rate = 40; /* a burst of 3 */
    port_control_apply(&rig->ports, 1, &row, rig->now_ns);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    }
    port_control_apply(&rig->ports, 1, &row, rig->now_ns); /* the same rate fills no bucket */
    assert_int_equal(worker_inject(&rig->shard->worker, frame, sizeof frame, 1, program), 0);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_CONTROLLER_RATE], 103);
    row.has_packet_in_rate = false;
    port_control_apply(&rig->ports, 1, &row, rig->now_ns);
    assert_int_equal(port->up_rate, PORT_UP_RATE);
    rig_run(rig, 0);
    program_put(&program);
    rig_end(rig);
}

static void say_down(struct rig *rig, const uint8_t *frame, size_t size, uint32_t port)
{
    struct dp_action out = {.type = DP_ACTION_OUTPUT, .port = port};
    Busbar__FrameDown down = BUSBAR__FRAME_DOWN__INIT;
    down.frame = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)frame};
    down.actions = dp_actions_encode(&out, 1);
    down.n_actions = 1;
    rig_say(rig, 0, MESSAGE_FRAME_DOWN, &down.base);
    dp_actions_message_free(down.actions, 1);
    rig_run(rig, 0);
}

static void frame_from_above_is_sent_and_a_bad_one_harms_nobody(void **state)
{
    struct rig *rig = rig_new(256);
    static uint8_t frame[40000];
    frame_udp(frame, 1, 1, 8);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    say_down(rig, frame, FRAME_BYTES, 3);
    assert_int_equal(rig_got(rig, "p3"), 8);
    say_down(rig, frame, 13, 3);
    say_down(rig, frame, sizeof frame, 3);
    say_down(rig, frame, 0, 3);
    assert_int_equal(rig_got(rig, "p3"), -1);
    assert_int_equal(rig->shard->worker.totals.packets_out, 4);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_FRAME_TOO_SHORT], 2);
    assert_int_equal(rig->shard->worker.totals.drops[DROP_FRAME_TOO_LONG], 1);
    assert_int_equal(session_count_open(rig->shard), 1);
    say_down(rig, frame, FRAME_BYTES, 0); /* port 0 is malformed */
    assert_int_equal(rig->shard->counts.bad_programs, 1);
    assert_int_equal(session_count_open(rig->shard), 1);
    assert_true(worker_is_balanced(&rig->shard->worker));
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_goes_up_whole_whatever_length_was_asked_for),
        cmocka_unit_test(user_data_go_up_behind_the_packets_they_are_of),
        cmocka_unit_test(large_packets_go_up_in_several_messages),
        cmocka_unit_test(packets_up_that_cannot_be_sent_are_counted_as_dropped),
        cmocka_unit_test(port_has_a_rate_of_packets_up),
        cmocka_unit_test(frame_from_above_is_sent_and_a_bad_one_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
