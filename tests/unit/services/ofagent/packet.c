/* Tests of services/ofagent/packet.c: packet-ins; packet-outs are tested in on_packet.c. */
#include "services/ofagent/packet.h"

#include "services/ofagent/packet_queue.h"
#include "tests/unit/services/ofagent/bench.h"

static void packet_in(struct bench *b, uint64_t bridge, uint32_t table, uint32_t reason, size_t n)
{
    Busbar__PacketInBatch batch = BUSBAR__PACKET_IN_BATCH__INIT;
    Busbar__PacketIn in = BUSBAR__PACKET_IN__INIT;
    uint8_t frame[1500] = {0xaa};

    in.bridge = bridge;
    in.cookie = 9;
    in.table = table;
    in.reason = reason >= PACKET_IN_ACTION_SET && reason <= PACKET_IN_PACKET_OUT ? PACKET_IN_ACTION : reason;
    in.told = in.reason != reason ? reason : 0;
    in.in_port = 2;
    in.total_size = sizeof frame;
    in.frame = (ProtobufCBinaryData){.data = frame, .len = sizeof frame};
    Busbar__PacketIn **packets = memory_array(n, sizeof *packets);
    for (size_t i = 0; i < n; i++) {
        packets[i] = &in;
    }
    batch.packets = packets;
    batch.n_packets = n;
    assert_int_equal(msg_send(b->packet, &b->ofagent_on_packet, MESSAGE_PACKET_IN_BATCH, &batch.base), 0);
    free(packets);
    bench_step(b, NS_PER_MS);
}

static bool asks_for_misses(const struct bench *b)
{
    return ((const Busbar__OwnerRow *)cfg_row(b->agent->cfg, CFG_OWNER, 1))->tells_misses;
}

static void open_listening(struct bench *b, struct client *c)
{
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}};
    client_open(b, c);
    client_send(b, c, &set);
}

static void a_packet_in_reaches_who_wants_it_with_its_port_and_cookie(void **state)
{
    struct bench *b = *state;
    struct client wants, does_not;

    bench_join(b);
    open_listening(b, &wants);
    client_open(b, &does_not);
    packet_in(b, 1, 3, PACKET_IN_ACTION, 1);
    client_expect(b, &wants, OF_PACKET_IN);
    assert_int_equal(wants.message.packet_in.cookie, 9);
    assert_int_equal(wants.message.packet_in.table, 3);
    assert_int_equal(wants.message.packet_in.buffer_id, OF_NO_BUFFER);
    assert_int_equal(wants.message.packet_in.data_size, 1500);
    assert_int_equal(field_value_to_u64(field_get(FIELD_IN_PORT, &wants.message.packet_in.match.value)), 2);
    assert_false(client_next(b, &does_not));
    client_close(&wants);
    client_close(&does_not);
}

static void the_match_has_what_rules_have_written(void **state)
{
    struct bench *b = *state;
    static const uint8_t fields[] = {0x80, 0, 2 << 1, 8, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 4, 0, 0, 0, 6};
    struct of_message format = {.type = OF_SET_PACKET_IN_FORMAT, .number = {.number = OF_PACKET_IN_NXM2}};
    Busbar__PacketIn in = BUSBAR__PACKET_IN__INIT, *pointer = &in;
    Busbar__PacketInBatch batch = BUSBAR__PACKET_IN_BATCH__INIT;
    uint8_t frame[60] = {0xaa};

    bench_join(b);
    in.bridge = 1;
    in.in_port = 2;
    in.frame = (ProtobufCBinaryData){.data = frame, .len = sizeof frame};
    in.pipeline_fields = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)fields, .len = sizeof fields};
    batch.packets = &pointer;
    batch.n_packets = 1;
    for (int i = 0; i < 2; i++) {
        struct client c;
        open_listening(b, &c);
        if (i == 1) {
            client_send(b, &c, &format);
        }
        assert_int_equal(msg_send(b->packet, &b->ofagent_on_packet, MESSAGE_PACKET_IN_BATCH, &batch.base), 0);
        bench_step(b, NS_PER_MS);
        client_expect(b, &c, OF_PACKET_IN);
        const struct match *match = &c.message.packet_in.match;
        assert_int_equal(field_value_to_u64(field_get(FIELD_IN_PORT, &match->value)), 2);
        assert_int_equal(host64(match->value.metadata), 7);
        assert_int_equal(host32(match->value.reg[0]), 6);
        client_close(&c);
        bench_step(b, NS_PER_MS);
    }
    in.pipeline_fields.len--;
    assert_int_equal(msg_send(b->packet, &b->ofagent_on_packet, MESSAGE_PACKET_IN_BATCH, &batch.base), 0);
    bench_step(b, NS_PER_MS);
    size_t n_replicas;
    assert_int_equal(packet_counts(b->agent->packet, &n_replicas)->ins_malformed, 1);
}

static void a_filtered_reason_and_another_bridge_are_not_sent(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    open_listening(b, &c);
    packet_in(b, 1, 0, PACKET_IN_INVALID_TTL, 1);
    packet_in(b, 77, 0, PACKET_IN_ACTION, 1);
    packet_in(b, 1, 0, PACKET_IN_NO_RULE + 1, 1);
    packet_in(b, 1, 999, PACKET_IN_ACTION, 1);
    assert_false(client_next(b, &c));
    client_close(&c);
}

/* As Open vSwitch has it: a reason that a version does not know is told by the nearest that it knows. */
static void a_reason_is_told_as_the_version_knows_it(void **state)
{
    struct bench *b = *state;
    static const uint8_t versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
    static const int told[PACKET_IN_NO_RULE + 1][4] = {
        [PACKET_IN_NO_MATCH] = {1, 0, 0, 0},     [PACKET_IN_ACTION] = {1, 1, 1, 1}, [PACKET_IN_INVALID_TTL] = {-1, -1, -1, -1},
        [PACKET_IN_ACTION_SET] = {1, 1, 3, 3},   [PACKET_IN_GROUP] = {1, 1, 4, 4},  [PACKET_IN_PACKET_OUT] = {1, 1, 5, 5},
        [PACKET_IN_NO_RULE] = {0, -1, -1, -1}};
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}};

    bench_join(b);
    for (size_t i = 0; i < 4; i++) {
        struct client c;
        client_open_in(b, &c, versions[i]);
        client_send(b, &c, &set);
        for (uint32_t reason = 0; reason <= PACKET_IN_NO_RULE; reason++) {
            packet_in(b, 1, 0, reason, 1);
            if (told[reason][i] < 0) {
                assert_false(client_next(b, &c));
                continue;
            }
            client_expect(b, &c, OF_PACKET_IN);
            assert_int_equal(c.message.packet_in.reason, told[reason][i]);
        }
        client_close(&c);
    }
}

static void misses_are_asked_for_while_a_session_of_1_0_wants_them(void **state)
{
    struct bench *b = *state;
    struct of_message set = {.type = OF_SET_CONFIG, .config = {.miss_send_len = 128}}, none = {.type = OF_SET_CONFIG};
    struct of_message id = {.type = OF_SET_CONTROLLER_ID, .controller_id = {.id = 7}};
    struct client c, later;

    bench_join(b);
    client_open_in(b, &c, OF_VERSION_10);
    bench_run(b, 20 * NS_PER_MS);
    assert_false(asks_for_misses(b)); /* a tool that has not asked for packet-ins */
    open_listening(b, &later);
    assert_false(asks_for_misses(b)); /* of 1.3 */
    client_send(b, &c, &set);
    bench_run(b, 20 * NS_PER_MS);
    assert_true(asks_for_misses(b));
    owner_reload(bridge_find(b->agent, 1));
    bench_run(b, 50 * NS_PER_MS);
    assert_true(asks_for_misses(b));
    client_send(b, &c, &none);
    bench_run(b, 500 * NS_PER_MS);
    client_send(b, &c, &set);
    uint64_t n = b->agent->cfg->n_committed;
    bench_run(b, 3 * NS_PER_S);
    assert_int_equal(b->agent->cfg->n_committed, n); /* who comes again soon costs nothing */
    assert_true(asks_for_misses(b));
    client_send(b, &c, &id); /* takes what names it, and nothing else */
    bench_run(b, 3 * NS_PER_S);
    assert_false(asks_for_misses(b));
    client_close(&c);
    client_close(&later);
}

static void a_controllers_number_chooses_the_connection_and_user_data_come_along(void **state)
{
    struct bench *b = *state;
    struct client numbered, plain;
    Busbar__PacketInBatch batch = BUSBAR__PACKET_IN_BATCH__INIT;
    Busbar__PacketIn in = BUSBAR__PACKET_IN__INIT, *pointer = &in;
    uint8_t frame[60] = {0xaa}, userdata[] = {1, 2, 3};
    struct of_message id = {.type = OF_SET_CONTROLLER_ID, .controller_id = {.id = 7}};
    struct of_message format = {.type = OF_SET_PACKET_IN_FORMAT, .number = {.number = OF_PACKET_IN_NXM2}};

    bench_join(b);
    open_listening(b, &numbered);
    open_listening(b, &plain);
    client_send(b, &numbered, &id);
    client_send(b, &numbered, &format);
    in.bridge = 1;
    in.reason = PACKET_IN_ACTION;
    in.in_port = 2;
    in.total_size = sizeof frame;
    in.frame = (ProtobufCBinaryData){.data = frame, .len = sizeof frame};
    in.userdata = (ProtobufCBinaryData){.data = userdata, .len = sizeof userdata};
    in.controller_id = 7;
    batch.packets = &pointer;
    batch.n_packets = 1;
    assert_int_equal(msg_send(b->packet, &b->ofagent_on_packet, MESSAGE_PACKET_IN_BATCH, &batch.base), 0);
    client_expect(b, &numbered, OF_PACKET_IN);
    assert_int_equal(numbered.message.packet_in.userdata_size, 3);
    assert_memory_equal(numbered.message.packet_in.userdata, userdata, 3);
    assert_false(client_next(b, &plain));
    packet_in(b, 1, 0, PACKET_IN_ACTION, 1); /* without a number */
    client_expect(b, &plain, OF_PACKET_IN);
    assert_false(client_next(b, &numbered));
    client_close(&numbered);
    client_close(&plain);
}

static void a_peer_that_does_not_read_loses_packet_ins_only(void **state)
{
    struct bench *b = *state;
    struct client c;

    bench_join(b);
    open_listening(b, &c);
    for (int i = 0; i < 30; i++) {
        packet_in(b, 1, 0, PACKET_IN_ACTION, 100);
    }
    const struct session *session = bridge_find(b->agent, 1)->sessions;
    assert_true(session->n_packet_ins_dropped > 1000);
    assert_int_equal(session->n_packet_ins_dropped + session->n_packet_ins, 3000);
    client_barrier(b, &c);
    size_t n = 0;
    while (client_next(b, &c) && c.message.type != OF_BARRIER_REPLY) {
        n += c.message.type == OF_PACKET_IN;
    }
    assert_int_equal(c.message.type, OF_BARRIER_REPLY);
    assert_int_equal(n, session->n_packet_ins);
    client_close(&c);
}

static size_t hear(struct bench *b, struct client *c)
{
    size_t n = 0;
    while (client_next(b, c)) {
        n += c->message.type == OF_PACKET_IN;
    }
    return n;
}

/* Misses have a limit of their own, so rules' packet-ins come through beside a flood of them. */
static void a_limit_holds_packet_ins_back_and_misses_by_themselves(void **state)
{
    struct bench *b = *state;
    struct client c, free_one;

    bench_join(b);
    open_listening(b, &free_one);
    open_listening(b, &c);
    struct session *session = bridge_find(b->agent, 1)->sessions; /* the last that came */
    session_limit(session, 100, 25);
    packet_in(b, 1, 0, PACKET_IN_NO_MATCH, 60);
    packet_in(b, 1, 0, PACKET_IN_ACTION, 25);
    size_t n = hear(b, &c);
    assert_in_range(n, 50, 52); /* two bursts, and what has come since */
    assert_int_equal(session->n_packet_ins, n);
    assert_int_equal(hear(b, &free_one), 85);
    assert_true(session_next_ns(session) <= b->agent->now_ns + 10 * NS_PER_MS);
    assert_int_equal(b->agent->counts.packet_ins_held[0], 0);
    assert_int_equal(b->agent->counts.packet_ins_held[1], 35);
    assert_int_equal(b->agent->counts.packet_ins_limited[1], 10); /* 25 wait */
    bench_run(b, NS_PER_S / 10);
    n += hear(b, &c);
    assert_in_range(n, 58, 62);
    bench_run(b, NS_PER_S);
    assert_int_equal(n + hear(b, &c), 75);
    assert_int_equal(session_next_ns(session), UINT64_MAX);
    packet_in(b, 1, 0, PACKET_IN_NO_MATCH, 60);
    (void)hear(b, &c);
    size_t n_waiting = packet_queue_size(session->queues[1]);
    assert_in_range(n_waiting, 20, 25);
    session_limit(session, 0, 0); /* what waits goes */
    assert_int_equal(hear(b, &c), n_waiting);
    client_close(&c);
    client_close(&free_one);
}

static void a_replica_that_left_gets_no_packet_outs(void **state)
{
    struct bench *b = *state;
    struct of_packet_out out = {.in_port = PORT_CONTROLLER};
    struct client c;

    bench_join(b);
    client_open(b, &c);
    const struct session *session = bridge_find(b->agent, 1)->sessions;
    assert_int_equal(packet_out(b->agent->packet, session, &out, NULL, (struct version){0, 0}), 0);
    bench_commit_row(b, CFG_SERVICE, BENCH_SLOWPATH, NULL);
    assert_int_equal(packet_out(b->agent->packet, session, &out, NULL, (struct version){0, 0}), -ERROR_NOT_CONNECTED);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_packet_in_reaches_who_wants_it_with_its_port_and_cookie),
        CLAIM(the_match_has_what_rules_have_written),
        CLAIM(a_filtered_reason_and_another_bridge_are_not_sent),
        CLAIM(a_reason_is_told_as_the_version_knows_it),
        CLAIM(misses_are_asked_for_while_a_session_of_1_0_wants_them),
        CLAIM(a_controllers_number_chooses_the_connection_and_user_data_come_along),
        CLAIM(a_peer_that_does_not_read_loses_packet_ins_only),
        CLAIM(a_limit_holds_packet_ins_back_and_misses_by_themselves),
        CLAIM(a_replica_that_left_gets_no_packet_outs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
